#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/dqn/dqn.h"
#include "tests/plugins/mdp.h"

extern const struct p2p_module dqn_plugin;

static struct learner *make(struct p2p_space space, const char *settings)
{
    return learner_new(&dqn_plugin, &space, settings);
}

static struct dqn *inside(const struct learner *l)
{
    return l->m->self;
}

static float get(struct learner *l, const float *state, uint32_t action)
{
    return learner_act(l, state, UINT64_C(1) << action).value;
}

static bool same(const struct dqn *d, const float *a, const float *b)
{
    return memcmp(a, b, d->net.n_weights * sizeof(*a)) == 0;
}

/* ---- what is learned from a transition ---- */

/* Values that are 10, 20, 30 for one network and 3, 2, 1 for the other, in all states. */
static struct learner *of_two_minds(const char *settings)
{
    struct learner *l = make(learner_box(1, 3, 0, 9), settings);
    struct dqn *d = inside(l);
    const struct dqn_layer *last = &d->net.layer[d->net.n_layers - 1];
    size_t biases = last->weights + (size_t)last->in * last->stride;

    for (uint32_t a = 0; a < 3; a++) {
        d->online[biases + a] = 3 - (float)a;
        d->target[biases + a] = 10 * ((float)a + 1);
    }
    return l;
}

static double loss_of(const char *settings, uint64_t allowed, float reward, bool end)
{
    char all[200];
    struct learner *l;
    float at = 2, next = 3;
    double loss;

    snprintf(all, sizeof(all), "alpha=0 warm_up=1 gamma=0.5 batch=3 %s", settings);
    l = of_two_minds(all);
    learner_act(l, &next, allowed);
    learner_learn(l, &at, 1, reward, end ? NULL : &next);
    loss = learner_gauge(l, "loss");
    learner_free(l);
    return loss;
}

static void the_loss_is_that_of_the_right_goal(void **state)
{
    static const char one[] = "double=false huber=1000", two[] = "double=true huber=1000";

    (void)state;
    /* Q is 2.  The best of the target network: */
    assert_true(loss_of(one, 7, 1, false) == 14 * 14 / 2.0);
    assert_true(loss_of(one, 3, 1, false) == 9 * 9 / 2.0);
    /* what it makes of the best of the other one: */
    assert_true(loss_of(two, 7, 1, false) == 4 * 4 / 2.0);
    assert_true(loss_of(two, 6, 1, false) == 9 * 9 / 2.0);
    /* nothing comes after the end: */
    assert_true(loss_of(two, 7, 1, true) == 0.5 && loss_of(one, 7, 5, true) == 4.5);
    /* and beyond `huber` it grows with the error. */
    assert_true(loss_of("double=true huber=3", 7, 1, false) == 3 * (4 - 1.5));
    assert_true(loss_of("double=true reward_unit=2 huber=100", 7, 2, false) == 4 * 4 / 2.0);
}

static void the_error_is_bounded_by_huber(void **state)
{
    static const float rewards[] = {1e30F, -1e30F, 2.125F};
    static const float steps[] = {0.5F, -0.5F, 0.125F};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct learner *l = of_two_minds("optimizer=sgd alpha=1 momentum=0 warm_up=1 huber=0.5 "
                                         "batch=1 clip=1000");
        struct dqn *d = inside(l);
        const struct dqn_layer *last = &d->net.layer[1];
        size_t bias = last->weights + (size_t)last->in * last->stride + 1;
        float at = 2;

        learner_learn(l, &at, 1, rewards[i], NULL);
        assert_true(fabsf(d->online[bias] - 2 - steps[i]) < 1e-5F);
        learner_free(l);
    }
}

/* ---- the worst ---- */

static void nonsense_is_not_learned(void **state)
{
    struct learner *l = make(learner_box(2, 2, 0, 9), "warm_up=1");
    const float at[2] = {1, 2}, bad[][2] = {{NAN, 0}, {0, INFINITY}, {-INFINITY, NAN}};

    (void)state;
    learner_learn(l, at, 0, NAN, at);
    learner_learn(l, at, 0, INFINITY, at);
    learner_learn(l, at, 0, -INFINITY, NULL);
    learner_learn(l, at, 2, 1, at);
    learner_learn(l, at, UINT32_MAX, 1, at);
    for (int i = 0; i < 3; i++) {
        learner_learn(l, bad[i], 0, 1, at);
        learner_learn(l, at, 0, 1, bad[i]);
    }
    assert_int_equal(learner_count(l, "ignored_total"), 11);
    assert_int_equal(learner_count(l, "updates_total"), 0);
    assert_true(learner_gauge(l, "replay_transitions") == 0 && learner_gauge(l, "epsilon") == 0.9);
    learner_free(l);
}

