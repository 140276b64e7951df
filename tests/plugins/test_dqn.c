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

/* n transitions of one state, in one call. */
static void learn_many(struct learner *l, const float *at, uint32_t n)
{
    struct p2p_transition *batch = calloc(n, sizeof(*batch));

    assert_non_null(batch);
    for (uint32_t i = 0; i < n; i++)
        batch[i] = (struct p2p_transition){.episode = i + 1, .state = at, .reward = 1, .next = at};
    l->ops->learn(l->m->self, batch, n);
    free(batch);
}

static bool same(const struct dqn *d, const float *a, const float *b)
{
    return memcmp(a, b, d->net.n_weights * sizeof(*a)) == 0;
}

/* ---- choosing ---- */

static void equal_actions_are_drawn(void **state)
{
    struct learner *l = make(learner_box(1, 5, 0, 9), "epsilon=0");
    unsigned counts[3] = {0};
    float at = 3;

    (void)state;
    for (int i = 0; i < 9000; i++) {
        struct p2p_choice c = learner_act(l, &at, 0x16);

        assert_true((c.action == 1 || c.action == 2 || c.action == 4) && !c.explored &&
                    c.value == 0);
        counts[c.action == 4 ? 0 : c.action]++;
    }
    mock_uniform(counts, 3);
    learner_free(l);
}

static void the_best_of_the_mask_is_taken(void **state)
{
    struct learner *l = make(learner_box(1, 64, 0, 9), "epsilon=0 layers=2");
    float at = 1;
    uint64_t rng = 3;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        uint32_t a = (uint32_t)(mdp_bits(&rng) % 64);

        learner_learn(l, &at, a, (float)(a % 7), NULL);
    }
    for (int i = 0; i < 2000; i++) {
        uint64_t half = mdp_bits(&rng), mask = half & mdp_bits(&rng);
        struct p2p_choice c = learner_act(l, &at, mask);

        assert_true(!c.explored && (!mask || mask & UINT64_C(1) << c.action));
        for (uint32_t a = 0; a < 64; a++)
            assert_true((mask && !(mask & UINT64_C(1) << a)) || get(l, &at, a) <= c.value);
    }
    learner_free(l);
}

static void a_mask_of_no_action_is_none(void **state)
{
    struct learner *l = make(learner_box(1, 3, 0, 9), "epsilon=0.5");
    float at = 1;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_true(learner_act(l, &at, UINT64_C(0xfff8)).action < 3);
        assert_int_equal(learner_act(l, &at, UINT64_C(0xfffa)).action, 1);
    }
    learner_free(l);
}

