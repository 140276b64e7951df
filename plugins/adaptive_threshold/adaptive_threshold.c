/*
 * adaptive_threshold - each node finds out for itself from which load on asking pays.
 *
 * The setting is that of Beraldi, Canali, Lancellotti and Proietti Mattia, "Distributed
 * load balancing for heterogeneous fog computing infrastructures in smart cities",
 * Pervasive and Mobile Computing, 2020, doi:10.1016/j.pmcj.2020.101221: nodes of unequal
 * size under unequal load, both changing, and nobody who knows them all; one threshold
 * cannot suit every node, nor one node at all times.  Their answer is two distributed
 * algorithms.  The rule below is ours, and no claim about theirs:
 *
 *   The load of a node is its running and waiting jobs for each of its slots, so that a
 *   big and a small node compare.  Each node has its own threshold T.  A job that
 *   arrives at a load below T runs there; otherwise F random peers are asked, and it
 *   goes to the least loaded of them if its load is below this node's.
 *
 *   a round of probes that finds such a peer:  T -= step * (1 - target)
 *   one that has answers, but finds none:      T += step * target
 *
 *   within [min_threshold, max_threshold].  The higher the load that a node asks at, the
 *   likelier is a find, so T comes to rest where a share `target` of the rounds finds
 *   one: Robbins and Monro's stochastic approximation with a constant step.  A node
 *   among idle ones asks early, one among busy ones stops asking in vain.
 *
 *   A T that became too high would never hear of it.  So a job below T, at a node that
 *   is not idle nor below min_threshold, is asked about with probability `explore`.
 *   There only a find counts; that none was found is no news.
 *
 * The least T is 1 by default: a job that finds a free slot gains nothing elsewhere.  It
 * does where running jobs slow each other down; a least T below 1 is for such nodes.
 *
 * An idle node asks nobody.  Equal peers are drawn.  T is a gauge, and goes over to the
 * instance that follows.
 */
#include <p2pfaas/plugin.h>
#include <string.h>

enum { MOST_PROBES = 64, MOST_TRIES = 8, MOST_THRESHOLD = 1000000 };

struct adaptive {
    int64_t fanout, max_hops;
    double threshold, min_threshold, max_threshold, step, target, explore;
    bool loss;
    double current; /* T */
    double *gauge;
    uint64_t *finds, *vain;
};

struct choice {
    uint64_t tried; /* bit i: probe[i] was forwarded to, and refused */
    uint32_t n_tried;
    bool below; /* T, when it arrived */
};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct adaptive, fanout, 1, 1, MOST_PROBES,
                  "F: peers asked for their load in each decision"),
    P2P_PARAM_NUM(struct adaptive, threshold, 1, 0, MOST_THRESHOLD,
                  "T at the start: running and waiting jobs for each slot"),
    P2P_PARAM_NUM(struct adaptive, min_threshold, 1, 0, MOST_THRESHOLD,
                  "the least that T may become"),
    P2P_PARAM_NUM(struct adaptive, max_threshold, 4, 0, MOST_THRESHOLD,
                  "the most that T may become"),
    P2P_PARAM_NUM(struct adaptive, step, 0.05, 0, 1000,
                  "how far one round of probes moves T; 0: T stays"),
    P2P_PARAM_NUM(struct adaptive, target, 0.5, 0, 1,
                  "share of the rounds that are to find a less loaded peer"),
    P2P_PARAM_NUM(struct adaptive, explore, 0.02, 0, 1,
                  "probability of asking below T, to notice that T is too high"),
    P2P_PARAM_INT(struct adaptive, max_hops, 1, 0, 1000, "forwards a job may make"),
    P2P_PARAM_BOOL(struct adaptive, loss, 0,
                   "lose a job that finds no free slot here, do not queue it"),
    P2P_PARAM_END};

static struct p2p_action here(const struct adaptive *a)
{
    return a->loss ? p2p_local_or_lose() : p2p_local();
}

/* Equal fractions are equal doubles, so that loads can be compared for equality. */
static double per_slot(uint32_t load, uint32_t queue, uint32_t slots)
{
    return ((double)load + queue) / (slots ? slots : 1);
}

static double load_here(const struct p2p_request *rq)
{
    return per_slot(rq->node->load, rq->node->queue, rq->node->slots);
}

static void set_threshold(struct adaptive *a, double t)
{
    a->current = t < a->min_threshold   ? a->min_threshold
                 : t > a->max_threshold ? a->max_threshold
                                        : t;
    *a->gauge = a->current;
}

