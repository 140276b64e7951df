#include "engine/instance.h"

#include <stdlib.h>
#include <string.h>

#include "engine/params.h"

#define METRIC_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* ---- memory for the plugin ---- */

struct arena {
    struct arena *next;
    _Alignas(16) unsigned char bytes[];
};

static struct instance *instance_of(const struct p2p_host *h)
{
    return h->ctx;
}

static void *host_alloc(const struct p2p_host *h, size_t size)
{
    struct instance *i = instance_of(h);
    struct arena *a;

    if (!i->may_alloc || size > ENGINE_MEMORY_LIMIT - i->arena_bytes)
        return NULL;
    a = calloc(1, sizeof(*a) + size);
    if (!a)
        return NULL;
    i->arena_bytes += size;
    a->next = i->arena;
    i->arena = a;
    return a->bytes;
}

/* ---- services ---- */

/* init(), probes(), load() and fini() run without the world's lock, but the world is asked
 * under it only: what it tells, the peers, may change meanwhile. */
static bool enter_from_outside(const struct instance *i)
{
    bool outside = !i->started || i->may_alloc;

    if (outside)
        i->world->enter(i->world_ctx, NULL);
    return outside;
}

static void leave_again(const struct instance *i, bool entered)
{
    if (entered)
        i->world->leave(i->world_ctx);
}

static uint64_t host_rand(const struct p2p_host *h)
{
    return random_next(&instance_of(h)->random);
}

static void host_log(const struct p2p_host *h, uint32_t level, const char *msg)
{
    struct instance *i = instance_of(h);

    i->world->log(i->world_ctx, i->name, level, msg);
}

static uint64_t host_now(const struct p2p_host *h)
{
    struct instance *i = instance_of(h);
    bool entered = enter_from_outside(i);
    uint64_t answer = i->world->now(i->world_ctx);

    leave_again(i, entered);
    return answer;
}

static uint32_t host_peer_id(const struct p2p_host *h, const char *name)
{
    struct instance *i = instance_of(h);
    bool entered = enter_from_outside(i);
    uint32_t answer = i->world->peer_id(i->world_ctx, name);

    leave_again(i, entered);
    return answer;
}

static const char *host_peer_name(const struct p2p_host *h, uint32_t id)
{
    struct instance *i = instance_of(h);
    bool entered = enter_from_outside(i);
    const char *answer = i->world->peer_name(i->world_ctx, id);

    leave_again(i, entered);
    return answer;
}

/* Whatever the plugin calls it becomes what everybody can export: [A-Za-z0-9_]. */
static void metric_name(const char *name, char out[sizeof(((struct instance_metric *)0)->name)])
{
    size_t n = 0;

    for (; name && *name && n < sizeof(((struct instance_metric *)0)->name) - 1; name++)
        out[n++] = strchr(METRIC_LETTERS, *name) ? *name : '_';
    if (n == 0)
        out[n++] = '_';
    out[n] = '\0';
}

/* One name is one metric: who asks for a gauge of the name of a counter gets a slot that
 * nobody reads. */
static union metric_value *metric_of(const struct p2p_host *h, const char *asked, const char *help,
                                     bool is_gauge)
{
    struct instance *i = instance_of(h);
    struct instance_metric *m;
    char name[sizeof(m->name)];

    metric_name(asked, name);
    for (m = i->metrics; m; m = m->next)
        if (strcmp(m->name, name) == 0)
            return m->is_gauge == is_gauge ? &m->value : &i->scratch;
    m = i->may_alloc && i->n_metrics < INSTANCE_METRICS ? calloc(1, sizeof(*m)) : NULL;
    if (!m)
        return &i->scratch;
    m->is_gauge = is_gauge;
    snprintf(m->name, sizeof(m->name), "%s", name);
    snprintf(m->help, sizeof(m->help), "%s", help ? help : "");
    *i->last_metric = m;
    i->last_metric = &m->next;
    i->n_metrics++;
    return &m->value;
}

static uint64_t *host_counter(const struct p2p_host *h, const char *name, const char *help)
{
    return &metric_of(h, name, help, false)->counter;
}

static double *host_gauge(const struct p2p_host *h, const char *name, const char *help)
{
    return &metric_of(h, name, help, true)->gauge;
}

/* No learner can be bound in this version of the host. */
static bool host_act(const struct p2p_host *h, const float *state, uint64_t mask,
                     struct p2p_choice *out)
{
    (void)h;
    (void)state;
    (void)mask;
    (void)out;
    return false;
}

static void host_reward(const struct p2p_host *h, uint64_t episode, float reward, const float *next)
{
    (void)h;
    (void)episode;
    (void)reward;
    (void)next;
}