static void epsilon_is_the_share_of_random_actions(void **state)
{
    enum { N = 40000 };
    struct learner *l = make(learner_box(1, 4, 0, 9), "epsilon=0.4 epsilon_decay=1 warm_up=1");
    unsigned counts[4] = {0}, others[3];
    float at = 0;

    (void)state;
    for (int i = 0; i < 20; i++)
        learner_learn(l, &at, 2, 1, NULL);
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

static void epsilon_decays_with_each_transition(void **state)
{
    struct learner *l =
        make(learner_box(1, 2, 0, 9), "epsilon=0.8 epsilon_decay=0.5 epsilon_min=0.15");
    float at = 0;

    (void)state;
    learn_many(l, &at, 2);
    assert_true(learner_gauge(l, "epsilon") == 0.2);
    learner_learn(l, &at, 0, 1, NULL);
    assert_true(learner_gauge(l, "epsilon") == 0.15);
    learner_set(l, "gamma", 0.5);
    assert_true(learner_gauge(l, "epsilon") == 0.15);
    learner_set(l, "epsilon", 0.6);
    assert_true(learner_gauge(l, "epsilon") == 0.6);
    learner_learn(l, &at, 0, 1, NULL);
    assert_true(learner_gauge(l, "epsilon") == 0.3);
    learner_free(l);
}

static void states_are_scaled_by_their_bounds(void **state)
{
    const float lo[6] = {0, -50, -FLT_MAX, 3, 0, 7}, hi[6] = {8, 50, FLT_MAX, 4, 1, 9};
    struct p2p_space space = {sizeof(space), 6, 2, 0, lo, hi};
    struct learner *l = make(space, "");
    const float in[6] = {2, 50, 0, 99, NAN, -INFINITY}, right[6] = {-0.5F, 1, 0, 1, -1, -1};
    float out[6];

    (void)state;
    dqn_scale(inside(l), in, out);
    for (int i = 0; i < 6; i++)
        assert_true(out[i] == right[i]);
    assert_true(isfinite(learner_act(l, in, 0).value));
    learner_free(l);
}

/* ---- work ---- */

static void a_call_makes_so_many_updates_at_most(void **state)
{
    struct learner *l = make(learner_box(1, 2, 0, 9), "warm_up=1 updates_per_call=5");
    float at = 2;

    (void)state;
    learn_many(l, &at, 1);
    assert_int_equal(learner_count(l, "updates_total"), 1);
    learn_many(l, &at, 4);
    assert_int_equal(learner_count(l, "updates_total"), 5);
    learn_many(l, &at, 20000);
    assert_int_equal(learner_count(l, "updates_total"), 10);
    assert_true(learner_gauge(l, "replay_transitions") == 10000);
    learn_many(l, &at, 1); /* nothing is owed */
    assert_int_equal(learner_count(l, "updates_total"), 11);
    learner_set(l, "updates_per_call", 2);
    learn_many(l, &at, 100);
    assert_int_equal(learner_count(l, "updates_total"), 13);
    learner_free(l);
}

static void updates_wait_for_their_transitions(void **state)
{
    struct learner *l = make(learner_box(1, 2, 0, 9), "warm_up=10 update_every=4");
    float at = 2;

    (void)state;
    learn_many(l, &at, 9);
    assert_int_equal(learner_count(l, "updates_total"), 0);
    assert_true(learner_gauge(l, "loss") == 0 && get(l, &at, 0) == 0);
    learn_many(l, &at, 1);
    assert_int_equal(learner_count(l, "updates_total"), 2);
    assert_true(learner_gauge(l, "loss") > 0);
    learn_many(l, &at, 1);
    assert_int_equal(learner_count(l, "updates_total"), 2);
    learn_many(l, &at, 1);
    assert_int_equal(learner_count(l, "updates_total"), 3);
    learner_free(l);
}

static void the_target_is_copied_in_time(void **state)
{
    struct learner *l = make(learner_box(1, 2, 0, 9), "warm_up=1 target_every=10");
    struct dqn *d = inside(l);
    float at = 2, *before = calloc(d->net.n_weights, sizeof(*before));

    (void)state;
    assert_non_null(before);
    assert_true(same(d, d->target, d->online));
    for (int i = 1; i <= 30; i++) {
        memcpy(before, d->target, d->net.n_weights * sizeof(*before));
        learner_learn(l, &at, 0, 1, &at);
        assert_true(same(d, d->target, i % 10 ? before : d->online));
        assert_int_equal(same(d, d->target, d->online), i % 10 == 0);
    }
    free(before);
    learner_free(l);
}

static void the_target_follows_softly(void **state)
{
    struct learner *l = make(learner_box(1, 2, 0, 9), "warm_up=1 target_every=1 tau=0.25");
    struct dqn *d = inside(l);
    float at = 2, *before = calloc(d->net.n_weights, sizeof(*before));

    (void)state;
    assert_non_null(before);
    for (int i = 1; i <= 20; i++) {
        memcpy(before, d->target, d->net.n_weights * sizeof(*before));
        learner_learn(l, &at, 0, 1, &at);
        for (size_t k = 0; k < d->net.n_weights; k++)
            assert_true(fabsf(d->target[k] - (0.75F * before[k] + 0.25F * d->online[k])) < 1e-5F);
    }
    free(before);
    learner_free(l);
}

/* ---- start ---- */

static void refused(struct p2p_space space, const char *settings, const char *reason)
{
    char err[P2P_ERRLEN];

    learner_refused(&dqn_plugin, &space, settings, err);
    if (!strstr(err, reason))
        fail_msg("'%s' does not say '%s'", err, reason);
}

static void what_cannot_be_is_refused(void **state)
{
    struct p2p_space odd = learner_box(2, 2, 0, 1);
    const float lo[2] = {0, 3}, hi[2] = {1, 3}, nan[2] = {1, NAN};

    (void)state;
    refused(learner_box(1, 65, 0, 1), "", "65 actions; allowed: 1 to 256 and 1 to 64");
    refused(learner_box(1, 0, 0, 1), "", "0 actions");
    refused(learner_box(0, 2, 0, 1), "", "0 dimensions");
    odd.lo = lo;
    odd.hi = hi;
    refused(odd, "", "bounds dimension 1 of its state by 3 and 3");
    odd.hi = nan;
    refused(odd, "", "by 3 and nan");
    refused(learner_box(1, 64, 0, 1), "memory=131072 hidden=256", "less than the network takes");
    refused(learner_box(8, 2, 0, 1), "memory=200000", "room for 1");
}

/* What the message says is enough is so. */
static void the_least_memory_is_enough(void **state)
{
    struct p2p_space space = learner_box(8, 4, 0, 1);

    (void)state;
    for (int i = 0; i < 4; i++) {
        const char *optimizer = i % 2 ? "sgd" : "adam";
        int width = i < 2 ? 256 : 32;
        char err[P2P_ERRLEN], settings[100];
        static const char form[] = "memory=%ld optimizer=%s hidden=%d";
        long least;

        snprintf(settings, sizeof(settings), form, 131072L, optimizer, width);
        learner_refused(&dqn_plugin, &space, settings, err);
        assert_non_null(strstr(err, width > 32 ? "less than the network takes" : "has room for"));
        assert_non_null(strstr(err, "at least "));
        least = strtol(strstr(err, "at least ") + 9, NULL, 10);
        snprintf(settings, sizeof(settings), form, least - 1, optimizer, width);
        learner_refused(&dqn_plugin, &space, settings, err);
        snprintf(settings, sizeof(settings), form, least, optimizer, width);
        learner_free(learner_new(&dqn_plugin, &space, settings));
    }
}

/* ---- the same again ---- */

static void two_of_one_seed_have_the_same_weights(void **state)
{
    static const char *const settings[] = {"", "layers=2 optimizer=sgd double=false", "tau=0.1"};

    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        struct learner *a = make(learner_box(2, 6, 0, 9), settings[k]),
                       *b = make(learner_box(2, 6, 0, 9), settings[k]),
                       *c = make(learner_box(2, 6, 0, 9), settings[k]);
        struct dqn *d = inside(a);
        uint64_t rng = 2;

        c->m->rng++;
        for (int i = 0; i < 1000; i++) {
            float at[2] = {(float)(9 * mdp_unit(&rng)), (float)(9 * mdp_unit(&rng))};
            struct p2p_choice x = learner_act(a, at, 0), y = learner_act(b, at, 0);

            assert_true(x.action == y.action && x.explored == y.explored && x.value == y.value);
            learner_act(c, at, 0);
            learner_learn(a, at, x.action, at[0] - at[1], i % 5 ? at : NULL);
            learner_learn(b, at, y.action, at[0] - at[1], i % 5 ? at : NULL);
            learner_learn(c, at, x.action, at[0] - at[1], i % 5 ? at : NULL);
        }
        assert_true(same(d, d->online, inside(b)->online));
        assert_true(same(d, d->target, inside(b)->target));
        assert_false(same(d, d->online, inside(c)->online));
        learner_free(a);
        learner_free(b);
        learner_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_actions_are_drawn),
        cmocka_unit_test(the_best_of_the_mask_is_taken),
        cmocka_unit_test(a_mask_of_no_action_is_none),
        cmocka_unit_test(epsilon_is_the_share_of_random_actions),
        cmocka_unit_test(epsilon_decays_with_each_transition),
        cmocka_unit_test(states_are_scaled_by_their_bounds),
        cmocka_unit_test(a_call_makes_so_many_updates_at_most),
        cmocka_unit_test(updates_wait_for_their_transitions),
        cmocka_unit_test(the_target_is_copied_in_time),
        cmocka_unit_test(the_target_follows_softly),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(the_least_memory_is_enough),
        cmocka_unit_test(two_of_one_seed_have_the_same_weights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
