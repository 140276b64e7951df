/*
 * run.c - a call at work: the request to the node itself, and what its answer means.
 *
 *   did not run (no room, or no
 *   such function just now)        waits a little and runs again; it is no attempt
 *   a status of async.codes,
 *   or no answer                   an attempt; runs again later, while there are some left
 *   any other answer               that is the result
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "host/async/worker.h"
#include "host/log.h"
#include "host/wire.h"

enum {
    HEADER_ROOM = 16 << 10, /* beyond limits.headers: what the node adds to an answer */
    TARGET_MOST = 64 << 10,
    NO_ROOM_MS = 50, /* the first wait for room, then the double and so on */
    MOST_PAUSE_MS = 1000
};
/* Longer than any deadline of a function: the node answers before. */
static const uint64_t TIMEOUT_NS = UINT64_C(25) * 3600 * 1000000000;
static const uint64_t SOON_NS = 1000000000; /* when memory or the disk is short */

struct async_run {
    struct async_change change; /* first */
    struct async_worker *worker;
    struct queue_entry *entry;
    int64_t row;
    struct async_run *next, *prev; /* at work */
    struct call call;
    struct buf target, body;
    struct headers headers;
    struct http_response response;
    struct retry_rules rules;
    uint64_t started_ns;
    /* Its end. */
    struct store_result result;
    char error[P2P_ERRLEN];
    uint64_t wait_ns;
    int64_t due_ms, callback_bytes;
    size_t held;
};

static void run_free(struct async_run *r)
{
    buf_release(&r->target);
    buf_release(&r->body);
    headers_release(&r->headers);
    http_response_release(&r->response);
    free(r);
}

/* ---- it is over ---- */

static int apply_result(struct async_change *c, struct async_store *s)
{
    struct async_run *r = (struct async_run *)c;

    return store_finish(s, r->row, &r->result, r->worker->settings.result, &r->callback_bytes);
}

static void result_is_kept(struct async_change *c, const char *why)
{
    struct async_run *r = (struct async_run *)c;
    struct async_worker *w = r->worker;

    w->held -= r->held;
    if (!why) {
        async_count(w, r->result.state == STORE_DONE ? ASYNC_DONE : ASYNC_FAILED);
        if (r->callback_bytes == 0) {
            async_forget(w, r->entry);
        } else {
            r->entry->attempts = r->entry->refusals = 0;
            queue_set_bytes(&w->queue, r->entry, r->callback_bytes);
            async_later(w, r->entry, LINE_CALLBACK, clock_ns());
        }
    }
    run_free(r);
}

static void finish(struct async_run *r, enum store_state state, const char *error)
{
    struct async_worker *w = r->worker;
    bool answered = r->response.status != 0;

    if (error)
        snprintf(r->error, sizeof(r->error), "%s", error);
    r->result = (struct store_result){
        .state = state,
        .attempts = r->entry->attempts,
        .finished_ms = async_now_ms(),
        .duration_us = (int64_t)((clock_ns() - r->started_ns) / 1000),
        .status = r->response.status,
        .headers = answered ? &r->response.headers : NULL,
        .body = answered ? &r->response.body : NULL,
        .error = error ? r->error : NULL,
    };
    if (state == STORE_FAILED)
        log_event(LOG_WARN, "a kept call failed", LOG_INT("status", r->response.status),
                  LOG_INT("attempts", r->entry->attempts), LOG_STR("why", error ? error : ""));
    queue_ended(&w->queue, r->entry);
    r->held = r->response.headers.text.len + r->response.body.len;
    w->held += r->held;
    r->change = (struct async_change){.apply = apply_result, .done = result_is_kept};
    async_commit(w, &r->change);
}

/* ---- it runs again ---- */

static int apply_put_back(struct async_change *c, struct async_store *s)
{
    struct async_run *r = (struct async_run *)c;

    return store_put_back(s, r->row, r->entry->attempts, r->due_ms);
}

static void put_back_is_kept(struct async_change *c, const char *why)
{
    struct async_run *r = (struct async_run *)c;

    if (!why)
        async_later(r->worker, r->entry, LINE_RUN, clock_ns() + r->wait_ns);
    run_free(r);
}

static void retry(struct async_run *r)
{
    struct async_worker *w = r->worker;
    const char *after = headers_get(&r->response.headers, "Retry-After");
    int status = r->response.status;

    r->wait_ns = async_wait_ns(w, &r->rules.policy, r->entry->attempts);
    if (after && (status == 429 || status == 503))
        retry_after_ns(after, time(NULL), &r->wait_ns);
    r->due_ms = async_now_ms() + (int64_t)(r->wait_ns / 1000000);
    async_count(w, ASYNC_RETRIES);
    queue_ended(&w->queue, r->entry);
    http_response_clear(&r->response);
    r->change = (struct async_change){.apply = apply_put_back, .done = put_back_is_kept};
    async_commit(w, &r->change);
}

static uint64_t doubled_ms(uint64_t ms, unsigned times, uint64_t most)
{
    while (times-- > 0 && ms < most)
        ms *= 2;
    return (ms < most ? ms : most) * 1000000;
}

