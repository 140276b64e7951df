#include "host/async/worker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "host/log.h"
#include "host/process.h"

enum {
    MOST_CHANGES = 4096,     /* that wait for the disk: then no call is begun */
    MOST_HELD = 32 << 20,    /* bytes of their results */
    CALLBACKS_AT_ONCE = 256, /* half-open ones of dead servers too */
    MOST_TELLING = 64 << 20  /* bytes of them */
};
static const uint64_t AGAIN_NS = 1000000000; /* after the disk refused */
static const double HOUSEKEEPING_SECONDS = 1;
static const double BETWEEN_PIECES_SECONDS = 0.01; /* of old results that go: calls come first */

int64_t async_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void async_count(struct async_worker *w, enum async_count which)
{
    w->async->count[which]++;
}

uint64_t async_wait_ns(struct async_worker *w, const struct retry_policy *p, unsigned made)
{
    return retry_wait_ns(p, made, random_unit(&w->random));
}

void async_drop_told(struct headers *h)
{
    static const char *const names[] = {"X-Call-Id",       "X-Duration-Seconds",
                                        "X-Function-Name", "X-Function-Status",
                                        "Sec-Fetch-Site",  "X-P2pfaas-Result-Bytes"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        headers_remove(h, names[i], strlen(names[i]));
}

void async_commit(struct async_worker *w, struct async_change *c)
{
    batch_add(&w->batch, c);
}

void async_forget(struct async_worker *w, struct queue_entry *e)
{
    queue_remove(&w->queue, e);
}

void async_later(struct async_worker *w, struct queue_entry *e, enum queue_line line,
                 uint64_t due_ns)
{
    if (queue_later(&w->queue, e, line, due_ns))
        log_event(LOG_ERROR, "a kept call waits for the next start", LOG_STR("why", "memory"));
}

/* ---- the store ---- */

static void take_up(void *ctx, const struct store_open_call *c)
{
    struct async_worker *w = ctx;
    struct retry_rules rules = w->settings.retry;
    uint64_t most, wait = 0;
    int64_t ms = c->due_ms - async_now_ms();
    struct queue_entry *e;

    if (!c->tells)
        async_rules(w->async, c->function, &rules);
    most = retry_longest_ns(&rules.policy);
    /* Whatever the clock did meanwhile. */
    if (ms > 0)
        wait = (uint64_t)ms < most / 1000000 ? (uint64_t)ms * 1000000 : most;
    e = queue_add(&w->queue, c->row, c->function, c->tells ? LINE_CALLBACK : LINE_RUN, c->attempts,
                  clock_ns() + wait);
    if (!e) {
        log_event(LOG_ERROR, "a kept call waits for the next start", LOG_STR("why", "memory"));
        return;
    }
    e->accepted_ms = c->accepted_ms;
    queue_set_bytes(&w->queue, e, c->bytes);
}

int async_open_store(struct async_worker *w)
{
    uint64_t now = clock_ns();
    char before[P2P_ERRLEN];
    bool aside;

    if (w->store)
        return 0;
    if (!w->upstreams) {
        snprintf(w->why, sizeof(w->why), "out of memory");
        return -1;
    }
    if (w->opened_ns && now - w->opened_ns < AGAIN_NS)
        return -1;
    w->opened_ns = now;
    snprintf(before, sizeof(before), "%s", w->why);
    w->store = store_open(w->async->folder, &aside, w->why);
    if (w->store && aside)
        log_event(LOG_ERROR,
                  "the file of kept calls was broken: it is kept beside as "
                  "async.db.broken-…, its calls are not run, a new one is made",
                  LOG_STR("why", w->why));
    if (w->store && store_each_open(w->store, take_up, w)) {
        snprintf(w->why, sizeof(w->why), "%s", store_why(w->store));
        store_close(w->store);
        w->store = NULL;
        queue_release(&w->queue);
    }
    if (!w->store) {
        if (strcmp(before, w->why) != 0)
            log_event(LOG_ERROR, "no calls can be kept", LOG_STR("why", w->why));
        return -1;
    }
    if (queue_size(&w->queue))
        log_event(LOG_INFO, "kept calls go on", LOG_INT("calls", queue_size(&w->queue)));
    return 0;
}

/* ---- what is done when ---- */

static void tell_failing(struct async_worker *w, bool fails)
{
    if (fails == w->failing)
        return;
    w->failing = fails;
    if (fails)
        log_event(LOG_ERROR,
                  "kept calls cannot be written; none is accepted or begun until they can",
                  LOG_STR("why", store_why(w->store)));
    else
        log_event(LOG_INFO, "kept calls can be written again");
}

/* Nothing waits to be written that would show it. */
static void probe(struct async_worker *w, uint64_t now)
{
    bool failed = store_probe(w->store) != 0;

    tell_failing(w, failed);
    if (failed) {
        async_count(w, ASYNC_COMMITS_FAILED);
        w->commit_ns = now + AGAIN_NS;
    }
}

/* Between two commits of a busy time as much goes to the requests as to the disk. */
static void commit(struct async_worker *w, uint64_t before)
{
    bool failed = batch_commit(&w->batch, w->store) != 0, busy;
    uint64_t now = clock_ns();

    async_count(w, failed ? ASYNC_COMMITS_FAILED : ASYNC_COMMITS);
    tell_failing(w, failed);
    busy = w->runs || w->deliveries || queue_wakes(&w->queue, LINE_RUN) <= now;
    w->commit_ns = now + (failed ? AGAIN_NS : busy ? now - before : 0);
}

/* Results whose callbacks wait stand in the way of more of them; runs at work may still add
 * theirs. */
static bool may_begin(const struct async_worker *w, enum queue_line line)
{
    if (w->quiesced || w->failing)
        return false;
    if (line == LINE_CALLBACK)
        return w->telling < MOST_TELLING;
    return w->batch.n < MOST_CHANGES && w->held < MOST_HELD &&
           w->queue.line[LINE_CALLBACK].bytes + (int64_t)w->held < w->settings.bytes;
}

/* As many run as the node has slots, and of each function as it has; both may change. */
static void limit_runs(struct async_worker *w)
{
    uint32_t most = w->settings.concurrency;
    struct node *n = w->node;

    w->queue.line[LINE_RUN].limit = most ? most : n->slots.limit;
    w->queue.line[LINE_CALLBACK].limit = CALLBACKS_AT_ONCE;
    for (struct queue_group *g = w->queue.groups; g; g = g->hh.next) {
        uint32_t slots;

        if (!g->id)
            g->id = function_names_find(&n->names, g->name);
        slots = n->share[g->id].limit;
        g->limit = slots ? slots : UINT32_MAX;
    }
}

static void begin_due(struct async_worker *w, uint64_t now)
{
    struct queue_entry *e;

    if (w->failing && w->batch.n == 0 && now >= w->commit_ns)
        probe(w, now);
    limit_runs(w);
    while (may_begin(w, LINE_RUN) && (e = queue_next(&w->queue, LINE_RUN, now)))
        async_run_start(w, e);
    while (may_begin(w, LINE_CALLBACK) && (e = queue_next(&w->queue, LINE_CALLBACK, now)))
        async_deliver(w, e);
}

static void tell_gauges(struct async_worker *w)
{
    const struct async_queue *q = &w->queue;
    _Atomic int64_t *gauge = w->async->gauge;

    gauge[ASYNC_QUEUED] = q->line[LINE_RUN].n;
    gauge[ASYNC_RETRYING] = q->tried_before;
    gauge[ASYNC_RUNNING] = q->line[LINE_RUN].at_work;
    gauge[ASYNC_CALLBACKS] = (int64_t)q->line[LINE_CALLBACK].n + q->line[LINE_CALLBACK].at_work;
    gauge[ASYNC_BYTES] = queue_bytes(q);
    gauge[ASYNC_KEPT_BYTES] = w->store ? store_kept(w->store) : 0;
}

static uint64_t wakes(const struct async_worker *w)
{
    uint64_t at = w->batch.n || w->failing ? w->commit_ns : QUEUE_NEVER;

    for (int line = 0; line < QUEUE_LINES; line++) {
        uint64_t due = may_begin(w, (enum queue_line)line)
                           ? queue_wakes(&w->queue, (enum queue_line)line)
                           : QUEUE_NEVER; /* a change comes first */

        at = due < at ? due : at;
    }
    return at;
}

static void on_sleep(struct ev_loop *loop, ev_prepare *p, int events)
{
    struct async_worker *w = p->data;
    uint64_t now = clock_ns(), at;

    (void)events;
    if (w->store) {
        begin_due(w, now);
        if (w->batch.n && now >= w->commit_ns) {
            commit(w, now);
            now = clock_ns();
            begin_due(w, now);
        }
    }
    tell_gauges(w);
    at = w->store ? wakes(w) : QUEUE_NEVER;
    ev_timer_stop(loop, &w->wake);
    if (at == QUEUE_NEVER)
        return;
    ev_now_update(loop);
    ev_timer_set(&w->wake, at > now ? (double)(at - now) / 1e9 : 0, 0);
    ev_timer_start(loop, &w->wake);
}

/* The work is done before the loop sleeps again. */
static void on_wake(struct ev_loop *loop, ev_timer *t, int events)
{
    (void)loop;
    (void)t;
    (void)events;
}

static void on_second(struct ev_loop *loop, ev_timer *t, int events)
{
    struct async_worker *w = t->data;

    (void)events;
    if (async_open_store(w) == 0 && !w->failing && (store_kept(w->store) > 0 || w->purges) &&
        store_purge(w->store, async_now_ms() - w->settings.keep_ms, w->settings.bytes, &w->purges))
        log_event(LOG_WARN, "old results cannot be dropped", LOG_STR("why", store_why(w->store)));
    t->repeat = w->purges ? BETWEEN_PIECES_SECONDS : HOUSEKEEPING_SECONDS;
    ev_timer_again(loop, t);
}

/* ---- life ---- */

void async_worker_configure(struct async_worker *w, const struct async_settings *s)
{
    w->settings = *s;
}

struct async_worker *async_worker_new(struct async *a)
{
    struct async_worker *w = calloc(1, sizeof(*w));
    uint64_t seed = 0;

    if (!w)
        return NULL;
    w->node = a->node;
    w->async = a;
    w->reactor = &a->thread.reactor;
    queue_init(&w->queue);
    batch_init(&w->batch);
    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        seed = clock_ns();
    random_seed(&w->random, seed);
    w->purges = true; /* what was dropped before the last stop may not be given back yet */
    async_worker_configure(w, &a->settings);
    return w;
}

static void on_begin(struct task *t)
{
    struct async_worker *w =
        (struct async_worker *)((char *)t - offsetof(struct async_worker, begin));
    struct ev_loop *loop = w->reactor->loop;

    process_unpin();
    w->upstreams = w->reactor->upstreams = upstreams_new(w->reactor, &w->async->upstream);
    ev_timer_init(&w->wake, on_wake, 0, 0);
    ev_timer_init(&w->second, on_second, HOUSEKEEPING_SECONDS, HOUSEKEEPING_SECONDS);
    ev_prepare_init(&w->before_sleep, on_sleep);
    w->before_sleep.data = w->second.data = w;
    async_open_store(w);
    ev_timer_start(loop, &w->second);
    ev_prepare_start(loop, &w->before_sleep);
}

void async_worker_begin(struct async_worker *w)
{
    w->begin.run = on_begin;
    reactor_post(w->reactor, &w->begin);
}

void async_worker_free(struct async_worker *w)
{
    struct ev_loop *loop = w->reactor->loop;

    w->quiesced = true;
    async_runs_cancel(w);
    async_deliveries_cancel(w);
    if (w->store && w->batch.n && batch_commit(&w->batch, w->store))
        log_event(LOG_ERROR, "results are lost, their calls run again after the next start",
                  LOG_INT("calls", w->batch.n), LOG_STR("why", store_why(w->store)));
    while (w->batch.n)
        batch_drop(&w->batch, "the node has stopped");
    ev_prepare_stop(loop, &w->before_sleep);
    ev_timer_stop(loop, &w->wake);
    ev_timer_stop(loop, &w->second);
    curl_loop_free(w->curls);
    if (w->upstreams)
        upstreams_free(w->upstreams);
    w->reactor->upstreams = NULL;
    store_close(w->store);
    queue_release(&w->queue);
    free(w);
}
