/* The open loop: what is due is sent, whatever became of what was sent before. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "bench/load.h"

enum { CALLS = 3 };

/* A server that has to have `wait_for` connections with a request before it answers any. */
struct server {
    int fd, port;
    unsigned wait_for;
    const char *answer; /* NULL: none, until it is told to end */
    int end[2];
    pthread_t thread;
};

static struct server server;
static struct load_call call[CALLS];
static struct load_outcome out;
static char err[256];

static void read_request(int fd)
{
    char text[2048];
    size_t n = 0;

    while (n < sizeof(text) - 1) {
        ssize_t got = read(fd, text + n, sizeof(text) - 1 - n);

        if (got <= 0)
            return;
        n += (size_t)got;
        text[n] = '\0';
        if (strstr(text, "\r\n\r\n"))
            return;
    }
}

static void *serve(void *arg)
{
    const struct server *s = arg;
    int client[CALLS];
    char byte;

    for (unsigned i = 0; i < s->wait_for; i++) {
        client[i] = accept(s->fd, NULL, NULL);
        read_request(client[i]);
    }
    if (!s->answer && read(s->end[0], &byte, 1) != 1)
        return NULL;
    for (unsigned i = 0; i < s->wait_for; i++) {
        if (s->answer && write(client[i], s->answer, strlen(s->answer)) < 0)
            perror("write");
        close(client[i]);
    }
    return NULL;
}

static void begin(unsigned wait_for, const char *answer)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof(a);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server = (struct server){.wait_for = wait_for, .answer = answer};
    server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server.fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(getsockname(server.fd, (struct sockaddr *)&a, &len), 0);
    server.port = ntohs(a.sin_port);
    assert_int_equal(listen(server.fd, CALLS), 0);
    assert_int_equal(pipe(server.end), 0);
    if (wait_for)
        assert_int_equal(pthread_create(&server.thread, NULL, serve, &server), 0);
    memset(call, 0, sizeof(call));
}

static void end(void)
{
    assert_int_equal(write(server.end[1], "", 1), 1);
    if (server.wait_for)
        pthread_join(server.thread, NULL);
    close(server.fd);
    close(server.end[0]);
    close(server.end[1]);
}

static void url(void *ctx, const struct load_call *c, char text[LOAD_URL])
{
    const struct server *s = ctx;

    (void)c;
    snprintf(text, LOAD_URL, "http://127.0.0.1:%d/function/job", s->port);
}

static void run(unsigned n, double patience)
{
    struct load_setup setup = {.call = call,
                               .n = n,
                               .url = url,
                               .ctx = &server,
                               .begin_ns = load_now(),
                               .patience = patience};

    assert_int_equal(load_run(&setup, &out, err, sizeof(err)), 0);
}

static void test_calls_do_not_wait_for_each_other(void **state)
{
    (void)state;
    begin(CALLS, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    for (unsigned i = 0; i < CALLS; i++)
        call[i].at_ns = (uint64_t)i * 5000000;
    run(CALLS, 20);
    end();
    assert_int_equal(out.answered, CALLS);
    assert_int_equal(out.most_open, CALLS);
    for (unsigned i = 0; i < CALLS; i++) {
        assert_int_equal(call[i].status, 200);
        assert_true(call[i].sent_ns >= call[i].at_ns);
        /* The first waited for the last, and that is in what it took. */
        assert_true(call[i].end_ns >= call[CALLS - 1].sent_ns);
    }
    assert_string_equal(out.odd, "");
}

static void test_what_nodes_say_of_a_job_is_read(void **state)
{
    (void)state;
    begin(1, "HTTP/1.1 200 OK\r\n"
             "x-p2pfaas-timing-execution-time-seconds: 0.100250\r\n"
             "X-P2pfaas-Timing-Queue-Time-Seconds: 0.020000\r\n"
             "X-P2pfaas-Timing-Probing-Seconds-List: [0.000300,0.000001]\r\n"
             "X-P2pfaas-Timing-Total-Seconds-List: [0.121000,0.120500]\r\n"
             "X-P2pfaas-Peers-List-Id: [\"n1\",\"n3\"]\r\n"
             "Content-Length: 2\r\n\r\nok");
    run(1, 20);
    end();
    assert_int_equal(call[0].run_ns, 100250000);
    assert_int_equal(call[0].wait_ns, 20000000);
    assert_int_equal(call[0].probe_ns, 300000);
    assert_int_equal(call[0].total_ns, 121000000);
    assert_int_equal(call[0].ran_on, 2);
}

static void test_a_job_that_stayed_has_no_list(void **state)
{
    (void)state;
    begin(1, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
    run(1, 20);
    end();
    assert_int_equal(call[0].status, 500);
    assert_int_equal(call[0].ran_on, LOAD_NOWHERE);
    assert_int_equal(call[0].wait_ns, 0);
    assert_string_equal(out.odd, ""); /* a lost job is a result */
}

static void test_an_answer_that_should_not_be_is_told(void **state)
{
    (void)state;
    begin(1, "HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nno job!");
    run(1, 20);
    end();
    assert_int_equal(out.answered, 1);
    assert_string_equal(out.odd, "HTTP 404: no job!");
}

static void test_nobody_who_listens_is_no_answer(void **state)
{
    (void)state;
    begin(0, NULL);
    close(server.fd);
    run(2, 20);
    server.fd = dup(server.end[0]);
    end();
    assert_int_equal(out.answered, 0);
    assert_int_equal(call[0].status, 0);
    assert_true(call[1].end_ns > 0);
    assert_memory_equal(out.odd, "no answer: ", 11);
}

static void test_a_server_that_never_answers_is_given_up(void **state)
{
    (void)state;
    begin(1, NULL);
    run(1, 0.05);
    end();
    assert_int_equal(out.answered, 0);
    assert_int_equal(call[0].status, 0);
    assert_non_null(strstr(out.odd, "1 without an answer"));
}

static void test_no_calls_are_no_load(void **state)
{
    (void)state;
    begin(0, NULL);
    run(0, 1);
    end();
    assert_int_equal(out.answered, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_do_not_wait_for_each_other),
        cmocka_unit_test(test_what_nodes_say_of_a_job_is_read),
        cmocka_unit_test(test_a_job_that_stayed_has_no_list),
        cmocka_unit_test(test_an_answer_that_should_not_be_is_told),
        cmocka_unit_test(test_nobody_who_listens_is_no_answer),
        cmocka_unit_test(test_a_server_that_never_answers_is_given_up),
        cmocka_unit_test(test_no_calls_are_no_load),
    };

    curl_global_init(CURL_GLOBAL_DEFAULT);
    return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
