/* What happens to jobs: times that can be told in advance, and what must always hold. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/support_scenario.h"
#include "tests/sim/support_simulation.h"

#define EVENLY "arrivals: {process: deterministic, rate: 1}"
#define RUN "run: {length: 100s, warm_up: 10s}\n"

static uint64_t all_ended(void)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < JOB_ENDS; i++)
        n += ended((enum job_end)i);
    return n;
}

/* ---- one node ---- */

static void a_job_takes_its_service_time(void **state)
{
    (void)state;
    simulation_runs(RUN "nodes: [{name: n, count: 3, slots: 1, speed: 2, scheduler: local, " EVENLY
                        "}]\nfunctions: [{name: f, service: 500ms}]\n");
    assert_int_equal(all_ended(), 300);
    assert_int_equal(ended(JOB_RAN), 300);
    assert_float_equal(metric(METRIC_MEAN), 0.25, 1e-9);
    assert_float_equal(metric(METRIC_RUN), 0.25, 1e-9);
    assert_float_equal(metric(METRIC_WAIT), 0, 1e-9);
    assert_float_equal(metric(METRIC_UTILISATION), 0.25, 1e-3);
    assert_float_equal(metric(METRIC_JAIN), 1, 1e-6);
    assert_float_equal(metric(METRIC_PROBES), 0, 0);
}

/* One slot, one place in the queue, a job of 2.5 s each second: of five that come two or
 * three wait or run, the others find no room. */
static void who_finds_no_room_is_lost(void **state)
{
    (void)state;
    simulation_runs(RUN "nodes: [{name: n, slots: 1, queue: 1, scheduler: local, " EVENLY
                        "}]\nfunctions: [{name: f, service: 2500ms}]\n");
    assert_int_equal(all_ended(), 100);
    assert_int_equal(ended(JOB_RAN), 40);
    assert_int_equal(ended(JOB_FULL), 60);
    assert_float_equal(metric(METRIC_UTILISATION), 1, 0.03);
}

static void a_deadline_ends_a_job_wherever_it_is(void **state)
{
    (void)state;
    /* It runs for 0.8 s of its 0.9; the slot is free again for the next. */
    simulation_runs(RUN "nodes: [{name: n, slots: 1, queue: 0, scheduler: local, " EVENLY
                        "}]\nfunctions: [{name: f, service: 900ms, deadline: 800ms}]\n");
    assert_int_equal(ended(JOB_LATE), 100);
    assert_float_equal(metric(METRIC_IN_DEADLINE), 0, 0);
    assert_float_equal(metric(METRIC_UTILISATION), 0.8, 0.01);
    /* What waits is let in by one that is late, and is late itself. */
    simulation_runs(RUN "nodes: [{name: n, slots: 1, queue: 5, scheduler: local, " EVENLY
                        "}]\nfunctions: [{name: f, service: 2s, deadline: 2800ms}]\n");
    assert_int_equal(all_ended(), 100);
    assert_int_equal(ended(JOB_LATE), 100);
    assert_float_equal(metric(METRIC_UTILISATION), 1, 0);
}

static void what_is_in_time_is_not_late(void **state)
{
    (void)state;
    simulation_runs(RUN "nodes: [{name: n, slots: 1, queue: 0, scheduler: local, " EVENLY
                        "}]\nfunctions: [{name: f, service: 800ms, deadline: 800ms}]\n");
    assert_int_equal(ended(JOB_RAN), 100);
    assert_float_equal(metric(METRIC_IN_DEADLINE), 1, 0);
}

/* ---- between nodes ---- */

