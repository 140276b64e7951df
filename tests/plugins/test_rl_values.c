#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mdp.h"

extern const struct p2p_module rl_qlearning_plugin;

static struct learner *make(struct p2p_space space, const char *settings)
{
    return learner_new(&rl_qlearning_plugin, &space, settings);
}

/* Gives one action of a state that value, where alpha is 1 and gamma 0. */
static void set(struct learner *l, const float *state, uint32_t action, float value)
{
    learner_learn(l, state, action, value, NULL);
}

static float get(struct learner *l, const float *state, uint32_t action)
{
    return learner_act(l, state, UINT64_C(1) << action).value;
}

#define EXACT "alpha=1 gamma=0 epsilon=0 "

/* ---- choosing ---- */

static void equal_actions_are_drawn(void **state)
{
    struct learner *l = make(learner_box(1, 5, 0, 9), EXACT);
    unsigned counts[3] = {0};
    float at = 3;

    (void)state;
    set(l, &at, 0, -1);
    set(l, &at, 3, -1);
    for (int i = 0; i < 9000; i++) {
        struct p2p_choice c = learner_act(l, &at, 0);

        assert_true(c.action != 0 && c.action != 3 && !c.explored && c.value == 0);
        counts[c.action == 4 ? 0 : c.action]++;
    }
    mock_uniform(counts, 3);
    learner_free(l);
}

static void the_best_of_the_mask_is_taken(void **state)
{
    struct learner *l = make(learner_box(1, 64, 0, 9), EXACT);
    float at = 1;

    (void)state;
    for (uint32_t a = 0; a < 64; a++)
        set(l, &at, a, (float)a);
    for (uint32_t a = 0; a < 64; a++) {
        struct p2p_choice c = learner_act(l, &at, UINT64_MAX >> (63 - a));

        assert_int_equal(c.action, a);
        assert_true(c.value == (float)a);
        assert_int_equal(c.explored, 0);
        assert_int_equal(learner_act(l, &at, UINT64_C(1) << a).action, a);
    }
    assert_int_equal(learner_act(l, &at, 0).action, 63);
    learner_free(l);
}

static void the_mask_is_kept_by_all_explorations(void **state)
{
    static const char *const settings[] = {"epsilon=1", "exploration=softmax temperature=100",
                                           "epsilon=0.5 approximation=tiles double=true"};
    uint64_t rng = 9;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct learner *l = make(learner_box(2, 10, 0, 9), settings[i]);

        for (int k = 0; k < 5000; k++) {
            float at[2] = {(float)(mdp_bits(&rng) % 10), (float)(mdp_bits(&rng) % 10)};
            uint64_t mask = mdp_bits(&rng) & mdp_bits(&rng);
            struct p2p_choice c = learner_act(l, at, mask);

            assert_true(c.action < 10);
            /* A mask of actions that there are not is none. */
            assert_true(!(mask & 0x3ff) || mask & UINT64_C(1) << c.action);
            learner_learn(l, at, c.action, (float)mdp_unit(&rng), at);
        }
        learner_free(l);
    }
}

static void epsilon_is_the_share_of_random_actions(void **state)
{
    enum { N = 40000 };
    struct learner *l =
        make(learner_box(1, 4, 0, 9), "alpha=1 gamma=0 epsilon=0.4 epsilon_decay=1");
    unsigned counts[4] = {0}, others[3];
    float at = 0;

    (void)state;
    set(l, &at, 2, 1);
    for (int i = 0; i < N; i++) {
        struct p2p_choice c = learner_act(l, &at, 0);

        assert_int_equal(c.explored, c.action != 2);
        counts[c.action]++;
    }
    assert_true(fabs(counts[2] - 0.7 * N) < 5 * sqrt(0.21 * N));
    others[0] = counts[0];
    others[1] = counts[1];
    others[2] = counts[3];
    mock_uniform(others, 3);
    learner_free(l);
}

static void softmax_takes_actions_by_their_values(void **state)
{
    enum { N = 60000 };
    static const float value[4] = {1, 0, -0.5F, 2};
    struct learner *l =
        make(learner_box(1, 5, 0, 9), "alpha=1 gamma=0 exploration=softmax temperature=0.5");
    unsigned counts[5] = {0};
    double total = 0;
    float at = 0;

    (void)state;
    for (uint32_t a = 0; a < 4; a++) {
        set(l, &at, a, value[a]);
        total += exp(value[a] / 0.5);
    }
    for (int i = 0; i < N; i++) {
        struct p2p_choice c = learner_act(l, &at, 15);

        assert_int_equal(c.explored, c.action != 3);
        counts[c.action]++;
    }
    assert_int_equal(counts[4], 0);
    for (uint32_t a = 0; a < 4; a++) {
        double p = exp(value[a] / 0.5) / total;

        if (fabs(counts[a] - p * N) > 5 * sqrt(p * (1 - p) * N))
            fail_msg("action %u: %u of %d, expected %g", a, counts[a], N, p * N);
    }
    learner_free(l);
}

