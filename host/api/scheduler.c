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

enum { MOST_PARAMETERS = 64, VALUE_BYTES = 256 };

void api_add_value(cJSON *to, const struct p2p_param *p, const char *value)
{
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

static void add_named(void *ctx, const struct p2p_param *p, const char *value)
{
    api_add_value(ctx, p, value);
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
        engine_parameters(e, add_named, cJSON_AddObjectToObject(json, "parameters"));
    }
    cJSON_AddStringToObject(json, "plugin", now.plugin);
    cJSON_AddStringToObject(json, "file", now.file);
    cJSON_AddStringToObject(json, "hash", now.hash);
    cJSON_AddNumberToObject(json, "generation", (double)now.generation);
    return json;
}

struct wanted {
    const char *names[MOST_PARAMETERS];
    const char *values[MOST_PARAMETERS];
    char text[MOST_PARAMETERS][VALUE_BYTES]; /* of numbers and booleans */
    struct selection selection;
};

/* A value as text, as plugins.yaml would have it. */
static const char *value_text(const cJSON *item, char out[VALUE_BYTES])
{
    if (cJSON_IsString(item))
        return item->valuestring;
    if (cJSON_IsBool(item))
        return cJSON_IsTrue(item) ? "true" : "false";
    if (cJSON_IsNumber(item) && cJSON_PrintPreallocated((cJSON *)item, out, VALUE_BYTES, false))
        return out;
    return NULL;
}

/* A key that nobody knows, or NULL.  What GET adds may come back. */
static const char *unknown_key(const cJSON *json)
{
    static const char *const known[] = {"name", "parameters", "plugin",
                                        "file", "hash",       "generation"};
    const cJSON *item;

    cJSON_ArrayForEach(item, json)
    {
        bool is_known = false;

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            is_known |= strcmp(item->string, known[i]) == 0;
        if (!is_known)
            return item->string;
    }
    return NULL;
}

/* 0, or -1 with the exchange answered. */
static int read_wanted(struct exchange *x, const cJSON *json, struct wanted *w)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(json, "name");
    const cJSON *parameters = cJSON_GetObjectItemCaseSensitive(json, "parameters");
    const char *unknown = cJSON_IsObject(json) ? unknown_key(json) : NULL;
    const cJSON *item;
    uint32_t n = 0;

    if (unknown) {
        exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                       "Passed input is not correct or malformed: unknown key '%.40s'; allowed: "
                       "name, parameters",
                       unknown);
        return -1;
    }
    if (!cJSON_IsObject(json) || (name && !cJSON_IsString(name)) ||
        (parameters && !cJSON_IsArray(parameters) && !cJSON_IsObject(parameters)))
        goto bad;
    cJSON_ArrayForEach(item, parameters)
    {
        /* An ordered list holds text, as the original has it. */
        if (n == MOST_PARAMETERS || (cJSON_IsArray(parameters) && !cJSON_IsString(item)))
            goto bad;
        w->names[n] = item->string;
        w->values[n] = value_text(item, w->text[n]);
        if (!w->values[n])
            goto bad;
        n++;
    }
    w->selection.name = name ? name->valuestring : "";
    w->selection.names = cJSON_IsArray(parameters) ? NULL : w->names;
    w->selection.values = w->values;
    w->selection.n = n;
    return 0;
bad:
    exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                   "Passed input is not correct or malformed: expected {\"name\":\"…\","
                   "\"parameters\":{\"name\":value,…}} or a list of strings in order");
    return -1;
}

static void answer_post(struct exchange *x)
{
    struct node *n = x->shard->node;
    char err[P2P_ERRLEN];
    cJSON *json = api_body(x);
    struct wanted *w = json ? calloc(1, sizeof(*w)) : NULL;

    if (!w || read_wanted(x, json, w))
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
