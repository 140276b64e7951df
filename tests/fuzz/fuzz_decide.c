/*
 * fuzz_decide.c - a scheduler whose answers are the input, in a world whose events
 * are the input too: swaps, forced drains, peers that come and go, late answers, messages.
 * Rules of world.h and of the ABI are checked; at the end every decision must come
 * to its end by timers and refusals alone.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/private.h"

enum { JOBS = 4, PEERS = 8, PROBE_TIMEOUT = 5000, DRAIN = 2000 };

struct job {
    struct decision decision; /* first */
    _Alignas(16) unsigned char memory[128];
    bool open, has_outcome;
    uint32_t round;
    unsigned outcomes;
};

static struct {
    const uint8_t *data;
    size_t size;
    struct engine *engine;
    struct job jobs[JOBS];
    uint64_t now;
    uint32_t up; /* bit i: peer i is up */
    uint8_t at_once;
    bool locked;
    struct p2p_node node;
    struct p2p_peer peers[PEERS];
    unsigned alive; /* instances between init and fini */
    unsigned expected, told, heard;
} w;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

/* Zeros once the input is used up. */
static void take(void *out, size_t n)
{
    size_t have = n < w.size ? n : w.size;

    memset(out, 0, n);
    if (have)
        memcpy(out, w.data, have);
    w.data += have;
    w.size -= have;
}

static uint8_t take_byte(void)
{
    uint8_t byte;

    take(&byte, 1);
    return byte;
}

/* ---- the scheduler ---- */

/* The host's promise: zero at arrival, then what was left there. */
static void check_state(const struct p2p_request *rq, uint32_t size)
{
    unsigned char *state = rq->state, mine = (unsigned char)(rq->id | 0x80);

    for (uint32_t i = 0; i < size; i++)
        MUST(state[i] == (rq->event == P2P_EV_ARRIVAL ? 0 : mine));
    if (size)
        memset(state, mine, size);
}

static struct p2p_action decide_any(const struct p2p_request *rq, uint32_t state_size)
{
    struct p2p_action a;

    MUST(w.locked);
    take(&a, sizeof(a));
    if (rq->event == P2P_EV_TICK)
        return a;
    MUST(rq->n_probe <= rq->probe_cap && rq->now_ns == w.now);
    check_state(rq, state_size);
    for (uint32_t i = 0; i < rq->probe_cap && i < 8; i++)
        rq->probe[i].peer = a.t >> (8 * i) & 0xf;
    for (uint32_t i = 8; i < rq->probe_cap; i++)
        rq->probe[i].peer = i;
    /* Most answers are near the legal ones, or little would be reached. */
    if (a.kind & 0x80)
        return a;
    a.kind = a.kind % 6;
    if (a.kind == P2P_FORWARD)
        a.a %= PEERS + 1;
    else if (a.kind == P2P_PROBE)
        a.a &= 0x3000f;
    else if (a.kind == P2P_LOCAL)
        a.a &= 3;
    a.t = w.now + a.t % 4096;
    return a;
}

static struct p2p_action decide_small(void *self, const struct p2p_request *rq)
{
    ++*(uint64_t *)self;
    return decide_any(rq, 16);
}

static struct p2p_action decide_large(void *self, const struct p2p_request *rq)
{
    ++*(uint64_t *)self;
    return decide_any(rq, 4096);
}

static struct p2p_action decide_empty(void *self, const struct p2p_request *rq)
{
    ++*(uint64_t *)self;
    return decide_any(rq, 0);
}

static void outcome(void *self, const struct p2p_request *rq, const struct p2p_outcome *out)
{
    ++*(uint64_t *)self;
    MUST(w.locked && out->size == sizeof(*out));
    for (int i = 0; i < JOBS; i++)
        w.jobs[i].outcomes += &w.jobs[i].decision.rq == rq;
    w.told++;
}

