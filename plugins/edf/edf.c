/*
 * edf - the earliest deadline first, and none admitted that would be late or make one late.
 *
 * Of Liu and Layland, "Scheduling algorithms for multiprogramming in a hard-real-time
 * environment", Journal of the ACM 20(1), 1973, doi:10.1145/321738.321743:
 *
 *   of the jobs that wait the one of the earliest deadline runs first.  On one processor,
 *   when jobs can be interrupted, no other order meets deadlines that this one misses; but
 *   when there is more work than time one late job makes the next one late.
 *
 * Jobs are not interrupted here and slots are many, so admission keeps the promise, and is
 * ours.  A job with a deadline is admitted when, if all runs take as long as expected,
 *
 *   it ends in time: the running jobs leave their slots one by one, each goes to the
 *   waiting job of the earliest deadline, and so on, until it is this one's turn; and
 *   no admitted job that would be in time becomes late by it.
 *
 * What is expected of a run is the moving average of the function's runs here, or of all
 * where there was none, or `first_run`; `safety` times.  A run that takes longer than
 * expected is expected to end at once.  Running and waiting jobs that the book does not
 * have, of another scheduler, count as average ones that come first.
 *
 * A job that is not admitted asks `fanout` peers how loaded they are, and goes to the one
 * where it would wait least, way included, if it can end in time there; else `overload`
 * decides: refuse it, or run it after all admitted ones with a deadline.  Jobs without a deadline
 * come last of all, and are admitted while there is a place in the queue.
 */
#include <p2pfaas/plugin.h>
#include <string.h>

enum { OVERLOAD_REJECT, OVERLOAD_RUN };
enum { MOST_PROBES = 64, MOST_SLOTS = 256, FUNCTIONS = 256 };
enum { MOST_ATTEMPTS = 8 }; /* a host ends decisions that take too many steps */

/* Ranks above all deadlines. */
#define RANK_LATE (UINT64_MAX - 1)
#define RANK_NONE UINT64_MAX

struct booked {
    uint64_t serial;
    uint64_t rank;       /* its deadline, or one of those above */
    uint64_t expect_ns;  /* that it runs */
    uint64_t started_ns; /* of those that run */
};

struct book {
    struct booked *job;
    uint32_t n;
};

struct learned {
    double run_ns;
    uint32_t function;
    bool known;
};

struct edf {
    int64_t fanout, overload, first_run, room, max_hops;
    double weight, safety;
    uint64_t serial;
    struct book running, waiting; /* the waiting ones in the order of their ranks */
    struct learned of[FUNCTIONS], all;
    uint64_t free_ns[MOST_SLOTS]; /* a heap, the earliest on top; used in a plan */
    uint32_t n_free;
    uint64_t *admitted, *passed_on, *overloaded;
};

/* What one decision keeps until its outcome. */
struct choice {
    uint64_t serial; /* in the book; 0: it is not */
    uint64_t tried;  /* bit i: probe[i] was forwarded to, and refused */
};

static const char *const overloads[] = {"reject", "run", NULL};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct edf, fanout, 2, 0, MOST_PROBES,
                  "peers asked for their load by a job that is not admitted"),
    P2P_PARAM_ENUM(struct edf, overload, OVERLOAD_REJECT, overloads,
                   "a job that can be in time nowhere: refuse it, or run it after all admitted"),
    P2P_PARAM_DURATION(struct edf, first_run, 1e8, 0, 3600e9,
                       "expected of a run before there was one"),
    P2P_PARAM_NUM(struct edf, weight, 0.2, 0.001, 1, "of the newest run in the moving average"),
    P2P_PARAM_NUM(struct edf, safety, 1, 0.1, 100,
                  "runs are expected to take the average so many times"),
    P2P_PARAM_INT(struct edf, room, 1024, 1, 65536,
                  "jobs in the book; while it is full none with a deadline is admitted"),
    P2P_PARAM_INT(struct edf, max_hops, 1, 0, 1000, "forwards a job may make"),
    P2P_PARAM_END};

/* ---- how long functions run ---- */

/* The function's place, or the one that it would get; NULL when all are taken. */
static struct learned *place_of(struct edf *e, uint32_t function)
{
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        struct learned *l = &e->of[(function + i) % FUNCTIONS];

        if (!l->known || l->function == function)
            return l;
    }
    return NULL;
}

static void learn(struct learned *l, double run_ns, double weight)
{
    l->run_ns = l->known ? l->run_ns + weight * (run_ns - l->run_ns) : run_ns;
    l->known = true;
}

static void learn_run(struct edf *e, uint32_t function, uint64_t run_ns)
{
    struct learned *l = place_of(e, function);

    learn(&e->all, (double)run_ns, e->weight);
    if (l) {
        l->function = function;
        learn(l, (double)run_ns, e->weight);
    }
}

static uint64_t average(const struct edf *e)
{
    return (uint64_t)((e->all.known ? e->all.run_ns : (double)e->first_run) * e->safety);
}

static uint64_t expected(struct edf *e, uint32_t function)
{
    const struct learned *l = place_of(e, function);

    return l && l->known ? (uint64_t)(l->run_ns * e->safety) : average(e);
}

