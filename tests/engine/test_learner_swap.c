#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/support_learner.h"

/* ---- the scheduler is another one ---- */

static void the_same_space_keeps_the_learner_and_its_episodes(void **state)
{
    struct fake *f = *state;
    uint64_t episode, generation;

    pupil_select(f, "pupil");
    fake_select(f, "asker");
    episode = pupil_ask(f);
    generation = pupil_now(f).generation;
    fake_select(f, "needy", "first", "2");
    assert_true(pupil_now(f).generation == generation);
    assert_int_equal(engine_reward(f->engine, episode, 1, NULL, 0, 0), REWARD_TAKEN);
    assert_true(pupil_ask(f) == episode + 1);
    assert_int_equal(fake_said(f, "p init"), 1);
    assert_int_equal(pupil_stats(f).instances, 1);
}

static void so_does_one_that_asks_nobody(void **state)
{
    struct fake *f = *state;
    uint64_t episode;

    pupil_select(f, "pupil");
    fake_select(f, "asker");
    episode = pupil_ask(f);
    fake_select(f, "scripted");
    assert_true(pupil_now(f).at_work);
    assert_false(pupil_now(f).asked);
    assert_int_equal(engine_reward(f->engine, episode, 1, NULL, 0, 0), REWARD_TAKEN);
    fake_select(f, "asker");
    assert_true(pupil_now(f).asked);
    assert_int_equal(fake_said(f, "p init"), 1);
}

static void another_space_gets_another_learner(void **state)
{
    struct fake *f = *state;
    struct fake_job open;
    uint64_t episode;

    pupil_select(f, "pupil");
    fake_select(f, "asker", "when", "in_outcome", "first", "5");
    fake_begin(f, &open, 0);
    fake_select(f, "asker", "dims", "3");
    assert_int_equal(fake_said(f, "p init"), 2);
    assert_int_equal(fake_said(f, "state"), 0);
    assert_int_equal(pupil_stats(f).instances, 2);
    assert_int_equal(pupil_now(f).n_dims, 3);
    episode = pupil_ask(f);
    assert_int_equal(pupil_stats(f).open, 2);
    /* The old pair goes on until its job is over. */
    fake_end(&open, P2P_OUT_RAN);
    assert_int_equal(pupil_stats(f).instances, 1);
    assert_int_equal(pupil_stats(f).rewards[REWARD_TAKEN], 1);
    assert_int_equal(fake_said(f, "p fini"), 1);
    assert_int_equal(engine_reward(f->engine, episode - 1, 1, NULL, 0, 0), REWARD_EXPIRED);
    assert_int_equal(engine_reward(f->engine, episode, 1, NULL, 0, 0), REWARD_TAKEN);
}

static void an_old_pair_that_drains_for_too_long_ends(void **state)
{
    struct fake *f = *state;
    struct fake_job open;

    pupil_select(f, "pupil");
    fake_select(f, "asker", "when", "in_outcome");
    fake_begin(f, &open, 0);
    fake_select(f, "asker", "dims", "3");
    f->now += 1000000;
    engine_drain(f->engine);
    assert_int_equal(pupil_stats(f).instances, 1);
    assert_int_equal(fake_said(f, "p fini"), 1);
    fake_end(&open, P2P_OUT_RAN);
    assert_int_equal(pupil_stats(f).rewards[REWARD_TAKEN], 0);
}

static void old_pairs_are_asked_for_by_their_own_jobs(void **state)
{
    struct fake *f = *state;
    struct fake_job open[3];

    pupil_select(f, "pupil");
    for (int i = 0; i < 3; i++) {
        fake_select(f, "asker", "dims", i == 0 ? "2" : i == 1 ? "3" : "4", "when", "in_outcome");
        fake_begin(f, &open[i], 0);
    }
    assert_int_equal(pupil_stats(f).instances, 3);
    fake_select(f, "scripted");
    fake_end(&open[1], P2P_OUT_RAN);
    assert_int_equal(pupil_stats(f).instances, 2);
    fake_end(&open[2], P2P_OUT_RAN);
    fake_end(&open[0], P2P_OUT_RAN);
    assert_int_equal(pupil_stats(f).instances, 1);
    assert_int_equal(pupil_stats(f).rewards[REWARD_TAKEN], 3);
}

/* ---- the learner is another one ---- */

