/* What a node that cannot do its part costs the others. */
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cluster/fixture.h"

enum { NODES = 3, BROKEN = 1 };

/* Each node finds these programs in a folder of its own. */
static const char config[] = "functions:\n"
                             "  program: {command: [prog]}\n"
                             "  server: {mode: http, command: [served]}\n"
                             "  slow: {command: [sleep, '30'], deadline: 500ms}\n"
                             "  hangs: {mode: http, command: ['${BIN}/functions/misbehave'], "
                             "deadline: 500ms}\n";

static void folder_of(unsigned node, char *out, size_t size)
{
    snprintf(out, size, "%s/bin%u", cluster.dir, node + 1);
}

static void link_program(unsigned node, const char *name, const char *to)
{
    char folder[96], path[128];

    folder_of(node, folder, sizeof(folder));
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    unlink(path);
    if (to)
        assert_int_equal(symlink(to, path), 0);
}

static void start_with_own_path(unsigned node)
{
    char *before = strdup(getenv("PATH"));
    char folder[96], path[4096];

    folder_of(node, folder, sizeof(folder));
    snprintf(path, sizeof(path), "%s:%s", folder, before);
    setenv("PATH", path, 1);
    start_node(node, NULL);
    setenv("PATH", before, 1);
    free(before);
}