/* ---- the book ---- */

static void enter(struct book *b, uint32_t at, struct booked job)
{
    memmove(&b->job[at + 1], &b->job[at], (b->n++ - at) * sizeof(*b->job));
    b->job[at] = job;
}

static struct booked leave(struct book *b, uint32_t at)
{
    struct booked job = b->job[at];

    memmove(&b->job[at], &b->job[at + 1], (--b->n - at) * sizeof(*b->job));
    return job;
}

static bool strike(struct book *b, uint64_t serial)
{
    for (uint32_t i = 0; i < b->n; i++)
        if (b->job[i].serial == serial) {
            leave(b, i);
            return true;
        }
    return false;
}

/* Of equal ranks those that came first run first. */
static uint32_t turn_of(const struct book *b, uint64_t rank)
{
    uint32_t i = b->n;

    while (i > 0 && b->job[i - 1].rank > rank)
        i--;
    return i;
}

/* The host gave slots to those that are first. */
static void note_starts(struct edf *e, const struct p2p_request *rq)
{
    while (e->running.n < rq->node->load && e->waiting.n > 0) {
        struct booked job = leave(&e->waiting, 0);

        job.started_ns = rq->now_ns;
        enter(&e->running, e->running.n, job);
    }
}

static bool is_full(const struct edf *e)
{
    return (int64_t)e->running.n + e->waiting.n >= e->room;
}

static struct p2p_action run_at(struct edf *e, const struct p2p_request *rq, uint64_t rank)
{
    struct choice *c = rq->state;
    struct booked job = {.serial = ++e->serial,
                         .rank = rank,
                         .expect_ns = expected(e, rq->function),
                         .started_ns = rq->now_ns};

    if (!is_full(e)) {
        c->serial = job.serial;
        if (rq->node->load < rq->node->slots)
            enter(&e->running, e->running.n, job);
        else
            enter(&e->waiting, turn_of(&e->waiting, rank), job);
    }
    return p2p_local_at(rank);
}

/* ---- the plan ---- */

static void sink(struct edf *e)
{
    uint64_t moved = e->free_ns[0];
    uint32_t at = 0;

    for (uint32_t child; (child = 2 * at + 1) < e->n_free; at = child) {
        if (child + 1 < e->n_free && e->free_ns[child + 1] < e->free_ns[child])
            child++;
        if (e->free_ns[child] >= moved)
            break;
        e->free_ns[at] = e->free_ns[child];
    }
    e->free_ns[at] = moved;
}

/* A running job ends then.  When more run than there are slots, since slots were taken
 * away, the first to end leave none. */
static void ends(struct edf *e, uint64_t at_ns)
{
    if (at_ns > e->free_ns[0]) {
        e->free_ns[0] = at_ns;
        sink(e);
    }
}

/* The next in line gets the slot that is free first; when it ends. */
static uint64_t follows(struct edf *e, uint64_t run_ns)
{
    uint64_t start = e->free_ns[0];
    uint64_t end = run_ns < UINT64_MAX - start ? start + run_ns : UINT64_MAX;

    e->free_ns[0] = end;
    sink(e);
    return end;
}

static void plan_those_that_run(struct edf *e, const struct p2p_request *rq)
{
    uint64_t mean = average(e);
    uint32_t slots = rq->node->slots;

    e->n_free = slots == 0 ? 1 : slots < MOST_SLOTS ? slots : MOST_SLOTS;
    for (uint32_t i = 0; i < e->n_free; i++)
        e->free_ns[i] = rq->now_ns;
    for (uint32_t i = 0; i < e->running.n; i++)
        ends(e, e->running.job[i].started_ns + e->running.job[i].expect_ns);
    for (uint32_t i = e->running.n; i < rq->node->load && i < e->running.n + MOST_SLOTS; i++)
        ends(e, rq->now_ns + mean);
    for (uint32_t i = e->waiting.n; i < rq->node->queue && i < e->waiting.n + e->room; i++)
        follows(e, mean);
}

/* How many of the waiting jobs end late, if a job joins at that turn (or, with P2P_NONE,
 * none does); *end is when that job ends. */
static uint32_t late_ones(struct edf *e, const struct p2p_request *rq, uint32_t turn,
                          uint64_t run_ns, uint64_t *end)
{
    uint32_t late = 0;

    plan_those_that_run(e, rq);
    for (uint32_t i = 0; i < e->waiting.n; i++) {
        if (i == turn)
            *end = follows(e, run_ns);
        late += follows(e, e->waiting.job[i].expect_ns) > e->waiting.job[i].rank;
    }
    if (turn == e->waiting.n)
        *end = follows(e, run_ns);
    return late;
}

static bool admits(struct edf *e, const struct p2p_request *rq)
{
    const struct p2p_node *n = rq->node;
    uint64_t run = expected(e, rq->function), end = 0;
    uint32_t late;

    if (n->load >= n->slots && n->queue >= n->queue_limit)
        return false;
    if (rq->deadline_ns == 0)
        return true;
    if (is_full(e))
        return false;
    late = late_ones(e, rq, turn_of(&e->waiting, rq->deadline_ns), run, &end);
    return end <= rq->deadline_ns && late == late_ones(e, rq, P2P_NONE, 0, &end);
}

