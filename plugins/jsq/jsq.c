/*
 * jsq - join the shortest queue of all nodes, this one included.
 *
 * Each job goes to the node with the fewest running and waiting jobs; equal nodes are
 * drawn.  With equal nodes and exponential service, and loads that are known at once
 * and for nothing, no other rule without knowledge of service times does better:
 * Winston, "Optimality of the shortest line discipline", Journal of Applied Probability
 * 14(1), 1977, doi:10.1017/S0021900200104772.  Here they cost time and messages:
 *
 *   information: probe   all peers are asked, for every job; of more than 64 peers, 64
 *                        chosen at random.  A peer that does not answer is never chosen.
 *   information: heard   nobody is asked.  A peer's queue is what was last heard of it,
 *                        and the jobs of ours that it has not answered yet.  Those may
 *                        be in both: rather counted twice than sent all to one peer
 *                        that was idle when last heard.  Of a peer that was never heard
 *                        only the latter are known.
 *
 * A peer that refuses is not tried again for that job; after 8 refusals it runs here.
 */
#include <p2pfaas/plugin.h>

enum { MOST_PROBES = 64, MOST_TRIES = 8 };
enum information { PROBE, HEARD };

struct jsq {
    int64_t information, max_hops;
    bool loss;
};

struct choice {
    uint32_t tried[MOST_TRIES];
    uint32_t n_tried;
};

/* The shortest queue so far; P2P_NONE is this node's. */
struct shortest {
    uint64_t queue;
    uint32_t peer, equals;
};

static const char *const informations[] = {"probe", "heard", NULL};

static const struct p2p_param params[] = {
    P2P_PARAM_ENUM(struct jsq, information, PROBE, informations,
                   "whether to ask all peers for each job, or to go by what was heard of them"),
    P2P_PARAM_INT(struct jsq, max_hops, 1, 0, 1000, "forwards a job may make"),
    P2P_PARAM_BOOL(struct jsq, loss, 0, "lose a job that finds no free slot here, do not queue it"),
    P2P_PARAM_END};

static struct p2p_action here(const struct jsq *j)
{
    return j->loss ? p2p_local_or_lose() : p2p_local();
}

static bool was_tried(const struct choice *c, uint32_t peer)
{
    for (uint32_t i = 0; i < c->n_tried; i++)
        if (c->tried[i] == peer)
            return true;
    return false;
}

static void consider(struct shortest *s, const struct p2p_request *rq, uint32_t peer,
                     uint64_t queue)
{
    if (queue > s->queue)
        return;
    if (queue < s->queue) {
        s->queue = queue;
        s->equals = 0;
    }
    if (++s->equals == 1 || p2p_rand_below(rq->host, s->equals) == 0)
        s->peer = peer;
}

static struct p2p_action join(const struct jsq *j, const struct p2p_request *rq, struct choice *c)
{
    struct shortest s = {(uint64_t)rq->node->load + rq->node->queue, P2P_NONE, 1};

    if (c->n_tried == MOST_TRIES)
        return here(j);
    for (uint32_t i = 0; j->information == PROBE && i < rq->n_probe; i++) {
        const struct p2p_probe *p = &rq->probe[i];

        if (p->status == P2P_PROBE_OK && !was_tried(c, p->peer))
            consider(&s, rq, p->peer, (uint64_t)p->load + p->queue);
    }
    for (uint32_t i = 0; j->information == HEARD && i < rq->n_peers; i++) {
        const struct p2p_peer *p = &rq->peers[i];
        uint64_t heard = p->heard_ns ? (uint64_t)p->load + p->queue : 0;

        if (!was_tried(c, p->id))
            consider(&s, rq, p->id, heard + p->inflight);
    }
    if (s.peer == P2P_NONE)
        return here(j);
    c->tried[c->n_tried++] = s.peer;
    return p2p_forward(s.peer);
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    const struct jsq *j = self;

    if (rq->event > P2P_EV_REFUSED || (int64_t)rq->hops >= j->max_hops || rq->n_peers == 0)
        return here(j);
    if (rq->event == P2P_EV_ARRIVAL && j->information == PROBE)
        return p2p_ask(p2p_sample(rq, MOST_PROBES), 0, 0);
    return join(j, rq, rq->state);
}

static uint32_t probes(const void *self)
{
    const struct jsq *j = self;

    return j->information == PROBE ? MOST_PROBES : 0;
}

static const struct p2p_scheduler jsq_ops = {
    .size = sizeof(jsq_ops),
    .name = "jsq",
    .version = "1.0",
    .summary = "join the shortest queue of all nodes",
    .params = params,
    .instance_size = sizeof(struct jsq),
    .decision_size = sizeof(struct choice),
    .max_probes = MOST_PROBES,
    .decide = decide,
    .probes = probes,
};

P2P_SCHEDULER_PLUGIN(jsq_ops);
