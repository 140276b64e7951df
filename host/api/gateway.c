/*
 * gateway.c - /system/info, /system/namespaces and /system/namespace/NAME, as a gateway of
 * OpenFaaS answers.
 */
#include <microhttpd.h>
#include <sys/utsname.h>

#include "host/api/api.h"
#include "host/node.h"
#include "host/route.h"
#include "host/version.h"

/* Clients read both fields without a look whether they are there. */
static void add_version(cJSON *to)
{
    cJSON *version = cJSON_AddObjectToObject(to, "version");

    cJSON_AddStringToObject(version, "sha", "");
    cJSON_AddStringToObject(version, "release", P2PFAAS_VERSION);
}

void api_info(struct exchange *x)
{
    cJSON *json = cJSON_CreateObject(), *provider = cJSON_AddObjectToObject(json, "provider");
    struct utsname machine = {0};

    uname(&machine);
    cJSON_AddStringToObject(provider, "provider", P2PFAAS_NAME);
    add_version(provider);
    cJSON_AddStringToObject(provider, "orchestration", P2PFAAS_NAME);
    add_version(json);
    cJSON_AddStringToObject(json, "arch", machine.machine);
    exchange_json(x, MHD_HTTP_OK, json);
}

void api_namespaces(struct exchange *x)
{
    cJSON *list = cJSON_CreateArray();

    cJSON_AddItemToArray(list, cJSON_CreateString(x->shard->node->domain));
    exchange_json(x, MHD_HTTP_OK, list);
}

void api_namespace(struct exchange *x)
{
    exchange_error(x, MHD_HTTP_NOT_IMPLEMENTED, MHD_HTTP_NOT_IMPLEMENTED,
                   "this node has one namespace, %s: gateway.namespace of plugins.yaml",
                   x->shard->node->domain);
}
