/*
 * least_connections - to the node that has the fewest jobs of ours; nobody is asked.
 *
 * Least-connection scheduling, as the dispatcher of a server farm does it (Zhang, "Linux
 * Virtual Server for Scalable Network Services", Ottawa Linux Symposium, 2000), at every
 * node of a network of peers.  What is compared:
 *
 *   of a peer        the jobs that this node sent it and that it has not answered,
 *                    which is exact and costs no message; what others sent it is unknown
 *   of this node     its running and its waiting jobs, whoever sent them
 *
 * The fewest win; with `per_slot` the fewest for each slot, the weighted form of it for
 * nodes of unequal size.  This node wins against an equal peer, since a forward costs
 * time.  Equal peers are drawn, with `per_slot` in proportion to their slots: in a large
 * network most peers have no job of ours, and would get the same, big and small.  A slow
 * peer answers late, keeps its jobs for longer, and so gets fewer.
 *
 * A peer that refuses is not tried again for that job; after 8 refusals it runs here.
 */
#include <p2pfaas/plugin.h>

enum { MOST_TRIES = 8 };

struct least_connections {
    int64_t threshold, max_hops;
    bool per_slot, loss;
};

struct choice {
    uint32_t tried[MOST_TRIES];
    uint32_t n_tried;
};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct least_connections, threshold, 0, 0, 1000000,
                  "a node with fewer running and waiting jobs keeps the job"),
    P2P_PARAM_BOOL(struct least_connections, per_slot, 0,
                   "divide by the slots of each node, for nodes of unequal size"),
    P2P_PARAM_INT(struct least_connections, max_hops, 1, 0, 1000, "forwards a job may make"),
    P2P_PARAM_BOOL(struct least_connections, loss, 0,
                   "lose a job that finds no free slot here, do not queue it"),
    P2P_PARAM_END};

static struct p2p_action here(const struct least_connections *l)
{
    return l->loss ? p2p_local_or_lose() : p2p_local();
}

static bool was_tried(const struct choice *c, uint32_t peer)
{
    for (uint32_t i = 0; i < c->n_tried; i++)
        if (c->tried[i] == peer)
            return true;
    return false;
}

/* A peer whose slots are unknown yet has one.  Equal fractions are equal doubles. */
static double share(const struct least_connections *l, uint64_t jobs, uint32_t slots)
{
    return l->per_slot && slots > 1 ? (double)jobs / slots : (double)jobs;
}

static uint32_t fewest(const struct least_connections *l, const struct p2p_request *rq,
                       const struct choice *c)
{
    const struct p2p_node *node = rq->node;
    double best = share(l, (uint64_t)node->load + node->queue, node->slots);
    uint32_t peer = P2P_NONE;
    uint64_t equals = 0; /* their weights */

    for (uint32_t i = 0; i < rq->n_peers; i++) {
        const struct p2p_peer *p = &rq->peers[i];
        double jobs = share(l, p->inflight, p->slots);
        uint32_t weight = l->per_slot && p->slots ? p->slots : 1;

        if (jobs > best || (peer == P2P_NONE && jobs >= best) || was_tried(c, p->id))
            continue;
        if (jobs < best) {
            best = jobs;
            peer = p->id;
            equals = weight;
        } else {
            equals += weight;
            if (p2p_rand_below(rq->host, equals) < weight)
                peer = p->id;
        }
    }
    return peer;
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    const struct least_connections *l = self;
    struct choice *c = rq->state;
    uint64_t load = (uint64_t)rq->node->load + rq->node->queue;
    uint32_t peer;

    if ((rq->event != P2P_EV_ARRIVAL && rq->event != P2P_EV_REFUSED) ||
        (int64_t)load < l->threshold || (int64_t)rq->hops >= l->max_hops ||
        c->n_tried == MOST_TRIES)
        return here(l);
    peer = fewest(l, rq, c);
    if (peer == P2P_NONE)
        return here(l);
    c->tried[c->n_tried++] = peer;
    return p2p_forward(peer);
}

static const struct p2p_scheduler least_connections_ops = {
    .size = sizeof(least_connections_ops),
    .name = "least_connections",
    .version = "1.0",
    .summary = "go to the node that has the fewest jobs of ours, without asking",
    .params = params,
    .instance_size = sizeof(struct least_connections),
    .decision_size = sizeof(struct choice),
    .decide = decide,
};

P2P_SCHEDULER_PLUGIN(least_connections_ops);
