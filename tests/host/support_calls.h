/*
 * support_calls.h - a loop, one nasty server, and the calls of one test.  Each test
 * program has its own.  teardown() checks what every test promises: a call that was
 * started is told of once, unless it was cancelled, and not while it is being started.
 */
#ifndef TESTS_HOST_SUPPORT_CALLS_H
#define TESTS_HOST_SUPPORT_CALLS_H

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/upstream.h"
#include "tests/host/support_nasty.h"

enum { GUARD_SECONDS = 20, MOST_CALLS = 64, MEGABYTE = 1 << 20 };
#define LONG_NS 15000000000u
#define SHORT_NS 50000000u

struct asked {
    struct call call;
    struct http_response response;
    enum call_result result;
    unsigned done;
    bool starting, told_inside_start, cancelled;
    void (*then)(struct asked *);
};

static struct reactor reactor;
static struct upstreams *all;
static struct upstream_limits limits;
static struct nasty *server;
static struct endpoint to;
static ev_timer guard, tick;
static bool too_late;
static struct asked asked[MOST_CALLS];
static unsigned n_asked;
static const char *method;
static struct buf body;

static inline void on_guard(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)w;
    (void)events;
    too_late = true;
}

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
    limits = (struct upstream_limits){
        .connections = 4, .waiting = MOST_CALLS, .connect_ns = LONG_NS, .idle_ns = 4 * LONG_NS};
    memset(asked, 0, sizeof(asked));
    n_asked = 0;
    method = "GET";
    too_late = false;
    buf_init(&body, 16 * MEGABYTE);
    if (reactor_init(&reactor, err))
        return -1;
    all = upstreams_new(&reactor, &limits);
    ev_timer_init(&guard, on_guard, GUARD_SECONDS, 0);
    ev_timer_init(&tick, on_tick, 0.001, 0.001);
    ev_timer_start(reactor.loop, &guard);
    ev_timer_start(reactor.loop, &tick);
    return all ? 0 : -1;
}

static inline void limit(struct upstream_limits l)
{
    limits = l;
    upstreams_free(all);
    all = upstreams_new(&reactor, &limits);
    assert_non_null(all);
}

static inline int teardown(void **state)
{
    int rc = 0;

    (void)state;
    upstreams_free(all);
    nasty_stop(server);
    server = NULL;
    for (unsigned i = 0; i < n_asked; i++) {
        if (asked[i].done != !asked[i].cancelled || asked[i].told_inside_start) {
            print_error("call %u: done %u times%s\n", i, asked[i].done,
                        asked[i].told_inside_start ? ", inside upstream_start" : "");
            rc = -1;
        }
        http_response_release(&asked[i].response);
    }
    buf_release(&body);
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
    char err[P2P_ERRLEN];

    nasty_stop(server);
    server = nasty_start(scripts);
    assert_non_null(server);
    assert_int_equal(endpoint_parse(&to, nasty_address(server), 0, err), 0);
}

static inline void serve(const struct nasty_step *script)
{
    static const struct nasty_step *scripts[2];

    nasty_stop(server);
    server = NULL;
    scripts[0] = script;
    serve_all(scripts);
}

static inline void on_done(struct call *c, enum call_result result)
{
    struct asked *a = c->owner;

    a->done++;
    a->result = result;
    a->told_inside_start |= a->starting;
    if (a->then)
        a->then(a);
}

static inline struct asked *prepare(uint64_t timeout_ns)
{
    struct asked *a = &asked[n_asked++];

    assert_true(n_asked <= MOST_CALLS);
    http_response_init(&a->response, &(struct http_limits){.headers = 4096, .body = 2 * MEGABYTE});
    a->call = (struct call){.method = method,
                            .path = "/",
                            .body = &body,
                            .timeout_ns = timeout_ns,
                            .done = on_done,
                            .owner = a,
                            .response = &a->response};
    return a;
}

static inline struct asked *start(struct asked *a)
{
    a->starting = true;
    upstream_start(all, &to, &a->call);
    a->starting = false;
    return a;
}

static inline struct asked *ask(void)
{
    return start(prepare(LONG_NS));
}

static inline void cancel(struct asked *a)
{
    a->cancelled = a->done == 0;
    upstream_cancel(&a->call);
}

static inline void ends(struct asked *a, enum call_result result, const char *why)
{
    RUN_UNTIL(a->done);
    if (a->result != result || !strstr(a->call.err, why))
        fail_msg("ended as %d, not %d, '%s'", (int)a->result, (int)result, a->call.err);
}

static inline void answers(struct asked *a, const char *text)
{
    ends(a, CALL_ANSWERED, "");
    assert_int_equal(a->response.status, a->call.status);
    assert_int_equal(a->response.body.len, strlen(text));
    if (a->response.body.len)
        assert_memory_equal(a->response.body.data, text, strlen(text));
}

#define OK_HI "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
#define STEPS static const struct nasty_step __attribute__((unused))

STEPS friendly[] = {{NASTY_REQUEST, NULL, 0}, {NASTY_SEND, OK_HI, 0}, {NASTY_AGAIN, NULL, 0}};
STEPS gated[] = {{NASTY_REQUEST, NULL, 0},
                 {NASTY_GATE, NULL, 0},
                 {NASTY_SEND, OK_HI, 0},
                 {NASTY_AGAIN, NULL, 0}};
STEPS silent[] = {{NASTY_DRAIN, NULL, 0}, {NASTY_END, NULL, 0}};
STEPS echoing[] = {{NASTY_REQUEST, NULL, 0}, {NASTY_ECHO, NULL, 0}, {NASTY_AGAIN, NULL, 0}};
STEPS once[] = {{NASTY_REQUEST, NULL, 0}, {NASTY_SEND, OK_HI, 0}, {NASTY_END, NULL, 0}};
STEPS rude[] = {{NASTY_REQUEST, NULL, 0}, {NASTY_END, NULL, 0}};

/* A port that is ours and refuses. */
static inline int refuse(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t size = sizeof(a);
    char text[32], err[P2P_ERRLEN];

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, size) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(a.sin_port));
    assert_int_equal(endpoint_parse(&to, text, 0, err), 0);
    return fd;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