/* ---- elsewhere ---- */

static uint64_t delay_at(const struct edf *e, const struct p2p_probe *p)
{
    uint64_t jobs = (uint64_t)p->load + p->queue, slots = p->slots ? p->slots : 1;
    double before = jobs < slots ? 0 : (double)(jobs - slots + 1) / (double)slots;
    double wait = before * (double)average(e);

    return p->rtt_ns + (wait < 1e18 ? (uint64_t)wait : (uint64_t)1e18);
}

/* The slot of the peer of the least delay, or rq->n_probe. */
static uint32_t least_delay(const struct edf *e, const struct p2p_request *rq, uint64_t *delay)
{
    const struct choice *c = rq->state;
    uint32_t slot = rq->n_probe, equals = 0;

    for (uint32_t i = 0; i < rq->n_probe; i++) {
        uint64_t d = delay_at(e, &rq->probe[i]);

        if (rq->probe[i].status != P2P_PROBE_OK || c->tried & UINT64_C(1) << i ||
            (slot < rq->n_probe && d > *delay))
            continue;
        equals = slot < rq->n_probe && d == *delay ? equals + 1 : 1;
        if (p2p_rand_below(rq->host, equals) == 0)
            slot = i;
        *delay = d;
    }
    return slot;
}

static struct p2p_action overload(struct edf *e, const struct p2p_request *rq)
{
    ++*e->overloaded;
    if (e->overload == OVERLOAD_REJECT)
        return p2p_reject(0);
    return run_at(e, rq, rq->deadline_ns ? RANK_LATE : RANK_NONE);
}

static bool can_be_in_time(struct edf *e, const struct p2p_request *rq, uint64_t delay)
{
    return rq->deadline_ns == 0 ||
           rq->now_ns + delay + expected(e, rq->function) <= rq->deadline_ns;
}

static struct p2p_action pass_on(struct edf *e, const struct p2p_request *rq)
{
    struct choice *c = rq->state;
    uint64_t delay = 0;
    uint32_t slot = least_delay(e, rq, &delay);

    if (slot == rq->n_probe || rq->attempts >= MOST_ATTEMPTS || !can_be_in_time(e, rq, delay))
        return overload(e, rq);
    c->tried |= UINT64_C(1) << slot;
    ++*e->passed_on;
    return p2p_forward(rq->probe[slot].peer);
}

/* ---- decisions ---- */

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    struct edf *e = self;
    uint32_t n;

    if (rq->event == P2P_EV_TICK)
        return p2p_done();
    if (rq->event > P2P_EV_TICK)
        return p2p_local();
    note_starts(e, rq);
    if (admits(e, rq)) {
        ++*e->admitted;
        return run_at(e, rq, rq->deadline_ns ? rq->deadline_ns : RANK_NONE);
    }
    if (rq->event != P2P_EV_ARRIVAL)
        return pass_on(e, rq);
    if ((int64_t)rq->hops >= e->max_hops || !can_be_in_time(e, rq, 0))
        return overload(e, rq);
    n = p2p_sample(rq, (uint32_t)e->fanout);
    return n ? p2p_ask(n, 0, 0) : overload(e, rq);
}

static void outcome(void *self, const struct p2p_request *rq, const struct p2p_outcome *out)
{
    struct edf *e = self;
    const struct choice *c = rq->state;

    if (c->serial && !strike(&e->running, c->serial))
        strike(&e->waiting, c->serial);
    if (out->status == P2P_OUT_RAN)
        learn_run(e, rq->function, out->run_ns);
    note_starts(e, rq);
}

static uint32_t probes(const void *self)
{
    return (uint32_t)((const struct edf *)self)->fanout;
}

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct edf *e = self;
    size_t bytes = (size_t)e->room * sizeof(struct booked);

    e->running.job = host->alloc(host, bytes);
    e->waiting.job = host->alloc(host, bytes);
    if (!e->running.job || !e->waiting.job) {
        snprintf(err, P2P_ERRLEN, "no memory for a book with room for %lld jobs",
                 (long long)e->room);
        return -1;
    }
    e->admitted = host->counter(host, "admitted", "Jobs that were admitted here.");
    e->passed_on = host->counter(host, "passed_on", "Jobs that were not, and went to a peer.");
    e->overloaded = host->counter(host, "overloaded", "Jobs that could be in time nowhere.");
    return 0;
}

static const struct p2p_scheduler edf_ops = {
    .size = sizeof(edf_ops),
    .name = "edf",
    .version = "1.0",
    .summary = "the earliest deadline first, with admission; what does not fit goes to a peer",
    .params = params,
    .instance_size = sizeof(struct edf),
    .decision_size = sizeof(struct choice),
    .max_probes = MOST_PROBES,
    .decide = decide,
    .outcome = outcome,
    .init = init,
    .probes = probes,
};

P2P_SCHEDULER_PLUGIN(edf_ops);