static void a_forward_costs_the_network_twice(void **state)
{
    (void)state;
    simulation_runs(RUN "nodes: [{name: n, count: 2, slots: 4, scheduler: forward, " EVENLY "}]\n"
                        "functions: [{name: f, service: 100ms, payload: 1MB, answer: 512KB}]\n"
                        "network: {delay: 5ms, bandwidth: 1MB, forward_cost: 2ms}\n");
    assert_float_equal(metric(METRIC_FORWARDS), 1, 0);
    /* There 5 ms and 1 s and 2 ms, back 5 ms and 0.5 s. */
    assert_float_equal(metric(METRIC_MEAN), 0.1 + 0.005 + 1 + 0.002 + 0.005 + 0.5, 1e-9);
    assert_float_equal(metric(METRIC_RUN), 0.1, 1e-9);
}

static void a_probe_costs_a_round_trip(void **state)
{
    (void)state;
    simulation_runs(RUN "nodes: [{name: n, count: 9, slots: 4, scheduler: {plugin: "
                        "power_of_choices, parameters: {fanout: 3, threshold: 0}}, " EVENLY "}]\n"
                        "functions: [{name: f, service: 10ms}]\n"
                        "network: {delay: 5ms, probe_cost: 1ms}\n");
    assert_float_equal(metric(METRIC_PROBES), 3, 0);
    assert_float_equal(metric(METRIC_FORWARDS), 0, 0.05);
    assert_float_equal(metric(METRIC_MEAN), 0.01 + 0.005 + 0.001 + 0.005, 1e-3);
}

static void a_silent_peer_costs_the_timeout(void **state)
{
    (void)state;
    /* Both ways: an answer comes in one of a hundred cases. */
    simulation_runs(RUN "nodes: [{name: n, count: 2, slots: 4, scheduler: {plugin: "
                        "power_of_choices, parameters: {threshold: 0}}, " EVENLY "}]\n"
                        "functions: [{name: f, service: 10ms}]\n"
                        "network: {delay: 5ms, loss: 0.9, probe_timeout: 300ms}\n");
    assert_int_equal(ended(JOB_RAN), 200);
    assert_in_range(metric(METRIC_MEAN) * 1000, 300, 310);
    /* An answer that would be late is as good as none. */
    simulation_runs(RUN "nodes: [{name: n, count: 2, slots: 4, scheduler: {plugin: "
                        "power_of_choices, parameters: {threshold: 0}}, " EVENLY "}]\n"
                        "functions: [{name: f, service: 10ms}]\n"
                        "network: {delay: 200ms, probe_timeout: 300ms}\n");
    assert_float_equal(metric(METRIC_MEAN), 0.31, 1e-9);
}

static void a_node_knows_its_neighbours_only(void **state)
{
    static const char *const views[] = {"private", "shared"};

    (void)state;
    simulation_runs(RUN "nodes: [{name: n, count: 50, slots: 4, scheduler: jsq, " EVENLY "}]\n"
                        "network: {neighbours: 7}\n");
    assert_float_equal(metric(METRIC_PROBES), 7, 0);
    for (unsigned i = 0; i < 2; i++) {
        char yaml[512];

        snprintf(yaml, sizeof(yaml),
                 RUN "nodes: [{name: n, count: 50, slots: 4, scheduler: jsq, " EVENLY
                     "}]\nnetwork: {view: %s}\n",
                 views[i]);
        simulation_runs(yaml);
        assert_float_equal(metric(METRIC_PROBES), 49, 0);
    }
}

/* ---- faults ---- */

static void a_node_that_is_down_loses_its_jobs(void **state)
{
    (void)state;
    simulation_runs(RUN "nodes: [{name: n, count: 2, slots: 4, scheduler: local, " EVENLY "}]\n"
                        "functions: [{name: f, service: 10ms}]\n"
                        "faults: [{kind: down, at: 30s, until: 50s, nodes: 'n[1]'}]\n");
    assert_int_equal(ended(JOB_FAILED), 20);
    assert_int_equal(ended(JOB_RAN), 180);
}

