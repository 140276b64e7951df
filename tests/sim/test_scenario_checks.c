/* What contradicts itself in a scenario, each with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/support_scenario.h"

#define ONE "nodes: [{name: n}]\n"

static void test_unknown_keys_are_told_with_what_may_be_meant(void **state)
{
    (void)state;
    REFUSES(2, ONE "nods: 1\n", "nods: unknown; did you mean 'nodes'?", "allowed: name");
    REFUSES(1, "run: {lenght: 1s}\n" ONE, "run.lenght", "did you mean 'length'?");
    REFUSES(1, "nodes: [{name: n, slot: 1}]", "nodes.n.slot", "'slots'",
            "scheduler, learner, arrivals");
    REFUSES(1, "nodes: [{name: n, arrivals: {lod: 1}}]", "nodes.n.arrivals.lod", "'load'");
    REFUSES(1, "nodes: [{name: n, scheduler: {plugn: a}}]", "nodes.n.scheduler.plugn", "'plugin'",
            "parameters");
    REFUSES(1, "functions: {f: {dedline: 1s}}\n" ONE, "functions.f.dedline", "'deadline'");
    REFUSES(1, "functions: {f: {service: {mena: 1s}}}\n" ONE, "functions.f.service.mena", "'mean'");
    REFUSES(2, ONE "network: {delays: 1ms}", "network.delays", "'delay'");
    REFUSES(2, ONE "network: {delay: {men: 1ms}}", "network.delay.men", "'mean'");
    REFUSES(2, ONE "faults: [{kind: slow, nodes: n, factr: 1}]", "faults.factr", "'factor'");
    REFUSES(3, "run: {seed: 1}\n" ONE "run: {seed: 2}", "section run is given twice", "line 1");
    REFUSES(1, "run: {seed: 1, seed: 2}\n" ONE, "run.seed is given twice");
}

static void test_wrong_values_are_told_with_their_range(void **state)
{
    (void)state;
    REFUSES(2, "run:\n  length: 10\n" ONE, "run.length: '10' is not right", "with its unit");
    REFUSES(1, "run: [1]\n" ONE, "run is a list", "allowed: a map");
    REFUSES(1, "run: {replications: 0}\n" ONE, "run.replications", "from 1 to 10000");
    REFUSES(1, "nodes: 5", "nodes is a value", "allowed: a list of maps, or a map by name");
    REFUSES(1, "nodes: [{name: n, slots: many}]", "nodes.n.slots: 'many'", "from 1 to 65536");
    REFUSES(1, "nodes: [{name: n, slots: [1]}]", "nodes.n.slots is a list");
    REFUSES(1, "nodes: [{name: n, arrivals: {process: posson, load: 1}}]", "nodes.n.arrivals",
            "one of none, poisson");
    REFUSES(1, "functions: {f: {service: 5}}\n" ONE, "functions.f.service.mean: '5'", "unit");
    REFUSES(2, ONE "network: {delay: x}", "network.delay.mean: 'x'");
    REFUSES(2, ONE "network: {loss: 1}", "network.loss", "from 0 to 0.99");
    REFUSES(2, ONE "faults: {kind: down}", "faults is a map", "allowed: a list");
    REFUSES(2, ONE "faults: [{kind: dwn, nodes: n}]", "faults.kind", "one of down, slow");
}

static void test_names_are_right_and_given_once(void **state)
{
    (void)state;
    REFUSES(1, "nodes: [{count: 1}]", "nodes: an entry without a name");
    REFUSES(1, "nodes: [5]", "nodes: an entry without a name");
    REFUSES(1, "nodes: [{name: 'a b'}]", "nodes: 'a b' is no name", "1 to 28 of A-Z");
    REFUSES(1, "nodes: [{name: '*'}]", "no name");
    REFUSES(1, "nodes: [{name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa}]", "no name");
    REFUSES(2, "nodes: [{name: a},\n{name: a}]", "nodes: 'a' is given twice");
    REFUSES(2, "functions: [{name: a},\n{name: a}]\n" ONE, "functions: 'a' is given twice");
    REFUSES(1, "nodes: {a: {name: b}}", "nodes.a.name", "the key is the name");
}

static void test_there_are_so_many_nodes_at_most(void **state)
{
    (void)state;
    READS("nodes: [{name: a, count: 3000000}, {name: b, count: 1000000}]");
    REFUSES(2, "nodes: [{name: a, count: 3000000},\n{name: b, count: 1000001}]", "nodes.b.count",
            "4000001 nodes", "4000000 in all");
}

/* ---- jobs ---- */

