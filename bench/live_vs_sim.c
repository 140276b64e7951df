/*
 * live_vs_sim.c - one scenario, one set of plugins, run by real nodes and by the
 * simulator: do they come to the same figures?
 */
#include <curl/curl.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/compare.h"
#include "bench/live.h"
#include "engine/catalog.h"
#include "sim/quantity.h"
#include "sim/report.h"
#include "sim/simulation.h"
#include "sim/sweep.h"

enum { MOST_SETS = 64, COSTS = 3, CALLS = 200, QUICK_CALLS = 60, LABEL = 512, EXIT_DIFFERENT = 1 };
static const double LEVEL = 0.95, MARGIN = 0.005;
/* Beyond these a machine is no witness: what is waited for is a core, and not a slot. */
static const double BUSY = 0.9, LATE_SECONDS = 0.002;

static const enum metric compared[] = {METRIC_LOSS, METRIC_MEAN, METRIC_P95, METRIC_PROBES,
                                       METRIC_FORWARDS};
enum { COMPARED = sizeof(compared) / sizeof(compared[0]) };

struct session {
    const char *binary, *file;
    char plugins[PATH_MAX], copies[PATH_MAX];
    bool quick, reports;
    double margin;
    struct scenario_override set[MOST_SETS + COSTS];
    unsigned n_set;
    char cost[COSTS][40];
    struct sweep sweep;
    struct catalog *catalog;
    struct live_costs costs;
    unsigned different, doubtful;
};

