#include "sim/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/support_scenario.h"

static struct sweep sweep;
static char err[P2P_ERRLEN];

static int teardown(void **state)
{
    sweep_release(&sweep);
    return scenario_teardown(state);
}

static int load(const char *yaml, const char *const *set)
{
    struct scenario_override o[SCENARIO_MOST_SET];
    unsigned n = scenario_settings(set, o);

    sweep_release(&sweep);
    snprintf(err, sizeof(err), "no error was told");
    scenario_write(yaml, strlen(yaml));
    return sweep_read(&sweep, scenario_path, o, n, err);
}

static void sweeps(const char *yaml, const char *const *set)
{
    if (load(yaml, set))
        fail_msg("refused: %s", err);
}

static void no_sweep(const char *yaml, int line, const char *const *words)
{
    static const struct sweep nothing;
    char place[128];

    if (!load(yaml, LIST(NULL)))
        fail_msg("taken: %s", yaml);
    snprintf(place, sizeof(place), "%s:%d: ", scenario_path, line);
    if (strncmp(err, place, strlen(place)) != 0)
        fail_msg("'%s' is not in front of: %s", place, err);
    for (; *words; words++)
        if (!strstr(err, *words))
            fail_msg("'%s' is not said in: %s", *words, err);
    assert_memory_equal(&sweep, &nothing, sizeof(sweep));
}

#define SWEEPS(yaml) sweeps(yaml, LIST(NULL))
#define NO_SWEEP(line, yaml, ...) no_sweep(yaml, line, LIST(__VA_ARGS__))

static void is_labelled(unsigned point, const char *wanted)
{
    char label[256];

    sweep_label(&sweep, point, label, sizeof(label));
    assert_string_equal(label, wanted);
}

static void test_without_a_sweep_there_is_one_point(void **state)
{
    struct scenario_override o[SWEEP_MAX_AXES];

    (void)state;
    SWEEPS("nodes: [{name: n}]");
    assert_int_equal(sweep.n_points, 1);
    assert_int_equal(sweep_point(&sweep, 0, o), 0);
    is_labelled(0, "");
    SWEEPS("");
    SWEEPS("sweep:\n");
    assert_int_equal(sweep.n_points, 1);
}

static void test_all_are_crossed_and_the_last_is_fastest(void **state)
{
    struct scenario_override o[SWEEP_MAX_AXES];
    char wanted[128];

    (void)state;
    SWEEPS("run: {seed: 7}\n"
           "sweep:\n"
           "  nodes.*.arrivals.load: [0.5, 0.9]\n"
           "  scheduler: [random, {plugin: forward, parameters: {a: 1}}, local]\n"
           "  seeds: 2\n");
    assert_int_equal(sweep.n_points, 12);
    is_labelled(0, "load=0.5 scheduler=random seed=7");
    is_labelled(1, "load=0.5 scheduler=random seed=8");
    is_labelled(2, "load=0.5 scheduler=forward{a: 1} seed=7");
    is_labelled(11, "load=0.9 scheduler=local seed=8");
    assert_int_equal(sweep_point(&sweep, 8, o), 3);
    assert_string_equal(o[0].path, "nodes.*.arrivals.load");
    assert_string_equal(o[0].value, "0.9");
    assert_string_equal(o[1].value, "{plugin: forward, parameters: {a: 1}}");
    snprintf(wanted, sizeof(wanted), "%s:3: sweep", scenario_path);
    assert_string_equal(o[0].from, wanted);
    assert_int_equal(sweep_index(&sweep, 8, 0), 1);
    assert_int_equal(sweep_index(&sweep, 8, 1), 1);
    assert_int_equal(sweep_index(&sweep, 8, 2), 0);
    assert_false(sweep.axis[0].is_seeds);
    assert_true(sweep.axis[2].is_seeds);
}

static void test_a_label_is_cut_to_its_room(void **state)
{
    char label[12];

    (void)state;
    SWEEPS("sweep: {slots: [1, 2], queue: [3]}");
    sweep_label(&sweep, 1, label, sizeof(label));
    assert_string_equal(label, "slots=2 que");
}

