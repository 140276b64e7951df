#include "engine/guest.h"

#include <stdlib.h>
#include <string.h>

#include "engine/params.h"

#define METRIC_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* ---- memory for the plugin ---- */

struct arena {
    struct arena *next;
    _Alignas(16) unsigned char bytes[];
};

static struct guest *guest_of(const struct p2p_host *h)
{
    return h->ctx;
}

static void *host_alloc(const struct p2p_host *h, size_t size)
{
    struct guest *g = guest_of(h);
    struct arena *a;

    if (!g->may_alloc || size > ENGINE_MEMORY_LIMIT - g->arena_bytes)
        return NULL;
    a = calloc(1, sizeof(*a) + size);
    if (!a)
        return NULL;
    g->arena_bytes += size;
    a->next = g->arena;
    g->arena = a;
    return a->bytes;
}

/* ---- services ---- */

/* init(), probes(), load() and fini() run without the world's lock, but the world is asked
 * under it only: what it tells, the peers, may change meanwhile. */
static bool enter_from_outside(const struct guest *g)
{
    bool outside = !g->started || g->may_alloc;

    if (outside)
        g->world->enter(g->world_ctx, NULL);
    return outside;
}

static void leave_again(const struct guest *g, bool entered)
{
    if (entered)
        g->world->leave(g->world_ctx);
}

static uint64_t host_rand(const struct p2p_host *h)
{
    return random_next(&guest_of(h)->random);
}

static void host_log(const struct p2p_host *h, uint32_t level, const char *msg)
{
    struct guest *g = guest_of(h);

    g->world->log(g->world_ctx, g->name, level, msg);
}

static uint64_t host_now(const struct p2p_host *h)
{
    struct guest *g = guest_of(h);
    bool entered = enter_from_outside(g);
    uint64_t answer = g->world->now(g->world_ctx);

    leave_again(g, entered);
    return answer;
}

static uint32_t host_peer_id(const struct p2p_host *h, const char *name)
{
    struct guest *g = guest_of(h);
    bool entered = enter_from_outside(g);
    uint32_t answer = g->world->peer_id(g->world_ctx, name);

    leave_again(g, entered);
    return answer;
}

static const char *host_peer_name(const struct p2p_host *h, uint32_t id)
{
    struct guest *g = guest_of(h);
    bool entered = enter_from_outside(g);
    const char *answer = g->world->peer_name(g->world_ctx, id);

    leave_again(g, entered);
    return answer;
}

