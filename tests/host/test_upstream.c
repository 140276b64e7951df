#include "tests/host/support_calls.h"

#include <unistd.h>

/* ---- requests ---- */

static void request_is_written_as_http(void **state)
{
    struct asked *a = prepare(LONG_NS);
    struct headers first, second;
    char seen[512], expected[512];

    (void)state;
    serve(friendly);
    headers_init(&first, 1024);
    headers_init(&second, 1024);
    headers_add(&first, "X-Test", "a b");
    headers_add(&second, "Accept", "*/*");
    buf_puts(&body, "text");
    a->call.method = "POST";
    a->call.path = "/function/f";
    a->call.path_tail = "/more?x=1&y";
    a->call.path_tail_len = strlen("/more?x=1");
    a->call.headers = &first;
    a->call.headers2 = &second;
    answers(start(a), "hi");
    nasty_last(server, seen, sizeof(seen));
    snprintf(expected, sizeof(expected),
             "POST /function/f/more?x=1 HTTP/1.1\r\nX-Test: a b\r\nAccept: */*\r\nHost: %s\r\n"
             "Content-Length: 4\r\n\r\ntext",
             to.text);
    assert_string_equal(seen, expected);
    headers_release(&first);
    headers_release(&second);
}

static void own_host_header_is_sent_once(void **state)
{
    struct asked *a = prepare(LONG_NS);
    struct headers h;
    char seen[512];

    (void)state;
    serve(friendly);
    headers_init(&h, 1024);
    headers_add(&h, "host", "elsewhere");
    a->call.headers = a->call.headers2 = &h;
    answers(start(a), "hi");
    nasty_last(server, seen, sizeof(seen));
    assert_string_equal(seen, "GET / HTTP/1.1\r\nhost: elsewhere\r\n\r\n");
    headers_release(&h);
}

static void post_without_body_has_a_length(void **state)
{
    char seen[512];

    (void)state;
    serve(friendly);
    method = "POST";
    answers(ask(), "hi");
    nasty_last(server, seen, sizeof(seen));
    assert_non_null(strstr(seen, "\r\nContent-Length: 0\r\n"));
}

static void target_that_cannot_be_sent_is_not_sent(void **state)
{
    static const char *const paths[] = {"no-slash", "/a b", "/a\r\nX: y", "/\x7f", ""};

    (void)state;
    serve(friendly);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct asked *a = prepare(LONG_NS);

        a->call.path = paths[i];
        ends(start(a), CALL_NOT_SENT, "target");
    }
    answers(ask(), "hi");
    assert_int_equal(nasty_requests(server), 1);
    assert_int_equal(nasty_accepted(server), 1);
}

static void megabyte_goes_both_ways(void **state)
{
    struct asked *a;

    (void)state;
    serve(echoing);
    method = "PUT";
    assert_int_equal(buf_reserve(&body, MEGABYTE), 0);
    for (size_t i = 0; i < MEGABYTE; i++)
        body.data[i] = (char)(i * 7 ^ i >> 9);
    body.len = MEGABYTE;
    for (int round = 0; round < 2; round++) {
        a = ask();
        ends(a, CALL_ANSWERED, "");
        assert_int_equal(a->response.body.len, MEGABYTE);
        assert_memory_equal(a->response.body.data, body.data, MEGABYTE);
    }
    assert_int_equal(nasty_accepted(server), 1);
}

static void answer_before_the_body_was_taken_counts(void **state)
{
    static const struct nasty_step early[] = {
        {NASTY_SOME, NULL, 0}, {NASTY_SEND, OK_HI, 0}, {NASTY_GATE, NULL, 0}, {NASTY_END, NULL, 0}};
    static const struct nasty_step *const scripts[] = {early, friendly, NULL};

    (void)state;
    serve_all(scripts);
    method = "POST";
    assert_int_equal(buf_reserve(&body, 16 * MEGABYTE), 0);
    memset(body.data, 'x', 16 * MEGABYTE);
    body.len = 16 * MEGABYTE;
    answers(ask(), "hi");
    body.len = 4;
    answers(ask(), "hi");
    assert_int_equal(nasty_accepted(server), 2);
}

/* ---- connections ---- */

static void connection_is_used_again(void **state)
{
    (void)state;
    serve(friendly);
    for (int i = 0; i < 5; i++)
        answers(ask(), "hi");
    assert_int_equal(nasty_accepted(server), 1);
}