static void it_takes_over_what_is_open_and_what_waits(void **state)
{
    struct fake *f = *state;
    uint64_t open, waits;

    pupil_select(f, "pupil");
    fake_select(f, "asker");
    open = pupil_ask(f);
    waits = pupil_ask(f);
    assert_int_equal(engine_reward(f->engine, waits, 1, NULL, 0, 0), REWARD_TAKEN);
    pupil_select(f, "alien", "action", "1");
    assert_int_equal(fake_said(f, "p fini knows 0\n"), 1);
    assert_int_equal(engine_reward(f->engine, waits, 1, NULL, 0, 0), REWARD_DUPLICATE);
    assert_int_equal(engine_reward(f->engine, open, 1, NULL, 0, 0), REWARD_TAKEN);
    pupil_learn(f);
    assert_int_equal(fake_said(f, "learns 2: 1 -0-> 1"), 1);
    assert_true(pupil_ask(f) == waits + 1);
    assert_int_equal(pupil_stats(f).instances, 1);
}

static void jobs_of_a_retired_scheduler_ask_it_too(void **state)
{
    struct fake *f = *state;
    struct fake_job open;

    pupil_select(f, "pupil");
    fake_select(f, "asker", "when", "in_outcome");
    fake_begin(f, &open, 0);
    fake_select(f, "asker", "first", "3");
    pupil_select(f, "alien");
    assert_int_equal(pupil_stats(f).instances, 1);
    fake_end(&open, P2P_OUT_RAN);
    pupil_learn(f);
    assert_int_equal(fake_said(f, "learns 1: "), 1);
    assert_int_equal(fake_stats(f).instances, 1);
}

static void taken_away_it_leaves_its_jobs_alone(void **state)
{
    struct fake *f = *state;
    struct fake_job open;

    pupil_select(f, "pupil");
    fake_select(f, "asker", "when", "in_outcome");
    fake_begin(f, &open, 0);
    assert_int_equal(engine_select_learner(f->engine, NULL, f->err), 0);
    assert_int_equal(fake_said(f, "p fini"), 1);
    fake_end(&open, P2P_OUT_RAN);
    assert_int_equal(pupil_stats(f).rewards[REWARD_EXPIRED], 1);
    assert_int_equal(pupil_stats(f).open, 0);
    pupil_select(f, "pupil");
    assert_true(pupil_ask(f) > 0);
    assert_int_equal(pupil_stats(f).instances, 1);
}

/* ---- both at once ---- */

/* So many transitions. */
static void teach(struct fake *f, unsigned n)
{
    while (n-- > 0)
        assert_int_equal(engine_reward(f->engine, pupil_ask(f), 1, NULL, 0, 0), REWARD_TAKEN);
    pupil_learn(f);
}

/* An asker of so many dimensions and a pupil that takes so many. */
static int try_pair(struct fake *f, const char *scheduler, const char *dims, const char *learner,
                    const char *most_dims)
{
    static const char *const names[2] = {"dims", "most_dims"};
    struct selection s = {.name = scheduler, .names = &names[0], .values = &dims, .n = 1};
    struct selection l = {.name = learner, .names = &names[1], .values = &most_dims, .n = 1};

    return engine_select_pair(f->engine, &s, learner ? &l : NULL, f->err);
}

static void a_pair_is_selected_as_one(void **state)
{
    struct fake *f = *state;

    assert_int_equal(try_pair(f, "needy", "3", "pupil", "3"), 0);
    assert_true(pupil_ask(f) > 0);
    /* Neither would do with the other's old one. */
    assert_int_equal(try_pair(f, "needy", "4", "pupil", "4"), 0);
    assert_int_equal(pupil_now(f).n_dims, 4);
    assert_int_equal(pupil_try_select(f, "pupil", "most_dims", "2", NULL), -1);
    assert_int_equal(try_pair(f, "needy", "2", "pupil", "2"), 0);
    assert_int_equal(pupil_now(f).n_dims, 2);
    assert_int_equal(pupil_stats(f).instances, 1);
    assert_int_equal(pupil_stats(f).selections, 3);
    assert_int_equal(fake_stats(f).instances, 1);
}

static void a_pair_that_fails_changes_nothing(void **state)
{
    static const char *const wrong[][5] = {
        {"nobody", "2", "pupil", "3", "no scheduler 'nobody'"},
        {"asker", "9", "pupil", "3", "dims: "},
        {"needy", "2", NULL, NULL, "needs a learner"},
        {"mute", "2", "pupil", "3", "no space()"},
        {"asker", "2", "nobody", "3", "no learner 'nobody'"},
        {"asker", "2", "heir", "9", "most_dims: "},
        {"asker", "4", "heir", "2", "4 dimensions are too many"},
    };
    struct fake *f = *state;
    uint64_t learner, episode;

    assert_int_equal(try_pair(f, "needy", "2", "pupil", "3"), 0);
    learner = pupil_now(f).generation;
    episode = pupil_ask(f);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const char *const *w = wrong[i];

        assert_int_equal(try_pair(f, w[0], w[1], w[2], w[3]), i < 4 ? -1 : -2);
        if (!strstr(f->err, w[4]))
            fail_msg("'%s' is not said in: %s", w[4], f->err);
        assert_true(pupil_now(f).generation == learner);
        assert_string_equal(pupil_now(f).plugin, "pupil");
    }
    assert_int_equal(engine_reward(f->engine, episode, 1, NULL, 0, 0), REWARD_TAKEN);
    assert_int_equal(fake_stats(f).failed_selections, 4);
    assert_int_equal(pupil_stats(f).failed_selections, 3);
}

