#include "tests/conformance/run.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/runner.h"
#include "sim/trace_log.h"

/* ---- verdicts ---- */

double figure_half_width(const struct figure *f, double level)
{
    return f->n > 1 ? student_quantile((1 + level) / 2, f->n - 1) * f->deviation : NAN;
}

bool figure_covers(const struct outcome *o, unsigned figure, double level)
{
    const struct figure *f = &o->figure[figure];
    /* What does not vary is right to the last digits. */
    double room = figure_half_width(f, level) + 1e-9 * fabs(f->theory);

    switch (o->of->claim[figure].bound) {
    case BOUND_BELOW:
        return f->value + room >= f->theory;
    case BOUND_ABOVE:
        return f->value - room <= f->theory;
    default:
        return fabs(f->value - f->theory) <= room;
    }
}

/* ---- plugins ---- */

/* build/VARIANT/tests/FOLDER/PROGRAM → build/VARIANT/plugins */
int plugins_open(struct plugins *p, char err[P2P_ERRLEN])
{
    char path[PATH_MAX + 16];
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);

    *p = (struct plugins){.copies = "/tmp/p2pfaas-conformance-XXXXXX"};
    path[n > 0 ? n : 0] = '\0';
    for (unsigned i = 0; i < 3; i++) {
        char *slash = strrchr(path, '/');

        if (slash)
            *slash = '\0';
    }
    snprintf(path + strlen(path), 16, "/plugins");
    if (!mkdtemp(p->copies)) {
        snprintf(err, P2P_ERRLEN, "%s: cannot be made", p->copies);
        p->copies[0] = '\0';
        return -1;
    }
    p->catalog = catalog_new(path, p->copies, err);
    return p->catalog && catalog_scan(p->catalog, NULL, NULL, err) >= 0 ? 0 : -1;
}

void plugins_close(struct plugins *p)
{
    if (p->catalog)
        catalog_free(p->catalog);
    if (p->copies[0])
        rmdir(p->copies);
}

/* ---- one size of a case ---- */

enum { SETTINGS = 9, TEXT = 160, SEEDS = 16 /* of a case */ };

struct settings {
    struct scenario_override set[SETTINGS];
    char text[SETTINGS][TEXT];
    unsigned n;
};

__attribute__((format(printf, 3, 4))) static void set(struct settings *s, const char *path,
                                                      const char *value, ...)
{
    va_list args;

    va_start(args, value);
    vsnprintf(s->text[s->n], TEXT, value, args);
    va_end(args);
    s->set[s->n] = (struct scenario_override){.path = path, .value = s->text[s->n]};
    s->n++;
}

struct size {
    unsigned nodes, replications;
    double length;
    uint64_t seed;
};

static void settings_of(struct settings *s, const struct conformance_case *c,
                        const struct size *size)
{
    s->n = 0;
    set(s, "scheduler", "%s", c->scheduler);
    set(s, "run.length", "%.3fs", size->length);
    set(s, "run.warm_up", "%.3fs", c->warm_up);
    set(s, "run.replications", "%u", size->replications);
    set(s, "run.seed", "%llu", (unsigned long long)size->seed);
    set(s, "nodes.node.arrivals.load", "%.17g", c->dealer ? 4 * c->load : c->load);
    if (c->dealer)
        return;
    set(s, "count", "%u", size->nodes);
    set(s, "slots", "%u", c->slots);
    set(s, "queue", "%u", c->queue);
}

static void scenario_file_of(const struct conformance_case *c, char *file, size_t size)
{
    const char *tree = getenv("P2P_TEST_TREE");

    snprintf(file, size, "%s/tests/conformance/%s.yaml", tree ? tree : ".",
             c->dealer ? "dealer" : "cluster");
}

struct sink {
    const struct conformance_case *of;
    double (*sample)[RUN_MOST_REPLICATIONS]; /* of each claim */
    uint64_t jobs, misbehaved;
};

static int take(void *ctx, unsigned index, struct result *const *results, unsigned n,
                char err[P2P_ERRLEN])
{
    struct sink *s = ctx;

    (void)index;
    (void)err;
    for (unsigned r = 0; r < n; r++) {
        for (unsigned i = 0; i < CASE_CLAIMS; i++)
            s->sample[i][r] = result_metric(results[r], s->of->claim[i].metric);
        s->jobs += tally_jobs(&results[r]->all);
        s->misbehaved += (uint64_t)result_metric(results[r], METRIC_MISBEHAVED);
    }
    return 0;
}

static int run_size(const struct size *size, struct plugins *p, struct sink *sink,
                    char err[P2P_ERRLEN])
{
    struct settings settings;
    struct sweep sweep;
    char file[PATH_MAX];
    struct runner_setup setup = {.file = file,
                                 .sweep = &sweep,
                                 .overrides = settings.set,
                                 .shares = 1,
                                 .catalog = p->catalog,
                                 .threads = (unsigned)sysconf(_SC_NPROCESSORS_ONLN),
                                 .done = take,
                                 .ctx = sink};
    struct simulation_cost cost;
    int rc;

    settings_of(&settings, sink->of, size);
    setup.n_overrides = settings.n;
    scenario_file_of(sink->of, file, sizeof(file));
    if (sweep_read(&sweep, file, settings.set, settings.n, err))
        return -1;
    rc = runner_run(&setup, &cost, err);
    sweep_release(&sweep);
    return rc;
}

