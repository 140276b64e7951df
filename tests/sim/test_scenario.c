#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/scenario_private.h"
#include "tests/sim/support_scenario.h"

#define ONE "nodes: [{name: n}]\n"

static void test_tables_are_sound(void **state)
{
    char err[P2P_ERRLEN];

    (void)state;
    for (const struct scenario_section *s = scenario_sections; s < scenario_sections + N_SECTIONS;
         s++)
        if (params_check(s->keys, s->size, err))
            fail_msg("%s: %s", s->title, err);
}

static void test_what_is_not_given_has_its_default(void **state)
{
    (void)state;
    READS(ONE);
    assert_string_equal(scenario.name, "s");
    assert_string_equal(scenario.file, scenario_path);
    assert_non_null(strstr(scenario.plugins, "/plugins"));
    assert_int_equal(scenario.run.length, 60000000000);
    assert_int_equal(scenario.run.replications, 1);
    assert_int_equal(scenario.n_nodes, 1);
    assert_int_equal(scenario.group[0].slots, 4);
    assert_int_equal(scenario.group[0].arrivals.process, ARRIVALS_NONE);
    assert_string_equal(scenario.group[0].plugin, "power_of_choices");
    assert_int_equal(scenario.group[0].plugin_line, 0);
    assert_int_equal(scenario.n_functions, 1);
    assert_string_equal(scenario.function[0].name, "function");
    assert_int_equal(scenario.function[0].service.kind, DISTRIBUTION_DETERMINISTIC);
    assert_int_equal(scenario.function[0].service.mean, 100000000);
    assert_int_equal(scenario.network.delay, 0);
    assert_int_equal(scenario.network.max_hops, 16);
    assert_int_equal(scenario.n_faults, 0);
    READS("run:\nfunctions: {}\nnetwork:\nfaults: []\nsweep:\n" ONE);
    READS("--- {nodes: {n: }}\n");
    assert_string_equal(scenario.group[0].name, "n");
}

static void test_all_of_a_scenario_is_read(void **state)
{
    const struct group_config *g;

    (void)state;
    READS("name: edge\n"
          "summary: two kinds of nodes\n"
          "plugins: ${BIN}/other\n"
          "run: {length: 2m, warm_up: 5s, target: 0.01, replications: 3, batches: 10, seed: 7}\n"
          "nodes:\n"
          "  - name: pi\n"
          "    count: 40\n"
          "    slots: 1\n"
          "    queue: 8\n"
          "    speed: 0.25\n"
          "    scheduler:\n"
          "      plugin: power_of_choices\n"
          "      fallback: reject\n"
          "      parameters:\n"
          "        fanout: 2\n"
          "    arrivals: {load: 0.9}\n"
          "    x: 1.5\n"
          "    y: -2\n"
          "    spread: 3\n"
          "  - name: server\n"
          "    count: 2\n"
          "    scheduler: {plugin: PowerOfNScheduler, parameters: [1, 2, true, 1]}\n"
          "functions:\n"
          "  - name: face\n"
          "    weight: 3\n"
          "    service: {distribution: lognormal, mean: 200ms, cv: 2}\n"
          "    deadline: 1s\n"
          "    payload: 100KB\n"
          "    answer: 1KB\n"
          "  - name: ping\n"
          "    service: 1ms\n"
          "    deadline: none\n"
          "network:\n"
          "  delay: {model: coordinates, least: 1ms, per_unit: 2ms}\n"
          "  loss: 0.01\n"
          "  bandwidth: 12MB\n"
          "  neighbours: 5\n"
          "  view: shared\n"
          "faults:\n"
          "  - {kind: down, nodes: 'pi[0-9]', at: 20s, until: 30s}\n"
          "  - {kind: slow, nodes: 'pi[12]', at: 20s, factor: 0.1}\n"
          "  - {kind: partition, nodes: server, at: 1s, until: 2s}\n"
          "  - {kind: stale, age: 300ms}\n");
    assert_string_equal(scenario.name, "edge");
    assert_string_equal(scenario.summary, "two kinds of nodes");
    assert_int_equal(scenario.run.length, 120000000000);
    assert_true(scenario.run.target == 0.01);
    assert_int_equal(scenario.run.replications * scenario.run.batches + scenario.run.seed, 37);
    assert_int_equal(scenario.n_nodes, 42);
    g = scenario.group;
    assert_int_equal(g->line, 6);
    assert_true(g->speed == 0.25 && g->x == 1.5 && g->y == -2 && g->spread == 3);
    assert_int_equal(g->arrivals.process, ARRIVALS_POISSON);
    assert_true(g->arrivals.load == 0.9 && g->arrivals.rate == 0);
    assert_int_equal(g->plugin_line, 12);
    assert_int_equal(g->fallback, 1);
    assert_int_equal(g->n_parameters, 1);
    assert_string_equal(g->parameters[0].name, "fanout");
    assert_string_equal(g->parameters[0].value, "2");
    assert_int_equal(g->parameters[0].line, 15);
    assert_false(g->by_order);
    assert_true(g[1].by_order);
    assert_int_equal(g[1].n_parameters, 4);
    assert_null(g[1].parameters[2].name);
    assert_string_equal(g[1].parameters[2].value, "true");
    assert_int_equal(scenario.function[0].service.kind, DISTRIBUTION_LOGNORMAL);
    assert_int_equal(scenario.function[0].deadline, 1000000000);
    assert_int_equal(scenario.function[0].payload, 102400);
    assert_int_equal(scenario.function[1].service.mean, 1000000);
    assert_int_equal(scenario.function[1].deadline, 0);
    assert_int_equal(scenario.network.model, DELAY_COORDINATES);
    assert_int_equal(scenario.network.delay, 1000000);
    assert_int_equal(scenario.network.per_unit, 2000000);
    assert_int_equal(scenario.network.view, VIEW_SHARED);
    assert_int_equal(scenario.network.neighbours, 5);
    assert_int_equal(scenario.n_faults, 4);
    assert_string_equal(scenario.fault[0].group, "pi");
    assert_int_equal(scenario.fault[0].first, 0);
    assert_int_equal(scenario.fault[0].count, 10);
    assert_int_equal(scenario.fault[1].first * 10 + scenario.fault[1].count, 121);
    assert_int_equal(scenario.fault[2].count, 0);
    assert_string_equal(scenario.fault[3].group, "");
    assert_int_equal(scenario.fault[3].age, 300000000);
}

