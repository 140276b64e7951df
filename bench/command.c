#include "bench/command.h"

#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/paths.h"
#include "bench/cluster.h"
#include "bench/progress.h"
#include "bench/report.h"

enum { MOST_PATH = 3000, MOST_TEXT = 4 << 20 };

struct options {
    const char *file, *out, *report;
    struct scenario_override set[EXPERIMENT_MAX_OVERRIDES];
    unsigned n_set;
    bool quiet;
};

static void print_help(void)
{
    printf("usage: p2pfaas bench [options] EXPERIMENT.yaml\n"
           "       p2pfaas bench --report DIR\n"
           "\n"
           "Calls the functions of running nodes at planned times, whatever became of the calls\n"
           "before, prints how long they took and how many were answered in time, and makes a\n"
           "report of it: a page with charts.\n"
           "\n"
           "  -s, --set KEY=VALUE   change one setting: --set nodes.one.rate=200, --set\n"
           "                        duration=10s; nodes.*.rate is all nodes'; may be repeated\n"
           "  -o, --out DIR         write results.sqlite, report.html and figures there (a new\n"
           "                        results/NAME-TIME)\n"
           "      --report DIR      make the report of the results there again, and end\n"
           "  -q, --quiet           no progress on standard error\n"
           "      --keys            print every key that an experiment may have\n"
           "  -h, --help            print this\n"
           "\n"
           "The exit code is 0 when the experiment ran to its end and was measured, marked or\n"
           "not, 1 when it could not, 2 for a wrong command line, and 130 when it was ended\n"
           "early by a signal; its results are kept then too.\n");
}

/* ---- options ---- */

static int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int fail(const char *format, ...)
{
    va_list args;

    fputs("p2pfaas bench: ", stderr);
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
        return fail("--set %s: no '='; allowed: KEY=VALUE, as in duration=10s", text);
    if (o->n_set == EXPERIMENT_MAX_OVERRIDES)
        return fail("more than %d --set; write a file", EXPERIMENT_MAX_OVERRIDES);
    *value = '\0';
    o->set[o->n_set++] = (struct scenario_override){.path = text, .value = value + 1};
    return 0;
}

enum { OPT_KEYS = 256, OPT_REPORT };

static const struct option known[] = {{"set", required_argument, NULL, 's'},
                                      {"out", required_argument, NULL, 'o'},
                                      {"quiet", no_argument, NULL, 'q'},
                                      {"keys", no_argument, NULL, OPT_KEYS},
                                      {"report", required_argument, NULL, OPT_REPORT},
                                      {"help", no_argument, NULL, 'h'},
                                      {NULL, 0, NULL, 0}};

/* 0 to go on, 1 when all is done, -1 for a wrong command line. */
static int read_options(struct options *o, int argc, char **argv)
{
    int c;

    *o = (struct options){0};
    while ((c = getopt_long(argc, argv, "s:o:qh", known, NULL)) != -1)
        switch (c) {
        case 's':
            if (add_set(o, optarg))
                return -1;
            break;
        case 'o':
            o->out = optarg;
            break;
        case 'q':
            o->quiet = true;
            break;
        case OPT_REPORT:
            o->report = optarg;
            break;
        case OPT_KEYS:
            experiment_print_keys(stdout);
            return 1;
        case 'h':
            print_help();
            return 1;
        default:
            return -1;
        }
    if (o->report && optind == argc)
        return 0;
    if (o->report)
        return fail("--report is of results that are there; it takes no experiment");
    if (optind + 1 != argc)
        return fail("%s; see p2pfaas bench --help", optind == argc
                                                        ? "no experiment is named"
                                                        : "more than one experiment is named");
    o->file = argv[optind];
    return 0;
}

/* ---- the results' folder ---- */

static int make_folder(const char *path, char err[P2P_ERRLEN])
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return 0;
    snprintf(err, P2P_ERRLEN, "%.180s: %s", path, strerror(errno));
    return -1;
}

static int choose_folder(const struct options *o, const struct experiment *e, char path[MOST_PATH],
                         char err[P2P_ERRLEN])
{
    time_t now = time(NULL);
    char when[32], file[MOST_PATH + 32];
    struct tm tm;

    if (o->out) {
        snprintf(path, MOST_PATH, "%s", o->out);
    } else {
        localtime_r(&now, &tm);
        strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm);
        snprintf(path, MOST_PATH, "results/%s-%s", e->name, when);
        if (make_folder("results", err))
            return -1;
    }
    if (make_folder(path, err))
        return -1;
    snprintf(file, sizeof(file), "%s/results.sqlite", path);
    if (access(file, F_OK))
        return 0;
    snprintf(err, P2P_ERRLEN, "%.180s: is there already; allowed: another --out", file);
    return -1;
}

/* What decides the load: the file, and what was set. */
static char *experiment_text(const struct options *o)
{
    char *text = NULL, piece[4096];
    size_t size = 0, n;
    FILE *out = open_memstream(&text, &size), *in = fopen(o->file, "re");

    for (unsigned i = 0; out && i < o->n_set; i++)
        fprintf(out, "# --set %s=%s\n", o->set[i].path, o->set[i].value);
    while (out && in && (n = fread(piece, 1, sizeof(piece), in)) > 0)
        fwrite(piece, 1, n, out);
    if (in)
        fclose(in);
    if (out)
        fclose(out);
    return text;
}

/* ---- nodes that are started for the run ---- */

