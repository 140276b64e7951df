/*
 * command.c - `p2pfaas sim scenario.yaml`.
 */
#include "sim/command.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sim/output.h"
#include "sim/plugins.h"
#include "sim/report.h"
#include "sim/runner.h"
#include "sim/trace_log.h"

struct options {
    const char *file, *out, *trace, *plugins, *learners;
    struct scenario_override set[RUNNER_MAX_OVERRIDES];
    unsigned n_set;
    unsigned part, parts, threads;
    uint64_t trace_lines;
    bool list, keys, quiet, nodes;
};

static _Atomic bool interrupted;

/* Whoever asks again a second later does not want to wait for what is kept.  At once it is
 * the same wish, told to the process and to its group, as timeout(1) and batch systems do. */
static void on_signal(int number)
{
    static _Atomic int64_t first;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!interrupted)
        first = now.tv_sec;
    else if (now.tv_sec > first + 1)
        _exit(128 + number);
    interrupted = true;
}

static void print_help(void)
{
    printf(
        "usage: p2pfaas sim [options] SCENARIO.yaml\n"
        "\n"
        "Runs a scenario under virtual time with the same plugins as a live node, and prints\n"
        "what came out, each figure with its 95 %% confidence interval.\n"
        "\n"
        "  -s, --set KEY=VALUE   change one setting: --set arrivals.load=0.9, --set\n"
        "                        nodes.pi.scheduler=random; may be repeated;\n"
        "                        sweep.KEY=[A, B] sets what is swept, sweep={} nothing\n"
        "  -o, --out DIR         write CSV files and result.sqlite there, for `p2pfaas plot`\n"
        "      --nodes           also write of each node\n"
        "  -t, --trace FILE      write every decision, a line each; of one point and replication\n"
        "      --trace-lines N   at most so many lines (%d)\n"
        "      --learners DIR    write what the learner of each node knows at the end there, as\n"
        "                        NODE.learner, which a live node loads too; of one point and\n"
        "                        replication\n"
        "  -j, --threads N       simulations at once (one a core); the result does not depend\n"
        "                        on it\n"
        "  -l, --list            print the points of the sweep\n"
        "      --only I/N        of N shares of the points, run share I: for array jobs\n"
        "      --plugins DIR     where the .so are (the scenario's, else those built or\n"
        "                        installed with this program)\n"
        "  -q, --quiet           no progress on standard error\n"
        "      --keys            print every key that a scenario may have\n"
        "  -h, --help            print this\n",
        TRACE_DEFAULT_LINES);
}

/* ---- options ---- */

static int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int fail(const char *format, ...)
{
    va_list args;

    fputs("p2pfaas sim: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return -1;
}

static int add_set(struct options *o, char *text)
{
    char *value = strchr(text, '=');

    if (!value || value == text)
        return fail("--set %s: no '='; allowed: KEY=VALUE, as in arrivals.load=0.9", text);
    if (o->n_set == RUNNER_MAX_OVERRIDES)
        return fail("more than %d --set; write a file", RUNNER_MAX_OVERRIDES);
    *value = '\0';
    o->set[o->n_set++] = (struct scenario_override){.path = text, .value = value + 1};
    return 0;
}

static int read_count(const char *option, const char *text, unsigned long most, unsigned long *out)
{
    char *end;

    *out = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || *out < 1 || *out > most)
        return fail("%s %s: allowed: an integer from 1 to %lu", option, text, most);
    return 0;
}

static int read_share(struct options *o, const char *text)
{
    char end;

    if (sscanf(text, "%u/%u%c", &o->part, &o->parts, &end) == 2 && o->part >= 1 &&
        o->part <= o->parts && o->parts <= SWEEP_MAX_POINTS)
        return 0;
    return fail("--only %s: allowed: I/N, as in 3/16, with I from 1 to N", text);
}

enum { OPT_ONLY = 256, OPT_KEYS, OPT_LEARNERS, OPT_NODES, OPT_PLUGINS, OPT_TRACE_LINES };

static const struct option known[] = {{"set", required_argument, NULL, 's'},
                                      {"out", required_argument, NULL, 'o'},
                                      {"learners", required_argument, NULL, OPT_LEARNERS},
                                      {"nodes", no_argument, NULL, OPT_NODES},
                                      {"trace", required_argument, NULL, 't'},
                                      {"trace-lines", required_argument, NULL, OPT_TRACE_LINES},
                                      {"threads", required_argument, NULL, 'j'},
                                      {"list", no_argument, NULL, 'l'},
                                      {"only", required_argument, NULL, OPT_ONLY},
                                      {"plugins", required_argument, NULL, OPT_PLUGINS},
                                      {"quiet", no_argument, NULL, 'q'},
                                      {"keys", no_argument, NULL, OPT_KEYS},
                                      {"help", no_argument, NULL, 'h'},
                                      {NULL, 0, NULL, 0}};