static const char *const extremes[] = {
    "",
    "optimizer=sgd",
    "optimizer=sgd alpha=1 clip=1000000 huber=1000000 momentum=0.9999 layers=2 hidden=64",
    "alpha=1 clip=1000000 huber=1000000 momentum=0.9999 beta2=0 gamma=1 layers=2",
    "alpha=1 momentum=0 beta2=0 gamma=1 target_every=1 reward_unit=0.000000000001",
    "reward_unit=1000000000000 gamma=1 double=false tau=0.000001",
};

static void huge_rewards_stay_finite(void **state)
{
    (void)state;
    for (unsigned k = 0; k < sizeof(extremes) / sizeof(extremes[0]); k++) {
        struct p2p_space space = learner_box(3, 4, -FLT_MAX, FLT_MAX);
        struct learner *l = make(space, extremes[k]);
        uint64_t rng = 11;

        for (int i = 0; i < 700; i++) {
            float at[3] = {FLT_MAX * (float)(mdp_unit(&rng) - 0.5), (float)(i % 2) * FLT_MAX, 0};
            struct p2p_choice c = learner_act(l, at, 0);

            assert_true(isfinite(c.value) && isfinite(learner_gauge(l, "loss")));
            learner_learn(l, at, c.action, i % 3 ? FLT_MAX : -FLT_MAX, i % 5 ? at : NULL);
        }
        for (size_t i = 0; i < inside(l)->net.n_weights; i++)
            assert_true(fabsf(inside(l)->online[i]) <= DQN_MOST_WEIGHT &&
                        fabsf(inside(l)->target[i]) <= DQN_MOST_WEIGHT);
        assert_true(learner_count(l, "updates_total") > 0);
        learner_free(l);
    }
}

static void what_diverged_goes_back(void **state)
{
    struct learner *l =
        make(learner_box(1, 2, 0, 9), "optimizer=sgd alpha=0.01 momentum=0 replay=1");
    struct dqn *d = inside(l);
    float at = 2, *good = calloc(d->net.n_weights, sizeof(*good));

    (void)state;
    assert_non_null(good);
    for (int i = 0; i < 250; i++)
        learner_learn(l, &at, 0, 1, NULL);
    memcpy(good, d->good, d->net.n_weights * sizeof(*good));
    assert_in_range(d->n_updates, 101, 199);
    assert_int_equal(learner_count(l, "resets_total"), 0);
    learner_set(l, "huber", 1e6);
    learner_set(l, "clip", 1e6);
    learner_set(l, "alpha", 1);
    for (int i = 0; i < 50 && learner_count(l, "resets_total") == 0; i++)
        learner_learn(l, &at, 0, 1e20F, NULL);
    assert_int_equal(learner_count(l, "resets_total"), 1);
    assert_true(same(d, d->online, good) && same(d, d->target, good));
    for (size_t i = 0; i < d->net.n_weights; i++)
        assert_true(d->opt.first[i] == 0);
    assert_non_null(strstr(l->m->log, "the network diverged and went back to an earlier one"));
    /* That one diverges too, before there is another. */
    assert_true(d->good_failed);
    for (int i = 0; i < 50 && learner_count(l, "resets_total") == 1; i++)
        learner_learn(l, &at, 0, 1e20F, NULL);
    assert_int_equal(learner_count(l, "resets_total"), 2);
    assert_false(same(d, d->online, good));
    assert_true(get(l, &at, 0) == 0); /* it began anew */
    learner_free(l);
    free(good);
}

static void one_huge_reward_is_got_over(void **state)
{
    struct learner *l = make(learner_box(1, 2, 0, 9), "epsilon=1 alpha=0.01 replay=200");
    float at = 2;

    (void)state;
    learner_learn(l, &at, 0, FLT_MAX, NULL);
    for (int i = 0; i < 3000; i++)
        learner_learn(l, &at, i % 2, i % 2 ? 2 : -1, NULL);
    assert_true(fabsf(get(l, &at, 0) + 1) < 0.1F && fabsf(get(l, &at, 1) - 2) < 0.1F);
    learner_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_is_that_of_the_right_goal),
        cmocka_unit_test(the_error_is_bounded_by_huber),
        cmocka_unit_test(nonsense_is_not_learned),
        cmocka_unit_test(huge_rewards_stay_finite),
        cmocka_unit_test(what_diverged_goes_back),
        cmocka_unit_test(one_huge_reward_is_got_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