static void test_a_scheduler_is_labelled_by_its_plugin(void **state)
{
    (void)state;
    SWEEPS("sweep:\n"
           "  scheduler:\n"
           "  - {plugin: P}\n"
           "  - {plugin: P, parameters: [1, true]}\n"
           "  - {plugin: P, fallback: reject}\n"
           "  - {plugin: [P]}\n"
           "  - {parameters: {a: 1}}\n");
    is_labelled(0, "scheduler=P");
    is_labelled(1, "scheduler=P[1, true]");
    is_labelled(2, "scheduler={plugin: P, fallback: reject}");
    is_labelled(3, "scheduler={plugin: [P]}");
    is_labelled(4, "scheduler={parameters: {a: 1}}");
}

static void test_points_become_scenarios(void **state)
{
    static const char yaml[] =
        "nodes: [{name: n, arrivals: {load: 0.1}, scheduler: {plugin: x, parameters: [1]}}]\n"
        "sweep:\n"
        "  arrivals.load: {from: 0.5, to: 0.7, step: 0.1}\n"
        "  scheduler: [random, {plugin: 'a b', parameters: {t: \"x: \\\"y\\\"\\n\"}}]\n"
        "  functions: [{f: {service: 1ms}}]\n"
        "  slots: [0]\n";
    struct scenario_override o[SWEEP_MAX_AXES];
    unsigned n;

    (void)state;
    SWEEPS(yaml);
    assert_int_equal(sweep.n_points, 6);
    n = sweep_point(&sweep, 5, o);
    assert_int_equal(n, 4);
    assert_int_equal(scenario_read(&scenario, scenario_path, o, 3, scenario_err), 0);
    assert_true(scenario.group[0].arrivals.load == 0.7);
    assert_string_equal(scenario.group[0].plugin, "a b");
    assert_string_equal(scenario.group[0].parameters[0].value, "x: \"y\"\n");
    assert_int_equal(scenario.function[0].service.mean, 1000000);
    scenario_release(&scenario);
    assert_int_equal(scenario_read(&scenario, scenario_path, o, n, scenario_err), -1);
    assert_non_null(strstr(scenario_err, "s.yaml:6: sweep slots: nodes.n.slots: '0' is out of"));
}

static void test_ranges_end_where_they_say(void **state)
{
    (void)state;
    SWEEPS("sweep: {arrivals.load: {from: 0.1, to: 0.9, step: 0.1}}");
    assert_int_equal(sweep.n_points, 9);
    is_labelled(8, "load=0.9");
    SWEEPS("sweep: {slots: {from: 1, to: 6, step: 2}}");
    assert_int_equal(sweep.n_points, 3);
    is_labelled(2, "slots=5");
    SWEEPS("sweep: {network.delay: {from: 1ms, to: 2ms, step: 0.25ms}}");
    assert_int_equal(sweep.n_points, 5);
    is_labelled(1, "delay=1.25ms");
    SWEEPS("sweep: {x: {from: -1, to: 1, step: 1}}");
    is_labelled(0, "x=-1");
    SWEEPS("sweep: {x: {from: 3, to: 3, step: 1}}");
    assert_int_equal(sweep.n_points, 1);
}

static void test_settings_change_the_sweep(void **state)
{
    struct scenario_override o[SWEEP_MAX_AXES];

    (void)state;
    sweeps("sweep: {nodes.*.slots: [1, 2, 4], seeds: 9}",
           LIST("sweep.nodes.*.slots=[3]", "sweep.seeds=2", "run.seed=5"));
    assert_int_equal(sweep.n_points, 2);
    is_labelled(1, "slots=3 seed=6");
    sweeps("nodes: [{name: n}]", LIST("sweep.nodes.*.slots=[1, 2]"));
    assert_int_equal(sweep.n_points, 2);
    sweep_point(&sweep, 0, o);
    assert_string_equal(o[0].from, "--set sweep");
    sweeps("sweep: {slots: [1, 2]}", LIST("sweep="));
    assert_int_equal(sweep.n_points, 1);
    assert_int_equal(load("sweep: {slots: [1, 2]}", LIST("sweep.seeds=x")), -1);
    assert_non_null(strstr(err, "--set sweep.seeds: 'x' is not right; allowed: an integer from 1"));
}

