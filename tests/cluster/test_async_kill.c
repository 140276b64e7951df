/*
 * Accepted calls outlive their node: it is killed three times, at random points of the way,
 * while clients send calls, functions run them and callbacks are told, the first of some
 * refused.  Afterwards each call that got its 202 has run at least once and was told with
 * its own result.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/random.h"
#include "tests/cluster/fixture.h"
#include "tests/cluster/support_hooks.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CALLS = 1500 };
#else
enum { CALLS = 10000 };
#endif
enum { SENDERS = 48, KILLS = 3, REFUSE_EACH = 7 };

static char notes[64];
static struct hooks *server;
static _Atomic unsigned next_call, accepted, told;
static _Atomic bool stuck;
static unsigned char seen[CALLS]; /* callbacks, under the server's lock */
static unsigned wrong;
static char first_wrong[300];

/* ---- callbacks ---- */

static int on_callback(void *ctx, const struct hooked *rq)
{
    const char *id = hooked_header(rq, "X-Call-Id");
    unsigned n = strncmp(id, "call-", 5) == 0 ? (unsigned)strtoul(id + 5, NULL, 10) : CALLS;

    (void)ctx;
    if (n >= CALLS || strcmp(rq->body, id) != 0 ||
        strcmp(hooked_header(rq, "X-Function-Status"), "200") != 0 ||
        strcmp(hooked_header(rq, "X-Function-Name"), "record") != 0 ||
        strcmp(hooked_header(rq, "X-Mine"), "yes") != 0 ||
        strtod(hooked_header(rq, "X-Duration-Seconds"), NULL) <= 0) {
        if (wrong++ == 0)
            snprintf(first_wrong, sizeof(first_wrong), "id '%.80s', status '%.10s', body '%.80s'",
                     id, hooked_header(rq, "X-Function-Status"), rq->body);
        return 200;
    }
    seen[n] += seen[n] < 250;
    if (n % REFUSE_EACH == 0 && seen[n] == 1)
        return 500;
    told += seen[n] == (n % REFUSE_EACH == 0 ? 2 : 1);
    return 200;
}

/* ---- senders ---- */

static int connect_node(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)cluster.port)};
    const struct timeval patience = {20, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, cluster.node[0].ip, &a.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool is_there(void *fd)
{
    return (*(int *)fd = connect_node()) >= 0;
}

/* True when it was accepted. */
static bool send_call(int fd, unsigned n)
{
    char text[1024];
    int len = snprintf(text, sizeof(text),
                       "POST /async-function/record HTTP/1.1\r\nHost: x\r\nX-Call-Id: call-%u\r\n"
                       "X-Callback-Url: http://127.0.0.1:%u/\r\nContent-Length: %d\r\n\r\ncall-%u",
                       n, hooks_port(server), snprintf(NULL, 0, "call-%u", n), n);
    size_t got = 0;
    ssize_t k;

    if (send(fd, text, (size_t)len, MSG_NOSIGNAL) != len)
        return false;
    while ((k = recv(fd, text + got, sizeof(text) - 1 - got, 0)) > 0) {
        got += (size_t)k;
        text[got] = '\0';
        if (strstr(text, "\r\n\r\n"))
            return strncmp(text, "HTTP/1.1 202 ", 13) == 0;
    }
    return false;
}

/* One that may not have been accepted is sent again, by the same id. */
static void *run_sender(void *arg)
{
    int fd = -1;

    (void)arg;
    for (unsigned n; (n = next_call++) < CALLS;) {
        while (fd < 0 || !send_call(fd, n)) {
            if (fd >= 0)
                close(fd);
            fd = -1;
            if (!wait_until(is_there, &fd, 60)) {
                stuck = true;
                return NULL;
            }
        }
        accepted++;
    }
    if (fd >= 0)
        close(fd);
    return NULL;
}

/* ---- the test ---- */

static bool has_come(void *wanted)
{
    return stuck || accepted + told >= *(unsigned *)wanted;
}

static int by_size(const void *a, const void *b)
{
    return *(const unsigned *)a < *(const unsigned *)b ? -1 : 1;
}

static void kill_at_random(const char *const *settings)
{
    unsigned at[KILLS];
    struct random random;

    random_seed(&random, (uint64_t)getpid() ^ (uint64_t)(seconds_now() * 1e9));
    for (int i = 0; i < KILLS; i++)
        at[i] = 1 + random_below(&random, 2 * CALLS * 9 / 10);
    qsort(at, KILLS, sizeof(at[0]), by_size);
    for (int i = 0; i < KILLS; i++) {
        if (!wait_until(has_come, &at[i], 60) || stuck)
            fail_msg("%u accepted, %u told: it goes no further", accepted, told);
        print_message("| killed after %u of %d were accepted, %u told\n", accepted, CALLS, told);
        cluster_stop(&cluster, 0, SIGKILL, 20);
        start_node(0, settings);
    }
}

static void check_runs(void)
{
    static unsigned char runs[CALLS];
    unsigned never = 0, again = 0, untold = 0, told_again = 0;
    FILE *f = fopen(notes, "re");
    char line[64];

    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        unsigned n = (unsigned)strtoul(line + 5, NULL, 10);

        assert_true(n < CALLS);
        runs[n] += runs[n] < 250;
    }
    fclose(f);
    for (unsigned n = 0; n < CALLS; n++) {
        unsigned least = n % REFUSE_EACH == 0 ? 2 : 1;

        never += runs[n] == 0;
        again += runs[n] > 1;
        untold += seen[n] < least;
        told_again += seen[n] > least;
    }
    print_message("| %d calls: %u never ran, %u ran again, %u were not told, %u told again\n",
                  CALLS, never, again, untold, told_again);
    assert_int_equal(never, 0);
    assert_int_equal(untold, 0);
    if (wrong)
        fail_msg("%u wrong callbacks, the first: %s", wrong, first_wrong);
    /* Only what was under way at a kill. */
    assert_true(again < KILLS * 300);
}

