/*
 * case_swap.c - 200 instances after each other, in the engine of a node: jobs come and go
 * on one thread while another selects the scheduler again and again: the first half from
 * one file, then from one that is written anew each second time.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/decision.h"
#include "engine/params.h"
#include "sdk/check/unit.h"

enum { GENERATIONS = 200, NEW_FILE_EVERY = 2, JOBS = 32, MOST_PARAMS = 64, VALUE = 300 };
#define MILLISECOND UINT64_C(1000000)

struct swapping {
    struct check *check;
    struct engine *engine;
    struct catalog *catalog;
    pthread_mutex_t lock; /* of the world */
    struct mock_world world;
    _Atomic uint64_t seeds;
    _Atomic bool done;
    uint64_t told; /* messages under way to ourselves, under the lock */
    struct message message;
    uint32_t told_by;
    /* The other thread's. */
    const char *names[MOST_PARAMS], *values[MOST_PARAMS];
    char texts[MOST_PARAMS][VALUE];
    uint32_t n_values;
    char folder[200], run_dir[200], err[P2P_ERRLEN];
};

struct swapped_job {
    struct decision decision; /* first */
    char memory[4096 + DECISION_MOST_PROBE_BYTES];
    uint32_t round, n_probes;
    bool open, timed;
    enum { TO_WAIT, TO_RUN, TO_FORWARD, TO_REFUSE } next;
};

static struct swapped_job *job_of(struct decision *d)
{
    return (struct swapped_job *)(void *)d;
}

/* ---- struct world ---- */

static void world_enter(void *ctx, struct p2p_request *rq)
{
    struct swapping *s = ctx;

    pthread_mutex_lock(&s->lock);
    if (!rq)
        return;
    rq->now_ns = s->world.now;
    rq->node = &s->world.node;
    rq->peers = s->world.peers;
    rq->n_peers = s->world.n_peers;
}

static void world_leave(void *ctx)
{
    pthread_mutex_unlock(&((struct swapping *)ctx)->lock);
}

static uint64_t now(void *ctx)
{
    return ((struct swapping *)ctx)->world.now;
}

static bool peer_up(void *ctx, uint32_t peer)
{
    return world_has(&((struct swapping *)ctx)->world, peer);
}

static uint32_t peer_id(void *ctx, const char *name)
{
    return world_id(&((struct swapping *)ctx)->world, name);
}

static const char *peer_name(void *ctx, uint32_t peer)
{
    return world_name(&((struct swapping *)ctx)->world, peer);
}

static const char *function_name(void *ctx, uint32_t function)
{
    (void)ctx;
    return world_function(function);
}

static const char *address(void *ctx, uint32_t peer)
{
    return world_address(&((struct swapping *)ctx)->world, peer);
}

/* The last one comes back as if the peer had said it. */
static bool tell(void *ctx, uint32_t peer, const char *scheduler, const void *message, uint32_t len)
{
    struct swapping *s = ctx;

    (void)scheduler;
    if (!world_has(&s->world, peer))
        return false;
    s->told++;
    s->told_by = peer;
    s->message.len = len;
    memcpy(s->message.bytes, message, len);
    return true;
}

static uint64_t seed(void *ctx)
{
    struct chance c = {++((struct swapping *)ctx)->seeds};

    return chance_bits(&c);
}

static void ignore_log(void *ctx, const char *instance, uint32_t level, const char *msg)
{
    (void)ctx;
    (void)instance;
    (void)level;
    (void)msg;
}

static void run_here(struct decision *d, bool may_wait, uint64_t rank)
{
    (void)may_wait;
    (void)rank;
    job_of(d)->next = TO_RUN;
}

static void forward(struct decision *d, uint32_t peer)
{
    (void)peer;
    job_of(d)->next = TO_FORWARD;
}

static void refuse(struct decision *d, uint32_t http_status)
{
    (void)http_status;
    job_of(d)->next = TO_REFUSE;
}

static void start_probes(struct decision *d, uint32_t round, uint32_t n)
{
    job_of(d)->round = round;
    job_of(d)->n_probes = n;
}

static void start_timer(struct decision *d, uint32_t round, uint64_t at)
{
    (void)at;
    job_of(d)->round = round;
    job_of(d)->timed = true;
    job_of(d)->next = TO_WAIT;
}

static void stop_waiting(struct decision *d)
{
    job_of(d)->timed = false;
    job_of(d)->n_probes = 0;
}

static const struct world world = {
    .enter = world_enter,
    .leave = world_leave,
    .now = now,
    .peer_up = peer_up,
    .peer_id = peer_id,
    .peer_name = peer_name,
    .function_name = function_name,
    .address = address,
    .tell = tell,
    .seed = seed,
    .log = ignore_log,
    .run_here = run_here,
    .forward = forward,
    .refuse = refuse,
    .start_probes = start_probes,
    .start_timer = start_timer,
    .stop_waiting = stop_waiting,
};

