#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/support_world.h"

static struct engine_current current(struct fake *f)
{
    struct engine_current c;

    engine_describe(f->engine, &c);
    return c;
}

static void parameter(void *ctx, const struct p2p_param *p, const char *value)
{
    char *text = ctx;
    size_t at = strlen(text);

    snprintf(text + at, 512 - at, "%s=%s ", p->name, value);
}

static const char *parameters(struct fake *f)
{
    static char text[512];

    text[0] = '\0';
    engine_parameters(f->engine, parameter, text);
    return text;
}

/* Selects with values in order. */
static int select_ordered(struct fake *f, const char *name, uint32_t n, const char *const *values)
{
    struct selection s = {.name = name, .values = values, .n = n};

    return engine_select(f->engine, &s, f->err);
}

/* ---- what is selected ---- */

static void nothing_is_selected_at_first(void **state)
{
    struct fake *f = *state;

    assert_string_equal(current(f).name, "");
    assert_int_equal(current(f).generation, 0);
    assert_string_equal(parameters(f), "");
    assert_int_equal(engine_tick(f->engine), 0);
    assert_int_equal(fake_stats(f).instances, 0);
}

static void what_was_selected_is_described(void **state)
{
    struct fake *f = *state;
    char file[128], hash[MODULE_HASH_LEN];
    struct engine_current c;

    fake_select(f, "scripted", "mark", "7");
    c = current(f);
    assert_string_equal(c.name, "scripted");
    assert_string_equal(c.plugin, "scripted");
    assert_string_equal(c.full, "scripted(L, 7, D, false, 0)");
    snprintf(file, sizeof(file), "%s/scripted.so", f->folder);
    assert_string_equal(c.file, file);
    assert_int_equal(module_hash(file, hash, f->err), 0);
    assert_string_equal(c.hash, hash);
    assert_false(c.by_alias);
    assert_int_equal(c.n_params, 5);
    assert_int_equal(fake_stats(f).selections, 1);
    assert_int_equal(fake_stats(f).instances, 1);
}

static void what_is_not_given_has_its_default(void **state)
{
    struct fake *f = *state;

    fake_select(f, "scripted");
    assert_string_equal(parameters(f), "script=L mark=0 tick=D refuse_to_start=false memory=0 ");
    fake_select(f, "scripted", "tick", "R", "mark", "3");
    assert_string_equal(parameters(f), "script=L mark=3 tick=R refuse_to_start=false memory=0 ");
}

static void its_own_name_takes_values_in_order_too(void **state)
{
    static const char *const values[] = {"R", "9", "D", "false", "0", "?"};
    struct fake *f = *state;

    assert_int_equal(select_ordered(f, "scripted", 2, values), 0);
    assert_string_equal(parameters(f), "script=R mark=9 tick=D refuse_to_start=false memory=0 ");
    assert_int_equal(select_ordered(f, "scripted", 0, values), 0);
    assert_int_equal(select_ordered(f, "scripted", 5, values), 0);
    assert_int_equal(select_ordered(f, "scripted", 6, values), -1);
    assert_non_null(strstr(f->err, "script, mark, tick, refuse_to_start, memory"));
}

static void an_alias_takes_all_of_its_list(void **state)
{
    static const char *const values[] = {"R429", "12"};
    struct fake *f = *state;

    assert_int_equal(select_ordered(f, "ScriptedScheduler", 2, values), 0);
    assert_string_equal(current(f).name, "ScriptedScheduler");
    assert_string_equal(current(f).plugin, "scripted");
    assert_string_equal(current(f).full, "ScriptedScheduler(R429, 12)");
    assert_true(current(f).by_alias);
    assert_int_equal(current(f).n_params, 2);
    assert_string_equal(parameters(f),
                        "script=R429 mark=12 tick=D refuse_to_start=false memory=0 ");
    for (uint32_t n = 0; n < 2; n++) {
        assert_int_equal(select_ordered(f, "ScriptedScheduler", n, values), -1);
        assert_non_null(strstr(f->err, "in this order: script, mark"));
    }
}

