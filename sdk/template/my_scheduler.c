/*
 * my_scheduler - a job runs here while this node is lightly loaded, and goes to the
 * peer with the fewest jobs of ours otherwise.  Change it into yours.
 */
#include <p2pfaas/plugin.h>

/* One instance: parameters first, then what the algorithm remembers. */
struct my_scheduler {
    int64_t threshold;
    uint64_t *kept; /* a counter in /metrics */
};

/* Filled in, range-checked and explained by the host; GET /plugins/my_scheduler shows it. */
static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct my_scheduler, threshold, 2, 0, 1000,
                  "jobs running and waiting here below which a job stays"),
    P2P_PARAM_END};

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct my_scheduler *s = self;

    (void)err; /* on failure: snprintf(err, P2P_ERRLEN, "why"); return -1; */
    s->kept = host->counter(host, "kept", "jobs that stayed below the threshold");
    return 0;
}

/* Called for each event of a job; returns what to do.  Must not block. */
static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    struct my_scheduler *s = self;
    const struct p2p_peer *best = NULL;

    /* A job that was forwarded once, or that a peer refused, ends here, and so does an event
     * that is new to us. */
    if (rq->hops > 0 || rq->event != P2P_EV_ARRIVAL)
        return p2p_local();
    if ((int64_t)rq->node->load + rq->node->queue < s->threshold) {
        ++*s->kept;
        return p2p_local();
    }
    for (uint32_t i = 0; i < rq->n_peers; i++)
        if (!best || rq->peers[i].inflight < best->inflight)
            best = &rq->peers[i];
    return best ? p2p_forward(best->id) : p2p_local();
}

static const struct p2p_scheduler ops = {
    .size = sizeof(ops),
    .name = "my_scheduler",
    .version = "1.0",
    .summary = "stay while lightly loaded, else go to the peer with the fewest jobs of ours",
    .params = params,
    .instance_size = sizeof(struct my_scheduler),
    .decide = decide,
    .init = init,
};

P2P_SCHEDULER_PLUGIN(ops);
