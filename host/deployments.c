#include "host/deployments.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/later.h"
#include "host/log.h"
#include "host/node.h"
#include "host/runtimes/openfaas_gateway.h"
#include "host/timestamp.h"

struct deployment_change {
    struct exchange *x;
    enum deployment_kind kind;
    char name[CONFIG_MAX_NAME + 1];
    struct shared_config *wanted, *before; /* NULL: it is removed; there was none */
    struct shared_config *removed;         /* at the gateway behind this node; NULL: as before */
    bool is_gone;                          /* it is */
    bool has_scheduler;                    /* the function of that name, of its own */
    unsigned shard;                        /* that it visits */
    int status;
    char err[P2P_ERRLEN];
    struct deployment_change *next;
};

static struct node *node_of(const struct exchange *x)
{
    return x->shard->node;
}

static struct deployment_place place_in(const struct node *n)
{
    return (struct deployment_place){n->domain, n->secrets.folder ? n->secrets.folder : "",
                                     &n->config->config.docker};
}

/* NAME.NAMESPACE is NAME for whoever calls. */
static bool has_own_namespace(const struct node *n, const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot && strcmp(dot + 1, n->domain) == 0;
}

struct shared_config *deployments_read(struct node *n, const cJSON *json, char err[P2P_ERRLEN])
{
    struct deployment_place at;
    struct shared_config *c;
    const char *name;

    pthread_mutex_lock(&n->admin);
    at = place_in(n);
    c = deployment_new(json, &at, err);
    pthread_mutex_unlock(&n->admin);
    name = c ? c->config.function[0].name : "";
    if (has_own_namespace(n, name))
        snprintf(err, P2P_ERRLEN, "service: '%s' ends in this node's namespace; allowed: %.*s",
                 name, (int)(strrchr(name, '.') - name), name);
    else if (!c || deployments_fit(c, err))
        return c;
    shared_config_unref(c);
    return NULL;
}

/* ---- a change, step by step; the exchange carries it ---- */

static void begin(struct exchange *x);
static void join(struct exchange *x);

/* [main thread] */
static void answer(struct exchange *x)
{
    static const char *const events[] = {"function deployed", "function deployed anew",
                                         "function removed"};
    struct deployment_change *c = x->later.held;

    if (c->status == MHD_HTTP_ACCEPTED) {
        log_event(LOG_INFO, events[c->kind], LOG_STR("function", c->name));
        x->response.status = c->status;
    } else {
        exchange_error(x, c->status, c->status, "%s", c->err);
    }
    shared_config_unref(c->wanted);
    shared_config_unref(c->before);
    shared_config_unref(c->removed);
    free(c);
    x->later.held = NULL;
    later_answer(x);
}