/* 0 to go on, 1 when all is done, -1 for a wrong command line. */
static int read_option(struct options *o, int c)
{
    unsigned long n = 0;

    switch (c) {
    case 's':
        return add_set(o, optarg);
    case 'o':
        o->out = optarg;
        return 0;
    case 't':
        o->trace = optarg;
        return 0;
    case 'j':
        if (read_count("--threads", optarg, 1024, &n))
            return -1;
        o->threads = (unsigned)n;
        return 0;
    case 'l':
        o->list = true;
        return 0;
    case 'q':
        o->quiet = true;
        return 0;
    case OPT_NODES:
        o->nodes = true;
        return 0;
    case OPT_LEARNERS:
        o->learners = optarg;
        return 0;
    case OPT_PLUGINS:
        o->plugins = optarg;
        return 0;
    case OPT_ONLY:
        return read_share(o, optarg);
    case OPT_TRACE_LINES:
        if (read_count("--trace-lines", optarg, 1000000000, &n))
            return -1;
        o->trace_lines = n;
        return 0;
    case OPT_KEYS:
        scenario_print_keys(stdout);
        return 1;
    case 'h':
        print_help();
        return 1;
    default:
        return -1;
    }
}

static int read_options(struct options *o, int argc, char **argv)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int c;

    *o = (struct options){.part = 1,
                          .parts = 1,
                          .threads = cores > 0 ? (unsigned)cores : 1,
                          .trace_lines = TRACE_DEFAULT_LINES};
    while ((c = getopt_long(argc, argv, "s:o:t:j:lqh", known, NULL)) != -1) {
        int rc = read_option(o, c);

        if (rc)
            return rc;
    }
    if (optind + 1 != argc) {
        fail("%s; see p2pfaas sim --help",
             optind == argc ? "no scenario is named" : "more than one scenario is named");
        return -1;
    }
    o->file = argv[optind];
    return 0;
}

/* ---- results ---- */

struct session {
    const struct options *options;
    struct sweep sweep;
    struct outputs *outputs;
    unsigned width; /* of the widest label */
    struct warning {
        char first[SUMMARY_WARNING];
        unsigned points;
    } warning[SUMMARY_WARNINGS]; /* of a sweep, one of each kind */
};

/* Kinds differ by what is before the first figure. */
static void collect_warnings(struct session *s, const struct summary *summary)
{
    for (unsigned i = 0; i < summary->n_warnings; i++) {
        const char *text = summary->warning[i];
        size_t kind = strcspn(text, "0123456789(");
        struct warning *w = s->warning;

        while (w < s->warning + SUMMARY_WARNINGS && w->points && strncmp(w->first, text, kind) != 0)
            w++;
        if (w == s->warning + SUMMARY_WARNINGS)
            continue;
        if (w->points++ == 0)
            snprintf(w->first, sizeof(w->first), "%s", text);
    }
}

static void print_warnings(const struct session *s)
{
    for (unsigned i = 0; i < SUMMARY_WARNINGS && s->warning[i].points; i++)
        fprintf(stderr, "warning, %u of %u points: %s\n", s->warning[i].points, s->sweep.n_points,
                s->warning[i].first);
}

static int on_point(void *ctx, unsigned index, struct result *const *results, unsigned n,
                    char err[P2P_ERRLEN])
{
    struct session *s = ctx;
    const char *axis[SWEEP_MAX_AXES], *value[SWEEP_MAX_AXES];
    char label[512];
    struct point p = {
        .index = index, .label = label, .n_axes = s->sweep.n_axes, .axis = axis, .value = value};
    const struct result *const *all = (const struct result *const *)results;
    struct summary summary;
    int rc = 0;

    for (unsigned i = 0; i < p.n_axes; i++) {
        axis[i] = s->sweep.axis[i].path;
        value[i] = s->sweep.axis[i].value[sweep_index(&s->sweep, index, i)];
    }
    sweep_label(&s->sweep, index, label, sizeof(label));
    if (summary_make(&summary, all, n, 0.95)) {
        snprintf(err, P2P_ERRLEN, "out of memory for the summary");
        return -1;
    }
    if (s->sweep.n_points > 1)
        report_sweep_row(stdout, s->width, &p, &summary);
    else
        report_summary(stdout, &summary);
    fflush(stdout);
    if (s->sweep.n_points > 1)
        collect_warnings(s, &summary);
    if (s->outputs)
        rc = outputs_point(s->outputs, &p, &summary, all, n, err);
    summary_release(&summary);
    return rc;
}

