/*
 * dqn_optimizer.h - steps down a gradient.
 *
 * adam  Kingma and Ba, "Adam: a method for stochastic optimization" (ICLR 2015,
 *       arXiv:1412.6980), algorithm 1; its beta1 is `momentum`
 * sgd   with momentum: each step is the gradient and `momentum` times the step before
 */
#ifndef DQN_OPTIMIZER_H
#define DQN_OPTIMIZER_H

#include <p2pfaas/plugin.h>

enum { DQN_ADAM, DQN_SGD };

struct dqn_optimizer {
    size_t n;
    float *first, *second;          /* moments; sgd has no second one */
    double first_left, second_left; /* what of them is still the zeros of the start */
};

struct dqn_pace {
    double alpha, momentum, beta2;
    double clip; /* the longest gradient; longer ones are shortened to it */
};

void dqn_optimizer_begin(struct dqn_optimizer *o); /* as if no step had been taken */
void dqn_optimizer_step(struct dqn_optimizer *o, const struct dqn_pace *pace, float *gradient,
                        float *weights);

#endif