static void test_a_rate_is_given_once(void **state)
{
    (void)state;
    REFUSES(3, "nodes:\n- {name: n, arrivals: {rate: 5,\n load: 1}}", "load and rate are both");
    REFUSES(1, "nodes: [{name: n, arrivals: {process: poisson}}]", "neither load nor rate");
    REFUSES(1, "nodes: [{name: n, arrivals: {process: none, rate: 5}}]",
            "nodes.n.arrivals.rate: process none has no such key",
            "allowed with poisson, deterministic, on_off, mmpp, csv");
    REFUSES(1, "nodes: [{name: n, arrivals: {rate: 5, on: 5s}}]", "arrivals.on", "on_off");
    REFUSES(2,
            "functions: {f: {service: {distribution: bimodal, low: 0, high: 1s, probability: 0}}}\n"
            "nodes: [{name: n, arrivals: {load: 1}}]",
            "nodes.n.arrivals.load: the mean service time is 0");
}

static void test_mmpp_has_states(void **state)
{
#define MMPP(x) "nodes: [{name: n, arrivals: {process: mmpp" x "}}]"
    char many[1024] = "nodes: [{name: n, arrivals: {process: mmpp, states: [";
    size_t at = strlen(many);

    (void)state;
    REFUSES(1, MMPP(""), "arrivals.states is missing");
    REFUSES(1, MMPP(", scale: 5, states: []"), "arrivals.scale: process mmpp has no such key");
    REFUSES(1, MMPP(", rate: 5, load: 1, states: []"), "load and rate are both");
    REFUSES(1, MMPP(", states: {}"), "states is a map", "allowed: a list");
    REFUSES(1, MMPP(", states: []"), "fewer than 2 states", "2 to 16");
    REFUSES(1, MMPP(", states: [{rate: 1, stay: 1s}]"), "fewer than 2 states");
    REFUSES(1, MMPP(", states: [{rate: 0, stay: 1s}, {rate: 0, stay: 1s}]"), "every rate is 0");
    REFUSES(1, MMPP(", states: [{rate: 1}, {rate: 0, stay: 1s}]"), "needs rate and stay");
    REFUSES(1, MMPP(", states: [{rate: 1, stay: 0}]"), "states.stay", "out of range");
    REFUSES(1, MMPP(", states: [{rte: 1}]"), "states.rte", "did you mean 'rate'?");
    for (unsigned i = 0; i < 17; i++)
        at += (size_t)snprintf(many + at, sizeof(many) - at, "{rate: 1, stay: 1s}, ");
    snprintf(many + at, sizeof(many) - at, "]}}]");
    REFUSES(1, many, "more than 16 states");
}

static void test_files_must_be_there(void **state)
{
    (void)state;
    REFUSES(2, "nodes: [{name: n, arrivals: {process: csv,\n file: t.csv}}]",
            "nodes.n.arrivals.file: /tmp", "t.csv: No such file");
    REFUSES(1, "nodes: [{name: n, arrivals: {process: csv}}]", "file is missing");
    REFUSES(1, "nodes: [{name: n, arrivals: {process: csv, file: ''}}]", "file is empty");
    scenario_beside("t.csv", "");
    REFUSES(1, "nodes: [{name: n, arrivals: {process: csv, file: t.csv, load: 1, scale: 2}}]",
            "load and scale are both");
    REFUSES(1, "nodes: [{name: n, arrivals: {process: azure_2019, file: t.csv, durations: d}}]",
            "nodes.n.arrivals.durations", "No such file");
    REFUSES(1, "functions: {f: {service: {distribution: file, file: t}}}\n" ONE,
            "functions.f.service.file", "No such file");
    REFUSES(2, ONE "network: {delay: {model: matrix, file: m.csv}}", "network.delay.file",
            "No such file");
}

