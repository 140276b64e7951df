/*
 * deployment.h - the FunctionDeployment of OpenFaaS as a function of this node.
 *
 *   image                      image, and runtime docker unless an annotation says another
 *   envVars, envProcess        environment; the latter as fprocess
 *   limits.memory, limits.cpu  memory ("128Mi", "128M", "128MB") and cpu ("0.5", "500m")
 *   readOnlyRootFilesystem     read_only; it is false when it is not said, as there
 *   labels com.openfaas.scale.min and .max     replicas_min and replicas_max, 64 at most; of an
 *                              image 1 and 5 when no label and no annotation says it
 *   secrets                    names of secrets of this node: files in /var/openfaas/secrets of a
 *                              container, in the folder $P2PFAAS_SECRETS of a process; of
 *                              the gateway's with runtime openfaas
 *   annotations p2pfaas.KEY    any key that a function of plugins.yaml has
 *
 * constraints, requests, registryAuth and network are taken and not used; labels and
 * annotations of other names are only shown again, and with runtime openfaas told to the
 * gateway.  Anything else is refused.
 */
#ifndef HOST_DEPLOYMENT_H
#define HOST_DEPLOYMENT_H

#include <cjson/cJSON.h>

#include "host/functions.h"

enum { DEPLOYMENT_MOST = 128 << 10 /* bytes of its JSON */ };

/* Of the node that it is for. */
struct deployment_place {
    const char *namespace;
    const char *secrets; /* folder, absolute */
    const struct docker_config *docker;
};

/* A configuration of its own with that one function; ->deployment is a copy of `json` but
 * for the namespace.  NULL with a reason that names the field and says what would be right.
 * [any thread] */
struct shared_config *deployment_new(const cJSON *json, const struct deployment_place *at,
                                     char err[P2P_ERRLEN]);
/* The same for one that was dated, as it is kept. */
struct shared_config *deployment_kept(const cJSON *json, const struct deployment_place *at,
                                      char err[P2P_ERRLEN]);
/* Adds "createdAt" and "deployedAt" to c->deployment.  Of an
 * image that has no digest the latter is the generation: the same name may be of
 * another image by now.  Nobody else has `c` yet.  0, or -1: memory. */
int deployment_date(struct shared_config *c, const char *created, const char *deployed);

/* "1.5", "128Mi", "128M", "128MB", "500m": of a number, or of bytes (without m).  False when
 * it is none, or not finite. */
bool deployment_number(const char *text, double *out);
bool deployment_bytes(const char *text, double *out);

#endif
