/*
 * sequential_probing - ask one random peer after another, stop at the first that will do.
 *
 * Beraldi and Alnuweiri, "Sequential Randomization load balancing for Fog Computing",
 * SoftCOM 2018, doi:10.23919/SOFTCOM.2018.8555797, propose sequential in place of
 * parallel probing of random nodes, and find it superior.  An older relative is the
 * threshold policy with a probe limit of Eager, Lazowska and Zahorjan, "Adaptive load
 * sharing in homogeneous distributed systems", IEEE Transactions on Software
 * Engineering 12(5), 1986, doi:10.1109/TSE.1986.6312961.  Here:
 *
 *   a job that arrives at a node with a load below T runs there; otherwise up to F
 *   peers, chosen at random and distinct, are asked one after another.  It goes to the
 *   first that the policy takes:
 *
 *     threshold   a peer with a load below T; the job runs here when there is none
 *     less        a peer with a load below this node's; runs here when there is none
 *     best        as threshold; when there is none, to the least loaded of those asked
 *                 if its load is below this node's.  Never worse informed than asking
 *                 all F at once, only later.
 *
 * The load of a node is its running and its waiting jobs.  The search ends when this
 * node's own falls below T meanwhile.  A peer that refuses is as good as not asked: the
 * search goes on where it was.  When a peer accepts with probability p, a search asks
 * (1 - (1-p)^F) / p of them on average, where parallel probing asks F.
 *
 * The policies are how we read the title and abstract, not text of the paper.
 */
#include <p2pfaas/plugin.h>

/* Each peer may cost two calls of decide, an answer and a refusal, and a job has 32. */
enum { MOST_PROBES = 15 };
enum policy { THRESHOLD, LESS, BEST };

struct sequential_probing {
    int64_t fanout, threshold, policy, max_hops, timeout;
    bool loss;
};

struct search {
    uint32_t n, asked; /* of peer[] */
    uint32_t peer[MOST_PROBES];
    uint64_t load[MOST_PROBES]; /* NOT_THIS: silent, or it refused */
};
#define NOT_THIS UINT64_MAX

static const char *const policies[] = {"threshold", "less", "best", NULL};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct sequential_probing, fanout, 3, 1, MOST_PROBES,
                  "F: peers asked in each decision, at most"),
    P2P_PARAM_INT(struct sequential_probing, threshold, 2, 0, 1000000,
                  "T: a node with fewer running and waiting jobs asks nobody"),
    P2P_PARAM_ENUM(struct sequential_probing, policy, BEST, policies,
                   "which peer takes the job: the first with a load below T, the first with less "
                   "than this node, or the best of all asked when none is below T"),
    P2P_PARAM_INT(struct sequential_probing, max_hops, 1, 0, 1000, "forwards a job may make"),
    P2P_PARAM_DURATION(struct sequential_probing, timeout, 0, 0, 60e9,
                       "time for the answer of each peer; 0: the node's probe_timeout"),
    P2P_PARAM_BOOL(struct sequential_probing, loss, 0,
                   "lose a job that finds no free slot here, do not queue it"),
    P2P_PARAM_END};

static struct p2p_action here(const struct sequential_probing *p)
{
    return p->loss ? p2p_local_or_lose() : p2p_local();
}

static uint64_t load_here(const struct p2p_request *rq)
{
    return (uint64_t)rq->node->load + rq->node->queue;
}

static void draw(const struct sequential_probing *p, const struct p2p_request *rq, struct search *s)
{
    s->n = p2p_sample(rq, (uint32_t)p->fanout);
    for (uint32_t i = 0; i < s->n; i++)
        s->peer[i] = rq->probe[i].peer;
}

/* Equal ones are in random order already. */
static struct p2p_action to_best(const struct sequential_probing *p, const struct p2p_request *rq,
                                 struct search *s)
{
    uint64_t least = load_here(rq);
    uint32_t best = s->n;

    for (uint32_t i = 0; p->policy == BEST && i < s->asked; i++) {
        if (s->load[i] < least) {
            least = s->load[i];
            best = i;
        }
    }
    if (best == s->n)
        return here(p);
    s->load[best] = NOT_THIS;
    return p2p_forward(s->peer[best]);
}

static struct p2p_action go_on(const struct sequential_probing *p, const struct p2p_request *rq,
                               struct search *s)
{
    if ((int64_t)load_here(rq) < p->threshold)
        return here(p);
    if (s->asked == s->n)
        return to_best(p, rq, s);
    rq->probe[0].peer = s->peer[s->asked];
    s->load[s->asked++] = NOT_THIS;
    return p2p_ask(1, 0, (uint64_t)p->timeout);
}

static struct p2p_action answered(const struct sequential_probing *p, const struct p2p_request *rq,
                                  struct search *s)
{
    const struct p2p_probe *probe = rq->probe;
    uint64_t load = (uint64_t)probe->load + probe->queue;
    uint64_t enough = p->policy == LESS ? load_here(rq) : (uint64_t)p->threshold;

    if (probe->status != P2P_PROBE_OK || (int64_t)load_here(rq) < p->threshold)
        return go_on(p, rq, s);
    if (load < enough)
        return p2p_forward(probe->peer);
    s->load[s->asked - 1] = load;
    return go_on(p, rq, s);
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    const struct sequential_probing *p = self;
    struct search *s = rq->state;

    if ((int64_t)rq->hops >= p->max_hops)
        return here(p);
    switch (rq->event) {
    case P2P_EV_ARRIVAL:
        if ((int64_t)load_here(rq) >= p->threshold)
            draw(p, rq, s);
        return go_on(p, rq, s);
    case P2P_EV_PROBED:
        return s->asked && rq->n_probe ? answered(p, rq, s) : here(p);
    case P2P_EV_REFUSED:
        return go_on(p, rq, s);
    default:
        return here(p);
    }
}

static uint32_t probes(const void *self)
{
    const struct sequential_probing *p = self;

    return (uint32_t)p->fanout;
}

static const struct p2p_scheduler sequential_probing_ops = {
    .size = sizeof(sequential_probing_ops),
    .name = "sequential_probing",
    .version = "1.0",
    .summary = "ask up to F random peers one after another, go to the first that will do",
    .params = params,
    .instance_size = sizeof(struct sequential_probing),
    .decision_size = sizeof(struct search),
    .max_probes = MOST_PROBES,
    .decide = decide,
    .probes = probes,
};

P2P_SCHEDULER_PLUGIN(sequential_probing_ops);