static int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int fail(const char *format, ...)
{
    va_list args;

    fputs("live-vs-sim: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return -1;
}

/* ---- options ---- */

static const char usage[] =
    "usage: live_vs_sim [options] P2PFAAS SCENARIO.yaml\n"
    "\n"
    "Runs a scenario, and each point of its sweep, on nodes of this machine and in the\n"
    "simulator, with the plugins beside P2PFAAS, and compares what came out.\n"
    "\n"
    "  -s, --set KEY=VALUE   change one setting of the scenario; may be repeated\n"
    "      --quick           6 s a point: a first look, with wide intervals\n"
    "      --margin SHARE    differences below this share of the figure are no matter (0.005)\n"
    "      --reports         also everything that either side knows of each point\n"
    "  -h, --help            print this\n"
    "\n"
    "Ends with 0 when all figures agree, 1 when some do not, 2 when it could not run.\n";

static int add_set(struct session *s, const char *path, const char *value)
{
    if (s->n_set == MOST_SETS)
        return fail("more than %d --set", MOST_SETS);
    s->set[s->n_set++] = (struct scenario_override){.path = path, .value = value};
    return 0;
}

enum { OPT_QUICK = 256, OPT_MARGIN, OPT_REPORTS };

static int read_option(struct session *s, int c)
{
    char *at;

    switch (c) {
    case 's':
        at = strchr(optarg, '=');
        if (!at || at == optarg)
            return fail("--set %s: allowed: KEY=VALUE, as in arrivals.load=0.9", optarg);
        *at = '\0';
        return add_set(s, optarg, at + 1);
    case OPT_QUICK:
        s->quick = true;
        return 0;
    case OPT_REPORTS:
        s->reports = true;
        return 0;
    case OPT_MARGIN:
        s->margin = strtod(optarg, &at);
        if (at == optarg || *at || !(s->margin >= 0 && s->margin < 1))
            return fail("--margin %s: allowed: a share from 0 to below 1, as in 0.005", optarg);
        return 0;
    case 'h':
        fputs(usage, stdout);
        return 1;
    default:
        return -1;
    }
}

static int read_options(struct session *s, int argc, char **argv)
{
    static const struct option known[] = {{"set", required_argument, NULL, 's'},
                                          {"quick", no_argument, NULL, OPT_QUICK},
                                          {"margin", required_argument, NULL, OPT_MARGIN},
                                          {"reports", no_argument, NULL, OPT_REPORTS},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int c, rc;

    while ((c = getopt_long(argc, argv, "s:h", known, NULL)) != -1)
        if ((rc = read_option(s, c)))
            return rc;
    if (optind + 2 != argc) {
        fail("two arguments are needed: P2PFAAS SCENARIO.yaml; see --help");
        return -1;
    }
    s->binary = argv[optind];
    s->file = argv[optind + 1];
    if (s->quick && (add_set(s, "run.length", "6s") || add_set(s, "run.warm_up", "1s")))
        return -1;
    return 0;
}

/* ---- the scenario ---- */

static int read_point(const struct session *s, unsigned point, struct scenario *out, char *err)
{
    struct scenario_override all[MOST_SETS + COSTS + SWEEP_MAX_AXES];
    unsigned n = 0;

    for (; n < s->n_set; n++)
        all[n] = s->set[n];
    n += sweep_point(&s->sweep, point, &all[n]);
    return scenario_read(out, s->file, all, n, err);
}

/* All points, before minutes are spent on the first. */
static int check_points(struct session *s, char *err)
{
    for (unsigned i = 0; i < s->sweep.n_points; i++) {
        struct scenario sc;
        int rc;

        if (read_point(s, i, &sc, err))
            return -1;
        rc = live_check(&sc, err);
        scenario_release(&sc);
        if (rc)
            return -1;
    }
    return 0;
}

static int find_plugins(struct session *s, char *err)
{
    const char *slash = strrchr(s->binary, '/'), *tmp = getenv("TMPDIR");
    char beside[PATH_MAX];

    snprintf(beside, sizeof(beside), "%.*splugins", slash ? (int)(slash + 1 - s->binary) : 0,
             s->binary);
    if (!realpath(beside, s->plugins)) {
        snprintf(err, P2P_ERRLEN, "%.200s: no such folder; the plugins are to be beside the node",
                 beside);
        return -1;
    }
    snprintf(s->copies, sizeof(s->copies), "%s/p2pfaas-sim-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (!mkdtemp(s->copies)) {
        snprintf(err, P2P_ERRLEN, "%.200s: cannot be made; set TMPDIR to a folder for it",
                 s->copies);
        s->copies[0] = '\0';
        return -1;
    }
    s->catalog = catalog_new(s->plugins, s->copies, err);
    return s->catalog && catalog_scan(s->catalog, NULL, NULL, err) >= 0 ? 0 : -1;
}

/* ---- what real nodes cost ---- */

/* Half of what comes back soonest is the way; what is left of the others is work. */
static int measure_costs(struct session *s, char *err)
{
    static const char *const key[COSTS] = {"network.delay", "network.probe_cost",
                                           "network.forward_cost"};
    struct scenario sc;
    struct live_setup setup = {.scenario = &sc, .binary = s->binary, .plugins = s->plugins};
    double way, value[COSTS];
    int rc;

    if (read_point(s, 0, &sc, err))
        return -1;
    rc = live_measure(&setup, s->quick ? QUICK_CALLS : CALLS, &s->costs, err);
    scenario_release(&sc);
    if (rc)
        return -1;
    way = fmin(s->costs.probe, s->costs.forward) / 2;
    value[0] = way;
    value[1] = s->costs.probe - 2 * way;
    value[2] = s->costs.forward - 2 * way;
    printf("idle nodes: a round of one probe takes %.3f ms, a forward adds %.3f ms; for the "
           "simulator",
           s->costs.probe * 1e3, s->costs.forward * 1e3);
    for (int i = 0; i < COSTS; i++) {
        snprintf(s->cost[i], sizeof(s->cost[i]), "%.0fus", value[i] * 1e6);
        s->set[s->n_set++] = (struct scenario_override){.path = key[i], .value = s->cost[i]};
        printf("%s --set %s=%s", i ? "" : ":\n ", key[i], s->cost[i]);
    }
    printf("\ntaken off real jobs, as simulated ones do not have them: the client's way, %.3f ms; "
           "the node's to the function, %.3f ms\n",
           s->costs.client * 1e3, s->costs.run * 1e3);
    return 0;
}

/* ---- tables ---- */

static void print_value(double value, double half, enum metric m, bool sign)
{
    static const struct {
        double scale;
        const char *unit;
    } as[] = {[UNIT_SHARE] = {100, "%"},
              [UNIT_SECONDS] = {1e3, "ms"},
              [UNIT_COUNT] = {1, ""},
              [UNIT_INDEX] = {1, ""},
              [UNIT_RATE] = {1, "/s"}};
    enum metric_unit u = metric_info[m].unit;
    char text[64];

    snprintf(text, sizeof(text), sign ? "%+.3f ± %.3f" : "%.3f ± %.3f", value * as[u].scale,
             half * as[u].scale);
    /* ± is two bytes and one column. */
    printf("  %22s %-2s", text, as[u].unit);
}

static void print_head(void)
{
    printf("\n  %-14s  %21s     %21s     %21s     %s\n", "", "live", "simulated", "difference",
           "agree");
}

static void print_comparison(const struct comparison *c)
{
    static const char *const verdict[] = {[AGREES] = "yes", [DIFFERS] = "NO", [NO_DATA] = "?"};

    printf("  %-14s", metric_info[c->metric].title);
    print_value(c->live.value, c->live.half_width, c->metric, false);
    print_value(c->simulated.value, c->simulated.half_width, c->metric, false);
    print_value(c->difference.value, c->difference.half_width, c->metric, true);
    printf("  %s\n", verdict[c->verdict]);
}

static void print_observed(struct session *s, const struct live_observed *seen)
{
    bool loaded = seen->machine > BUSY, late = seen->late_p99 > LATE_SECONDS;

    printf("  %u jobs, %u answers, at most %u at once; sent late by %.2f ms (p99), %.2f ms at "
           "most\n  processor: %.1f %% of a core for the busiest node, the machine %.0f %% busy\n",
           seen->jobs, seen->answered, seen->most_open, seen->late_p99 * 1e3, seen->late_most * 1e3,
           seen->node_cpu * 100, seen->machine * 100);
    if (seen->odd[0])
        printf("  warning: not an answer of a job: %s\n", seen->odd);
    if (loaded || late)
        printf("  warning: the machine was too loaded to trust this (%s)\n",
               loaded ? "its processors were busy" : "the generator was late");
    s->doubtful += loaded || late;
}

static int print_report(const char *side, const struct result *r, char *err)
{
    struct summary summary;

    if (summary_make(&summary, &r, 1, LEVEL)) {
        snprintf(err, P2P_ERRLEN, "out of memory for the summary");
        return -1;
    }
    printf("\n%s:\n", side);
    report_summary(stdout, &summary);
    summary_release(&summary);
    return 0;
}

/* ---- a point ---- */

static int compare(struct session *s, unsigned point, const struct result *live,
                   const struct result *simulated, char *err)
{
    const struct compare_rule rule = {
        .level = LEVEL, .together = s->sweep.n_points * COMPARED, .margin = s->margin};
    char label[LABEL];

    sweep_label(&s->sweep, point, label, sizeof(label));
    printf("%s\n", label[0] ? label : s->file);
    for (unsigned i = 0; i < COMPARED; i++) {
        struct comparison c;

        if (compare_results(&c, live, simulated, compared[i], &rule)) {
            snprintf(err, P2P_ERRLEN, "out of memory for the comparison");
            return -1;
        }
        print_comparison(&c);
        s->different += c.verdict != AGREES;
    }
    return 0;
}

static int run_point(struct session *s, unsigned point, char *err)
{
    struct scenario sc;
    struct live_observed seen;
    struct live_setup setup = {
        .scenario = &sc, .binary = s->binary, .plugins = s->plugins, .costs = s->costs};
    struct simulation_setup simulation = {.scenario = &sc, .catalog = s->catalog};
    struct result *live, *simulated;
    int rc = -1;

    if (read_point(s, point, &sc, err))
        return -1;
    live = result_new(&sc);
    simulated = result_new(&sc);
    simulation.result = simulated;
    simulation.seed = (uint64_t)sc.run.seed;
    snprintf(err, P2P_ERRLEN, "out of memory for the results");
    if (live && simulated && simulation_run(&simulation, NULL, err) == 0 &&
        live_run(&setup, live, &seen, err) == 0) {
        rc = compare(s, point, live, simulated, err);
        print_observed(s, &seen);
        s->different += seen.answered != seen.jobs;
        if (rc == 0 && s->reports)
            rc = print_report("live", live, err) || print_report("simulated", simulated, err);
        fflush(stdout);
    }
    result_free(live);
    result_free(simulated);
    scenario_release(&sc);
    return rc;
}

static int run_all(struct session *s, char *err)
{
    if (sweep_read(&s->sweep, s->file, s->set, s->n_set, err))
        return -1;
    if (check_points(s, err) || find_plugins(s, err) || measure_costs(s, err))
        return -1;
    print_head();
    for (unsigned i = 0; i < s->sweep.n_points; i++)
        if (run_point(s, i, err))
            return -1;
    return 0;
}

static void conclude(const struct session *s)
{
    unsigned all = s->sweep.n_points * COMPARED;

    if (s->different)
        printf("\n%u of %u figures do not agree\n", s->different, all);
    else
        printf("\nall %u figures agree: each difference is within its interval, made wide enough "
               "for all %u\nat once, or below %g %% of the figure\n",
               all, all, s->margin * 100);
    if (s->doubtful)
        printf("%u of %u points on a machine that was too loaded; run it again when it is idle\n",
               s->doubtful, s->sweep.n_points);
}

int main(int argc, char **argv)
{
    struct session s = {.margin = MARGIN};
    char err[P2P_ERRLEN];
    int rc = read_options(&s, argc, argv);

    if (rc)
        return rc < 0 ? 2 : EXIT_SUCCESS;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    rc = run_all(&s, err);
    if (rc)
        fail("%s", err);
    else
        conclude(&s);
    if (s.catalog)
        catalog_free(s.catalog);
    if (s.copies[0])
        rmdir(s.copies);
    sweep_release(&s.sweep);
    curl_global_cleanup();
    return rc ? 2 : s.different ? EXIT_DIFFERENT : EXIT_SUCCESS;
}
