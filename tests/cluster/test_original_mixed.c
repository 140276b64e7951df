/* Two nodes of ours that take each other for nodes of the original: what one writes the
 * other reads, so that both directions agree. */
#include <pthread.h>

#include "tests/cluster/fixture.h"

static const char *const settings[] = {"node.slots=1", "node.queue=1", NULL};

static int start(void **state)
{
    FILE *f;

    (void)state;
    fixture_init(2, fixture_functions);
    f = fopen(cluster.config, "ae");
    assert_non_null(f);
    fprintf(f,
            "peers: {nodes: [{name: n1, address: '%s', protocol: original},"
            " {name: n2, address: '%s', protocol: original}]}\n",
            cluster.node[0].address, cluster.node[1].address);
    fclose(f);
    cluster.settings = settings;
    cluster.has_peers = true;
    start_node(0, NULL);
    start_node(1, NULL);
    select_scheduler(0, "{\"name\":\"forward\"}");
    select_scheduler(1, "{\"name\":\"local\"}");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static void test_a_job_goes_there_and_back(void **state)
{
    static const char *const headers[] = {"Content-Type: text/x-demo",
                                          "X-P2pfaas-Scheduler-Task-Tracing-Id: t-1", NULL};
    struct reply r = send_method("POST", 0, "/function/cat", "\0\1\2hello", 8, headers);

    (void)state;
    assert_int_equal(r.status, 200);
    assert_int_equal(r.len, 8);
    assert_memory_equal(r.body, "\0\1\2hello", 8);
    assert_string_equal(header(&r, "X-P2pfaas-Peers-List-Id"), "[\"n1\",\"n2\"]");
    assert_string_equal(header(&r, "X-P2pfaas-Peers-List-Ip"), "[\"127.0.0.1\",\"127.0.0.2\"]");
    assert_string_equal(header(&r, "X-P2pfaas-Hops"), "1");
    assert_true(strtod(header(&r, "X-P2pfaas-Timing-Execution-Time-Seconds"), NULL) > 0);
    reply_free(&r);
}

static void test_large_jobs_go_there_and_back(void **state)
{
    static const size_t sizes[] = {1, 1000, 100000, 5000001};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char *body = malloc(sizes[i]);
        struct reply r;

        for (size_t k = 0; k < sizes[i]; k++)
            body[k] = (char)(k * 7 + k / 251);
        r = post(0, "/function/echo", body, sizes[i]);
        assert_int_equal(r.status, 200);
        assert_int_equal(r.len, sizes[i]);
        assert_memory_equal(r.body, body, sizes[i]);
        assert_string_equal(header(&r, "X-P2pfaas-Externally-Executed"), "True");
        reply_free(&r);
        free(body);
    }
}

static void test_the_bodies_of_jobs_are_given_back(void **state)
{
    (void)state;
    assert_true(metric(0, "p2pfaas_body_bytes_held") < 1 << 20);
    assert_true(metric(1, "p2pfaas_body_bytes_held") < 1 << 20);
}

/* For a while; how it ends is not looked at. */
static void *occupy(void *arg)
{
    struct reply r = get(1, "/function/bad?do=slow&ms=600");

    reply_free(&r);
    return arg;
}

static void test_a_full_node_refuses_and_the_job_runs_here(void **state)
{
    pthread_t thread[2];
    struct reply r;

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, occupy, NULL), 0);
    wait_metric(1, "p2pfaas_queue_length", 1, 10);
    r = post_text(0, "/function/echo", "mine");
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "mine");
    assert_string_equal(header(&r, "X-P2pfaas-Externally-Executed"), "");
    reply_free(&r);
    assert_true(metric(0, "p2pfaas_forwards_total{what=\"refused\"}") == 1);
}

static void test_a_refusal_of_the_scheduler_comes_back(void **state)
{
    (void)state;
    select_scheduler(1, "{\"name\":\"reject\"}");
    expect(post_text(0, "/function/echo", "mine"), 200, "mine");
    select_scheduler(1, "{\"name\":\"local\"}");
}

static void test_errors_come_back(void **state)
{
    (void)state;
    expect(post_text(0, "/function/missing", "x"), 502, "\"code\":1,");
    expect(post_text(0, "/function/dies", "x"), 502, "\"code\":1,");
}

static bool is_echo(const struct reply *r)
{
    return r->status == 200 && strcmp(r->body, "hello") == 0;
}

static void test_many_at_once(void **state)
{
    enum { N = 8 };
    unsigned wrong;
    char why[256];
    struct load *l;

    (void)state;
    expect(post_text(0, "/configuration", "{\"queue_length_max\":64}"), 200, NULL);
    expect(post_text(1, "/configuration", "{\"queue_length_max\":64}"), 200, NULL);
    l = load_start(0, N, "/function/echo", "hello", is_echo);
    wait_metric(1, "p2pfaas_peer_requests_total", 500, 30);
    assert_true(load_stop(l, &wrong, why) > 0);
    if (wrong)
        fail_msg("%u wrong, the first: %s", wrong, why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_job_goes_there_and_back),
        cmocka_unit_test(test_large_jobs_go_there_and_back),
        cmocka_unit_test(test_the_bodies_of_jobs_are_given_back),
        cmocka_unit_test(test_a_full_node_refuses_and_the_job_runs_here),
        cmocka_unit_test(test_a_refusal_of_the_scheduler_comes_back),
        cmocka_unit_test(test_errors_come_back),
        cmocka_unit_test(test_many_at_once),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
