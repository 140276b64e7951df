#include "bench/instant.h"

#include <stdio.h>

#include "engine/decision.h"

static struct p2p_peer peers[INSTANT_MOST_PEERS];
static uint32_t n_peers;
struct p2p_node instant_node = {
    .size = sizeof(instant_node), .id = INSTANT_MOST_PEERS, .load = 1, .slots = 1};

void instant_peers(uint32_t n)
{
    n_peers = n;
    for (uint32_t i = 0; i < n; i++)
        peers[i] = (struct p2p_peer){.id = i, .flags = P2P_PEER_UP, .slots = 1};
}

static void enter(void *ctx, struct p2p_request *rq)
{
    (void)ctx;
    if (!rq)
        return;
    rq->now_ns = 1;
    rq->node = &instant_node;
    rq->peers = peers;
    rq->n_peers = n_peers;
}

static void leave(void *ctx)
{
    (void)ctx;
}

static uint64_t zero_ns(void *ctx)
{
    (void)ctx;
    return 1;
}

static bool peer_up(void *ctx, uint32_t peer)
{
    (void)ctx;
    return peer < n_peers;
}

static const char *peer_name(void *ctx, uint32_t peer)
{
    (void)ctx;
    return peer < n_peers ? "peer" : NULL;
}

static uint64_t seed(void *ctx)
{
    (void)ctx;
    return 1;
}

static const char *function_name(void *ctx, uint32_t function)
{
    (void)ctx;
    return function == 0 ? "function" : NULL;
}

static const char *address(void *ctx, uint32_t peer)
{
    static char text[32];

    (void)ctx;
    snprintf(text, sizeof(text), "192.0.2.%u:18080", peer);
    return text;
}

static void log_line(void *ctx, const char *instance, uint32_t level, const char *msg)
{
    (void)ctx;
    if (level >= P2P_LOG_WARN)
        fprintf(stderr, "%s: %s\n", instance, msg);
}

static void end(struct decision *d, uint32_t status)
{
    struct p2p_outcome out = {.status = status, .http_status = 200, .peer = P2P_NONE};

    decision_end(d, &out);
}

static void run_here(struct decision *d, bool may_wait, uint64_t rank)
{
    (void)may_wait;
    (void)rank;
    end(d, P2P_OUT_RAN);
}

static void forward(struct decision *d, uint32_t peer)
{
    (void)peer;
    end(d, P2P_OUT_FORWARDED);
}

static void refuse(struct decision *d, uint32_t http_status)
{
    (void)http_status;
    end(d, P2P_OUT_REJECTED);
}

static void start_probes(struct decision *d, uint32_t round, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        decision_probed(d, round, i, P2P_PROBE_OK, i % 2, 0, 1, 1000);
}

static void start_timer(struct decision *d, uint32_t round, uint64_t at)
{
    (void)d;
    (void)round;
    (void)at;
}

static void stop_waiting(struct decision *d)
{
    (void)d;
}

const struct world instant_world = {.enter = enter,
                                    .leave = leave,
                                    .now = zero_ns,
                                    .peer_up = peer_up,
                                    .peer_name = peer_name,
                                    .function_name = function_name,
                                    .address = address,
                                    .seed = seed,
                                    .log = log_line,
                                    .run_here = run_here,
                                    .forward = forward,
                                    .refuse = refuse,
                                    .start_probes = start_probes,
                                    .start_timer = start_timer,
                                    .stop_waiting = stop_waiting};
