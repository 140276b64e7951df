#include "tests/host/support_calls.h"

#include <unistd.h>

/* ---- cancelling, and done() that goes on ---- */

static void cancelled_call_in_line_leaves_it(void **state)
{
    struct asked *a[4];

    (void)state;
    serve(gated);
    limits.connections = 1;
    limit(limits);
    for (size_t i = 0; i < 4; i++)
        a[i] = ask();
    RUN_UNTIL(nasty_requests(server) == 1);
    cancel(a[2]);
    cancel(a[3]);
    cancel(a[1]);
    a[1] = ask();
    nasty_let_pass(server, 2);
    answers(a[0], "hi");
    answers(a[1], "hi");
    assert_int_equal(nasty_requests(server), 2);
}

static void cancelled_call_while_connecting_is_not_sent(void **state)
{
    struct asked *a;

    (void)state;
    serve(friendly);
    cancel(ask());
    RUN_UNTIL(nasty_accepted(server) == 1);
    a = ask();
    answers(a, "hi");
    assert_int_equal(nasty_requests(server), 1);
}

static void cancelled_call_on_its_way_closes_the_connection(void **state)
{
    struct asked *a, *next;

    (void)state;
    serve(gated);
    limits.connections = 1;
    limit(limits);
    a = ask();
    next = ask();
    RUN_UNTIL(nasty_requests(server) == 1);
    cancel(a);
    nasty_let_pass(server, 2);
    answers(next, "hi");
    assert_int_equal(nasty_accepted(server), 2);
    assert_int_equal(a->done, 0);
}

static void cancelled_call_within_an_answer_is_not_told(void **state)
{
    static const struct nasty_step half[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 0},
        {NASTY_DRAIN, NULL, 0},
        {NASTY_END, NULL, 0}};
    struct asked *a;

    (void)state;
    serve(half);
    a = ask();
    RUN_UNTIL(a->response.body.len == 4);
    cancel(a);
    RUN_UNTIL(nasty_open(server) == 0);
}

static void cancelled_call_that_has_ended_is_not_told(void **state)
{
    struct asked *a[3];

    (void)state;
    serve(friendly);
    limits.waiting = 0;
    limit(limits);
    for (size_t i = 0; i < 3; i++)
        a[i] = ask();
    cancel(a[1]);
    ends(a[0], CALL_NOT_SENT, "wait");
    ends(a[2], CALL_NOT_SENT, "wait");
}

static void cancel_after_done_is_harmless(void **state)
{
    struct asked *a;

    (void)state;
    serve(friendly);
    a = ask();
    answers(a, "hi");
    cancel(a);
    cancel(a);
    answers(ask(), "hi");
    assert_int_equal(nasty_accepted(server), 1);
}

static void ask_again(struct asked *a)
{
    if (n_asked < 20) {
        struct asked *next = prepare(LONG_NS);

        next->then = a->then;
        start(next);
    }
}

static void done_may_start_the_next(void **state)
{
    struct asked *a = prepare(LONG_NS);

    (void)state;
    serve(friendly);
    a->then = ask_again;
    start(a);
    RUN_UNTIL(n_asked == 20 && asked[19].done);
    for (unsigned i = 0; i < 20; i++)
        answers(&asked[i], "hi");
    assert_int_equal(nasty_accepted(server), 1);
}

static void cancel_the_others(struct asked *a)
{
    for (unsigned i = 0; i < n_asked; i++)
        if (&asked[i] != a)
            cancel(&asked[i]);
}

static void done_may_cancel_the_others(void **state)
{
    int fd = refuse();

    (void)state;
    for (size_t i = 0; i < 5; i++)
        ask()->then = cancel_the_others;
    RUN_UNTIL(asked[0].done + asked[1].done + asked[2].done + asked[3].done + asked[4].done);
    close(fd);
}

static void done_may_cancel_one_on_its_way(void **state)
{
    (void)state;
    serve(gated);
    ask()->then = cancel_the_others;
    ask()->then = cancel_the_others;
    RUN_UNTIL(nasty_requests(server) == 2);
    nasty_let_pass(server, 1);
    RUN_UNTIL(asked[0].done + asked[1].done);
    nasty_let_pass(server, 1); /* to the one that is still there, and finds nobody */
    RUN_UNTIL(nasty_open(server) == 1);
}

static void open_calls_end_before_the_upstreams_are_freed(void **state)
{
    struct asked *a[5];

    (void)state;
    serve(gated);
    limits.connections = 2;
    limit(limits);
    for (size_t i = 0; i < 5; i++)
        a[i] = ask();
    RUN_UNTIL(nasty_requests(server) == 2);
    limit(limits);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(a[i]->done, 1);
        assert_int_equal(a[i]->result, i < 2 ? CALL_LOST : CALL_NOT_SENT);
    }
}

static void upstreams_are_freed_while_connecting(void **state)
{
    struct asked *a;

    (void)state;
    serve(friendly);
    a = ask();
    limit(limits);
    assert_int_equal(a->done, 1);
    assert_int_equal(a->result, CALL_NOT_SENT);
}

static void two_servers_do_not_share_connections(void **state)
{
    struct nasty *first;
    struct endpoint here;

    (void)state;
    serve(friendly);
    answers(ask(), "hi");
    first = server;
    here = to;
    server = NULL;
    serve(echoing);
    answers(ask(), "");
    to = here;
    answers(ask(), "hi");
    assert_int_equal(nasty_accepted(first), 1);
    assert_int_equal(nasty_accepted(server), 1);
    nasty_stop(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cancelled_call_in_line_leaves_it),
        TEST(cancelled_call_while_connecting_is_not_sent),
        TEST(cancelled_call_on_its_way_closes_the_connection),
        TEST(cancelled_call_within_an_answer_is_not_told),
        TEST(cancelled_call_that_has_ended_is_not_told),
        TEST(cancel_after_done_is_harmless),
        TEST(done_may_start_the_next),
        TEST(done_may_cancel_the_others),
        TEST(done_may_cancel_one_on_its_way),
        TEST(open_calls_end_before_the_upstreams_are_freed),
        TEST(upstreams_are_freed_while_connecting),
        TEST(two_servers_do_not_share_connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
