/*
 * load.c - GET /monitoring/load, /healthz, /readyz and /: how this node is.
 */
#include <cjson/cJSON.h>
#include <microhttpd.h>

#include "host/node.h"
#include "host/route.h"
#include "host/version.h"
#include "host/wire.h"

void api_load(struct exchange *x)
{
    x->response.status = MHD_HTTP_OK;
    wire_write_load(x);
}

void api_health(struct exchange *x)
{
    exchange_text(x, MHD_HTTP_OK, "text/plain", "ok\n");
}

void api_ready(struct exchange *x)
{
    if (x->shard->node->stopping)
        exchange_error(x, MHD_HTTP_SERVICE_UNAVAILABLE, MHD_HTTP_SERVICE_UNAVAILABLE,
                       "the node is stopping");
    else
        exchange_text(x, MHD_HTTP_OK, "text/plain", "ready\n");
}

void api_root(struct exchange *x)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(json, "routes");

    cJSON_AddStringToObject(json, "name", P2PFAAS_NAME);
    cJSON_AddStringToObject(json, "version", P2PFAAS_VERSION);
    cJSON_AddStringToObject(json, "id", x->shard->node->id);
    for (unsigned i = 0; i < node_routes.n; i++) {
        const struct route *r = &node_routes.routes[i];
        cJSON *row = cJSON_CreateObject();
        char allow[64];

        route_allow(r, allow, sizeof(allow));
        cJSON_AddStringToObject(row, "path", r->path);
        cJSON_AddStringToObject(row, "methods", allow);
        cJSON_AddStringToObject(row, "help", r->help);
        cJSON_AddItemToArray(list, row);
    }
    exchange_json(x, MHD_HTTP_OK, json);
}
