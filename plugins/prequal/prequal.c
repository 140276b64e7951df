/*
 * prequal - probes that are asked ahead and used again; hot nodes by jobs, cold by latency.
 *
 * Wydrowski, Kleinberg, Rumble and Archer, "Load is not what you should balance:
 * introducing Prequal", NSDI 2024, arXiv:2312.10172:
 *
 *   each job asks `probes_per_job` random nodes, for the jobs that follow.  They answer
 *   with their requests in flight (RIF) and an estimate of their latency at that RIF: the
 *   median of what recent jobs took that arrived at it.  The answers make a pool.  An
 *   answer in it is hot when its RIF is above the quantile q_rif of those heard recently.
 *   A job goes to the cold one of the least latency; when all are hot, to the one of the
 *   least RIF; which counts one request in flight more from then on.
 *   An answer leaves the pool by its age; when a newer one needs the room, the oldest;
 *   after it was used max(1, (1 + delta) / ((1 - pool/nodes) * probes_per_job -
 *   remove_per_job)) times, rounded at random; and by remove_per_job removals a job, of
 *   the worst (the hot one of the highest RIF, else the one of the highest latency) and
 *   of the oldest in turn.
 *
 * The defaults are ours, near to theirs.  Other than there, since each node is client and
 * server here:
 *   - this node is a candidate too, with exact values; so no random node is needed when
 *     the pool is empty, and nobody is asked while no jobs come.
 *   - RIF is the running and the waiting jobs; latency is that of waiting and running.
 *     That of a peer counts the round trip to it.
 *   - a newer answer of the same peer replaces the older one, as peers may be few.  With
 *     the pool no smaller than the peers the number of uses has no limit but age.
 *   - of equal latency the one of less RIF is taken, then this node.
 *   - a peer that refused a job leaves the pool.
 *   - a job that must not be forwarded asks for no probes.
 *
 * Messages: version 1, kind (1 question, 2 answer), two bytes 0, RIF (4 bytes), latency in
 * ns (8, 0 is unknown); low byte first.
 */
#include <p2pfaas/plugin.h>
#include <string.h>

#define MOST_LATENCY UINT64_C(3600000000000)

enum { VERSION = 1, ASK = 1, ANSWER = 2, LENGTH = 16 };
enum { MOST_POOL = 64, MOST_ASKED = 16, RECENT = 64, MOST_RIF = 1000000 };
enum { EXACT = 16, BUCKETS = 36, SAMPLES = 16 };
enum { MOST_ATTEMPTS = 4 };

struct answer {
    uint32_t peer, rif, uses;
    uint64_t latency_ns, heard_ns;
};

/* What jobs took that found about as many here. */
struct bucket {
    uint64_t took_ns[SAMPLES];
    uint32_t n, next;
};

struct prequal {
    double probes_per_job, remove_per_job, q_rif, delta;
    int64_t pool_size, age, max_hops;
    struct answer pool[MOST_POOL]; /* the oldest first */
    uint32_t n;
    uint32_t recent[RECENT], n_recent, next_recent;
    double to_ask, to_remove; /* fractions that are left over */
    bool oldest_next;
    struct bucket bucket[BUCKETS];
    uint64_t *asked, *here, *hot;
};

/* What one decision keeps until its outcome. */
struct job {
    uint32_t rif;  /* that it found here */
    uint32_t peer; /* whom it was sent to */
    bool local;
};

