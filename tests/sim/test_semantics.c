/* What a scheduler sees and hears of jobs, as it does in the live node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/model.h"
#include "sim/trace_log.h"
#include "tests/sim/support_scenario.h"
#include "tests/sim/support_simulation.h"

/* Plugins' lines of the last simulation. */
static char said[16384];

static void runs_aloud(const char *yaml)
{
    char err[P2P_ERRLEN];
    struct trace *trace = trace_open("/dev/null", 1000, err);
    FILE *to = tmpfile();
    int own, rc;
    size_t n;

    assert_non_null(trace);
    assert_non_null(to);
    fflush(stderr);
    own = dup(2);
    dup2(fileno(to), 2);
    rc = simulation_try(yaml, trace);
    fflush(stderr);
    dup2(own, 2);
    close(own);
    assert_int_equal(trace_close(trace, err), 0);
    rewind(to);
    n = fread(said, 1, sizeof(said) - 1, to);
    said[n] = '\0';
    fclose(to);
    if (rc)
        fail_msg("%s", scenario_err);
}

/* Node 0 gets jobs and does as its script says; node 1 runs what it gets. */
#define PAIR(script, here, there)                                                                  \
    "run: {length: 2s, warm_up: 0s}\n"                                                             \
    "nodes:\n"                                                                                     \
    "  - {name: a, " here ", scheduler: {plugin: roomy, parameters: {script: '" script             \
    "'}}, arrivals: {process: deterministic, rate: 1}}\n"                                          \
    "  - {name: b, " there ", scheduler: {plugin: quiet}}\n"
#define ONE "slots: 1, queue: 0"
#define SLOW "slots: 1, queue: 0, speed: 0.001"

static void an_outcome_tells_what_the_client_gets(void **state)
{
    static const struct {
        const char *yaml, *outcome;
    } cases[] = {
        {PAIR("L", ONE, ONE), "outcome ran probes=0/0 hops=0 steps=1 http=200 peer=-1"},
        {PAIR("L", SLOW, ONE), "outcome full probes=0/0 hops=0 steps=1 http=500 peer=-1"},
        {PAIR("R", ONE, ONE), "outcome rejected probes=0/0 hops=0 steps=1 http=503 peer=-1"},
        {PAIR("R429", ONE, ONE), "outcome rejected probes=0/0 hops=0 steps=1 http=429 peer=-1"},
        {PAIR("F1", ONE, ONE), "outcome forwarded probes=0/0 hops=1 steps=1 http=200 peer=1"},
        /* The other refuses the second of them. */
        {PAIR("F1 R", ONE, SLOW), "outcome rejected probes=0/0 hops=0 steps=2 http=503 peer=-1"},
        {PAIR("L", SLOW, ONE) "functions: [{name: f, deadline: 800ms}]\n",
         "outcome failed probes=0/0 hops=0 steps=1 http=504 peer=-1"},
        /* It is too late there a little before it is here, so that it can be told. */
        {PAIR("F1", ONE, SLOW) "functions: [{name: f, deadline: 800ms}]\n",
         "outcome failed probes=0/0 hops=0 steps=1 http=504 peer=1"},
        {PAIR("F1", ONE, ONE) "faults: [{kind: down, at: 1s, nodes: b}]\n"
                              "functions: [{name: f, service: 1500ms}]\n",
         "outcome failed probes=0/0 hops=0 steps=1 http=502 peer=-1"},
        {PAIR("L", ONE, ONE) "faults: [{kind: down, at: 1500ms, nodes: a}]\n"
                             "functions: [{name: f, service: 1800ms}]\n",
         "outcome cancelled probes=0/0 hops=0 steps=1 http=499 peer=-1"},
    };

    (void)state;
    simulation_use_test_plugins();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        runs_aloud(cases[i].yaml);
        if (!strstr(said, cases[i].outcome))
            fail_msg("case %u, no '%s' in:\n%s", i, cases[i].outcome, said);
    }
}

