#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/support_learner.h"

static const float next2[2] = {7, 8};

static enum reward_verdict reward(struct fake *f, uint64_t episode)
{
    return engine_reward(f->engine, episode, 0.25F, next2, 2, 0);
}

static void settings(struct fake *f, uint32_t most, uint32_t batch)
{
    struct learner_settings s = LEARNER_SETTINGS;

    s.most_episodes = most;
    s.batch = batch;
    s.expiry_ns = 1000;
    s.interval_ns = 500;
    engine_configure_learner(f->engine, &s);
}

/* ---- from inside ---- */

static void a_scheduler_rewards_its_choice(void **state)
{
    struct fake *f = *state;

    pupil_select(f, "pupil", "action", "3");
    fake_select(f, "asker", "when", "in_outcome", "reward", "0.5");
    pupil_ask(f);
    assert_int_equal(fake_said(f, "learns"), 0);
    pupil_learn(f);
    assert_int_equal(fake_said(f, "learns 1: 1 -3-> 0.5, then -1; knows 1\n"), 1);
    fake_select(f, "asker", "when", "in_decide", "next", "next");
    pupil_ask(f);
    pupil_learn(f);
    assert_int_equal(fake_said(f, "learns 1: 1 -3-> 1, then 11; knows 2\n"), 1);
    assert_int_equal(pupil_stats(f).open, 0);
    assert_int_equal(pupil_stats(f).rewards[REWARD_TAKEN], 2);
    assert_int_equal(pupil_stats(f).batches, 2);
}

static void what_is_no_number_is_dropped(void **state)
{
    struct fake *f = *state;

    pupil_select(f, "pupil");
    fake_select(f, "asker", "when", "in_outcome", "reward", "1e31");
    pupil_ask(f);
    fake_select(f, "asker", "when", "in_outcome", "reward", "-1e31");
    pupil_ask(f);
    fake_select(f, "asker", "when", "in_outcome", "next", "nan");
    pupil_ask(f);
    pupil_learn(f);
    assert_int_equal(fake_said(f, "learns"), 0);
    assert_int_equal(pupil_stats(f).rewards[REWARD_NOT_FINITE], 3);
    assert_int_equal(pupil_stats(f).open, 3);
}

/* ---- from outside ---- */

static void each_kind_is_told_and_counted(void **state)
{
    static const float endless[2] = {1, INFINITY};
    struct fake *f = *state;
    uint64_t a, b, c;
    struct learner_stats s;

    assert_int_equal(reward(f, 5), REWARD_UNKNOWN);
    settings(f, 100, 8);
    pupil_select(f, "pupil");
    assert_int_equal(reward(f, 5), REWARD_UNKNOWN);
    fake_select(f, "asker");
    a = pupil_ask(f);
    b = pupil_ask(f);
    c = pupil_ask(f);
    assert_int_equal(reward(f, 0), REWARD_UNKNOWN);
    assert_int_equal(reward(f, a - 1), REWARD_UNKNOWN);
    assert_int_equal(reward(f, c + 1), REWARD_UNKNOWN);
    assert_int_equal(reward(f, UINT64_MAX), REWARD_UNKNOWN);
    assert_int_equal(engine_reward(f->engine, a, NAN, NULL, 0, 0), REWARD_NOT_FINITE);
    assert_int_equal(engine_reward(f->engine, a, 1, endless, 2, 0), REWARD_NOT_FINITE);
    assert_int_equal(engine_reward(f->engine, a, 1, next2, 1, 0), REWARD_BAD_NEXT);
    assert_int_equal(engine_reward(f->engine, a, 1, next2, 0, 0), REWARD_BAD_NEXT);
    /* It may still be said right. */
    assert_int_equal(engine_reward(f->engine, a, 1, NULL, 0, 0), REWARD_TAKEN);
    assert_int_equal(reward(f, a), REWARD_DUPLICATE);
    assert_int_equal(reward(f, b), REWARD_TAKEN);
    f->now += 1000;
    assert_int_equal(reward(f, c), REWARD_EXPIRED);
    engine_learn(f->engine);
    assert_int_equal(reward(f, c), REWARD_EXPIRED);
    assert_int_equal(reward(f, a), REWARD_DUPLICATE);
    s = pupil_stats(f);
    assert_int_equal(s.rewards[REWARD_TAKEN], 2);
    assert_int_equal(s.rewards[REWARD_NOT_FINITE], 2);
    assert_int_equal(s.rewards[REWARD_BAD_NEXT], 2);
    assert_int_equal(s.rewards[REWARD_UNKNOWN], 6);
    assert_int_equal(s.rewards[REWARD_DUPLICATE], 2);
    assert_int_equal(s.rewards[REWARD_EXPIRED], 2);
    assert_int_equal(s.expired, 1);
    assert_int_equal(s.transitions, 2);
    assert_int_equal(s.open, 0);
}

static void every_verdict_has_a_name(void **state)
{
    (void)state;
    for (unsigned a = 0; a < REWARD_VERDICTS; a++)
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(reward_verdict_name(a), reward_verdict_name(b));
    assert_string_equal(reward_verdict_name(REWARD_DUPLICATE), "duplicate");
}

