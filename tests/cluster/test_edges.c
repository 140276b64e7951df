/* What a client may do to the edges of HTTP, byte by byte. */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/cluster/fixture.h"

static int start(void **state)
{
    static const char *const settings[] = {"limits.idle_timeout=1s", NULL};
    char config[4096];

    (void)state;
    snprintf(config, sizeof(config), "%s  longer: {command: [sleep, '2.5']}\n", fixture_functions);
    fixture_start(1, config, settings);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static int call(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)cluster.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static bool is_readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, ms) == 1;
}

/* Sends the bytes; everything that comes until the node closes. */
static const char *heard(const char *request)
{
    static char text[16384];
    int fd = call();
    size_t at = 0;
    ssize_t n = 1;

    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    while (n > 0 && at < sizeof(text) - 1) {
        if (!is_readable(fd, 20000))
            fail_msg("not closed after: %.*s", (int)at, text);
        n = recv(fd, text + at, sizeof(text) - 1 - at, 0);
        at += n > 0 ? (size_t)n : 0;
    }
    text[at] = '\0';
    close(fd);
    return text;
}

static unsigned answers_in(const char *text)
{
    unsigned n = 0;

    for (; (text = strstr(text, "HTTP/1.1 ")); text++)
        n++;
    return n;
}

#define POST "POST /function/cat HTTP/1.1\r\nHost: x\r\n"
#define HIDDEN "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

/* One answer, 400, and nothing that was hidden behind the request is answered. */
static void is_refused(const char *request, const char *why)
{
    const char *text = heard(request);

    if (strncmp(text, "HTTP/1.1 400 ", 13) != 0 || answers_in(text) != 1 ||
        (why && !strstr(text, why)))
        fail_msg("wanted one 400 with \"%s\", heard: %s", why ? why : "", text);
}

static void test_bodies_without_a_clear_end_are_refused(void **state)
{
    double before = metric(0, "p2pfaas_bad_requests_total");

    (void)state;
    is_refused(POST "Content-Length: 1\r\nContent-Length: 39\r\n\r\nx" HIDDEN,
               "two Content-Length fields that differ");
    is_refused(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN,
               NULL);
    is_refused(POST "Transfer-Encoding: gzip\r\n\r\n" HIDDEN, "Transfer-Encoding");
    is_refused(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" HIDDEN,
               "Transfer-Encoding");
    is_refused(POST
               "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN,
               "Transfer-Encoding");
    is_refused("POST /configuration HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
               "Content-Length: 3\r\n\r\n{} ",
               "two Content-Length fields that differ");
    assert_true(metric(0, "p2pfaas_bad_requests_total") >= before + 5);
}

static void test_bodies_with_a_clear_end_are_taken(void **state)
{
    static const char *const right[] = {
        POST "Content-Length: 1\r\nConnection: close\r\n\r\nx",
        POST "Content-Length: 1\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
        POST "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        POST "Transfer-Encoding: CHUNKED\r\nConnection: close\r\n\r\n1\r\nx\r\n0\r\n\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        const char *text = heard(right[i]);

        if (strncmp(text, "HTTP/1.1 200 ", 13) != 0 ||
            strcmp(text + strlen(text) - 5, "\r\n\r\nx") != 0)
            fail_msg("%s\nheard: %s", right[i], text);
    }
}

/* A byte each 100 ms, long after a silent client would have been closed. */
static double seconds_until_closed(int fd, const char *text)
{
    double before = seconds_now();

    for (size_t i = 0; seconds_now() - before < 20; i++) {
        if (is_readable(fd, 100)) {
            char byte;

            if (recv(fd, &byte, 1, 0) <= 0)
                break;
            continue;
        }
        send(fd, text[i] ? text + i : "x", 1, MSG_NOSIGNAL);
        i -= !text[i];
    }
    close(fd);
    return seconds_now() - before;
}

static void test_a_head_that_never_ends_is_not_waited_for(void **state)
{
    char byte[1000];
    int fd;

    (void)state;
    assert_true(seconds_until_closed(call(), "GET /healthz HTTP/1.1\r\nX-A: ") < 10);
    /* Also after a request that was right. */
    fd = call();
    assert_int_equal(send(fd, HIDDEN, strlen(HIDDEN), MSG_NOSIGNAL), strlen(HIDDEN));
    assert_true(is_readable(fd, 20000));
    assert_true(recv(fd, byte, sizeof(byte), 0) > 0);
    assert_true(seconds_until_closed(fd, "GET /he") < 10);
}

static void test_a_long_run_is_no_reason_to_close(void **state)
{
    (void)state;
    expect(get(0, "/function/longer"), 200, NULL);
}

/* Is the timer that asks a silent client, in a minute at most, set for each connection of the
 * node?  2 is that timer in /proc/net/tcp, 1 the state that is open. */
static void test_clients_whose_machine_is_gone_are_noticed(void **state)
{
    char line[256], byte[1000];
    unsigned port, there, kind, n = 0;
    unsigned long ticks;
    int fd = call();
    FILE *f;

    (void)state;
    assert_int_equal(send(fd, HIDDEN, strlen(HIDDEN), MSG_NOSIGNAL), strlen(HIDDEN));
    assert_true(is_readable(fd, 20000));
    assert_true(recv(fd, byte, sizeof(byte), 0) > 0);
    f = fopen("/proc/net/tcp", "re");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, " %*u: %*x:%x %*x:%*x %x %*x:%*x %x:%lx", &port, &there, &kind, &ticks) !=
                4 ||
            port != (unsigned)cluster.port || there != 1)
            continue;
        assert_int_equal(kind, 2);
        assert_in_range(ticks, 1, 60 * sysconf(_SC_CLK_TCK));
        n++;
    }
    fclose(f);
    assert_true(n > 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies_without_a_clear_end_are_refused),
        cmocka_unit_test(test_bodies_with_a_clear_end_are_taken),
        cmocka_unit_test(test_a_head_that_never_ends_is_not_waited_for),
        cmocka_unit_test(test_a_long_run_is_no_reason_to_close),
        cmocka_unit_test(test_clients_whose_machine_is_gone_are_noticed),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
