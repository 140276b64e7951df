/* Answers that are read while they come, and requests that end before their time. */
#include "tests/host/support_requests.h"

/* ---- streams ---- */

static void stream_comes_in_pieces(void **state)
{
    static const struct nasty_step script[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 0},
        {NASTY_GATE, NULL, 0},
        {NASTY_TRICKLE, "2\r\nde\r\n", 0},
        {NASTY_GATE, NULL, 0},
        {NASTY_SEND, "0\r\n\r\n", 0},
        {NASTY_AGAIN, NULL, 0}};
    struct asked *a;

    (void)state;
    serve(script);
    a = stream();
    a->request.timeout_ns = 0;
    start(a);
    RUN_UNTIL(a->came.len == 3);
    assert_int_equal(a->request.status, 201);
    nasty_let_pass(server, 1);
    RUN_UNTIL(a->came.len == 5);
    assert_int_equal(a->done, 0);
    nasty_let_pass(server, 1);
    answers(a, 201, "abcde");
}

static void long_stream_comes_whole(void **state)
{
    enum { BLOCK = 32 << 10 };
    static char block[BLOCK + 1];
    static const struct nasty_step script[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n", 0},
        {NASTY_REPEAT, block, 8 * MEGABYTE / BLOCK},
        {NASTY_AGAIN, NULL, 0}};
    struct asked *a, *b;

    (void)state;
    for (size_t i = 0; i < BLOCK; i++)
        block[i] = (char)('a' + (i * 7 >> 2) % 26);
    serve(script);
    a = start(stream());
    b = start(stream());
    RUN_UNTIL(a->done && b->done);
    assert_true(a->request.complete && b->request.complete);
    assert_int_equal(a->came.len, 8 * MEGABYTE);
    for (size_t i = 0; i < a->came.len; i += BLOCK)
        assert_memory_equal(a->came.data + i, block, BLOCK);
    assert_memory_equal(a->came.data, b->came.data, a->came.len);
}

static void stream_that_breaks_is_told_with_what_came(void **state)
{
    static const struct nasty_step script[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 0},
        {NASTY_END, NULL, 0}};
    struct asked *a;

    (void)state;
    serve(script);
    a = start(stream());
    fails(a, true, "");
    assert_int_equal(a->came.len, 3);
}

/* ---- held ---- */

static void hold_all(struct asked *a)
{
    (void)a;
    for (unsigned i = 0; i < n_asked; i++)
        curl_request_hold(&asked[i].request);
}

static void held_stream_waits_and_comes_whole(void **state)
{
    enum { BLOCK = 32 << 10 };
    static char block[BLOCK + 1];
    static const struct nasty_step script[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n", 0},
        {NASTY_REPEAT, block, 8 * MEGABYTE / BLOCK},
        {NASTY_AGAIN, NULL, 0}};
    struct asked *a, *b;
    size_t before;

    (void)state;
    for (size_t i = 0; i < BLOCK; i++)
        block[i] = (char)('a' + (i * 7 >> 2) % 26);
    serve(script);
    a = stream();
    a->at_piece = hold_all;
    start(a);
    RUN_UNTIL(a->pieces == 1);
    before = a->came.len;
    b = start(stream());
    RUN_UNTIL(b->done);
    assert_int_equal(a->came.len, before);
    while (!a->done) {
        curl_request_go_on(&a->request);
        before = a->pieces;
        RUN_UNTIL(a->done || a->pieces > before);
    }
    assert_true(a->request.complete);
    assert_int_equal(a->came.len, 8 * MEGABYTE);
    for (size_t i = 0; i < a->came.len; i += BLOCK)
        assert_memory_equal(a->came.data + i, block, BLOCK);
}

static void end_of_a_held_stream_waits_too(void **state)
{
    static const struct nasty_step script[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 0},
        {NASTY_AGAIN, NULL, 0}};
    struct asked *a, *b, *c;

    (void)state;
    serve(script);
    a = stream();
    b = stream();
    a->at_piece = b->at_piece = hold_all;
    start(a);
    start(b);
    RUN_UNTIL(a->pieces + b->pieces == 1);
    c = start(prepare("/"));
    RUN_UNTIL(c->done);
    assert_int_equal(a->done + b->done, 0);
    assert_int_equal(a->pieces + b->pieces, 1);
    a->at_piece = b->at_piece = NULL;
    curl_request_go_on(&b->request);
    answers(b, 200, "abc");
    cancel(a);
    assert_int_equal(a->done, 0);
}