static void an_open_episode_can_be_looked_at(void **state)
{
    struct fake *f = *state;
    struct engine_current now;
    struct engine_episode e;
    float its[4] = {0, 0, -5, -5};
    uint64_t episode;

    pupil_select(f, "pupil", "action", "3");
    fake_select(f, "asker", "dims", "3", "first", "4");
    episode = pupil_ask(f);
    engine_describe(f->engine, &now);
    assert_true(engine_episode(f->engine, episode, &e, its, 2));
    assert_int_equal(e.n_state, 3);
    assert_true(its[0] == 4 && its[1] == 5 && its[2] == -5);
    assert_true(e.generation == now.generation && e.action == 3 && e.began_ns == f->now);
    assert_true(e.deadline_ns == f->now + UINT64_C(60000000000));
    assert_false(engine_episode(f->engine, episode + 1, &e, its, 2));
    assert_int_equal(engine_reward(f->engine, episode, 1, NULL, 0, 0), REWARD_TAKEN);
    assert_false(engine_episode(f->engine, episode, &e, its, 2));
}

/* ---- when it learns ---- */

static void a_batch_is_learned_at_once(void **state)
{
    struct fake *f = *state;

    settings(f, 100, 3);
    pupil_select(f, "pupil");
    fake_select(f, "asker", "when", "in_outcome");
    for (int i = 0; i < 7; i++)
        pupil_ask(f);
    assert_int_equal(fake_said(f, "learns 3: "), 2);
    assert_int_equal(fake_said(f, "knows 6\n"), 1);
    f->now += 499;
    engine_learn(f->engine);
    assert_int_equal(fake_said(f, "knows 7\n"), 0);
    f->now += 1;
    engine_learn(f->engine);
    assert_int_equal(fake_said(f, "learns 1: "), 1);
    f->now += 10000;
    engine_learn(f->engine);
    assert_int_equal(pupil_stats(f).batches, 3);
}

static void in_the_order_of_the_rewards(void **state)
{
    struct fake *f = *state;
    uint64_t a, b;

    settings(f, 100, 3);
    pupil_select(f, "pupil");
    fake_select(f, "asker", "first", "1");
    a = pupil_ask(f);
    fake_select(f, "asker", "first", "2");
    b = pupil_ask(f);
    reward(f, b);
    reward(f, a);
    f->now += 500;
    engine_learn(f->engine);
    assert_int_equal(fake_said(f, "learns 2: 2 -0-> 0.25, then 7;"), 1);
}

static void ticks_and_housekeeping_learn_too(void **state)
{
    struct fake *f = *state;

    settings(f, 100, 30);
    pupil_select(f, "pupil");
    fake_select(f, "asker", "when", "in_outcome");
    pupil_ask(f);
    f->now += 500;
    assert_int_equal(engine_tick(f->engine), 1000);
    assert_int_equal(fake_said(f, "knows 1\n"), 1);
    pupil_ask(f);
    f->now += 500;
    engine_drain(f->engine);
    assert_int_equal(fake_said(f, "knows 2\n"), 1);
    /* One that asks nobody has no say in it. */
    pupil_ask(f);
    fake_select(f, "quiet");
    f->now += 500;
    assert_int_equal(engine_tick(f->engine), 0);
    assert_int_equal(fake_said(f, "knows 3\n"), 1);
}

/* ---- too many, and too late ---- */

static void they_expire(void **state)
{
    struct fake *f = *state;

    settings(f, 100, 3);
    pupil_select(f, "pupil");
    fake_select(f, "asker");
    for (int i = 0; i < 5; i++) {
        pupil_ask(f);
        f->now += 300;
    }
    engine_tick(f->engine);
    assert_int_equal(pupil_stats(f).expired, 2);
    f->now += 300;
    engine_drain(f->engine);
    assert_int_equal(pupil_stats(f).expired, 3);
    assert_int_equal(pupil_stats(f).open, 2);
}

static void a_flood_takes_the_oldest(void **state)
{
    enum { LIMIT = 65536, MORE = 500 };
    struct fake *f = *state;
    uint64_t first, last = 0;

    pupil_select(f, "pupil", "quiet", "true");
    fake_select(f, "asker", "quiet", "true");
    first = pupil_ask(f);
    for (int i = 1; i < LIMIT + MORE; i++)
        last = pupil_ask(f);
    assert_true(last == first + LIMIT + MORE - 1);
    assert_int_equal(pupil_stats(f).open, LIMIT);
    assert_int_equal(pupil_stats(f).crowded, MORE);
    assert_int_equal(reward(f, first + MORE - 1), REWARD_EXPIRED);
    assert_int_equal(reward(f, first + MORE), REWARD_TAKEN);
    assert_int_equal(reward(f, last), REWARD_TAKEN);
    /* They are swept in turns, so that nobody waits for it. */
    f->now += UINT64_C(60000000000);
    engine_learn(f->engine);
    assert_int_equal(pupil_stats(f).expired, 4096);
    for (int i = 0; i < 16; i++)
        engine_learn(f->engine);
    assert_int_equal(pupil_stats(f).expired, LIMIT - 2);
}

static void a_table_without_room_is_refused(void **state)
{
    struct fake *f = *state;

    settings(f, 100000000, 32);
    pupil_select(f, "pupil");
    assert_int_equal(fake_try_select(f, "asker", NULL), -1);
    assert_non_null(strstr(f->err, "lower learner.most_episodes"));
    settings(f, 10, 32);
    fake_select(f, "asker");
    assert_int_equal(f->inits - f->finis, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, pupil_setup, pupil_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_scheduler_rewards_its_choice),
        TEST(what_is_no_number_is_dropped),
        TEST(each_kind_is_told_and_counted),
        cmocka_unit_test(every_verdict_has_a_name),
        TEST(an_open_episode_can_be_looked_at),
        TEST(a_batch_is_learned_at_once),
        TEST(in_the_order_of_the_rewards),
        TEST(ticks_and_housekeeping_learn_too),
        TEST(they_expire),
        TEST(a_flood_takes_the_oldest),
        TEST(a_table_without_room_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
