/*
 * random - each job goes to a node chosen uniformly, this one included.
 *
 * Random splitting: without knowledge of any load it turns n queues with unequal
 * arrivals into n queues with the mean arrival rate.  What a choice of two adds to
 * it is the subject of Mitzenmacher, "The Power of Two Choices in Randomized Load
 * Balancing", IEEE TPDS 12(10), 2001.
 */
#include <p2pfaas/plugin.h>

enum { MOST_TRIES = 8 };

struct random {
    int64_t max_hops;
};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct random, max_hops, 1, 0, 1000,
                  "forwards a job may make; with 0 every job stays"),
    P2P_PARAM_END};

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    const struct random *r = self;
    uint64_t choice;

    if ((rq->event != P2P_EV_ARRIVAL && rq->event != P2P_EV_REFUSED) ||
        (int64_t)rq->hops >= r->max_hops || rq->attempts >= MOST_TRIES)
        return p2p_local();
    /* A peer that refused makes room for another draw, itself not excluded: it
     * may have room again. */
    choice = p2p_rand_below(rq->host, (uint64_t)rq->n_peers + 1);
    if (choice == rq->n_peers)
        return p2p_local();
    return p2p_forward(rq->peers[choice].id);
}

static const struct p2p_scheduler random_ops = {
    .size = sizeof(random_ops),
    .name = "random",
    .version = "1.0",
    .summary = "run each job at a node chosen uniformly at random",
    .params = params,
    .instance_size = sizeof(struct random),
    .decide = decide,
};

P2P_SCHEDULER_PLUGIN(random_ops);
