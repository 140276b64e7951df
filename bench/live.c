#include "bench/live.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/cpu.h"
#include "bench/live_private.h"
#include "sim/workload.h"

enum { MOST_CALLS = 1000000 };
static const double PATIENCE_SECONDS = 30, BEFORE_FIRST_SECONDS = 0.05;

/* ---- the jobs ---- */

struct plan {
    struct load_call *call;
    unsigned n, room;
};

static int earlier(const void *a, const void *b)
{
    const struct load_call *x = a, *y = b;

    return (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns);
}

static int add_call(struct plan *p, uint32_t node, const struct arrival *a, char *err)
{
    if (p->n == MOST_CALLS) {
        snprintf(err, P2P_ERRLEN, "more than %d jobs; a shorter run, or fewer arrivals",
                 MOST_CALLS);
        return -1;
    }
    if (p->n == p->room) {
        unsigned room = p->room ? p->room * 2 : 4096;
        struct load_call *grown = reallocarray(p->call, room, sizeof(*grown));

        if (!grown) {
            snprintf(err, P2P_ERRLEN, "out of memory for %u jobs", room);
            return -1;
        }
        p->call = grown;
        p->room = room;
    }
    p->call[p->n++] = (struct load_call){
        .at_ns = a->at_ns, .node = node, .function = a->function, .service_ns = a->service_ns};
    return 0;
}

/* All that arrive in the warm-up and in the time that is measured. */
static int make_plan(struct plan *p, const struct scenario *s, char *err)
{
    uint64_t end = (uint64_t)s->run.warm_up + (uint64_t)s->run.length, seed = (uint64_t)s->run.seed;
    struct workload w;
    uint32_t id = 0;
    int rc = 0;

    *p = (struct plan){0};
    if (workload_init(&w, s, seed, err))
        return -1;
    for (unsigned g = 0; g < s->n_groups; g++) {
        for (uint32_t i = 0; rc == 0 && i < s->group[g].count; i++, id++) {
            struct workload_node n;
            struct arrival a;

            workload_start(&n, &w, seed, id, g, i);
            while (rc == 0 && workload_next(&n, &w, &a) && a.at_ns < end)
                rc = add_call(p, id, &a, err);
        }
    }
    workload_release(&w);
    if (rc == 0 && p->n)
        qsort(p->call, p->n, sizeof(*p->call), earlier);
    return rc;
}

/* ---- what nodes say, each time a batch is over ---- */

struct reading {
    double probes, forwards; /* of all nodes so far */
    double cpu[CLUSTER_MAX]; /* seconds of the processes */
    struct cpu_machine machine;
};

struct watcher {
    const struct live *live;
    uint64_t from_ns, step_ns; /* CLOCK_MONOTONIC */
    unsigned n;
    struct reading *reading; /* n of them */
    bool failed;
};

static double sum_of(const char *text, const char *begins)
{
    double sum = 0;
    size_t n = strlen(begins);

    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, begins, n) == 0)
            sum += strtod(line + strcspn(line, " \n"), NULL);
    }
    return sum;
}

static bool read_node(const struct live *l, unsigned node, struct reading *out)
{
    char url[96];
    struct request rq = {.url = url, .timeout = 5};
    struct reply r;
    bool ok;

    snprintf(url, sizeof(url), "http://%s/metrics", l->cluster.node[node].address);
    http_call(&rq, &r);
    ok = r.status == 200;
    if (ok) {
        out->probes += sum_of(r.body, "p2pfaas_probes_total{");
        out->forwards += sum_of(r.body, "p2pfaas_forwards_total{what=\"sent\"}");
    }
    reply_free(&r);
    out->cpu[node] = cpu_of_process(l->cluster.node[node].pid);
    return ok;
}

static void *watch(void *arg)
{
    struct watcher *w = arg;

    for (unsigned i = 0; i < w->n; i++) {
        uint64_t at = w->from_ns + i * w->step_ns;
        const struct timespec until = {(time_t)(at / 1000000000u), (long)(at % 1000000000u)};

        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL))
            ;
        w->reading[i].machine = cpu_of_machine();
        for (unsigned k = 0; k < w->live->cluster.n; k++)
            w->failed |= !read_node(w->live, k, &w->reading[i]);
    }
    return NULL;
}

/* ---- results ---- */

static enum job_end end_of(int status)
{
    switch (status) {
    case 200:
        return JOB_RAN;
    case 500:
        return JOB_FULL;
    case 503:
        return JOB_REJECTED;
    case 504:
        return JOB_LATE;
    default:
        return JOB_FAILED;
    }
}

/* The simulator begins when the node has a job and ends when it has the answer. */
static uint64_t without_client(const struct load_call *c, const struct live_costs *costs)
{
    uint64_t took = c->end_ns - c->at_ns, off = (uint64_t)(costs->client * 1e9);

    return took > off ? took - off : 0;
}