static void test_arrivals_of_every_kind(void **state)
{
    static const char *const arrivals[] = {
        "{process: none}",
        "{rate: 5}",
        "{process: deterministic, rate: 5}",
        "{process: on_off, load: 0.5, on: 1s, off: 9s}",
        "{process: mmpp, states: [{rate: 1, stay: 10s}, {rate: 20, stay: 1s}]}",
        "{process: csv, file: t.csv, step: 1s, scale: 2}",
        "{process: azure_2019, file: t.csv, durations: t.csv, speedup: 60}",
        "{process: azure_2021, file: t.csv}"};
    char yaml[256];

    (void)state;
    scenario_beside("t.csv", "1\n");
    for (size_t i = 0; i < sizeof(arrivals) / sizeof(arrivals[0]); i++) {
        snprintf(yaml, sizeof(yaml), "nodes: {n: {arrivals: %s}}\n", arrivals[i]);
        READS(yaml);
        assert_int_equal(scenario.group[0].arrivals.process, i);
    }
    READS("nodes: {n: {arrivals: {process: csv, file: t.csv}}}");
    assert_memory_equal(scenario.group[0].arrivals.file, scenario_path,
                        strrchr(scenario_path, '/') - scenario_path + 1);
}

static void test_service_times_of_every_kind(void **state)
{
    static const char *const service[] = {
        "{mean: 5ms}",
        "{distribution: exponential, mean: 5ms}",
        "{distribution: uniform, max: 5ms}",
        "{distribution: lognormal, mean: 5ms, cv: 3}",
        "{distribution: pareto, mean: 5ms, shape: 1.5, max: 1s}",
        "{distribution: bimodal, low: 1ms, high: 9ms, probability: 0.01}",
        "{distribution: file, file: times}"};
    char yaml[256];

    (void)state;
    scenario_beside("times", "5ms\n");
    for (size_t i = 0; i < sizeof(service) / sizeof(service[0]); i++) {
        snprintf(yaml, sizeof(yaml), "functions: {f: {service: %s}}\n" ONE, service[i]);
        READS(yaml);
        assert_int_equal(scenario.function[0].service.kind, i);
    }
    READS("functions: [{name: f, service: {distribution: file, file: times}}]\n"
          "nodes: [{name: n, arrivals: {load: 1}}]\n");
}

static void test_a_matrix_is_of_groups_or_of_nodes(void **state)
{
    static const char yaml[] = "nodes: [{name: a, count: 2}, {name: b}]\n"
                               "network: {delay: {model: matrix, file: m.csv}}\n";

    (void)state;
    scenario_beside("m.csv", "# from a, from b\n0, 1.5\r\n\n250us,0 # here\n");
    READS(yaml);
    assert_int_equal(scenario.network.matrix_side, 2);
    assert_true(scenario.network.matrix[1] == 1.5e6 && scenario.network.matrix[2] == 250e3);
    scenario_beside("m.csv", "0,1,2\n3,0,5\n6,7,0");
    READS(yaml);
    assert_int_equal(scenario.network.matrix_side, 3);
    assert_true(scenario.network.matrix[5] == 5e6);
}

static void test_anchors_are_what_they_stand_for(void **state)
{
    (void)state;
    READS("nodes:\n"
          "  - {name: a, arrivals: &day {load: 0.5}}\n"
          "  - {name: b, arrivals: *day}\n");
    assert_true(scenario.group[1].arrivals.load == 0.5);
}