static void list_points(struct session *s)
{
    const struct options *o = s->options;
    char label[512];

    for (unsigned i = o->part - 1; i < s->sweep.n_points; i += o->parts) {
        sweep_label(&s->sweep, i, label, sizeof(label));
        printf("%u\t%s\n", i + 1, label[0] ? label : o->file);
    }
}

/* What decides the results: the file, and what was set. */
static char *scenario_text(const struct options *o)
{
    char *text = NULL, line[4096];
    size_t size = 0, n;
    FILE *out = open_memstream(&text, &size), *in = fopen(o->file, "re");

    for (unsigned i = 0; out && i < o->n_set; i++)
        fprintf(out, "# --set %s=%s\n", o->set[i].path, o->set[i].value);
    while (out && in && (n = fread(line, 1, sizeof(line), in)) > 0)
        fwrite(line, 1, n, out);
    if (in)
        fclose(in);
    if (out)
        fclose(out);
    return text;
}

static int open_outputs(struct session *s, char *err)
{
    const struct options *o = s->options;
    const char *axis[SWEEP_MAX_AXES];
    char *text;
    struct output_target to = {.folder = o->out,
                               .n_axes = s->sweep.n_axes,
                               .axis = axis,
                               .part = o->part,
                               .parts = o->parts,
                               .nodes = o->nodes};

    if (!o->out)
        return 0;
    for (unsigned i = 0; i < s->sweep.n_axes; i++)
        axis[i] = s->sweep.axis[i].path;
    to.scenario = text = scenario_text(o);
    s->outputs = text ? outputs_open(&to, err) : NULL;
    free(text);
    return s->outputs ? 0 : -1;
}

static void widest_label(struct session *s)
{
    char label[512];

    for (unsigned i = 0; i < s->sweep.n_points; i++) {
        sweep_label(&s->sweep, i, label, sizeof(label));
        if (strlen(label) > s->width)
            s->width = (unsigned)strlen(label);
    }
}

/* ---- all of it ---- */

static int simulate(struct session *s, const struct scenario *first, struct trace *trace, char *err)
{
    const struct options *o = s->options;
    struct sim_plugins plugins;
    struct runner_setup setup = {.file = o->file,
                                 .sweep = &s->sweep,
                                 .overrides = o->set,
                                 .n_overrides = o->n_set,
                                 .share = o->part - 1,
                                 .shares = o->parts,
                                 .threads = o->threads,
                                 .progress = !o->quiet,
                                 .trace = trace,
                                 .learners = o->learners,
                                 .cancelled = &interrupted,
                                 .done = on_point,
                                 .ctx = s};
    int rc = sim_plugins_open(&plugins, o->plugins, first, err);

    if (rc == 0)
        rc = open_outputs(s, err);
    if (rc == 0) {
        widest_label(s);
        if (s->sweep.n_points > 1)
            report_sweep_head(stdout, s->width);
        setup.catalog = plugins.catalog;
        rc = runner_run(&setup, NULL, err);
        print_warnings(s);
    }
    if (s->outputs) {
        char why[P2P_ERRLEN];

        /* What a long sweep came to before it was stopped is kept. */
        if (outputs_close(s->outputs, rc == 0 || interrupted, why) && rc == 0) {
            snprintf(err, P2P_ERRLEN, "%s", why);
            rc = -1;
        }
    }
    sim_plugins_close(&plugins);
    return rc;
}

/* The simulation is the only one. */
static int check_one(const struct options *o, const struct session *s, const struct scenario *first,
                     const char *option, char *err)
{
    if (first->run.replications == 1 && s->sweep.n_points <= o->parts)
        return 0;
    snprintf(err, P2P_ERRLEN,
             "%s is of one simulation, and there would be more; use --only, --set "
             "run.replications=1, or a scenario without a sweep",
             option);
    return -1;
}

