#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/support_learner.h"

static const char *run(struct fake *f)
{
    static struct fake_job j;

    return fake_run(f, &j);
}

static void says(const struct fake *f, const char *text)
{
    if (!strstr(f->err, text))
        fail_msg("'%s' is not said in: %s", text, f->err);
}

/* ---- who is bound to whom ---- */

static void a_scheduler_asks_the_learner(void **state)
{
    struct fake *f = *state;

    pupil_select(f, "pupil", "action", "3");
    fake_select(f, "asker", "first", "4");
    assert_string_equal(run(f), "refuse403 ");
    assert_int_equal(fake_said(f, "p init 2x4 up to 10\n"), 1);
    assert_int_equal(fake_said(f, "asked 4 5 mask 0\n"), 1);
    assert_int_equal(fake_said(f, "chose 3 explored 1 value 0.5\n"), 1);
    assert_int_equal(pupil_stats(f).choices, 1);
    assert_int_equal(pupil_stats(f).open, 1);
    assert_string_equal(pupil_now(f).full, "pupil(3, 0.5, 8, right, 0, 1, false)");
    assert_true(pupil_now(f).at_work && pupil_now(f).asked && pupil_now(f).saves);
    assert_int_equal(pupil_now(f).n_dims, 2);
    assert_int_equal(pupil_now(f).n_actions, 4);
    assert_string_equal(pupil_now(f).format, "lessons 1");
}

static void either_may_be_selected_first(void **state)
{
    struct fake *f = *state;

    fake_select(f, "asker");
    assert_string_equal(run(f), "run ");
    assert_int_equal(fake_said(f, "nobody to ask\n"), 1);
    pupil_select(f, "pupil", "action", "1");
    assert_string_equal(run(f), "refuse401 ");
}

static void it_waits_for_one_that_asks(void **state)
{
    struct fake *f = *state;

    fake_select(f, "scripted");
    pupil_select(f, "pupil", "action", "1");
    assert_string_equal(pupil_now(f).plugin, "pupil");
    assert_false(pupil_now(f).at_work);
    assert_int_equal(pupil_stats(f).instances, 0);
    fake_select(f, "loner");
    assert_string_equal(run(f), "run ");
    fake_select(f, "needy");
    assert_true(pupil_now(f).asked);
    assert_string_equal(run(f), "refuse401 ");
}

static void one_that_needs_a_learner_is_refused_without(void **state)
{
    struct fake *f = *state;

    fake_select(f, "asker");
    assert_int_equal(fake_try_select(f, "needy", NULL), -1);
    assert_string_equal(f->err, "needy: it needs a learner, and none is selected; a node has "
                                "learner.plugin in plugins.yaml, a scenario nodes.NAME.learner");
    assert_int_equal(fake_said(f, "a init"), 1);
    pupil_select(f, "pupil");
    assert_int_equal(fake_try_select(f, "mute", NULL), -1);
    says(f, "no space()");
    assert_string_equal(run(f), "refuse400 ");
    assert_int_equal(fake_stats(f).failed_selections, 2);
}

static void a_learner_that_is_needed_is_not_taken_away(void **state)
{
    struct fake *f = *state;

    pupil_select(f, "pupil", "action", "2");
    fake_select(f, "needy");
    assert_int_equal(engine_select_learner(f->engine, NULL, f->err), -1);
    says(f, "needy needs a learner");
    assert_string_equal(run(f), "refuse402 ");
    fake_select(f, "asker");
    assert_int_equal(engine_select_learner(f->engine, NULL, f->err), 0);
    assert_string_equal(run(f), "run ");
    assert_string_equal(pupil_now(f).plugin, "");
    assert_int_equal(fake_said(f, "p fini"), 1);
    assert_int_equal(engine_select_learner(f->engine, NULL, f->err), 0);
    assert_int_equal(fake_try_select(f, "needy", NULL), -1);
}

