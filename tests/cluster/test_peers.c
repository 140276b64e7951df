/* Three nodes: where jobs go under each scheduler, and what happens when a peer is
 * full, dies, or comes back. */
#include <pthread.h>
#include <signal.h>

#include "tests/cluster/fixture.h"

static const char *const settings[] = {"node.slots=2", "node.queue=2", "peers.retry=100ms", NULL};

static int start(void **state)
{
    (void)state;
    fixture_start(3, fixture_functions, settings);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static void select_everywhere(const char *json)
{
    for (unsigned i = 0; i < 3; i++)
        select_scheduler(i, json);
}

/* Last of ["n1","n3"] in the answer's list reversed: who ran it, from 0. */
static unsigned who_ran(const struct reply *r)
{
    const char *list = header(r, "X-P2pfaas-Peers-List-Id");
    const char *last = strrchr(list, 'n');

    return last ? (unsigned)(last[1] - '1') : 0;
}

static void send_jobs(unsigned n, unsigned ran[3])
{
    memset(ran, 0, 3 * sizeof(*ran));
    for (unsigned i = 0; i < n; i++) {
        struct reply r = post_text(0, "/function/echo", "x");

        assert_int_equal(r.status, 200);
        ran[who_ran(&r)]++;
        reply_free(&r);
    }
}

static void test_local_keeps_every_job(void **state)
{
    unsigned ran[3];

    (void)state;
    select_everywhere("{\"name\":\"local\"}");
    send_jobs(30, ran);
    assert_int_equal(ran[0], 30);
}

static void test_random_spreads_jobs_over_all_nodes(void **state)
{
    unsigned ran[3];

    (void)state;
    select_everywhere("{\"name\":\"random\"}");
    send_jobs(300, ran);
    for (int i = 0; i < 3; i++)
        assert_in_range(ran[i], 50, 150);
}

static void test_round_robin_takes_turns(void **state)
{
    unsigned ran[3];

    (void)state;
    select_everywhere("{\"name\":\"round_robin\"}");
    send_jobs(30, ran);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ran[i], 10);
}

static void test_power_of_choices_asks_only_when_loaded(void **state)
{
    double before = metric(0, "p2pfaas_probes_total");
    unsigned ran[3];

    (void)state;
    select_everywhere(
        "{\"name\":\"power_of_choices\",\"parameters\":{\"fanout\":2,\"threshold\":1}}");
    send_jobs(20, ran);
    assert_int_equal(ran[0], 20);
    assert_true(metric(0, "p2pfaas_probes_total") == before);
    select_everywhere(
        "{\"name\":\"power_of_choices\",\"parameters\":{\"fanout\":2,\"threshold\":0}}");
    send_jobs(20, ran);
    assert_true(metric(0, "p2pfaas_probes_total{answer=\"ok\"}") >= before + 40);
}

static void test_reject_refuses_with_503(void **state)
{
    (void)state;
    select_scheduler(0, "{\"name\":\"reject\"}");
    expect(post_text(0, "/function/echo", "x"), 503, "deliberately rejected");
}

