/*
 * round_robin - jobs are dealt in turn to this node and its peers.
 *
 * The turn goes by id, not by place in the list, so that a peer that comes or goes
 * moves nobody else's turn: next is the smallest id above the last one dealt to,
 * and this node after the largest.
 *
 * The first in turn is a random one, as nodes that all began with the same would all deal
 * to it, then all to the next, until their turns drift apart.
 */
#include <p2pfaas/plugin.h>

enum { MOST_TRIES = 8 };

struct round_robin {
    int64_t max_hops;
    bool loss;
    uint32_t last; /* id of who was dealt to last; P2P_NONE: this node */
    bool started;
};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct round_robin, max_hops, 1, 0, 1000, "forwards a job may make"),
    P2P_PARAM_BOOL(struct round_robin, loss, 0,
                   "lose a job that finds no free slot here, do not queue it"),
    P2P_PARAM_END};

static struct p2p_action here(const struct round_robin *r)
{
    return r->loss ? p2p_local_or_lose() : p2p_local();
}

/* Each turn is equally likely to be the next. */
static uint32_t any(const struct p2p_request *rq)
{
    uint64_t i = p2p_rand_below(rq->host, rq->n_peers + UINT64_C(1));

    return i < rq->n_peers ? rq->peers[i].id : P2P_NONE;
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    struct round_robin *r = self;
    uint32_t next = P2P_NONE;

    /* After a refusal the next in turn is tried. */
    if ((rq->event != P2P_EV_ARRIVAL && rq->event != P2P_EV_REFUSED) ||
        (int64_t)rq->hops >= r->max_hops || rq->attempts > rq->n_peers ||
        rq->attempts >= MOST_TRIES)
        return here(r);
    if (!r->started && rq->n_peers > 0) {
        r->last = any(rq);
        r->started = true;
    }
    for (uint32_t i = 0; i < rq->n_peers; i++) {
        uint32_t id = rq->peers[i].id;

        if ((r->last == P2P_NONE || id > r->last) && id < next)
            next = id;
    }
    r->last = next;
    return next == P2P_NONE ? here(r) : p2p_forward(next);
}

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct round_robin *r = self;

    (void)host;
    (void)err;
    r->last = P2P_NONE;
    return 0;
}

static const struct p2p_scheduler round_robin_ops = {
    .size = sizeof(round_robin_ops),
    .name = "round_robin",
    .version = "1.0",
    .summary = "deal jobs in turn to this node and its peers",
    .params = params,
    .instance_size = sizeof(struct round_robin),
    .decide = decide,
    .init = init,
};

P2P_SCHEDULER_PLUGIN(round_robin_ops);
