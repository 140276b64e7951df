/*
 * sed - to the node where the job's expected delay is the shortest.
 *
 * Shortest expected delay routing: a job joins the queue that promises the least sum of
 * waiting and service, which with servers of unequal speed is natural and near-optimal
 * (Selen, Adan, Kapodistria and van Leeuwaarden, "Steady-state analysis of shortest
 * expected delay routing", Queueing Systems 84, 2016, doi:10.1007/s11134-016-9497-7).
 * It is greedy, and under heavy load threshold rules do better for all jobs together
 * (Weinrib and Shenker, "Greed is not enough: adaptive load sharing in large
 * heterogeneous systems", INFOCOM 1988, doi:10.1109/INFCOM.1988.13015).
 *
 *   delay = run * max(1, (load + queue + 1) / slots) + rtt
 *
 *   load, queue, slots   of the node.  With exponential service this is the mean exactly:
 *                        a job that finds a free slot runs at once, one that finds none
 *                        waits for (load + queue + 1 - slots) jobs to end.
 *   run                  time that the job's function takes here, times the slowness of
 *                        the node, which is 1 here
 *   rtt                  to the peer and back; 0 here
 *
 * What is learned, from jobs that ended, by exponentially weighted means:
 *
 *   - for each function, its run time here; until it ran here, what peers told of it
 *   - for each peer, its slowness: run time there / run time here of the same function.
 *     The mean of this, not of the speed: that of 1 / run time need not exist.
 *
 * A peer is as fast as this node until a job of a function that ran here too ran there.
 * What is known of a peer that gets no jobs fades back to that within `forget`: one
 * cold start, or a day of heavy load, is not held against it forever.
 *
 * Asked are `fanout` random peers; with 0 nobody, and all peers are considered by what
 * was last heard of them and by the jobs of ours that they have not answered.  This node
 * wins against an equal peer, equal peers are drawn.  A peer that refuses is not tried
 * again for that job; after 8 refusals it runs here.
 *
 * Kept are 1024 peers and 256 functions, by id; beyond it new ones displace old ones.
 */
#include <p2pfaas/plugin.h>

enum { MOST_PROBES = 64, MOST_TRIES = 8, PEERS = 1024, FUNCTIONS = 256 };

struct mean {
    double value;
    uint32_t id, n; /* n = 0: empty */
};

struct knowledge {
    struct mean run[FUNCTIONS];  /* nanoseconds */
    uint8_t ran_here[FUNCTIONS]; /* 0: run[] is what peers told */
    struct mean slowness[PEERS]; /* of peers; 1 = as this node */
    uint64_t learned_ns[PEERS];
};

struct shortest_delay {
    int64_t fanout, threshold, max_hops, forget;
    double weight;
    bool loss;
    struct knowledge known;
};

struct choice {
    uint32_t tried[MOST_TRIES];
    uint32_t n_tried;
};

/* The best so far; P2P_NONE is this node. */
struct best {
    double delay;
    uint32_t peer, equals;
};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct shortest_delay, fanout, 2, 0, MOST_PROBES,
                  "peers asked for their load in each decision; 0: none, go by what was heard of "
                  "all"),
    P2P_PARAM_INT(struct shortest_delay, threshold, 0, 0, 1000000,
                  "a node with fewer running and waiting jobs keeps the job"),
    P2P_PARAM_NUM(struct shortest_delay, weight, 0.1, 0.001, 1,
                  "of the newest run time in the means; the first ones weigh more"),
    P2P_PARAM_DURATION(struct shortest_delay, forget, 600e9, 0, 86400e9,
                       "a peer that ran no job for it is taken to be as fast as this node; 0: "
                       "never"),
    P2P_PARAM_INT(struct shortest_delay, max_hops, 1, 0, 1000, "forwards a job may make"),
    P2P_PARAM_BOOL(struct shortest_delay, loss, 0,
                   "lose a job that finds no free slot here, do not queue it"),
    P2P_PARAM_END};

