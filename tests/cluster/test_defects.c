/* The defects of the original P2PFaaS that its protocol's users know, each as a test that
 * this node passes.  Their numbers are those of its list; 14, of learners, is not ours
 * yet. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cluster/fake_peer.h"
#include "tests/cluster/fixture.h"

enum { FAKES = 3 };

static struct fake_peer *fake[FAKES], *discovery;
static const char ran[] = "HTTP/1.1 200 OK\r\nX-P2pfaas-Outcome: ran\r\nContent-Length: 4\r\n"
                          "Connection: close\r\n\r\nfake";

/* ---- n1 is busy ---- */

struct occupant {
    pthread_t thread;
    _Atomic bool ended;
};
static struct occupant occupants[2];
static char pipe_path[96]; /* who runs "hold" reads it */

static void *occupy(void *arg)
{
    static const char *const here[] = {"X-P2pfaas-Scheduler-Bypass: 1", NULL};
    struct occupant *o = arg;
    struct reply r = send_method("GET", 0, "/function/hold", NULL, 0, here);

    reply_free(&r);
    o->ended = true;
    return NULL;
}

/* Both slots of n1 are taken until leave_slots: its load is 2. */
static void take_slots(void)
{
    for (int i = 0; i < 2; i++) {
        occupants[i].ended = false;
        assert_int_equal(pthread_create(&occupants[i].thread, NULL, occupy, &occupants[i]), 0);
    }
    wait_metric(0, "p2pfaas_slots_running", 2, 20);
}

/* A writer that comes and goes is the end of what its readers read. */
static bool all_ended(void *arg)
{
    int fd = open(pipe_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

    (void)arg;
    if (fd >= 0)
        close(fd);
    return occupants[0].ended && occupants[1].ended;
}

static void leave_slots(void)
{
    bool ended = wait_until(all_ended, NULL, 30);

    for (int i = 0; ended && i < 2; i++)
        pthread_join(occupants[i].thread, NULL);
    assert_true(ended);
}

/* ---- nodes ---- */

static int start(void **state)
{
    static char port[64];
    static const char *const settings[] = {
        "node.slots=2", "node.queue=16", "node.threads=1", "peers.retry=100ms", port, NULL};
    FILE *f;

    (void)state;
    for (unsigned i = 0; i < FAKES; i++) {
        fake[i] = fake_peer_new(101 + i);
        fake_peer_answers(fake[i], ran, sizeof(ran) - 1);
    }
    discovery = fake_peer_new(1);
    snprintf(port, sizeof(port), "discovery.port%s", strchr(fake_peer_address(discovery), ':'));
    *strchr(port, ':') = '=';
    fixture_init(3, fixture_functions);
    snprintf(pipe_path, sizeof(pipe_path), "%s/hold", cluster.dir);
    f = fopen(cluster.config, "ae"); /* its functions are at its end */
    if (!f || mkfifo(pipe_path, 0600))
        return -1;
    fprintf(f, "  hold: {command: [cat, '%s']}\n", pipe_path);
    fclose(f);
    cluster.settings = settings;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    for (unsigned i = 0; i < FAKES; i++)
        fake_peer_free(fake[i]);
    fake_peer_free(discovery);
    return 0;
}

static int end_nodes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_true(stop_node(i));
    return 0;
}

/* n1 with the first n fakes as its peers. */
static void start_with_fakes(unsigned n, const char *scheduler)
{
    char peers[160] = "peers.nodes=";
    const char *const more[] = {peers, NULL};

    for (unsigned i = 0; i < n; i++) {
        snprintf(peers + strlen(peers), sizeof(peers) - strlen(peers), "%s%s", i ? "," : "",
                 fake_peer_address(fake[i]));
        fake_peer_has_load(fake[i], 0, 0);
    }
    start_node(0, more);
    for (unsigned i = 0; i < FAKES; i++)
        fake_peer_forget(fake[i]);
    select_scheduler(0, scheduler);
}