static void test_places_are_told(void **state)
{
    char place[200], wanted[200];

    (void)state;
    READS_SET("nodes: [{name: n,\n scheduler: random}]", "nodes.n.scheduler.parameters.a=1");
    scenario_place(&scenario, scenario.group[0].plugin_line, place, sizeof(place));
    snprintf(wanted, sizeof(wanted), "%s:2", scenario_path);
    assert_string_equal(place, wanted);
    scenario_place(&scenario, scenario.group[0].parameters[0].line, place, sizeof(place));
    assert_string_equal(place, "--set nodes.n.scheduler.parameters.a");
    scenario_place(&scenario, 0, place, sizeof(place));
    assert_string_equal(place, scenario_path);
}

static void test_every_key_is_printed(void **state)
{
    char *text = NULL, key[100];
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);

    (void)state;
    assert_non_null(f);
    scenario_print_keys(f);
    assert_int_equal(fclose(f), 0);
    for (const struct scenario_section *s = scenario_sections; s < scenario_sections + N_SECTIONS;
         s++)
        for (const struct p2p_param *p = s->keys; p->name; p++) {
            snprintf(key, sizeof(key), "  %s%s%s\n", s->title, s->title[0] ? "." : "", p->name);
            if (!strstr(text, key))
                fail_msg("%s is not printed", key);
        }
    assert_non_null(strstr(text, "an integer from 1 to 65536; default 4"));
    assert_non_null(strstr(text, "sweep.seeds"));
    free(text);
}

/* ---- garbage ---- */

static void test_what_is_no_scenario_is_refused(void **state)
{
    static const unsigned char zero[] = "name: \"a\\0b\"\n" ONE;
    char *deep = malloc(10001);

    (void)state;
    REFUSES(0, "", "there are no nodes");
    REFUSES(1, "- a\n", "the file is a list", "allowed: a map");
    REFUSES(1, "text", "the file is a value");
    REFUSES(2, "name: x\n\tfoo: [", "not YAML");
    REFUSES(3, ONE "---\nx: 1\n", "a second document");
    REFUSES(1, "{[a]: 1}", "a key is a list");
    REFUSES(1, (const char *)zero, "zero byte");
    REFUSES(1, "nodes: &a [*a]", "nodes", "without a name");
    REFUSES(1, "nodes: &a {n: *a}", "nodes.n");
    REFUSES(1, "&a {name: *a}", "name is a map");
    assert_non_null(deep);
    memset(deep, '[', 10000);
    deep[10000] = '\0';
    assert_int_equal(scenario_load(deep, LIST(NULL)), -1);
    memset(deep, '{', 10000);
    assert_int_equal(scenario_load(deep, LIST(NULL)), -1);
    free(deep);
}

static void test_a_file_that_cannot_be_read_is_told(void **state)
{
    char err[P2P_ERRLEN], *large = malloc((1 << 20) + 2);

    (void)state;
    assert_int_equal(scenario_read(&scenario, "/nowhere/s.yaml", NULL, 0, err), -1);
    assert_string_equal(err, "/nowhere/s.yaml: No such file or directory");
    assert_non_null(large);
    memset(large, '#', (1 << 20) + 1);
    scenario_write(large, (1 << 20) + 1);
    assert_int_equal(scenario_read(&scenario, scenario_path, NULL, 0, err), -1);
    assert_non_null(strstr(err, "larger than 1 MB"));
    free(large);
}

static void test_huge_numbers_are_out_of_range(void **state)
{
    (void)state;
    REFUSES(1, "run: {seed: 99999999999999999999}\n" ONE, "run.seed", "out of range");
    REFUSES(1, "run: {length: 99999999999h}\n" ONE, "run.length", "out of range");
    REFUSES(1, "nodes: [{name: n, speed: 1e400}]", "nodes.n.speed", "'1e400'");
    REFUSES(1, "nodes: [{name: n, speed: nan}]", "nodes.n.speed", "a number from");
    REFUSES(1, "nodes: [{name: n, count: 4000001}]", "nodes.n.count", "from 1 to 4000000");
    REFUSES(1, "functions: {f: {payload: 9999999GB}}\n" ONE, "functions.f.payload");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, scenario_setup, scenario_teardown)
    const struct CMUnitTest tests[] = {T(tables_are_sound),
                                       T(what_is_not_given_has_its_default),
                                       T(all_of_a_scenario_is_read),
                                       T(arrivals_of_every_kind),
                                       T(service_times_of_every_kind),
                                       T(a_matrix_is_of_groups_or_of_nodes),
                                       T(anchors_are_what_they_stand_for),
                                       T(places_are_told),
                                       T(every_key_is_printed),
                                       T(what_is_no_scenario_is_refused),
                                       T(a_file_that_cannot_be_read_is_told),
                                       T(huge_numbers_are_out_of_range)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