static void refuse(struct exchange *x, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void refuse(struct exchange *x, int status, const char *format, ...)
{
    struct deployment_change *c = x->later.held;
    va_list args;

    va_start(args, format);
    vsnprintf(c->err, sizeof(c->err), format, args);
    va_end(args);
    c->status = status;
}

/* The first of those that wait makes room for the next. */
static void leave_queue(struct exchange *x)
{
    struct deployment_change *c = x->later.held;
    struct node *n = node_of(x);
    struct deployments *d = &n->deployments;

    d->first = c->next;
    c->next = NULL;
    if (d->first)
        later_move(d->first->x, &n->shards[0].reactor, begin);
    else
        d->last = &d->first;
}

/* The first of those that wait has ended.  [main thread] */
static void finish(struct exchange *x)
{
    const struct deployment_change *c = x->later.held;

    if (c->is_gone && c->status != MHD_HTTP_ACCEPTED)
        openfaas_redeploy(node_of(x)->openfaas, c->name);
    leave_queue(x);
    answer(x);
}

/* The function is as was asked for its client only when it is so on all threads: each
 * changed its table before it sees this.  [each shard's thread in turn] */
static void visit(struct exchange *x)
{
    struct deployment_change *c = x->later.held;
    struct node *n = node_of(x);

    if (++c->shard < n->n_shards)
        later_move(x, &n->shards[c->shard].reactor, visit);
    else
        later_move(x, &n->shards[0].reactor, finish);
}

/* [clerk] */
static void undo(struct exchange *x)
{
    struct deployment_change *c = x->later.held;
    struct node *n = node_of(x);
    char err[P2P_ERRLEN];

    if (deployments_write(&n->deployments, c->name, c->before, err))
        log_event(LOG_ERROR, "a file of a function is not as the node is",
                  LOG_STR("function", c->name), LOG_STR("why", err));
    later_move(x, &n->shards[0].reactor, finish);
}

/* The list of offers with the change made; its memory is the caller's.  -1: no memory. */
static int change_list(const struct function_offers *now, const struct deployment_change *c,
                       struct function_offers *out)
{
    *out = (struct function_offers){calloc(now->n + 1, sizeof(struct shared_config *)), 0};
    if (!out->list)
        return -1;
    for (unsigned i = 0; i < now->n; i++)
        if (now->list[i] != c->before)
            out->list[out->n++] = shared_config_ref(now->list[i]);
        else if (c->wanted)
            out->list[out->n++] = shared_config_ref(c->wanted);
    if (c->wanted && !c->before)
        out->list[out->n++] = shared_config_ref(c->wanted);
    return 0;
}

/* [main thread] */
static void offer(struct exchange *x)
{
    struct deployment_change *c = x->later.held;
    struct node *n = node_of(x);
    struct function_offers offers;
    int rc = -1;

    if (c->status != MHD_HTTP_ACCEPTED) {
        finish(x);
        return;
    }
    snprintf(c->err, sizeof(c->err), "out of memory");
    pthread_mutex_lock(&n->admin);
    if (change_list(&n->offers[FROM_DEPLOYMENT], c, &offers) == 0) {
        rc = node_offer(n, FROM_DEPLOYMENT, offers, c->err);
        for (unsigned i = 0; rc && i < offers.n; i++)
            shared_config_unref(offers.list[i]);
        if (rc)
            free(offers.list);
    }
    pthread_mutex_unlock(&n->admin);
    if (rc == 0) {
        later_move(x, &n->shards[0].reactor, visit);
        return;
    }
    c->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
    if (n->deployments.folder)
        later_move(x, &n->clerk.reactor, undo);
    else
        finish(x);
}

/* Those of a function at another gateway are there. */
static const char *missing_secret(const struct shared_config *wanted)
{
    const struct function_config *f = wanted->config.function;

    for (char **s = f->secrets; s && *s && f->runtime != FUNCTION_OPENFAAS; s++)
        if (access(*s, F_OK))
            return strrchr(*s, '/') + 1;
    return NULL;
}

/* A plugin may take its time to begin: it does so here.  One that could not be selected when
 * the node started is made now, though the same is wanted as before. */
static int make_scheduler(struct node *n, struct deployment_change *c)
{
    const struct scheduler_choice *wanted = c->wanted ? &c->wanted->config.function[0].own : NULL;
    int rc;

    if (!wanted || !wanted->plugin ||
        (c->has_scheduler && c->before &&
         config_same_choice(&c->before->config.function[0].own, wanted)))
        return 0;
    pthread_mutex_lock(&n->selection);
    rc = node_make_scheduler(n, c->wanted, c->err);
    pthread_mutex_unlock(&n->selection);
    return rc;
}

/* [clerk] */
static void write_it(struct exchange *x)
{
    struct deployment_change *c = x->later.held;
    struct node *n = node_of(x);
    const char *secret = c->wanted ? missing_secret(c->wanted) : NULL;

    if (secret)
        refuse(x, MHD_HTTP_BAD_REQUEST,
               "secrets: there is no '%s'; POST it to /system/secrets first", secret);
    else if (make_scheduler(n, c))
        c->status = MHD_HTTP_BAD_REQUEST;
    else if (n->deployments.folder &&
             deployments_write(&n->deployments, c->name, c->wanted, c->err))
        c->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
    later_move(x, &n->shards[0].reactor, offer);
}

/* [main thread] */
static struct shared_config *find(const struct node *n, const char *name)
{
    const struct function_offers *o = &n->offers[FROM_DEPLOYMENT];

    for (unsigned i = 0; i < o->n; i++)
        if (strcmp(o->list[i]->config.function[0].name, name) == 0)
            return o->list[i];
    return NULL;
}

static void check(struct exchange *x)
{
    struct deployment_change *c = x->later.held;
    const struct node *n = node_of(x);
    const struct function *f = function_table_find(n->functions, c->name, strlen(c->name));
    const char *file = n->config->config.file;

    if (c->is_gone && !c->before)
        return;
    if (c->is_gone && c->before != c->removed)
        refuse(x, MHD_HTTP_CONFLICT, "'%s' was deployed anew meanwhile", c->name);
    else if (f && f->origin == FROM_FILE && !(c->kind == DEPLOYMENT_REMOVE && c->before))
        refuse(x, MHD_HTTP_CONFLICT,
               "'%s' is a function of %.150s; change it there, or deploy under another name",
               c->name, file ? file : "plugins.yaml");
    else if (c->kind == DEPLOYMENT_ADD && c->before)
        refuse(x, MHD_HTTP_CONFLICT, "'%s' is deployed already; PUT changes it", c->name);
    else if (c->kind != DEPLOYMENT_ADD && !c->before)
        refuse(x, MHD_HTTP_NOT_FOUND, "no function '%s' was deployed", c->name);
}

static int note_time(struct deployment_change *c)
{
    const cJSON *before = c->before ? c->before->deployment : NULL;
    const char *created =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(before, "createdAt"));
    int64_t now = timestamp_now();
    char today[TIMESTAMP], deployed[TIMESTAMP];

    timestamp_format(now, 0, today);
    timestamp_format(now, 9, deployed);
    return deployment_date(c->wanted, created ? created : today, deployed);
}

