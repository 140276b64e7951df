/*
 * support_requests.h - a loop, libcurl on it, one nasty server, and the requests of one
 * test.  Each test program has its own.  teardown() checks what every test promises: a
 * request that was started is told of once, unless it was cancelled, and not while it is
 * being started.
 */
#ifndef TESTS_HOST_SUPPORT_REQUESTS_H
#define TESTS_HOST_SUPPORT_REQUESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/curl_loop.h"
#include "tests/host/support_nasty.h"

enum { GUARD_SECONDS = 20, MOST_ASKED = 64, MEGABYTE = 1 << 20 };
#define LONG_NS 15000000000u
#define SHORT_NS 50000000u
#define STEPS static const struct nasty_step __attribute__((unused))
#define OK_HI "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

struct asked {
    struct curl_request request;
    char url[128];
    struct buf came; /* of its pieces, or its answer */
    unsigned done, pieces;
    bool starting, told_inside_start, cancelled;
    void (*then)(struct asked *); /* at its end */
    void (*at_piece)(struct asked *);
};

static struct reactor reactor;
static struct curl_loop *curls;
static struct nasty *server;
static ev_timer guard, tick;
static bool too_late;
static struct asked asked[MOST_ASKED];
static unsigned n_asked;

STEPS friendly[] = {{NASTY_REQUEST, NULL, 0}, {NASTY_SEND, OK_HI, 0}, {NASTY_AGAIN, NULL, 0}};
STEPS gated[] = {{NASTY_REQUEST, NULL, 0},
                 {NASTY_GATE, NULL, 0},
                 {NASTY_SEND, OK_HI, 0},
                 {NASTY_AGAIN, NULL, 0}};
STEPS silent[] = {{NASTY_DRAIN, NULL, 0}, {NASTY_END, NULL, 0}};
STEPS echoing[] = {{NASTY_REQUEST, NULL, 0}, {NASTY_ECHO, NULL, 0}, {NASTY_AGAIN, NULL, 0}};

static inline void on_guard(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)w;
    (void)events;
    too_late = true;
}

/* So that the loop looks at what only the server knows. */
static inline void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)w;
    (void)events;
}

static inline int setup(void **state)
{
    char err[P2P_ERRLEN];

    (void)state;
    memset(asked, 0, sizeof(asked));
    n_asked = 0;
    too_late = false;
    if (reactor_init(&reactor, err))
        return -1;
    curls = curl_loop_new(&reactor);
    ev_timer_init(&guard, on_guard, GUARD_SECONDS, 0);
    ev_timer_start(reactor.loop, &guard);
    ev_timer_init(&tick, on_tick, 0.001, 0.001);
    ev_timer_start(reactor.loop, &tick);
    return curls ? 0 : -1;
}

static inline int teardown(void **state)
{
    int rc = 0;

    (void)state;
    curl_loop_free(curls);
    curls = NULL;
    nasty_stop(server);
    server = NULL;
    for (unsigned i = 0; i < n_asked; i++) {
        if (asked[i].done != !asked[i].cancelled || asked[i].told_inside_start) {
            print_error("request %u: done %u times%s\n", i, asked[i].done,
                        asked[i].told_inside_start ? ", inside its start" : "");
            rc = -1;
        }
        buf_release(&asked[i].came);
    }
    ev_timer_stop(reactor.loop, &guard);
    ev_timer_stop(reactor.loop, &tick);
    reactor_release(&reactor);
    return rc;
}

#define RUN_UNTIL(condition)                                                                       \
    while (!(condition)) {                                                                         \
        if (too_late)                                                                              \
            fail_msg("in vain: %s", #condition);                                                   \
        ev_run(reactor.loop, EVRUN_ONCE);                                                          \
    }

static inline void serve_all(const struct nasty_step *const *scripts)
{
    server = nasty_start(scripts);
    assert_non_null(server);
}

static inline void serve(const struct nasty_step *script)
{
    static const struct nasty_step *scripts[2];

    scripts[0] = script;
    serve_all(scripts);
}

static inline void on_done(struct curl_request *r, struct buf *answer)
{
    struct asked *a = r->owner;

    a->done++;
    a->told_inside_start |= a->starting;
    assert_false(curl_request_is_open(r));
    assert_true((answer == NULL) == (r->piece != NULL));
    if (answer && answer->len)
        assert_int_equal(buf_append(&a->came, answer->data, answer->len), 0);
    if (a->then)
        a->then(a);
}

static inline void on_piece(struct curl_request *r, const char *bytes, size_t n)
{
    struct asked *a = r->owner;

    a->pieces++;
    assert_true(n > 0);
    assert_int_equal(a->done, 0);
    assert_int_equal(buf_append(&a->came, bytes, n), 0);
    if (a->at_piece)
        a->at_piece(a);
}

static inline struct asked *prepare_url(const char *url)
{
    struct asked *a = &asked[n_asked++];

    assert_true(n_asked <= MOST_ASKED);
    snprintf(a->url, sizeof(a->url), "%s", url);
    buf_init(&a->came, 16 * MEGABYTE);
    a->request = (struct curl_request){.url = a->url,
                                       .most = MEGABYTE,
                                       .connect_ns = LONG_NS,
                                       .timeout_ns = LONG_NS,
                                       .done = on_done,
                                       .owner = a};
    return a;
}

static inline struct asked *prepare(const char *path)
{
    char url[128];

    snprintf(url, sizeof(url), "http://%s%s", nasty_address(server), path);
    return prepare_url(url);
}

static inline struct asked *start(struct asked *a)
{
    a->starting = true;
    assert_int_equal(curl_request_start(curls, &a->request), 0);
    a->starting = false;
    return a;
}

static inline struct asked *stream(void)
{
    struct asked *a = prepare("/");

    a->request.piece = on_piece;
    return a;
}

static inline void cancel(struct asked *a)
{
    a->cancelled = a->done == 0;
    curl_request_cancel(&a->request);
    assert_false(curl_request_is_open(&a->request));
}

static inline void answers(struct asked *a, int status, const char *text)
{
    RUN_UNTIL(a->done);
    if (!a->request.complete)
        fail_msg("%s", a->request.err);
    assert_int_equal(a->request.status, status);
    assert_string_equal(a->request.err, "");
    assert_true(a->request.sent);
    assert_int_equal(a->came.len, strlen(text));
    if (a->came.len)
        assert_memory_equal(a->came.data, text, strlen(text));
}

static inline void fails(struct asked *a, bool sent, const char *why)
{
    RUN_UNTIL(a->done);
    assert_false(a->request.complete);
    if (!strstr(a->request.err, why))
        fail_msg("ended with '%s'", a->request.err);
    assert_int_equal(a->request.sent, sent);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
