/*
 * cluster.c - GET /cluster: this node as the others see it, and the others.
 */
#include <cjson/cJSON.h>
#include <microhttpd.h>

#include "host/node.h"
#include "host/route.h"

void api_cluster(struct exchange *x)
{
    struct node *n = x->shard->node;
    cJSON *json = cJSON_CreateObject();
    cJSON *self = cJSON_AddObjectToObject(json, "self");

    cJSON_AddStringToObject(self, "id", n->id);
    cJSON_AddStringToObject(self, "address", n->advertised.text);
    discovery_describe(n, json);
    exchange_json(x, MHD_HTTP_OK, json);
}