static void an_alias_ignores_what_comes_after_its_list(void **state)
{
    static const char *const values[] = {"R", "1", "?", "?", "?", "?", "?"};
    struct fake *f = *state;

    assert_int_equal(select_ordered(f, "ScriptedScheduler", 7, values), 0);
    assert_string_equal(current(f).full, "ScriptedScheduler(R, 1)");
}

static void generations_grow(void **state)
{
    struct fake *f = *state;
    uint64_t last = 0;

    for (int i = 0; i < 5; i++) {
        fake_select(f, "scripted");
        assert_true(current(f).generation > last);
        last = current(f).generation;
        assert_int_equal(f->seeds, i + 1);
    }
    assert_int_equal(f->finis, 4);
}

/* ---- what fails changes nothing ---- */

/* The selection that was just tried failed with that text and left all as it was. */
static void failed(struct fake *f, int rc, const char *said)
{
    struct fake_job j;

    assert_int_equal(rc, -1);
    if (!strstr(f->err, said))
        fail_msg("expected '%s' in: %s", said, f->err);
    assert_string_equal(current(f).full, "scripted(R418, 7, D, false, 0)");
    assert_string_equal(fake_run(f, &j), "refuse418 ");
    assert_int_equal(fake_stats(f).failed_selections, 1);
    assert_int_equal(fake_stats(f).selections, 1);
    assert_int_equal(fake_stats(f).instances, 1);
    assert_int_equal(module_count(), 1);
    assert_int_equal(f->finis, 0);
}

static void an_unknown_name_changes_nothing(void **state)
{
    struct fake *f = *state;

    fake_select(f, "scripted", "script", "R418", "mark", "7");
    failed(f, fake_try_select(f, "nobody", NULL),
           "no scheduler 'nobody'; known: learning, quiet, roomy, scripted");
}

static void an_unknown_parameter_changes_nothing(void **state)
{
    struct fake *f = *state;

    fake_select(f, "scripted", "script", "R418", "mark", "7");
    failed(f, fake_try_select(f, "scripted", "tau", "5ms", NULL), "no parameter 'tau'");
}

static void a_bad_value_changes_nothing(void **state)
{
    struct fake *f = *state;

    fake_select(f, "scripted", "script", "R418", "mark", "7");
    failed(f, fake_try_select(f, "scripted", "script", "L", "mark", "-1", NULL), "mark: '-1'");
}

static void too_few_values_for_an_alias_change_nothing(void **state)
{
    struct fake *f = *state;

    fake_select(f, "scripted", "script", "R418", "mark", "7");
    failed(f, fake_try_select(f, "ScriptedScheduler", NULL), "0 parameters given");
}

static void an_init_that_fails_changes_nothing(void **state)
{
    struct fake *f = *state;

    fake_select(f, "scripted", "script", "R418", "mark", "7");
    failed(f, fake_try_select(f, "scripted", "refuse_to_start", "true", "memory", "1MB", NULL),
           "told to fail");
}

static void memory_above_the_limit_is_refused(void **state)
{
    struct fake *f = *state;

    fake_select(f, "scripted", "script", "R418", "mark", "7");
    failed(f, fake_try_select(f, "scripted", "memory", "67108865", NULL), "no memory");
}

static void memory_up_to_the_limit_is_given(void **state)
{
    fake_select(*state, "scripted", "memory", "64MB");
}

static void a_scheduler_that_needs_a_learner_changes_nothing(void **state)
{
    struct fake *f = *state;

    fake_select(f, "scripted", "script", "R418", "mark", "7");
    failed(f, fake_try_select(f, "learning", NULL), "learner");
}

static void the_first_selection_may_fail(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    assert_int_equal(fake_try_select(f, "nobody", NULL), -1);
    assert_string_equal(current(f).name, "");
    assert_string_equal(fake_run(f, &j), "run ");
}

/* ---- ticks ---- */