/* ---- the thread that swaps ---- */

/* The file with other bytes behind its end, which mean nothing to the loader. */
static int write_file(struct swapping *s, unsigned version)
{
    const struct check *c = s->check;
    char part[256], whole[256];
    FILE *f;
    bool good;

    snprintf(part, sizeof(part), "%s/part", s->folder);
    snprintf(whole, sizeof(whole), "%s/plugin.so", s->folder);
    f = fopen(part, "we");
    if (!f)
        goto fail;
    good =
        fwrite(c->data, 1, c->size, f) == c->size && fwrite(&version, sizeof(version), 1, f) == 1;
    if (fclose(f) || !good || rename(part, whole))
        goto fail;
    return catalog_scan(s->catalog, NULL, NULL, s->err) < 0 ? -1 : 0;
fail:
    snprintf(s->err, sizeof(s->err), "%s: %s", s->folder, strerror(errno));
    return -1;
}

static void *swap(void *arg)
{
    struct swapping *s = arg;
    struct selection wanted = {
        .name = s->check->scheduler.name, .names = s->names, .values = s->values, .n = s->n_values};

    for (unsigned i = 1; i <= GENERATIONS; i++) {
        if (i > GENERATIONS / 2 && i % NEW_FILE_EVERY == 0 && write_file(s, i))
            break;
        if (engine_select(s->engine, &wanted, s->err))
            break;
        s->err[0] = '\0';
        engine_drain(s->engine);
    }
    s->done = true;
    return NULL;
}

/* ---- the thread that works ---- */

static void begin(struct swapping *s, struct swapped_job *j, struct chance *c, uint64_t id)
{
    struct decision_job job = {.id = id,
                               .payload_len = chance_below(c, 4096),
                               .function = (uint32_t)chance_below(c, WORLD_FUNCTIONS),
                               .from = P2P_NONE};

    pthread_mutex_lock(&s->lock);
    if (chance_percent(c, 10))
        world_draw(&s->world);
    world_drift(&s->world);
    job.arrival_ns = s->world.now;
    if (chance_percent(c, 25)) {
        job.from = world_any_peer(&s->world);
        job.hops = 1;
        job.flags = P2P_RQ_EXTERNAL;
    }
    pthread_mutex_unlock(&s->lock);
    if (chance_percent(c, 25))
        job.deadline_ns = job.arrival_ns + 100 * MILLISECOND;
    j->open = true;
    j->decision.room = (struct decision_room){.memory = j->memory, .size = sizeof(j->memory)};
    decision_begin(s->engine, &j->decision, &job);
}

static void end(struct swapped_job *j, uint32_t status)
{
    struct p2p_outcome out = {.status = status, .peer = P2P_NONE};

    decision_end(&j->decision, &out);
    j->open = false;
}

/* The next thing that happens to an open job. */
static void go_on(struct swapped_job *j, struct chance *c)
{
    static const uint32_t last[] = {
        [TO_RUN] = P2P_OUT_RAN, [TO_FORWARD] = P2P_OUT_FORWARDED, [TO_REFUSE] = P2P_OUT_REJECTED};

    if (chance_percent(c, 3)) {
        end(j, P2P_OUT_CANCELLED);
    } else if (j->next == TO_FORWARD && chance_percent(c, 40)) {
        decision_refused(&j->decision);
    } else if (j->next != TO_WAIT) {
        end(j, last[j->next]);
    } else if (j->n_probes && chance_percent(c, 80)) {
        uint32_t slot = (uint32_t)chance_below(c, j->n_probes);
        bool ok = chance_percent(c, 80);

        decision_probed(&j->decision, j->round, slot, ok ? P2P_PROBE_OK : P2P_PROBE_TIMEOUT,
                        (uint32_t)chance_below(c, 8), (uint32_t)chance_below(c, 8), 4, MILLISECOND);
    } else if (j->timed) {
        decision_timer(&j->decision, j->round);
    }
}

static void deliver(struct swapping *s)
{
    struct message m;
    uint32_t from;
    bool due;

    pthread_mutex_lock(&s->lock);
    due = s->told > 0;
    s->told = 0;
    m = s->message;
    from = s->told_by;
    pthread_mutex_unlock(&s->lock);
    if (due)
        engine_hear(s->engine, from, s->check->scheduler.name, m.bytes, m.len);
}

