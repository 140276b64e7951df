#include "tests/engine/support_world.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"

/* Whether this thread is between enter and leave. */
static _Thread_local bool inside;

static struct fake_job *job_of(struct decision *d)
{
    return (struct fake_job *)(void *)d;
}

/* Assertions must not be made on other threads: what is wrong is counted. */
static void rule(struct fake *f, bool kept)
{
    if (!kept)
        f->broken_rules++;
}

__attribute__((format(printf, 2, 3))) static void trace(struct fake_job *j, const char *format, ...)
{
    size_t at = strlen(j->trace);
    va_list ap;

    rule(j->fake, !inside);
    va_start(ap, format);
    vsnprintf(j->trace + at, sizeof(j->trace) - at, format, ap);
    va_end(ap);
}

/* ---- struct world ---- */

static void world_enter(void *ctx, struct p2p_request *rq)
{
    struct fake *f = ctx;

    rule(f, !inside);
    pthread_mutex_lock(&f->lock);
    inside = true;
    if (rq) {
        rq->now_ns = f->now;
        rq->node = &f->node;
        rq->peers = f->up;
        rq->n_peers = f->n_up;
    }
}

static void world_leave(void *ctx)
{
    struct fake *f = ctx;

    rule(f, inside);
    inside = false;
    pthread_mutex_unlock(&f->lock);
}

static uint64_t world_now(void *ctx)
{
    rule(ctx, inside);
    return ((struct fake *)ctx)->now;
}

static bool world_peer_up(void *ctx, uint32_t peer)
{
    const struct fake *f = ctx;

    rule(ctx, inside);
    for (uint32_t i = 0; i < f->n_up; i++)
        if (f->up[i].id == peer)
            return true;
    return false;
}

static uint32_t world_peer_id(void *ctx, const char *name)
{
    rule(ctx, inside);
    (void)name;
    return P2P_NONE;
}

static const char *world_peer_name(void *ctx, uint32_t peer)
{
    const struct fake *f = ctx;

    rule(ctx, inside);
    return peer > 0 && peer <= f->last_known ? "peer" : NULL;
}

static const char *world_function_name(void *ctx, uint32_t function)
{
    rule(ctx, inside);
    return function == 2 ? "resize" : NULL;
}

static const char *world_address(void *ctx, uint32_t peer)
{
    const struct fake *f = ctx;

    rule(ctx, inside);
    if (peer == P2P_NONE)
        return "192.0.2.100:18080";
    return peer > 0 && peer <= f->last_known ? "192.0.2.1:18080" : NULL;
}

static bool world_tell(void *ctx, uint32_t peer, const char *scheduler, const void *message,
                       uint32_t len)
{
    struct fake *f = ctx;

    rule(f, inside && len > 0 && len <= P2P_MESSAGE_MAX);
    if (f->deaf)
        return false;
    snprintf(f->told, sizeof(f->told), "%u of %s: %u bytes, first %d", peer, scheduler, len,
             *(const char *)message);
    f->n_told++;
    return true;
}

static bool world_http(void *ctx, uint64_t learner, const struct p2p_http_request *request)
{
    struct fake *f = ctx;

    rule(f, inside && request->timeout_ns > 0);
    if (f->deaf)
        return false;
    f->sent[f->n_sent % FAKE_SENT].by = learner;
    f->sent[f->n_sent++ % FAKE_SENT].tag = request->tag;
    return true;
}

static void world_wake(struct decision *d, uint32_t round)
{
    struct fake_job *j = job_of(d);

    rule(j->fake, inside);
    j->wakes++;
    j->wake_round = round;
}

static uint64_t world_seed(void *ctx)
{
    return random_mix(++((struct fake *)ctx)->seeds);
}

static void world_log(void *ctx, const char *instance, uint32_t level, const char *msg)
{
    struct fake *f = ctx;
    size_t at;

    f->now += f->think_ns;
    pthread_mutex_lock(&f->log_lock);
    rule(f, instance[0] != '\0' && level <= P2P_LOG_ERROR);
    at = strlen(f->log);
    f->outcomes += strstr(msg, " outcome ") != NULL;
    f->heard += strstr(msg, " heard ") != NULL;
    f->inits += strstr(msg, " init") != NULL;
    f->finis += strstr(msg, " fini") != NULL;
    snprintf(f->log + at, sizeof(f->log) - at, "%s\n", msg);
    pthread_mutex_unlock(&f->log_lock);
}