/* It decides nothing about what still comes to it. */
static void who_is_down_asks_nobody(void **state)
{
    (void)state;
    simulation_runs(RUN "nodes: [{name: n, count: 3, slots: 4, scheduler: {plugin: "
                        "power_of_choices, parameters: {threshold: 0}}, " EVENLY "}]\n"
                        "functions: [{name: f, service: 10ms}]\n"
                        "faults: [{kind: down, at: 60s, nodes: '*'}]\n");
    assert_int_equal(ended(JOB_RAN), 150);
    assert_int_equal(ended(JOB_FAILED), 150);
    assert_float_equal(metric(METRIC_PROBES), 0.5, 0);
}

/* Those who had forwarded to it hear nothing of theirs; it takes `detect` until nobody asks. */
static void what_a_node_had_of_others_is_lost_too(void **state)
{
    (void)state;
    simulation_runs(RUN "nodes: [{name: n, count: 2, slots: 4, scheduler: forward, " EVENLY "}]\n"
                        "functions: [{name: f, service: 20s}]\n"
                        "network: {delay: 1ms, detect: 2s, probe_timeout: 500ms}\n"
                        "faults: [{kind: down, at: 60s, nodes: 'n[1]'}]\n");
    assert_in_range(ended(JOB_FAILED), 50 + 4, 50 + 16);
    assert_int_equal(all_ended(), 200);
    /* No forward after that. */
    assert_in_range(metric(METRIC_FORWARDS) * 200, 95, 120);
}

static void a_slow_node_takes_longer(void **state)
{
    (void)state;
    /* From 60 s on at half the speed; what runs then does the rest at it. */
    simulation_runs("run: {length: 100s, warm_up: 0s}\n"
                    "nodes: [{name: n, slots: 1, scheduler: local, " EVENLY "}]\n"
                    "functions: [{name: f, service: 400ms}]\n"
                    "faults: [{kind: slow, at: 50s, nodes: n, factor: 0.5}]\n");
    assert_float_equal(metric(METRIC_MEAN), 0.6, 0.01);
}

/* Beyond what 64 bits of nanoseconds can tell. */
static void what_would_never_end_does_not(void **state)
{
    (void)state;
    simulation_runs(RUN "nodes: [{name: n, slots: 1, queue: 0, scheduler: local, " EVENLY "}]\n"
                        "functions: [{name: f, service: 100000h}]\n"
                        "faults: [{kind: slow, at: 50s, nodes: n, factor: 0.000001}]\n");
    assert_int_equal(ended(JOB_RAN), 0);
    assert_int_equal(ended(JOB_FULL), 100);
}

static void sides_of_a_partition_do_not_meet(void **state)
{
    (void)state;
    simulation_runs(RUN "nodes: [{name: n, count: 4, slots: 4, scheduler: forward, " EVENLY "}]\n"
                        "functions: [{name: f, service: 10ms}]\n"
                        "network: {delay: 1ms, detect: 1s, probe_timeout: 500ms}\n"
                        "faults: [{kind: partition, at: 5s, nodes: 'n[0]'}]\n");
    assert_int_equal(ended(JOB_RAN), 400);
    /* The one alone keeps its jobs. */
    assert_int_equal(result->node[0].ran_here, 100);
    assert_float_equal(metric(METRIC_FORWARDS), 0.75, 0);
}