static void softmax_of_huge_values_is_finite(void **state)
{
    struct learner *l =
        make(learner_box(1, 3, 0, 9), "alpha=1 gamma=1 exploration=softmax temperature=0.000001");
    float at = 0;

    (void)state;
    set(l, &at, 0, -FLT_MAX);
    set(l, &at, 1, FLT_MAX);
    for (int i = 0; i < 100; i++)
        assert_int_equal(learner_act(l, &at, 0).action, 1);
    assert_int_equal(learner_act(l, &at, 1).action, 0);
    assert_int_equal(learner_act(l, &at, 5).action, 2); /* whatever is not allowed is worth */
    learner_free(l);
}

static void high_initial_values_make_it_try_all(void **state)
{
    struct learner *l = make(learner_box(1, 16, 0, 9), "alpha=0.5 gamma=0 epsilon=0 initial=5");
    uint64_t tried = 0;
    float at = 0;

    (void)state;
    for (int i = 0; i < 16; i++) {
        struct p2p_choice c = learner_act(l, &at, 0);

        assert_true(c.value == 5);
        tried |= UINT64_C(1) << c.action;
        set(l, &at, c.action, 1);
    }
    assert_int_equal(tried, 0xffff);
    learner_free(l);
}

/* ---- epsilon and other parameters that live ---- */

static void epsilon_decays_with_each_transition(void **state)
{
    struct learner *l =
        make(learner_box(1, 2, 0, 9), "epsilon=0.8 epsilon_decay=0.5 epsilon_min=0.15 alpha=0.5");
    const double known[] = {0.4, 0.2, 0.15, 0.15};
    float at = 0;

    (void)state;
    assert_true(learner_gauge(l, "epsilon") == 0.8);
    learner_act(l, &at, 0);
    assert_true(learner_gauge(l, "epsilon") == 0.8);
    for (unsigned i = 0; i < 4; i++) {
        set(l, &at, 0, 1);
        assert_true(fabs(learner_gauge(l, "epsilon") - known[i]) < 1e-12);
    }
    learner_set(l, "alpha", 0.1); /* another parameter does not start it anew */
    assert_true(learner_gauge(l, "epsilon") == 0.15);
    learner_set(l, "epsilon", 0.6);
    assert_true(learner_gauge(l, "epsilon") == 0.6);
    learner_set(l, "epsilon", 0.1); /* below the least: nothing decays */
    set(l, &at, 0, 1);
    assert_true(learner_gauge(l, "epsilon") == 0.1);
    learner_free(l);
}

static void step_sizes_change_at_once(void **state)
{
    struct learner *l = make(learner_box(1, 1, 0, 9), "alpha=0.5 gamma=0.5");
    float at = 0, next = 1;

    (void)state;
    learner_learn(l, &at, 0, 8, &next);
    assert_true(get(l, &at, 0) == 4);
    learner_set(l, "alpha", 0.25);
    learner_learn(l, &at, 0, 8, &next);
    assert_true(get(l, &at, 0) == 5);
    learner_set(l, "alpha", 1);
    set(l, &next, 0, 4);
    learner_set(l, "gamma", 0.25);
    learner_learn(l, &at, 0, 8, &next);
    assert_true(get(l, &at, 0) == 9);
    learner_set(l, "exploration", 1);
    assert_true(get(l, &at, 0) == 9);
    learner_free(l);
}

/* ---- what is not learned ---- */

static void nonsense_is_not_learned(void **state)
{
    struct learner *l = make(learner_box(1, 2, 0, 9), "alpha=0.5 gamma=0.5 epsilon=0.5");
    const float bad[] = {NAN, INFINITY, -INFINITY};
    float at = 0, next = 1;

    (void)state;
    set(l, &at, 0, 4);
    for (int i = 0; i < 3; i++) {
        learner_learn(l, &at, 0, bad[i], &next);
        learner_learn(l, &bad[i], 0, 1, &next);
        learner_learn(l, &at, 0, 1, &bad[i]);
        learner_learn(l, &at, 2 + (uint32_t)i * 1000000000, 1, &next);
    }
    assert_int_equal(learner_count(l, "ignored_total"), 12);
    assert_int_equal(learner_count(l, "updates_total"), 1);
    assert_true(get(l, &at, 0) == 2);
    assert_true(learner_gauge(l, "table_entries") == 1);
    assert_true(learner_gauge(l, "epsilon") == 0.5 * 0.999);
    learner_free(l);
}

static void every_dimension_must_be_finite(void **state)
{
    struct learner *l = make(learner_box(3, 2, 0, 9), EXACT);
    float at[3] = {1, 2, 3}, bad[3] = {1, 2, 3};

    (void)state;
    for (int d = 0; d < 3; d++) {
        bad[d] = NAN;
        learner_learn(l, bad, 0, 1, at);
        learner_learn(l, at, 0, 1, bad);
        bad[d] = at[d];
    }
    assert_int_equal(learner_count(l, "ignored_total"), 6);
    assert_int_equal(learner_count(l, "updates_total"), 0);
    learner_free(l);
}

