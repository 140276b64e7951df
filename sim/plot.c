#include "sim/plot.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char usage[] =
    "usage: p2pfaas plot DIR [options]\n"
    "\n"
    "Draws the results that --out DIR wrote; needs gnuplot.\n"
    "\n"
    "  --x AXIS               along the x axis; the first axis of numbers\n"
    "  --y METRIC[,METRIC]    a figure each; those that say something\n"
    "  --by AXIS              a curve for each of its values; the first other axis\n"
    "  --log                  y by powers of ten\n"
    "  --theory NAME[:k=v,…]  lay a curve over it, as a function of load: mm1, erlang_b:K=,\n"
    "                         mmkq:K=,q=, jsq:d=, jiq:K=, jiq_ideal:r=, ll:F=,T=,K=,q=;\n"
    "                         may come again\n"
    "  --format png,svg,pdf   kinds of pictures; png and svg\n"
    "  --out FILE             name of the pictures, its ending their kind; DIR/plots/METRIC\n"
    "  --help\n"
    "\n"
    "Metrics:";

static const enum metric headline[] = {METRIC_LOSS,        METRIC_MEAN,        METRIC_P95,
                                       METRIC_P99,         METRIC_WAIT,        METRIC_PROBES,
                                       METRIC_FORWARDS,    METRIC_IN_DEADLINE, METRIC_JAIN,
                                       METRIC_UTILISATION, METRIC_THROUGHPUT};
enum { HEADLINES = sizeof(headline) / sizeof(headline[0]) };

/* ---- the call ---- */