static struct p2p_action here(const struct shortest_delay *s)
{
    return s->loss ? p2p_local_or_lose() : p2p_local();
}

/* ---- what was learned ---- */

static bool is_known(const struct mean *m, uint32_t id)
{
    return m->n > 0 && m->id == id;
}

/* The plain mean of the first few. */
static void add(struct mean *m, uint32_t id, double value, double weight)
{
    if (!is_known(m, id))
        *m = (struct mean){.id = id};
    m->n += m->n < UINT32_MAX;
    if (weight < 1.0 / m->n)
        weight = 1.0 / m->n;
    m->value += weight * (value - m->value);
}

/* How much of what is known of the peer has faded: 0 nothing, 1 all. */
static double faded(const struct shortest_delay *s, uint32_t peer, uint64_t now_ns)
{
    uint64_t learned_ns = s->known.learned_ns[peer % PEERS];
    double age = now_ns > learned_ns ? (double)(now_ns - learned_ns) : 0;

    if (!is_known(&s->known.slowness[peer % PEERS], peer))
        return 1;
    return s->forget == 0 ? 0 : age < (double)s->forget ? age / (double)s->forget : 1;
}

static double slowness(const struct shortest_delay *s, uint32_t peer, uint64_t now_ns)
{
    double gone = faded(s, peer, now_ns);

    return gone < 1 ? s->known.slowness[peer % PEERS].value * (1 - gone) + gone : 1;
}

static void learn_here(struct shortest_delay *s, uint32_t function, double run)
{
    struct mean *m = &s->known.run[function % FUNCTIONS];

    if (!s->known.ran_here[function % FUNCTIONS])
        m->n = 0;
    s->known.ran_here[function % FUNCTIONS] = 1;
    add(m, function, run, s->weight);
}

/* A wrong clock, or a lie, counts as a thousand times at most. */
static double ratio(double run, double base)
{
    double r = run / base;

    return r < 1e-3 ? 1e-3 : r > 1e3 ? 1e3 : r;
}

static void learn_peer(struct shortest_delay *s, uint32_t function, uint32_t peer, double run,
                       uint64_t now_ns)
{
    struct mean *m = &s->known.run[function % FUNCTIONS];
    struct mean *of_peer = &s->known.slowness[peer % PEERS];

    if (!is_known(m, function) || !s->known.ran_here[function % FUNCTIONS]) {
        s->known.ran_here[function % FUNCTIONS] = 0;
        add(m, function, run / slowness(s, peer, now_ns), s->weight);
        return;
    }
    if (faded(s, peer, now_ns) >= 1)
        of_peer->n = 0;
    add(of_peer, peer, ratio(run, m->value), s->weight);
    s->known.learned_ns[peer % PEERS] = now_ns;
}

static void outcome(void *self, const struct p2p_request *rq, const struct p2p_outcome *out)
{
    struct shortest_delay *s = self;

    /* A function that failed is no measure of speed, nor is a peer that tells no time. */
    if (out->run_ns == 0 || out->http_status >= 500)
        return;
    if (out->status == P2P_OUT_RAN)
        learn_here(s, rq->function, (double)out->run_ns);
    else if (out->status == P2P_OUT_FORWARDED)
        learn_peer(s, rq->function, out->peer, (double)out->run_ns, rq->now_ns);
}

/* ---- where to go ---- */

static bool was_tried(const struct choice *c, uint32_t peer)
{
    for (uint32_t i = 0; i < c->n_tried; i++)
        if (c->tried[i] == peer)
            return true;
    return false;
}

/* In units of the function's run time here. */
static double share(uint64_t jobs, uint32_t slots)
{
    double share = ((double)jobs + 1) / (slots ? slots : 1);

    return share < 1 ? 1 : share;
}

