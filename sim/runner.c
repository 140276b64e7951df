#include "sim/runner.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"

enum { PROGRESS_EVERY_MS = 500, PLAIN_PROGRESS_EVERY = 10 /* times that, where no terminal is */ };

/* One point of the sweep. */
struct work_point {
    unsigned index;
    struct scenario scenario;
    bool read;
    struct result **results;
    unsigned started, ended;
    char err[P2P_ERRLEN]; /* why it failed */
};

struct runner {
    const struct runner_setup *setup;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct work_point *point;
    unsigned n_points, next;   /* next: to be started */
    _Atomic uint64_t *done_ns; /* of each thread's simulation */
    _Atomic bool stop;
    struct simulation_cost cost;
    uint64_t units_ended;
    struct run_config run; /* of the first point */
    struct timespec began;
};

struct worker {
    struct runner *r;
    unsigned number;
    pthread_t thread;
};

/* ---- one simulation ---- */

static uint64_t seed_of(const struct work_point *p, unsigned replication)
{
    struct random r;

    random_stream(&r, (uint64_t)p->scenario.run.seed, replication);
    return replication ? random_next(&r) : (uint64_t)p->scenario.run.seed;
}

static int read_point(struct runner *r, struct work_point *p)
{
    const struct runner_setup *s = r->setup;
    struct scenario_override all[RUNNER_MAX_OVERRIDES + SWEEP_MAX_AXES];
    unsigned n;

    for (n = 0; n < s->n_overrides; n++)
        all[n] = s->overrides[n];
    n += sweep_point(s->sweep, p->index, &all[n]);
    if (scenario_read(&p->scenario, s->file, all, n, p->err))
        return -1;
    p->read = true;
    if (p == r->point)
        r->run = p->scenario.run;
    p->results = calloc((size_t)p->scenario.run.replications, sizeof(struct result *));
    if (!p->results)
        snprintf(p->err, sizeof(p->err), "out of memory");
    return p->results ? 0 : -1;
}

static void simulate(struct runner *r, struct work_point *p, unsigned replication, unsigned thread)
{
    struct simulation_setup setup = {.scenario = &p->scenario,
                                     .catalog = r->setup->catalog,
                                     .seed = seed_of(p, replication),
                                     .result = result_new(&p->scenario),
                                     .trace = r->setup->trace,
                                     .learners = r->setup->learners,
                                     .done_ns = &r->done_ns[thread],
                                     .cancelled = &r->stop};
    struct simulation_cost cost = {0};
    char err[P2P_ERRLEN] = "out of memory for the results";
    int rc = setup.result ? simulation_run(&setup, &cost, err) : -1;

    pthread_mutex_lock(&r->lock);
    p->results[replication] = setup.result;
    if (rc && !p->err[0])
        snprintf(p->err, sizeof(p->err), "%s", err);
    r->cost.events += cost.events;
    r->cost.jobs += cost.jobs;
    r->cost.virtual_ns += cost.virtual_ns;
    pthread_mutex_unlock(&r->lock);
}

/* ---- threads ---- */

/* Nothing more is started; what was before it goes on, so that the results up to a point
 * that fails are the same for any number of threads. */
static void start_no_more(struct runner *r)
{
    r->next = r->n_points;
}

/* The next replication to run; its point is read by who starts its first.  Under lock. */
static struct work_point *take(struct runner *r, unsigned *replication)
{
    struct work_point *p;

    if (r->stop || r->next == r->n_points)
        return NULL;
    p = &r->point[r->next];
    if (!p->read && read_point(r, p)) {
        start_no_more(r);
        return NULL;
    }
    *replication = p->started++;
    /* Whoever ends the last one may take the point away. */
    r->next += p->started == (unsigned)p->scenario.run.replications;
    return p;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct runner *r = w->r;
    struct work_point *p;
    unsigned replication;

    pthread_mutex_lock(&r->lock);
    while ((p = take(r, &replication))) {
        pthread_mutex_unlock(&r->lock);
        simulate(r, p, replication, w->number);
        pthread_mutex_lock(&r->lock);
        p->ended++;
        r->units_ended++;
        r->done_ns[w->number] = 0;
        if (p->err[0])
            start_no_more(r);
        pthread_cond_signal(&r->changed);
    }
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* ---- progress ---- */

static double seconds_since(const struct timespec *t)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - t->tv_sec) + (double)(now.tv_nsec - t->tv_nsec) / 1e9;
}

/* What is done of everything, 0 to 1; under lock.  All points are taken to be as long as
 * the first. */
static double share_done(const struct runner *r)
{
    const struct run_config *run = &r->run;
    double each = (double)run->warm_up + (double)run->length, running = 0;

    if (each <= 0)
        return 0;
    for (unsigned i = 0; i < r->setup->threads; i++)
        running += (double)r->done_ns[i] / each;
    return ((double)r->units_ended + running) / ((double)r->n_points * (double)run->replications);
}