static int init(void *self, const struct p2p_host *host, char *err)
{
    (void)self;
    (void)err;
    *host->counter(host, "made", "instances") = 1;
    MUST(host->alloc(host, 100));
    w.alive++;
    return 0;
}

/* Now and then it answers, with a length that may be wrong. */
static void heard(void *self, const struct p2p_request *rq, const void *message, uint32_t len)
{
    uint8_t answer = take_byte();
    const unsigned char *bytes = message;

    ++*(uint64_t *)self;
    MUST(w.locked && rq->now_ns == w.now && !rq->state && !rq->n_probe && !rq->probe_cap);
    MUST(len >= 1 && len <= P2P_MESSAGE_MAX && (uintptr_t)message % 8 == 0);
    for (uint32_t i = 0; i < len; i++)
        MUST(bytes[i] == (unsigned char)len);
    w.heard++;
    if (answer & 1)
        rq->host->tell(rq->host, rq->from, message, answer & 2 ? len : answer);
}

static uint32_t probes(const void *self)
{
    return (uint32_t)(uintptr_t)self % 128;
}

static void fini(void *self)
{
    ++*(uint64_t *)self;
    w.alive--;
}

#define SCHEDULER(n, d, s, p, o, h)                                                                \
    {                                                                                              \
        .size = sizeof(struct p2p_scheduler), .name = (n), .instance_size = 8,                     \
        .decision_size = (s), .max_probes = (p), .tick_ns = 1, .decide = (d), .outcome = (o),      \
        .init = init, .fini = fini, .probes = (h) ? probes : NULL, .heard = (h)                    \
    }
static const struct p2p_scheduler schedulers[] = {
    SCHEDULER("small", decide_small, 16, 8, outcome, heard),
    SCHEDULER("quiet", decide_small, 16, 8, NULL, NULL),
    SCHEDULER("large", decide_large, 4096, 64, outcome, heard),
    SCHEDULER("empty", decide_empty, 0, 3, outcome, NULL),
};

/* ---- the world ---- */

static struct job *job_of(struct decision *d)
{
    return (struct job *)(void *)d;
}

static void end_job(struct job *j, uint32_t status)
{
    struct p2p_outcome out = {.status = status, .peer = P2P_NONE};

    decision_end(&j->decision, &out);
    MUST(j->outcomes <= 1);
    j->open = false;
}

static void enter(void *ctx, struct p2p_request *rq)
{
    uint32_t n = 0;

    (void)ctx;
    MUST(!w.locked);
    w.locked = true;
    if (!rq)
        return;
    for (uint32_t i = 0; i < PEERS; i++)
        if (w.up >> i & 1)
            w.peers[n++] = (struct p2p_peer){.id = i, .flags = P2P_PEER_UP};
    rq->now_ns = w.now;
    rq->node = &w.node;
    rq->peers = w.peers;
    rq->n_peers = n;
}

static void leave(void *ctx)
{
    (void)ctx;
    MUST(w.locked);
    w.locked = false;
}

static uint64_t now(void *ctx)
{
    (void)ctx;
    return w.now;
}

static bool peer_up(void *ctx, uint32_t peer)
{
    (void)ctx;
    MUST(w.locked);
    return peer < PEERS && w.up >> peer & 1;
}

static const char *peer_name(void *ctx, uint32_t peer)
{
    (void)ctx;
    MUST(w.locked);
    return peer < PEERS ? "peer" : NULL;
}

static bool tell(void *ctx, uint32_t peer, const char *scheduler, const void *message, uint32_t len)
{
    (void)ctx;
    (void)message;
    MUST(w.locked && len >= 1 && len <= P2P_MESSAGE_MAX);
    MUST(strcmp(scheduler, w.engine->current->ops.name) == 0);
    return peer < PEERS && w.up >> peer & 1;
}

static uint64_t seed(void *ctx)
{
    (void)ctx;
    return 1;
}