#define SERVICE(x) "functions:\n f:\n  service: {" x "}\n" ONE

static void test_service_times_must_be_possible(void **state)
{
    (void)state;
    REFUSES(3, SERVICE("distribution: pareto, shape: 1"), "service.shape: with 1 there is no mean");
    REFUSES(3, SERVICE("distribution: pareto, mean: 1s, max: 1s"), "not more than the mean");
    REFUSES(3, SERVICE("distribution: uniform"), "service.max is missing");
    REFUSES(3, SERVICE("distribution: uniform, min: 2s, max: 1s"), "max is not more than min");
    REFUSES(3, SERVICE("distribution: bimodal, low: 1s"), "service.high is missing");
    REFUSES(3, SERVICE("distribution: bimodal, low: 0, high: 0"), "low and high are 0");
    REFUSES(3, SERVICE("distribution: exponential, cv: 2"),
            "service.cv: distribution exponential has no such key", "allowed with lognormal");
    REFUSES(3, SERVICE("distribution: file"), "service.file is missing");
    REFUSES(3, SERVICE("mean: 0"), "service.mean", "out of range");
    REFUSES(1, "functions: {f: {deadline: 0s}}\n" ONE, "functions.f.deadline: with 0", "none");
    REFUSES(1, "functions: {f: {deadline: [1]}}\n" ONE, "functions.f is a list");
    REFUSES(1, "functions: {f: {weight: 0}}\n" ONE, "every weight is 0");
}

/* ---- network ---- */

#define MATRIX "nodes: [{name: a, count: 2}, {name: b}]\nnetwork: {delay: {model: matrix, file: m}}"

static void refuses_matrix(const char *text, const char *const *words)
{
    scenario_beside("m", text);
    scenario_refuses(MATRIX, LIST(NULL), 2, words);
}

static void test_a_matrix_must_be_square_and_of_the_right_size(void **state)
{
    (void)state;
    refuses_matrix("", LIST("0 rows"));
    refuses_matrix("1,2,3,4\n", LIST("m:1: 4 columns", "one a group (2) or one a node (3)"));
    refuses_matrix("0,1\n", LIST("1 rows", "as many as columns (2)"));
    refuses_matrix("0,1\n1,0\n0,0\n", LIST("m:3: more rows than columns"));
    refuses_matrix("0,1\n\n1\n", LIST("m:3: 1 columns", "2, as before"));
    refuses_matrix("0,1\n1,0,3\n", LIST("m:2: 3 columns"));
    refuses_matrix("0,1\n1,x\n", LIST("m:2: column 2: 'x' is no delay", "milliseconds"));
    refuses_matrix("0,-1\n1,0\n", LIST("m:1: column 2: '-1'"));
    refuses_matrix("0,\n1,0\n", LIST("m:1: column 2: ''"));
    refuses_matrix("0,99999999999999999999\n1,0\n", LIST("m:1: column 2"));
    REFUSES(2, ONE "network: {delay: {model: matrix}}", "network.delay.file is missing");
    REFUSES(2, ONE "network: {delay: {mean: 1ms, file: m}}", "network.delay.file: model constant");
    REFUSES(2, ONE "network: {delay: {model: coordinates, mean: 1ms}}", "network.delay.mean");
}

/* ---- faults ---- */

#define TWO "nodes: [{name: pi, count: 10}, {name: server}]\n"
#define FAULT(x) TWO "faults:\n- {" x "}\n"