static int open_learners(const struct options *o, const struct session *s,
                         const struct scenario *first, char *err)
{
    unsigned g = 0;

    if (!o->learners)
        return 0;
    if (check_one(o, s, first, "--learners", err))
        return -1;
    while (g < first->n_groups && !first->group[g].learner.plugin[0])
        g++;
    if (g == first->n_groups) {
        snprintf(err, P2P_ERRLEN,
                 "--learners: no node has a learner; allowed: with nodes.NAME.learner, as in "
                 "{plugin: rl_qlearning}");
        return -1;
    }
    if (mkdir(o->learners, 0777) && errno != EEXIST) {
        snprintf(err, P2P_ERRLEN, "--learners %.160s: %s", o->learners, strerror(errno));
        return -1;
    }
    return 0;
}

/* Says what is wrong with the plan before anything runs. */
static int open_trace(const struct options *o, const struct session *s,
                      const struct scenario *first, struct trace **trace, char *err)
{
    if (!o->trace)
        return 0;
    if (check_one(o, s, first, "--trace", err))
        return -1;
    *trace = trace_open(o->trace, o->trace_lines, err);
    return *trace ? 0 : -1;
}

/* Whoever asked for files gets them, even when nobody reads the table any more. */
static void catch_signals(const struct options *o)
{
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    act.sa_handler = SIG_IGN;
    if (o->out)
        sigaction(SIGPIPE, &act, NULL);
}

/* The exit code, when all that was printed has arrived. */
static int printed(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    fail("standard output: not all could be written");
    return EXIT_FAILURE;
}

/* Each point reads the file again. */
static int check_file(const struct options *o, char *err)
{
    struct stat st;

    if (stat(o->file, &st) || !S_ISFIFO(st.st_mode))
        return 0;
    snprintf(err, P2P_ERRLEN, "%.180s: is a pipe; allowed: what can be read more than once",
             o->file);
    return -1;
}

/* Whatever is set here is set by the sweep too: "nodes.pi.slots" where it has "slots". */
static bool is_swept(const char *set, const char *axis)
{
    static const char all[] = "nodes.*.";
    size_t n, m;

    set += strncmp(set, all, strlen(all)) == 0 ? strlen(all) : 0;
    axis += strncmp(axis, all, strlen(all)) == 0 ? strlen(all) : 0;
    n = strlen(set);
    m = strlen(axis);
    return strncmp(set, "sweep.", 6) != 0 && n >= m && strcmp(set + n - m, axis) == 0 &&
           (n == m || set[n - m - 1] == '.');
}

/* A point's own value would win over it, without a word. */
static int check_set(const struct options *o, const struct sweep *s, char *err)
{
    for (unsigned i = 0; i < o->n_set; i++)
        for (unsigned k = 0; k < s->n_axes; k++)
            if (is_swept(o->set[i].path, s->axis[k].path)) {
                snprintf(err, P2P_ERRLEN,
                         "--set %.60s: the sweep has its values; allowed: --set "
                         "'sweep.%.60s=[%.40s]', or --set sweep={} for no sweep",
                         o->set[i].path, s->axis[k].path, o->set[i].value);
                return -1;
            }
    return 0;
}

int sim_command(int argc, char **argv)
{
    struct options o;
    struct session s = {.options = &o};
    struct scenario first;
    struct scenario_override set[RUNNER_MAX_OVERRIDES + SWEEP_MAX_AXES];
    struct trace *trace = NULL;
    char err[P2P_ERRLEN];
    unsigned n;
    int rc = read_options(&o, argc, argv);

    if (rc)
        return rc < 0 ? 2 : printed();
    if (check_file(&o, err) || sweep_read(&s.sweep, o.file, o.set, o.n_set, err))
        goto fail;
    if (check_set(&o, &s.sweep, err))
        goto fail_sweep;
    if (o.list) {
        list_points(&s);
        sweep_release(&s.sweep);
        return printed();
    }
    for (n = 0; n < o.n_set; n++)
        set[n] = o.set[n];
    n += sweep_point(&s.sweep, 0, &set[n]);
    if (scenario_read(&first, o.file, set, n, err))
        goto fail_sweep;
    catch_signals(&o);
    rc = open_learners(&o, &s, &first, err);
    if (rc == 0)
        rc = open_trace(&o, &s, &first, &trace, err);
    if (rc == 0)
        rc = simulate(&s, &first, trace, err);
    if (trace) {
        char why[P2P_ERRLEN];

        if (trace_close(trace, why) && rc == 0) {
            snprintf(err, sizeof(err), "%s", why);
            rc = -1;
        }
    }
    scenario_release(&first);
    sweep_release(&s.sweep);
    if (rc)
        fail("%s", err);
    return rc ? EXIT_FAILURE : printed();
fail_sweep:
    sweep_release(&s.sweep);
fail:
    fail("%s", err);
    return EXIT_FAILURE;
}
