#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "sdk/check/fence.h"
#include "sdk/check/unit.h"

static struct unit *unit_of(const struct p2p_host *h)
{
    return h->ctx;
}

/* The plugin is still on the stack: the case ends when it has returned. */
void unit_fault(struct unit *u, const char *right, const char *format, ...)
{
    va_list args;

    if (u->fault[0])
        return;
    va_start(args, format);
    vsnprintf(u->fault, sizeof(u->fault), format, args);
    va_end(args);
    snprintf(u->fault_right, sizeof(u->fault_right), "%s", right);
}

static bool is_inside(const struct unit *u, const char *const *calls)
{
    for (; u->inside && *calls; calls++)
        if (strcmp(u->inside, *calls) == 0)
            return true;
    return false;
}

/* ---- memory ---- */

static void *host_alloc(const struct p2p_host *h, size_t size)
{
    static const char *const allowed[] = {"init", "load", NULL};
    struct unit *u = unit_of(h);

    if (!is_inside(u, allowed)) {
        unit_fault(u, "alloc() is called from init() and load() only",
                   "it calls alloc(), which returns NULL there");
        return NULL;
    }
    u->allocs++;
    if (u->fail_at && (u->allocs == u->fail_at || (u->fail_all && u->allocs > u->fail_at)))
        return NULL;
    if (size > ENGINE_MEMORY_LIMIT - u->alloc_bytes)
        return NULL;
    u->alloc_bytes += size;
    return fence_new(u, size, "a block from alloc()");
}

static struct metric *metric_of(const struct p2p_host *h, const char *name, bool is_gauge)
{
    static const char *const allowed[] = {"init", "load", "space", "probes", "fini", NULL};
    static struct metric scratch;
    struct unit *u = unit_of(h);

    if (!is_inside(u, allowed))
        unit_fault(u, "ask for it in init() and keep the pointer", "it calls %s(\"%s\")",
                   is_gauge ? "gauge" : "counter", name ? name : "NULL");
    if (!name || !name[0]) {
        unit_fault(u, "a name of [A-Za-z0-9_]", "it asks for a metric without a name");
        return &scratch;
    }
    for (unsigned i = 0; i < u->n_metrics; i++) {
        if (strcmp(u->metrics[i].name, name) != 0)
            continue;
        if (u->metrics[i].is_gauge != is_gauge)
            unit_fault(u, "one name is either a counter or a gauge",
                       "the metric \"%s\" is a counter and a gauge", name);
        return &u->metrics[i];
    }
    if (u->n_metrics == UNIT_METRICS)
        return &scratch;
    snprintf(u->metrics[u->n_metrics].name, sizeof(u->metrics[0].name), "%s", name);
    u->metrics[u->n_metrics].is_gauge = is_gauge;
    return &u->metrics[u->n_metrics++];
}

static uint64_t *host_counter(const struct p2p_host *h, const char *name, const char *help)
{
    (void)help;
    return &metric_of(h, name, false)->value.counter;
}

static double *host_gauge(const struct p2p_host *h, const char *name, const char *help)
{
    (void)help;
    return &metric_of(h, name, true)->value.gauge;
}

/* ---- the world ---- */

static void host_log(const struct p2p_host *h, uint32_t level, const char *msg)
{
    if (!msg || level > P2P_LOG_ERROR)
        unit_fault(unit_of(h), "P2P_LOG_DEBUG to P2P_LOG_ERROR and a text",
                   "it logs with level %u and %s text", level, msg ? "a" : "no");
}

static uint64_t host_rand(const struct p2p_host *h)
{
    return chance_bits(&unit_of(h)->random);
}

static uint64_t host_now(const struct p2p_host *h)
{
    return unit_of(h)->world.now;
}

static uint32_t host_peer_id(const struct p2p_host *h, const char *name)
{
    if (name)
        return world_id(&unit_of(h)->world, name);
    unit_fault(unit_of(h), "the name of a peer", "it calls peer_id(NULL)");
    return P2P_NONE;
}

static const char *host_peer_name(const struct p2p_host *h, uint32_t id)
{
    return world_name(&unit_of(h)->world, id);
}

static const char *host_function_name(const struct p2p_host *h, uint32_t function)
{
    (void)h;
    return world_function(function);
}

static const char *host_address(const struct p2p_host *h, uint32_t peer)
{
    return world_address(&unit_of(h)->world, peer);
}

static bool host_tell(const struct p2p_host *h, uint32_t peer, const void *message, uint32_t len)
{
    static const char *const allowed[] = {"decide", "outcome", "heard", NULL};
    struct unit *u = unit_of(h);
    struct message *m = &u->messages[u->n_messages % UNIT_MESSAGES];

    if (!is_inside(u, allowed))
        unit_fault(u, "tell() is called from decide(), outcome() and heard() only",
                   "it calls tell()");
    if (!world_has(&u->world, peer) || len == 0 || len > P2P_MESSAGE_MAX ||
        chance_percent(&u->world.chance, 10))
        return false;
    u->n_messages++;
    m->len = len;
    memcpy(m->bytes, message, len);
    return true;
}

static const void *host_extension(const struct p2p_host *h, const char *id)
{
    (void)h;
    (void)id;
    return NULL;
}

/* ---- a learner that knows nothing ---- */

static bool all_finite(const float *values, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

static bool host_act(const struct p2p_host *h, const float *state, uint64_t mask,
                     struct p2p_choice *out)
{
    struct unit *u = unit_of(h);
    uint32_t n = u->space.n_actions;
    uint64_t all = n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
    bool is_false;

    if (!u->bound)
        return false;
    if (!all_finite(state, u->space.n_dims))
        unit_fault(u, "finite numbers", "the state that it gives to act() is not finite");
    if (mask && !(mask & all)) {
        unit_fault(u, "bits of actions below n_actions of space(), or 0 for all",
                   "its mask for act() allows none of the %u actions", n);
        return false;
    }
    *out = (struct p2p_choice){.episode = 0};
    if (outside_pending(u, out, &is_false))
        return true;
    if (is_false)
        return false;
    *out = (struct p2p_choice){.episode = out->episode ? out->episode : ++u->episodes,
                               .explored = chance_percent(&u->random, 20)};
    do
        out->action = (uint32_t)chance_below(&u->random, n ? n : 1);
    while (mask && !(mask & UINT64_C(1) << out->action));
    return true;
}

static void host_reward(const struct p2p_host *h, uint64_t episode, float reward, const float *next)
{
    struct unit *u = unit_of(h);

    if (episode == 0 || episode > u->episodes)
        unit_fault(u, "the episode that act() gave", "it rewards episode %llu, which never began",
                   (unsigned long long)episode);
    if (!isfinite(reward) || (next && !all_finite(next, u->space.n_dims)))
        unit_fault(u, "finite numbers", "the reward or the next state is not finite");
}

void unit_fill_host(struct unit *u)
{
    u->host = (struct p2p_host){
        .size = sizeof(u->host),
        .abi_major = P2P_ABI_MAJOR,
        .abi_minor = P2P_ABI_MINOR,
        .ctx = u,
        .instance = unit_name(u->check),
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
        .http = outside_http,
        .choose = outside_choose,
    };
}