static void a_value_beyond_floats_is_the_greatest(void **state)
{
    struct learner *l = make(learner_box(1, 2, 0, 9), "alpha=1 gamma=1 form=sarsa n_step=3");
    float at[3] = {0, 1, 2};

    (void)state;
    for (int sign = 1; sign >= -1; sign -= 2) {
        for (int i = 0; i < 3; i++)
            learner_learn(l, &at[i], 0, (float)sign * FLT_MAX, i < 2 ? &at[i + 1] : NULL);
        assert_true(get(l, &at[0], 0) == (float)sign * FLT_MAX);
    }
    learner_free(l);
}

static void what_diverges_stays_finite(void **state)
{
    static const char *const forms[] = {"qlearning", "sarsa", "expected_sarsa",
                                        "differential_sarsa",
                                        "differential_sarsa average_reward=original"};
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        char settings[200];
        struct learner *l;
        float at = 0;

        snprintf(settings, sizeof(settings),
                 "form=%s alpha=1 beta=1 gamma=1 n_step=64 double=%s approximation=tiles",
                 forms[i % 5], i < 5 ? "true" : "false");
        l = make(learner_box(1, 2, 0, 9), settings);
        for (int k = 0; k < 3000; k++) {
            struct p2p_choice c = learner_act(l, &at, 0);

            assert_true(isfinite(c.value));
            learner_learn(l, &at, c.action, k % 2 ? FLT_MAX : -FLT_MAX, k % 100 ? &at : NULL);
            assert_true(isfinite(learner_gauge(l, "average_reward")));
        }
        learner_free(l);
    }
}

/* ---- the same again ---- */

static void a_batch_is_its_transitions_in_order(void **state)
{
    struct learner *one = make(learner_box(1, 3, 0, 9), "n_step=2 form=sarsa double=true");
    struct learner *all = make(learner_box(1, 3, 0, 9), "n_step=2 form=sarsa double=true");
    struct p2p_transition batch[40];
    float at[41];

    (void)state;
    for (unsigned i = 0; i <= 40; i++)
        at[i] = (float)(i * 7 % 10);
    for (unsigned i = 0; i < 40; i++) {
        batch[i] = (struct p2p_transition){.episode = i + 1,
                                           .state = &at[i],
                                           .next = i % 9 == 8 ? NULL : &at[i + 1],
                                           .action = i % 3,
                                           .reward = (float)(i % 4)};
        learner_learn(one, &at[i], i % 3, (float)(i % 4), batch[i].next);
    }
    all->ops->learn(all->m->self, batch, 40);
    for (unsigned i = 0; i < 10; i++)
        for (uint32_t a = 0; a < 3; a++)
            assert_true(get(one, &at[i], a) == get(all, &at[i], a));
    learner_free(one);
    learner_free(all);
}

static void two_of_one_seed_do_the_same(void **state)
{
    const char *settings = "epsilon=0.3 double=true approximation=tiles form=expected_sarsa";
    struct learner *a = make(learner_box(2, 6, 0, 9), settings),
                   *b = make(learner_box(2, 6, 0, 9), settings);
    uint64_t rng = 2;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        float at[2] = {(float)(9 * mdp_unit(&rng)), (float)(9 * mdp_unit(&rng))};
        struct p2p_choice x = learner_act(a, at, 0), y = learner_act(b, at, 0);

        assert_true(x.action == y.action && x.explored == y.explored && x.value == y.value);
        learner_learn(a, at, x.action, at[0] - at[1], i % 5 ? at : NULL);
        learner_learn(b, at, y.action, at[0] - at[1], i % 5 ? at : NULL);
    }
    learner_free(a);
    learner_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_actions_are_drawn),
        cmocka_unit_test(the_best_of_the_mask_is_taken),
        cmocka_unit_test(the_mask_is_kept_by_all_explorations),
        cmocka_unit_test(epsilon_is_the_share_of_random_actions),
        cmocka_unit_test(softmax_takes_actions_by_their_values),
        cmocka_unit_test(softmax_of_huge_values_is_finite),
        cmocka_unit_test(high_initial_values_make_it_try_all),
        cmocka_unit_test(epsilon_decays_with_each_transition),
        cmocka_unit_test(step_sizes_change_at_once),
        cmocka_unit_test(nonsense_is_not_learned),
        cmocka_unit_test(every_dimension_must_be_finite),
        cmocka_unit_test(a_value_beyond_floats_is_the_greatest),
        cmocka_unit_test(what_diverges_stays_finite),
        cmocka_unit_test(a_batch_is_its_transitions_in_order),
        cmocka_unit_test(two_of_one_seed_do_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