/* The slot of the peer to go to, or rq->n_probe to stay. */
static uint32_t least_loaded(const struct p2p_request *rq, const struct choice *c)
{
    double best = load_here(rq);
    uint32_t slot = rq->n_probe, equals = 0;

    for (uint32_t i = 0; i < rq->n_probe; i++) {
        const struct p2p_probe *p = &rq->probe[i];
        double load = per_slot(p->load, p->queue, p->slots);

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

static void learn(struct adaptive *a, const struct p2p_request *rq, const struct choice *c,
                  bool found)
{
    bool any = false;

    for (uint32_t i = 0; i < rq->n_probe; i++)
        any |= rq->probe[i].status == P2P_PROBE_OK;
    if (!any)
        return;
    ++*(found ? a->finds : a->vain);
    if (found)
        set_threshold(a, a->current - a->step * (1 - a->target));
    else if (!c->below)
        set_threshold(a, a->current + a->step * a->target);
}

static struct p2p_action settle(struct adaptive *a, const struct p2p_request *rq, struct choice *c)
{
    uint32_t slot = c->n_tried < MOST_TRIES ? least_loaded(rq, c) : rq->n_probe;

    if (rq->event == P2P_EV_PROBED)
        learn(a, rq, c, slot < rq->n_probe);
    if (slot == rq->n_probe)
        return here(a);
    c->tried |= UINT64_C(1) << slot;
    c->n_tried++;
    return p2p_forward(rq->probe[slot].peer);
}

static bool pays(const struct adaptive *a, const struct p2p_request *rq, struct choice *c)
{
    double load = load_here(rq);

    c->below = load < a->current;
    if (load == 0 || (int64_t)rq->hops >= a->max_hops || rq->n_peers == 0)
        return false;
    if (!c->below)
        return true;
    return load >= a->min_threshold && p2p_rand_unit(rq->host) < a->explore;
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    struct adaptive *a = self;
    struct choice *c = rq->state;

    if (rq->event == P2P_EV_PROBED || rq->event == P2P_EV_REFUSED)
        return settle(a, rq, c);
    if (rq->event != P2P_EV_ARRIVAL || !pays(a, rq, c))
        return here(a);
    return p2p_ask(p2p_sample(rq, (uint32_t)a->fanout), 0, 0);
}

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct adaptive *a = self;

    if (a->min_threshold > a->threshold || a->threshold > a->max_threshold) {
        snprintf(err, P2P_ERRLEN,
                 "threshold is %g, with min_threshold %g and max_threshold %g; allowed: "
                 "min_threshold <= threshold <= max_threshold",
                 a->threshold, a->min_threshold, a->max_threshold);
        return -1;
    }
    a->gauge = host->gauge(host, "threshold", "Jobs for each slot from which on peers are asked");
    a->finds = host->counter(host, "finds_total", "Rounds of probes with a less loaded peer");
    a->vain = host->counter(host, "vain_total",
                            "Rounds of probes with answers, but none less "
                            "loaded");
    set_threshold(a, a->threshold);
    return 0;
}

/* What is saved; nothing lies between or behind its members. */
struct saved {
    char magic[8];
    double threshold;
};
static const char magic[8] = "P2Pthr2";

static bool save(void *self, struct p2p_stream *out)
{
    const struct adaptive *a = self;
    struct saved s = {.threshold = a->current};

    memcpy(s.magic, magic, sizeof(magic));
    return p2p_put(out, &s, sizeof(s));
}

/* What it learned under other bounds is brought within these. */
static bool load(void *self, struct p2p_stream *in)
{
    struct saved s;
    char more;

    if (!p2p_get(in, &s, sizeof(s)) || in->read(in, &more, 1) != 0 ||
        memcmp(s.magic, magic, sizeof(magic)) != 0 ||
        !(s.threshold >= 0 && s.threshold <= MOST_THRESHOLD))
        return false;
    set_threshold(self, s.threshold);
    return true;
}

static uint32_t probes(const void *self)
{
    const struct adaptive *a = self;

    return (uint32_t)a->fanout;
}

static const struct p2p_scheduler adaptive_threshold_ops = {
    .size = sizeof(adaptive_threshold_ops),
    .name = "adaptive_threshold",
    .version = "1.0",
    .summary = "ask F random peers from a load on that each node learns for itself",
    .state_format = "adaptive_threshold-2",
    .params = params,
    .instance_size = sizeof(struct adaptive),
    .decision_size = sizeof(struct choice),
    .max_probes = MOST_PROBES,
    .decide = decide,
    .init = init,
    .save = save,
    .load = load,
    .probes = probes,
};

P2P_SCHEDULER_PLUGIN(adaptive_threshold_ops);