/* It is at node 0 twice, and each time a decision of its own: both are open at once. */
static void a_job_that_comes_back_is_another(void **state)
{
    const char *inner, *outer;

    (void)state;
    simulation_use_test_plugins();
    runs_aloud("run: {length: 1s, warm_up: 0s}\n"
               "network: {max_hops: 2}\n"
               "nodes:\n"
               "  - {name: a, slots: 1, scheduler: {plugin: roomy, parameters: {script: 'F1 L'}}, "
               "arrivals: {process: deterministic, rate: 1}}\n"
               "  - {name: b, slots: 1, scheduler: {plugin: quiet, parameters: {script: F0}}}\n");
    assert_int_equal(ended(JOB_RAN), 1);
    inner = strstr(said, "outcome ran probes=0/0 hops=2 steps=2 http=200 peer=-1 id=");
    outer = strstr(said, "outcome forwarded probes=0/0 hops=1 steps=1 http=200 peer=1 id=");
    assert_non_null(inner);
    assert_non_null(outer);
    assert_int_not_equal(strtoul(strstr(inner, "id=") + 3, NULL, 10),
                         strtoul(strstr(outer, "id=") + 3, NULL, 10));
}

/* ---- deadlines ---- */

/* A job waits at a peer that is busy for ever.  It has 0.9 s of its second there; it has not
 * run, so it is decided again, and here it is done at once. */
static void who_is_late_before_it_ran_is_decided_again(void **state)
{
    (void)state;
    simulation_use_test_plugins();
    simulation_runs("run: {length: 60s, warm_up: 5s}\n"
                    "nodes:\n"
                    "  - {name: a, slots: 1, speed: 100, scheduler: {plugin: quiet, parameters: "
                    "{script: 'F1 L'}}, arrivals: {process: deterministic, rate: 1}}\n"
                    "  - {name: b, slots: 1, queue: 50, speed: 0.001, scheduler: {plugin: quiet}, "
                    "arrivals: {process: deterministic, rate: 10}}\n"
                    "functions: [{name: f, service: 1s, deadline: 1s}]\n");
    assert_int_equal(result->node[0].arrived, 60);
    assert_int_equal(result->node[0].answered, 60);
    assert_int_equal(result->node[0].ran_here, 60);
    assert_float_equal(result_part_metric(result, PART_GROUP, 0, METRIC_MEAN), 0.91, 1e-6);
    assert_float_equal(result_part_metric(result, PART_GROUP, 0, METRIC_IN_DEADLINE), 1, 0);
}

/* One that runs there may have done something, and is late 0.1 s before its time. */
static void who_is_late_while_it_runs_is_late(void **state)
{
    (void)state;
    simulation_use_test_plugins();
    simulation_runs("run: {length: 60s, warm_up: 5s}\n"
                    "nodes:\n"
                    "  - {name: a, slots: 1, scheduler: {plugin: quiet, parameters: {script: 'F1 "
                    "L'}}, arrivals: {process: deterministic, rate: 1}}\n"
                    "  - {name: b, slots: 4, scheduler: {plugin: quiet}}\n"
                    "functions: [{name: f, service: 950ms, deadline: 1s}]\n");
    assert_int_equal(ended(JOB_LATE), 60);
    assert_float_equal(metric(METRIC_UTILISATION), 0.9 / 5, 1e-3);
}

/* The way takes longer than what was kept back: it is late here while it is still there. */
static void a_long_way_does_not_stretch_a_deadline(void **state)
{
    (void)state;
    simulation_use_test_plugins();
    simulation_runs("run: {length: 60s, warm_up: 5s}\n"
                    "nodes:\n"
                    "  - {name: a, slots: 1, scheduler: {plugin: quiet, parameters: {script: "
                    "F1}}, arrivals: {process: deterministic, rate: 0.5}}\n"
                    "  - {name: b, slots: 4, scheduler: {plugin: quiet}}\n"
                    "functions: [{name: f, service: 850ms, deadline: 1s}]\n"
                    "network: {delay: 300ms}\n");
    assert_int_equal(ended(JOB_LATE), 30);
    assert_int_equal(result->node[1].ran_here, 30);
}

/* ---- peers ---- */