static void consider(struct best *b, const struct p2p_request *rq, uint32_t peer, double delay)
{
    if (delay > b->delay || (b->peer == P2P_NONE && delay >= b->delay))
        return;
    if (delay < b->delay) {
        b->delay = delay;
        b->equals = 0;
    }
    if (++b->equals == 1 || p2p_rand_below(rq->host, b->equals) == 0)
        b->peer = peer;
}

/* Where the function's time is unknown, units are all there is, and round trips are left out. */
static uint32_t shortest(const struct shortest_delay *s, const struct p2p_request *rq,
                         const struct choice *c)
{
    const struct mean *m = &s->known.run[rq->function % FUNCTIONS];
    bool timed = is_known(m, rq->function);
    double run = timed ? m->value : 1, rtt = timed ? 1 : 0;
    struct best b = {run * share((uint64_t)rq->node->load + rq->node->queue, rq->node->slots),
                     P2P_NONE, 0};

    for (uint32_t i = 0; s->fanout > 0 && i < rq->n_probe; i++) {
        const struct p2p_probe *p = &rq->probe[i];
        double units = share((uint64_t)p->load + p->queue, p->slots);

        if (p->status == P2P_PROBE_OK && !was_tried(c, p->peer))
            consider(&b, rq, p->peer,
                     run * slowness(s, p->peer, rq->now_ns) * units + rtt * (double)p->rtt_ns);
    }
    for (uint32_t i = 0; s->fanout == 0 && i < rq->n_peers; i++) {
        const struct p2p_peer *p = &rq->peers[i];
        uint64_t heard = p->heard_ns ? (uint64_t)p->load + p->queue : 0;
        double units = share(heard + p->inflight, p->slots);

        if (!was_tried(c, p->id))
            consider(&b, rq, p->id,
                     run * slowness(s, p->id, rq->now_ns) * units + rtt * (double)p->rtt_ns);
    }
    return b.peer;
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    const struct shortest_delay *s = self;
    struct choice *c = rq->state;
    uint64_t load = (uint64_t)rq->node->load + rq->node->queue;
    uint32_t peer;

    if (rq->event > P2P_EV_REFUSED || (int64_t)load < s->threshold ||
        (int64_t)rq->hops >= s->max_hops || rq->n_peers == 0 || c->n_tried == MOST_TRIES)
        return here(s);
    if (rq->event == P2P_EV_ARRIVAL && s->fanout > 0)
        return p2p_ask(p2p_sample(rq, (uint32_t)s->fanout), 0, 0);
    peer = shortest(s, rq, c);
    if (peer == P2P_NONE)
        return here(s);
    c->tried[c->n_tried++] = peer;
    return p2p_forward(peer);
}

static bool save(void *self, struct p2p_stream *out)
{
    const struct shortest_delay *s = self;

    return p2p_put(out, &s->known, sizeof(s->known));
}

static bool are_times(const struct mean *m, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (m[i].n > 0 && !(m[i].value > 0 && m[i].value < 1e19))
            return false;
    return true;
}

static bool load(void *self, struct p2p_stream *in)
{
    struct shortest_delay *s = self;

    return p2p_get(in, &s->known, sizeof(s->known)) && are_times(s->known.run, FUNCTIONS) &&
           are_times(s->known.slowness, PEERS);
}

static uint32_t probes(const void *self)
{
    const struct shortest_delay *s = self;

    return (uint32_t)s->fanout;
}

static const struct p2p_scheduler sed_ops = {
    .size = sizeof(sed_ops),
    .name = "sed",
    .version = "1.0",
    .summary = "go where the expected delay is the shortest, by loads and learned speeds",
    .state_format = "sed-1",
    .params = params,
    .instance_size = sizeof(struct shortest_delay),
    .decision_size = sizeof(struct choice),
    .max_probes = MOST_PROBES,
    .decide = decide,
    .outcome = outcome,
    .save = save,
    .load = load,
    .probes = probes,
};

P2P_SCHEDULER_PLUGIN(sed_ops);
