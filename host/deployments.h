/*
 * deployments.h - the functions that were deployed over REST: node.data_dir/functions/NAME.json,
 * a file a function, what was sent and when.  Without node.data_dir they live until the stop.
 *
 * A change goes from the handler to the main thread, which knows what there is; to the
 * clerk, who writes; back to the main thread, which offers the functions anew; and to its
 * client.  One change at a time: whoever is told 202 finds it there, after a crash too.
 * When it cannot be offered the file is as before.
 *
 * One that runs at the OpenFaaS gateway behind this node is removed there before all that, and
 * when the gateway does not do it, here neither; nor what was deployed anew meanwhile.
 */
#ifndef HOST_DEPLOYMENTS_H
#define HOST_DEPLOYMENTS_H

#include "host/deployment.h"
#include "host/exchange.h"

struct node;
struct deployment_change;

struct deployments {
    char *folder;                            /* absolute; NULL = nothing is kept */
    struct deployment_change *first, **last; /* main thread: the first is at work */
    bool told;                               /* main thread: that nothing is kept */
};

/* Reads what is kept into n->offers.  A file that is wrong is kept aside and one that cannot be
 * read is left, each with its reason in the log.  0, or -1 (memory, or a folder that cannot be
 * read) with a reason.  [before the threads start] */
int deployments_init(struct node *n, char err[P2P_ERRLEN]);
void deployments_release(struct deployments *d);

/* A deployment for this node, as deployment_new.  [any thread, without the admin lock] */
struct shared_config *deployments_read(struct node *n, const cJSON *json, char err[P2P_ERRLEN]);

enum deployment_kind { DEPLOYMENT_ADD, DEPLOYMENT_REPLACE, DEPLOYMENT_REMOVE };
/* Inside a handler; answers the exchange later: 202, 400, 404, 409, 500, 502
 * or 503.  Takes over
 * `wanted`, which is NULL for DEPLOYMENT_REMOVE. */
void deployments_change(struct exchange *x, enum deployment_kind kind, const char *name,
                        struct shared_config *wanted);

/* deployments_file.c  [clerk] */
/* The file of a function says `c`, or is not there when that is NULL; 0, or -1 with a
 * reason. */
int deployments_write(const struct deployments *d, const char *name, const struct shared_config *c,
                      char err[P2P_ERRLEN]);
/* Can it be read again from a file once it was written, whatever its text becomes in JSON?
 * Else false with a reason.  [any thread] */
bool deployments_fit(const struct shared_config *c, char err[P2P_ERRLEN]);
/* All that are kept; 0, or -1 (memory, or a folder that cannot be read) with a reason. */
int deployments_load(const struct deployments *d, const struct deployment_place *at,
                     struct function_offers *out, char err[P2P_ERRLEN]);

#endif