/* ---- cancel ---- */

static void cancelled_at_once_and_in_flight(void **state)
{
    struct asked *a, *b;

    (void)state;
    serve(gated);
    cancel(start(prepare("/")));
    a = start(prepare("/"));
    b = start(prepare("/"));
    RUN_UNTIL(nasty_requests(server) == 2);
    cancel(a);
    cancel(a);
    nasty_let_pass(server, 2);
    answers(b, 200, "hi");
    cancel(b);
    assert_int_equal(b->done, 1);
}

static void cancel_all(struct asked *a)
{
    (void)a;
    for (unsigned i = 0; i < n_asked; i++)
        if (curl_request_is_open(&asked[i].request))
            cancel(&asked[i]);
}

static void cancelled_while_a_piece_is_read(void **state)
{
    static const struct nasty_step script[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 0},
        {NASTY_DRAIN, NULL, 0},
        {NASTY_END, NULL, 0}};
    unsigned pieces = 0;

    (void)state;
    serve(script);
    for (unsigned i = 0; i < 8; i++) {
        struct asked *a = stream();

        a->at_piece = cancel_all;
        start(a);
    }
    RUN_UNTIL(asked[0].cancelled);
    for (unsigned i = 0; i < n_asked; i++) {
        assert_true(asked[i].cancelled);
        pieces += asked[i].pieces;
    }
    assert_int_equal(pieces, 1);
    RUN_UNTIL(nasty_open(server) == 0);
}

static void cancelled_at_the_end_of_another(void **state)
{
    (void)state;
    serve(gated);
    for (unsigned i = 0; i < 8; i++) {
        struct asked *a = prepare("/");

        a->then = cancel_all;
        start(a);
    }
    RUN_UNTIL(nasty_requests(server) == 8);
    nasty_let_pass(server, 8);
    RUN_UNTIL(asked[0].done || asked[0].cancelled);
    for (unsigned i = 0, done = 0; i < n_asked; i++) {
        done += asked[i].done;
        assert_true(asked[i].done || asked[i].cancelled);
        assert_true(done <= 1);
    }
}

static void once_more(struct asked *a)
{
    if (a->done == 3)
        return;
    a->came.len = 0;
    assert_int_equal(curl_request_start(curls, &a->request), 0);
}

static void used_again_at_its_end(void **state)
{
    struct asked *a;

    (void)state;
    serve(friendly);
    a = prepare("/");
    a->then = once_more;
    start(a);
    RUN_UNTIL(a->done == 3);
    assert_int_equal(nasty_requests(server), 3);
    a->done = 1;
}

static bool freed;

static void free_it(struct curl_request *r, struct buf *answer)
{
    assert_int_equal(answer->len, 2);
    free(r->owner);
    free(r);
    freed = true;
}

static void freed_at_its_end(void **state)
{
    struct curl_request *r = malloc(sizeof(*r));
    char *url = malloc(128);

    (void)state;
    assert_true(r && url);
    serve(friendly);
    snprintf(url, 128, "http://%s/", nasty_address(server));
    *r = (struct curl_request){.url = url, .most = 10, .done = free_it, .owner = url};
    freed = false;
    assert_int_equal(curl_request_start(curls, r), 0);
    RUN_UNTIL(freed);
}

static void open_ones_end_with_the_loop(void **state)
{
    struct asked *a, *b;

    (void)state;
    serve(silent);
    a = start(prepare("/"));
    b = start(stream());
    RUN_UNTIL(nasty_open(server) == 2);
    a->cancelled = b->cancelled = true;
    curl_loop_free(curls);
    curls = NULL;
    assert_false(curl_request_is_open(&a->request));
    curl_request_cancel(&b->request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stream_comes_in_pieces),
        TEST(long_stream_comes_whole),
        TEST(held_stream_waits_and_comes_whole),
        TEST(end_of_a_held_stream_waits_too),
        TEST(stream_that_breaks_is_told_with_what_came),
        TEST(cancelled_at_once_and_in_flight),
        TEST(cancelled_while_a_piece_is_read),
        TEST(cancelled_at_the_end_of_another),
        TEST(used_again_at_its_end),
        TEST(freed_at_its_end),
        TEST(open_ones_end_with_the_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