static char *read_text(const char *file, char err[P2P_ERRLEN])
{
    char *text = calloc(1, MOST_TEXT);
    FILE *f = fopen(file, "re");

    if (text && f && fread(text, 1, MOST_TEXT - 1, f) < MOST_TEXT - 1 && !ferror(f)) {
        fclose(f);
        return text;
    }
    snprintf(err, P2P_ERRLEN, "%.180s: %s", file, f ? "cannot be read" : strerror(errno));
    if (f)
        fclose(f);
    free(text);
    return NULL;
}

static int start_cluster(struct experiment *e, struct cluster *c, char err[P2P_ERRLEN])
{
    char *text = read_text(e->cluster.config, err), *binary = path_expand("${BIN}/p2pfaas", 240);
    char why[CLUSTER_ERRLEN];
    int rc = -1;

    if (!binary) {
        snprintf(err, P2P_ERRLEN, "out of memory, or the program's path is too long");
    } else if (text) {
        rc = cluster_init(c, binary, (unsigned)e->cluster.nodes, text, why) ||
                     cluster_start_all(c, NULL, why)
                 ? -1
                 : 0;
        if (rc)
            snprintf(err, P2P_ERRLEN, "cluster: %.240s", why);
    }
    if (rc == 0 && e->rewards.port)
        e->rewards.port = c->learner_port;
    for (unsigned i = 0; rc == 0 && i < e->n_nodes; i++)
        rc = experiment_locate(e, &e->node[i], c->node[i].address, err);
    free(text);
    free(binary);
    return rc;
}

/* ---- all of it ---- */

static void on_second(void *ctx, unsigned second, unsigned open)
{
    progress_line(stderr, ctx, second, open);
}

static int report(const char *folder, char err[P2P_ERRLEN])
{
    int rc = report_write(folder, err, P2P_ERRLEN);

    if (rc >= 0)
        printf("report:  %s/report.html\n", folder);
    if (rc > 0)
        fail("%s", err);
    return rc < 0 ? -1 : 0;
}

/* Answers and numbers to files and to people; -1 with a reason. */
static int conclude(const struct options *o, const struct results *r, const char *folder,
                    struct spool *spool, char err[P2P_ERRLEN])
{
    int rc = spool_end(spool, err);

    progress_summary(stdout, r);
    fflush(stdout);
    if (rc == 0 && !o->quiet)
        fputs("writing the results …\n", stderr);
    /* It takes a moment, and whoever ended the load early wants what there is. */
    signal(SIGINT, SIG_IGN);
    if (rc == 0)
        rc = results_write(folder, r, spool, err);
    if (rc)
        return rc;
    printf("results: %s/results.sqlite\n", folder);
    return report(folder, err);
}

static int measure(const struct options *o, const struct experiment *e, struct plan *plan,
                   struct measures *m, const char *folder, char err[P2P_ERRLEN])
{
    struct spool *spool = spool_open(folder, err);
    struct generator_setup setup = {.experiment = e,
                                    .plan = plan,
                                    .measures = m,
                                    .spool = spool,
                                    .on_second = o->quiet ? NULL : on_second,
                                    .ctx = m};
    struct generator_outcome *outcome = calloc(1, sizeof(*outcome));
    char behind[MEASURES_MARK], *yaml = experiment_text(o), why[P2P_ERRLEN];
    struct results results = {e, yaml, m, outcome, behind};
    int rc = -1;

    if (spool && outcome && yaml) {
        if (!o->quiet)
            progress_head(stderr);
        rc = generator_run(&setup, outcome, err);
        measures_mark(m, behind);
        /* When the load could not be made to its end, that is what matters. */
        if (rc == 0)
            rc = conclude(o, &results, folder, spool, err);
        else if (outcome->ended_ns > 0 && spool_end(spool, why))
            snprintf(err, P2P_ERRLEN, "%s", why);
        if (rc == 0 && outcome->interrupted)
            rc = 128 + SIGINT;
    } else if (spool) {
        snprintf(err, P2P_ERRLEN, "out of memory");
    }
    spool_free(spool);
    free(outcome);
    free(yaml);
    return rc;
}

static int run(const struct options *o, struct experiment *e, char err[P2P_ERRLEN])
{
    static struct plan plan;
    static struct cluster cluster;
    struct measures m;
    char folder[MOST_PATH];
    int rc = plan_init(&plan, e, err);

    if (rc)
        return -1;
    if (measures_init(&m, e)) {
        plan_release(&plan);
        snprintf(err, P2P_ERRLEN, "out of memory");
        return -1;
    }
    rc = choose_folder(o, e, folder, err);
    if (rc == 0 && e->cluster.nodes > 0)
        rc = start_cluster(e, &cluster, err);
    if (rc == 0)
        rc = measure(o, e, &plan, &m, folder, err);
    if (cluster.n > 0)
        cluster_free(&cluster);
    measures_release(&m);
    plan_release(&plan);
    return rc;
}

int bench_command(int argc, char **argv)
{
    struct experiment e;
    struct options o;
    char err[P2P_ERRLEN];
    int rc = read_options(&o, argc, argv);

    if (rc)
        return rc < 0 ? 2 : fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
    if (o.report) {
        if (report(o.report, err) == 0)
            return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
        fail("%s", err);
        return EXIT_FAILURE;
    }
    if (experiment_read(&e, o.file, o.set, o.n_set, err)) {
        fail("%s", err);
        return EXIT_FAILURE;
    }
    signal(SIGPIPE, SIG_IGN);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    rc = run(&o, &e, err);
    curl_global_cleanup();
    experiment_release(&e);
    if (rc < 0)
        fail("%s", err);
    else if (fflush(stdout) || ferror(stdout))
        rc = fail("standard output: not all could be written");
    return rc < 0 ? EXIT_FAILURE : rc;
}
