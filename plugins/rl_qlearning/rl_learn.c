/*
 * The temporal-difference forms (Sutton and Barto, "Reinforcement learning", 2nd edition,
 * 2018: 6.4 to 6.7, 7.1 to 7.2, 10.3 to 10.5).
 *
 * learn() gets transitions in the order in which their rewards came, which is taken for
 * one trajectory that a transition without a next state ends.  Those whose later rewards
 * are awaited stand in a window of at most n_step; the oldest learns
 *
 *   G = R1 + gamma R2 + ... + gamma^(n-1) Rn + gamma^n V       Q(S, A) += alpha (G - Q(S, A))
 *
 *   qlearning        V: of the next state's actions the best
 *   expected_sarsa   V: of the next state's actions the mean, as likely as they are taken
 *   sarsa            V: of the next state and the action that was taken there, where the
 *                       transition tells it; else of the state and the action of the one that
 *                       follows, so that state and action belong together
 *   differential_sarsa  the same, without gamma: G is of the rewards less their average,
 *                       average += beta (G - Q(S, A)).  The original P2PFaaS has
 *                       average = R1 + beta (G - Q(S, A)), to be had by average_reward
 *
 * with n_step above 1, qlearning learns from what was explored as if it were best.
 * `double` (6.7): two tables; a draw says which one learns, from the other's values of
 * what it takes for best itself.
 *
 * Which actions a state has is what act() was allowed there: one that could never be
 * taken has its initial value for ever, and would be the best one of a state where all
 * others cost something.
 */
#include <math.h>

#include "rl.h"

/* What comes after the last reward. */
struct after {
    bool nothing; /* the trajectory ended */
    bool chosen;  /* `action` was taken; else what would be is asked */
    struct rl_rows rows;
    uint32_t action;
};

static bool follows(const struct rl *r)
{
    return r->form == RL_SARSA || r->form == RL_DIFFERENTIAL_SARSA;
}

static bool differential(const struct rl *r)
{
    return r->form == RL_DIFFERENTIAL_SARSA;
}

static double bounded(double x)
{
    return fmax(-RL_MOST_VALUE, fmin(RL_MOST_VALUE, x));
}

static uint32_t lowest(uint64_t set)
{
    uint32_t a = 0;

    while (!(set >> a & 1))
        a++;
    return a;
}

/* V, for the table that learns; `other` is itself where there is one only. */
static double value_of(const struct rl *r, const struct after *after, uint32_t own, uint32_t other)
{
    double q[RL_ACTIONS], p[RL_ACTIONS], v = 0;
    uint64_t allowed;

    if (after->nothing)
        return 0;
    if (after->chosen)
        return rl_read_one(r, &after->rows, other, after->action);
    allowed = rl_allowed(r, &after->rows);
    if (r->form == RL_QLEARNING) {
        rl_read(r, &after->rows, own, q);
        return rl_read_one(r, &after->rows, other, lowest(rl_best(r, q, allowed)));
    }
    rl_policy_values(r, &after->rows, q);
    rl_probabilities(r, q, allowed, p);
    rl_read(r, &after->rows, other, q);
    for (uint32_t a = 0; a < r->n_actions; a++)
        v += p[a] * q[a];
    return v;
}

static void add(struct rl *r, const struct rl_step *s, uint32_t table, double step)
{
    for (uint32_t i = 0; i < r->n_features; i++) {
        double *v;

        if (s->at.row[i] == RL_NO_ROW)
            continue;
        v = &rl_values(r, s->at.row[i], table)[s->action];
        *v = bounded(*v + step);
    }
}

static double reward_of(const struct rl *r, uint32_t k)
{
    const struct rl_step *s = &r->window[(r->first + k) % RL_STEPS];

    return differential(r) ? s->reward - r->average : s->reward;
}

/* The oldest of the window learns, and leaves it. */
static void learn_oldest(struct rl *r, const struct after *after)
{
    const struct rl_step *s = &r->window[r->first];
    uint32_t own = r->double_q ? (uint32_t)(r->host->rand(r->host) >> 63) : 0;
    double gamma = differential(r) ? 1 : r->gamma, weight = 1, g = 0, delta;

    for (uint32_t k = 0; k < r->n_window; k++) {
        g += weight * reward_of(r, k);
        weight *= gamma;
    }
    g += weight * value_of(r, after, own, r->double_q ? 1 - own : own);
    delta = g - rl_read_one(r, &s->at, own, s->action);
    if (differential(r))
        r->average =
            bounded((r->average_reward == RL_ORIGINAL ? s->reward : r->average) + r->beta * delta);
    add(r, s, own, r->alpha / r->n_features * delta);
    r->first = (r->first + 1) % RL_STEPS;
    r->n_window--;
    ++*r->updates;
}

static void decay(struct rl *r)
{
    if (r->epsilon_now > r->epsilon_min)
        r->epsilon_now = fmax(r->epsilon_now * r->epsilon_decay, r->epsilon_min);
}

void rl_show(const struct rl *r)
{
    *r->epsilon_gauge = r->epsilon_now;
    *r->average_gauge = r->average;
    *r->entries = r->table.n;
}

static bool is_finite(const float *state, uint32_t n)
{
    for (uint32_t d = 0; d < n; d++)
        if (!isfinite(state[d]))
            return false;
    return true;
}

void rl_learn(struct rl *r, const struct p2p_transition *t)
{
    struct after after = {.chosen = follows(r), .action = t->action};
    struct rl_rows at;

    if (!isfinite(t->reward) || t->action >= r->n_actions || !is_finite(t->state, r->n_dims) ||
        (t->next && !is_finite(t->next, r->n_dims)) || t->next_action > r->n_actions) {
        ++*r->ignored;
        return;
    }
    rl_rows_add(r, t->state, &at);
    after.rows = at;
    if (follows(r) && r->n_window == (uint32_t)r->n_step)
        learn_oldest(r, &after);
    r->window[(r->first + r->n_window++) % RL_STEPS] =
        (struct rl_step){.at = at, .action = t->action, .reward = t->reward};
    after.nothing = !t->next;
    if (!t->next) {
        while (r->n_window)
            learn_oldest(r, &after);
    } else if ((!follows(r) || t->next_action) && r->n_window == (uint32_t)r->n_step) {
        after.action = (uint32_t)t->next_action - 1;
        rl_rows_find(r, t->next, &after.rows);
        learn_oldest(r, &after);
    }
    decay(r);
}
