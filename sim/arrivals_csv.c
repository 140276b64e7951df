/*
 * arrivals_csv.c - a Poisson process of which the rate follows a file.
 *
 * Time is measured by the number of jobs that are to be expected until then: on that scale
 * the process has rate 1, whatever the file says, and no draw is thrown away.
 */
#include "sim/arrivals_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"

struct step {
    double start_ns;
    double jobs; /* expected from the beginning of the file until here */
};

struct curve {
    struct arrivals base;
    struct step *step; /* n + 1: the last is the end */
    size_t n, room;
};

static const struct curve *curve_of(const struct arrivals *a)
{
    return (const struct curve *)a;
}

/* ---- the file ---- */

/* A first column with a unit is a time, without it is a number of steps. */
static int read_time(const struct csv *rows, double step_ns, double *out, char err[P2P_ERRLEN])
{
    const double longest = 100.0 * 365 * 86400 * SECOND_NS;
    const char *text = rows->field[0];
    int64_t ns;
    double steps;

    if (text[strcspn(text, "hmsun")] == '\0') {
        if (csv_number(rows, 0, 0, longest / step_ns, &steps, err))
            return -1;
        *out = steps * step_ns;
        return 0;
    }
    if (csv_duration(rows, 0, (int64_t)longest, &ns, err))
        return -1;
    *out = (double)ns;
    return 0;
}

/* A row; `jobs` holds its rate for now. */
static int add(struct curve *v, const struct csv *rows, unsigned columns, double step_ns,
               char err[P2P_ERRLEN])
{
    struct step s = {.start_ns = (double)v->n * step_ns}, *more;

    if (rows->n_fields != columns)
        return csv_fail(rows, err, "%u fields; allowed: %s", rows->n_fields,
                        v->n ? "as many as in the lines before" : "a rate, or a time and a rate");
    if (columns == 2 && read_time(rows, step_ns, &s.start_ns, err))
        return -1;
    if (csv_number(rows, columns - 1, 0, ARRIVALS_MAX_RATE, &s.jobs, err))
        return -1;
    if (v->n > 0 && s.start_ns - v->step[v->n - 1].start_ns < 1)
        return csv_refuse(rows, 0, "later than the line before", "times that grow", err);
    if (v->n == ARRIVALS_MAX_STEPS)
        return csv_fail(rows, err, "more than %d lines", ARRIVALS_MAX_STEPS);
    more = arrivals_grow(v->step, v->n + 1, &v->room, sizeof(s));
    if (!more)
        return csv_fail(rows, err, "out of memory");
    v->step = more;
    v->step[v->n++] = s;
    return 0;
}

static int read_rows(struct curve *v, struct csv *rows, const struct arrival_config *c,
                     char err[P2P_ERRLEN])
{
    static const char *const one[] = {"rate"}, *const two[] = {"time", "rate"};
    unsigned columns = 0;
    int rc;

    while ((rc = csv_row(rows, err)) > 0) {
        if (columns == 0) {
            columns = rows->n_fields == 2 ? 2 : 1;
            csv_name(rows, columns == 2 ? two : one, columns);
        }
        if (add(v, rows, columns, (double)c->step, err))
            return -1;
    }
    return rc;
}

/* From rates to expected jobs. */
static int sum_up(struct curve *v, const struct arrival_source *s, char err[P2P_ERRLEN])
{
    double jobs = 0, factor = s->config->scale, begin, last = (double)s->config->step;

    if (v->n == 0) {
        snprintf(err, P2P_ERRLEN, "%s: no rates; allowed: one a line, or lines of time,rate",
                 s->config->file);
        return -1;
    }
    begin = v->step[0].start_ns;
    if (v->n > 1)
        last = v->step[v->n - 1].start_ns - v->step[v->n - 2].start_ns;
    v->step[v->n].start_ns = v->step[v->n - 1].start_ns + last;
    for (size_t i = 0; i <= v->n; i++)
        v->step[i].start_ns = (v->step[i].start_ns - begin) / s->config->speedup;
    for (size_t i = 0; i < v->n; i++) {
        double seconds = (v->step[i + 1].start_ns - v->step[i].start_ns) / SECOND_NS;
        double rate = v->step[i].jobs;

        v->step[i].jobs = jobs;
        jobs += rate * seconds;
    }
    v->step[v->n].jobs = jobs;
    if (jobs == 0) {
        snprintf(err, P2P_ERRLEN, "%s: no rate is above 0; allowed: at least one", s->config->file);
        return -1;
    }
    if (s->rate > 0)
        factor = s->rate * v->step[v->n].start_ns / SECOND_NS / jobs;
    for (size_t i = 0; i <= v->n; i++)
        v->step[i].jobs *= factor;
    return 0;
}

static int load(struct arrivals **out, const struct arrival_source *s, char err[P2P_ERRLEN])
{
    struct curve *v;
    struct csv rows;
    int rc;

    if (arrivals_check_file(s->config, err) || (s->rate != 0 && arrivals_check_rate(s->rate, err)))
        return -1;
    if (s->config->step < 1000) {
        snprintf(err, P2P_ERRLEN, "step: %lldns is out of range; allowed: a duration from 1us",
                 (long long)s->config->step);
        return -1;
    }
    v = calloc(1, sizeof(*v));
    if (!v)
        return arrivals_no_memory(err);
    *out = &v->base;
    if (csv_open(&rows, s->config->file, CSV_COMMENTS, err))
        return -1;
    rc = read_rows(v, &rows, s->config, err);
    csv_close(&rows);
    return rc ? -1 : sum_up(v, s, err);
}

static void release(struct arrivals *a)
{
    struct curve *v = (struct curve *)a;

    free(v->step);
    free(v);
}

/* ---- a node ---- */

static void begin(struct arrival_cursor *c, const struct arrivals *a, struct random *r)
{
    (void)c;
    (void)a;
    (void)r;
}

/* The step in which so many jobs were expected; one without jobs is none. */
static const struct step *find(const struct curve *v, double jobs)
{
    size_t low = 0, high = v->n;

    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        if (v->step[middle].jobs <= jobs)
            low = middle;
        else
            high = middle;
    }
    return &v->step[low];
}

/* done: jobs expected since this round of the file began, which was at now_ns. */
static void next(struct arrival_cursor *c, const struct arrivals *a, struct random *r,
                 struct arrival *out)
{
    const struct curve *v = curve_of(a);
    const struct step *end = &v->step[v->n], *s;
    double share;

    c->done += random_exponential(r, 1);
    if (c->done >= end->jobs) {
        double rounds = floor(c->done / end->jobs);

        c->done = fmax(0, c->done - rounds * end->jobs);
        c->now_ns = arrivals_after(c->now_ns, rounds * end->start_ns);
    }
    s = find(v, c->done);
    share = fmin(1, (c->done - s->jobs) / (s[1].jobs - s->jobs));
    out->at_ns = arrivals_after(c->now_ns, s->start_ns + share * (s[1].start_ns - s->start_ns));
}

const struct arrival_ops arrivals_csv = {load, release, begin, next};
