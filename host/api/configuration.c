/*
 * configuration.c - GET and POST /configuration: slots and queue, with the keys of
 * the original, and what else the node was told.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <microhttpd.h>
#include <string.h>

#include "host/api/api.h"
#include "host/later.h"
#include "host/log.h"
#include "host/own_scheduler.h"
#include "host/route.h"

enum { MOST_SLOTS = 65536, MOST_QUEUE = 1000000 };

cJSON *api_body(struct exchange *x)
{
    const char *text = buf_text(&x->request.body);
    const char *end = NULL;
    cJSON *json = text ? cJSON_ParseWithOpts(text, &end, true) : NULL;

    if (json && end == text + x->request.body.len)
        return json;
    cJSON_Delete(json);
    exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                   "Passed input is not correct or malformed: not JSON%s%.40s",
                   end && *end ? " near: " : "", end && *end ? end : "");
    return NULL;
}

void api_leave_to_clerk(struct exchange *x, void (*work)(struct exchange *x))
{
    later_begin(x, NULL);
    later_move(x, &x->shard->node->clerk.reactor, work);
}

static void add_peers(cJSON *json, struct node *n)
{
    enum { MOST = 256 };
    static _Thread_local struct peer_row rows[MOST];
    uint32_t count = peers_list(&n->peers, rows, MOST);
    cJSON *list = cJSON_AddArrayToObject(json, "peers");

    for (uint32_t i = 0; i < count; i++) {
        cJSON *row = cJSON_CreateObject();

        cJSON_AddStringToObject(row, "name", rows[i].name);
        cJSON_AddStringToObject(row, "address", rows[i].address);
        cJSON_AddBoolToObject(row, "up", rows[i].up);
        cJSON_AddNumberToObject(row, "load", rows[i].view.load);
        cJSON_AddNumberToObject(row, "queue", rows[i].view.queue);
        cJSON_AddNumberToObject(row, "slots", rows[i].view.slots);
        cJSON_AddNumberToObject(row, "inflight", rows[i].view.inflight);
        cJSON_AddNumberToObject(row, "rtt_seconds", (double)rows[i].view.rtt_ns / 1e9);
        cJSON_AddItemToArray(list, row);
    }
}

static void add_limits(cJSON *row, struct node *n, const struct function *f)
{
    const struct own_scheduler *own = own_scheduler_of(f);
    struct engine_current now = {.full = ""};

    if (own)
        engine_describe(own->engine, &now);
    cJSON_AddStringToObject(row, "scheduler", now.full);
    cJSON_AddNumberToObject(row, "slots", n->share[f->id].limit);
    cJSON_AddNumberToObject(row, "running", n->share[f->id].running);
}

static void add_functions(cJSON *json, struct node *n, const struct function_table *t)
{
    cJSON *list = cJSON_AddArrayToObject(json, "functions");

    for (unsigned i = 0; i < t->n; i++) {
        const struct function *f = t->entries[i].function;
        cJSON *row = cJSON_CreateObject();
        struct replica_count count;
        char state[128] = "";

        runtime_count(f->runtime, f->program, &count);
        if (f->program)
            f->runtime->describe(f->program, state, sizeof(state));
        cJSON_AddStringToObject(row, "name", f->config->name);
        cJSON_AddStringToObject(row, "runtime", f->runtime->name);
        cJSON_AddStringToObject(row, "state", f->program ? state : f->error);
        add_limits(row, n, f);
        cJSON_AddNumberToObject(row, "replicas", count.replicas);
        cJSON_AddNumberToObject(row, "available_replicas", count.available);
        cJSON_AddItemToArray(list, row);
    }
}

static void add_setting(void *ctx, const char *section, const struct p2p_param *p)
{
    struct node *n = ((void **)ctx)[0];
    cJSON *json = ((void **)ctx)[1];
    cJSON *in = cJSON_GetObjectItem(json, section);
    char value[512];

    if (!in)
        in = cJSON_AddObjectToObject(json, section);
    config_show(&n->config->config, section, p, value, sizeof(value));
    api_add_value(in, p, value);
}

static void answer_get(struct exchange *x)
{
    struct node *n = x->shard->node;
    cJSON *json = cJSON_CreateObject();

    /* The three keys of the original come first. */
    cJSON_AddNumberToObject(json, "parallel_running_functions_max", n->slots.limit);
    cJSON_AddNumberToObject(json, "queue_length_max", n->slots.queue_limit);
    cJSON_AddBoolToObject(json, "queue_enabled", n->slots.queue_enabled);
    cJSON_AddStringToObject(json, "id", n->id);
    cJSON_AddStringToObject(json, "address", n->advertised.text);
    cJSON_AddNumberToObject(json, "threads", n->n_shards);
    pthread_mutex_lock(&n->admin);
    cJSON_AddStringToObject(json, "file", n->config->config.file ? n->config->config.file : "");
    config_each_key(add_setting, (void *[]){n, cJSON_AddObjectToObject(json, "settings")});
    pthread_mutex_unlock(&n->admin);
    add_peers(json, n);
    add_functions(json, n, x->shard->functions);
    exchange_json(x, MHD_HTTP_OK, json);
}

