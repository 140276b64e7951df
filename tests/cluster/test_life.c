/* A node's life: start, reload, hang-ups of clients, stop. */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/cluster/fixture.h"

static char functions[4096];

static int start(void **state)
{
    (void)state;
    snprintf(functions, sizeof(functions), "%s  long: {command: [sleep, '2']}\n",
             fixture_functions);
    fixture_start(1, functions, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static void write_config(const char *before, const char *after)
{
    FILE *f = fopen(cluster.config, "we");

    assert_non_null(f);
    fprintf(f, "%s%s", before, after);
    fclose(f);
}

/* ---- start ---- */

/* The node ends at once, with status 1 and these words. */
static void expect_failed_start(const char *setting, const char *part)
{
    char command[600], said[1024];
    size_t n;
    FILE *p;

    snprintf(command, sizeof(command),
             "timeout 20 %s --config %s --set node.port=%d --set '%s' 2>&1", cluster.binary,
             cluster.config, cluster.port, setting);
    p = popen(command, "re");
    assert_non_null(p);
    n = fread(said, 1, sizeof(said) - 1, p);
    said[n] = '\0';
    assert_int_equal(WEXITSTATUS(pclose(p)), 1);
    if (!strstr(said, part))
        fail_msg("wanted \"%s\" in: %s", part, said);
}

static void test_a_second_node_on_the_port_is_told(void **state)
{
    (void)state;
    expect_failed_start("node.id=second", "another node may run there");
}

static void test_a_wrong_configuration_stops_the_start_with_the_reason(void **state)
{
    static const char *const wrong[][2] = {
        {"node.slots=0", "an integer from 1 to 65536"},
        {"node.slotz=1", "did you mean 'slots'?"},
        {"log.level=loud", "one of debug, info, warn, error"},
        {"scheduler.plugin=nobody", "no scheduler 'nobody'; known: adaptive_threshold"},
        {"scheduler.parameters.fanout=x", "fanout"},
        {"plugins.folder=/nonexistent", "/nonexistent"},
        {"peers.nodes=example.org", "example.org"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        expect_failed_start(wrong[i][0], wrong[i][1]);
}

static int ask_ready(int port)
{
    char command[600];

    snprintf(command, sizeof(command),
             "http_proxy=http://127.0.0.1:9 timeout 20 %s --ready --config %s --set node.port=%d",
             cluster.binary, cluster.config, port);
    return WEXITSTATUS(system(command));
}

static void test_the_program_says_whether_its_node_is_ready(void **state)
{
    (void)state;
    assert_int_equal(ask_ready(cluster.port), 0);
    assert_int_equal(ask_ready(9), 1);
}

/* ---- reload ---- */

static void test_a_reload_takes_functions_limits_and_scheduler(void **state)
{
    double before = metric(0, "p2pfaas_reloads_total");

    (void)state;
    expect(get(0, "/function/fresh"), 404, NULL);
    write_config("node: {slots: 3}\nscheduler: {plugin: random}\n", functions);
    {
        FILE *f = fopen(cluster.config, "ae");

        fputs("  fresh: {command: [echo, fresh]}\n", f);
        fclose(f);
    }
    kill(cluster.node[0].pid, SIGHUP);
    wait_metric(0, "p2pfaas_reloads_total", before + 1, 10);
    expect(get(0, "/configuration"), 200, "\"parallel_running_functions_max\":3");
    expect(get(0, "/configuration/scheduler"), 200, "\"name\":\"random\"");
    expect(get(0, "/function/fresh"), 200, "fresh");
    expect(post_text(0, "/function/echo", "x"), 200, "x");
}

static void test_a_wrong_reload_changes_nothing(void **state)
{
    double before = metric(0, "p2pfaas_reloads_failed_total");

    (void)state;
    write_config("node: {slots: 5}\nscheduler: {plugin: nobody}\n", functions);
    kill(cluster.node[0].pid, SIGHUP);
    wait_metric(0, "p2pfaas_reloads_failed_total", before + 1, 10);
    write_config("node: {slots: 5}\nnode: twice\n", "");
    kill(cluster.node[0].pid, SIGHUP);
    wait_metric(0, "p2pfaas_reloads_failed_total", before + 2, 10);
    assert_true(log_has(0, "not reloaded, the node goes on as before"));
    expect(get(0, "/configuration"), 200, "\"parallel_running_functions_max\":3");
    expect(get(0, "/function/fresh"), 200, "fresh");
    write_config("node: {slots: 4}\n", functions);
    kill(cluster.node[0].pid, SIGHUP);
    wait_metric(0, "p2pfaas_reloads_total", 2, 10);
}

static void test_a_setting_that_needs_a_restart_is_told(void **state)
{
    (void)state;
    write_config("limits: {body: 1MB}\n", functions);
    kill(cluster.node[0].pid, SIGHUP);
    wait_log(0, "a changed setting needs a restart");
    write_config("", functions);
}

/* ---- clients that hang up ---- */

/* Sends the request and returns the socket without waiting for an answer. */
static int send_raw(const char *text)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)cluster.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    return fd;
}

static void hang_up_hard(int fd)
{
    struct linger reset = {1, 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
}

static void test_queued_jobs_of_clients_that_hung_up_are_cancelled(void **state)
{
    static const char *const long_call = "GET /function/long HTTP/1.1\r\nHost: x\r\n\r\n";
    double before = metric(0, "p2pfaas_clients_gone_total");
    int running[4], queued[4];

    (void)state;
    select_scheduler(0, "{\"name\":\"local\"}");
    for (int i = 0; i < 4; i++)
        running[i] = send_raw(long_call);
    wait_metric(0, "p2pfaas_slots_running", 4, 10);
    for (int i = 0; i < 4; i++)
        queued[i] = send_raw(long_call);
    wait_metric(0, "p2pfaas_queue_length", 4, 10);
    for (int i = 0; i < 4; i++) {
        if (i % 2)
            close(queued[i]);
        else
            hang_up_hard(queued[i]);
    }
    for (int i = 0; i < 4; i++)
        hang_up_hard(running[i]);
    wait_metric(0, "p2pfaas_clients_gone_total", before + 1, 10);
    expect(post_text(0, "/function/cat", "x"), 200, "x");
}

static bool nothing_runs(void *arg)
{
    (void)arg;
    return metric(0, "p2pfaas_slots_running") == 0 && metric(0, "p2pfaas_queue_length") == 0 &&
           metric(0, "p2pfaas_body_bytes_held") == 0;
}

static void test_requests_broken_off_anywhere_leave_nothing_behind(void **state)
{
    static const char *const texts[] = {
        "",
        "POST",
        "POST /function/echo HTTP/1.1\r\nHost: x\r\n",
        "POST /function/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nonly this",
        "POST /function/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nall",
        "POST /function/cat HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "GET /function/sleep HTTP/1.1\r\nHost: x\r\n\r\n",
        "\r\n\r\nnot HTTP\r\n\r\n",
        "GET  /function/ echo HTTP/9.9\r\n\r\n",
    };

    (void)state;
    for (int round = 0; round < 10; round++)
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
            int fd = send_raw(texts[i]);

            if (round % 2)
                hang_up_hard(fd);
            else
                close(fd);
        }
    if (!wait_until(nothing_runs, NULL, 60)) /* the long calls of before end, too */
        fail_msg("%g calls run, %g wait, %g bytes are held", metric(0, "p2pfaas_slots_running"),
                 metric(0, "p2pfaas_queue_length"), metric(0, "p2pfaas_body_bytes_held"));
    expect(post_text(0, "/function/echo", "x"), 200, "x");
}

static void test_a_target_with_control_characters_is_400(void **state)
{
    int fd = send_raw("GET /function/echo/\x7f HTTP/1.1\r\nHost: x\r\n\r\n");
    char answer[512] = "";

    (void)state;
    assert_true(recv(fd, answer, sizeof(answer) - 1, 0) > 0);
    assert_non_null(strstr(answer, " 400 "));
    close(fd);
}

static void test_errors_are_json_whatever_was_sent(void **state)
{
    int fd = send_raw("GET /nope\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n");
    char answer[1024] = "";

    (void)state;
    assert_true(recv(fd, answer, sizeof(answer) - 1, 0) > 0);
    assert_non_null(strstr(answer, "no such path: /nope??;"));
    close(fd);
}

static void test_requests_sent_together_are_answered_in_order(void **state)
{
    char all[2048] = "", got[8192] = "";
    size_t at = 0, n = 0;
    const char *p;
    int fd, found = 0;

    (void)state;
    for (int i = 0; i < 8; i++)
        at += (size_t)snprintf(all + at, sizeof(all) - at,
                               "POST /function/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n%s"
                               "\r\nbody-%d",
                               i % 2 ? "cat" : "echo", i == 7 ? "Connection: close\r\n" : "", i);
    fd = send_raw(all);
    for (ssize_t k; n < sizeof(got) - 1 && (k = recv(fd, got + n, sizeof(got) - 1 - n, 0)) > 0;)
        n += (size_t)k;
    close(fd);
    for (p = got; (p = strstr(p, "body-")); p += 5)
        assert_int_equal(p[5], '0' + found++);
    assert_int_equal(found, 8);
}

/* ---- stop ---- */

static void *call_sleep(void *arg)
{
    *(struct reply *)arg = get(0, "/function/sleep");
    return NULL;
}

static void test_a_stop_lets_open_jobs_end_and_refuses_new_ones(void **state)
{
    static const char *const ready = "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n";
    struct reply first;
    pthread_t thread;
    int idle;
    char answer[512] = "";

    (void)state;
    idle = send_raw("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(recv(idle, answer, sizeof(answer) - 1, 0) > 0);
    assert_int_equal(pthread_create(&thread, NULL, call_sleep, &first), 0);
    wait_metric(0, "p2pfaas_slots_running", 1, 10);
    kill(cluster.node[0].pid, SIGTERM);
    wait_log(0, "stopping");
    send(idle, ready, strlen(ready), MSG_NOSIGNAL);
    memset(answer, 0, sizeof(answer));
    if (recv(idle, answer, sizeof(answer) - 1, 0) > 0)
        assert_non_null(strstr(answer, " 503 "));
    pthread_join(thread, NULL);
    assert_int_equal(first.status, 200);
    reply_free(&first);
    close(idle);
    assert_true(stop_node(0));
    start_node(0, NULL);
}

static void test_a_stop_does_not_wait_for_ever(void **state)
{
    static const char *const more[] = {"node.stop_timeout=100ms", NULL};
    int fd;

    (void)state;
    assert_true(stop_node(0));
    start_node(0, more);
    fd = send_raw("GET /function/bad?do=hang HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_metric(0, "p2pfaas_slots_running", 1, 10);
    assert_true(stop_node(0));
    close(fd);
    start_node(0, NULL);
}

/* A peer that takes connections and says nothing. */
static int listen_deaf(char address[32])
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(inet_pton(AF_INET, "127.0.0.66", &a.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    snprintf(address, 32, "127.0.0.66:%u", ntohs(a.sin_port));
    return fd;
}

/* Each call comes on a connection of its own, so that every thread asks; the jobs end,
 * what they asked stays open. */
static void test_a_stop_leaves_no_probes_on_any_thread(void **state)
{
    char address[32], peers[64];
    const char *more[] = {peers, "node.threads=3", "scheduler.probe_timeout=60s",
                          "discovery.source=p2p", NULL};
    int fd = listen_deaf(address);

    (void)state;
    assert_true(stop_node(0));
    write_config("", "functions:\n  late: {command: [cat], deadline: 50ms}\n");
    snprintf(peers, sizeof(peers), "peers.nodes=%s", address);
    start_node(0, more);
    select_scheduler(0, "{\"name\":\"power_of_choices\",\"parameters\":{\"threshold\":0}}");
    for (int i = 0; i < 24; i++)
        expect(post_text(0, "/function/late", "x"), 504, "");
    assert_true(metric(0, "p2pfaas_probes_total") == 0);
    assert_true(stop_node(0));
    assert_false(log_has(0, "peer is down"));
    close(fd);
    write_config("", functions);
    start_node(0, NULL);
}

static void test_programs_end_with_the_node_however_it_ends(void **state)
{
    struct reply r;
    const char *at;
    struct sockaddr_in a = {.sin_family = AF_INET};
    int port = 0, fd;

    (void)state;
    expect(post_text(0, "/function/echo", "x"), 200, "x");
    r = get(0, "/configuration");
    at = strstr(r.body, "ready at 127.0.0.1:");
    assert_non_null(at);
    port = (int)strtol(at + strlen("ready at 127.0.0.1:"), NULL, 10);
    reply_free(&r);
    assert_int_equal(cluster_stop(&cluster, 0, SIGKILL, 5), SIGKILL);
    a.sin_port = htons((uint16_t)port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (double end = seconds_now() + 10; seconds_now() < end;) {
        int rc;

        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        rc = connect(fd, (struct sockaddr *)&a, sizeof(a));
        close(fd);
        if (rc) {
            start_node(0, NULL);
            return;
        }
    }
    fail_msg("the program still listens");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_second_node_on_the_port_is_told),
        cmocka_unit_test(test_a_wrong_configuration_stops_the_start_with_the_reason),
        cmocka_unit_test(test_the_program_says_whether_its_node_is_ready),
        cmocka_unit_test(test_a_reload_takes_functions_limits_and_scheduler),
        cmocka_unit_test(test_a_wrong_reload_changes_nothing),
        cmocka_unit_test(test_a_setting_that_needs_a_restart_is_told),
        cmocka_unit_test(test_queued_jobs_of_clients_that_hung_up_are_cancelled),
        cmocka_unit_test(test_requests_broken_off_anywhere_leave_nothing_behind),
        cmocka_unit_test(test_a_target_with_control_characters_is_400),
        cmocka_unit_test(test_errors_are_json_whatever_was_sent),
        cmocka_unit_test(test_requests_sent_together_are_answered_in_order),
        cmocka_unit_test(test_a_stop_lets_open_jobs_end_and_refuses_new_ones),
        cmocka_unit_test(test_a_stop_does_not_wait_for_ever),
        cmocka_unit_test(test_a_stop_leaves_no_probes_on_any_thread),
        cmocka_unit_test(test_programs_end_with_the_node_however_it_ends),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