static void a_tick_goes_to_the_current_instance(void **state)
{
    struct fake *f = *state;

    fake_select(f, "scripted", "mark", "1");
    assert_int_equal(engine_tick(f->engine), 1000);
    fake_select(f, "scripted", "mark", "2");
    assert_int_equal(engine_tick(f->engine), 1000);
    assert_int_equal(fake_said(f, "1 tick\n"), 1);
    assert_int_equal(fake_said(f, "2 tick\n"), 1);
    assert_int_equal(fake_stats(f).decisions[P2P_DONE], 2);
}

static void who_declares_no_period_gets_no_tick(void **state)
{
    struct fake *f = *state;

    fake_select(f, "quiet");
    assert_int_equal(engine_tick(f->engine), 0);
    assert_int_equal(fake_said(f, "tick"), 0);
}

static void a_tick_can_only_be_done(void **state)
{
    static const char *const answers[] = {"L", "F1", "R", "W1", "P1", "X99"};
    struct fake *f = *state;

    for (unsigned i = 0; i < 6; i++) {
        fake_select(f, "scripted", "tick", answers[i]);
        assert_int_equal(engine_tick(f->engine), 1000);
        assert_int_equal(fake_stats(f).misbehaved[MISBEHAVED_ACTION], i + 1);
    }
    assert_int_equal(fake_stats(f).decisions[P2P_DONE], 0);
    assert_int_equal(fake_stats(f).fallbacks, 0);
}

/* ---- the plugin's own numbers ---- */

static void metric(void *ctx, const char *name, const char *help, bool is_gauge, double value)
{
    char *text = ctx;
    size_t at = strlen(text);

    snprintf(text + at, 512 - at, "%s%s=%g (%s) ", name, is_gauge ? "~" : "", value, help);
}

static void counters_and_gauges_are_exported(void **state)
{
    struct fake *f = *state;
    struct fake_job j;
    char text[512] = "", expected[512];

    fake_select(f, "scripted", "script", "P1 L");
    for (int i = 0; i < 3; i++) {
        fake_begin(f, &j, 0);
        fake_answer(&j, 0, 0);
        fake_end(&j, P2P_OUT_RAN);
    }
    engine_plugin_metrics(f->engine, metric, text);
    snprintf(expected, sizeof(expected),
             "decided=6 (calls for a job) outcomes=3 (calls of outcome) last_id~=%llu (of the job "
             "that ended last) ",
             (unsigned long long)j.decision.rq.id);
    assert_string_equal(text, expected);
}

static void a_new_instance_counts_from_zero(void **state)
{
    struct fake *f = *state;
    struct fake_job j;
    char text[512] = "";

    engine_plugin_metrics(f->engine, metric, text);
    assert_string_equal(text, "");
    fake_select(f, "quiet");
    fake_run(f, &j);
    fake_select(f, "quiet");
    engine_plugin_metrics(f->engine, metric, text);
    assert_non_null(strstr(text, "decided=0 "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_selected_at_first),
        TEST(what_was_selected_is_described),
        TEST(what_is_not_given_has_its_default),
        TEST(its_own_name_takes_values_in_order_too),
        TEST(an_alias_takes_all_of_its_list),
        TEST(an_alias_ignores_what_comes_after_its_list),
        TEST(generations_grow),
        TEST(an_unknown_name_changes_nothing),
        TEST(an_unknown_parameter_changes_nothing),
        TEST(a_bad_value_changes_nothing),
        TEST(too_few_values_for_an_alias_change_nothing),
        TEST(an_init_that_fails_changes_nothing),
        TEST(memory_above_the_limit_is_refused),
        TEST(memory_up_to_the_limit_is_given),
        TEST(a_scheduler_that_needs_a_learner_changes_nothing),
        TEST(the_first_selection_may_fail),
        TEST(a_tick_goes_to_the_current_instance),
        TEST(who_declares_no_period_gets_no_tick),
        TEST(a_tick_can_only_be_done),
        TEST(counters_and_gauges_are_exported),
        TEST(a_new_instance_counts_from_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
