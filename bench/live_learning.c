/*
 * live_learning.c - what learners learned in the simulator, at work in real nodes: do they do
 * more jobs in time than the power of two choices?
 *
 * Both get the same jobs, one after the other, a day after the other; a day's difference is one
 * sample.
 */
#include <curl/curl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/live.h"
#include "sim/estimate.h"

enum { MOST_ROUNDS = 50, SIDES = 2, MOST_GROUPS = 16, DAY_AT_SPEED_1 = 86400 };
static const double LEVEL = 0.95;
/* Beyond these a machine is no witness: what is waited for is a core, and not a slot. */
static const double BUSY = 0.9, LATE_SECONDS = 0.002;

static const char *const side_name[SIDES] = {"power of choices", "learning"};

struct session {
    const char *binary, *file;
    char plugins[PATH_MAX], learners[PATH_MAX + 32];
    unsigned rounds, seconds, doubtful;
};

struct day {
    char length[24], speedup[24], seed[24];
    char path[MOST_GROUPS][64];
    struct scenario_override set[MOST_GROUPS + 8];
    unsigned n;
};

static void set_to(struct day *d, const char *path, const char *value)
{
    d->set[d->n++] = (struct scenario_override){.path = path, .value = value};
}

/* The day of the scenario's curves passes in the seconds of the run. */
static int speed_up(const struct session *s, struct day *d, char *err)
{
    struct scenario sc;
    int rc = scenario_read(&sc, s->file, NULL, 0, err);

    if (rc)
        return -1;
    if (sc.n_groups > MOST_GROUPS) {
        snprintf(err, P2P_ERRLEN, "%u groups of nodes; allowed: up to %d", sc.n_groups,
                 MOST_GROUPS);
        rc = -1;
    }
    for (unsigned g = 0; rc == 0 && g < sc.n_groups; g++) {
        if (sc.group[g].arrivals.process != ARRIVALS_CSV)
            continue;
        snprintf(d->path[g], sizeof(d->path[g]), "nodes.%s.arrivals.speedup", sc.group[g].name);
        set_to(d, d->path[g], d->speedup);
    }
    scenario_release(&sc);
    return rc;
}

static int read_side(const struct session *s, unsigned side, unsigned round, struct scenario *out,
                     char *err)
{
    struct day d = {.n = 0};

    snprintf(d.length, sizeof(d.length), "%us", s->seconds);
    snprintf(d.speedup, sizeof(d.speedup), "%u", DAY_AT_SPEED_1 / s->seconds);
    snprintf(d.seed, sizeof(d.seed), "%u", round + 1);
    set_to(&d, "run.length", d.length);
    set_to(&d, "run.warm_up", "0s");
    set_to(&d, "run.batches", "12");
    set_to(&d, "run.seed", d.seed);
    if (speed_up(s, &d, err))
        return -1;
    if (side) {
        set_to(&d, "nodes.*.learner.file", s->learners);
    } else {
        set_to(&d, "nodes.*.learner", "");
        set_to(&d, "nodes.*.scheduler",
               "{plugin: power_of_choices, parameters: {fanout: 2, threshold: 2}}");
    }
    return scenario_read(out, s->file, d.set, d.n, err);
}

static int run_side(struct session *s, unsigned side, unsigned round, double *in_time, char *err)
{
    struct scenario sc;
    struct live_setup setup = {.scenario = &sc, .binary = s->binary, .plugins = s->plugins};
    struct live_observed seen;
    struct result *r;
    int rc = -1;

    if (read_side(s, side, round, &sc, err))
        return -1;
    r = result_new(&sc);
    if (!r)
        snprintf(err, P2P_ERRLEN, "out of memory for the results");
    else if (live_check(&sc, err) == 0)
        rc = live_run(&setup, r, &seen, err);
    if (rc == 0) {
        *in_time = result_metric(r, METRIC_IN_DEADLINE);
        printf("  day %u, %-16s  %7.3f %% of %u jobs in time; machine %.0f %% busy, sent late by "
               "%.2f ms (p99)%s%s\n",
               round + 1, side_name[side], *in_time * 100, seen.jobs, seen.machine * 100,
               seen.late_p99 * 1e3, seen.odd[0] ? "; " : "", seen.odd);
        s->doubtful += seen.machine > BUSY || seen.late_p99 > LATE_SECONDS;
        fflush(stdout);
    }
    result_free(r);
    scenario_release(&sc);
    return rc;
}

static void print_estimate(const char *what, const double *x, unsigned n, bool sign)
{
    struct estimate e = estimate_of(x, n, LEVEL);

    printf(sign ? "  %-28s %+8.3f ± %.3f %%\n" : "  %-28s %8.3f ± %.3f %%\n", what, e.value * 100,
           e.half_width * 100);
}

static int run_all(struct session *s, char *err)
{
    double in_time[SIDES][MOST_ROUNDS], more[MOST_ROUNDS];

    for (unsigned k = 0; k < s->rounds; k++) {
        for (unsigned i = 0; i < SIDES; i++) {
            unsigned side = (i + k) % SIDES; /* what the machine does changes with time */

            if (run_side(s, side, k, &in_time[side][k], err))
                return -1;
        }
        more[k] = in_time[1][k] - in_time[0][k];
    }
    puts("");
    printf("in time, of %u days of %u s; ± is %.0f %%\n", s->rounds, s->seconds, LEVEL * 100);
    for (unsigned side = 0; side < SIDES; side++)
        print_estimate(side_name[side], in_time[side], s->rounds, false);
    print_estimate("learning less power", more, s->rounds, true);
    if (s->doubtful)
        printf("%u of %u runs on a machine that was too loaded; run it again when it is idle\n",
               s->doubtful, s->rounds * SIDES);
    return 0;
}

static int read_number(const char *text, unsigned least, unsigned most, unsigned *out)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || n < least || n > most) {
        fprintf(stderr, "live-learning: %s: allowed: an integer from %u to %u\n", text, least,
                most);
        return -1;
    }
    *out = (unsigned)n;
    return 0;
}

int main(int argc, char **argv)
{
    struct session s = {0};
    char err[P2P_ERRLEN], beside[PATH_MAX];
    const char *slash;
    int rc;

    if (argc != 6) {
        fputs(
            "usage: live_learning P2PFAAS SCENARIO.yaml LEARNERS DAYS SECONDS\n"
            "\n"
            "Runs so many days of the scenario, each in so many seconds, on nodes of this "
            "machine:\n"
            "with the power of two choices, and with its own scheduler and what is in the folder\n"
            "that `p2pfaas sim --learners` wrote.\n",
            stderr);
        return 2;
    }
    s.binary = argv[1];
    s.file = argv[2];
    snprintf(s.learners, sizeof(s.learners), "%s/{node}.learner", argv[3]);
    if (read_number(argv[4], 2, MOST_ROUNDS, &s.rounds) || read_number(argv[5], 5, 600, &s.seconds))
        return 2;
    slash = strrchr(s.binary, '/');
    snprintf(beside, sizeof(beside), "%.*splugins", slash ? (int)(slash + 1 - s.binary) : 0,
             s.binary);
    if (!realpath(beside, s.plugins)) {
        fprintf(stderr, "live-learning: %s: no such folder\n", beside);
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    rc = run_all(&s, err);
    if (rc)
        fprintf(stderr, "live-learning: %s\n", err);
    curl_global_cleanup();
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