/* The next of its function would not run either, so they all wait, this one longer. */
static void wait_to_run(struct async_run *r)
{
    struct async_worker *w = r->worker;
    struct queue_entry *e = r->entry;
    struct queue_group *g = e->group;
    uint64_t now = clock_ns(), most_ms = w->settings.retry.policy.max_wait_ns / 1000000;

    async_count(w, ASYNC_NO_ROOM);
    queue_pause(g, now + doubled_ms(NO_ROOM_MS, g->refused, MOST_PAUSE_MS));
    g->refused += g->refused < 16;
    queue_ended(&w->queue, e);
    async_later(w, e, LINE_RUN, now + doubled_ms(NO_ROOM_MS, e->refusals, most_ms));
    e->refusals += e->refusals < 64;
    run_free(r);
}

/* ---- the answer ---- */

/* Of a call that did not run: would it be refused again?  408 and 429 pass.  So does 404: the
 * function was there when the call was accepted, and is not while it is deployed anew or the
 * gateway that has it starts. */
static bool is_final(int status)
{
    return status >= 400 && status < 500 && status != 404 && status != 408 && status != 429;
}

/* Of a call that ran: is it to run again?  The field is that of an OpenFaaS gateway, whose own
 * error it was, not the function's. */
static bool has_failed(const struct async_run *r, int status)
{
    return status == 0 || retry_codes_have(&r->rules.codes, status) ||
           (status >= 400 && headers_get(&r->response.headers, "X-OpenFaaS-Internal"));
}

static void on_answer(struct async_run *r, enum call_result how)
{
    struct async_worker *w = r->worker;
    int status = how == CALL_ANSWERED ? r->response.status : 0;
    bool ran = how == CALL_ANSWERED ? wire_read_outcome(&r->response) != WIRE_REFUSED
                                    : how != CALL_NOT_SENT;
    bool again = has_failed(r, status);
    char error[P2P_ERRLEN];

    if (!status)
        http_response_clear(&r->response);
    if (!ran && !is_final(status)) {
        if (async_now_ms() - r->entry->accepted_ms < w->settings.expiry_ms) {
            wait_to_run(r);
            return;
        }
        http_response_clear(&r->response);
        finish(r, STORE_FAILED,
               status == 404 ? "async.expiry passed, and there is no such function here"
                             : "async.expiry passed before there was room to run it");
        return;
    }
    r->entry->group->refused = 0;
    queue_pause(r->entry->group, 0);
    r->entry->refusals = 0;
    if (!ran) {
        snprintf(error, sizeof(error), "the node refuses it with %d", status);
        http_response_clear(&r->response);
        finish(r, STORE_FAILED, error);
        return;
    }
    r->entry->attempts++;
    if (!again)
        finish(r, STORE_DONE, NULL);
    else if (r->entry->attempts < r->rules.policy.attempts)
        retry(r);
    else
        finish(r, STORE_FAILED, status ? "the last attempt failed too" : r->call.err);
}

static void on_called(struct call *c, enum call_result how)
{
    struct async_run *r = c->owner;
    struct async_worker *w = r->worker;

    DL_DELETE(r->worker->runs, r);
    async_rules(w->async, r->entry->group->name, &r->rules);
    /* What a node that stops says of a call tells nothing of it: the next start runs it. */
    if (w->quiesced && (how != CALL_ANSWERED || wire_read_outcome(&r->response) == WIRE_REFUSED ||
                        has_failed(r, r->response.status))) {
        queue_ended(&w->queue, r->entry);
        run_free(r);
        return;
    }
    on_answer(r, how);
}

/* ---- the request ---- */

void async_run_start(struct async_worker *w, struct queue_entry *e)
{
    struct async_run *r = calloc(1, sizeof(*r));
    struct http_limits limits = w->async->limits;

    if (!r) {
        queue_ended(&w->queue, e);
        async_later(w, e, LINE_RUN, clock_ns() + SOON_NS);
        return;
    }
    r->worker = w;
    r->entry = e;
    r->row = e->row;
    r->started_ns = clock_ns();
    buf_init(&r->target, TARGET_MOST);
    headers_init(&r->headers, limits.headers);
    buf_init(&r->body, limits.body);
    limits.headers += HEADER_ROOM;
    http_response_init(&r->response, &limits);
    if (store_read_request(w->store, r->row, &r->target, &r->headers, &r->body)) {
        if (store_may_recover(w->store)) {
            queue_ended(&w->queue, e);
            async_later(w, e, LINE_RUN, clock_ns() + SOON_NS);
            run_free(r);
        } else {
            finish(r, STORE_FAILED, store_why(w->store));
        }
        return;
    }
    r->call = (struct call){.method = "POST",
                            .path = r->target.data,
                            .headers = &r->headers,
                            .body = &r->body,
                            .started_ns = r->started_ns,
                            .timeout_ns = TIMEOUT_NS,
                            .done = on_called,
                            .owner = r,
                            .response = &r->response};
    DL_PREPEND(w->runs, r);
    upstream_start(w->upstreams, &w->node->self, &r->call);
}

void async_runs_cancel(struct async_worker *w)
{
    struct async_run *r;

    while ((r = w->runs)) {
        DL_DELETE(w->runs, r);
        upstream_cancel(&r->call);
        run_free(r);
    }
}
