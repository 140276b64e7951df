/*
 * rl_qlearning - values of actions, learned from rewards; and `learning`, a scheduler
 * that asks whichever learner is bound to it.
 *
 * The form of learning is at the head of rl_learn.c, how states become rows of values at
 * that of rl_features.c, the scheduler in rl_scheduler.c.
 *
 * act() explores by epsilon-greedy or by softmax, P(a) ~ exp(Q(a) / temperature), among the
 * actions of the mask; equal ones are drawn.  epsilon is multiplied by epsilon_decay with
 * each transition learned, until it is epsilon_min; a changed `epsilon` starts it anew.
 *
 * A table that is full keeps what it has: states that are new then have the initial value,
 * so that their actions are drawn, and are not learned.  Each time is counted in
 * table_full_total, the first one is logged.  Half of `memory` is for what load() reads.
 */
#include <float.h>

#include "rl.h"

static const char *const forms[] = {"qlearning", "sarsa", "expected_sarsa", "differential_sarsa",
                                    NULL};
static const char *const averages[] = {"standard", "original", NULL};
static const char *const explorations[] = {"greedy", "softmax", NULL};
static const char *const approximations[] = {"table", "tiles", NULL};
static const char *const shifts[] = {"asymmetric", "uniform", NULL};

#define LIVE_NUM(f, d, lo, hi, h)                                                                  \
    P2P_PARAM_(P2P_NUM, P2P_PARAM_LIVE, struct rl, f, d, lo, hi, NULL, NULL, h)

static const struct p2p_param params[] = {
    P2P_PARAM_ENUM(struct rl, form, RL_QLEARNING, forms, "what is learned from a transition"),
    {.name = "double",
     .help = "two tables that learn from each other, against overestimation",
     .type = P2P_BOOL,
     .offset = (uint32_t)offsetof(struct rl, double_q),
     .max = 1},
    P2P_PARAM_INT(struct rl, n_step, 1, 1, RL_STEPS, "rewards that a value is learned from"),
    LIVE_NUM(alpha, 0.1, 0, 1, "step size of values"),
    LIVE_NUM(beta, 0.01, 0, 1, "step size of the average reward, of differential_sarsa"),
    LIVE_NUM(gamma, 0.9, 0, 1, "discount of later rewards, of all but differential_sarsa"),
    P2P_PARAM_(P2P_ENUM, P2P_PARAM_LIVE, struct rl, average_reward, RL_STANDARD, 0, 0, NULL,
               averages, "how differential_sarsa learns the average: as published, or as P2PFaaS"),
    P2P_PARAM_(P2P_ENUM, P2P_PARAM_LIVE, struct rl, exploration, RL_GREEDY, 0, 0, NULL,
               explorations, "the best action but with probability epsilon; or by their values"),
    LIVE_NUM(epsilon, 0.9, 0, 1, "probability of a random action, at the start"),
    LIVE_NUM(epsilon_min, 0.1, 0, 1, "that it does not decay below"),
    LIVE_NUM(epsilon_decay, 0.999, 0, 1, "that each learned transition multiplies it by"),
    LIVE_NUM(temperature, 1, 1e-6, 1e12, "of softmax: the higher, the more random"),
    P2P_PARAM_NUM(struct rl, initial, 0, -1e12, 1e12,
                  "value of what was never tried; above all rewards: each is tried soon"),
    P2P_PARAM_ENUM(struct rl, approximation, RL_TABLE, approximations,
                   "a value for each state, or tile coding, where near states share values"),
    P2P_PARAM_INT(struct rl, bins, 0, 0, 1000000,
                  "of table: parts of each dimension's range; 0: whole numbers"),
    P2P_PARAM_INT(struct rl, tilings, 8, 1, RL_TILINGS, "of tiles: grids that lie upon each other"),
    P2P_PARAM_INT(struct rl, tiles, 8, 1, 1000000, "of tiles: tiles of each dimension in a grid"),
    P2P_PARAM_ENUM(struct rl, offsets, RL_ASYMMETRIC, shifts,
                   "of tiles: how grids are shifted: by odd numbers, or alike in all dimensions"),
    P2P_PARAM_SIZE(struct rl, memory, 8 << 20, 4 << 10, 60 << 20, "for values, half of it a spare"),
    P2P_PARAM_END};

static float as_float(double value)
{
    return (float)(value > FLT_MAX ? FLT_MAX : value < -FLT_MAX ? -FLT_MAX : value);
}

static void act(void *self, const float *state, uint64_t mask, struct p2p_choice *out)
{
    struct rl *r = self;
    uint64_t allowed = mask & r->all ? mask & r->all : r->all;
    struct rl_rows rows;
    double q[RL_ACTIONS];

    rl_rows_add(r, state, &rows);
    rl_allow(r, &rows, allowed);
    rl_policy_values(r, &rows, q);
    out->action = rl_choose(r, q, allowed);
    out->epsilon = r->exploration == RL_GREEDY ? (float)r->epsilon_now : 0;
    out->explored = !(rl_best(r, q, allowed) & UINT64_C(1) << out->action);
    out->value = as_float(q[out->action]);
}

static void values(void *self, const float *state, float *out)
{
    struct rl *r = self;
    struct rl_rows rows;
    double q[RL_ACTIONS];

    rl_rows_find(r, state, &rows);
    rl_policy_values(r, &rows, q);
    for (uint32_t a = 0; a < r->n_actions; a++)
        out[a] = as_float(q[a]);
}

/* Of a table each row is a state; tiles do not tell which states they were made for. */
static bool known(void *self, uint64_t at, float *state)
{
    const struct rl *r = self;

    if (r->approximation != RL_TABLE || at >= r->table.n)
        return false;
    rl_state_of(r, rl_table_key(&r->table, (uint32_t)at), state);
    return true;
}

static void learn(void *self, const struct p2p_transition *batch, uint32_t n)
{
    struct rl *r = self;

    for (uint32_t i = 0; i < n; i++)
        rl_learn(r, &batch[i]);
    rl_show(r);
}

static void params_changed(void *self)
{
    struct rl *r = self;

    if (r->epsilon == r->epsilon_given)
        return;
    r->epsilon_now = r->epsilon_given = r->epsilon;
    rl_show(r);
}

static int init(void *self, const struct p2p_host *host, const struct p2p_space *space, char *err)
{
    struct rl *r = self;

    r->host = host;
    r->epsilon_gauge = host->gauge(host, "epsilon", "Probability of a random action");
    r->average_gauge = host->gauge(host, "average_reward", "As differential_sarsa estimates it");
    r->entries = host->gauge(host, "table_entries", "Rows of the table of values");
    r->updates = host->counter(host, "updates_total", "Values learned");
    r->full = host->counter(host, "table_full_total", "States that found no room in the table");
    r->ignored = host->counter(host, "ignored_total",
                               "Transitions that were not learned, as they had no finite reward");
    r->epsilon_now = r->epsilon_given = r->epsilon;
    if (rl_features_init(r, space, err))
        return -1;
    rl_show(r);
    return 0;
}

static const struct p2p_learner rl_qlearning_ops = {
    .size = sizeof(rl_qlearning_ops),
    .name = "rl_qlearning",
    .version = "1.0",
    .summary = "temporal-difference learning of action values, in a table or by tile coding",
    .state_format = "rl_qlearning-1",
    .params = params,
    .instance_size = sizeof(struct rl),
    .act = act,
    .learn = learn,
    .init = init,
    .save = rl_save,
    .load = rl_load,
    .params_changed = params_changed,
    .values = values,
    .known = known,
};

P2P_RL_PLUGIN(rl_scheduler, rl_qlearning_ops);