static void a_space_that_is_none_is_refused(void **state)
{
    static const char *const wrong[][2] = {
        {"no_dims", "0 dimensions and 4 actions; allowed: 1 to 4096 and 1 to 64"},
        {"many_dims", "4097 dimensions"},
        {"no_actions", "0 actions"},
        {"many_actions", "65 actions"},
        {"no_bounds", "no bounds"},
        {"crossed", "dimension 0 of its space goes from 10 to 0"},
        {"endless", "dimension 1 of its space goes from 0 to inf"}};
    struct fake *f = *state;

    pupil_select(f, "pupil");
    fake_select(f, "asker");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(fake_try_select(f, "asker", "space", wrong[i][0], NULL), -1);
        says(f, wrong[i][1]);
        assert_string_equal(run(f), "refuse400 ");
    }
    assert_int_equal(fake_said(f, "p init"), 1);
}

static void a_learner_that_refuses_the_space_keeps_the_old_pair(void **state)
{
    struct fake *f = *state;
    uint64_t before;

    pupil_select(f, "pupil", "action", "2", "most_dims", "3");
    fake_select(f, "asker", "dims", "3");
    before = pupil_now(f).generation;
    assert_int_equal(fake_try_select(f, "asker", "dims", "4", NULL), -1);
    assert_string_equal(f->err, "pupil: its init failed: 4 dimensions are too many");
    assert_int_equal(pupil_try_select(f, "heir", "most_dims", "2", NULL), -1);
    says(f, "3 dimensions are too many");
    assert_string_equal(run(f), "refuse402 ");
    assert_true(pupil_now(f).generation == before);
    assert_string_equal(pupil_now(f).plugin, "pupil");
    assert_int_equal(pupil_stats(f).instances, 1);
    assert_int_equal(pupil_stats(f).failed_selections, 1);
}

static void bad_selections_change_nothing(void **state)
{
    struct fake *f = *state;

    pupil_select(f, "pupil", "action", "2");
    fake_select(f, "asker");
    assert_int_equal(pupil_try_select(f, "nobody", NULL), -1);
    assert_string_equal(f->err,
                        "no learner 'nobody'; known: alien, forgetful, heir, outsider, pupil");
    assert_int_equal(pupil_try_select(f, "asker", NULL), -1);
    assert_int_equal(pupil_try_select(f, "pupil", "pace", "1", NULL), -1);
    says(f, "no parameter 'pace'; it takes: action, value");
    assert_int_equal(pupil_try_select(f, "pupil", "action", "x", NULL), -1);
    assert_string_equal(run(f), "refuse402 ");
    assert_int_equal(pupil_stats(f).failed_selections, 4);
    assert_int_equal(pupil_stats(f).selections, 1);
}

/* ---- what it may answer, and what it may be asked ---- */

static void a_mask_is_kept(void **state)
{
    struct fake *f = *state;

    pupil_select(f, "pupil", "action", "2");
    fake_select(f, "asker", "mask", "4");
    assert_string_equal(run(f), "refuse402 ");
    /* Bits that are no action are not shown. */
    fake_select(f, "asker", "mask", "65525");
    assert_string_equal(run(f), "refuse402 ");
    assert_int_equal(fake_said(f, "mask 4\n"), 1);
    assert_int_equal(fake_said(f, "mask 5\n"), 1);
    assert_int_equal(fake_stats(f).misbehaved[MISBEHAVED_LEARNER], 0);
}

static void an_action_outside_of_the_mask_is_replaced(void **state)
{
    static const char *const wrong[][2] = {
        {"action", "1"}, {"action", "4"}, {"action", "64"}, {"value", "1e31"}};
    struct fake *f = *state;

    fake_select(f, "asker", "mask", "8");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        pupil_select(f, "pupil", wrong[i][0], wrong[i][1]);
        assert_string_equal(run(f), "refuse403 ");
        assert_int_equal(fake_stats(f).misbehaved[MISBEHAVED_LEARNER], i + 1);
    }
    assert_int_equal(fake_said(f, "chose 3 explored 1 value 0\n"), 4);
    assert_int_equal(pupil_stats(f).open, 4);
    assert_string_equal(misbehaviour_name(MISBEHAVED_LEARNER), "learner_action");
}