static void test_names_and_lists_of_the_original_work(void **state)
{
    static const char *const legacy[][2] = {
        {"{\"name\":\"NoScheduler\",\"parameters\":[\"true\"]}",
         "{\"name\":\"NoScheduler\",\"parameters\":[\"true\"]"},
        {"{\"name\":\"ForwardScheduler\",\"parameters\":[\"1\"]}",
         "{\"name\":\"ForwardScheduler\",\"parameters\":[\"1\"]"},
        {"{\"name\":\"PowerOfNScheduler\",\"parameters\":[\"1\",\"2\",\"T\",\"1\"]}",
         "{\"name\":\"PowerOfNScheduler\",\"parameters\":[\"1\",\"2\",\"true\",\"1\"]"},
        {"{\"name\":\"PowerOfNSchedulerTau\",\"parameters\":[\"1\",\"2\",\"true\",\"1\",\"10ms\"]}",
         "{\"name\":\"PowerOfNSchedulerTau\",\"parameters\":[\"1\",\"2\",\"true\",\"1\",\"10ms\"]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(legacy) / sizeof(legacy[0]); i++) {
        select_scheduler(0, legacy[i][0]);
        expect(get(0, "/configuration/scheduler"), 200, legacy[i][1]);
        expect(post_text(0, "/function/echo", "x"), 200, "x");
    }
}

static void test_a_master_deals_the_jobs_of_all(void **state)
{
    static const char *const path = "/configuration/scheduler";
    char json[160];

    (void)state;
    expect(post_text(0, path, "{\"name\":\"round_robin_with_master\"}"), 500, "master_ip is empty");
    for (unsigned i = 0; i < 3; i++) {
        snprintf(json, sizeof(json),
                 "{\"name\":\"RoundRobinWithMasterScheduler\",\"parameters\":[\"%s\",\"127.0.0.2\","
                 "\"true\"]}",
                 i == 1 ? "true" : "false");
        select_scheduler(i, json);
    }
    /* n1 asks the master, n2, which deals to the one that did not ask. */
    for (int i = 0; i < 4; i++) {
        struct reply r = post_text(0, "/function/echo", "x");

        assert_int_equal(r.status, 200);
        assert_string_equal(header(&r, "X-P2pfaas-Hops"), "2");
        assert_string_equal(header(&r, "X-P2pfaas-Peers-List-Id"), "[\"n1\",\"n2\",\"n3\"]");
        assert_string_equal(header(&r, "X-P2pfaas-Scheduler"),
                            "RoundRobinWithMasterScheduler(false, 127.0.0.2, true)");
        reply_free(&r);
    }
    for (int i = 0; i < 4; i++) {
        struct reply r = post_text(1, "/function/echo", "x");

        assert_int_equal(r.status, 200);
        assert_string_equal(header(&r, "X-P2pfaas-Peers-List-Id"),
                            i % 2 ? "[\"n2\",\"n3\"]" : "[\"n2\",\"n1\"]");
        reply_free(&r);
    }
}

static void test_cluster_lists_the_nodes_of_the_configuration(void **state)
{
    char member[96];

    (void)state;
    expect(get(0, "/cluster"), 200, "{\"self\":{\"id\":\"n1\",\"address\":\"127.0.0.1:");
    expect(get(0, "/cluster"), 200, "\"source\":\"none\"");
    for (unsigned i = 1; i < 3; i++) {
        snprintf(member, sizeof(member), "\"address\":\"%s\",\"state\":\"listed\",\"up\":true",
                 cluster.node[i].address);
        expect(get(0, "/cluster"), 200, member);
    }
}

/* ---- full, dead, back ---- */

struct occupant {
    pthread_t thread;
    unsigned node;
    struct reply reply;
};

static void *occupy(void *arg)
{
    struct occupant *o = arg;

    o->reply = get(o->node, "/function/sleep");
    return NULL;
}

static void test_one_job_more_than_slots_and_queue_is_refused(void **state)
{
    enum { N = 4 };
    struct occupant o[N];

    (void)state;
    select_everywhere("{\"name\":\"local\"}");
    for (int i = 0; i < N; i++) {
        o[i].node = 0;
        assert_int_equal(pthread_create(&o[i].thread, NULL, occupy, &o[i]), 0);
    }
    wait_metric(0, "p2pfaas_queue_length", 2, 10);
    expect(get(0, "/function/sleep"), 500, "Job cannot be scheduled: 2 of 2 slots run");
    for (int i = 0; i < N; i++) {
        pthread_join(o[i].thread, NULL);
        assert_int_equal(o[i].reply.status, 200);
        reply_free(&o[i].reply);
    }
}

static void test_a_full_peer_refuses_and_the_job_runs_elsewhere(void **state)
{
    enum { N = 8 };
    struct occupant o[N];

    (void)state;
    select_everywhere("{\"name\":\"local\"}");
    select_scheduler(0, "{\"name\":\"forward\"}");
    for (int i = 0; i < N; i++) {
        o[i].node = 1 + (unsigned)i % 2;
        assert_int_equal(pthread_create(&o[i].thread, NULL, occupy, &o[i]), 0);
    }
    wait_metric(1, "p2pfaas_queue_length", 2, 10);
    wait_metric(2, "p2pfaas_queue_length", 2, 10);
    expect(post_text(0, "/function/echo", "x"), 200, "x");
    for (int i = 0; i < N; i++) {
        pthread_join(o[i].thread, NULL);
        reply_free(&o[i].reply);
    }
}

static void test_a_dead_peer_costs_no_job_and_is_seen_again(void **state)
{
    unsigned ran[3];

    (void)state;
    select_everywhere("{\"name\":\"random\"}");
    assert_int_equal(cluster_stop(&cluster, 2, SIGKILL, 5), SIGKILL);
    send_jobs(60, ran);
    assert_int_equal(ran[2], 0);
    wait_metric(0, "p2pfaas_peers{state=\"down\"}", 1, 10);
    start_node(2, NULL);
    wait_metric(0, "p2pfaas_peers{state=\"up\"}", 2, 10);
    select_everywhere("{\"name\":\"round_robin\"}");
    send_jobs(30, ran);
    assert_int_equal(ran[2], 10);
}

static void test_jobs_never_forward_in_a_circle(void **state)
{
    static const char *const json = "{\"name\":\"forward\",\"parameters\":{\"max_hops\":1000}}";
    struct reply r;

    (void)state;
    select_everywhere(json);
    r = post_text(0, "/function/echo", "x");
    assert_int_equal(r.status, 200);
    assert_true(strtol(header(&r, "X-P2pfaas-Hops"), NULL, 10) <= 16);
    reply_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local_keeps_every_job),
        cmocka_unit_test(test_random_spreads_jobs_over_all_nodes),
        cmocka_unit_test(test_round_robin_takes_turns),
        cmocka_unit_test(test_power_of_choices_asks_only_when_loaded),
        cmocka_unit_test(test_reject_refuses_with_503),
        cmocka_unit_test(test_names_and_lists_of_the_original_work),
        cmocka_unit_test(test_a_master_deals_the_jobs_of_all),
        cmocka_unit_test(test_cluster_lists_the_nodes_of_the_configuration),
        cmocka_unit_test(test_one_job_more_than_slots_and_queue_is_refused),
        cmocka_unit_test(test_a_full_peer_refuses_and_the_job_runs_elsewhere),
        cmocka_unit_test(test_a_dead_peer_costs_no_job_and_is_seen_again),
        cmocka_unit_test(test_jobs_never_forward_in_a_circle),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