/* n1 forwards everything to n2. */
static void start_two(void)
{
    char peers[96];
    const char *const more[] = {peers, NULL};

    snprintf(peers, sizeof(peers), "peers.nodes=%s", cluster.node[1].address);
    start_node(0, more);
    start_node(1, NULL);
    select_scheduler(0, "{\"name\":\"forward\"}");
    select_scheduler(1, "{\"name\":\"local\"}");
}

/* ---- the list ---- */

static void test_defect_1_hops_never_pass_max_hops(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        start_node(i, NULL);
        select_scheduler(i, "{\"name\":\"ForwardScheduler\",\"parameters\":[\"1\"]}");
    }
    for (int most = 1; most <= 3; most++) {
        char json[96];

        snprintf(json, sizeof(json), "{\"name\":\"ForwardScheduler\",\"parameters\":[\"%d\"]}",
                 most);
        for (unsigned i = 0; i < 3; i++)
            select_scheduler(i, json);
        for (int i = 0; i < 10; i++) {
            struct reply r = post_text(0, "/function/echo", "x");

            assert_int_equal(r.status, 200);
            assert_int_equal(strtol(header(&r, "X-P2pfaas-Hops"), NULL, 10), most);
            reply_free(&r);
        }
    }
}

static void test_defect_2_a_failed_probe_is_no_load_of_zero(void **state)
{
    (void)state;
    start_with_fakes(
        3, "{\"name\":\"power_of_choices\",\"parameters\":{\"fanout\":3,\"threshold\":1}}");
    fake_peer_has_load(fake[0], -1, 0); /* answers, without telling */
    fake_peer_has_load(fake[2], 1, 0);
    fake_peer_close(fake[1]); /* dead */
    take_slots();
    for (int i = 0; i < 5; i++)
        expect(post_text(0, "/function/echo", "x"), 200, "fake");
    leave_slots();
    assert_int_equal(fake_peer_calls(fake[0]), 0);
    assert_int_equal(fake_peer_calls(fake[1]), 0);
    assert_int_equal(fake_peer_calls(fake[2]), 5);
    fake_peer_open(fake[1]);
}

static void *stay(void *arg)
{
    expect(post_text(0, "/function/echo", "mine"), 200, "mine");
    return arg;
}

static void test_defect_3_a_load_is_running_and_waiting_jobs_on_both_sides(void **state)
{
    pthread_t thread;

    (void)state;
    start_with_fakes(1, "{\"name\":\"power_of_choices\",\"parameters\":{\"threshold\":1}}");
    take_slots();
    fake_peer_has_load(fake[0], 1, 0);
    expect(post_text(0, "/function/echo", "x"), 200, "fake");
    fake_peer_has_load(fake[0], 0, 5); /* nothing runs, but five wait */
    assert_int_equal(pthread_create(&thread, NULL, stay, NULL), 0);
    wait_metric(0, "p2pfaas_queue_length", 1, 20); /* here it waits */
    leave_slots();
    pthread_join(thread, NULL);
    assert_int_equal(fake_peer_probes(fake[0]), 2);
    assert_int_equal(fake_peer_calls(fake[0]), 1);
}

static void test_defect_4_of_several_the_least_loaded_is_taken(void **state)
{
    (void)state;
    start_with_fakes(
        3, "{\"name\":\"power_of_choices\",\"parameters\":{\"fanout\":3,\"threshold\":1}}");
    fake_peer_has_load(fake[0], 1, 0);
    fake_peer_has_load(fake[1], 0, 0);
    fake_peer_has_load(fake[2], 0, 1);
    take_slots();
    for (int i = 0; i < 10; i++)
        expect(post_text(0, "/function/echo", "x"), 200, "fake");
    leave_slots();
    assert_int_equal(fake_peer_calls(fake[0]), 0);
    assert_int_equal(fake_peer_calls(fake[1]), 10);
    assert_int_equal(fake_peer_calls(fake[2]), 0);
}

