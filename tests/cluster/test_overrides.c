/* A client's own decision for its one job, and the ids that it gives it. */
#include <pthread.h>

#include "tests/cluster/fixture.h"

#define BYPASS "X-P2pfaas-Scheduler-Bypass"
#define FORWARD "X-P2pfaas-Scheduler-Forward"
#define REJECT "X-P2pfaas-Scheduler-Reject"
#define TRACING "X-P2pfaas-Scheduler-Task-Tracing-Id"

static const char *const settings[] = {"node.slots=1", "node.queue=2", "peers.retry=100ms", NULL};

static int start(void **state)
{
    (void)state;
    fixture_start(2, fixture_functions, settings);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static int with_local(void **state)
{
    (void)state;
    select_scheduler(0, "{\"name\":\"local\"}");
    select_scheduler(1, "{\"name\":\"local\"}");
    return 0;
}

static struct reply call(const char *path, const char *a, const char *b, const char *c)
{
    const char *const headers[] = {a, b, c, NULL};

    return send_method("POST", 0, path, "hello", 5, headers);
}

/* Which node answered, from its list; the first when it did not forward. */
static bool ran_on_the_second(const struct reply *r)
{
    return strcmp(header(r, "X-P2pfaas-Peers-List-Id"), "[\"n1\",\"n2\"]") == 0;
}

static void test_bypass_runs_here_whatever_is_selected(void **state)
{
    struct reply r;

    (void)state;
    select_scheduler(0, "{\"name\":\"forward\"}");
    r = call("/function/echo", BYPASS ": 1", NULL, NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(header(&r, "X-P2pfaas-Scheduler"), "NoScheduler");
    assert_false(ran_on_the_second(&r));
    reply_free(&r);
    r = call("/function/echo", NULL, NULL, NULL);
    assert_true(ran_on_the_second(&r));
    reply_free(&r);
}

/* For a while; how it ends is not looked at. */
static void *occupy(void *arg)
{
    struct reply r = get(0, "/function/bad?do=slow&ms=600");

    reply_free(&r);
    return arg;
}

static void test_bypass_does_not_wait_for_a_slot(void **state)
{
    double before = metric(0, "p2pfaas_slots_running");
    pthread_t thread;

    (void)state;
    assert_true(before == 0);
    assert_int_equal(pthread_create(&thread, NULL, occupy, NULL), 0);
    wait_metric(0, "p2pfaas_slots_running", 1, 10);
    expect(call("/function/echo", BYPASS ": yes", NULL, NULL), 500,
           "\"code\":400,\"message\":\"Job cannot be scheduled: ");
    pthread_join(thread, NULL);
}

static void test_forward_is_one_hop_whatever_is_selected(void **state)
{
    struct reply r;

    (void)state;
    /* The peer would send it back, if it asked its scheduler for more than one hop. */
    select_scheduler(1, "{\"name\":\"forward\",\"parameters\":{\"max_hops\":1}}");
    r = call("/function/echo", FORWARD ": 1", NULL, NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "hello");
    assert_string_equal(header(&r, "X-P2pfaas-Scheduler"), "ForwardScheduler(1)");
    assert_string_equal(header(&r, "X-P2pfaas-Externally-Executed"), "True");
    assert_string_equal(header(&r, "X-P2pfaas-Hops"), "1");
    assert_true(ran_on_the_second(&r));
    reply_free(&r);
}

static void test_forward_with_nobody_up_runs_here(void **state)
{
    struct reply r;

    (void)state;
    assert_true(stop_node(1));
    for (int i = 0; i < 2; i++) {
        r = call("/function/echo", FORWARD ": 1", NULL, NULL);
        assert_int_equal(r.status, 200);
        assert_string_equal(header(&r, "X-P2pfaas-Scheduler"), "ForwardScheduler(1)");
        assert_string_equal(header(&r, "X-P2pfaas-Externally-Executed"), "");
        reply_free(&r);
    }
    start_node(1, NULL);
    wait_metric(0, "p2pfaas_peers{state=\"up\"}", 1, 20);
}

static void test_reject_refuses_with_503(void **state)
{
    /* Any value counts, "false" as well. */
    struct reply r = call("/function/echo", REJECT ": false", NULL, NULL);

    (void)state;
    assert_int_equal(r.status, 503);
    assert_non_null(
        strstr(r.body, "{\"code\":401,\"message\":\"Job has been deliberately rejected\"}"));
    assert_string_equal(header(&r, "X-P2pfaas-Scheduler"), "RejectScheduler");
    reply_free(&r);
}

static void test_an_empty_value_is_none(void **state)
{
    struct reply r = call("/function/echo", REJECT ";", BYPASS ";", FORWARD ";");

    (void)state;
    assert_int_equal(r.status, 200);
    assert_string_equal(header(&r, "X-P2pfaas-Scheduler"), "local(false)");
    reply_free(&r);
}

static void test_bypass_wins_over_forward_wins_over_reject(void **state)
{
    static const char *const orders[][4] = {
        {REJECT ": 1", FORWARD ": 1", BYPASS ": 1", "NoScheduler"},
        {BYPASS ": 1", FORWARD ": 1", REJECT ": 1", "NoScheduler"},
        {BYPASS ": 1", REJECT ": 1", NULL, "NoScheduler"},
        {REJECT ": 1", FORWARD ": 1", NULL, "ForwardScheduler(1)"},
        {FORWARD ": 1", REJECT ": 1", NULL, "ForwardScheduler(1)"},
        {FORWARD ": 1", REJECT ": 1", BYPASS ";", "ForwardScheduler(1)"}};

    (void)state;
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct reply r = call("/function/echo", orders[i][0], orders[i][1], orders[i][2]);

        assert_int_equal(r.status, 200);
        assert_string_equal(header(&r, "X-P2pfaas-Scheduler"), orders[i][3]);
        reply_free(&r);
    }
}

static void test_overrides_reach_neither_function_nor_peer(void **state)
{
    struct reply r = call("/function/echo/info", FORWARD ": 1", BYPASS ";", NULL);

    (void)state;
    assert_true(ran_on_the_second(&r));
    assert_non_null(strstr(r.body, "\"method\":\"POST\""));
    assert_null(strstr(r.body, "X-P2pfaas-Scheduler-"));
    reply_free(&r);
    /* A peer's call is decided by the scheduler, whatever it carries. */
    expect(call("/peer/function/echo", REJECT ": 1", NULL, NULL), 200, "hello");
}

static void test_the_next_job_of_a_connection_is_without(void **state)
{
    (void)state;
    /* Pooled memory: the job before had one. */
    for (int i = 0; i < 20; i++) {
        expect(call("/function/echo", REJECT ": 1", NULL, NULL), 503, NULL);
        expect(call("/function/echo", NULL, NULL, NULL), 200, "hello");
    }
}

/* ---- ids ---- */

static void test_a_tracing_id_goes_along_and_is_in_errors(void **state)
{
    struct reply r = call("/function/echo/info", FORWARD ": 1", TRACING ": trace-77", NULL);

    (void)state;
    assert_true(ran_on_the_second(&r));
    assert_non_null(strstr(r.body, "\"" TRACING "\":\"trace-77\""));
    assert_null(strstr(r.headers, "trace-77"));
    reply_free(&r);
    expect(call("/function/echo", REJECT ": 1", TRACING ": trace-78", NULL), 503,
           "deliberately rejected [trace-78]");
    expect(call("/function/nobody", TRACING ": trace-79", NULL, NULL), 404, "[trace-79]");
    expect(call("/function/dies", TRACING ": trace-80", NULL, NULL), 502, "[trace-80]");
    wait_log(0, "tracing_id=trace-80");
}

static void test_a_w3c_trace_context_goes_along(void **state)
{
    static const char *const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    char header_line[128];
    struct reply r;

    (void)state;
    snprintf(header_line, sizeof(header_line), "traceparent: %s", parent);
    for (int i = 0; i < 2; i++) {
        r = call("/function/echo/info", header_line, "tracestate: a=1,b=2",
                 i ? FORWARD ": 1" : NULL);
        assert_int_equal(ran_on_the_second(&r), i);
        assert_non_null(strstr(r.body, parent));
        assert_non_null(strstr(r.body, "\"Tracestate\":\"a=1,b=2\""));
        reply_free(&r);
    }
}

#define T(name) cmocka_unit_test_setup(name, with_local)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_bypass_runs_here_whatever_is_selected),
        T(test_bypass_does_not_wait_for_a_slot),
        T(test_forward_is_one_hop_whatever_is_selected),
        T(test_forward_with_nobody_up_runs_here),
        T(test_reject_refuses_with_503),
        T(test_an_empty_value_is_none),
        T(test_bypass_wins_over_forward_wins_over_reject),
        T(test_overrides_reach_neither_function_nor_peer),
        T(test_the_next_job_of_a_connection_is_without),
        T(test_a_tracing_id_goes_along_and_is_in_errors),
        T(test_a_w3c_trace_context_goes_along),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