static int take_metrics(struct plot_options *o, const char *list, char err[P2P_ERRLEN])
{
    char copy[512], *rest = NULL;

    snprintf(copy, sizeof(copy), "%s", list);
    for (char *name = strtok_r(copy, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        enum metric m = metric_find(name);
        int n;

        if (m < METRICS && o->n_y < METRICS) {
            o->y[o->n_y++] = m;
            continue;
        }
        n = snprintf(err, P2P_ERRLEN, "--y: no metric '%.40s'; allowed:", name);
        for (m = 0; m < METRICS && n > 0 && n < P2P_ERRLEN; m++)
            n += snprintf(err + n, P2P_ERRLEN - (size_t)n, " %s", metric_info[m].name);
        return -1;
    }
    return 0;
}

static int take_format(struct plot_options *o, const char *option, const char *name,
                       char err[P2P_ERRLEN])
{
    for (unsigned i = 0; i < PLOT_FORMATS; i++) {
        if (strcmp(plot_format[i], name) == 0) {
            o->format[i] = true;
            return 0;
        }
    }
    snprintf(err, P2P_ERRLEN, "%s: no format '%.40s'; allowed: png svg pdf", option, name);
    return -1;
}

static int take_formats(struct plot_options *o, const char *list, char err[P2P_ERRLEN])
{
    char copy[128], *rest = NULL;

    snprintf(copy, sizeof(copy), "%s", list);
    for (char *name = strtok_r(copy, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
        if (take_format(o, "--format", name, err))
            return -1;
    return 0;
}

static int take_theory(struct plot_options *o, const char *text, char err[P2P_ERRLEN])
{
    if (o->n_theories == PLOT_THEORIES) {
        snprintf(err, P2P_ERRLEN, "--theory: more than %d", PLOT_THEORIES);
        return -1;
    }
    return theory_parse(&o->theory[o->n_theories++], text, err);
}

/* The ending of --out is a format. */
static const char *ending(const char *out)
{
    const char *dot = strrchr(out, '.'), *slash = strrchr(out, '/');

    return dot && (!slash || dot > slash + 1) && dot != out ? dot : NULL;
}

static int settle_formats(struct plot_options *o, char err[P2P_ERRLEN])
{
    bool any = false;

    if (o->out && ending(o->out) && take_format(o, "--out", ending(o->out) + 1, err))
        return -1;
    for (unsigned i = 0; i < PLOT_FORMATS; i++)
        any |= o->format[i];
    if (!any)
        o->format[0] = o->format[1] = true;
    return 0;
}

int plot_options(struct plot_options *o, int argc, char **argv, char err[P2P_ERRLEN])
{
    static const struct option known[] = {{"x", required_argument, NULL, 'x'},
                                          {"y", required_argument, NULL, 'y'},
                                          {"by", required_argument, NULL, 'b'},
                                          {"log", no_argument, NULL, 'l'},
                                          {"theory", required_argument, NULL, 't'},
                                          {"format", required_argument, NULL, 'f'},
                                          {"out", required_argument, NULL, 'o'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int c, rc = 0;

    memset(o, 0, sizeof(*o));
    optind = 0; /* the caller may have read options of its own */
    opterr = 0;
    while (rc == 0 && (c = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        if (c == 'h')
            return 1;
        if (c == 'x')
            o->x = optarg;
        else if (c == 'b')
            o->by = optarg;
        else if (c == 'l')
            o->log = true;
        else if (c == 'o')
            o->out = optarg;
        else if (c == 'y')
            rc = take_metrics(o, optarg, err);
        else if (c == 't')
            rc = take_theory(o, optarg, err);
        else if (c == 'f')
            rc = take_formats(o, optarg, err);
        else
            rc = snprintf(err, P2P_ERRLEN, "%.60s: %s", argv[optind - 1],
                          c == ':' ? "wants a value" : "no such option; --help lists them");
    }
    if (rc)
        return -1;
    if (optind + 1 != argc) {
        snprintf(err, P2P_ERRLEN, "%s",
                 optind == argc ? "which folder of results?" : "one folder of results at a time");
        return -1;
    }
    o->folder = argv[optind];
    return settle_formats(o, err);
}

/* ---- drawing ---- */

/* Where the files of a metric go: folder and name without ending. */
static void place(const struct plot_options *o, enum metric y, char folder[PATH_MAX],
                  char stem[NAME_MAX])
{
    const char *slash = o->out ? strrchr(o->out, '/') : NULL, *name, *dot;
    int len;

    if (!o->out) {
        snprintf(folder, PATH_MAX, "%s/plots", o->folder);
        snprintf(stem, NAME_MAX, "%s", metric_info[y].name);
        return;
    }
    name = slash ? slash + 1 : o->out;
    dot = ending(o->out);
    len = (int)(dot ? (size_t)(dot - name) : strlen(name));
    snprintf(folder, PATH_MAX, "%.*s", slash ? (int)(slash - o->out) : 1, slash ? o->out : ".");
    if (slash == o->out)
        snprintf(folder, PATH_MAX, "/");
    if (o->n_y == 1)
        snprintf(stem, NAME_MAX, "%.*s", len, name);
    else
        snprintf(stem, NAME_MAX, "%.*s-%s", len, name, metric_info[y].name);
}

int plot_run(const char *folder, const char *script, char err[P2P_ERRLEN])
{
    char *const argv[] = {"gnuplot", (char *)script, NULL};
    posix_spawn_file_actions_t actions;
    int rc, status = 0;
    pid_t pid;

    if (posix_spawn_file_actions_init(&actions) ||
        posix_spawn_file_actions_addchdir_np(&actions, folder)) {
        snprintf(err, P2P_ERRLEN, "no memory");
        return -1;
    }
    rc = posix_spawnp(&pid, "gnuplot", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc == ENOENT)
        snprintf(err, P2P_ERRLEN,
                 "gnuplot is not installed; 'scripts/install-deps plot' or 'apt-get install "
                 "gnuplot-nox' does it, then: cd %.100s && gnuplot %.60s",
                 folder, script);
    else if (rc)
        snprintf(err, P2P_ERRLEN, "gnuplot: %s", strerror(rc));
    if (rc)
        return -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    snprintf(err, P2P_ERRLEN, "gnuplot failed; it said why above; its script is %.150s/%.60s",
             folder, script);
    return -1;
}

static int draw(const struct plot_data *d, const struct plot_options *o, enum metric y,
                char err[P2P_ERRLEN])
{
    char folder[PATH_MAX], stem[NAME_MAX], script[NAME_MAX + 4], path[PATH_MAX + NAME_MAX + 8];
    bool bad;
    FILE *f;

    place(o, y, folder, stem);
    if (mkdir(folder, 0777) && errno != EEXIST) {
        snprintf(err, P2P_ERRLEN, "%s: %s", folder, strerror(errno));
        return -1;
    }
    snprintf(script, sizeof(script), "%s.gp", stem);
    snprintf(path, sizeof(path), "%s/%s", folder, script);
    f = fopen(path, "we");
    bad = f && (plot_script(f, d, o, y, stem) || ferror(f));
    if (!f || fclose(f) || bad) {
        snprintf(err, P2P_ERRLEN, "%s: %s", path, strerror(errno));
        return -1;
    }
    if (plot_run(folder, script, err))
        return -1;
    for (unsigned i = 0; i < PLOT_FORMATS; i++)
        if (o->format[i])
            printf("%s/%s.%s\n", folder, stem, plot_format[i]);
    return 0;
}

/* Theory speaks of load only. */
static bool is_load(const char *axis)
{
    size_t n = strlen(axis);

    return n >= 4 && strcmp(axis + n - 4, "load") == 0;
}

static int choose_metrics(const struct plot_data *d, struct plot_options *o, char err[P2P_ERRLEN])
{
    bool asked = o->n_y > 0;

    for (unsigned i = 0; i < o->n_y; i++) {
        if (!plot_has(d, o->y[i], true)) {
            snprintf(err, P2P_ERRLEN, "--y: %s has no value in %.150s", metric_info[o->y[i]].name,
                     o->folder);
            return -1;
        }
        if (o->log && !plot_has(d, o->y[i], false)) {
            snprintf(err, P2P_ERRLEN, "--y: all of %s is 0, which --log has no place for",
                     metric_info[o->y[i]].name);
            return -1;
        }
    }
    for (unsigned i = 0; !asked && i < HEADLINES; i++)
        if (plot_has(d, headline[i], false))
            o->y[o->n_y++] = headline[i];
    if (o->n_y == 0)
        snprintf(err, P2P_ERRLEN, "%s: nothing to draw; no job was measured", o->folder);
    return o->n_y ? 0 : -1;
}

static int draw_all(struct plot_options *o, char err[P2P_ERRLEN])
{
    struct plot_data d;
    int rc = plot_read(&d, o->folder, err);

    if (rc)
        return rc;
    rc = plot_layout(&d, o->x, o->by, err);
    if (rc == 0 && o->n_theories && (d.x_kind != PLOT_NUMBERS || !is_load(d.axis[d.x]))) {
        snprintf(err, P2P_ERRLEN, "--theory: is a function of load, and x is %.100s; give --x",
                 d.axis[d.x]);
        rc = -1;
    }
    if (rc == 0)
        rc = choose_metrics(&d, o, err);
    for (unsigned i = 0; rc == 0 && i < o->n_y; i++)
        rc = draw(&d, o, o->y[i], err);
    plot_data_release(&d);
    return rc;
}

int plot_main(int argc, char **argv)
{
    struct plot_options o;
    char err[P2P_ERRLEN] = "";
    int rc = plot_options(&o, argc, argv, err);

    if (rc > 0) {
        fputs(usage, stdout);
        for (enum metric m = 0; m < METRICS; m++)
            printf(" %s", metric_info[m].name);
        putchar('\n');
        return 0;
    }
    if (rc < 0) {
        fprintf(stderr, "p2pfaas plot: %s\n", err);
        return 2;
    }
    if (draw_all(&o, err) == 0)
        return 0;
    fprintf(stderr, "p2pfaas plot: %s\n", err);
    return 1;
}