static void world_run_here(struct decision *d, bool may_wait, uint64_t rank)
{
    job_of(d)->final_calls++;
    trace(job_of(d), may_wait ? "run" : "run_now");
    if (rank)
        trace(job_of(d), "@%llu", (unsigned long long)rank);
    trace(job_of(d), " ");
}

static void world_forward(struct decision *d, uint32_t peer)
{
    job_of(d)->final_calls++;
    trace(job_of(d), "forward%u ", peer);
    if (job_of(d)->fake->at_once)
        decision_refused(d);
}

static void world_refuse(struct decision *d, uint32_t http_status)
{
    job_of(d)->final_calls++;
    trace(job_of(d), "refuse%u ", http_status);
}

static void world_start_probes(struct decision *d, uint32_t round, uint32_t n)
{
    struct fake_job *j = job_of(d);

    trace(j, "probe%u ", n);
    j->round = round;
    for (uint32_t i = 0; j->fake->at_once && i < n; i++)
        decision_probed(d, round, i, P2P_PROBE_OK, i, 0, 4, 1000);
}

static void world_start_timer(struct decision *d, uint32_t round, uint64_t at)
{
    struct fake_job *j = job_of(d);

    trace(j, "timer+%llu ", (unsigned long long)(at - j->fake->now));
    j->round = round;
}

static void world_stop_waiting(struct decision *d)
{
    trace(job_of(d), "stop ");
}

static const struct world world = {
    .enter = world_enter,
    .leave = world_leave,
    .now = world_now,
    .peer_up = world_peer_up,
    .peer_id = world_peer_id,
    .peer_name = world_peer_name,
    .function_name = world_function_name,
    .address = world_address,
    .tell = world_tell,
    .http = world_http,
    .wake = world_wake,
    .seed = world_seed,
    .log = world_log,
    .run_here = world_run_here,
    .forward = world_forward,
    .refuse = world_refuse,
    .start_probes = world_start_probes,
    .start_timer = world_start_timer,
    .stop_waiting = world_stop_waiting,
};

/* ---- the plugin folder ---- */

void fake_rebuild(struct fake *f, unsigned version)
{
    static char data[262144];
    char from[4096], part[96], to[96];
    ssize_t n;
    int fd;

    snprintf(from, sizeof(from), "%s/scripted.so", getenv("P2P_TEST_PLUGINS"));
    snprintf(part, sizeof(part), "%s/part", f->folder);
    snprintf(to, sizeof(to), "%s/scripted.so", f->folder);
    fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("%s: %s", from, strerror(errno));
    n = read(fd, data, sizeof(data) - sizeof(version));
    assert_true(n > 0 && n < (ssize_t)(sizeof(data) - sizeof(version)));
    close(fd);
    /* Bytes after the end of an ELF file mean nothing to the loader. */
    memcpy(data + n, &version, sizeof(version));
    fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, data, (size_t)n + sizeof(version)), n + (ssize_t)sizeof(version));
    close(fd);
    assert_int_equal(rename(part, to), 0);
    if (catalog_scan(f->catalog, NULL, NULL, f->err) != 1)
        fail_msg("the rebuilt plugin was not noticed");
}

static int make_folders(struct fake *f)
{
    snprintf(f->root, sizeof(f->root), "/tmp/p2p_engine_XXXXXX");
    if (!mkdtemp(f->root))
        return -1;
    snprintf(f->folder, sizeof(f->folder), "%s/plugins", f->root);
    snprintf(f->run_dir, sizeof(f->run_dir), "%s/run", f->root);
    return mkdir(f->folder, 0700);
}

/* ---- life ---- */

int fake_setup(void **state)
{
    struct fake *f = calloc(1, sizeof(*f));

    *state = f;
    if (!f || !getenv("P2P_TEST_PLUGINS")) {
        fprintf(stderr, "P2P_TEST_PLUGINS must name the folder of the test plugins\n");
        return -1;
    }
    pthread_mutex_init(&f->lock, NULL);
    pthread_mutex_init(&f->log_lock, NULL);
    f->now = 1000000;
    f->hops = 1;
    f->node = (struct p2p_node){.size = sizeof(f->node), .slots = 4};
    f->settings = (struct engine_settings){ENGINE_FALLBACK_LOCAL, 1000000, 5000};
    if (make_folders(f))
        return -1;
    f->catalog = catalog_new(f->folder, f->run_dir, f->err);
    if (!f->catalog)
        return -1;
    fake_rebuild(f, 0);
    fake_peers(f, 1, 3);
    f->engine = engine_new(f->catalog, &world, f, &f->settings);
    return f->engine ? 0 : -1;
}

