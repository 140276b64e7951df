#include "host/world.h"

#include <sys/random.h>

#include "host/log.h"

static struct node *node_of(void *ctx)
{
    return ((const struct engine_owner *)ctx)->node;
}

static void enter(void *ctx, struct p2p_request *rq)
{
    const struct engine_owner *owner = ctx;
    struct node *n = owner->node;

    pthread_mutex_lock(&n->peers.lock);
    if (!rq)
        return;
    n->view.load = n->slots.running;
    n->view.queue = n->slots.queued;
    n->view.slots = n->slots.limit;
    n->view.queue_limit = n->slots.queue_enabled ? n->slots.queue_limit : 0;
    rq->now_ns = clock_ns();
    rq->node = &n->view;
    rq->peers =
        peers_view_locked(&n->peers, rq->function ? rq->function : owner->function, &rq->n_peers);
}

static void leave(void *ctx)
{
    struct node *n = node_of(ctx);

    pthread_mutex_unlock(&n->peers.lock);
}

static uint64_t now(void *ctx)
{
    (void)ctx;
    return clock_ns();
}

static bool peer_up(void *ctx, uint32_t peer)
{
    struct node *n = node_of(ctx);

    return peers_is_up_locked(&n->peers, peer);
}

static uint32_t peer_id(void *ctx, const char *name)
{
    struct node *n = node_of(ctx);

    return peers_find_locked(&n->peers, name);
}

static const char *peer_name(void *ctx, uint32_t peer)
{
    struct node *n = node_of(ctx);

    return peer < n->peers.n_all ? n->peers.all[peer]->name : NULL;
}

static const char *name_of_function(void *ctx, uint32_t function)
{
    struct node *n = node_of(ctx);
    const char *name = function_name(&n->names, function);

    return name[0] ? name : NULL;
}

static const char *address(void *ctx, uint32_t peer)
{
    struct node *n = node_of(ctx);

    if (peer == P2P_NONE)
        return n->advertised.text;
    return peer < n->peers.n_all ? n->peers.all[peer]->endpoint.text : NULL;
}

static bool tell(void *ctx, uint32_t peer, const char *scheduler, const void *message, uint32_t len)
{
    const struct engine_owner *owner = ctx;
    const char *function =
        owner->function ? function_name(&owner->node->names, owner->function) : NULL;

    return messages_tell(owner->node, peer, scheduler, function, message, len);
}

static bool http(void *ctx, uint64_t learner, const struct p2p_http_request *request)
{
    return learner_http_send(node_of(ctx), learner, request);
}

static uint64_t seed(void *ctx)
{
    uint64_t bits;

    (void)ctx;
    if (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
        bits = clock_ns();
    return bits;
}

static void log_plugin(void *ctx, const char *instance, uint32_t level, const char *msg)
{
    (void)ctx;
    log_event(level > LOG_ERROR ? LOG_ERROR : (enum log_level)level, msg,
              LOG_STR("plugin", instance));
}

static void forward(struct decision *d, uint32_t peer)
{
    job_forward(job_of(d), peer);
}

static void start_probes(struct decision *d, uint32_t round, uint32_t n)
{
    job_probe(job_of(d), round, n);
}

const struct world host_world = {
    .enter = enter,
    .leave = leave,
    .now = now,
    .peer_up = peer_up,
    .peer_id = peer_id,
    .peer_name = peer_name,
    .function_name = name_of_function,
    .address = address,
    .tell = tell,
    .http = http,
    .wake = world_wake,
    .seed = seed,
    .log = log_plugin,
    .run_here = world_run_here,
    .forward = forward,
    .refuse = world_refuse,
    .start_probes = start_probes,
    .start_timer = world_start_timer,
    .stop_waiting = world_stop_waiting,
};