static bool host_tell(const struct p2p_host *h, uint32_t peer, const void *message, uint32_t len)
{
    struct instance *i = instance_of(h);

    if (!i->started || i->may_alloc || len == 0 || len > P2P_MESSAGE_MAX)
        return false;
    return i->world->tell(i->world_ctx, peer, i->ops.name, message, len);
}

static const char *host_function_name(const struct p2p_host *h, uint32_t function)
{
    struct instance *i = instance_of(h);
    bool entered = enter_from_outside(i);
    const char *answer = i->world->function_name(i->world_ctx, function);

    leave_again(i, entered);
    return answer;
}

static const char *host_address(const struct p2p_host *h, uint32_t peer)
{
    struct instance *i = instance_of(h);
    bool entered = enter_from_outside(i);
    const char *answer = i->world->address(i->world_ctx, peer);

    leave_again(i, entered);
    return answer;
}

static const void *host_extension(const struct p2p_host *h, const char *id)
{
    (void)h;
    (void)id;
    return NULL;
}

static void fill_host(struct instance *i)
{
    i->host = (struct p2p_host){
        .size = sizeof(i->host),
        .abi_major = P2P_ABI_MAJOR,
        .abi_minor = P2P_ABI_MINOR,
        .ctx = i,
        .instance = i->name,
        .log_level = P2P_LOG_DEBUG,
        .node_id = P2P_NONE,
        .log = host_log,
        .rand = host_rand,
        .now = host_now,
        .alloc = host_alloc,
        .counter = host_counter,
        .gauge = host_gauge,
        .peer_id = host_peer_id,
        .peer_name = host_peer_name,
        .act = host_act,
        .reward = host_reward,
        .extension = host_extension,
        .tell = host_tell,
        .function_name = host_function_name,
        .address = host_address,
    };
}

/* ---- parameters ---- */

