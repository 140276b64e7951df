/* What a scheduler learns of how long a job took, here and at a peer. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cluster/fake_peer.h"
#include "tests/cluster/support_messages.h"

#define RUN "X-P2pfaas-Timing-Execution-Time-Seconds"
#define QUEUE "X-P2pfaas-Timing-Queue-Time-Seconds"

/* n1 sends to n2, which sends to n3, which has one slot. */
enum { N1, N2, N3, NODES };
static char fifo[64]; /* the function "held" runs until somebody opens it */

static int start(void **state)
{
    static const char *settings[] = {NULL, "scheduler.plugin=teller", "node.slots=1", NULL};
    char config[4096];

    (void)state;
    settings[0] = only_teller();
    snprintf(fifo, sizeof(fifo), "/tmp/p2p_times.%d", (int)getpid());
    if (mkfifo(fifo, 0600))
        return -1;
    snprintf(config, sizeof(config), "%s  held: {command: [cat, '%s']}\n", fixture_functions, fifo);
    fixture_start(NODES, config, settings);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    unlink(fifo);
    return 0;
}

static double number(const struct reply *r, const char *name)
{
    return strtod(header(r, name), NULL);
}

/* To the microsecond that the headers have. */
static bool is_told(double seconds, double gauge)
{
    double apart = seconds - gauge;

    return apart < 1.5e-6 && apart > -1.5e-6;
}

static void test_of_a_job_that_ran_here(void **state)
{
    struct reply r;

    (void)state;
    make_teller(N1, N2, ",\"times\":\"0\"");
    r = post_text(N1, "/function/sleep", "");
    assert_int_equal(r.status, 200);
    assert_true(number(&r, RUN) >= 0.2);
    assert_string_equal(header(&r, QUEUE), "");
    assert_true(is_told(number(&r, RUN), counted(N1, "run_seconds")));
    assert_true(counted(N1, "queue_seconds") == 0);
    reply_free(&r);
}

static void forward_along(void)
{
    make_teller(N1, N2, ",\"times\":\"0\",\"forward\":\"true\"");
    make_teller(N2, N3, ",\"times\":\"0\",\"forward\":\"true\"");
    make_teller(N3, N1, ",\"times\":\"0\"");
}

/* Each node on the way learns the times of the one that ran it. */
static void test_of_a_job_that_a_peers_peer_ran(void **state)
{
    struct reply r;

    (void)state;
    forward_along();
    r = post_text(N1, "/function/sleep", "");
    assert_int_equal(r.status, 200);
    assert_string_equal(header(&r, "X-P2pfaas-Hops"), "2");
    assert_true(number(&r, RUN) >= 0.2);
    assert_string_equal(header(&r, QUEUE), "");
    for (unsigned i = N1; i <= N3; i++) {
        assert_true(is_told(number(&r, RUN), counted(i, "run_seconds")));
        assert_true(counted(i, "queue_seconds") == 0);
    }
    reply_free(&r);
}

static void *call_n1(void *reply)
{
    *(struct reply *)reply = post_text(N1, "/function/cat", "x");
    return NULL;
}

static void *hold_the_slot(void *reply)
{
    *(struct reply *)reply = post_text(N3, "/function/held", "");
    return NULL;
}

static void test_of_a_job_that_waited_at_a_peer(void **state)
{
    struct reply holding, r;
    pthread_t holder, waiter;
    int let_go;

    (void)state;
    forward_along();
    assert_int_equal(pthread_create(&holder, NULL, hold_the_slot, &holding), 0);
    wait_metric(N3, "p2pfaas_slots_running ", 1, 30);
    assert_int_equal(pthread_create(&waiter, NULL, call_n1, &r), 0);
    wait_metric(N3, "p2pfaas_queue_length ", 1, 30);
    let_go = open(fifo, O_WRONLY | O_CLOEXEC);
    assert_true(let_go >= 0);
    close(let_go);
    pthread_join(holder, NULL);
    pthread_join(waiter, NULL);
    expect(holding, 200, "");
    assert_int_equal(r.status, 200);
    assert_true(number(&r, QUEUE) > 0);
    assert_true(number(&r, RUN) > 0);
    for (unsigned i = N1; i <= N3; i++) {
        assert_true(is_told(number(&r, QUEUE), counted(i, "queue_seconds")));
        assert_true(is_told(number(&r, RUN), counted(i, "run_seconds")));
    }
    reply_free(&r);
}

/* What a peer says is taken only if it can be a time. */
static void test_of_what_a_peer_makes_up(void **state)
{
    static const struct {
        const char *said;
        double learned;
    } cases[] = {{"0.25", 0.25}, {"-1", 0},        {"nan", 0}, {"inf", 0},
                 {"1e300", 0},   {"yesterday", 0}, {"", 0},    {"3600.000001", 3600.000001}};
    struct fake_peer *peer = fake_peer_new(77);
    char peers[80];
    const char *more[] = {peers, NULL};

    (void)state;
    snprintf(peers, sizeof(peers), "peers.nodes=%s", fake_peer_address(peer));
    assert_true(stop_node(N1));
    start_node(N1, more);
    make_teller_to(N1, fake_peer_address(peer), ",\"times\":\"0\",\"forward\":\"true\"");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];

        snprintf(text, sizeof(text),
                 "HTTP/1.1 200 OK\r\nX-P2pfaas-Outcome: ran\r\n" RUN ": %s\r\n" QUEUE
                 ": %s\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
                 cases[i].said, cases[i].said);
        fake_peer_answers(peer, text, strlen(text));
        expect(post_text(N1, "/function/cat", "x"), 200, "ok");
        assert_true(is_told(cases[i].learned, counted(N1, "run_seconds")));
        assert_true(is_told(cases[i].learned, counted(N1, "queue_seconds")));
    }
    fake_peer_free(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_a_job_that_ran_here),
        cmocka_unit_test(test_of_a_job_that_a_peers_peer_ran),
        cmocka_unit_test(test_of_a_job_that_waited_at_a_peer),
        cmocka_unit_test(test_of_what_a_peer_makes_up),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