static void a_pair_may_have_no_learner(void **state)
{
    struct fake *f = *state;
    struct fake_job open;

    assert_int_equal(try_pair(f, "asker", "2", "pupil", "3"), 0);
    fake_begin(f, &open, 0);
    assert_int_equal(try_pair(f, "asker", "3", NULL, NULL), 0);
    assert_int_equal(pupil_stats(f).instances, 0);
    assert_int_equal(fake_said(f, "p fini"), 1);
    assert_string_equal(pupil_now(f).plugin, "");
    fake_end(&open, P2P_OUT_RAN);
    /* One that asks nobody keeps what the learner knows. */
    assert_int_equal(try_pair(f, "asker", "2", "pupil", "3"), 0);
    teach(f, 2);
    assert_int_equal(try_pair(f, "loner", "2", "heir", "3"), 0);
    assert_int_equal(fake_said(f, "loaded, knows 2\n"), 1);
}

/* ---- what it knows ---- */

static void the_next_learner_knows_what_the_last_one_knew(void **state)
{
    struct fake *f = *state;

    pupil_select(f, "pupil");
    fake_select(f, "asker");
    teach(f, 3);
    pupil_select(f, "heir");
    assert_int_equal(fake_said(f, "loaded, knows 3\n"), 1);
    assert_int_equal(fake_said(f, "took over 8 bytes of state from pupil\n"), 1);
    pupil_select(f, "heir", "action", "1");
    assert_int_equal(fake_said(f, "loaded, knows 3\n"), 2);
}

static void another_format_starts_afresh(void **state)
{
    struct fake *f = *state;

    pupil_select(f, "pupil");
    fake_select(f, "asker");
    teach(f, 3);
    pupil_select(f, "alien");
    pupil_select(f, "forgetful");
    pupil_select(f, "pupil");
    assert_int_equal(fake_said(f, "state"), 0);
    assert_int_equal(fake_said(f, "p fini knows 0\n"), 2);
}

static void who_does_not_save_or_load_is_followed_by_a_fresh_one(void **state)
{
    struct fake *f = *state;

    pupil_select(f, "pupil");
    fake_select(f, "asker");
    teach(f, 3);
    pupil_select(f, "heir", "way", "loads_not");
    assert_int_equal(fake_said(f, "starts afresh: it did not load the 8 bytes of state of pupil\n"),
                     1);
    assert_int_equal(fake_said(f, "p init"), 3);
    teach(f, 1);
    assert_int_equal(fake_said(f, "knows 1\n"), 1);
    pupil_select(f, "heir", "way", "saves_not");
    pupil_select(f, "pupil");
    assert_int_equal(fake_said(f, "starts afresh: heir did not save its state\n"), 1);
    assert_int_equal(pupil_stats(f).instances, 1);
}

/* The same numbers with other bounds. */
static void a_space_that_is_alike_gets_the_state(void **state)
{
    struct fake *f = *state;

    pupil_select(f, "pupil");
    fake_select(f, "asker");
    teach(f, 3);
    assert_int_equal(engine_reward(f->engine, pupil_ask(f), 1, NULL, 0, 0), REWARD_TAKEN);
    fake_select(f, "asker", "high", "20");
    assert_int_equal(fake_said(f, "p init 2x4 up to 20\n"), 1);
    /* What waited was learned before. */
    assert_int_equal(fake_said(f, "loaded, knows 4\n"), 1);
    fake_select(f, "asker", "actions", "5");
    assert_int_equal(fake_said(f, "loaded, "), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, pupil_setup, pupil_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_same_space_keeps_the_learner_and_its_episodes),
        TEST(so_does_one_that_asks_nobody),
        TEST(another_space_gets_another_learner),
        TEST(an_old_pair_that_drains_for_too_long_ends),
        TEST(old_pairs_are_asked_for_by_their_own_jobs),
        TEST(it_takes_over_what_is_open_and_what_waits),
        TEST(jobs_of_a_retired_scheduler_ask_it_too),
        TEST(taken_away_it_leaves_its_jobs_alone),
        TEST(a_pair_is_selected_as_one),
        TEST(a_pair_that_fails_changes_nothing),
        TEST(a_pair_may_have_no_learner),
        TEST(the_next_learner_knows_what_the_last_one_knew),
        TEST(another_format_starts_afresh),
        TEST(who_does_not_save_or_load_is_followed_by_a_fresh_one),
        TEST(a_space_that_is_alike_gets_the_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