/* However many there are: the first and the ninth cut off one node each. */
static void every_partition_has_a_side_of_its_own(void **state)
{
    (void)state;
    simulation_runs(RUN "nodes: [{name: n, count: 4, slots: 4, scheduler: forward, " EVENLY "}]\n"
                        "functions: [{name: f, service: 10ms}]\n"
                        "network: {delay: 1ms, detect: 1s, probe_timeout: 500ms}\n"
                        "faults:\n"
                        "  - {kind: partition, at: 5s, nodes: 'n[0]'}\n"
                        "  - {kind: partition, at: 1s, until: 2s, nodes: 'n[2]'}\n"
                        "  - {kind: partition, at: 1s, until: 2s, nodes: 'n[3]'}\n"
                        "  - {kind: partition, at: 2s, until: 3s, nodes: 'n[2]'}\n"
                        "  - {kind: partition, at: 2s, until: 3s, nodes: 'n[3]'}\n"
                        "  - {kind: partition, at: 3s, until: 4s, nodes: 'n[2]'}\n"
                        "  - {kind: partition, at: 3s, until: 4s, nodes: 'n[3]'}\n"
                        "  - {kind: partition, at: 4s, until: 5s, nodes: 'n[2]'}\n"
                        "  - {kind: partition, at: 5s, until: 60s, nodes: 'n[1]'}\n");
    assert_int_equal(ended(JOB_RAN), 400);
    assert_int_equal(result->node[0].ran_here, 100);
    /* One forwards nothing, and one nothing in the first 50 of 100 seconds. */
    assert_float_equal(metric(METRIC_FORWARDS), (50 + 100 + 100) / 400.0, 0);
}

static void stale_loads_mislead(void **state)
{
    static const char fresh[] =
        RUN "nodes: [{name: n, count: 20, slots: 1, queue: 1000, scheduler: jsq, arrivals: {load: "
            "0.8}}]\n"
            "functions: [{name: f, service: {distribution: exponential, mean: 100ms}}]\n";
    static const char stale[] =
        RUN "nodes: [{name: n, count: 20, slots: 1, queue: 1000, scheduler: jsq, arrivals: {load: "
            "0.8}}]\n"
            "functions: [{name: f, service: {distribution: exponential, mean: 100ms}}]\n"
            "faults: [{kind: stale, nodes: n, age: 500ms}]\n";
    double before;

    (void)state;
    simulation_runs(fresh);
    before = metric(METRIC_MEAN);
    simulation_runs(stale);
    assert_true(metric(METRIC_MEAN) > 1.5 * before);
}

/* What ends when another begins does not end that one too. */
static void faults_follow_each_other_in_any_order(void **state)
{
#define JSQ                                                                                        \
    RUN "nodes: [{name: n, count: 20, slots: 1, queue: 1000, scheduler: jsq, arrivals: {load: "    \
        "0.8}}]\n"                                                                                 \
        "functions: [{name: f, service: {distribution: exponential, mean: 100ms}}]\n"
    double forwards, backwards;

    (void)state;
    simulation_runs(JSQ "faults: [{kind: stale, nodes: n, at: 0s, until: 10s, age: 500ms}, {kind: "
                        "stale, nodes: n, at: 10s, age: 500ms}]\n");
    forwards = metric(METRIC_MEAN);
    simulation_runs(JSQ "faults: [{kind: stale, nodes: n, at: 10s, age: 500ms}, {kind: stale, "
                        "nodes: n, at: 0s, until: 10s, age: 500ms}]\n");
    backwards = metric(METRIC_MEAN);
    assert_true(forwards == backwards);
}

/* ---- how long it goes on ---- */

static void a_run_takes_its_length_when_nothing_happens(void **state)
{
    (void)state;
    simulation_runs(RUN "nodes: [{name: n, count: 2, scheduler: local}]\n");
    assert_int_equal(all_ended(), 0);
    assert_float_equal(result_seconds(result), 100, 0);
    /* Ten jobs in the first of its ten minutes. */
    scenario_beside("rates.csv", "0,0.1\n60,0\n600,0\n");
    simulation_runs("run: {length: 10m, warm_up: 0s}\n"
                    "nodes: [{name: n, slots: 1, scheduler: local, arrivals: {process: csv, file: "
                    "rates.csv}}]\nfunctions: [{name: f, service: 1s}]\n");
    assert_float_equal(result_seconds(result), 600, 0);
    assert_true(metric(METRIC_UTILISATION) < 0.1);
}

