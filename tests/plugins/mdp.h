/*
 * mdp.h - small decision processes whose values are known, for tests of learners.
 *
 * The values come from iterating over the model, which the learner does not see.
 */
#ifndef TESTS_MDP_H
#define TESTS_MDP_H

#include "tests/plugins/mock_learner.h"

enum { MDP_STATES = 64, MDP_ACTIONS = 4, MDP_END = -1 };

/* An action leads to `likely`, with probability 1 - chance to `other`. */
struct mdp_move {
    int likely, other;
    double chance, reward;
};

struct mdp {
    unsigned states, actions;
    struct mdp_move move[MDP_STATES][MDP_ACTIONS];
};

/* Values of the best policy that acts at random with probability epsilon: what all forms
 * with that epsilon learn, and qlearning learns with 0. */
void mdp_solve(const struct mdp *m, double gamma, double epsilon,
               double q[MDP_STATES][MDP_ACTIONS]);

/* The largest difference of two sets of values. */
double mdp_distance(const struct mdp *m, double a[MDP_STATES][MDP_ACTIONS],
                    double b[MDP_STATES][MDP_ACTIONS]);

/* The largest standard deviation of what a value is learned from: reward and value of the
 * next state's action, where both are drawn. */
double mdp_noise(const struct mdp *m, double gamma, double epsilon,
                 double q[MDP_STATES][MDP_ACTIONS]);

/* Lets the learner act and learn for that many steps; after MDP_END it starts in any state.
 * alpha is 1 / (1 + step * decay)^0.7. */
void mdp_walk(const struct mdp *m, struct learner *l, unsigned steps, double decay);

/* The largest difference of what was learned from q. */
double mdp_error(const struct mdp *m, struct learner *l, double q[MDP_STATES][MDP_ACTIONS]);

/* A space of one dimension, the number of the state. */
struct p2p_space mdp_space(const struct mdp *m);

uint64_t mdp_bits(uint64_t *rng);
double mdp_unit(uint64_t *rng); /* [0, 1) */

#endif