static uint64_t work(struct swapping *s)
{
    struct swapped_job *jobs = calloc(JOBS, sizeof(*jobs));
    struct chance c = {s->check->seed};
    uint64_t n = 0;

    if (!jobs)
        return 0;
    while (!s->done) {
        struct swapped_job *j = &jobs[chance_below(&c, JOBS)];

        if (j->open)
            go_on(j, &c);
        else
            begin(s, j, &c, ++n);
        deliver(s);
        if (chance_percent(&c, 2))
            engine_tick(s->engine);
    }
    for (unsigned i = 0; i < JOBS; i++)
        if (jobs[i].open)
            end(&jobs[i], P2P_OUT_CANCELLED);
    free(jobs);
    return n;
}

/* ---- the case ---- */

/* Parameters that init() takes, as somebody would write them. */
static void choose_params(struct check *c, struct swapping *s)
{
    struct unit *u = unit_any(c, c->seed);

    for (const struct p2p_param *p = u->params; p && p->name && s->n_values < MOST_PARAMS; p++) {
        params_format(p, u->self, s->texts[s->n_values], VALUE);
        s->names[s->n_values] = p->name;
        s->values[s->n_values] = s->texts[s->n_values];
        s->n_values++;
    }
    unit_end(u);
}

static void judge(struct check *c, const struct swapping *s, const struct engine_stats *stats)
{
    if (s->err[0])
        check_fail(c, "what was taken once is taken again", "after %llu swaps: %s",
                   (unsigned long long)stats->selections, s->err);
    for (unsigned i = 0; i < MISBEHAVED_KINDS; i++)
        if (stats->misbehaved[i])
            check_fail(c, "what case 'decide' asks for",
                       "%llu answers of decide() were against the rules: %s",
                       (unsigned long long)stats->misbehaved[i],
                       misbehaviour_name((enum misbehaviour)i));
    if (stats->instances != 1)
        check_fail(c, "1", "%u instances are left when all jobs are over", stats->instances);
}

static void make_folders(struct check *c, struct swapping *s)
{
    char folder[sizeof(c->report->folder)];
    const char *base = getenv("TMPDIR");

    snprintf(folder, sizeof(folder), "%s/p2pfaas_check_XXXXXX", base && base[0] ? base : "/tmp");
    if (!mkdtemp(folder))
        check_fail(c, "a folder that can be written, in TMPDIR or /tmp",
                   "cannot make the folder %s: %s", folder, strerror(errno));
    memcpy(c->report->folder, folder, sizeof(folder));
    snprintf(s->folder, sizeof(s->folder), "%s/plugins", folder);
    snprintf(s->run_dir, sizeof(s->run_dir), "%s/run", folder);
    if (mkdir(s->folder, 0700))
        check_fail(c, "", "%s: %s", s->folder, strerror(errno));
}

static void open_stage(struct check *c, struct swapping *s)
{
    struct engine_settings settings = {ENGINE_FALLBACK_LOCAL, UINT64_C(60000) * MILLISECOND,
                                       50 * MILLISECOND};

    s->check = c;
    s->seeds = c->seed;
    pthread_mutex_init(&s->lock, NULL);
    choose_params(c, s);
    make_folders(c, s);
    if (world_open(&s->world, c->seed))
        check_fail(c, "", "out of memory");
    s->catalog = catalog_new(s->folder, s->run_dir, s->err);
    if (!s->catalog || write_file(s, 0))
        check_fail(c, "", "%s", s->err);
    s->engine = engine_new(s->catalog, &world, s, &settings);
    if (!s->engine)
        check_fail(c, "", "out of memory");
}

void case_swap(struct check *c)
{
    static struct swapping stage;
    struct swapping *s = &stage;
    struct engine_stats stats;
    pthread_t other;
    uint64_t jobs;

    if (c->scheduler.flags & P2P_SCHED_NEEDS_LEARNER)
        check_skip(c, "it needs a learner, and none takes part in this case");
    memset(s, 0, sizeof(*s));
    open_stage(c, s);
    check_enter(c, "a call while it is swapped");
    if (pthread_create(&other, NULL, swap, s))
        check_fail(c, "", "cannot start a thread");
    jobs = work(s);
    pthread_join(other, NULL);
    engine_stats(s->engine, &stats);
    engine_free(s->engine);
    catalog_free(s->catalog);
    check_leave(c);
    world_close(&s->world);
    pthread_mutex_destroy(&s->lock);
    judge(c, s, &stats);
    if (module_count() || module_pinned_count())
        check_fail(c,
                   "nothing in it that holds on: no thread-local storage; C++ is compiled with "
                   "-fno-gnu-unique",
                   "%u modules are open, %u stayed mapped when they were closed", module_count(),
                   module_pinned_count());
    check_note(c, "%llu swaps, %llu jobs", (unsigned long long)stats.selections,
               (unsigned long long)jobs);
}
