#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/engine/support_world.h"

static char file[96];

static int setup(void **state)
{
    char from[4096];
    struct fake *f;

    if (fake_setup(state))
        return -1;
    f = *state;
    snprintf(from, sizeof(from), "%s/keeper.so", getenv("P2P_TEST_PLUGINS"));
    snprintf(file, sizeof(file), "%s/keeper.so", f->folder);
    if (symlink(from, file))
        return -1;
    return catalog_scan(f->catalog, NULL, NULL, f->err) == 1 ? 0 : -1;
}

static int teardown(void **state)
{
    unlink(file);
    return fake_teardown(state);
}

static void decide(struct fake *f, unsigned times)
{
    struct fake_job j;

    while (times-- > 0)
        fake_run(f, &j);
}

/* ---- from one instance to the next ---- */

static void the_next_instance_knows_what_the_last_one_knew(void **state)
{
    struct fake *f = *state;

    fake_select(f, "keeper");
    decide(f, 3);
    fake_select(f, "keeper", "fixed", "2");
    decide(f, 1);
    assert_int_equal(fake_said(f, "knows 4 live 1 fixed 2\n"), 1);
    assert_int_equal(fake_said(f, "took over 8 bytes of state from keeper\n"), 1);
    assert_int_equal(f->finis, 1);
}

static void another_scheduler_of_the_same_format_takes_over(void **state)
{
    struct fake *f = *state;

    fake_select(f, "keeper");
    decide(f, 3);
    fake_select(f, "heir");
    decide(f, 1);
    assert_int_equal(fake_said(f, "knows 4 "), 1);
}

static void a_decision_that_is_open_does_not_hold_it_up(void **state)
{
    struct fake *f = *state;
    struct fake_job open, j;

    fake_select(f, "keeper");
    fake_begin(f, &open, 0);
    fake_select(f, "heir");
    fake_run(f, &j);
    assert_int_equal(fake_said(f, "knows 2 "), 1);
    fake_end(&open, P2P_OUT_RAN);
}

static void other_formats_are_not_offered(void **state)
{
    struct fake *f = *state;

    fake_select(f, "keeper");
    decide(f, 3);
    fake_select(f, "stranger");
    decide(f, 1);
    fake_select(f, "scripted");
    fake_select(f, "keeper");
    decide(f, 1);
    assert_int_equal(fake_said(f, "knows 1 "), 3);
    assert_int_equal(fake_said(f, "state"), 0);
}

static void who_does_not_save_is_followed_by_a_fresh_one(void **state)
{
    static const char *const ways[] = {"saves_not", "floods"};
    struct fake *f = *state;

    for (unsigned i = 0; i < 2; i++) {
        fake_select(f, "stranger");
        fake_select(f, "keeper", "way", ways[i]);
        decide(f, 1);
        fake_select(f, "heir");
        decide(f, 1);
        assert_int_equal(fake_said(f, "knows 1 "), 2 * (i + 1));
        assert_int_equal(fake_said(f, "starts afresh: keeper did not save its state\n"), i + 1);
    }
}

static void who_does_not_load_starts_afresh(void **state)
{
    struct fake *f = *state;

    fake_select(f, "keeper");
    decide(f, 3);
    fake_select(f, "heir", "way", "loads_not");
    decide(f, 1);
    assert_int_equal(fake_said(f, "knows 1 "), 2);
    assert_int_equal(
        fake_said(f, "starts afresh: it did not load the 8 bytes of state of keeper\n"), 1);
    assert_int_equal(f->inits, 3);
    assert_int_equal(f->finis, 2);
    assert_int_equal(fake_stats(f).instances, 1);
}

/* ---- parameters of one that runs ---- */

static void live_parameters_change_in_place(void **state)
{
    struct fake *f = *state;
    struct engine_current before, now;

    fake_select(f, "keeper");
    decide(f, 2);
    engine_describe(f->engine, &before);
    fake_select(f, "keeper", "live", "5");
    decide(f, 1);
    assert_int_equal(fake_said(f, "changed to live 5\n"), 1);
    assert_int_equal(fake_said(f, "knows 3 live 5 fixed 1\n"), 1);
    assert_int_equal(f->inits, 1);
    engine_describe(f->engine, &now);
    assert_true(now.generation == before.generation);
    assert_string_equal(now.full, "keeper(right, 5, 1, )");
    assert_int_equal(fake_stats(f).selections, 2);
}

static void what_is_not_given_is_the_default_again(void **state)
{
    struct fake *f = *state;

    fake_select(f, "keeper", "live", "5");
    fake_select(f, "keeper");
    decide(f, 1);
    assert_int_equal(fake_said(f, "changed to live 1\n"), 1);
    assert_int_equal(fake_said(f, "knows 1 live 1 "), 1);
}

static void other_parameters_need_another_instance(void **state)
{
    struct fake *f = *state;

    fake_select(f, "keeper");
    fake_select(f, "keeper", "live", "5", "fixed", "2");
    fake_select(f, "keeper", "live", "5", "fixed", "2", "word", "x");
    fake_select(f, "keeper", "live", "5", "fixed", "2", "word", "x");
    fake_select(f, "heir", "live", "6", "fixed", "2", "word", "x");
    assert_int_equal(fake_said(f, "changed"), 0);
    assert_int_equal(f->inits, 5);
    assert_int_equal(f->finis, 4);
}

static void a_wrong_value_changes_nothing(void **state)
{
    struct fake *f = *state;

    fake_select(f, "keeper");
    assert_int_equal(fake_try_select(f, "keeper", "live", "10", NULL), -1);
    decide(f, 1);
    assert_int_equal(fake_said(f, "knows 1 live 1 "), 1);
    assert_int_equal(fake_said(f, "changed"), 0);
    assert_int_equal(fake_stats(f).failed_selections, 1);
}

static void open_decisions_go_on_under_the_new_parameters(void **state)
{
    struct fake *f = *state;
    struct fake_job open;

    fake_select(f, "keeper");
    fake_begin(f, &open, 0);
    fake_select(f, "keeper", "live", "5");
    assert_int_equal(fake_stats(f).instances, 1);
    fake_end(&open, P2P_OUT_RAN);
    assert_int_equal(fake_stats(f).instances, 1);
}

#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(the_next_instance_knows_what_the_last_one_knew),
        IN_WORLD(another_scheduler_of_the_same_format_takes_over),
        IN_WORLD(a_decision_that_is_open_does_not_hold_it_up),
        IN_WORLD(other_formats_are_not_offered),
        IN_WORLD(who_does_not_save_is_followed_by_a_fresh_one),
        IN_WORLD(who_does_not_load_starts_afresh),
        IN_WORLD(live_parameters_change_in_place),
        IN_WORLD(what_is_not_given_is_the_default_again),
        IN_WORLD(other_parameters_need_another_instance),
        IN_WORLD(a_wrong_value_changes_nothing),
        IN_WORLD(open_decisions_go_on_under_the_new_parameters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