static bool is_at_gateway(const struct node *n, const struct deployment_change *c)
{
    const struct function *f = c->kind == DEPLOYMENT_REMOVE && n->openfaas && n->functions
                                   ? function_table_find(n->functions, c->name, strlen(c->name))
                                   : NULL;

    return f && f->origin != FROM_FILE && f->config->runtime == FUNCTION_OPENFAAS;
}

static bool has_scheduler(const struct node *n, const char *name)
{
    const struct function *f = function_table_find(n->functions, name, strlen(name));

    return f && f->own;
}

static struct shared_config *find_ref(const struct node *n, const char *name)
{
    struct shared_config *c = find(n, name);

    return c ? shared_config_ref(c) : NULL;
}

/* [main thread] */
static void begin(struct exchange *x)
{
    struct deployment_change *c = x->later.held;
    struct node *n = node_of(x);
    struct deployments *d = &n->deployments;

    if (!c->is_gone && is_at_gateway(n, c)) { /* since it waits */
        leave_queue(x);
        later_move(x, &n->shards[0].reactor, join);
        return;
    }
    c->before = find_ref(n, c->name);
    c->has_scheduler = has_scheduler(n, c->name);
    check(x);
    if (c->status != MHD_HTTP_ACCEPTED) {
        finish(x);
        return;
    }
    if (c->is_gone && !c->before) {
        later_move(x, &n->shards[0].reactor, visit);
        return;
    }
    if (c->wanted && note_time(c)) {
        refuse(x, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
        finish(x);
        return;
    }
    if (!d->folder && !d->told)
        log_event(LOG_WARN, "deployed functions live until the stop: node.data_dir is empty");
    d->told = true;
    later_move(x, &n->clerk.reactor, write_it);
}

/* [main thread] */
static void enqueue(struct exchange *x)
{
    struct deployments *d = &node_of(x)->deployments;
    struct deployment_change *c = x->later.held;
    bool waits = d->first != NULL;

    *d->last = c;
    d->last = &c->next;
    if (!waits)
        begin(x);
}

/* ---- at the gateway behind this node, before it has its turn ---- */

/* [main thread] */
static void on_removed_there(void *owner, int status, const char *why)
{
    struct exchange *x = owner;
    struct deployment_change *c = x->later.held;
    const struct node *n = node_of(x);

    c->is_gone = !why || (status == MHD_HTTP_NOT_FOUND && c->removed);
    if (c->is_gone) {
        enqueue(x);
        return;
    }
    refuse(x,
           n->stopping                    ? MHD_HTTP_SERVICE_UNAVAILABLE
           : status == MHD_HTTP_NOT_FOUND ? status
                                          : MHD_HTTP_BAD_GATEWAY,
           "function '%s' is not removed: the OpenFaaS gateway: %.160s", c->name, why);
    answer(x);
}

/* [main thread] */
static void join(struct exchange *x)
{
    struct deployment_change *c = x->later.held;
    struct node *n = node_of(x);

    if (!is_at_gateway(n, c)) {
        enqueue(x);
        return;
    }
    c->removed = find_ref(n, c->name);
    if (n->stopping || openfaas_remove(n->openfaas, c->name, on_removed_there, x))
        on_removed_there(x, 0, n->stopping ? "the node is stopping" : "out of memory");
}

void deployments_change(struct exchange *x, enum deployment_kind kind, const char *name,
                        struct shared_config *wanted)
{
    struct deployment_change *c = calloc(1, sizeof(*c));

    if (!c) {
        shared_config_unref(wanted);
        exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC, "out of memory");
        return;
    }
    c->x = x;
    c->kind = kind;
    c->wanted = wanted;
    c->status = MHD_HTTP_ACCEPTED;
    snprintf(c->name, sizeof(c->name), "%s", name);
    later_begin(x, NULL);
    x->later.held = c;
    later_move(x, &node_of(x)->shards[0].reactor, join);
}

/* ---- life ---- */

int deployments_init(struct node *n, char err[P2P_ERRLEN])
{
    struct deployment_place at = place_in(n);
    bool failed;

    n->deployments.folder = config_data_path(&n->config->config, "functions", &failed);
    n->deployments.last = &n->deployments.first;
    if (!failed)
        return deployments_load(&n->deployments, &at, &n->offers[FROM_DEPLOYMENT], err);
    snprintf(err, P2P_ERRLEN, "out of memory");
    return -1;
}

void deployments_release(struct deployments *d)
{
    free(d->folder);
    d->folder = NULL;
}