static void run_here(struct decision *d, bool may_wait, uint64_t rank)
{
    (void)rank;
    MUST(!w.locked && d->state == DECISION_LOCAL);
    if (w.at_once & 1)
        end_job(job_of(d), may_wait ? P2P_OUT_RAN : P2P_OUT_FULL);
}

static void forward(struct decision *d, uint32_t peer)
{
    MUST(!w.locked && d->state == DECISION_FORWARDED && peer < PEERS && w.up >> peer & 1);
    if (w.at_once & 2)
        decision_refused(d);
    else if (w.at_once & 4)
        end_job(job_of(d), P2P_OUT_FORWARDED);
}

static void refuse(struct decision *d, uint32_t http_status)
{
    MUST(!w.locked && d->state == DECISION_REJECTED);
    MUST(http_status == 0 || (http_status >= 400 && http_status <= 599));
    if (w.at_once & 8)
        end_job(job_of(d), P2P_OUT_REJECTED);
}

static void start_probes(struct decision *d, uint32_t round, uint32_t n)
{
    MUST(!w.locked && d->state == DECISION_PROBING && n >= 1 && n <= d->rq.probe_cap);
    for (uint32_t i = 0; w.at_once & 16 && i < n; i++)
        decision_probed(d, round, i, i % 3 ? P2P_PROBE_OK : P2P_PROBE_GONE, i, 0, 1, 1);
}

static void start_timer(struct decision *d, uint32_t round, uint64_t at)
{
    MUST(!w.locked && round == d->round);
    MUST(d->state == DECISION_PROBING || d->state == DECISION_WAITING);
    MUST(d->state != DECISION_WAITING || at > w.now);
    MUST(d->state != DECISION_PROBING || at <= w.now + PROBE_TIMEOUT);
    MUST(!d->rq.deadline_ns || at <= d->rq.deadline_ns);
    job_of(d)->round = round;
}

static void stop_waiting(struct decision *d)
{
    MUST(!w.locked && job_of(d)->open);
}

static const struct world world = {.enter = enter,
                                   .leave = leave,
                                   .now = now,
                                   .peer_up = peer_up,
                                   .peer_name = peer_name,
                                   .tell = tell,
                                   .seed = seed,
                                   .run_here = run_here,
                                   .forward = forward,
                                   .refuse = refuse,
                                   .start_probes = start_probes,
                                   .start_timer = start_timer,
                                   .stop_waiting = stop_waiting};

/* ---- events ---- */

/* engine_select without its catalog: there is no shared object to open here. */
static void swap(const struct p2p_scheduler *s)
{
    struct catalog_hit hit = {.scheduler = s};
    struct selection selection = {.name = s->name};
    struct engine *e = w.engine;
    struct instance *old = e->current, *done = NULL;
    char err[P2P_ERRLEN];

    e->current = instance_new(&world, NULL, &hit, &selection, err);
    MUST(e->current && instance_start(e->current, err) == 0);
    MUST(e->current->n_probes <= s->max_probes);
    e->stats.instances++;
    if (!old)
        return;
    old->retired = true;
    old->retired_ns = w.now;
    if (old->pins) {
        old->next = e->retired;
        e->retired = old;
    } else {
        e->stats.instances--;
        done = old;
    }
    if (done)
        instance_free(done);
}

static void begin(struct job *j)
{
    static uint64_t ids;
    struct decision_job job = {.id = ++ids, .arrival_ns = w.now, .from = P2P_NONE};
    uint8_t deadline = take_byte();

    if ((deadline & 0x70) == 0x70)
        job.override = OVERRIDE_BYPASS + (deadline >> 1 & 7) % 3;
    job.deadline_ns = deadline & 1 ? w.now + 32u * deadline : 0;
    memset(&j->decision, 0xa5, sizeof(j->decision));
    j->decision.room = (struct decision_room){.memory = j->memory, .size = sizeof(j->memory)};
    j->open = true;
    j->outcomes = 0;
    w.expected += !job.override && w.engine->current && w.engine->current->ops.outcome;
    decision_begin(w.engine, &j->decision, &job);
}

