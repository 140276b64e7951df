/* A learner that is asked, taught, looked at and reset from outside. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/support_learner.h"

static const float here[2] = {1, 2}, there[2] = {3, 4}, endless[2] = {1, INFINITY};
static const struct p2p_transition lesson = {
    .episode = 5, .state = here, .next = there, .action = 2, .reward = 0.5F};

static void ready(struct fake *f)
{
    pupil_select(f, "pupil", "action", "3");
    fake_select(f, "asker");
}

static void a_decision_knows_its_choice(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    ready(f);
    fake_begin(f, &j, 0);
    assert_true(j.choice.made && j.choice.action == 3 && j.choice.epsilon == 0.25F);
    assert_true(j.choice.n_state == 2 && j.choice.state[0] == 1 && j.choice.state[1] == 2);
    assert_memory_equal(&j.choice.episode, j.memory, sizeof(j.choice.episode));
    fake_end(&j, P2P_OUT_RAN);
    fake_select(f, "scripted");
    fake_begin(f, &j, 0);
    assert_false(j.choice.made);
    fake_end(&j, P2P_OUT_RAN);
}

static void it_is_asked(void **state)
{
    struct fake *f = *state;
    struct p2p_choice c;

    assert_int_equal(engine_act(f->engine, here, 2, &c, f->err), -1);
    assert_non_null(strstr(f->err, "no learner at work"));
    ready(f);
    assert_int_equal(engine_act(f->engine, here, 1, &c, f->err), -1);
    assert_non_null(strstr(f->err, "the state has 1 numbers; pupil learns in 2"));
    assert_int_equal(engine_act(f->engine, endless, 2, &c, f->err), -1);
    assert_int_equal(pupil_stats(f).choices, 0);
    assert_int_equal(engine_act(f->engine, here, 2, &c, f->err), 0);
    assert_true(c.action == 3 && c.epsilon == 0.25F);
    assert_true(engine_gave_episode(f->engine, c.episode));
    assert_false(engine_gave_episode(f->engine, c.episode + 1));
    assert_false(engine_gave_episode(f->engine, 5));
    assert_int_equal(engine_reward(f->engine, c.episode, 1, there, 2, 99), REWARD_BAD_NEXT);
    assert_int_equal(engine_reward(f->engine, c.episode, 1, there, 2, 1), REWARD_TAKEN);
    pupil_learn(f);
    assert_int_equal(fake_said(f, "learns 1: 1 -3-> 1, then 3; knows 1\n"), 1);
    pupil_select(f, "pupil", "action", "9");
    assert_int_equal(engine_act(f->engine, here, 2, &c, f->err), -1);
    assert_int_equal(fake_stats(f).misbehaved[MISBEHAVED_LEARNER], 1);
}

static void it_is_taught(void **state)
{
    struct fake *f = *state;
    struct p2p_transition t = lesson;

    assert_int_equal(engine_train(f->engine, &t, 2, f->err), -1);
    ready(f);
    assert_int_equal(engine_train(f->engine, &t, 3, f->err), -1);
    t.action = 4;
    assert_int_equal(engine_train(f->engine, &t, 2, f->err), -1);
    assert_non_null(strstr(f->err, "allowed: 0 to 3"));
    t = lesson;
    t.next_action = 5;
    assert_int_equal(engine_train(f->engine, &t, 2, f->err), -1);
    t = lesson;
    t.reward = NAN;
    assert_int_equal(engine_train(f->engine, &t, 2, f->err), -1);
    t = lesson;
    t.next = endless;
    assert_int_equal(engine_train(f->engine, &t, 2, f->err), -1);
    t = lesson;
    assert_int_equal(engine_train(f->engine, &t, 2, f->err), 0);
    pupil_learn(f);
    assert_int_equal(fake_said(f, "learns 1: 1 -2-> 0.5, then 3; knows 1\n"), 1);
    /* A whole batch is learned at once, and one more finds room. */
    for (uint64_t k = 0; k < 33; k++) {
        t.episode = 100 + k;
        assert_int_equal(engine_train(f->engine, &t, 2, f->err), 0);
    }
    assert_int_equal(pupil_stats(f).transitions, 33);
}

static void what_it_knows_is_told(void **state)
{
    struct fake *f = *state;
    float values[64], states[8];

    assert_int_equal(engine_learner_values(f->engine, here, 2, values, f->err), -1);
    assert_int_equal(engine_learner_known(f->engine, 0, 4, 2, 4, states, values), 0);
    ready(f);
    assert_int_equal(engine_train(f->engine, &lesson, 2, f->err), 0);
    /* What waited is learned before it is told. */
    assert_int_equal(engine_learner_values(f->engine, here, 2, values, f->err), 4);
    assert_true(values[0] == 2 && values[3] == 32);
    assert_int_equal(engine_learner_values(f->engine, here, 3, values, f->err), -1);
    assert_int_equal(engine_train(f->engine, &lesson, 2, f->err), 0);
    assert_int_equal(engine_train(f->engine, &lesson, 2, f->err), 0);
    assert_int_equal(engine_learner_known(f->engine, 0, 2, 2, 4, states, values), 2);
    assert_int_equal(engine_learner_known(f->engine, 2, 2, 2, 4, states, values), 1);
    assert_true(states[0] == 2 && values[0] == 5);
    assert_int_equal(engine_learner_known(f->engine, 0, 2, 3, 4, states, values), 0);
}

static void count(void *ctx, const struct p2p_param *p, const char *value)
{
    unsigned *n = ctx;

    if (strcmp(p->name, "action") == 0)
        assert_string_equal(value, "3");
    ++*n;
}

static void its_parameters_are_told(void **state)
{
    struct fake *f = *state;
    unsigned n = 0;

    engine_learner_parameters(f->engine, count, &n);
    assert_int_equal(n, 0);
    ready(f);
    engine_learner_parameters(f->engine, count, &n);
    assert_int_equal(n, 7);
}

static void a_reset_forgets_all(void **state)
{
    struct fake *f = *state;
    struct engine_learner before;
    uint64_t episode;

    assert_int_equal(engine_learner_reset(f->engine, f->err), -1);
    ready(f);
    episode = pupil_ask(f);
    assert_int_equal(engine_train(f->engine, &lesson, 2, f->err), 0);
    pupil_learn(f);
    assert_int_equal(engine_train(f->engine, &lesson, 2, f->err), 0);
    before = pupil_now(f);
    assert_int_equal(engine_learner_reset(f->engine, f->err), 0);
    assert_true(pupil_now(f).generation > before.generation);
    assert_string_equal(pupil_now(f).full, before.full);
    assert_int_equal(fake_said(f, "p fini knows 1\n"), 1);
    /* Open choices are the new one's. */
    assert_int_equal(engine_reward(f->engine, episode, 1, NULL, 0, 0), REWARD_TAKEN);
    pupil_learn(f);
    assert_int_equal(fake_said(f, "knows 1\n"), 3);
    assert_int_equal(pupil_stats(f).instances, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, pupil_setup, pupil_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_decision_knows_its_choice),
        TEST(it_is_asked),
        TEST(it_is_taught),
        TEST(what_it_knows_is_told),
        TEST(its_parameters_are_told),
        TEST(a_reset_forgets_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
