/*
 * Learning (Mnih et al., "Human-level control through deep reinforcement learning", Nature
 * 518, 2015, doi:10.1038/nature14236, algorithm 1).
 *
 * A transition is remembered; an update draws `batch` of those that are, and moves the value
 * Q(S, A) of each towards
 *
 *   R + gamma Q'(S', argmax Q'(S', a))
 *   R + gamma Q'(S', argmax Q(S', a))      with `double` (van Hasselt, Guez and Silver, AAAI
 *                                          2016, arXiv:1509.06461)
 *
 * where Q' is the target network, which takes the share `tau` of the way to Q every
 * `target_every` updates: with 1 it is copied.  The loss is Huber's: the square of what is
 * missing, and beyond `huber` its size, so that a huge reward pulls no harder than a large one.
 *
 * The maximum is over the actions that act() was allowed in S', as far as it is remembered,
 * else over those that it was ever allowed: one that could never be taken is never learned,
 * and what the network happens to make of it must not be learned from.
 *
 * A network that diverges goes back to a copy that was good, at most a hundred updates old; if
 * that one diverges too before there is another, it begins anew.
 */
#include <math.h>
#include <string.h>

#include "dqn.h"

enum { GOOD_EVERY = 100 };

/* ---- remembering ---- */

static bool is_finite(const float *state, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!isfinite(state[i]))
            return false;
    return true;
}

void dqn_learn(struct dqn *d, const struct p2p_transition *t)
{
    struct dqn_step step = {t->reward / d->reward_unit, 0, t->action, !t->next};
    uint64_t i;

    if (!isfinite(t->reward) || t->action >= d->n_actions || !is_finite(t->state, d->n_dims) ||
        (t->next && !is_finite(t->next, d->n_dims))) {
        ++*d->ignored;
        return;
    }
    i = dqn_replay_add(&d->steps, &step);
    dqn_scale(d, t->state, dqn_replay_state(&d->steps, i));
    if (t->next) {
        dqn_scale(d, t->next, dqn_replay_next(&d->steps, i));
        d->steps.steps[i].allowed =
            dqn_masks_find(&d->masks, dqn_replay_next(&d->steps, i), d->n_dims);
    }
    d->n_learned++;
    d->owed++;
    if (d->epsilon_now > d->epsilon_min)
        d->epsilon_now = fmax(d->epsilon_now * d->epsilon_decay, d->epsilon_min);
}

/* ---- one update ---- */

/* The actions of the highest value. */
uint64_t dqn_best(const struct dqn *d, const float *q, uint64_t allowed)
{
    float best = -INFINITY;
    uint64_t set = 0;

    for (uint32_t a = 0; a < d->n_actions; a++) {
        uint64_t bit = UINT64_C(1) << a;

        if (!(allowed & bit) || q[a] < best)
            continue;
        set = q[a] > best ? bit : set | bit;
        best = q[a];
    }
    return set;
}

static uint32_t lowest(uint64_t set)
{
    uint32_t a = 0;

    while (!(set >> a & 1))
        a++;
    return a;
}

static double goal_of(struct dqn *d, uint64_t i)
{
    const struct dqn_step *s = &d->steps.steps[i];
    const float *next = dqn_replay_next(&d->steps, i), *q;
    uint64_t allowed = s->allowed ? s->allowed : d->masks.ever ? d->masks.ever : d->all;
    uint32_t best = 0;

    if (s->end)
        return s->reward;
    if (d->double_q)
        best = lowest(dqn_best(d, dqn_net_run(&d->net, d->online, next, d->work), allowed));
    q = dqn_net_run(&d->net, d->target, next, d->work);
    if (!d->double_q)
        best = lowest(dqn_best(d, q, allowed));
    return s->reward + d->gamma * q[best];
}

static void copy(const struct dqn *d, float *to, const float *from)
{
    memcpy(to, from, d->net.n_weights * sizeof(*to));
}

static bool has_diverged(const struct dqn *d)
{
    bool sound = true;

    for (size_t i = 0; i < d->net.n_weights; i++)
        sound &= fabsf(d->online[i]) <= DQN_MOST_WEIGHT;
    return !sound;
}

static void fall_back(struct dqn *d)
{
    if (d->good_failed)
        dqn_net_begin(&d->net, d->host, d->good);
    d->good_failed = true;
    copy(d, d->online, d->good);
    copy(d, d->target, d->good);
    dqn_optimizer_begin(&d->opt);
    ++*d->resets;
    if (d->said_reset)
        return;
    d->said_reset = true;
    p2p_logf(d->host, P2P_LOG_WARN,
             "the network diverged and went back to an earlier one: a smaller `alpha`, `huber` or "
             "`clip`, or a larger `reward_unit` would help");
}

static void follow(struct dqn *d)
{
    float tau = (float)d->tau;

    if (tau >= 1)
        copy(d, d->target, d->online);
    else
        for (size_t i = 0; i < d->net.n_weights; i++)
            d->target[i] += tau * (d->online[i] - d->target[i]);
}

/* Returns the mean loss. */
static double update(struct dqn *d)
{
    const struct dqn_pace pace = {d->alpha, d->momentum, d->beta2, d->clip};
    double loss = 0, batch = (double)d->batch;

    memset(d->gradient, 0, d->net.n_weights * sizeof(*d->gradient));
    for (int64_t k = 0; k < d->batch; k++) {
        uint64_t i = p2p_rand_below(d->host, d->steps.n);
        const float *state = dqn_replay_state(&d->steps, i);
        uint32_t action = d->steps.steps[i].action;
        double goal = goal_of(d, i);
        double e = dqn_net_run(&d->net, d->online, state, d->work)[action] - goal, far = fabs(e);

        loss += far <= d->huber ? e * e / 2 : d->huber * (far - d->huber / 2);
        e = fmax(-d->huber, fmin(d->huber, e));
        dqn_net_back(&d->net, d->online, state, action, (float)(e / batch), d->work, d->gradient);
    }
    dqn_optimizer_step(&d->opt, &pace, d->gradient, d->online);
    ++*d->updates;
    d->n_updates++;
    if (has_diverged(d)) {
        fall_back(d);
    } else {
        if (d->n_updates % (uint64_t)d->target_every == 0)
            follow(d);
        if (d->n_updates % GOOD_EVERY == 0) {
            copy(d, d->good, d->online);
            d->good_failed = false;
        }
    }
    return loss / batch;
}

void dqn_train(struct dqn *d)
{
    int64_t n = d->owed / d->update_every;
    double loss = 0;

    if (d->n_learned < (uint64_t)d->warm_up || n == 0)
        return;
    /* What is beyond the bound is not made up for later: a node that is busy stays so. */
    d->owed = n > d->updates_per_call ? 0 : d->owed % d->update_every;
    if (n > d->updates_per_call)
        n = d->updates_per_call;
    for (int64_t k = 0; k < n; k++)
        loss += update(d);
    *d->loss = loss / (double)n;
}

void dqn_show(const struct dqn *d)
{
    *d->epsilon_gauge = d->epsilon_now;
    *d->kept = (double)d->steps.n;
}
