/*
 * scheduler.c - GET and POST /configuration/scheduler: which algorithm decides.
 *
 *   {"name":"power_of_choices","parameters":{"fanout":2}}            by name
 *   {"name":"PowerOfNScheduler","parameters":["1","2","true","1"]}   the original's form
 */
#include <cjson/cJSON.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "host/api/api.h"
#include "host/log.h"
#include "host/node.h"
#include "host/route.h"

void api_add_value(void *object, const struct p2p_param *p, const char *value)
{
    cJSON *to = object;

    switch (p->type) {
    case P2P_INT:
    case P2P_NUM:
        cJSON_AddNumberToObject(to, p->name, strtod(value, NULL));
        break;
    case P2P_BOOL:
        cJSON_AddBoolToObject(to, p->name, strcmp(value, "true") == 0);
        break;
    default:
        cJSON_AddStringToObject(to, p->name, value);
    }
}

struct ordered {
    cJSON *list;
    uint32_t left;
};

static void add_ordered(void *ctx, const struct p2p_param *p, const char *value)
{
    struct ordered *o = ctx;

    (void)p;
    if (o->left == 0)
        return;
    o->left--;
    cJSON_AddItemToArray(o->list, cJSON_CreateString(value));
}

cJSON *api_scheduler_json(struct engine *e)
{
    cJSON *json = cJSON_CreateObject();
    struct engine_current now;

    engine_describe(e, &now);
    cJSON_AddStringToObject(json, "name", now.name);
    if (now.by_alias) {
        struct ordered o = {cJSON_AddArrayToObject(json, "parameters"), now.n_params};

        engine_parameters(e, add_ordered, &o);
    } else {
        engine_parameters(e, api_add_value, cJSON_AddObjectToObject(json, "parameters"));
    }
    cJSON_AddStringToObject(json, "plugin", now.plugin);
    cJSON_AddStringToObject(json, "file", now.file);
    cJSON_AddStringToObject(json, "hash", now.hash);
    cJSON_AddNumberToObject(json, "generation", (double)now.generation);
    return json;
}

static void answer_post(struct exchange *x)
{
    struct node *n = x->shard->node;
    char err[P2P_ERRLEN];
    cJSON *json = api_body(x);
    struct api_selection *w = json ? calloc(1, sizeof(*w)) : NULL;

    if (!w || api_read_selection(x, json, w))
        goto end;
    pthread_mutex_lock(&n->admin);
    node_learner_leaves(n);
    if (engine_select(n->engine, &w->selection, err)) {
        log_event(LOG_WARN, "scheduler not selected", LOG_STR("name", w->selection.name),
                  LOG_STR("why", err));
        exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC,
                       "Bad passed parameters for scheduler: %s", err);
    } else {
        struct engine_current now;

        engine_describe(n->engine, &now);
        log_event(LOG_INFO, "scheduler selected", LOG_STR("scheduler", now.full),
                  LOG_STR("file", now.file), LOG_INT("generation", now.generation));
        node_learner_comes(n, &n->config->config);
        x->response.status = MHD_HTTP_OK;
    }
    pthread_mutex_unlock(&n->admin);
end:
    free(w);
    cJSON_Delete(json);
}

void api_scheduler(struct exchange *x)
{
    if (strcmp(x->request.method, "GET") == 0)
        exchange_json(x, MHD_HTTP_OK, api_scheduler_json(x->shard->node->engine));
    else
        answer_post(x);
}
