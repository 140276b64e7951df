#include "tests/host/support_calls.h"

/* Plays the answer to one call, closes, and returns the call when it has ended. */
static struct asked *hear(enum nasty_verb how, const char *text, size_t size)
{
    static struct nasty_step script[4];
    struct asked *a;

    nasty_stop(server);
    server = NULL;
    script[0].verb = NASTY_REQUEST;
    script[1] = (struct nasty_step){how, text, size};
    script[2].verb = NASTY_END;
    serve(script);
    a = ask();
    RUN_UNTIL(a->done);
    return a;
}

/* At once, and byte by byte. */
static void is_read_as(const char *text, int status, const char *expected)
{
    answers(hear(NASTY_SEND, text, 0), expected);
    assert_int_equal(asked[n_asked - 1].call.status, status);
    answers(hear(NASTY_TRICKLE, text, 0), expected);
    assert_int_equal(asked[n_asked - 1].call.status, status);
}

static void is_bad(const char *text, size_t size)
{
    ends(hear(NASTY_SEND, text, size), CALL_BAD, "is not HTTP");
}

static void is_lost(const char *text)
{
    ends(hear(NASTY_SEND, text, 0), CALL_LOST, "closed the connection in the middle of its answer");
}

static void answer_with_a_length(void **state)
{
    (void)state;
    is_read_as(OK_HI, 200, "hi");
    is_read_as("HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n", 404, "");
    is_read_as("HTTP/1.0 500 x\r\nContent-Length: 3\r\n\r\nwhy", 500, "why");
}

static void chunked_answer_is_joined(void **state)
{
    (void)state;
    is_read_as("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
               "5\r\nhello\r\n1;ext=1\r\n \r\nA\r\n0123456789\r\n0\r\n\r\n",
               200, "hello 0123456789");
    is_read_as("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\n\r\n", 200,
               "");
    assert_null(headers_get(&asked[0].response.headers, "Transfer-Encoding"));
}

static void chunked_answer_leaves_the_connection_usable(void **state)
{
    static const struct nasty_step chunked[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
         0},
        {NASTY_AGAIN, NULL, 0}};

    (void)state;
    serve(chunked);
    for (int i = 0; i < 3; i++)
        answers(ask(), "hi");
    assert_int_equal(nasty_accepted(server), 1);
}

static void answer_without_a_length_ends_with_the_connection(void **state)
{
    (void)state;
    is_read_as("HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "until the end");
    is_read_as("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n", 200, "");
    assert_string_equal(headers_get(&asked[2].response.headers, "content-type"), "text/plain");
}

static void answers_without_a_body_end_with_their_head(void **state)
{
    static const struct nasty_step bare[] = {{NASTY_REQUEST, NULL, 0},
                                             {NASTY_SEND, "HTTP/1.1 204 No Content\r\n\r\n", 0},
                                             {NASTY_REQUEST, NULL, 0},
                                             {NASTY_SEND, "HTTP/1.1 304 Not Modified\r\n\r\n", 0},
                                             {NASTY_AGAIN, NULL, 0}};

    (void)state;
    serve(bare);
    for (int i = 0; i < 4; i++) {
        answers(ask(), "");
        assert_int_equal(asked[i].call.status, i % 2 ? 304 : 204);
    }
    assert_int_equal(nasty_accepted(server), 1);
}

static void answers_before_the_answer_are_left_out(void **state)
{
    (void)state;
    is_read_as("HTTP/1.1 100 Continue\r\n\r\n" OK_HI, 200, "hi");
    is_read_as("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 y\r\n\r\n" OK_HI, 200,
               "hi");
    assert_null(headers_get(&asked[2].response.headers, "Link"));
    is_lost("HTTP/1.1 100 Continue\r\n\r\n");
}

static void headers_come_end_to_end_only(void **state)
{
    struct asked *a = hear(NASTY_TRICKLE,
                           "HTTP/1.1 200 OK\r\nX-One: 1\r\nKeep-Alive: timeout=5\r\nX-Empty:\r\n"
                           "Connection: keep-alive\r\nX-One:  2\r\nContent-Length: 0\r\n\r\n",
                           0);
    const char *name, *value;
    size_t at = 0;

    (void)state;
    answers(a, "");
    assert_int_equal(a->response.headers.count, 3);
    assert_true(headers_next(&a->response.headers, &at, &name, &value));
    assert_string_equal(name, "X-One");
    assert_string_equal(value, "1");
    assert_true(headers_next(&a->response.headers, &at, &name, &value));
    assert_string_equal(name, "X-Empty");
    assert_string_equal(value, "");
    assert_true(headers_next(&a->response.headers, &at, &name, &value));
    assert_string_equal(value, "2");
}

static void what_connection_names_is_not_passed_on(void **state)
{
    struct asked *a;

    (void)state;
    is_read_as("HTTP/1.1 200 OK\r\nX-One: 1\r\nConnection: X-One, close\r\nX-Two: 2\r\n"
               "connection: x-three\r\nX-Three: 3\r\nContent-Length: 2\r\n\r\nhi",
               200, "hi");
    for (unsigned i = 0; i < 2; i++) {
        a = &asked[n_asked - 1 - i];
        assert_int_equal(a->response.headers.count, 1);
        assert_string_equal(headers_get(&a->response.headers, "X-Two"), "2");
    }
}

static void headers_that_may_not_be_passed_on_are_told(void **state)
{
    (void)state;
    ends(hear(NASTY_SEND, "HTTP/1.1 200 OK\r\nX-One: a\tb\x01\r\n\r\n", 0), CALL_BAD,
         "its answer is not HTTP: invalid character in header");
    ends(hear(NASTY_SEND, "HTTP/1.1 101 Switching Protocols\r\n\r\n", 0), CALL_BAD,
         "its answer is not HTTP: a status that nobody asked for");
}

static void what_is_not_http_is_bad(void **state)
{
    static const char *const garbage[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "<html>no head at all</html>",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 2000000000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    };

    (void)state;
    is_bad("\0\0\0\0\xff\xfe", 6);
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++)
        is_bad(garbage[i], 0);
}

