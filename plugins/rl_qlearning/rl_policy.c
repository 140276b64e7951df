/*
 * What to do where the actions have the values q: the best, or now and then another.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "rl.h"

static uint32_t count(uint64_t set)
{
    uint32_t n = 0;

    for (; set; set &= set - 1)
        n++;
    return n;
}

static uint32_t member(uint64_t set, uint32_t k)
{
    uint32_t a = 0;

    while (k-- > 0)
        set &= set - 1;
    for (; !(set & 1); set >>= 1)
        a++;
    return a;
}

static uint32_t draw(const struct rl *r, uint64_t set)
{
    uint32_t n = count(set);

    return member(set, n > 1 ? (uint32_t)p2p_rand_below(r->host, n) : 0);
}

/* The actions of the highest value. */
uint64_t rl_best(const struct rl *r, const double *q, uint64_t allowed)
{
    double best = -DBL_MAX;
    uint64_t set = 0;

    for (uint32_t a = 0; a < r->n_actions; a++) {
        uint64_t bit = UINT64_C(1) << a;

        if (!(allowed & bit) || q[a] < best)
            continue;
        set = q[a] > best ? bit : set | bit;
        best = q[a];
    }
    return set;
}

/* Of exp(q / temperature), where the best has 1, so that nothing overflows. */
static double weigh(const struct rl *r, const double *q, uint64_t allowed, double *weight)
{
    double best = -DBL_MAX, total = 0;

    for (uint32_t a = 0; a < r->n_actions; a++)
        if (allowed & UINT64_C(1) << a && q[a] > best)
            best = q[a];
    for (uint32_t a = 0; a < r->n_actions; a++) {
        bool may = allowed & UINT64_C(1) << a;

        weight[a] = may ? exp((q[a] - best) / r->temperature) : 0;
        total += weight[a];
    }
    return total;
}

static uint32_t choose_softly(const struct rl *r, const double *q, uint64_t allowed)
{
    double weight[RL_ACTIONS], at = weigh(r, q, allowed, weight) * p2p_rand_unit(r->host);
    uint32_t last = 0;

    for (uint32_t a = 0; a < r->n_actions; a++) {
        if (weight[a] <= 0)
            continue;
        last = a;
        if (at < weight[a])
            break;
        at -= weight[a];
    }
    return last;
}

uint32_t rl_choose(const struct rl *r, const double *q, uint64_t allowed)
{
    if (r->exploration == RL_SOFTMAX)
        return choose_softly(r, q, allowed);
    if (r->epsilon_now > 0 && p2p_rand_unit(r->host) < r->epsilon_now)
        return draw(r, allowed);
    return draw(r, rl_best(r, q, allowed));
}

void rl_probabilities(const struct rl *r, const double *q, uint64_t allowed, double *p)
{
    uint64_t best;
    double total, greedy, any;

    if (r->exploration == RL_SOFTMAX) {
        total = weigh(r, q, allowed, p);
        for (uint32_t a = 0; a < r->n_actions; a++)
            p[a] /= total;
        return;
    }
    best = rl_best(r, q, allowed);
    any = r->epsilon_now / count(allowed);
    greedy = (1 - r->epsilon_now) / count(best);
    for (uint32_t a = 0; a < r->n_actions; a++) {
        uint64_t bit = UINT64_C(1) << a;

        p[a] = (allowed & bit ? any : 0) + (best & bit ? greedy : 0);
    }
}

void rl_policy_values(const struct rl *r, const struct rl_rows *rows, double *q)
{
    double second[RL_ACTIONS];

    rl_read(r, rows, 0, q);
    if (!r->double_q)
        return;
    rl_read(r, rows, 1, second);
    for (uint32_t a = 0; a < r->n_actions; a++)
        q[a] = (q[a] + second[a]) / 2;
}