static int start(void **state)
{
    static const char *const settings[] = {"node.slots=2", "node.queue=50", "peers.retry=200ms",
                                           "scheduler.probe_timeout=300ms", NULL};
    char echo[512];

    (void)state;
    fixture_init(NODES, config);
    cluster.settings = settings;
    snprintf(echo, sizeof(echo), "%s/functions/echo", getenv("P2P_TEST_BIN"));
    for (unsigned i = 0; i < NODES; i++) {
        char folder[96];

        folder_of(i, folder, sizeof(folder));
        assert_int_equal(mkdir(folder, 0700), 0);
        link_program(i, "prog", "/bin/cat");
        link_program(i, "served", i == BROKEN ? "/bin/false" : echo);
    }
    for (unsigned i = 0; i < NODES; i++)
        start_with_own_path(i);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static bool is_x(const struct reply *r)
{
    return r->status == 200 && strcmp(r->body, "x") == 0;
}

/* Node 1 asks two peers in every decision, so that the broken one, which is idle, is
 * chosen again and again. */
static void send_many(const char *path)
{
    double refused = metric(0, "p2pfaas_forwards_total{what=\"refused\"}");
    struct load *load;
    unsigned wrong;
    char why[256];

    for (unsigned i = 0; i < NODES; i++)
        select_scheduler(i, "{\"name\":\"power_of_choices\",\"parameters\":"
                            "{\"fanout\":2,\"threshold\":0}}");
    load = load_start(0, 6, path, "x", is_x);
    wait_metric(0, "p2pfaas_forwards_total{what=\"refused\"}", refused + 20, 20);
    load_stop(load, &wrong, why);
    if (wrong)
        fail_msg("%u wrong answers, the first: %s", wrong, why);
}

static void test_a_program_that_a_peer_cannot_start_runs_elsewhere(void **state)
{
    (void)state;
    link_program(BROKEN, "prog", NULL);
    send_many("/function/program");
    expect(post_text(BROKEN, "/function/program", "x"), 502, "cannot run 'prog'");
    link_program(BROKEN, "prog", "/bin/cat");
}

static void test_a_server_that_does_not_start_at_a_peer_runs_elsewhere(void **state)
{
    (void)state;
    send_many("/function/server");
    expect(post_text(BROKEN, "/function/server", "x"), 502, "before it listened on PORT");
}

static void test_a_function_that_a_peer_could_not_set_up_runs_elsewhere(void **state)
{
    (void)state;
    assert_true(stop_node(BROKEN));
    link_program(BROKEN, "prog", NULL);
    start_with_own_path(BROKEN);
    wait_metric(0, "p2pfaas_peers{state=\"up\"}", NODES - 1, 20);
    send_many("/function/program");
    expect(post_text(BROKEN, "/function/program", "x"), 502, "cannot run 'prog'");
}

static void test_a_job_that_is_too_late_ran_where_it_ran(void **state)
{
    struct reply r;

    (void)state;
    select_scheduler(0, "{\"name\":\"local\"}");
    r = get(0, "/function/slow");
    assert_int_equal(r.status, 504);
    assert_true(strtod(header(&r, "X-P2pfaas-Timing-Execution-Time-Seconds"), NULL) > 0.3);
    reply_free(&r);
    assert_true(metric(0, "p2pfaas_requests_total{function=\"slow\",code=\"504\",ran=\"here\"") ==
                1);
}

static void test_a_forwarded_job_that_is_too_late_has_the_answer_of_the_peer(void **state)
{
    double failed = metric(0, "p2pfaas_forwards_total{what=\"failed\"}");
    struct reply r;

    (void)state;
    select_scheduler(0, "{\"name\":\"forward\"}");
    r = get(0, "/function/slow");
    assert_int_equal(r.status, 504);
    assert_non_null(strstr(r.body, "its deadline passed while it ran here"));
    assert_string_equal(header(&r, "X-P2pfaas-Externally-Executed"), "True");
    assert_true(strtod(header(&r, "X-P2pfaas-Timing-Execution-Time-Seconds"), NULL) > 0.3);
    reply_free(&r);
    assert_true(metric(0, "p2pfaas_forwards_total{what=\"failed\"}") == failed);
}

static void test_a_job_that_a_server_has_is_not_run_again(void **state)
{
    double refused = metric(0, "p2pfaas_forwards_total{what=\"refused\"}");

    (void)state;
    for (unsigned i = 0; i < NODES; i++)
        expect(get(i, "/function/hangs"), 200, "well behaved");
    expect(get(0, "/function/hangs?do=hang"), 504, "its deadline passed while it ran here");
    assert_true(metric(0, "p2pfaas_forwards_total{what=\"refused\"}") == refused);
}

/* Stopped, a process still takes connections; nobody answers on them. */
static void test_a_hung_peer_is_down_after_few_timeouts(void **state)
{
    struct load *load;
    unsigned wrong;
    char why[256];

    (void)state;
    assert_true(stop_node(0));
    start_with_own_path(0);
    wait_metric(0, "p2pfaas_peers{state=\"up\"}", NODES - 1, 20);
    select_scheduler(0, "{\"name\":\"power_of_choices\",\"parameters\":"
                        "{\"fanout\":2,\"threshold\":0}}");
    /* A job that it was given before it hung would wait for it. */
    kill(cluster.node[2].pid, SIGSTOP);
    load = load_start(0, 1, "/function/program", "x", is_x);
    wait_metric(0, "p2pfaas_peers{state=\"down\"}", 1, 4);
    kill(cluster.node[2].pid, SIGCONT);
    wait_metric(0, "p2pfaas_peers{state=\"up\"}", NODES - 1, 20);
    assert_true(load_stop(load, &wrong, why) > 0);
    if (wrong)
        fail_msg("%u wrong answers, the first: %s", wrong, why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_program_that_a_peer_cannot_start_runs_elsewhere),
        cmocka_unit_test(test_a_server_that_does_not_start_at_a_peer_runs_elsewhere),
        cmocka_unit_test(test_a_function_that_a_peer_could_not_set_up_runs_elsewhere),
        cmocka_unit_test(test_a_job_that_is_too_late_ran_where_it_ran),
        cmocka_unit_test(test_a_forwarded_job_that_is_too_late_has_the_answer_of_the_peer),
        cmocka_unit_test(test_a_job_that_a_server_has_is_not_run_again),
        cmocka_unit_test(test_a_hung_peer_is_down_after_few_timeouts),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