/* 0, or -1 with the exchange answered. */
static int take_number(struct exchange *x, const cJSON *json, const char *key, uint32_t least,
                       uint32_t most, uint32_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);

    if (!item)
        return 0;
    if (!cJSON_IsNumber(item) || item->valuedouble != floor(item->valuedouble) ||
        item->valuedouble < least || item->valuedouble > most) {
        exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                       "%s must be an integer from %u to %u", key, least, most);
        return -1;
    }
    *out = (uint32_t)item->valuedouble;
    return 0;
}

/* The original takes any object, and so do its clients; one without a key of ours
 * changes nothing, and whoever sent it meant something else. */
static bool has_known_key(const cJSON *json)
{
    return cJSON_HasObjectItem(json, "parallel_running_functions_max") ||
           cJSON_HasObjectItem(json, "queue_length_max") ||
           cJSON_HasObjectItem(json, "queue_enabled");
}

static void answer_post(struct exchange *x)
{
    struct node *n = x->shard->node;
    uint32_t slots, queue;
    const cJSON *item;
    bool enabled;
    cJSON *json = api_body(x);

    if (!json)
        return;
    pthread_mutex_lock(&n->admin);
    slots = n->slots.limit;
    queue = n->slots.queue_limit;
    enabled = n->slots.queue_enabled;
    if (!cJSON_IsObject(json) || !has_known_key(json)) {
        exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                       "Passed input is not correct or malformed: an object is expected, with any "
                       "of parallel_running_functions_max, queue_length_max, queue_enabled");
        goto end;
    }
    if (take_number(x, json, "parallel_running_functions_max", 1, MOST_SLOTS, &slots) ||
        take_number(x, json, "queue_length_max", 0, MOST_QUEUE, &queue))
        goto end;
    item = cJSON_GetObjectItemCaseSensitive(json, "queue_enabled");
    if (item && !cJSON_IsBool(item)) {
        exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                       "queue_enabled must be true or false");
        goto end;
    }
    if (item)
        enabled = cJSON_IsTrue(item);
    slots_configure(&n->slots, slots, queue, enabled);
    log_event(LOG_INFO, "limits changed", LOG_INT("slots", slots), LOG_INT("queue", queue),
              LOG_INT("queue_enabled", enabled));
    x->response.status = MHD_HTTP_OK;
end:
    pthread_mutex_unlock(&n->admin);
    cJSON_Delete(json);
}

void api_configuration(struct exchange *x)
{
    if (strcmp(x->request.method, "GET") == 0)
        answer_get(x);
    else
        answer_post(x);
}