static void take_jobs(const struct live_setup *setup, const struct plan *p, struct result *result)
{
    const struct scenario *s = setup->scenario;
    uint64_t busy[CLUSTER_MAX] = {0}, jobs[CLUSTER_MAX] = {0};
    uint64_t from = (uint64_t)s->run.warm_up, to = from + (uint64_t)s->run.length;

    for (unsigned i = 0; i < p->n; i++) {
        const struct load_call *c = &p->call[i];
        enum job_end end = end_of(c->status);
        bool elsewhere = c->ran_on >= 0 && c->ran_on < (int)s->n_nodes;
        struct job_record r = {.id = i + 1,
                               .arrival_ns = c->at_ns,
                               .end_ns = c->at_ns + without_client(c, &setup->costs),
                               .wait_ns = c->wait_ns,
                               .run_ns = c->run_ns,
                               .probe_ns = c->probe_ns,
                               .node = c->node,
                               .ran_on = elsewhere ? (uint32_t)c->ran_on : c->node,
                               .function = c->function,
                               .end = end,
                               .has_deadline = s->function[c->function].deadline > 0};

        if (end == JOB_RAN && c->at_ns >= from && c->at_ns < to) {
            busy[r.ran_on] += c->run_ns;
            jobs[r.ran_on]++;
        }
        result_job(result, &r);
    }
    for (uint32_t i = 0; i < s->n_nodes; i++)
        result_node(result, i, busy[i], jobs[i]);
}

/* Nodes count probes and forwards, an answer does not tell them. */
static void take_counts(const struct watcher *w, struct result *result)
{
    for (unsigned i = 0; i + 1 < w->n && i < result->n_batches; i++) {
        const struct reading *a = &w->reading[i], *b = &w->reading[i + 1];

        result->batch[i].probes = (uint64_t)(b->probes - a->probes);
        result->batch[i].forwards = (uint64_t)(b->forwards - a->forwards);
    }
}

static int by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void take_lateness(const struct plan *p, struct live_observed *seen)
{
    double *late = calloc(p->n ? p->n : 1, sizeof(*late));
    unsigned n = 0;

    for (; late && n < p->n; n++)
        late[n] = (double)(p->call[n].sent_ns - p->call[n].at_ns) / 1e9;
    if (n) {
        qsort(late, n, sizeof(*late), by_time);
        seen->late_p99 = late[(n - 1) * 99 / 100];
        seen->late_most = late[n - 1];
    }
    free(late);
}

static void take_cpu(const struct watcher *w, unsigned nodes, struct live_observed *seen)
{
    const struct reading *a = &w->reading[0], *b = &w->reading[w->n - 1];
    double seconds = (double)(w->step_ns * (w->n - 1)) / 1e9;

    for (unsigned i = 0; i < nodes; i++)
        seen->node_cpu = fmax(seen->node_cpu, (b->cpu[i] - a->cpu[i]) / seconds);
    seen->machine = (b->machine.busy - a->machine.busy) / (b->machine.all - a->machine.all);
}

/* ---- all of it ---- */

static int drive(struct live *l, struct plan *p, struct watcher *w, struct live_observed *seen,
                 char *err)
{
    struct load_setup load = {.call = p->call,
                              .n = p->n,
                              .url = live_url,
                              .ctx = l,
                              .begin_ns = load_now() + (uint64_t)(BEFORE_FIRST_SECONDS * 1e9),
                              .patience = PATIENCE_SECONDS};
    struct load_outcome out;
    pthread_t thread;
    int rc;

    w->live = l;
    w->from_ns = load.begin_ns + (uint64_t)l->setup->scenario->run.warm_up;
    if (pthread_create(&thread, NULL, watch, w)) {
        snprintf(err, P2P_ERRLEN, "no thread can be started");
        return -1;
    }
    rc = load_run(&load, &out, err, P2P_ERRLEN);
    pthread_join(thread, NULL);
    if (rc == 0 && w->failed) {
        snprintf(err, P2P_ERRLEN, "a node does not answer /metrics");
        rc = -1;
    }
    if (rc)
        return -1;
    *seen =
        (struct live_observed){.jobs = p->n, .answered = out.answered, .most_open = out.most_open};
    snprintf(seen->odd, sizeof(seen->odd), "%s", out.odd);
    return 0;
}

int live_run(const struct live_setup *setup, struct result *result, struct live_observed *seen,
             char err[P2P_ERRLEN])
{
    struct watcher w = {.step_ns = result->batch_ns, .n = result->n_batches + 1};
    struct plan plan = {0};
    struct live l;
    int rc = -1;

    snprintf(err, P2P_ERRLEN, "out of memory");
    w.reading = calloc(w.n, sizeof(*w.reading));
    if (!w.reading)
        return -1;
    if (make_plan(&plan, setup->scenario, err) == 0) {
        rc = live_start(&l, setup, err);
        if (rc == 0)
            rc = live_select_all(&l, err);
        if (rc == 0)
            rc = drive(&l, &plan, &w, seen, err);
        live_stop(&l);
    }
    if (rc == 0) {
        take_jobs(setup, &plan, result);
        take_counts(&w, result);
        take_lateness(&plan, seen);
        take_cpu(&w, setup->scenario->n_nodes, seen);
        rc = result_end(result, result->to_ns);
        if (rc)
            snprintf(err, P2P_ERRLEN, "out of memory for the results");
    }
    free(w.reading);
    free(plan.call);
    return rc;
}