static void show_progress(const struct runner *r, unsigned done)
{
    double share = share_done(r), spent = seconds_since(&r->began);
    char left[32] = "";

    if (share > 0.01 && share < 1)
        snprintf(left, sizeof(left), ", %.0f s left", spent / share * (1 - share));
    fprintf(stderr, "%s%3.0f %%, %u of %u points, %.0f s%s%s", isatty(2) ? "\r\033[K" : "",
            share < 1 ? share * 100 : 100, done, r->n_points, spent, left, isatty(2) ? "" : "\n");
    fflush(stderr);
}

static void clear_progress(void)
{
    if (isatty(2))
        fputs("\r\033[K", stderr);
}

static bool is_cancelled(const struct runner *r)
{
    return r->setup->cancelled && *r->setup->cancelled;
}

/* Until point p has ended, or nothing will.  Under lock. */
static void await(struct runner *r, const struct work_point *p, unsigned done)
{
    unsigned rounds = 0;

    while (!p->err[0] && !(p->read && p->ended == (unsigned)p->scenario.run.replications)) {
        struct timespec until;

        if (is_cancelled(r))
            r->stop = true;
        if (r->stop && p->ended == p->started)
            return;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += PROGRESS_EVERY_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&r->changed, &r->lock, &until);
        if (r->setup->progress && (isatty(2) || ++rounds % PLAIN_PROGRESS_EVERY == 0))
            show_progress(r, done);
    }
}

/* ---- all of it ---- */

static void release_point(struct work_point *p)
{
    for (unsigned i = 0; p->results && i < p->started; i++)
        result_free(p->results[i]);
    free(p->results);
    if (p->read)
        scenario_release(&p->scenario);
    p->results = NULL;
    p->read = false;
    p->started = 0;
}

/* Under lock, which is left while the result is handed out. */
static int hand_out(struct runner *r, struct work_point *p, char *err)
{
    const struct runner_setup *s = r->setup;
    int rc;

    if (p->err[0] || p->ended != (unsigned)p->scenario.run.replications || !p->read) {
        if (p->err[0] && s->sweep->n_points > 1)
            snprintf(err, P2P_ERRLEN, "%.220s (point %u)", p->err, p->index + 1);
        else
            snprintf(err, P2P_ERRLEN, "%s", p->err[0] ? p->err : "interrupted");
        return -1;
    }
    pthread_mutex_unlock(&r->lock);
    if (s->progress)
        clear_progress();
    rc = s->done(s->ctx, p->index, p->results, p->ended, err);
    pthread_mutex_lock(&r->lock);
    return rc;
}

/* One that is cancelled hands out what has ended behind the first that has not. */
static int collect(struct runner *r, char *err)
{
    int rc = 0;

    pthread_mutex_lock(&r->lock);
    for (unsigned i = 0; i < r->n_points && (rc == 0 || is_cancelled(r)); i++) {
        char why[P2P_ERRLEN];

        await(r, &r->point[i], i);
        if (hand_out(r, &r->point[i], rc ? why : err))
            rc = -1;
        else
            release_point(&r->point[i]);
    }
    r->stop = true;
    pthread_mutex_unlock(&r->lock);
    return rc;
}

static int list_points(struct runner *r, char *err)
{
    const struct runner_setup *s = r->setup;

    r->point = calloc(s->sweep->n_points, sizeof(*r->point));
    r->done_ns = calloc(s->threads, sizeof(*r->done_ns));
    if (!r->point || !r->done_ns)
        goto memory;
    for (unsigned i = s->share; i < s->sweep->n_points; i += s->shares) {
        r->point[r->n_points].index = i;
        r->n_points++;
    }
    return 0;
memory:
    snprintf(err, P2P_ERRLEN, "out of memory for %u points", s->sweep->n_points);
    return -1;
}

int runner_run(const struct runner_setup *setup, struct simulation_cost *sum, char err[P2P_ERRLEN])
{
    struct runner r = {.setup = setup};
    struct worker *workers = calloc(setup->threads, sizeof(*workers));
    unsigned n_workers = 0;
    sigset_t all, before;
    int rc = list_points(&r, err);

    pthread_mutex_init(&r.lock, NULL);
    pthread_cond_init(&r.changed, NULL);
    clock_gettime(CLOCK_MONOTONIC, &r.began);
    /* Signals are for who awaits the points. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    for (; rc == 0 && workers && n_workers < setup->threads; n_workers++) {
        workers[n_workers] = (struct worker){&r, n_workers, 0};
        if (pthread_create(&workers[n_workers].thread, NULL, work, &workers[n_workers]))
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0 && n_workers == 0) {
        snprintf(err, P2P_ERRLEN, "no thread can be started");
        rc = -1;
    }
    if (rc == 0)
        rc = collect(&r, err);
    for (unsigned i = 0; i < n_workers; i++)
        pthread_join(workers[i].thread, NULL);
    for (unsigned i = 0; i < r.n_points; i++)
        release_point(&r.point[i]);
    if (sum)
        *sum = r.cost;
    pthread_cond_destroy(&r.changed);
    pthread_mutex_destroy(&r.lock);
    free(workers);
    free(r.point);
    free(r.done_ns);
    return rc;
}
