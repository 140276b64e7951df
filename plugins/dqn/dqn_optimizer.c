#include <math.h>
#include <string.h>

#include "dqn_optimizer.h"

#define LEAST_DEVIATION 1e-8F

void dqn_optimizer_begin(struct dqn_optimizer *o)
{
    memset(o->first, 0, o->n * sizeof(*o->first));
    if (o->second)
        memset(o->second, 0, o->n * sizeof(*o->second));
    o->first_left = o->second_left = 1;
}

static void shorten(float *gradient, size_t n, double longest)
{
    double squares = 0, length;

    for (size_t i = 0; i < n; i++)
        squares += (double)gradient[i] * gradient[i];
    length = sqrt(squares);
    if (length <= longest)
        return;
    for (size_t i = 0; i < n; i++)
        gradient[i] = (float)(gradient[i] * (longest / length));
}

static void adam(struct dqn_optimizer *o, const struct dqn_pace *pace, const float *gradient,
                 float *weights)
{
    float b1 = (float)pace->momentum, b2 = (float)pace->beta2, step, share;

    o->first_left *= pace->momentum;
    o->second_left *= pace->beta2;
    step = (float)(pace->alpha / (1 - o->first_left));
    share = (float)(1 / (1 - o->second_left));
    for (size_t i = 0; i < o->n; i++) {
        float g = gradient[i];

        o->first[i] = b1 * o->first[i] + (1 - b1) * g;
        o->second[i] = b2 * o->second[i] + (1 - b2) * g * g;
        weights[i] -= step * o->first[i] / (sqrtf(o->second[i] * share) + LEAST_DEVIATION);
    }
}

static void sgd(struct dqn_optimizer *o, const struct dqn_pace *pace, const float *gradient,
                float *weights)
{
    float alpha = (float)pace->alpha, momentum = (float)pace->momentum;

    for (size_t i = 0; i < o->n; i++) {
        o->first[i] = momentum * o->first[i] + gradient[i];
        weights[i] -= alpha * o->first[i];
    }
}

void dqn_optimizer_step(struct dqn_optimizer *o, const struct dqn_pace *pace, float *gradient,
                        float *weights)
{
    shorten(gradient, o->n, pace->clip);
    if (o->second)
        adam(o, pace, gradient, weights);
    else
        sgd(o, pace, gradient, weights);
}