static void any_allowed_action_may_stand_in(void **state)
{
    struct fake *f = *state;
    struct fake_job j;
    bool seen[64] = {false};

    pupil_select(f, "pupil", "action", "99", "quiet", "true");
    fake_select(f, "asker", "actions", "64", "mask", "21", "quiet", "true");
    for (int i = 0; i < 200; i++)
        seen[atoi(fake_run(f, &j) + strlen("refuse")) - 400] = true;
    for (int a = 0; a < 64; a++)
        assert_int_equal(seen[a], a < 5 && 21 >> a & 1);
}

static void a_question_that_is_none_is_not_asked(void **state)
{
    struct fake *f = *state;

    pupil_select(f, "pupil", "action", "2");
    fake_select(f, "asker", "mask", "240");
    assert_string_equal(run(f), "run ");
    fake_select(f, "asker", "first", "1e31");
    assert_string_equal(run(f), "run ");
    assert_int_equal(fake_said(f, "asked "), 0);
    assert_int_equal(fake_said(f, "nobody to ask\n"), 2);
    assert_int_equal(fake_stats(f).misbehaved[MISBEHAVED_ASKING], 2);
    assert_int_equal(pupil_stats(f).open, 0);
}

static void it_cannot_be_asked_at_other_times(void **state)
{
    struct fake *f = *state;

    pupil_select(f, "pupil");
    fake_select(f, "asker");
    fake_select(f, "asker", "first", "2");
    fake_select(f, "scripted");
    assert_int_equal(fake_said(f, "too early"), 0);
    assert_int_equal(fake_said(f, "too late"), 0);
    assert_int_equal(fake_said(f, "itself"), 0);
    assert_int_equal(fake_said(f, "a fini"), 2);
}

/* ---- parameters that may change while it runs ---- */

static void live_parameters_change_in_place(void **state)
{
    struct fake *f = *state;

    pupil_select(f, "pupil");
    fake_select(f, "asker");
    pupil_select(f, "pupil", "live", "5");
    assert_int_equal(fake_said(f, "changed to live 5\n"), 1);
    assert_int_equal(fake_said(f, "p init"), 1);
    /* It is remembered for the next space. */
    fake_select(f, "asker", "dims", "3");
    assert_string_equal(pupil_now(f).full, "pupil(0, 0.5, 8, right, 0, 5, false)");
    assert_int_equal(pupil_stats(f).selections, 2);
}

struct seen {
    char text[200];
};

static void add_metric(void *ctx, const char *name, const char *help, bool is_gauge, double value)
{
    struct seen *s = ctx;
    size_t at = strlen(s->text);

    snprintf(s->text + at, sizeof(s->text) - at, "%s (%s) %s %g;", name, help,
             is_gauge ? "gauge" : "counter", value);
}

static void metrics_are_the_learners_own(void **state)
{
    struct fake *f = *state;
    struct seen s = {""};

    engine_learner_metrics(f->engine, add_metric, &s);
    assert_string_equal(s.text, "");
    pupil_select(f, "pupil");
    fake_select(f, "asker", "when", "in_outcome");
    run(f);
    pupil_learn(f);
    engine_learner_metrics(f->engine, add_metric, &s);
    assert_string_equal(s.text, "learned (transitions) counter 1;");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, pupil_setup, pupil_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_scheduler_asks_the_learner),
        TEST(either_may_be_selected_first),
        TEST(it_waits_for_one_that_asks),
        TEST(one_that_needs_a_learner_is_refused_without),
        TEST(a_learner_that_is_needed_is_not_taken_away),
        TEST(a_space_that_is_none_is_refused),
        TEST(a_learner_that_refuses_the_space_keeps_the_old_pair),
        TEST(bad_selections_change_nothing),
        TEST(a_mask_is_kept),
        TEST(an_action_outside_of_the_mask_is_replaced),
        TEST(any_allowed_action_may_stand_in),
        TEST(a_question_that_is_none_is_not_asked),
        TEST(it_cannot_be_asked_at_other_times),
        TEST(live_parameters_change_in_place),
        TEST(metrics_are_the_learners_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