static void connection_to_be_closed_is_not_used_again(void **state)
{
    static const struct nasty_step closing[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", 0},
        {NASTY_AGAIN, NULL, 0}};

    (void)state;
    serve(closing);
    for (int i = 0; i < 3; i++)
        answers(ask(), "hi");
    assert_int_equal(nasty_accepted(server), 3);
}

static void more_calls_than_connections_wait_in_line(void **state)
{
    struct asked *a[24];

    (void)state;
    serve(gated);
    limits.connections = 3;
    limit(limits);
    for (size_t i = 0; i < 24; i++)
        a[i] = ask();
    RUN_UNTIL(nasty_requests(server) == 3);
    nasty_let_pass(server, 24);
    for (size_t i = 0; i < 24; i++)
        answers(a[i], "hi");
    assert_int_equal(nasty_requests(server), 24);
    assert_int_equal(nasty_most(server), 3);
    assert_int_equal(nasty_accepted(server), 3);
}

static void line_goes_on_over_connections_that_close(void **state)
{
    struct asked *a[24];
    unsigned answered = 0;

    (void)state;
    serve(once);
    limits.connections = 2;
    limit(limits);
    for (size_t i = 0; i < 24; i++)
        a[i] = ask();
    for (size_t i = 0; i < 24; i++) {
        RUN_UNTIL(a[i]->done);
        answered += a[i]->result == CALL_ANSWERED;
        assert_true(a[i]->result == CALL_ANSWERED || a[i]->result == CALL_LOST);
    }
    assert_true(answered >= 2);
}

static void calls_past_the_line_are_not_sent(void **state)
{
    struct asked *a[6];

    (void)state;
    serve(gated);
    limits.connections = 1;
    limits.waiting = 2;
    limit(limits);
    a[0] = ask();
    RUN_UNTIL(nasty_requests(server) == 1);
    for (size_t i = 1; i < 6; i++)
        a[i] = ask();
    for (size_t i = 3; i < 6; i++)
        ends(a[i], CALL_NOT_SENT, "2 calls wait");
    nasty_let_pass(server, 3);
    for (size_t i = 0; i < 3; i++)
        answers(a[i], "hi");
}

static void idle_connection_closed_by_the_server_is_replaced(void **state)
{
    int turns = 0;

    (void)state;
    serve(once);
    for (unsigned i = 1; i <= 5; i++) {
        answers(ask(), "hi");
        assert_int_equal(nasty_accepted(server), i);
        RUN_UNTIL(nasty_open(server) == 0);
        for (turns = 0; turns < 3; turns++)
            ev_run(reactor.loop, EVRUN_ONCE);
    }
}

static void idle_connection_that_talks_is_replaced(void **state)
{
    static const struct nasty_step talker[] = {{NASTY_REQUEST, NULL, 0}, {NASTY_SEND, OK_HI, 0},
                                               {NASTY_GATE, NULL, 0},    {NASTY_SEND, OK_HI, 0},
                                               {NASTY_DRAIN, NULL, 0},   {NASTY_END, NULL, 0}};

    (void)state;
    serve(talker);
    answers(ask(), "hi");
    nasty_let_pass(server, 1);
    RUN_UNTIL(nasty_open(server) == 0);
    answers(ask(), "hi");
    assert_int_equal(nasty_accepted(server), 2);
}

static void bytes_after_an_answer_end_the_connection(void **state)
{
    static const struct nasty_step pipelined[] = {
        {NASTY_REQUEST, NULL, 0}, {NASTY_SEND, OK_HI OK_HI, 0}, {NASTY_AGAIN, NULL, 0}};

    (void)state;
    serve(pipelined);
    answers(ask(), "hi");
    RUN_UNTIL(nasty_open(server) == 0);
    answers(ask(), "hi");
    assert_int_equal(nasty_accepted(server), 2);
}

static void unused_connection_is_closed_after_a_while(void **state)
{
    (void)state;
    serve(friendly);
    limits.idle_ns = 1000000;
    limit(limits);
    answers(ask(), "hi");
    RUN_UNTIL(nasty_open(server) == 0);
    answers(ask(), "hi");
    assert_int_equal(nasty_accepted(server), 2);
}

/* ---- calls that fail ---- */

static void refused_call_is_not_sent(void **state)
{
    struct asked *a[8];
    int fd = refuse();

    (void)state;
    for (size_t i = 0; i < 8; i++)
        a[i] = ask();
    for (size_t i = 0; i < 8; i++) {
        ends(a[i], CALL_NOT_SENT, "refused");
        assert_memory_equal(a[i]->call.err, to.text, strlen(to.text));
    }
    close(fd);
}

