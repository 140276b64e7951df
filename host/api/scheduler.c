/*
 * scheduler.c - GET and POST /configuration/scheduler: which algorithm decides.
 *
 *   {"name":"power_of_choices","parameters":{"fanout":2}}            by name
 *   {"name":"PowerOfNScheduler","parameters":["1","2","true","1"]}   the original's form
 *
 * With ?function=NAME, or "function":"NAME" in the body, it is that of one function; an empty
 * name gives the function back to the node's.
 */
#include <cjson/cJSON.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "host/api/api.h"
#include "host/later.h"
#include "host/log.h"
#include "host/own_scheduler.h"
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

static cJSON *scheduler_json(struct engine *e)
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

/* ---- GET ---- */

static void refuse_unknown(struct exchange *x, const struct function_table *t, const char *function)
{
    char known[512];

    function_table_names(t, known, sizeof(known));
    exchange_error(x, MHD_HTTP_NOT_FOUND, MHD_HTTP_NOT_FOUND, "no function '%.63s' here; known: %s",
                   function, known);
}

static void answer_get(struct exchange *x)
{
    char text[API_ARGUMENT];
    const char *name = api_argument(x, "function", text, sizeof(text));
    const struct function *f = name ? function_table_resolve(x->shard->functions, name,
                                                             strlen(name), x->shard->node->domain)
                                    : NULL;
    cJSON *json;

    if (name && !f) {
        refuse_unknown(x, x->shard->functions, name);
        return;
    }
    json = scheduler_json(f ? engine_of(x->shard->node, f) : x->shard->node->engine);
    if (f) {
        cJSON_AddStringToObject(json, "function", f->config->name);
        cJSON_AddBoolToObject(json, "own", own_scheduler_of(f) != NULL);
    }
    exchange_json(x, MHD_HTTP_OK, json);
}

/* ---- POST: all on the clerk, under node.selection ---- */

static void refuse(struct exchange *x, const struct selection *s, const char *why)
{
    log_event(LOG_WARN, "scheduler not selected", LOG_STR("name", s->name), LOG_STR("why", why));
    exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC,
                   "Bad passed parameters for scheduler: %s", why);
}

static void select_for_node(struct exchange *x, const struct selection *s)
{
    struct node *n = x->shard->node;
    struct engine_current now;
    char err[P2P_ERRLEN];

    node_learner_leaves(n);
    if (engine_select(n->engine, s, err)) {
        refuse(x, s, err);
        return;
    }
    engine_describe(n->engine, &now);
    log_event(LOG_INFO, "scheduler selected", LOG_STR("scheduler", now.full),
              LOG_STR("file", now.file), LOG_INT("generation", now.generation));
    node_learner_comes(n, &n->config->config);
    x->response.status = MHD_HTTP_OK;
}

/* As it is called now, with a reference; NULL with the exchange answered. */
static struct function *find_function(struct exchange *x, const char *name)
{
    struct node *n = x->shard->node;
    struct function *f = NULL;

    pthread_mutex_lock(&n->admin);
    if (n->functions)
        f = function_table_resolve(n->functions, name, strlen(name), n->domain);
    if (f)
        function_ref(f);
    else if (n->functions)
        refuse_unknown(x, n->functions, name);
    else /* the very end of a stop */
        exchange_error(x, MHD_HTTP_SERVICE_UNAVAILABLE, MHD_HTTP_SERVICE_UNAVAILABLE,
                       "the node is stopping");
    pthread_mutex_unlock(&n->admin);
    return f;
}

/* `o` decides for its jobs, if it is still there and has none yet. */
static bool use(struct node *n, const struct function *f, struct own_scheduler *o)
{
    struct function *now = NULL;

    pthread_mutex_lock(&n->admin);
    if (n->functions)
        now = function_table_find(n->functions, f->config->name, strlen(f->config->name));
    if (now && !now->own)
        own_scheduler_use(now, o);
    else
        now = NULL;
    pthread_mutex_unlock(&n->admin);
    return now != NULL;
}

/* 0 or -1 with a reason.  A plugin takes its time: nobody else waits for it. */
static int select_own(struct node *n, struct function *f, const struct selection *s,
                      char err[P2P_ERRLEN])
{
    struct own_scheduler *o;

    if (f->own)
        return own_scheduler_select(f->own, s, err);
    o = own_scheduler_make(n, f->id, s, err);
    if (!o)
        return -1;
    if (use(n, f, o))
        return 0;
    own_scheduler_drop(o);
    snprintf(err, P2P_ERRLEN, "function '%s' was changed meanwhile; try again", f->config->name);
    return -1;
}

static void select_for_function(struct exchange *x, const struct selection *s, const char *name)
{
    struct node *n = x->shard->node;
    struct function *f = find_function(x, name);
    char err[P2P_ERRLEN];

    if (!f)
        return;
    if (s->name[0] && select_own(n, f, s, err)) {
        refuse(x, s, err);
    } else {
        if (!s->name[0]) {
            pthread_mutex_lock(&n->admin);
            own_scheduler_give_up(n, f);
            pthread_mutex_unlock(&n->admin);
        }
        x->response.status = MHD_HTTP_OK;
    }
    function_unref(f);
}

static void select_it(struct exchange *x)
{
    struct node *n = x->shard->node;
    struct api_selection *w = x->later.held;

    pthread_mutex_lock(&n->selection);
    if (w->function)
        select_for_function(x, &w->selection, w->function);
    else
        select_for_node(x, &w->selection);
    pthread_mutex_unlock(&n->selection);
    api_free_selection(w);
    later_answer(x);
}

static void answer_post(struct exchange *x)
{
    x->later.held = api_read_selection(x);
    if (x->later.held)
        api_leave_to_clerk(x, select_it);
}

void api_scheduler(struct exchange *x)
{
    if (strcmp(x->request.method, "GET") == 0)
        answer_get(x);
    else
        answer_post(x);
}