static const struct p2p_param params[] = {
    P2P_PARAM_NUM(struct prequal, probes_per_job, 3, 0, MOST_ASKED,
                  "random peers asked by each job, for later ones; may be a fraction"),
    P2P_PARAM_NUM(struct prequal, remove_per_job, 1, 0, MOST_POOL,
                  "answers removed by each job, worst and oldest in turn; may be a fraction"),
    P2P_PARAM_NUM(struct prequal, q_rif, 0.84, 0, 1,
                  "a node is hot above this quantile of the jobs in flight; 1: none ever is"),
    P2P_PARAM_NUM(struct prequal, delta, 1, 0, 1000,
                  "an answer is used (1 + delta) times the uses that keep the pool full"),
    P2P_PARAM_INT(struct prequal, pool_size, 16, 1, MOST_POOL, "answers kept"),
    P2P_PARAM_DURATION(struct prequal, age, 1e9, 1e6, 3600e9, "an older answer is not used"),
    P2P_PARAM_INT(struct prequal, max_hops, 1, 0, 1000, "forwards a job may make"),
    P2P_PARAM_END};

/* ---- messages ---- */

static void put(unsigned char *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t get(const unsigned char *at, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

static bool send(const struct p2p_request *rq, uint32_t peer, uint32_t kind, uint32_t rif,
                 uint64_t latency_ns)
{
    unsigned char bytes[LENGTH] = {VERSION, (unsigned char)kind};

    put(bytes + 4, rif, 4);
    put(bytes + 8, latency_ns, 8);
    return rq->host->tell(rq->host, peer, bytes, sizeof(bytes));
}

/* ---- the server: what it answers ---- */

static uint32_t own_rif(const struct p2p_request *rq)
{
    uint64_t rif = (uint64_t)rq->node->load + rq->node->queue;

    return rif < MOST_RIF ? (uint32_t)rif : MOST_RIF;
}

/* One a RIF at first, then one each time it doubles. */
static uint32_t bucket_of(uint32_t rif)
{
    uint32_t i = EXACT;

    if (rif < EXACT)
        return rif;
    while (i < BUCKETS - 1 && (rif /= 2) >= EXACT)
        i++;
    return i;
}

static uint64_t median(const struct bucket *b)
{
    uint64_t sorted[SAMPLES];

    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t k = i;

        for (; k > 0 && sorted[k - 1] > b->took_ns[i]; k--)
            sorted[k] = sorted[k - 1];
        sorted[k] = b->took_ns[i];
    }
    return sorted[b->n / 2];
}

/* Of the nearest RIF that there were jobs at, the higher one of two; 0 when there were
 * none at all. */
static uint64_t latency_at(const struct prequal *p, uint32_t rif)
{
    uint32_t b = bucket_of(rif);

    for (uint32_t off = 0; off < BUCKETS; off++) {
        if (b + off < BUCKETS && p->bucket[b + off].n > 0)
            return median(&p->bucket[b + off]);
        if (off <= b && p->bucket[b - off].n > 0)
            return median(&p->bucket[b - off]);
    }
    return 0;
}

static void outcome(void *self, const struct p2p_request *rq, const struct p2p_outcome *out)
{
    struct prequal *p = self;
    const struct job *job = rq->state;
    uint64_t took = out->queue_ns + out->run_ns;
    struct bucket *b = &p->bucket[bucket_of(job->rif)];

    if (out->status != P2P_OUT_RAN || !job->local)
        return;
    b->took_ns[b->next] = took < MOST_LATENCY ? took : MOST_LATENCY;
    b->next = (b->next + 1) % SAMPLES;
    b->n += b->n < SAMPLES;
}

/* ---- the pool ---- */

static void remove_at(struct prequal *p, uint32_t i)
{
    p->n--;
    memmove(&p->pool[i], &p->pool[i + 1], (p->n - i) * sizeof(p->pool[0]));
}

static void remove_peer(struct prequal *p, uint32_t peer)
{
    for (uint32_t i = p->n; i-- > 0;)
        if (p->pool[i].peer == peer)
            remove_at(p, i);
}

static const struct p2p_peer *find_peer(const struct p2p_request *rq, uint32_t id)
{
    for (uint32_t i = 0; i < rq->n_peers; i++)
        if (rq->peers[i].id == id)
            return &rq->peers[i];
    return NULL;
}

static void remove_the_old_and_the_gone(struct prequal *p, const struct p2p_request *rq)
{
    for (uint32_t i = p->n; i-- > 0;)
        if (p->pool[i].heard_ns + (uint64_t)p->age <= rq->now_ns || !find_peer(rq, p->pool[i].peer))
            remove_at(p, i);
}

static uint32_t uses_of_an_answer(const struct prequal *p, const struct p2p_request *rq)
{
    double nodes = rq->n_peers, pool = (double)p->pool_size;
    double fresh = nodes > pool ? (1 - pool / nodes) * p->probes_per_job : 0;
    double uses;
    uint32_t whole;

    if (fresh <= p->remove_per_job)
        return UINT32_MAX;
    uses = (1 + p->delta) / (fresh - p->remove_per_job);
    if (uses < 1)
        return 1;
    if (uses > MOST_RIF)
        return UINT32_MAX;
    whole = (uint32_t)uses;
    return whole + (p2p_rand_unit(rq->host) < uses - whole);
}

static void add_answer(struct prequal *p, const struct p2p_request *rq, uint32_t rif,
                       uint64_t latency_ns)
{
    remove_peer(p, rq->from);
    if ((int64_t)p->n == p->pool_size)
        remove_at(p, 0);
    p->pool[p->n++] = (struct answer){.peer = rq->from,
                                      .rif = rif,
                                      .uses = uses_of_an_answer(p, rq),
                                      .latency_ns = latency_ns,
                                      .heard_ns = rq->now_ns};
    p->recent[p->next_recent] = rif;
    p->next_recent = (p->next_recent + 1) % RECENT;
    p->n_recent += p->n_recent < RECENT;
}

static void heard(void *self, const struct p2p_request *rq, const void *message, uint32_t len)
{
    const unsigned char *bytes = message;
    struct prequal *p = self;
    uint64_t rif, latency;

    if (len != LENGTH || bytes[0] != VERSION || get(bytes + 2, 2) != 0 || !find_peer(rq, rq->from))
        return;
    rif = get(bytes + 4, 4);
    latency = get(bytes + 8, 8);
    if (bytes[1] == ASK && rif == 0 && latency == 0)
        send(rq, rq->from, ANSWER, own_rif(rq), latency_at(p, own_rif(rq)));
    else if (bytes[1] == ANSWER && rif <= MOST_RIF && latency <= MOST_LATENCY)
        add_answer(p, rq, (uint32_t)rif, latency);
}

/* ---- hot and cold ---- */

/* The RIF above which a node is hot. */
static uint32_t hot_above(const struct prequal *p)
{
    uint32_t sorted[RECENT];

    if (p->q_rif >= 1 || p->n_recent == 0)
        return UINT32_MAX;
    for (uint32_t i = 0; i < p->n_recent; i++) {
        uint32_t k = i;

        for (; k > 0 && sorted[k - 1] > p->recent[i]; k--)
            sorted[k] = sorted[k - 1];
        sorted[k] = p->recent[i];
    }
    return sorted[(uint32_t)(p->q_rif * p->n_recent)];
}

struct candidate {
    uint32_t rif;
    uint64_t latency_ns;
};

static bool is_better(struct candidate a, struct candidate b, uint32_t limit)
{
    bool a_hot = a.rif > limit, b_hot = b.rif > limit;

    if (a_hot != b_hot)
        return b_hot;
    if (a_hot || a.latency_ns == b.latency_ns)
        return a.rif < b.rif;
    return a.latency_ns < b.latency_ns;
}

static struct candidate seen_from_here(const struct answer *a, const struct p2p_request *rq)
{
    const struct p2p_peer *peer = find_peer(rq, a->peer);

    return (struct candidate){a->rif, a->latency_ns + (peer ? peer->rtt_ns : 0)};
}

/* The place in the pool to go to, or p->n for here. */
static uint32_t choose(struct prequal *p, const struct p2p_request *rq)
{
    struct candidate best = {own_rif(rq), latency_at(p, own_rif(rq))};
    uint32_t limit = hot_above(p), chosen = p->n;

    for (uint32_t i = 0; i < p->n; i++) {
        struct candidate c = seen_from_here(&p->pool[i], rq);

        if (is_better(c, best, limit)) {
            best = c;
            chosen = i;
        }
    }
    *p->hot += best.rif > limit;
    return chosen;
}

static uint32_t worst(const struct prequal *p)
{
    uint32_t limit = hot_above(p), found = 0;

    for (uint32_t i = 1; i < p->n; i++) {
        struct candidate a = {p->pool[i].rif, p->pool[i].latency_ns};
        struct candidate b = {p->pool[found].rif, p->pool[found].latency_ns};

        if (is_better(b, a, limit))
            found = i;
    }
    return found;
}

/* ---- decisions ---- */

static void remove_some(struct prequal *p)
{
    uint32_t n;

    p->to_remove += p->remove_per_job;
    n = (uint32_t)p->to_remove;
    p->to_remove -= n;
    for (; n > 0; n--) {
        if (p->n > 0)
            remove_at(p, p->oldest_next ? 0 : worst(p));
        p->oldest_next = !p->oldest_next;
    }
}

static void ask_some(struct prequal *p, const struct p2p_request *rq)
{
    uint32_t n;

    p->to_ask += p->probes_per_job;
    n = (uint32_t)p->to_ask;
    p->to_ask -= n;
    n = p2p_sample(rq, n);
    for (uint32_t i = 0; i < n; i++)
        *p->asked += send(rq, rq->probe[i].peer, ASK, 0, 0);
}

static struct p2p_action here(struct prequal *p, const struct p2p_request *rq)
{
    struct job *job = rq->state;

    job->rif = own_rif(rq);
    job->local = true;
    ++*p->here;
    return p2p_local();
}

static struct p2p_action place(struct prequal *p, const struct p2p_request *rq)
{
    struct job *job = rq->state;
    uint32_t i = choose(p, rq), peer;

    if (i == p->n)
        return here(p, rq);
    peer = p->pool[i].peer;
    p->pool[i].rif++;
    if (--p->pool[i].uses == 0)
        remove_at(p, i);
    job->peer = peer;
    return p2p_forward(peer);
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    struct prequal *p = self;
    struct p2p_action a;

    if ((rq->event != P2P_EV_ARRIVAL && rq->event != P2P_EV_REFUSED) ||
        (int64_t)rq->hops >= p->max_hops || rq->attempts > MOST_ATTEMPTS)
        return here(p, rq);
    if (rq->event == P2P_EV_REFUSED)
        remove_peer(p, ((const struct job *)rq->state)->peer);
    remove_the_old_and_the_gone(p, rq);
    a = place(p, rq);
    if (rq->event == P2P_EV_ARRIVAL) {
        remove_some(p);
        ask_some(p, rq);
    }
    return a;
}

static uint32_t probes(const void *self)
{
    const struct prequal *p = self;
    uint32_t whole = (uint32_t)p->probes_per_job;

    return whole + (p->probes_per_job > whole);
}

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct prequal *p = self;

    (void)err;
    p->asked = host->counter(host, "asked", "Questions sent to peers.");
    p->here = host->counter(host, "here", "Jobs that were decided to run here.");
    p->hot = host->counter(host, "all_hot", "Jobs for which all nodes were hot.");
    return 0;
}

static const struct p2p_scheduler prequal_ops = {
    .size = sizeof(prequal_ops),
    .name = "prequal",
    .version = "1.0",
    .summary = "peers asked ahead for jobs and latency: hot ones by jobs, cold by latency",
    .params = params,
    .instance_size = sizeof(struct prequal),
    .decision_size = sizeof(struct job),
    .max_probes = MOST_ASKED,
    .decide = decide,
    .outcome = outcome,
    .init = init,
    .probes = probes,
    .heard = heard,
};

P2P_SCHEDULER_PLUGIN(prequal_ops);