int fake_teardown(void **state)
{
    struct fake *f = *state;
    char path[96];
    int rc = 0;

    engine_free(f->engine);
    catalog_free(f->catalog);
    snprintf(path, sizeof(path), "%s/scripted.so", f->folder);
    unlink(path);
    /* catalog_free removed run_dir: the modules left no copy. */
    if (access(f->run_dir, F_OK) == 0 || rmdir(f->folder) || rmdir(f->root)) {
        fprintf(stderr, "something is left in %s\n", f->root);
        rc = -1;
    }
    if (f->inits != f->finis || module_count() != 0 || f->broken_rules) {
        fprintf(stderr, "%u init, %u fini, %u modules left, %u rules broken\n", f->inits, f->finis,
                module_count(), f->broken_rules);
        rc = -1;
    }
    pthread_mutex_destroy(&f->lock);
    pthread_mutex_destroy(&f->log_lock);
    free(f);
    return rc;
}

int fake_try_select(struct fake *f, const char *name, ...)
{
    const char *names[8], *values[8];
    struct selection s = {.name = name, .names = names, .values = values};
    va_list ap;

    va_start(ap, name);
    while (s.n < 8 && (names[s.n] = va_arg(ap, const char *)))
        values[s.n++] = va_arg(ap, const char *);
    va_end(ap);
    return engine_select(f->engine, &s, f->err);
}

void fake_peers(struct fake *f, uint32_t first, uint32_t n)
{
    pthread_mutex_lock(&f->lock);
    for (uint32_t i = 0; i < n; i++)
        f->up[i] = (struct p2p_peer){.id = first + i, .flags = P2P_PEER_UP, .slots = 4};
    f->n_up = n;
    if (f->last_known < first + n - 1)
        f->last_known = first + n - 1;
    pthread_mutex_unlock(&f->lock);
}

void fake_settings(struct fake *f, enum engine_fallback fallback, uint64_t drain_ns)
{
    f->settings.fallback = fallback;
    f->settings.drain_timeout_ns = drain_ns;
    engine_configure(f->engine, &f->settings);
}

/* ---- jobs ---- */

void fake_begin(struct fake *f, struct fake_job *j, uint64_t deadline_ns)
{
    static _Atomic uint64_t ids;
    struct decision_job job = {.id = ++ids,
                               .arrival_ns = f->now,
                               .deadline_ns = deadline_ns,
                               .payload_len = 10,
                               .function = 2,
                               .hops = f->hops,
                               .override = f->override,
                               .from = 3,
                               .flags = P2P_RQ_EXTERNAL};

    /* Nothing may depend on what was in this memory before. */
    memset(&j->decision, 0xa5, sizeof(j->decision));
    j->decision.room = (struct decision_room){.memory = j->memory,
                                              .size = sizeof(j->memory),
                                              .scheduler = j->scheduler,
                                              .choice = &j->choice};
    j->fake = f;
    j->trace[0] = '\0';
    j->final_calls = j->wakes = 0;
    decision_begin(f->engine, &j->decision, &job);
}

void fake_end(struct fake_job *j, uint32_t status)
{
    struct p2p_outcome out = {.status = status, .peer = P2P_NONE};

    decision_end(&j->decision, &out);
}

const char *fake_run(struct fake *f, struct fake_job *j)
{
    fake_begin(f, j, 0);
    fake_end(j, P2P_OUT_RAN);
    return j->trace;
}

void fake_woken(struct fake_job *j)
{
    decision_timer(&j->decision, j->wake_round);
}

void fake_answer(struct fake_job *j, uint32_t slot, uint32_t load)
{
    decision_probed(&j->decision, j->round, slot, P2P_PROBE_OK, load, 0, 4, 1000);
}

/* ---- asking ---- */

struct engine_stats fake_stats(struct fake *f)
{
    struct engine_stats stats;

    engine_stats(f->engine, &stats);
    return stats;
}

unsigned fake_said(struct fake *f, const char *text)
{
    unsigned n = 0;

    pthread_mutex_lock(&f->log_lock);
    for (const char *at = f->log; (at = strstr(at, text)); at++)
        n++;
    pthread_mutex_unlock(&f->log_lock);
    return n;
}