/* ---- its laws ---- */

enum { LAWS_NODES = 10, LAWS_JOBS = 5000, LAWS_LINES = 1 << 20 };

static int simulate_logged(const struct scenario *s, struct plugins *p, const char *log,
                           struct result *result, char err[P2P_ERRLEN])
{
    struct simulation_setup setup = {.scenario = s,
                                     .catalog = p->catalog,
                                     .seed = (uint64_t)s->run.seed,
                                     .result = result,
                                     .trace = trace_open(log, LAWS_LINES, err)};
    char why[P2P_ERRLEN];
    int rc;

    if (!setup.trace)
        return -1;
    rc = simulation_run(&setup, NULL, err);
    if (trace_close(setup.trace, why) && rc == 0) {
        snprintf(err, P2P_ERRLEN, "%s", why);
        rc = -1;
    }
    return rc;
}

/* A short run with all its events written down. */
static int run_laws(struct outcome *o, unsigned index, struct plugins *p, char err[P2P_ERRLEN])
{
    const struct conformance_case *c = o->of;
    struct size size = {
        .nodes = LAWS_NODES, .replications = 1, .seed = SEEDS * (uint64_t)index + RUN_SIZES};
    struct settings settings;
    struct scenario scenario;
    struct result *result;
    char file[PATH_MAX], log[64];
    int fd, rc;

    size.length = LAWS_JOBS / (size.nodes * c->load * c->slots);
    settings_of(&settings, c, &size);
    scenario_file_of(c, file, sizeof(file));
    if (scenario_read(&scenario, file, settings.set, settings.n, err))
        return -1;
    fd = memfd_create("log", MFD_CLOEXEC);
    snprintf(log, sizeof(log), "/proc/self/fd/%d", fd);
    result = fd >= 0 ? result_new(&scenario) : NULL;
    snprintf(err, P2P_ERRLEN, "no memory for a log");
    rc = result ? simulate_logged(&scenario, p, log, result, err) : -1;
    if (rc == 0)
        rc = laws_check(&o->laws, log, result, err);
    if (result)
        result_free(result);
    if (fd >= 0)
        close(fd);
    scenario_release(&scenario);
    return rc;
}

/* ---- a case ---- */

static void compare(struct figure *f, double sample[RUN_SIZES][CASE_CLAIMS][RUN_MOST_REPLICATIONS],
                    unsigned claim, unsigned n_sizes, unsigned n)
{
    double value[RUN_MOST_REPLICATIONS];
    struct estimate e;

    for (unsigned s = 0; s < n_sizes; s++)
        f->size[s] = estimate_of(sample[s][claim], n, 0.99);
    for (unsigned r = 0; r < n; r++)
        value[r] =
            n_sizes == 1
                ? sample[0][claim][r]
                : (64 * sample[2][claim][r] - 20 * sample[1][claim][r] + sample[0][claim][r]) / 45;
    e = estimate_of(value, n, 0.99);
    f->value = e.value;
    f->deviation = e.half_width / student_quantile(0.995, n - 1);
    f->n = n;
}

int run_case(struct outcome *o, unsigned index, const struct effort *effort, struct plugins *p,
             char err[P2P_ERRLEN])
{
    static double sample[RUN_SIZES][CASE_CLAIMS][RUN_MOST_REPLICATIONS];
    const struct conformance_case *c = &conformance_case[index];
    unsigned smallest = c->dealer ? 1 : c->nodes ? c->nodes : effort->nodes;
    double parts = c->mean_field ? 1 + 4 + 16 : 1;
    struct size size = {.replications = effort->replications};

    *o = (struct outcome){.of = c, .n_sizes = c->mean_field ? RUN_SIZES : 1};
    while (o->n_figures < CASE_CLAIMS && !isnan(claim_theory(&c->claim[o->n_figures], c->load))) {
        o->figure[o->n_figures].theory = claim_theory(&c->claim[o->n_figures], c->load);
        o->n_figures++;
    }
    size.length = effort->jobs / (parts * effort->replications * smallest * c->slots * c->load) /
                  (c->dealer ? 4 : 1);
    for (unsigned s = 0; s < o->n_sizes; s++) {
        struct sink sink = {.of = c, .sample = sample[s]};

        o->nodes[s] = c->dealer ? 4 : smallest << 2 * s;
        size.nodes = smallest << 2 * s;
        size.seed = SEEDS * (uint64_t)index + s;
        if (run_size(&size, p, &sink, err))
            return -1;
        o->jobs += sink.jobs;
        o->misbehaved += sink.misbehaved;
    }
    for (unsigned i = 0; i < o->n_figures; i++)
        compare(&o->figure[i], sample, i, o->n_sizes, effort->replications);
    return run_laws(o, index, p, err);
}