static void precision_is_looked_at_in_the_shortest_of_runs(void **state)
{
    (void)state;
    simulation_runs("run: {length: 1us, warm_up: 0s, batches: 10000, target: 0.1}\n"
                    "nodes: [{name: n, scheduler: local, " EVENLY "}]\n");
    assert_int_equal(all_ended(), 0);
    assert_true(simulation_cost.events < 3000);
}

/* It ends early, with the jobs that were on their way. */
static void what_is_precise_enough_loses_no_job(void **state)
{
    uint64_t arrived;

    (void)state;
    simulation_runs("run: {length: 10000s, warm_up: 10s, batches: 100, target: 0.1}\n"
                    "nodes: [{name: n, count: 4, slots: 1, queue: 100, scheduler: local, arrivals: "
                    "{load: 0.7}}]\n"
                    "functions: [{name: f, service: {distribution: exponential, mean: 1s}}]\n");
    assert_true(result_seconds(result) < 9000);
    assert_float_equal(fmod(result_seconds(result), 100), 0, 0);
    assert_int_equal(result->complete, result_seconds(result) / 100);
    assert_int_equal(counted("jobs without an end"), 0);
    arrived = (uint64_t)result->node[0].arrived + result->node[1].arrived +
              result->node[2].arrived + result->node[3].arrived;
    assert_int_equal(arrived, all_ended());
    assert_int_equal(ended(JOB_RAN), all_ended());
}

/* ---- what must always hold ---- */

/* Everything at once. */
static const char storm[] =
    "run: {length: 60s, warm_up: 5s}\n"
    "nodes:\n"
    "  - {name: a, count: 8, slots: 2, queue: 3, speed: 0.7, scheduler: {plugin: "
    "power_of_choices, parameters: {fanout: 2, threshold: 1, max_hops: 3}}, arrivals: {load: "
    "1.1}}\n"
    "  - {name: b, count: 5, slots: 4, queue: 2, scheduler: jiq, arrivals: {process: on_off, load: "
    "0.8}}\n"
    "  - {name: c, count: 3, slots: 1, queue: 9, scheduler: edf, arrivals: {load: 0.9}}\n"
    "  - {name: d, count: 4, slots: 2, queue: 1, scheduler: sequential_probing, arrivals: {load: "
    "1.3}}\n"
    "functions:\n"
    "  - {name: f, weight: 3, service: {distribution: exponential, mean: 100ms}, deadline: 400ms}\n"
    "  - {name: g, service: {distribution: pareto, mean: 200ms, shape: 1.5}, payload: 10KB}\n"
    "network: {delay: {model: exponential, mean: 4ms}, loss: 0.05, probe_timeout: 50ms, detect: "
    "1s, bandwidth: 10MB}\n"
    "faults:\n"
    "  - {kind: down, at: 20s, until: 30s, nodes: 'a[0-3]'}\n"
    "  - {kind: down, at: 40s, nodes: b}\n"
    "  - {kind: slow, at: 10s, until: 50s, nodes: c, factor: 0.2}\n"
    "  - {kind: partition, at: 25s, until: 35s, nodes: 'd[0-1]'}\n"
    "  - {kind: stale, at: 15s, nodes: '*', age: 300ms}\n";

static void every_job_ends_once(void **state)
{
    uint64_t arrived = 0;

    (void)state;
    simulation_runs(storm);
    for (uint32_t i = 0; i < scenario.n_nodes; i++)
        arrived += result->node[i].arrived;
    assert_true(arrived > 10000);
    assert_int_equal(all_ended() + counted("jobs without an end"), arrived);
    for (unsigned i = 0; i < JOB_ENDS; i++)
        if (i != JOB_REJECTED)
            assert_true(ended((enum job_end)i) > 0);
    assert_float_equal(metric(METRIC_MISBEHAVED), 0, 0);
}