static void test_faults_name_nodes_that_are_there(void **state)
{
    (void)state;
    REFUSES(3, FAULT("kind: down, nodes: po"), "faults.nodes: group 'po'", "did you mean 'pi'?");
    REFUSES(3, FAULT("kind: down, nodes: ''"), "faults.nodes");
    REFUSES(3, FAULT("kind: down, nodes: 'pi[0-10]'"), "beyond the group", "0 to 9");
    REFUSES(3, FAULT("kind: down, nodes: 'pi[5-4]'"), "'pi[5-4]' is not right", "pi[0-9]");
    REFUSES(3, FAULT("kind: down, nodes: 'pi[]'"), "is not right");
    REFUSES(3, FAULT("kind: down, nodes: 'pi[1'"), "is not right");
    REFUSES(3, FAULT("kind: down, nodes: 'pi[1]x'"), "is not right");
    REFUSES(3, FAULT("kind: down, nodes: 'pi[99999999999]'"), "is not right");
    REFUSES(3, FAULT("kind: down, nodes: '[1]'"), "faults.nodes");
}

static void test_faults_have_what_their_kind_needs(void **state)
{
    (void)state;
    REFUSES(3, FAULT("nodes: pi"), "faults: an entry without a kind");
    REFUSES(3, TWO "faults:\n- down\n", "faults: an entry without a kind");
    REFUSES(3, FAULT("kind: down"), "faults.nodes is missing");
    REFUSES(3, FAULT("kind: slow, nodes: pi"), "faults.factor is missing; kind slow needs it");
    REFUSES(3, FAULT("kind: stale"), "faults.age is missing");
    REFUSES(3, FAULT("kind: down, nodes: pi, age: 1s"), "faults.age: kind down has no such key");
    REFUSES(3, FAULT("kind: partition, nodes: '*'"), "cuts nobody off");
    REFUSES(2, ONE "faults: [{kind: partition, nodes: n}]", "cuts nobody off");
}

static void test_faults_are_in_time_and_apart(void **state)
{
    (void)state;
    REFUSES(3, FAULT("kind: down, nodes: pi, at: 5s, until: 5s"), "faults.until is not after at");
    REFUSES(3, FAULT("kind: down, nodes: pi, at: 70s"), "faults.at", "before the end", "70s");
    REFUSES(
        4,
        FAULT("kind: down, nodes: pi, at: 5s, until: 9s") "- {kind: down, nodes: 'pi[3]', at: 8s}",
        "the same nodes and time as the one at", ":3;");
    REFUSES(4, FAULT("kind: down, nodes: 'pi[0-4]'") "- {kind: down, nodes: 'pi[4-6]'}", ":3;");
    REFUSES(4, FAULT("kind: down, nodes: '*'") "- {kind: down, nodes: server}", ":3;");
    READS(FAULT("kind: down, nodes: pi, at: 5s, until: 8s") "- {kind: down, nodes: pi, at: 8s}");
    READS(FAULT("kind: down, nodes: 'pi[0-4]'") "- {kind: down, nodes: 'pi[5-6]'}");
    READS(FAULT("kind: down, nodes: pi") "- {kind: slow, nodes: pi, factor: 2}");
    READS(FAULT("kind: partition, nodes: pi") "- {kind: partition, nodes: 'pi[0]'}");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, scenario_setup, scenario_teardown)
    const struct CMUnitTest tests[] = {T(unknown_keys_are_told_with_what_may_be_meant),
                                       T(wrong_values_are_told_with_their_range),
                                       T(names_are_right_and_given_once),
                                       T(there_are_so_many_nodes_at_most),
                                       T(a_rate_is_given_once),
                                       T(mmpp_has_states),
                                       T(files_must_be_there),
                                       T(service_times_must_be_possible),
                                       T(a_matrix_must_be_square_and_of_the_right_size),
                                       T(faults_name_nodes_that_are_there),
                                       T(faults_have_what_their_kind_needs),
                                       T(faults_are_in_time_and_apart)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