static void test_defect_5_no_decision_asks_discovery(void **state)
{
    unsigned before;

    (void)state;
    start_with_fakes(
        2, "{\"name\":\"power_of_choices\",\"parameters\":{\"fanout\":2,\"threshold\":0}}");
    before = fake_peer_connections(discovery);
    for (int i = 0; i < 10; i++)
        expect(post_text(0, "/function/echo", "x"), 200, NULL);
    select_scheduler(0, "{\"name\":\"forward\"}");
    for (int i = 0; i < 10; i++)
        expect(post_text(0, "/function/echo", "x"), 200, "fake");
    assert_int_equal(fake_peer_connections(discovery), before);
    assert_int_equal(fake_peer_probes(fake[0]), 10);
    assert_int_equal(fake_peer_probes(fake[1]), 10);
    assert_int_equal(fake_peer_calls(fake[0]) + fake_peer_calls(fake[1]), 10);
}

static void test_defect_6_a_peer_is_asked_once_however_many_are_wanted(void **state)
{
    (void)state;
    start_with_fakes(
        3, "{\"name\":\"power_of_choices\",\"parameters\":{\"fanout\":64,\"threshold\":0}}");
    for (int i = 0; i < FAKES; i++)
        fake_peer_has_load(fake[i], 9, 9);
    for (int i = 0; i < 10; i++)
        expect(post_text(0, "/function/echo", "mine"), 200, "mine");
    for (int i = 0; i < FAKES; i++)
        assert_int_equal(fake_peer_probes(fake[i]), 10);
    select_scheduler(
        0, "{\"name\":\"power_of_choices\",\"parameters\":{\"fanout\":2,\"threshold\":0}}");
    for (int i = 0; i < FAKES; i++)
        fake_peer_forget(fake[i]);
    for (int i = 0; i < 30; i++)
        expect(post_text(0, "/function/echo", "mine"), 200, "mine");
    for (int i = 0; i < FAKES; i++)
        assert_in_range(fake_peer_probes(fake[i]), 1, 30);
    assert_int_equal(
        fake_peer_probes(fake[0]) + fake_peer_probes(fake[1]) + fake_peer_probes(fake[2]), 60);
}

static void test_defect_7_no_index_past_the_list_of_peers(void **state)
{
    static const char *const names[] = {"random", "forward", "round_robin"};

    (void)state;
    for (unsigned peers = 0; peers <= 2; peers++) {
        start_with_fakes(peers, "{\"name\":\"random\"}");
        for (size_t k = 0; k < 3; k++) {
            char json[64];

            snprintf(json, sizeof(json), "{\"name\":\"%s\"}", names[k]);
            select_scheduler(0, json);
            for (int i = 0; i < 50; i++)
                expect(post_text(0, "/function/echo", "x"), 200, NULL);
        }
        assert_true(metric(0, "p2pfaas_plugin_misbehaviour_total") == 0);
        assert_true(metric(0, "p2pfaas_decision_fallbacks_total") == 0);
        assert_true(stop_node(0));
    }
}

static void test_defect_8_a_peer_that_comes_back_is_used_again(void **state)
{
    (void)state;
    start_with_fakes(1, "{\"name\":\"forward\"}");
    for (int round = 0; round < 2; round++) {
        expect(post_text(0, "/function/echo", "mine"), 200, "fake");
        fake_peer_close(fake[0]);
        expect(post_text(0, "/function/echo", "mine"), 200, "mine");
        wait_metric(0, "p2pfaas_peers{state=\"down\"}", 1, 10);
        fake_peer_open(fake[0]);
        wait_metric(0, "p2pfaas_peers{state=\"up\"}", 1, 20);
    }
    expect(post_text(0, "/function/echo", "mine"), 200, "fake");
}

static void test_defect_9_probes_share_a_connection(void **state)
{
    (void)state;
    fake_peer_keeps_alive(fake[2]);
    fake_peer_has_load(fake[2], 9, 9);
    {
        char peers[96];
        const char *const more[] = {peers, NULL};

        snprintf(peers, sizeof(peers), "peers.nodes=%s", fake_peer_address(fake[2]));
        start_node(0, more);
    }
    select_scheduler(0, "{\"name\":\"power_of_choices\",\"parameters\":{\"threshold\":0}}");
    fake_peer_forget(fake[2]);
    for (int i = 0; i < 50; i++)
        expect(post_text(0, "/function/echo", "mine"), 200, "mine");
    assert_int_equal(fake_peer_probes(fake[2]), 50);
    assert_int_equal(fake_peer_connections(fake[2]), 1);
}

