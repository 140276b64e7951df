#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mdp.h"

extern const struct p2p_module rl_qlearning_plugin;

/*
 * Sutton and Barto, example 10.2: ten servers, whose busy ones become free with probability
 * 0.06 a step.  In each step a customer comes, who pays 1, 2, 4 or 8, each as likely: it is
 * accepted, if a server is free, or turned away.  It goes on for ever.
 */
enum { SERVERS = 10, PRIORITIES = 4, REJECT = 0, ACCEPT = 1 };
#define FREES 0.06
#define EXPLORES 0.1

static double pays(int priority)
{
    return 1 << priority;
}

/* P(k of n busy servers become free). */
static double becomes_free(int n, int k)
{
    double p = 1;

    for (int i = 0; i < k; i++)
        p *= FREES * (n - i) / (i + 1);
    return p * pow(1 - FREES, n - k);
}

/* Before the next customer is seen, with that many servers free. */
static double after(const double *value, int free)
{
    double sum = 0;

    for (int k = 0; k <= SERVERS - free; k++)
        sum += becomes_free(SERVERS - free, k) * value[free + k];
    return sum;
}

static double gain_of(const double *value, int free, int priority)
{
    return pays(priority) + after(value, free - 1) - after(value, free);
}

/* Relative value iteration: the most that a step pays on the average, for who acts at
 * random with probability epsilon. */
static double solve(double epsilon, double value[SERVERS + 1])
{
    double average, change;

    memset(value, 0, sizeof(double[SERVERS + 1]));
    do {
        double now[SERVERS + 1];

        for (int f = 0; f <= SERVERS; f++) {
            now[f] = after(value, f);
            for (int p = 0; f > 0 && p < PRIORITIES; p++) {
                double gain = gain_of(value, f, p);

                now[f] += ((gain > 0 ? gain * (1 - epsilon / 2) : gain * epsilon / 2)) / PRIORITIES;
            }
        }
        average = now[0];
        change = 0;
        for (int f = 0; f <= SERVERS; f++) {
            change = fmax(change, fabs(now[f] - average - value[f]));
            value[f] = now[f] - average;
        }
    } while (change > 1e-12);
    return average;
}

struct hall {
    struct learner *l;
    uint64_t rng;
    float state[2]; /* free servers, priority */
};

static struct hall open_hall(const char *settings)
{
    static const float lo[2] = {0, 0}, hi[2] = {SERVERS, PRIORITIES - 1};
    struct p2p_space space = {sizeof(space), 2, 2, 0, lo, hi};

    return (struct hall){learner_new(&rl_qlearning_plugin, &space, settings), 3, {SERVERS, 0}};
}

static double step(struct hall *h)
{
    int free = (int)h->state[0], paid = 0;
    uint64_t mask = free > 0 ? 3 : 1;
    uint32_t action = learner_act(h->l, h->state, mask).action;
    float next[2];

    if (action == ACCEPT) {
        paid = (int)pays((int)h->state[1]);
        free--;
    }
    for (int busy = SERVERS - free; busy > 0; busy--)
        free += mdp_unit(&h->rng) < FREES;
    next[0] = (float)free;
    next[1] = (float)(mdp_bits(&h->rng) % PRIORITIES);
    learner_learn(h->l, h->state, action, (float)paid, next);
    memcpy(h->state, next, sizeof(next));
    return paid;
}

static void the_average_is_that_of_value_iteration(void **state)
{
    static const char *const settings[] = {"", " double=true", " n_step=3",
                                           " approximation=tiles tilings=4 tiles=5"};
    enum { STEPS = 300000 };
    double value[SERVERS + 1], best = solve(0, value), known = solve(EXPLORES, value);

    (void)state;
    assert_true(best > known * 1.02 && known > 2);
    for (unsigned i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        char all[200];
        struct hall h;
        double earned = 0, average = 0;

        snprintf(all, sizeof(all), "form=differential_sarsa beta=0.01 epsilon=%g epsilon_decay=1%s",
                 EXPLORES, settings[i]);
        h = open_hall(all);
        for (int k = 0; k < STEPS; k++) {
            double paid;

            if (k % 1000 == 0) {
                learner_set(h.l, "alpha", 0.1 / (1 + k / 20000.0));
                learner_set(h.l, "beta", 0.01 / (1 + k / 20000.0));
            }
            paid = step(&h);
            if (k >= STEPS / 2) {
                earned += paid;
                average += learner_gauge(h.l, "average_reward");
            }
        }
        earned /= STEPS - STEPS / 2;
        average /= STEPS - STEPS / 2;
        if (!(fabs(earned - known) < 0.02 * known && fabs(average - known) < 0.02 * known))
            fail_msg("%s: earned %g, estimated %g, known %g", all, earned, average, known);
        learner_free(h.l);
    }
}

/* Where it matters: turning the poorest away while few servers are free. */
static void the_policy_is_that_of_value_iteration(void **state)
{
    enum { STEPS = 300000 };
    double value[SERVERS + 1];
    struct hall h = open_hall("form=differential_sarsa epsilon=0.1 epsilon_decay=1");
    int compared = 0;

    (void)state;
    solve(EXPLORES, value);
    for (int k = 0; k < STEPS; k++) {
        if (k % 1000 == 0) {
            learner_set(h.l, "alpha", 0.1 / (1 + k / 20000.0));
            learner_set(h.l, "beta", 0.01 / (1 + k / 20000.0));
        }
        step(&h);
    }
    learner_set(h.l, "epsilon", 0);
    for (int f = 1; f <= SERVERS; f++)
        for (int p = 0; p < PRIORITIES; p++) {
            double gain = gain_of(value, f, p);
            float at[2] = {(float)f, (float)p};
            uint32_t action = learner_act(h.l, at, 3).action;

            if (f > 6 || fabs(gain) < 0.7) /* seldom seen, or it makes little difference */
                continue;
            compared++;
            if (action != (gain > 0 ? ACCEPT : REJECT))
                fail_msg("%d free, pays %g: action %u, which gains %g", f, pays(p), action, gain);
        }
    assert_true(compared > 10);
    learner_free(h.l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_average_is_that_of_value_iteration),
        cmocka_unit_test(the_policy_is_that_of_value_iteration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
