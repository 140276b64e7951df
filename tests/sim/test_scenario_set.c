/* Settings on top of a scenario: --set, and what a sweep sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/sim/support_scenario.h"

#define TWO                                                                                        \
    "nodes:\n"                                                                                     \
    "- {name: pi, slots: 1, arrivals: &a {load: 0.5}}\n"                                           \
    "- {name: pi.big, slots: 2, arrivals: *a, scheduler: {plugin: random, parameters: {x: 1}}}\n"

static void test_a_setting_is_of_one_group_or_of_all(void **state)
{
    (void)state;
    READS_SET(TWO, "nodes.pi.slots=7");
    assert_int_equal(scenario.group[0].slots * 10 + scenario.group[1].slots, 72);
    READS_SET(TWO, "nodes.pi.big.slots=7");
    assert_int_equal(scenario.group[0].slots * 10 + scenario.group[1].slots, 17);
    READS_SET(TWO, "nodes.*.slots=7");
    assert_int_equal(scenario.group[0].slots * 10 + scenario.group[1].slots, 77);
    READS_SET(TWO, "slots=7", "nodes.pi.slots=3");
    assert_int_equal(scenario.group[0].slots * 10 + scenario.group[1].slots, 37);
    READS_SET("nodes: {a: {}, b: {slots: 2}}", "slots=7", "nodes.a.slots=3");
    assert_int_equal(scenario.group[0].slots * 10 + scenario.group[1].slots, 37);
}

static void test_what_an_alias_shares_is_set_where_it_is_meant(void **state)
{
    (void)state;
    READS_SET(TWO, "nodes.pi.arrivals.load=0.9");
    assert_true(scenario.group[0].arrivals.load == 0.9);
    assert_true(scenario.group[1].arrivals.load == 0.5);
    READS_SET(TWO, "arrivals.load=0.9");
    assert_true(scenario.group[1].arrivals.load == 0.9);
}

static void test_what_is_not_in_the_file_is_added(void **state)
{
    (void)state;
    READS_SET("nodes: [{name: n}]", "run.length=1s", "run.seed=5", "network.delay.mean=1ms",
              "arrivals.rate=3", "name=x");
    assert_int_equal(scenario.run.length, 1000000000);
    assert_int_equal(scenario.run.seed, 5);
    assert_int_equal(scenario.network.delay, 1000000);
    assert_int_equal(scenario.group[0].arrivals.process, ARRIVALS_POISSON);
    assert_string_equal(scenario.name, "x");
    READS_SET("", "nodes=[{name: n, count: 3}]", "functions={f: {service: 1ms}}");
    assert_int_equal(scenario.n_nodes, 3);
    assert_string_equal(scenario.function[0].name, "f");
    READS_SET("nodes: [{name: n}]", "sweep.nodes.*.slots=[1, 2]", "sweep.seeds=3");
}

static void test_a_value_is_anything_that_fits_in_a_line(void **state)
{
    (void)state;
    READS_SET(TWO, "scheduler={plugin: forward, parameters: {a: 1, b: 'x: y'}}");
    assert_string_equal(scenario.group[1].plugin, "forward");
    assert_int_equal(scenario.group[1].n_parameters, 2);
    assert_string_equal(scenario.group[1].parameters[1].value, "x: y");
    READS_SET(TWO, "nodes.pi.scheduler=random");
    assert_string_equal(scenario.group[0].plugin, "random");
    READS_SET(TWO, "summary=");
    READS_SET(TWO, "faults=[{kind: down, nodes: pi}]", "faults.1.at=5s");
    assert_int_equal(scenario.fault[0].at, 5000000000);
}

static void test_another_plugin_does_not_take_the_parameters(void **state)
{
    (void)state;
    READS_SET(TWO, "scheduler.plugin=forward");
    assert_int_equal(scenario.group[1].n_parameters, 0);
    READS_SET(TWO, "scheduler.plugin=random");
    assert_int_equal(scenario.group[1].n_parameters, 1);
    READS_SET(TWO, "nodes.pi.big.scheduler.plugin=forward", "scheduler.parameters.y=2");
    assert_int_equal(scenario.group[1].n_parameters, 1);
    assert_string_equal(scenario.group[1].parameters[0].name, "y");
    READS_SET("nodes: [{name: n, scheduler: {plugin: P, parameters: [1, 2]}}]",
              "scheduler.parameters.2=7");
    assert_string_equal(scenario.group[0].parameters[1].value, "7");
}

static void test_a_rate_replaces_a_load(void **state)
{
    (void)state;
    READS_SET(TWO, "nodes.pi.arrivals.rate=3");
    assert_true(scenario.group[0].arrivals.rate == 3 && scenario.group[0].arrivals.load == 0);
    READS_SET("nodes: [{name: n, arrivals: {rate: 3}}]", "arrivals.load=0.5");
    assert_true(scenario.group[0].arrivals.rate == 0 && scenario.group[0].arrivals.load == 0.5);
}

static void test_what_is_short_in_the_file_has_keys_too(void **state)
{
    static const char file[] = "nodes: [{name: n, scheduler: random}]\n"
                               "functions: {f: {service: 5ms}, g: {service: 7ms}}\n"
                               "network: {delay: 1ms}\n";

    (void)state;
    READS_SET(file, "functions.f.service.distribution=exponential",
              "network.delay.model=exponential", "scheduler.parameters.a=1");
    assert_int_equal(scenario.function[0].service.kind, DISTRIBUTION_EXPONENTIAL);
    assert_int_equal(scenario.function[0].service.mean, 5000000);
    assert_int_equal(scenario.network.model, DELAY_EXPONENTIAL);
    assert_int_equal(scenario.network.delay, 1000000);
    assert_string_equal(scenario.group[0].plugin, "random");
    READS_SET(file, "functions.*.service=1ms");
    assert_int_equal(scenario.function[1].service.mean, 1000000);
    REFUSES_SET(file, "nodes.n.slots.x=1", "--set nodes.n.slots.x: ", "slots");
}

static void test_files_are_relative_to_where_they_are_named(void **state)
{
    struct scenario_override o = {"nodes.*.arrivals.file", "t.csv", "x.yaml:1: sweep"};
    static const char file[] = "nodes: [{name: n, arrivals: {process: csv, file: t.csv}}]";

    (void)state;
    scenario_beside("t.csv", "1\n");
    READS(file);
    REFUSES_SET(file, "arrivals.file=t.csv", "arrivals.file", "t.csv: No such file");
    assert_int_equal(scenario_read(&scenario, scenario_path, &o, 1, scenario_err), 0);
    assert_string_equal(scenario.origin[0], "x.yaml:1: sweep nodes.*.arrivals.file");
}

static void test_wrong_settings_are_told_by_their_path(void **state)
{
    char deep[300] = "summary=", long_path[500] = "run.", set[600];

    (void)state;
    REFUSES_SET(TWO, "nodes.pi.slots=x", "--set nodes.pi.slots: 'x' is not right", "65536");
    REFUSES_SET(TWO, "slots=x", "--set slots: nodes.pi.slots: 'x' is not right");
    REFUSES_SET(TWO, "nodes.po.slots=1", "'po' is unknown; did you mean 'pi'?", "* for all");
    REFUSES_SET(TWO, "nodes.pi.slot=1", "--set nodes.pi.slot: unknown; did you mean 'slots'?");
    REFUSES_SET(TWO, "foo.bar=1", "--set foo.bar: foo: unknown", "allowed: name");
    REFUSES_SET(TWO, "functions.f.weight=1", "functions: 'f' is unknown", "none in the file");
    REFUSES_SET(TWO, "functions.*.weight=1", "functions: '*' is unknown");
    REFUSES_SET(TWO, "faults.1.at=1s", "--set faults.1.at");
    REFUSES_SET(TWO, "run.seed=[", "--set run.seed: not YAML");
    REFUSES_SET(TWO, "run.seed=&a [*a]", "too deep or too long", "16 deep");
    REFUSES_SET(TWO, "run=1\n--- 2", "run");
    REFUSES_SET(TWO, "=1", "no path of a key", "as in nodes.pi.slots");
    REFUSES_SET(TWO, ".run=1", "no path of a key");
    REFUSES_SET(TWO, "run..seed=1", "no path of a key");
    REFUSES_SET(TWO, "run.=1", "no path of a key");
    REFUSES_SET(TWO, "name.x=1", "--set name.x");
    REFUSES_SET(TWO, "nodes.pi.arrivals={load: 1, rate: 1}", "load and rate are both");
    REFUSES_SET(TWO, "nodes=[]", "there are no nodes");
    memset(deep + strlen(deep), '[', 40);
    memset(deep + strlen(deep), ']', 40);
    REFUSES_SET(TWO, deep, "--set summary: ", "too deep");
    for (unsigned i = 0; i < 30; i++)
        memcpy(long_path + strlen(long_path), "a.b.c.", 6);
    snprintf(set, sizeof(set), "%sx=1", long_path);
    REFUSES_SET(TWO, set, "the path is too long");
    memset(long_path, 'a', sizeof(long_path) - 1);
    snprintf(set, sizeof(set), "%s=1", long_path);
    REFUSES_SET(TWO, set, "no path of a key");
}

static void test_aliases_do_not_make_a_setting_endless(void **state)
{
    char yaml[4096] = "name: &l0 {name: a}\n";
    size_t at = strlen(yaml);

    (void)state;
    for (unsigned level = 1; level <= 4; level++) {
        at += (size_t)snprintf(yaml + at, sizeof(yaml) - at, "k%u: &l%u {name: a, x: [", level,
                               level);
        for (unsigned i = 0; i < 50; i++)
            at += (size_t)snprintf(yaml + at, sizeof(yaml) - at, "*l%u, ", level - 1);
        at += (size_t)snprintf(yaml + at, sizeof(yaml) - at, "]}\n");
    }
    snprintf(yaml + at, sizeof(yaml) - at, "nodes: [*l4]\n");
    REFUSES_SET(yaml, "nodes.a.x.a.x.a.x.a.x.a.y=1", "more than 10000 places");
}

static void test_a_file_that_is_no_map_is_told_with_settings_too(void **state)
{
    static const char *const set[] = {"run.seed=1", NULL};

    (void)state;
    scenario_refuses("- a\n", set, 1, LIST("the file is a list"));
    scenario_refuses("text\n", set, 1, LIST("the file is a value"));
    scenario_refuses("", set, 0, LIST("there are no nodes"));
    scenario_refuses("&a {name: *a}", set, 1, LIST("name is a map"));
    scenario_refuses("run: &a {seed: *a}\nnodes: {n: }", LIST("run.seed.seed.seed=1"), 1,
                     LIST("run.seed is a map"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, scenario_setup, scenario_teardown)
    const struct CMUnitTest tests[] = {T(a_setting_is_of_one_group_or_of_all),
                                       T(what_an_alias_shares_is_set_where_it_is_meant),
                                       T(what_is_not_in_the_file_is_added),
                                       T(a_value_is_anything_that_fits_in_a_line),
                                       T(another_plugin_does_not_take_the_parameters),
                                       T(a_rate_replaces_a_load),
                                       T(what_is_short_in_the_file_has_keys_too),
                                       T(files_are_relative_to_where_they_are_named),
                                       T(wrong_settings_are_told_by_their_path),
                                       T(aliases_do_not_make_a_setting_endless),
                                       T(a_file_that_is_no_map_is_told_with_settings_too)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