static void job_event(struct job *j, uint8_t op)
{
    uint8_t arg = take_byte();

    if (!j->open) {
        begin(j);
        return;
    }
    switch (op % 5) {
    case 0:
    case 1: /* now and then of the round before */
        decision_probed(&j->decision, j->round - (arg & 0x80 ? 1 : 0), arg & 0xf, 1 + arg / 16 % 3,
                        arg, 0, 4, 10);
        break;
    case 2:
        decision_timer(&j->decision, j->round - (arg & 1));
        break;
    case 3:
        decision_refused(&j->decision);
        break;
    default:
        end_job(j, arg % 6);
    }
}

static void hear(void)
{
    static const unsigned lengths[] = {0, 1, 7, 1023, 1024, 1025, 1200, 64};
    unsigned char memory[1200 + 7], what = take_byte();
    uint32_t len = lengths[what & 7];
    const struct p2p_scheduler *s = &schedulers[what >> 3 & 3];
    const struct instance *now_there = w.engine->current;
    unsigned before = w.heard;
    bool right = now_there && now_there->ops.heard && strcmp(now_there->ops.name, s->name) == 0 &&
                 len >= 1 && len <= P2P_MESSAGE_MAX;

    memset(memory, (int)(len & 0xff), sizeof(memory));
    MUST(engine_hear(w.engine, what >> 5, s->name, memory + what % 7, len) == right);
    MUST(w.heard == before + right);
}

static void world_event(uint8_t op)
{
    struct engine_settings settings = {op & 8 ? ENGINE_FALLBACK_REJECT : ENGINE_FALLBACK_LOCAL,
                                       op & 16 ? DRAIN : 0, PROBE_TIMEOUT};

    switch (op % 8) {
    case 0:
        swap(&schedulers[op / 8 % 4]);
        break;
    case 1:
        engine_drain(w.engine);
        break;
    case 2:
        engine_configure(w.engine, &settings);
        break;
    case 3:
        w.up = take_byte();
        break;
    case 4:
        w.now += 16u * take_byte();
        break;
    case 5:
        w.at_once = take_byte();
        break;
    case 6:
        hear();
        break;
    default:
        engine_tick(w.engine);
    }
}

/* By timers and refusals alone. */
static void finish(struct job *j)
{
    for (unsigned n = 0; j->open; n++) {
        MUST(n <= ENGINE_MAX_STEPS);
        switch (j->decision.state) {
        case DECISION_PROBING:
        case DECISION_WAITING:
            decision_timer(&j->decision, j->round);
            break;
        case DECISION_FORWARDED:
            decision_refused(&j->decision);
            break;
        default:
            end_job(j, P2P_OUT_RAN);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct engine_settings settings = {ENGINE_FALLBACK_LOCAL, DRAIN, PROBE_TIMEOUT};
    struct engine_stats stats;

    memset(&w, 0, sizeof(w));
    w.data = data;
    w.size = size;
    w.now = 1000;
    w.up = 0x7f;
    w.engine = engine_new(NULL, &world, NULL, &settings);
    MUST(w.engine);
    while (w.size) {
        uint8_t op = take_byte();

        if (op & 0x80)
            world_event(op & 0x7f);
        else
            job_event(&w.jobs[op % JOBS], op / JOBS);
        MUST(!w.locked && w.alive == w.engine->stats.instances);
    }
    w.at_once &= (uint8_t)~4u;
    for (int i = 0; i < JOBS; i++)
        finish(&w.jobs[i]);
    engine_stats(w.engine, &stats);
    MUST(w.told + stats.outcomes_dropped == w.expected);
    MUST(w.alive == (w.engine->current != NULL) && !w.engine->retired);
    engine_free(w.engine);
    MUST(w.alive == 0);
    return 0;
}
