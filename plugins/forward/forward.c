/*
 * forward - each job goes to a random peer until it made max_hops, then it runs.
 *
 * Of no use as a policy; it measures what forwarding costs.
 *
 * ForwardScheduler in the original P2PFaaS, which let jobs pass max_hops.
 */
#include <p2pfaas/plugin.h>

enum { MOST_TRIES = 8 };

struct forward {
    int64_t max_hops;
};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct forward, max_hops, 1, 0, 1000, "forwards each job makes"), P2P_PARAM_END};

static const struct p2p_alias aliases[] = {{"ForwardScheduler", 1, 0}, {NULL, 0, 0}};

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    const struct forward *f = self;

    /* As many tries as there are peers, then the job is better done here. */
    if ((rq->event != P2P_EV_ARRIVAL && rq->event != P2P_EV_REFUSED) ||
        (int64_t)rq->hops >= f->max_hops || rq->attempts >= rq->n_peers ||
        rq->attempts >= MOST_TRIES)
        return p2p_local();
    return p2p_forward(rq->peers[p2p_rand_below(rq->host, rq->n_peers)].id);
}

static const struct p2p_scheduler forward_ops = {
    .size = sizeof(forward_ops),
    .name = "forward",
    .version = "1.0",
    .summary = "send each job to a random peer, max_hops times",
    .params = params,
    .aliases = aliases,
    .instance_size = sizeof(struct forward),
    .decide = decide,
};

P2P_SCHEDULER_PLUGIN(forward_ops);