static void the_same_seed_gives_the_same(void **state)
{
    uint64_t ends[JOB_ENDS], events;
    double mean;

    (void)state;
    simulation_runs(storm);
    memcpy(ends, result->all.ended, sizeof(ends));
    events = simulation_cost.events;
    mean = metric(METRIC_MEAN);
    simulation_runs(storm);
    assert_memory_equal(ends, result->all.ended, sizeof(ends));
    assert_int_equal(events, simulation_cost.events);
    assert_true(mean == metric(METRIC_MEAN));
}

/* ---- plugins ---- */

static void what_is_wrong_with_a_scheduler_says_where(void **state)
{
    (void)state;
    simulation_refuses("nodes:\n  - name: pi\n    scheduler: powr_of_choices\n",
                       LIST("s.yaml:3: nodes.pi.scheduler: ", "no scheduler 'powr_of_choices'",
                            "power_of_choices"));
    simulation_refuses("nodes:\n  - name: pi\n    scheduler:\n      plugin: power_of_choices\n"
                       "      parameters:\n        fanout: 1\n        threshold: many\n",
                       LIST("s.yaml:7: ", "threshold: 'many'", "allowed: an integer from 0"));
    simulation_refuses("nodes:\n  - name: pi\n    scheduler:\n      plugin: power_of_choices\n"
                       "      parameters: {fan: 1}\n",
                       LIST("s.yaml:5: ", "no parameter 'fan'", "fanout"));
}

/* scripted.c has a tick each microsecond. */
#define BRIEFLY "run: {length: 20ms, warm_up: 0s}\n"
#define OFTEN "arrivals: {process: deterministic, rate: 1000}"

/* As in the live node: the rule is named, the fallback decides, the run goes on. */
static void who_breaks_the_rules_is_counted(void **state)
{
    static const struct {
        const char *script, *rule;
    } cases[] = {{"X 99/0", "illegal_action"},
                 {"F99", "unknown_peer"},
                 {"P9", "bad_probes"},
                 {"P1", "too_many_steps"}};

    (void)state;
    simulation_use_test_plugins();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char yaml[512];

        snprintf(yaml, sizeof(yaml),
                 BRIEFLY "nodes: [{name: n, count: 3, scheduler: {plugin: scripted, parameters: "
                         "{script: '%s'}}, " OFTEN "}]\nfunctions: [{name: f, service: 10us}]\n",
                 cases[i].script);
        simulation_runs(yaml);
        assert_int_equal(ended(JOB_RAN), 60);
        assert_true(counted(cases[i].rule) >= 60);
    }
    simulation_runs(BRIEFLY "nodes: [{name: n, count: 3, scheduler: {plugin: scripted, fallback: "
                            "reject, parameters: {script: F99}}, " OFTEN "}]\n");
    assert_int_equal(ended(JOB_REJECTED), 60);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, simulation_setup, simulation_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_job_takes_its_service_time),
        TEST(who_finds_no_room_is_lost),
        TEST(a_deadline_ends_a_job_wherever_it_is),
        TEST(what_is_in_time_is_not_late),
        TEST(a_forward_costs_the_network_twice),
        TEST(a_probe_costs_a_round_trip),
        TEST(a_silent_peer_costs_the_timeout),
        TEST(a_node_knows_its_neighbours_only),
        TEST(a_node_that_is_down_loses_its_jobs),
        TEST(who_is_down_asks_nobody),
        TEST(what_a_node_had_of_others_is_lost_too),
        TEST(a_slow_node_takes_longer),
        TEST(what_would_never_end_does_not),
        TEST(sides_of_a_partition_do_not_meet),
        TEST(every_partition_has_a_side_of_its_own),
        TEST(stale_loads_mislead),
        TEST(faults_follow_each_other_in_any_order),
        TEST(a_run_takes_its_length_when_nothing_happens),
        TEST(precision_is_looked_at_in_the_shortest_of_runs),
        TEST(what_is_precise_enough_loses_no_job),
        TEST(every_job_ends_once),
        TEST(the_same_seed_gives_the_same),
        TEST(what_is_wrong_with_a_scheduler_says_where),
        TEST(who_breaks_the_rules_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