/* Two nodes of which one has sent the other a job. */
static void makes_a_pair(struct simulation *s, struct job *sent)
{
    char err[P2P_ERRLEN];

    READS("nodes: [{name: n, count: 2}]\n");
    *s = (struct simulation){.scenario = &scenario, .n_nodes = 2};
    s->nodes = calloc(2, sizeof(*s->nodes));
    assert_non_null(s->nodes);
    for (uint32_t i = 0; i < 2; i++) {
        s->nodes[i].sim = s;
        s->nodes[i].view.id = i;
    }
    assert_int_equal(views_init(s, err), 0);
    *sent = (struct job){.node = s->nodes, .stage = STAGE_FORWARDED, .forwarded_to = 1};
    s->nodes[0].open = sent;
    view_inflight(s->nodes, 1, 1);
}

static void what_is_awaited_is_exact(void **state)
{
    struct simulation s;
    struct job sent;

    (void)state;
    makes_a_pair(&s, &sent);
    view_heard(s.nodes, 1, load_pack(3, 4), 5);
    views_follow(&s);
    assert_int_equal(s.nodes[0].peers[0].inflight, 1);
    assert_int_equal(s.nodes[0].peers[0].load, 3);
    s.nodes[1].side = 1;
    views_follow(&s);
    assert_int_equal(s.nodes[0].n_peers, 0);
    s.nodes[1].side = 0;
    views_follow(&s);
    assert_int_equal(s.nodes[0].n_peers, 1);
    assert_int_equal(s.nodes[0].peers[0].inflight, 1);
    assert_int_equal(s.nodes[0].peers[0].load, 0);
    views_release(&s);
    free(s.nodes);
}

static void who_starts_anew_has_heard_nothing(void **state)
{
    struct simulation s;
    struct job sent;

    (void)state;
    makes_a_pair(&s, &sent);
    view_heard(&s.nodes[1], 0, load_pack(3, 4), 5);
    assert_int_equal(s.nodes[1].peers[0].queue, 4);
    view_forget(&s.nodes[1]);
    assert_int_equal(s.nodes[1].n_peers, 1);
    assert_int_equal(s.nodes[1].peers[0].id, 0);
    assert_int_equal(s.nodes[1].peers[0].flags, P2P_PEER_UP);
    assert_int_equal(s.nodes[1].peers[0].queue, 0);
    assert_int_equal(s.nodes[1].peers[0].heard_ns, 0);
    views_release(&s);
    free(s.nodes);
}

/* What is told late is not of the life before. */
static void a_late_load_is_of_the_node_that_is_up(void **state)
{
    (void)state;
    simulation_use_test_plugins();
    scenario_beside("early.csv", "0.15\n0\n0\n0\n0\n");
    scenario_beside("late.csv", "0\n0\n0\n0.15\n0.15\n");
    runs_aloud("run: {length: 100s, warm_up: 0s}\n"
               "nodes:\n"
               "  - {name: a, scheduler: {plugin: roomy, parameters: {script: P1 L}}, arrivals: "
               "{process: csv, file: late.csv, step: 20s}}\n"
               "  - {name: b, slots: 9, scheduler: {plugin: quiet}, arrivals: {process: csv, file: "
               "early.csv, step: 20s}}\n"
               "functions: [{name: f, service: 1h}]\n"
               "faults:\n"
               "  - {kind: down, nodes: b, at: 50s, until: 51s}\n"
               "  - {kind: stale, nodes: b, at: 0s, age: 1s}\n");
    assert_true(result->node[1].arrived > 0);
    if (!strstr(said, "probed 1:ok/0"))
        fail_msg("%s", said);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, simulation_setup, simulation_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_outcome_tells_what_the_client_gets),
        TEST(a_job_that_comes_back_is_another),
        TEST(who_is_late_before_it_ran_is_decided_again),
        TEST(who_is_late_while_it_runs_is_late),
        TEST(a_long_way_does_not_stretch_a_deadline),
        TEST(what_is_awaited_is_exact),
        TEST(who_starts_anew_has_heard_nothing),
        TEST(a_late_load_is_of_the_node_that_is_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
