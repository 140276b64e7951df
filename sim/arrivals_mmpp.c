/*
 * arrivals_mmpp.c - a Poisson process of which the rate goes through states: MMPP, and
 * on-off, which has two.
 */
#include "sim/arrivals_private.h"

#include <stdlib.h>

/* Shorter, and a simulation would do nothing but change states. */
static const int64_t SHORTEST_STAY = 1000;

struct mmpp {
    struct arrivals base;
    unsigned n;
    double stay_ns[ARRIVALS_MAX_STATES];
    double gap_ns[ARRIVALS_MAX_STATES]; /* 0 = nothing comes */
    double until[ARRIVALS_MAX_STATES];  /* share of the time in this state and those before */
};

static const struct mmpp *mmpp_of(const struct arrivals *a)
{
    return (const struct mmpp *)a;
}

static int check_stay(const char *key, int64_t ns, char err[P2P_ERRLEN])
{
    if (ns >= SHORTEST_STAY)
        return 0;
    snprintf(err, P2P_ERRLEN, "%s: %lldns is out of range; allowed: a duration from 1us", key,
             (long long)ns);
    return -1;
}

/* Takes the rates, a second, times `factor`. */
static int make(struct arrivals **out, unsigned n, const double *rate, const int64_t *stay,
                double factor, char err[P2P_ERRLEN])
{
    double total = 0, so_far = 0;
    struct mmpp *m;

    for (unsigned i = 0; i < n; i++)
        if (rate[i] > 0 && arrivals_check_rate(rate[i] * factor, err))
            return -1;
    m = calloc(1, sizeof(*m));
    if (!m)
        return arrivals_no_memory(err);
    m->n = n;
    for (unsigned i = 0; i < n; i++)
        total += (double)stay[i];
    for (unsigned i = 0; i < n; i++) {
        so_far += (double)stay[i];
        m->until[i] = so_far / total;
        m->stay_ns[i] = (double)stay[i];
        m->gap_ns[i] = rate[i] > 0 ? SECOND_NS / (rate[i] * factor) : 0;
    }
    *out = &m->base;
    return 0;
}

static int load_on_off(struct arrivals **out, const struct arrival_source *s, char err[P2P_ERRLEN])
{
    const int64_t stay[] = {s->config->on, s->config->off};
    double rate[] = {0, 0};

    if (arrivals_check_rate(s->rate, err) || check_stay("on", stay[0], err) ||
        check_stay("off", stay[1], err))
        return -1;
    rate[0] = s->rate * ((double)stay[0] + (double)stay[1]) / (double)stay[0];
    return make(out, 2, rate, stay, 1, err);
}

static int check_states(const struct arrival_config *c, char err[P2P_ERRLEN])
{
    char key[24];

    if (c->n_states < 1 || c->n_states > ARRIVALS_MAX_STATES) {
        snprintf(err, P2P_ERRLEN, "states: there are %u; allowed: from 1 to %d", c->n_states,
                 ARRIVALS_MAX_STATES);
        return -1;
    }
    for (unsigned i = 0; i < c->n_states; i++) {
        snprintf(key, sizeof(key), "states[%u].stay", i);
        if (check_stay(key, c->state_stay[i], err))
            return -1;
        if (c->state_rate[i] >= 0 && c->state_rate[i] <= ARRIVALS_MAX_RATE)
            continue;
        snprintf(err, P2P_ERRLEN,
                 "states[%u].rate: %g a second is out of range; allowed: from 0 to %g", i,
                 c->state_rate[i], ARRIVALS_MAX_RATE);
        return -1;
    }
    return 0;
}

static int load_mmpp(struct arrivals **out, const struct arrival_source *s, char err[P2P_ERRLEN])
{
    const struct arrival_config *c = s->config;
    double jobs = 0, time = 0;

    if (check_states(c, err) || (s->rate != 0 && arrivals_check_rate(s->rate, err)))
        return -1;
    for (unsigned i = 0; i < c->n_states; i++) {
        jobs += c->state_rate[i] * (double)c->state_stay[i];
        time += (double)c->state_stay[i];
    }
    if (jobs == 0) {
        snprintf(err, P2P_ERRLEN, "states: no rate is above 0; allowed: at least one");
        return -1;
    }
    return make(out, c->n_states, c->state_rate, c->state_stay,
                s->rate > 0 ? s->rate * time / jobs : 1, err);
}

static void release(struct arrivals *a)
{
    free(a);
}

/* A stay that is under way lasts as long as a new one: it has no memory. */
static void begin(struct arrival_cursor *c, const struct arrivals *a, struct random *r)
{
    const struct mmpp *m = mmpp_of(a);
    double where = random_unit(r);

    while (c->first + 1 < m->n && where >= m->until[c->first])
        c->first++;
    c->until_ns = arrivals_after(0, random_exponential(r, m->stay_ns[c->first]));
}

/* For the same reason the wait for a job begins anew with each state. */
static void next(struct arrival_cursor *c, const struct arrivals *a, struct random *r,
                 struct arrival *out)
{
    const struct mmpp *m = mmpp_of(a);

    out->at_ns = ARRIVALS_NEVER;
    while (c->now_ns != ARRIVALS_NEVER) {
        double gap = m->gap_ns[c->first];
        uint64_t at =
            gap > 0 ? arrivals_after(c->now_ns, random_exponential(r, gap)) : ARRIVALS_NEVER;

        if (at < c->until_ns) {
            c->now_ns = out->at_ns = at;
            return;
        }
        c->now_ns = c->until_ns;
        c->first = (c->first + 1) % m->n;
        c->until_ns = arrivals_after(c->now_ns, random_exponential(r, m->stay_ns[c->first]));
    }
}

const struct arrival_ops arrivals_on_off = {load_on_off, release, begin, next};
const struct arrival_ops arrivals_mmpp = {load_mmpp, release, begin, next};
