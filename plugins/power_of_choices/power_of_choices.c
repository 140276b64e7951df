/*
 * power_of_choices - ask a few random peers, go to the least loaded.
 *
 * LL(F, T) of Beraldi and Proietti Mattia, "Power of random choices made efficient
 * for fog computing", IEEE Transactions on Cloud Computing 10(2), 2022,
 * doi:10.1109/TCC.2020.2968443:
 *
 *   a job that arrives at a node with a load below T runs there; otherwise F peers,
 *   chosen at random, are asked for theirs, and the job goes to the least loaded of
 *   them if its load is below this node's.
 *
 * The load of a node is its running and its waiting jobs, its own and a peer's
 * alike.  A peer that does not answer is never chosen.  Equal peers are drawn.  A job
 * that eight of them refused stays.
 *
 * PowerOfNScheduler and PowerOfNSchedulerTau in the original P2PFaaS.
 */
#include <p2pfaas/plugin.h>

enum { MOST_PROBES = 64, MOST_TRIES = 8 };

struct power_of_choices {
    int64_t fanout, threshold, max_hops, tau;
    bool loss;
};

/* What one decision keeps between its events. */
struct choice {
    uint64_t tried; /* bit i: probe[i] was forwarded to, and refused */
    uint32_t n_tried;
    bool asked;
};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct power_of_choices, fanout, 1, 1, MOST_PROBES,
                  "F: peers asked for their load in each decision"),
    P2P_PARAM_INT(struct power_of_choices, threshold, 2, 0, 1000000,
                  "T: a node with fewer running and waiting jobs asks nobody"),
    P2P_PARAM_BOOL(struct power_of_choices, loss, 0,
                   "lose a job that finds no free slot here, do not queue it"),
    P2P_PARAM_INT(struct power_of_choices, max_hops, 1, 0, 1000, "forwards a job may make"),
    P2P_PARAM_DURATION(struct power_of_choices, tau, 0, 0, 60e9,
                       "tau: least time from a job's arrival to its start or forward"),
    P2P_PARAM_END};

static const struct p2p_alias aliases[] = {
    {"PowerOfNScheduler", 4, 0}, {"PowerOfNSchedulerTau", 5, 0}, {NULL, 0, 0}};

static struct p2p_action here(const struct power_of_choices *p)
{
    return p->loss ? p2p_local_or_lose() : p2p_local();
}

/* The slot of the peer to go to, or rq->n_probe to stay. */
static uint32_t least_loaded(const struct p2p_request *rq, const struct choice *c)
{
    uint64_t best = (uint64_t)rq->node->load + rq->node->queue;
    uint32_t slot = rq->n_probe, equals = 0;

    for (uint32_t i = 0; i < rq->n_probe; i++) {
        const struct p2p_probe *p = &rq->probe[i];
        uint64_t load = (uint64_t)p->load + p->queue;

        if (p->status != P2P_PROBE_OK || c->tried & UINT64_C(1) << i || load > best)
            continue;
        if (load < best) {
            best = load;
            slot = i;
            equals = 1;
        } else if (slot < rq->n_probe && p2p_rand_below(rq->host, ++equals) == 0) {
            slot = i;
        }
    }
    return slot;
}

static struct p2p_action settle(const struct power_of_choices *p, const struct p2p_request *rq,
                                struct choice *c)
{
    uint64_t earliest = rq->arrival_ns + (uint64_t)p->tau;
    uint32_t slot;

    if (rq->deadline_ns && earliest > rq->deadline_ns)
        earliest = rq->deadline_ns;
    if (rq->now_ns < earliest)
        return p2p_wait_until(earliest);
    slot = c->asked && c->n_tried < MOST_TRIES ? least_loaded(rq, c) : rq->n_probe;
    if (slot == rq->n_probe)
        return here(p);
    c->tried |= UINT64_C(1) << slot;
    c->n_tried++;
    return p2p_forward(rq->probe[slot].peer);
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    const struct power_of_choices *p = self;
    struct choice *c = rq->state;
    uint64_t load = (uint64_t)rq->node->load + rq->node->queue;
    uint32_t n;

    if (rq->event != P2P_EV_ARRIVAL || (int64_t)load < p->threshold ||
        (int64_t)rq->hops >= p->max_hops || rq->n_peers == 0)
        return settle(p, rq, c);
    n = p2p_sample(rq, (uint32_t)p->fanout);
    c->asked = true;
    return p2p_ask(n, 0, 0);
}

static uint32_t probes(const void *self)
{
    const struct power_of_choices *p = self;

    return (uint32_t)p->fanout;
}

static const struct p2p_scheduler power_of_choices_ops = {
    .size = sizeof(power_of_choices_ops),
    .name = "power_of_choices",
    .version = "1.0",
    .summary = "ask F random peers when loaded, go to the least loaded",
    .params = params,
    .aliases = aliases,
    .instance_size = sizeof(struct power_of_choices),
    .decision_size = sizeof(struct choice),
    .max_probes = MOST_PROBES,
    .decide = decide,
    .probes = probes,
};

P2P_SCHEDULER_PLUGIN(power_of_choices_ops);