static void answer_that_breaks_off_is_lost(void **state)
{
    (void)state;
    ends(hear(NASTY_SEND, "HTTP", 0), CALL_LOST, "closed the connection without an answer");
    is_lost("HTTP/1.1 200 OK\r\nX-On");
    is_lost("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    is_lost("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    is_lost("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n");
}

static void reset_within_an_answer_with_a_length_is_a_loss(void **state)
{
    static const struct nasty_step half[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 0},
        {NASTY_RESET, NULL, 0}};

    (void)state;
    serve(half);
    ends(ask(), CALL_LOST, to.text);
}

static void answer_past_the_limit_is_bad(void **state)
{
    static const struct nasty_step large[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 3145728\r\n\r\n", 0},
        {NASTY_REPEAT, "0123456789abcdef", 3 * MEGABYTE / 16},
        {NASTY_END, NULL, 0}};
    static const struct nasty_step endless[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 200 OK\r\n\r\n", 0},
        {NASTY_REPEAT, "0123456789abcdef", 64 * MEGABYTE / 16},
        {NASTY_END, NULL, 0}};

    (void)state;
    serve(large);
    ends(ask(), CALL_BAD, "larger than the limit");
    assert_true(asked[0].response.body.len <= 2 * MEGABYTE);
    serve(endless);
    ends(ask(), CALL_BAD, "larger than the limit");
}

static void answer_as_large_as_the_limit_is_taken(void **state)
{
    static const struct nasty_step full[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 2097152\r\n\r\n", 0},
        {NASTY_REPEAT, "0123456789abcdef", 2 * MEGABYTE / 16},
        {NASTY_END, NULL, 0}};

    (void)state;
    serve(full);
    ends(ask(), CALL_ANSWERED, "");
    assert_int_equal(asked[0].response.body.len, 2 * MEGABYTE);
}

static void header_flood_is_bad(void **state)
{
    static const struct nasty_step flood[] = {{NASTY_REQUEST, NULL, 0},
                                              {NASTY_SEND, "HTTP/1.1 200 OK\r\n", 0},
                                              {NASTY_REPEAT, "X-Flood: 0123456789\r\n", 1 << 20},
                                              {NASTY_END, NULL, 0}};
    static const struct nasty_step long_name[] = {{NASTY_REQUEST, NULL, 0},
                                                  {NASTY_SEND, "HTTP/1.1 200 OK\r\n", 0},
                                                  {NASTY_REPEAT, "X-", 1 << 20},
                                                  {NASTY_END, NULL, 0}};
    struct asked *a;

    (void)state;
    serve(flood);
    ends(ask(), CALL_BAD, "header lines are larger than limits.headers");
    assert_true(asked[0].response.headers.text.len <= 4096);
    a = prepare(LONG_NS); /* nobody wants the headers: still not without end */
    a->call.response = NULL;
    ends(start(a), CALL_BAD, to.text);
    serve(long_name);
    ends(ask(), CALL_BAD, "header lines are larger than limits.headers");
}

static void answer_that_nobody_wants_is_dropped(void **state)
{
    struct asked *a;

    (void)state;
    serve(friendly);
    for (int i = 0; i < 3; i++) {
        a = prepare(LONG_NS);
        a->call.response = NULL;
        ends(start(a), CALL_ANSWERED, "");
        assert_int_equal(a->call.status, 200);
    }
    assert_int_equal(nasty_accepted(server), 1);
}

static void bad_answer_does_not_spoil_the_next(void **state)
{
    static const struct nasty_step wrong[] = {
        {NASTY_REQUEST, NULL, 0}, {NASTY_SEND, "nonsense\r\n\r\n", 0}, {NASTY_END, NULL, 0}};
    static const struct nasty_step *const scripts[] = {wrong, friendly, NULL};

    (void)state;
    serve_all(scripts);
    ends(ask(), CALL_BAD, "is not HTTP");
    answers(ask(), "hi");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answer_with_a_length),
        TEST(chunked_answer_is_joined),
        TEST(chunked_answer_leaves_the_connection_usable),
        TEST(answer_without_a_length_ends_with_the_connection),
        TEST(answers_without_a_body_end_with_their_head),
        TEST(answers_before_the_answer_are_left_out),
        TEST(headers_come_end_to_end_only),
        TEST(what_connection_names_is_not_passed_on),
        TEST(headers_that_may_not_be_passed_on_are_told),
        TEST(what_is_not_http_is_bad),
        TEST(answer_that_breaks_off_is_lost),
        TEST(reset_within_an_answer_with_a_length_is_a_loss),
        TEST(answer_past_the_limit_is_bad),
        TEST(answer_as_large_as_the_limit_is_taken),
        TEST(header_flood_is_bad),
        TEST(answer_that_nobody_wants_is_dropped),
        TEST(bad_answer_does_not_spoil_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
