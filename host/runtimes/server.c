/*
 * server.c - a function is a long-lived program that listens on PORT, reached over
 * keep-alive connections of whatever thread has the call.
 */
#include <string.h>

#include "host/runtimes/program.h"
#include "host/runtimes/runtime.h"

enum { MOST_TRIES = 5 }; /* to reach a program; each of them sent nothing */
static const double RETRY_AFTER = 0.01;

enum served_state { WAITING, CALLING, RESTING };

/* One run; belongs to the run's thread, but for its place in the line. */
struct served {
    struct run *run;
    struct program_waiter waiter;
    enum served_state state;
    enum run_result verdict; /* decided while its turn was on its way */
    bool has_verdict;
    bool lost; /* one answer, and the call was sent again */
    unsigned tries;
    uint64_t end_ns;
    struct call call;
    ev_timer timer; /* of the wait for the program, or the rest before a retry */
};

static struct ev_loop *loop_of(const struct served *s)
{
    return s->run->reactor->loop;
}

static void set_timer(struct served *s, void (*over)(struct ev_loop *, ev_timer *, int),
                      double seconds)
{
    ev_timer_stop(loop_of(s), &s->timer);
    ev_now_update(loop_of(s));
    ev_timer_init(&s->timer, over, seconds, 0);
    s->timer.data = s;
    ev_timer_start(loop_of(s), &s->timer);
}

_Static_assert(sizeof(struct served) <= RUN_MEMORY, "a run needs no allocation");

/* At least 1. */
static uint64_t ns_left(const struct served *s)
{
    uint64_t now = clock_ns();

    return s->end_ns > now ? s->end_ns - now : 1;
}

/* ---- the end ---- */

static void explain(struct served *s, int status, const char *what)
{
    s->run->status = status;
    snprintf(s->run->err, sizeof(s->run->err), "function '%s': %s", program_name(s->run->program),
             what);
}

static void finish(struct served *s, enum run_result result)
{
    struct run *run = s->run;

    ev_timer_stop(loop_of(s), &s->timer);
    run->ended_ns = result == RUN_ANSWERED ? s->call.answered_ns : clock_ns();
    run->state = NULL;
    run->done(run, result);
}

static void end_with(struct served *s, enum run_result verdict)
{
    char why[P2P_ERRLEN];

    if (verdict == RUN_TIMEOUT) {
        explain(s, 504, "no answer in time: its program is not ready");
    } else if (verdict == RUN_CANCELLED) {
        explain(s, 503, "was cancelled");
    } else {
        program_why(s->run->program, why);
        explain(s, 502, why);
    }
    finish(s, verdict);
}

/* ---- the call ---- */

static void wait_for_program(struct served *s);

static void on_rested(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    wait_for_program(w->data);
}

static bool may_rest(const struct served *s)
{
    return (double)ns_left(s) / 1e9 > RETRY_AFTER;
}

static void rest(struct served *s)
{
    s->state = RESTING;
    set_timer(s, on_rested, RETRY_AFTER);
}

static void on_answer(struct call *call, enum call_result result)
{
    struct served *s = call->owner;

    s->run->may_have_run |= result != CALL_NOT_SENT;
    switch (result) {
    case CALL_ANSWERED:
        program_answered(s->run->program);
        finish(s, RUN_ANSWERED);
        return;
    case CALL_NOT_SENT:
        /* It may have ended a moment ago, with nobody told yet. */
        if (++s->tries < MOST_TRIES && may_rest(s)) {
            rest(s);
            return;
        }
        explain(s, 502, call->err);
        finish(s, RUN_FAILED);
        return;
    case CALL_TIMEOUT:
        program_timed_out(s->run->program);
        explain(s, 504, call->err);
        finish(s, RUN_TIMEOUT);
        return;
    case CALL_LOST:
        /* Once more, and from the beginning: the program has most likely ended. */
        if (program_is_idempotent(s->run->program) && !s->lost && may_rest(s)) {
            s->lost = true;
            rest(s);
            return;
        }
        explain(s, 502, call->err);
        finish(s, RUN_FAILED);
        return;
    case CALL_BAD:
        explain(s, 502, call->err);
        finish(s, RUN_TOO_LARGE);
        return;
    }
}

static void send_call(struct served *s, const struct endpoint *to, uint64_t now)
{
    const struct http_request *rq = s->run->request;
    const char *target = rq->target.len ? rq->target.data : "";
    bool rooted = target[0] == '/';

    ev_timer_stop(loop_of(s), &s->timer);
    s->state = CALLING;
    http_response_clear(s->run->response);
    s->call = (struct call){
        .method = rq->method,
        .path = rooted ? target : "/",
        .path_tail = rooted ? NULL : target,
        .path_tail_len = rooted ? 0 : rq->target.len,
        .headers = &rq->headers,
        .body = &rq->body,
        .started_ns = now,
        .timeout_ns = s->end_ns > now ? s->end_ns - now : 1,
        .done = on_answer,
        .owner = s,
        .response = s->run->response,
    };
    upstream_start(s->run->reactor->upstreams, to, &s->call);
}

/* ---- the wait for the program ---- */

static void on_turn(struct task *t)
{
    struct served *s = (struct served *)((char *)t - offsetof(struct served, waiter.turn));

    if (s->has_verdict)
        end_with(s, s->verdict);
    else if (s->waiter.failed)
        end_with(s, RUN_FAILED);
    else
        send_call(s, &s->waiter.endpoint, clock_ns());
}

/* Leaves the line with this verdict, or as soon as its turn comes. */
static void leave(struct served *s, enum run_result verdict)
{
    if (program_leave(s->run->program, &s->waiter)) {
        end_with(s, verdict);
    } else if (!s->has_verdict) {
        s->has_verdict = true;
        s->verdict = verdict;
    }
}

static void on_waited_long(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    leave(w->data, RUN_TIMEOUT);
}

static void wait_for_program(struct served *s)
{
    s->state = WAITING;
    set_timer(s, on_waited_long, (double)ns_left(s) / 1e9);
    s->run->cold |= program_wait(s->run->program, &s->waiter);
}

/* ---- the vtable ---- */

static void server_start(struct run *run)
{
    struct served *s = (struct served *)(void *)run->memory;
    struct endpoint at;

    s->run = run;
    s->waiter.home = run->reactor;
    s->waiter.turn.run = on_turn;
    s->has_verdict = s->lost = false;
    s->tries = 0;
    s->end_ns = run->started_ns + run->timeout_ns;
    ev_timer_init(&s->timer, on_waited_long, 0, 0);
    run->state = s;
    if (program_ready(run->program, &at))
        send_call(s, &at, run->started_ns);
    else
        wait_for_program(s);
}

static void server_cancel(struct run *run)
{
    struct served *s = run->state;

    if (!s)
        return;
    if (s->state == WAITING) {
        leave(s, RUN_CANCELLED);
        return;
    }
    if (s->state == CALLING) {
        run->may_have_run |= s->call.sent;
        upstream_cancel(&s->call);
    }
    end_with(s, RUN_CANCELLED);
}

const struct runtime runtime_server = {
    .name = "process/http",
    .open = program_open,
    .close = program_close,
    .start = server_start,
    .cancel = server_cancel,
    .describe = program_describe,
};
