/*
 * arrivals_steady.c - the same rate for ever: Poisson and deterministic.
 */
#include "sim/arrivals_private.h"

#include <stdlib.h>

struct steady {
    struct arrivals base;
    double gap_ns; /* mean */
};

static const struct steady *steady_of(const struct arrivals *a)
{
    return (const struct steady *)a;
}

static int load(struct arrivals **out, const struct arrival_source *s, char err[P2P_ERRLEN])
{
    struct steady *p;

    if (arrivals_check_rate(s->rate, err))
        return -1;
    p = calloc(1, sizeof(*p));
    if (!p)
        return arrivals_no_memory(err);
    p->gap_ns = SECOND_NS / s->rate;
    *out = &p->base;
    return 0;
}

static void release(struct arrivals *a)
{
    free(a);
}

static void begin_poisson(struct arrival_cursor *c, const struct arrivals *a, struct random *r)
{
    (void)c;
    (void)a;
    (void)r;
}

static void next_poisson(struct arrival_cursor *c, const struct arrivals *a, struct random *r,
                         struct arrival *out)
{
    c->now_ns = arrivals_after(c->now_ns, random_exponential(r, steady_of(a)->gap_ns));
    out->at_ns = c->now_ns;
}

/* Without a phase of its own each node would get its job at the same instant. */
static void begin_deterministic(struct arrival_cursor *c, const struct arrivals *a,
                                struct random *r)
{
    (void)a;
    c->done = random_unit(r);
}

/* Counts, as the sum of many rounded gaps would drift. */
static void next_deterministic(struct arrival_cursor *c, const struct arrivals *a, struct random *r,
                               struct arrival *out)
{
    (void)r;
    out->at_ns = arrivals_after(0, c->done * steady_of(a)->gap_ns);
    c->done += 1;
}

const struct arrival_ops arrivals_poisson = {load, release, begin_poisson, next_poisson};
const struct arrival_ops arrivals_deterministic = {load, release, begin_deterministic,
                                                   next_deterministic};
