#include "host/runtimes/served.h"

#include <string.h>

enum { MOST_TRIES = 5 }; /* to reach the function; each of them sent nothing */
static const double RETRY_AFTER = 0.01;

enum served_state { WAITING, CALLING, RESTING };

/* One run; belongs to the run's thread, but for its place in the line. */
struct served {
    struct run *run;
    const struct supply *from;
    struct served_waiter waiter;
    enum served_state state;
    enum run_result verdict; /* decided while its turn was on its way */
    bool has_verdict;
    bool lost; /* one answer, and the call was sent again */
    unsigned tries;
    uint64_t end_ns;
    struct call call;
    ev_timer timer; /* of the wait for a place, or the rest before a retry */
};

static struct ev_loop *loop_of(const struct served *s)
{
    return s->run->reactor->loop;
}

static const struct function_config *config_of(const struct served *s)
{
    return s->from->config(s->run->program);
}

static void give(struct served *s, enum place_use how)
{
    s->from->give(s->run->program, &s->waiter, how);
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
    snprintf(s->run->err, sizeof(s->run->err), "function '%s': %s", config_of(s)->name, what);
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
    int status;

    if (verdict == RUN_TIMEOUT) {
        explain(s, 504, "no answer in time: it is not ready");
    } else if (verdict == RUN_CANCELLED) {
        explain(s, 503, "was cancelled");
    } else {
        status = s->from->why(s->run->program, why);
        explain(s, status, why);
    }
    finish(s, verdict);
}

/* ---- the call ---- */

static void wait_for_place(struct served *s);

static void on_rested(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    wait_for_place(w->data);
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

static enum place_use use_of(enum call_result result)
{
    static const enum place_use uses[] = {[CALL_ANSWERED] = PLACE_ANSWERED,
                                          [CALL_NOT_SENT] = PLACE_UNREACHABLE,
                                          [CALL_LOST] = PLACE_LOST,
                                          [CALL_TIMEOUT] = PLACE_TIMED_OUT,
                                          [CALL_BAD] = PLACE_ANSWERED};

    return uses[result];
}

static void tell_cold_start(struct served *s)
{
    struct cold_start *cold = &s->run->cold_start;

    *cold = s->waiter.cold;
    if (cold->phase_ns[COLD_START])
        cold->phase_ns[COLD_ANSWER] = s->call.answered_ns - s->call.started_ns;
}

static void on_answer(struct call *call, enum call_result result)
{
    struct served *s = call->owner;

    s->run->may_have_run |= result != CALL_NOT_SENT;
    s->waiter.refusal = call->err;
    give(s, use_of(result));
    switch (result) {
    case CALL_ANSWERED:
        tell_cold_start(s);
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
        explain(s, 504, call->err);
        finish(s, RUN_TIMEOUT);
        return;
    case CALL_LOST:
        /* Once more, and from the beginning: the program has most likely ended. */
        if (config_of(s)->idempotent && !s->lost && may_rest(s)) {
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

static void send_call(struct served *s, uint64_t now)
{
    static const struct served_target plain = {.base = "/", .stem = ""};
    const struct served_target *at = s->from->target ? s->from->target(s->run->program) : &plain;
    const struct http_request *rq = s->run->request;
    const char *target = rq->target.len ? rq->target.data : "";
    const char *path = target[0] == '/' ? at->stem : at->base;
    bool whole = path[0] == '\0';

    ev_timer_stop(loop_of(s), &s->timer);
    s->state = CALLING;
    http_response_clear(s->run->response);
    s->call = (struct call){
        .method = rq->method,
        .path = whole ? target : path,
        .path_tail = whole ? NULL : target,
        .path_tail_len = whole ? 0 : rq->target.len,
        .headers = &rq->headers,
        .headers2 = at->more,
        .host = at->host,
        .body = &rq->body,
        .started_ns = now,
        .timeout_ns = s->end_ns > now ? s->end_ns - now : 1,
        .done = on_answer,
        .owner = s,
        .response = s->run->response,
    };
    upstream_start(s->run->reactor->upstreams, &s->waiter.endpoint, &s->call);
}

/* ---- the wait for a place ---- */

static void on_turn(struct task *t)
{
    struct served *s = (struct served *)((char *)t - offsetof(struct served, waiter.turn));

    if (s->has_verdict && !s->waiter.failed)
        give(s, PLACE_UNUSED);
    if (s->has_verdict)
        end_with(s, s->verdict);
    else if (s->waiter.failed)
        end_with(s, RUN_FAILED);
    else
        send_call(s, clock_ns());
}

/* Leaves the line with this verdict, or as soon as its turn comes. */
static void leave(struct served *s, enum run_result verdict)
{
    if (s->from->leave(s->run->program, &s->waiter)) {
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

static void wait_for_place(struct served *s)
{
    s->state = WAITING;
    s->waiter.cold = (struct cold_start){0};
    set_timer(s, on_waited_long, (double)ns_left(s) / 1e9);
    s->run->cold |= s->from->wait(s->run->program, &s->waiter);
}

/* ---- from outside ---- */

void served_start(struct run *run, const struct supply *from)
{
    struct served *s = (struct served *)(void *)run->memory;

    s->run = run;
    s->from = from;
    s->waiter = (struct served_waiter){.home = run->reactor, .turn.run = on_turn};
    s->has_verdict = s->lost = false;
    s->tries = 0;
    s->end_ns = run->started_ns + run->timeout_ns;
    ev_timer_init(&s->timer, on_waited_long, 0, 0);
    run->state = s;
    if (from->take(run->program, &s->waiter))
        send_call(s, run->started_ns);
    else
        wait_for_place(s);
}

void served_cancel(struct run *run)
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
        give(s, PLACE_UNUSED);
    }
    end_with(s, RUN_CANCELLED);
}