static void test_wrong_sweeps_are_told(void **state)
{
    (void)state;
    NO_SWEEP(1, "sweep: [1]", "sweep is a list");
    NO_SWEEP(2, "sweep:\n  slots: 5", "sweep.slots is a value", "a list, or {from: 1");
    NO_SWEEP(1, "sweep: {slots: []}", "sweep.slots has no values");
    NO_SWEEP(1, "sweep: {slots: [1, 2, 1]}", "sweep.slots: 1 is given twice");
    NO_SWEEP(1, "sweep: {slots: [1], slots: [2]}", "sweep.slots is given twice");
    NO_SWEEP(1, "sweep: {slots: [1], nodes.*.slots: [2]}", "nodes.*.slots is given twice");
    NO_SWEEP(1, "sweep: {run.seed: [1], seeds: 2}", "run.seed is given twice");
    NO_SWEEP(1, "sweep: {seeds: 0}", "sweep.seeds: '0' is out of range", "from 1 to 100000");
    NO_SWEEP(1, "sweep: {seeds: [1]}", "sweep.seeds is a list");
    NO_SWEEP(1, "run: {seed: x}\nsweep: {seeds: 2}", "run.seed: 'x'");
    NO_SWEEP(1, "sweep: {a: {from: 1, to: 2}}", "sweep.a.step is missing");
    NO_SWEEP(1, "sweep: {a: {from: 1, to: 2, step: 1, stp: 1}}", "sweep.a.stp", "'step'");
    NO_SWEEP(1, "sweep: {a: {from: 1, to: x, step: 1}}", "sweep.a.to: 'x' is not right");
    NO_SWEEP(1, "sweep: {a: {from: 1, to: 1e3, step: 1}}", "sweep.a.to: '1e3' is not right");
    NO_SWEEP(1, "sweep: {a: {from: 1, to: [2], step: 1}}", "a is a list");
    NO_SWEEP(1, "sweep: {a: {from: 1ms, to: 2s, step: 1ms}}", "different units");
    NO_SWEEP(1, "sweep: {a: {from: 1, to: 2, step: 0}}", "a step of more than 0");
    NO_SWEEP(1, "sweep: {a: {from: 2, to: 1, step: 1}}", "to not before from");
    NO_SWEEP(1, "sweep: {a: {from: 2, to: 1, step: -1}}", "a step of more than 0");
    NO_SWEEP(1, "sweep: {a: &x [*x]}", "a value is too deep or too long");
    NO_SWEEP(1, "sweep: {a: {from: &x [*x], to: 1, step: 1}}", "a is a list");
}

static void test_points_are_bounded(void **state)
{
    char many[1024] = "sweep: {";
    size_t at = strlen(many);

    (void)state;
    SWEEPS("sweep: {seeds: 100000}");
    assert_int_equal(sweep.n_points, SWEEP_MAX_POINTS);
    SWEEPS("sweep: {a: {from: 1, to: 1000, step: 1}, b: {from: 1, to: 100, step: 1}}");
    assert_int_equal(sweep.n_points, SWEEP_MAX_POINTS);
    is_labelled(99999, "a=1000 b=100");
    NO_SWEEP(1, "sweep: {a: {from: 1, to: 1000, step: 1}, b: {from: 1, to: 101, step: 1}}",
             "sweep.b: with it there are 101000 points; allowed: 100000");
    NO_SWEEP(1, "sweep: {a: {from: 1, to: 999999999999999, step: 0.000000001}}", "values; allowed");
    for (unsigned i = 0; i < 17; i++)
        at += (size_t)snprintf(many + at, sizeof(many) - at, "k%u: [1], ", i);
    snprintf(many + at, sizeof(many) - at, "}");
    NO_SWEEP(1, many, "more than 16 keys");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, scenario_setup, teardown)
    const struct CMUnitTest tests[] = {T(without_a_sweep_there_is_one_point),
                                       T(all_are_crossed_and_the_last_is_fastest),
                                       T(a_label_is_cut_to_its_room),
                                       T(a_scheduler_is_labelled_by_its_plugin),
                                       T(points_become_scenarios),
                                       T(ranges_end_where_they_say),
                                       T(settings_change_the_sweep),
                                       T(wrong_sweeps_are_told),
                                       T(points_are_bounded)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