static void connection_that_is_not_accepted_times_out(void **state)
{
    int fd = refuse(), fillers[8];

    (void)state;
    assert_int_equal(listen(fd, 0), 0);
    for (size_t i = 0; i < 8; i++) { /* its queue is full */
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(fillers[i], (struct sockaddr *)&to.address, to.length);
    }
    limits.connect_ns = SHORT_NS;
    limit(limits);
    ends(ask(), CALL_NOT_SENT, "accept");
    limits.connect_ns = LONG_NS;
    limit(limits);
    ends(start(prepare(SHORT_NS)), CALL_NOT_SENT, "in time");
    cancel(ask());
    for (size_t i = 0; i < 8; i++)
        close(fillers[i]);
    close(fd);
}

static void close_without_an_answer_is_a_loss(void **state)
{
    static const struct nasty_step ruder[] = {{NASTY_REQUEST, NULL, 0}, {NASTY_RESET, NULL, 0}};

    (void)state;
    serve(rude);
    ends(ask(), CALL_LOST, "closed the connection");
    serve(ruder);
    ends(ask(), CALL_LOST, to.text);
    assert_int_equal(nasty_requests(server), 1);
}

static void close_at_once_loses_no_more_than_one(void **state)
{
    static const struct nasty_step shut[] = {{NASTY_END, NULL, 0}};
    static const struct nasty_step *const scripts[] = {shut, friendly, NULL};
    struct asked *a;

    (void)state;
    serve_all(scripts);
    a = ask();
    RUN_UNTIL(a->done);
    assert_true(a->result == CALL_LOST || a->result == CALL_NOT_SENT);
    answers(ask(), "hi");
}

static void loss_of_one_is_not_the_loss_of_others(void **state)
{
    static const struct nasty_step *const scripts[] = {rude, friendly, NULL};
    struct asked *a[4];

    (void)state;
    serve_all(scripts);
    limits.connections = 1;
    limit(limits);
    for (size_t i = 0; i < 4; i++)
        a[i] = ask();
    ends(a[0], CALL_LOST, "");
    for (size_t i = 1; i < 4; i++)
        answers(a[i], "hi");
}

static void slow_answer_times_out(void **state)
{
    (void)state;
    serve(silent);
    ends(start(prepare(SHORT_NS)), CALL_TIMEOUT, "did not answer in time");
    RUN_UNTIL(nasty_open(server) == 0);
}

static void half_an_answer_times_out(void **state)
{
    static const struct nasty_step half[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 0},
        {NASTY_DRAIN, NULL, 0},
        {NASTY_END, NULL, 0}};

    (void)state;
    serve(half);
    ends(start(prepare(SHORT_NS)), CALL_TIMEOUT, to.text);
    RUN_UNTIL(nasty_open(server) == 0);
}

static void call_in_line_that_times_out_is_not_sent(void **state)
{
    struct asked *first, *second;

    (void)state;
    serve(gated);
    limits.connections = 1;
    limit(limits);
    first = ask();
    RUN_UNTIL(nasty_requests(server) == 1);
    second = start(prepare(SHORT_NS));
    ends(second, CALL_NOT_SENT, "no connection was free in time");
    nasty_let_pass(server, 1);
    answers(first, "hi");
    assert_int_equal(nasty_requests(server), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(request_is_written_as_http),
        TEST(own_host_header_is_sent_once),
        TEST(post_without_body_has_a_length),
        TEST(target_that_cannot_be_sent_is_not_sent),
        TEST(megabyte_goes_both_ways),
        TEST(answer_before_the_body_was_taken_counts),
        TEST(connection_is_used_again),
        TEST(connection_to_be_closed_is_not_used_again),
        TEST(more_calls_than_connections_wait_in_line),
        TEST(line_goes_on_over_connections_that_close),
        TEST(calls_past_the_line_are_not_sent),
        TEST(idle_connection_closed_by_the_server_is_replaced),
        TEST(idle_connection_that_talks_is_replaced),
        TEST(bytes_after_an_answer_end_the_connection),
        TEST(unused_connection_is_closed_after_a_while),
        TEST(refused_call_is_not_sent),
        TEST(connection_that_is_not_accepted_times_out),
        TEST(close_without_an_answer_is_a_loss),
        TEST(close_at_once_loses_no_more_than_one),
        TEST(loss_of_one_is_not_the_loss_of_others),
        TEST(slow_answer_times_out),
        TEST(half_an_answer_times_out),
        TEST(call_in_line_that_times_out_is_not_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