/* What was told is not over before the disk has it; a call told again may still be under way. */
static bool nothing_is_left(void *arg)
{
    (void)arg;
    return metric(0, "p2pfaas_async_queued") == 0 && metric(0, "p2pfaas_async_callbacks ") == 0 &&
           metric(0, "p2pfaas_async_bytes") == 0;
}

static void test_no_call_is_lost_when_its_node_is_killed(void **state)
{
    char setting[128];
    const char *const settings[] = {setting,
                                    "async.concurrency=16",
                                    "node.slots=16",
                                    "async.min_wait=50ms",
                                    "async.max_wait=200ms",
                                    "async.attempts=100",
                                    NULL};
    pthread_t sender[SENDERS];
    unsigned all = 2 * CALLS;
    double began, sent, ended;

    (void)state;
    snprintf(setting, sizeof(setting), "node.data_dir=%s", cluster.dir);
    start_node(0, settings);
    began = seconds_now();
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&sender[i], NULL, run_sender, NULL), 0);
    kill_at_random(settings);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(sender[i], NULL);
    sent = seconds_now();
    if (!wait_until(has_come, &all, 120) || stuck)
        fail_msg("%u accepted, %u told: it goes no further", accepted, told);
    ended = seconds_now();
    print_message("| accepted in %.1f s, all told after %.1f s\n", sent - began, ended - began);
    check_runs();
    wait_metric(0, "p2pfaas_async_kept_bytes", 1, 20);
    assert_true(wait_until(nothing_is_left, NULL, 20));
    assert_true(metric(0, "p2pfaas_async_failed_total") == 0);
}

static int start(void **state)
{
    static char config[1200];

    (void)state;
    snprintf(notes, sizeof(notes), "/tmp/p2pfaas-async-kill.%d", (int)getpid());
    snprintf(config, sizeof(config), "functions:\n  record: {mode: http, command: %s}\n",
             hooks_command(notes));
    fixture_init(1, config);
    server = hooks_start(0, on_callback, NULL);
    return server ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    hooks_stop(server);
    unlink(notes);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_call_is_lost_when_its_node_is_killed),
    };

    hooks_serve_if_asked(argc, argv);
    return cmocka_run_group_tests(tests, start, stop);
}