/* What a function answers with that status: the same here and over a forward. */
static void status_is_kept(unsigned node)
{
    static const int statuses[] = {200, 201, 204, 301, 302, 304, 400, 404, 418, 500, 503, 599};

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        bool has_body = statuses[i] != 204 && statuses[i] != 304;
        char path[64];

        snprintf(path, sizeof(path), "/function/echo?status=%d", statuses[i]);
        expect(post_text(node, path, has_body ? "my own words" : ""), statuses[i],
               has_body ? "my own words" : NULL);
    }
}

static void test_defect_10_a_status_is_kept_over_a_forward(void **state)
{
    (void)state;
    start_two();
    status_is_kept(0);
    assert_true(metric(1, "p2pfaas_peer_requests_total") == 12);
}

static void test_defect_11_a_functions_own_error_is_its_own(void **state)
{
    struct reply r;

    (void)state;
    start_two();
    status_is_kept(1);
    r = post_text(1, "/function/echo?status=500", "my own words");
    assert_string_equal(r.body, "my own words");
    reply_free(&r);
}

static void test_defect_12_headers_of_the_answer_are_kept(void **state)
{
    static const char *const json[] = {"Content-Type: application/json", NULL};

    (void)state;
    start_two();
    for (unsigned node = 0; node < 2; node++) {
        struct reply r =
            send_method("POST", node, "/function/echo?header=Set-Cookie:a=b", "{}", 2, json);

        assert_int_equal(r.status, 200);
        assert_string_equal(header(&r, "Content-Type"), "application/json");
        assert_string_equal(header(&r, "Set-Cookie"), "a=b");
        reply_free(&r);
        r = send_method("POST", node, "/function/echo?header=Keep-Alive:timeout=7", "{}", 2, json);
        assert_int_equal(r.status, 200);
        assert_string_equal(header(&r, "Keep-Alive"), "");
        reply_free(&r);
    }
}

static void test_defect_13_the_request_reaches_the_function_whole(void **state)
{
    static const char *const headers[] = {"X-Test: 1", "Accept: text/x-demo", NULL};

    (void)state;
    start_two();
    for (unsigned node = 0; node < 2; node++) {
        struct reply r =
            send_method("PUT", node, "/function/echo/info?a=1&b=%20x", "hello", 5, headers);

        assert_int_equal(r.status, 200);
        assert_non_null(strstr(r.body, "\"method\":\"PUT\",\"path\":\"/info\",\"query\":"
                                       "\"a=1&b=%20x\",\"length\":5"));
        assert_non_null(strstr(r.body, "\"X-Test\":\"1\""));
        assert_non_null(strstr(r.body, "\"Accept\":\"text/x-demo\""));
        reply_free(&r);
    }
}

#define T(name) cmocka_unit_test_teardown(name, end_nodes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_defect_1_hops_never_pass_max_hops),
        T(test_defect_2_a_failed_probe_is_no_load_of_zero),
        T(test_defect_3_a_load_is_running_and_waiting_jobs_on_both_sides),
        T(test_defect_4_of_several_the_least_loaded_is_taken),
        T(test_defect_5_no_decision_asks_discovery),
        T(test_defect_6_a_peer_is_asked_once_however_many_are_wanted),
        T(test_defect_7_no_index_past_the_list_of_peers),
        T(test_defect_8_a_peer_that_comes_back_is_used_again),
        T(test_defect_9_probes_share_a_connection),
        T(test_defect_10_a_status_is_kept_over_a_forward),
        T(test_defect_11_a_functions_own_error_is_its_own),
        T(test_defect_12_headers_of_the_answer_are_kept),
        T(test_defect_13_the_request_reaches_the_function_whole),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