static void list_parameters(const struct p2p_param *table, uint32_t n, char *out, size_t size)
{
    size_t at = 0;

    snprintf(out, size, "none");
    for (uint32_t i = 0; i < n && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%s", i ? ", " : "", table[i].name);
}

static int refuse(const struct selection *s, uint32_t k)
{
    if (s->wrong)
        *s->wrong = k;
    return -1;
}

static int set_ordered(struct instance *i, const struct selection *s, const struct p2p_alias *alias,
                       char *err)
{
    uint32_t count = params_count(i->ops.params);
    uint32_t wanted = alias ? alias->n_params : 0, most = alias ? UINT32_MAX : count;
    char names[160];

    if (s->n < wanted || s->n > most) {
        list_parameters(i->ops.params, alias ? wanted : count, names, sizeof(names));
        snprintf(err, P2P_ERRLEN, "%s: %u parameters given; it takes, in this order: %s", s->name,
                 s->n, names);
        return -1;
    }
    /* The original ignores what comes after the list. */
    for (uint32_t k = 0; k < s->n && k < (alias ? wanted : count); k++)
        if (params_set(&i->ops.params[k], i->self, s->values[k], err))
            return refuse(s, k);
    return 0;
}

static int set_named(struct instance *i, const struct selection *s, char *err)
{
    for (uint32_t k = 0; k < s->n; k++) {
        const struct p2p_param *p = params_find(i->ops.params, s->names[k]);

        if (!p) {
            char names[160];

            list_parameters(i->ops.params, params_count(i->ops.params), names, sizeof(names));
            snprintf(err, P2P_ERRLEN, "%s: no parameter '%.40s'; it takes: %s", s->name,
                     s->names[k], names);
            return refuse(s, k);
        }
        if (params_set(p, i->self, s->values[k], err))
            return refuse(s, k);
    }
    return 0;
}

/* "PowerOfNScheduler(1, 2, true, 1)". */
static void name_fully(struct instance *i, uint32_t shown)
{
    size_t at = (size_t)snprintf(i->full, sizeof(i->full), "%s", i->name);

    for (uint32_t k = 0; k < shown && at < sizeof(i->full); k++) {
        char value[64];

        params_format(&i->ops.params[k], i->self, value, sizeof(value));
        at += (size_t)snprintf(i->full + at, sizeof(i->full) - at, "%s%s", k ? ", " : "(", value);
    }
    if (shown && at < sizeof(i->full))
        snprintf(i->full + at, sizeof(i->full) - at, ")");
}

/* ---- life ---- */

static void release(struct instance *i)
{
    struct instance_metric *m, *next_metric;
    struct arena *a, *next;

    for (m = i->metrics; m; m = next_metric) {
        next_metric = m->next;
        free(m);
    }
    if (i->self)
        params_release(i->ops.params, i->self);
    for (a = i->arena; a; a = next) {
        next = a->next;
        free(a);
    }
    free(i->self);
    module_unref(i->module);
    free(i);
}

static int set_parameters(struct instance *i, const struct selection *s,
                          const struct p2p_alias *alias, char *err)
{
    int rc;

    if (params_defaults(i->ops.params, i->self, err))
        return -1;
    rc = s->names && !alias ? set_named(i, s, err) : set_ordered(i, s, alias, err);
    if (rc)
        return -1;
    i->by_alias = alias != NULL;
    i->n_params = alias ? alias->n_params : params_count(i->ops.params);
    name_fully(i, alias && alias->flags & P2P_ALIAS_BARE ? 0 : i->n_params);
    return 0;
}

int instance_start(struct instance *i, char err[P2P_ERRLEN])
{
    char why[P2P_ERRLEN] = "";

    if (i->ops.flags & P2P_SCHED_NEEDS_LEARNER) {
        snprintf(err, P2P_ERRLEN, "%s: it needs a learner, and none can be bound", i->name);
        return -1;
    }
    i->may_alloc = true;
    if (i->ops.init && i->ops.init(i->self, &i->host, why)) {
        why[sizeof(why) - 1] = '\0';
        snprintf(err, P2P_ERRLEN, "%s: its init failed: %.200s", i->name,
                 why[0] ? why : "no reason given");
        return -1;
    }
    i->may_alloc = false;
    i->n_probes = i->ops.probes ? i->ops.probes(i->self) : i->ops.max_probes;
    if (i->n_probes > i->ops.max_probes)
        i->n_probes = i->ops.max_probes;
    i->started = true;
    return 0;
}

/* ---- changes while it runs ---- */

static bool differs(const struct instance *a, const struct instance *b, const struct p2p_param *p)
{
    char old[256], wanted[256];

    if (p->type == P2P_STRING)
        return strcmp(*(const char *const *)((const char *)a->self + p->offset),
                      *(const char *const *)((const char *)b->self + p->offset)) != 0;
    params_format(p, a->self, old, sizeof(old));
    params_format(p, b->self, wanted, sizeof(wanted));
    return strcmp(old, wanted) != 0;
}

bool instance_may_become(const struct instance *i, const struct instance *wanted)
{
    unsigned changes = 0;

    if (i->module != wanted->module || i->ops.decide != wanted->ops.decide ||
        strcmp(i->ops.name, wanted->ops.name) != 0 || strcmp(i->name, wanted->name) != 0)
        return false;
    for (const struct p2p_param *p = i->ops.params; p && p->name; p++) {
        if (!differs(i, wanted, p))
            continue;
        /* The plugin may keep a text until its end. */
        if (!(p->flags & P2P_PARAM_LIVE) || p->type == P2P_STRING)
            return false;
        changes++;
    }
    return changes > 0;
}

void instance_become(struct instance *i, const struct instance *wanted)
{
    for (const struct p2p_param *p = i->ops.params; p && p->name; p++) {
        char text[256], err[P2P_ERRLEN];

        if (!(p->flags & P2P_PARAM_LIVE) || p->type == P2P_STRING)
            continue;
        params_format(p, wanted->self, text, sizeof(text));
        params_set(p, i->self, text, err); /* it was read from a text that was right */
    }
    memcpy(i->full, wanted->full, sizeof(i->full));
    if (i->ops.params_changed)
        i->ops.params_changed(i->self);
}

/* ---- the end ---- */

struct instance *instance_new(const struct world *world, void *ctx, struct catalog_hit *hit,
                              const struct selection *s, char err[P2P_ERRLEN])
{
    static _Atomic uint64_t generations;
    struct instance *i = calloc(1, sizeof(*i));
    uint32_t size = hit->scheduler->size;

    if (!i) {
        module_unref(hit->module);
        goto memory;
    }
    i->module = hit->module;
    memcpy(&i->ops, hit->scheduler, size < sizeof(i->ops) ? size : sizeof(i->ops));
    i->last_metric = &i->metrics;
    i->world = world;
    i->world_ctx = ctx;
    i->generation = ++generations;
    snprintf(i->name, sizeof(i->name), "%s", s->name);
    random_seed(&i->random, world->seed(ctx));
    fill_host(i);
    i->self = calloc(1, i->ops.instance_size ? i->ops.instance_size : 1);
    if (!i->self) {
        release(i);
        goto memory;
    }
    if (set_parameters(i, s, hit->alias, err)) {
        release(i);
        return NULL;
    }
    return i;
memory:
    snprintf(err, P2P_ERRLEN, "%s: out of memory", s->name);
    return NULL;
}

void instance_free(struct instance *i)
{
    bool started = i->started;

    i->started = false; /* who says goodbye in fini() is not under the lock any more */
    if (started && i->ops.fini)
        i->ops.fini(i->self);
    release(i);
}
