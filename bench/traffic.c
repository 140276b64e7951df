#include "bench/traffic.h"

#include <math.h>
#include <stdlib.h>

#include "base/csv.h"

struct point {
    double rate;
    double calls; /* expected since the first point until here */
};

struct traffic {
    struct point *point; /* n + 1: the last is the first again */
    unsigned n;
    double step;  /* seconds from point to point */
    double shift; /* seconds since the first point when the run begins */
    double seconds;
};

/* ---- the file ---- */

static int read_points(struct traffic *t, struct csv *rows, char err[P2P_ERRLEN])
{
    static const char *const names[] = {"index", "load"};
    int rc;

    csv_name(rows, names, 2);
    while ((rc = csv_row(rows, err)) > 0) {
        uint32_t index;
        struct point *more;

        if (rows->n_fields != 2)
            return csv_fail(rows, err, "%u fields; allowed: index,load", rows->n_fields);
        if (t->n == TRAFFIC_MAX_POINTS)
            return csv_fail(rows, err, "more than %d lines", TRAFFIC_MAX_POINTS);
        more = realloc(t->point, (t->n + 2) * sizeof(*more));
        if (!more)
            return csv_fail(rows, err, "out of memory");
        t->point = more;
        more[t->n] = more[t->n + 1] = (struct point){0};
        if (csv_whole(rows, 0, TRAFFIC_MAX_POINTS, &index, err))
            return -1;
        if (index != t->n)
            return csv_fail(rows, err, "index %u; allowed: %u, as the lines count from 0", index,
                            t->n);
        if (csv_number(rows, 1, 0, 1, &t->point[t->n].rate, err))
            return -1;
        t->n++;
    }
    return rc;
}

static int sum_up(struct traffic *t, const struct traffic_setup *s, char err[P2P_ERRLEN])
{
    double calls = 0;

    if (t->n == 0) {
        snprintf(err, P2P_ERRLEN, "%.160s: no points; allowed: lines of index,load", s->file);
        return -1;
    }
    t->step = s->seconds / s->repetitions / t->n;
    t->seconds = s->seconds;
    t->shift = fmod(s->shift, t->n) * t->step;
    for (unsigned i = 0; i < t->n; i++)
        t->point[i].rate = s->rate_min + (s->rate - s->rate_min) * t->point[i].rate;
    t->point[t->n].rate = t->point[0].rate;
    for (unsigned i = 0; i <= t->n; i++) {
        t->point[i].calls = calls;
        if (i < t->n)
            calls += (t->point[i].rate + t->point[i + 1].rate) / 2 * t->step;
    }
    if (calls > 0)
        return 0;
    snprintf(err, P2P_ERRLEN, "%.160s: every load is 0; allowed: one that is more, or a rate_min",
             s->file);
    return -1;
}

struct traffic *traffic_load(const struct traffic_setup *s, char err[P2P_ERRLEN])
{
    struct traffic *t = calloc(1, sizeof(*t));
    struct csv rows;
    int rc;

    if (!t) {
        snprintf(err, P2P_ERRLEN, "%.160s: out of memory", s->file);
        return NULL;
    }
    rc = csv_open(&rows, s->file, 0, err);
    if (rc == 0) {
        rc = read_points(t, &rows, err);
        csv_close(&rows);
    }
    if (rc == 0)
        rc = sum_up(t, s, err);
    if (rc == 0)
        return t;
    traffic_free(t);
    return NULL;
}

void traffic_free(struct traffic *t)
{
    if (t)
        free(t->point);
    free(t);
}

/* ---- along the curve ---- */

double traffic_rate(const struct traffic *t, double seconds)
{
    double at = fmod(seconds + t->shift, t->step * t->n) / t->step;
    unsigned i = (unsigned)at < t->n ? (unsigned)at : t->n - 1;

    return t->point[i].rate + (t->point[i + 1].rate - t->point[i].rate) * (at - i);
}

/* Expected calls in `since` seconds from the first point on. */
static double until(const struct traffic *t, double since)
{
    double round = t->step * t->n, rounds = floor(since / round);
    double at = (since - rounds * round) / t->step;
    unsigned i = (unsigned)at < t->n ? (unsigned)at : t->n - 1;
    const struct point *p = &t->point[i];
    double share = at - i, rate = p->rate + (p[1].rate - p->rate) * share;

    return rounds * t->point[t->n].calls + p->calls + (p->rate + rate) / 2 * share * t->step;
}

double traffic_calls(const struct traffic *t, double seconds)
{
    return until(t, seconds + t->shift) - until(t, t->shift);
}

/* The segment in which so many calls are reached. */
static unsigned find(const struct traffic *t, double calls)
{
    unsigned low = 0, high = t->n;

    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;

        if (t->point[middle].calls <= calls)
            low = middle;
        else
            high = middle;
    }
    return low;
}

double traffic_when(const struct traffic *t, double calls)
{
    double whole = until(t, t->shift) + calls, round = t->point[t->n].calls;
    double rounds = floor(whole / round), rest = whole - rounds * round, slope, x;
    unsigned i;

    if (calls >= traffic_calls(t, t->seconds))
        return INFINITY;
    i = find(t, rest);
    rest -= t->point[i].calls;
    /* rate * x + slope * x^2 / 2 = rest, in the form that also holds for a slope of 0. */
    slope = (t->point[i + 1].rate - t->point[i].rate) / t->step;
    x = t->point[i].rate * t->point[i].rate + 2 * slope * rest;
    x = t->point[i].rate + sqrt(x > 0 ? x : 0);
    x = x > 0 ? 2 * rest / x : 0;
    x = x < t->step ? x : t->step;
    return rounds * t->step * t->n + i * t->step + x - t->shift;
}