/* Whatever the plugin calls it becomes what everybody can export: [A-Za-z0-9_]. */
static void metric_name(const char *name, char out[sizeof(((struct guest_metric *)0)->name)])
{
    size_t n = 0;

    for (; name && *name && n < sizeof(((struct guest_metric *)0)->name) - 1; name++)
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
    struct guest *g = guest_of(h);
    struct guest_metric *m;
    char name[sizeof(m->name)];

    metric_name(asked, name);
    for (m = g->metrics; m; m = m->next)
        if (strcmp(m->name, name) == 0)
            return m->is_gauge == is_gauge ? &m->value : &g->scratch;
    m = g->may_alloc && g->n_metrics < GUEST_METRICS ? calloc(1, sizeof(*m)) : NULL;
    if (!m)
        return &g->scratch;
    m->is_gauge = is_gauge;
    snprintf(m->name, sizeof(m->name), "%s", name);
    snprintf(m->help, sizeof(m->help), "%s", help ? help : "");
    *g->last_metric = m;
    g->last_metric = &m->next;
    g->n_metrics++;
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

static const char *host_function_name(const struct p2p_host *h, uint32_t function)
{
    struct guest *g = guest_of(h);
    bool entered = enter_from_outside(g);
    const char *answer = g->world->function_name(g->world_ctx, function);

    leave_again(g, entered);
    return answer;
}

static const char *host_address(const struct p2p_host *h, uint32_t peer)
{
    struct guest *g = guest_of(h);
    bool entered = enter_from_outside(g);
    const char *answer = g->world->address(g->world_ctx, peer);

    leave_again(g, entered);
    return answer;
}

static const void *host_extension(const struct p2p_host *h, const char *id)
{
    (void)h;
    (void)id;
    return NULL;
}

static bool no_act(const struct p2p_host *h, const float *state, uint64_t mask,
                   struct p2p_choice *out)
{
    (void)h;
    (void)state;
    (void)mask;
    (void)out;
    return false;
}

static void no_reward(const struct p2p_host *h, uint64_t episode, float reward, const float *next)
{
    (void)h;
    (void)episode;
    (void)reward;
    (void)next;
}

static bool no_tell(const struct p2p_host *h, uint32_t peer, const void *message, uint32_t len)
{
    (void)h;
    (void)peer;
    (void)message;
    (void)len;
    return false;
}

static bool no_http(const struct p2p_host *h, const struct p2p_http_request *request)
{
    (void)h;
    (void)request;
    return false;
}

static bool no_choose(const struct p2p_host *h, uint64_t episode, const struct p2p_choice *choice)
{
    (void)h;
    (void)episode;
    (void)choice;
    return false;
}

static void fill_host(struct guest *g)
{
    g->host = (struct p2p_host){
        .size = sizeof(g->host),
        .abi_major = P2P_ABI_MAJOR,
        .abi_minor = P2P_ABI_MINOR,
        .ctx = g,
        .instance = g->name,
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
        .act = no_act,
        .reward = no_reward,
        .extension = host_extension,
        .tell = no_tell,
        .function_name = host_function_name,
        .address = host_address,
        .http = no_http,
        .choose = no_choose,
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

static int set_ordered(struct guest *g, const struct selection *s, const struct p2p_alias *alias,
                       char *err)
{
    uint32_t count = params_count(g->ops.params);
    uint32_t wanted = alias ? alias->n_params : 0, most = alias ? UINT32_MAX : count;
    char names[160];

    if (s->n < wanted || s->n > most) {
        list_parameters(g->ops.params, alias ? wanted : count, names, sizeof(names));
        snprintf(err, P2P_ERRLEN, "%s: %u parameters given; it takes, in this order: %s", s->name,
                 s->n, names);
        return -1;
    }
    /* The original ignores what comes after the list. */
    for (uint32_t k = 0; k < s->n && k < (alias ? wanted : count); k++)
        if (params_set(&g->ops.params[k], g->self, s->values[k], err))
            return refuse(s, k);
    return 0;
}

static int set_named(struct guest *g, const struct selection *s, char *err)
{
    for (uint32_t k = 0; k < s->n; k++) {
        const struct p2p_param *p = params_find(g->ops.params, s->names[k]);

        if (!p) {
            char names[160];

            list_parameters(g->ops.params, params_count(g->ops.params), names, sizeof(names));
            snprintf(err, P2P_ERRLEN, "%s: no parameter '%.40s'; it takes: %s", s->name,
                     s->names[k], names);
            return refuse(s, k);
        }
        if (params_set(p, g->self, s->values[k], err))
            return refuse(s, k);
    }
    return 0;
}

/* "PowerOfNScheduler(1, 2, true, 1)". */
static void name_fully(struct guest *g, uint32_t shown)
{
    size_t at = (size_t)snprintf(g->full, sizeof(g->full), "%s", g->name);

    for (uint32_t k = 0; k < shown && at < sizeof(g->full); k++) {
        char value[64];

        params_format(&g->ops.params[k], g->self, value, sizeof(value));
        at += (size_t)snprintf(g->full + at, sizeof(g->full) - at, "%s%s", k ? ", " : "(", value);
    }
    if (shown && at < sizeof(g->full))
        snprintf(g->full + at, sizeof(g->full) - at, ")");
}

/* ---- life ---- */

static int set_parameters(struct guest *g, const struct selection *s, const struct p2p_alias *alias,
                          char *err)
{
    int rc;

    if (params_defaults(g->ops.params, g->self, err))
        return -1;
    rc = s->names && !alias ? set_named(g, s, err) : set_ordered(g, s, alias, err);
    if (rc)
        return -1;
    g->by_alias = alias != NULL;
    g->n_params = alias ? alias->n_params : params_count(g->ops.params);
    name_fully(g, alias && alias->flags & P2P_ALIAS_BARE ? 0 : g->n_params);
    return 0;
}

int guest_init(struct guest *g, const struct world *world, void *ctx, struct module *module,
               const struct guest_ops *ops, const struct selection *s,
               const struct p2p_alias *alias, char err[P2P_ERRLEN])
{
    static _Atomic uint64_t generations;

    g->module = module;
    g->ops = *ops;
    g->last_metric = &g->metrics;
    g->world = world;
    g->world_ctx = ctx;
    g->generation = ++generations;
    snprintf(g->name, sizeof(g->name), "%s", s->name);
    random_seed(&g->random, world->seed(ctx));
    fill_host(g);
    g->self = calloc(1, ops->instance_size ? ops->instance_size : 1);
    if (!g->self) {
        snprintf(err, P2P_ERRLEN, "%s: out of memory", s->name);
        return -1;
    }
    return set_parameters(g, s, alias, err);
}

void guest_starting(struct guest *g)
{
    g->may_alloc = true;
}

int guest_started(struct guest *g, int rc, const char why[P2P_ERRLEN], char err[P2P_ERRLEN])
{
    if (rc) {
        snprintf(err, P2P_ERRLEN, "%s: its init failed: %.200s", g->name,
                 why[0] ? why : "no reason given");
        return -1;
    }
    g->may_alloc = false;
    g->started = true;
    return 0;
}

void guest_end(struct guest *g)
{
    bool started = g->started;
    struct guest_metric *m, *next_metric;
    struct arena *a, *next;

    g->started = false; /* who says goodbye in fini() is not under the lock any more */
    if (started && g->ops.fini)
        g->ops.fini(g->self);
    for (m = g->metrics; m; m = next_metric) {
        next_metric = m->next;
        free(m);
    }
    if (g->self)
        params_release(g->ops.params, g->self);
    for (a = g->arena; a; a = next) {
        next = a->next;
        free(a);
    }
    free(g->self);
    module_unref(g->module);
}

/* ---- changes while it runs ---- */

static bool differs(const struct guest *a, const struct guest *b, const struct p2p_param *p)
{
    char old[256], wanted[256];

    if (p->type == P2P_STRING)
        return strcmp(*(const char *const *)((const char *)a->self + p->offset),
                      *(const char *const *)((const char *)b->self + p->offset)) != 0;
    params_format(p, a->self, old, sizeof(old));
    params_format(p, b->self, wanted, sizeof(wanted));
    return strcmp(old, wanted) != 0;
}

bool guest_may_become(const struct guest *g, const struct guest *wanted)
{
    unsigned changes = 0;

    if (g->module != wanted->module || strcmp(g->ops.name, wanted->ops.name) != 0 ||
        strcmp(g->name, wanted->name) != 0)
        return false;
    for (const struct p2p_param *p = g->ops.params; p && p->name; p++) {
        if (!differs(g, wanted, p))
            continue;
        /* The plugin may keep a text until its end. */
        if (!(p->flags & P2P_PARAM_LIVE) || p->type == P2P_STRING)
            return false;
        changes++;
    }
    return changes > 0;
}

void guest_become(struct guest *g, const struct guest *wanted)
{
    for (const struct p2p_param *p = g->ops.params; p && p->name; p++) {
        char text[256], err[P2P_ERRLEN];

        if (!(p->flags & P2P_PARAM_LIVE) || p->type == P2P_STRING)
            continue;
        params_format(p, wanted->self, text, sizeof(text));
        params_set(p, g->self, text, err); /* it was read from a text that was right */
    }
    memcpy(g->full, wanted->full, sizeof(g->full));
    if (g->ops.params_changed)
        g->ops.params_changed(g->self);
}

/* ---- asking ---- */

unsigned guest_copy_metrics(const struct guest *g, struct guest_metric *out)
{
    unsigned n = 0;

    for (const struct guest_metric *m = g->metrics; m; m = m->next)
        out[n++] = *m;
    return n;
}

void guest_tell_metrics(const struct guest_metric *m, unsigned n,
                        void (*metric)(void *ctx, const char *name, const char *help, bool is_gauge,
                                       double value),
                        void *ctx)
{
    for (unsigned k = 0; k < n; k++)
        metric(ctx, m[k].name, m[k].help, m[k].is_gauge,
               m[k].is_gauge ? m[k].value.gauge : (double)m[k].value.counter);
}

void guest_say(const struct guest *g, uint32_t level, const char *format, ...)
{
    char text[P2P_ERRLEN];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    g->world->log(g->world_ctx, g->name, level, text);
}
