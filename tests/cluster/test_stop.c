/* What is asked of a node that stops already, over connections that were open before. */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/cluster/fixture.h"

enum { CONNECTIONS = 48, PATIENCE_MS = 20000 };

static int fds[CONNECTIONS];

static const char functions[] =
    "functions:\n"
    "  slow: {command: [sleep, '1']}\n"
    "  endless: {command: [sleep, '1000'], timeout: 1h, deadline: 1h}\n"
    "  never: {mode: http, command: [sleep, '1000'], start_timeout: 60s}\n";

static int start(void **state)
{
    static const char *const settings[] = {"node.threads=2", NULL};

    (void)state;
    fixture_start(1, functions, settings);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

/* ---- connections ---- */

/* -1: nobody listens. */
static int try_connection(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)cluster.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    close(fd);
    return -1;
}

static int open_connection(void)
{
    int fd = try_connection();

    assert_true(fd >= 0);
    return fd;
}

static bool nobody_listens(void *arg)
{
    int fd = try_connection();

    (void)arg;
    if (fd >= 0)
        close(fd);
    return fd < 0;
}

static bool is_readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, ms) == 1;
}

static void ask(int fd, const char *method, const char *path, const char *body)
{
    char text[512];
    int n = snprintf(text, sizeof(text),
                     "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s", method,
                     path, strlen(body), body);

    send(fd, text, (size_t)n, MSG_NOSIGNAL); /* it may be closed already */
}

/* The status of the answer; 0: the connection was closed without one. */
static int status_of(int fd, char *answer, size_t size)
{
    ssize_t n;

    if (!is_readable(fd, PATIENCE_MS))
        fail_msg("neither answered nor closed");
    n = recv(fd, answer, size - 1, 0);
    answer[n > 0 ? n : 0] = '\0';
    return n > 0 ? (int)strtol(answer + strlen("HTTP/1.1 "), NULL, 10) : 0;
}

/* All have been answered once and are idle. */
static void open_connections(void)
{
    char answer[1024];

    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = open_connection();
        ask(fds[i], "GET", "/healthz", "");
        assert_int_equal(status_of(fds[i], answer, sizeof(answer)), 200);
    }
}

static void close_connections(void)
{
    for (int i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
}

/* The node stops, and a call of `function` keeps it. */
static int begin_stop(const char *function)
{
    int fd = open_connection();

    ask(fd, "GET", function, "");
    wait_metric(0, "p2pfaas_slots_running", 1, 10);
    kill(cluster.node[0].pid, SIGTERM);
    assert_true(wait_until(nobody_listens, NULL, 10)); /* no thread any more */
    return fd;
}

/* ---- tests ---- */

/* One after the other until the call has ended, and the rest then, on both threads. */
static void deployments_around_the_end_of_the_last_job(void **state)
{
    int busy, next = 0, status, refused = 0;
    char answer[1024], body[200];

    (void)state;
    open_connections();
    busy = begin_stop("/function/slow");
    while (next < CONNECTIONS) {
        snprintf(body, sizeof(body),
                 next % 2 ? "{\"functionName\":\"f%d\"}" : "{\"service\":\"f%d\",\"image\":\"x\"}",
                 next);
        ask(fds[next], next % 2 ? "DELETE" : "POST", "/system/functions", body);
        next++;
        if (next < CONNECTIONS / 2)
            is_readable(busy, 50);
    }
    assert_int_equal(status_of(busy, answer, sizeof(answer)), 200);
    assert_true(stop_node(0));
    for (int i = 0; i < CONNECTIONS; i++) {
        status = status_of(fds[i], answer, sizeof(answer));
        refused += status == 503;
        if (status != 503 && status != 0)
            fail_msg("unexpected: %s", answer);
    }
    assert_true(refused > 0);
    close(busy);
    close_connections();
    start_node(0, NULL);
}

static void only_what_is_answered_at_once_is_answered(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
    } asked[] = {
        {"GET", "/healthz", 200},
        {"GET", "/readyz", 503},
        {"GET", "/metrics", 200},
        {"GET", "/monitoring/load", 200},
        {"GET", "/", 200},
        {"POST", "/function/slow", 503},
        {"POST", "/async-function/slow", 503},
        {"GET", "/async/1", 503},
        {"DELETE", "/async-function/1", 503},
        {"GET", "/monitoring/scale-delay/never", 503},
        {"POST", "/system/scale-function/never", 503},
        {"POST", "/configuration/scheduler", 503},
        {"POST", "/configuration/learner", 503},
        {"POST", "/learner/save", 503},
        {"GET", "/learner/policy", 503},
        {"GET", "/system/function/slow?usage=1", 503},
        {"GET", "/system/secrets", 503},
        {"GET", "/system/logs?name=slow&follow=1", 503},
        {"GET", "/nowhere", 404},
    };
    char answer[1024];
    int busy, status;

    (void)state;
    open_connections();
    busy = begin_stop("/function/endless");
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        ask(fds[i], asked[i].method, asked[i].path, "");
        status = status_of(fds[i], answer, sizeof(answer));
        if (status != asked[i].status || !strstr(answer, "Connection: close"))
            fail_msg("%s %s: wanted %d and the connection closed, got: %s", asked[i].method,
                     asked[i].path, asked[i].status, answer);
        if (status == 503 && !strstr(answer, "the node is stopping"))
            fail_msg("%s: %s", asked[i].path, answer);
    }
    assert_true(stop_node(0)); /* asked twice, it waits for no job */
    assert_int_equal(status_of(busy, answer, sizeof(answer)), 503);
    close(busy);
    close_connections();
    start_node(0, NULL);
}

/* It began before, its client hangs up as the node stops: nobody else would end it. */
static void work_without_a_client_is_waited_for(void **state)
{
    static const char *const soon[] = {"node.stop_timeout=100ms", NULL};

    (void)state;
    assert_true(stop_node(0));
    start_node(0, soon);
    for (int i = 0; i < 8; i++) {
        fds[i] = open_connection();
        ask(fds[i], "GET", "/monitoring/scale-delay/never", "");
    }
    wait_log(0, "function's program started");
    kill(cluster.node[0].pid, SIGTERM);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    assert_true(stop_node(0));
    start_node(0, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deployments_around_the_end_of_the_last_job),
        cmocka_unit_test(only_what_is_answered_at_once_is_answered),
        cmocka_unit_test(work_without_a_client_is_waited_for),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
