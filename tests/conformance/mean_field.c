#include "tests/conformance/mean_field.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

double mean_field_dealt(double load, unsigned n)
{
    double sigma = 0, before;

    if (!(load > 0 && load < 1) || n < 1)
        return NAN;
    /* The share of jobs that wait is where the transform of the gaps meets it; from 0 it only
     * grows to there. */
    do {
        before = sigma;
        sigma = pow(n * load / (n * load + 1 - sigma), n);
    } while (sigma - before > 1e-15);
    return 1 / (1 - sigma);
}

/*
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
enum { MOST_JOBS = 600, MOST_SLOTS = 8 };

struct tokens {
    unsigned k, per_level, states, band;
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
    for (unsigned n = 0; n <= MOST_JOBS; n++) {
        for (unsigned t = 0; t <= m->k; t++) {
            unsigned here = state_of(m, n, t);

            if (n < MOST_JOBS)
                *rate_at(m, here, state_of(m, n + 1, t)) += each;
            if (n < MOST_JOBS && t > 0)
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

double mean_field_tokens(double load, unsigned k)
{
    struct tokens m = {.k = k, .per_level = k + 1, .band = 2 * k + 2};
    double low = 0, high = 1, jobs = NAN, out;

    if (!(load > 0 && load < 1) || k < 1 || k > MOST_SLOTS)
        return NAN;
    m.states = (MOST_JOBS + 1) * m.per_level;
    m.rate = calloc((size_t)m.states * (2 * m.band + 1), sizeof(double));
    m.share = calloc(m.states, sizeof(double));
    for (unsigned i = 0; m.rate && m.share && i < 40; i++) {
        double rho = (low + high) / 2;

        fill(&m, k * load * (1 - rho));
        solve(&m);
        means(&m, &jobs, &out);
        if (out > rho / (1 - rho))
            low = rho;
        else
            high = rho;
    }
    free(m.rate);
    free(m.share);
    return jobs / (k * load);
}
