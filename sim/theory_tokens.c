/*
 * Join-Idle-Queue as plugins/jiq has it: a token stays out until it is used, also when a job
 * without one came to its node meanwhile.  Endlessly many nodes, each a dispatcher.
 *
 * A dispatcher's tokens: they come at rate a, one is used by each job that finds any.  As a
 * queue of rate k * load it is empty for a share of 1 - rho, and in the order of their coming
 * each token is out for an exponential time of rate k * load * (1 - rho).
 *
 * A node: n jobs, t tokens out.  Jobs without a token come at rate k * load * (1 - rho); each
 * of its tokens brings one at the rate above.  When a job ends and none waits, there are as
 * many tokens out as slots are idle, or more.
 *
 * The two meet where a node has as many tokens out as a dispatcher has, rho / (1 - rho).
 */
#include "sim/theory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 60 };
#define UNLIKELY 1e-16 /* a node with more jobs */
#define MOST_LOAD 0.99 /* above, too many states matter */

struct tokens {
    unsigned k, most_jobs, per_level, states, band;
    double *rate; /* of state i to i + j: rate[i * (2 * band + 1) + band + j] */
    double *share;
};

/* State 0 is the one of no job and all tokens out. */
static unsigned state_of(const struct tokens *m, unsigned n, unsigned t)
{
    return n * m->per_level + m->k - t;
}

static double *rate_at(const struct tokens *m, unsigned from, unsigned to)
{
    return &m->rate[(size_t)from * (2 * m->band + 1) + m->band + to - from];
}

static void fill(struct tokens *m, double each)
{
    memset(m->rate, 0, (size_t)m->states * (2 * m->band + 1) * sizeof(*m->rate));
    for (unsigned n = 0; n <= m->most_jobs; n++) {
        for (unsigned t = 0; t <= m->k; t++) {
            unsigned here = state_of(m, n, t);

            if (n < m->most_jobs)
                *rate_at(m, here, state_of(m, n + 1, t)) += each;
            if (n < m->most_jobs && t > 0)
                *rate_at(m, here, state_of(m, n + 1, t - 1)) += t * each;
            if (n > 0) {
                unsigned idle = n - 1 < m->k ? m->k - (n - 1) : 0;

                *rate_at(m, here, state_of(m, n - 1, t > idle ? t : idle)) += n < m->k ? n : m->k;
            }
        }
    }
}

/* Stationary shares by taking out state after state (Grassmann, Taksar and Heyman), which
 * subtracts nothing. */
static void solve(struct tokens *m)
{
    double total = 1;

    for (unsigned i = m->states - 1; i > 0; i--) {
        unsigned first = i > m->band ? i - m->band : 0;
        double sum = 0;

        for (unsigned j = first; j < i; j++)
            sum += *rate_at(m, i, j);
        for (unsigned j = first; j < i; j++) {
            double in = *rate_at(m, j, i) /= sum;

            for (unsigned to = first; in > 0 && to < i; to++)
                *rate_at(m, j, to) += in * *rate_at(m, i, to);
        }
    }
    m->share[0] = 1;
    for (unsigned i = 1; i < m->states; i++) {
        m->share[i] = 0;
        for (unsigned j = i > m->band ? i - m->band : 0; j < i; j++)
            m->share[i] += m->share[j] * *rate_at(m, j, i);
        total += m->share[i];
    }
    for (unsigned i = 0; i < m->states; i++)
        m->share[i] /= total;
}

/* Means over the states: of jobs, of tokens. */
static void means(const struct tokens *m, double *jobs, double *out)
{
    *jobs = *out = 0;
    for (unsigned i = 0; i < m->states; i++) {
        unsigned n = i / m->per_level, t = m->k - i % m->per_level;

        *jobs += m->share[i] * n;
        *out += m->share[i] * t;
    }
}

/* How many tokens more a node has out than a dispatcher has, when that has none for a share
 * 1 - rho of its jobs; times 1 - rho. */
static double surplus(struct tokens *m, double load, double rho, double *jobs)
{
    double out;

    fill(m, m->k * load * (1 - rho));
    solve(m);
    means(m, jobs, &out);
    return out * (1 - rho) - rho;
}

/* The surplus falls from above 0 to -1: a chord between two of its points, of which the one that
 * stays counts half (the Illinois method). */
static double balance(struct tokens *m, double load)
{
    double low = 0, high = 1, jobs = NAN, at_low = surplus(m, load, 0, &jobs), at_high = -1;

    for (unsigned i = 0, side = 0; i < ROUNDS && high - low > 1e-13; i++) {
        double rho = (low * at_high - high * at_low) / (at_high - at_low);
        double here = surplus(m, load, rho, &jobs);

        if (fabs(here) < 1e-13)
            break;
        if (here > 0) {
            low = rho;
            at_low = here;
            at_high = side == 1 ? at_high / 2 : at_high;
            side = 1;
        } else {
            high = rho;
            at_high = here;
            at_low = side == 2 ? at_low / 2 : at_low;
            side = 2;
        }
    }
    return jobs;
}

double theory_jiq(double load, unsigned k)
{
    struct tokens m = {.k = k, .per_level = k + 1, .band = 2 * k + 2};
    double jobs = NAN;

    if (!(load >= 0 && load <= MOST_LOAD) || k < 1 || k > THEORY_MOST_TOKENS)
        return NAN;
    if (load == 0)
        return 1;
    m.most_jobs = k + (unsigned)ceil(log(UNLIKELY) / log(load));
    m.states = (m.most_jobs + 1) * m.per_level;
    m.rate = calloc((size_t)m.states * (2 * m.band + 1), sizeof(double));
    m.share = calloc(m.states, sizeof(double));
    if (m.rate && m.share)
        jobs = balance(&m, load);
    free(m.rate);
    free(m.share);
    return jobs / (k * load);
}
