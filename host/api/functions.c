/*
 * functions.c - /system/functions and /system/function/NAME: what this node can run, as a
 * gateway of OpenFaaS tells it, and deploying to it.
 */
#include <cjson/cJSON.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "host/api/api.h"
#include "host/node.h"
#include "host/route.h"

bool api_is_own_namespace(struct exchange *x, const char *namespace)
{
    const char *own = x->shard->node->domain;

    if (!namespace || !namespace[0] || strcmp(namespace, own) == 0)
        return true;
    exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                   "namespace: '%.60s' is not of this node; allowed: %s, or none", namespace, own);
    return false;
}

const char *api_text(const cJSON *json, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

    return text ? text : "";
}

const char *api_argument(const struct exchange *x, const char *name, char *out, size_t size)
{
    const char *value = MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND, name);

    if (!value)
        return NULL;
    snprintf(out, size, "%s", value);
    MHD_http_unescape(out);
    return out;
}

static bool asks_here(struct exchange *x)
{
    char text[API_ARGUMENT];

    return api_is_own_namespace(x, api_argument(x, "namespace", text, sizeof(text)));
}

static void answer_list(struct exchange *x)
{
    const struct function_table *t = x->shard->functions;
    cJSON *list;

    if (!asks_here(x))
        return;
    list = cJSON_CreateArray();
    for (unsigned i = 0; i < t->n; i++)
        cJSON_AddItemToArray(list, api_function_json(x, &t->entries[i]));
    exchange_json(x, MHD_HTTP_OK, list);
}

static void answer_deploy(struct exchange *x, enum deployment_kind kind)
{
    struct shared_config *wanted;
    char err[P2P_ERRLEN];
    cJSON *json;

    if (x->request.body.len > DEPLOYMENT_MOST) {
        exchange_error(x, MHD_HTTP_CONTENT_TOO_LARGE, MHD_HTTP_CONTENT_TOO_LARGE,
                       "a deployment of %zu bytes; allowed: %d", x->request.body.len,
                       DEPLOYMENT_MOST);
        return;
    }
    json = api_body(x);
    if (!json)
        return;
    wanted = deployments_read(x->shard->node, json, err);
    cJSON_Delete(json);
    if (wanted)
        deployments_change(x, kind, wanted->config.function[0].name, wanted);
    else
        exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT, "%s", err);
}

static void answer_remove(struct exchange *x)
{
    cJSON *json = api_body(x);
    const char *name = api_text(json, "functionName");
    const struct function *f;

    if (!json)
        return;
    if (api_is_own_namespace(x, api_text(json, "namespace"))) {
        f = function_table_resolve(x->shard->functions, name, strlen(name), x->shard->node->domain);
        if (f || config_is_function_name(name))
            deployments_change(x, DEPLOYMENT_REMOVE, f ? f->config->name : name, NULL);
        else
            exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                           "functionName: '%.70s' is no name of a function", name);
    }
    cJSON_Delete(json);
}

void api_functions(struct exchange *x)
{
    const char *method = x->request.method;

    if (strcmp(method, "GET") == 0)
        answer_list(x);
    else if (strcmp(method, "POST") == 0)
        answer_deploy(x, DEPLOYMENT_ADD);
    else if (strcmp(method, "PUT") == 0)
        answer_deploy(x, DEPLOYMENT_REPLACE);
    else
        answer_remove(x);
}

void api_function(struct exchange *x)
{
    const struct function_table *t = x->shard->functions;
    size_t n = strcspn(x->rest, "?");
    struct function *f = function_table_resolve(t, x->rest, n, x->shard->node->domain);

    if (!asks_here(x))
        return;
    for (unsigned i = 0; f && i < t->n; i++)
        if (t->entries[i].function == f) {
            cJSON *json = api_function_json(x, &t->entries[i]);

            if (api_asks_usage(x))
                api_answer_usage(x, f, json);
            else
                exchange_json(x, MHD_HTTP_OK, json);
            return;
        }
    exchange_error(x, MHD_HTTP_NOT_FOUND, MHD_HTTP_NOT_FOUND, "no function '%.*s' here",
                   n < 70 ? (int)n : 70, x->rest);
}
