/*
 * rl.h - the learner: what its files share.
 *
 * A state becomes features: one in a table, one for each tiling of a tile coding.  A
 * feature has a row of the table of values, with a value for each action, twice when
 * there are two tables to learn from each other.  The value of an action in a state is
 * the sum over the state's rows.
 */
#ifndef RL_H
#define RL_H

#include "rl_values.h"

enum { RL_TABLE, RL_TILES };
enum { RL_ASYMMETRIC, RL_UNIFORM };
enum { RL_QLEARNING, RL_SARSA, RL_EXPECTED_SARSA, RL_DIFFERENTIAL_SARSA };
enum { RL_GREEDY, RL_SOFTMAX };
enum { RL_STANDARD, RL_ORIGINAL };
enum { RL_ACTIONS = 64, RL_DIMS = 256, RL_TILINGS = 64, RL_STEPS = 64 };

/* Nothing that diverges leaves the range in which sums are still finite. */
#define RL_MOST_VALUE 1e100

struct rl_rows {
    uint32_t row[RL_TILINGS]; /* RL_NO_ROW: there is none, as the table was full */
};

/* A transition whose reward is known, and whose later ones are awaited. */
struct rl_step {
    struct rl_rows at;
    uint32_t action;
    double reward;
};

struct rl {
    int64_t form, n_step, average_reward, exploration, approximation, bins, tilings, tiles, offsets,
        memory;
    double alpha, beta, gamma, initial, epsilon, epsilon_min, epsilon_decay, temperature;
    bool double_q;
    /* The space, copied. */
    uint32_t n_dims, n_actions;
    float *lo, *hi;
    const struct p2p_host *host;
    /* Values. */
    uint32_t n_features;
    uint64_t all; /* actions */
    int32_t *key; /* of the feature that is looked for */
    struct rl_table table;
    struct rl_table spare; /* what load() reads into, so that it can fail */
    unsigned char *line;   /* one row on its way to or from a stream */
    bool said_full;
    /* What is learned beside them. */
    double epsilon_now, epsilon_given, average;
    struct rl_step window[RL_STEPS]; /* a ring */
    uint32_t first, n_window;
    double *epsilon_gauge, *average_gauge, *entries;
    uint64_t *updates, *full, *ignored;
};

/* rl_features.c: 0, or -1 with a reason. */
int rl_features_init(struct rl *r, const struct p2p_space *space, char *err);
/* The rows of a state; new ones for those that it does not have. */
void rl_rows_add(struct rl *r, const float *state, struct rl_rows *out);
void rl_rows_find(struct rl *r, const float *state, struct rl_rows *out);
/* Is it a key that a state could have? */
bool rl_key_is_sound(const struct rl *r, const int32_t *key);
/* A state that has that key in a table: of bins, the middle. */
void rl_state_of(const struct rl *r, const int32_t *key, float *state);
/* Of one row, in table 0 or 1. */
double *rl_values(const struct rl *r, uint32_t row, uint32_t table);
/* Of a state. */
void rl_read(const struct rl *r, const struct rl_rows *rows, uint32_t table, double *q);
double rl_read_one(const struct rl *r, const struct rl_rows *rows, uint32_t table, uint32_t action);
void rl_allow(struct rl *r, const struct rl_rows *rows, uint64_t actions);
/* What was allowed in that state, as far as seen; all when none was. */
uint64_t rl_allowed(const struct rl *r, const struct rl_rows *rows);

/* rl_policy.c: what is done where actions have the values q. */
uint64_t rl_best(const struct rl *r, const double *q, uint64_t allowed);
uint32_t rl_choose(const struct rl *r, const double *q, uint64_t allowed);
void rl_probabilities(const struct rl *r, const double *q, uint64_t allowed, double *p);
/* What the policy goes by: with two tables, their mean. */
void rl_policy_values(const struct rl *r, const struct rl_rows *rows, double *q);

/* rl_learn.c */
void rl_learn(struct rl *r, const struct p2p_transition *t);
void rl_show(const struct rl *r); /* brings gauges up to date */

/* rl_state.c */
bool rl_save(void *self, struct p2p_stream *out);
bool rl_load(void *self, struct p2p_stream *in);

/* rl_scheduler.c */
extern const struct p2p_scheduler rl_scheduler;

#endif
