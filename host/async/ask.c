/*
 * ask.c - what is asked of a call by its id: how it stands, its result, and that it is not
 * run.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "host/async/worker.h"
#include "host/ingress.h"
#include "host/later.h"
#include "host/timestamp.h"

static void end(struct exchange *x)
{
    free(x->later.held);
    x->later.held = NULL;
    later_answer(x);
}

/* 0, or -1 with the exchange answered. */
static int find(struct exchange *x, struct store_found *f, const struct store_texts *texts)
{
    struct async_worker *w = x->shard->node->async.worker;
    const char *id = x->later.held;
    bool found = false;

    if (async_open_store(w))
        exchange_error(x, 503, 503, "no calls are kept: %s", w->why);
    else if (store_find(w->store, id, f, texts, &found))
        exchange_error(x, 500, CODE_GENERIC, "%s", store_why(w->store));
    else if (!found)
        exchange_error(
            x, 404, 404,
            "no call '%s' here: it was not accepted by this node, or its result is older "
            "than async.keep",
            id);
    return found && w->store && x->response.status < 400 ? 0 : -1;
}

static const char *state_of(const struct async_worker *w, const struct store_found *f)
{
    static const char *const ends[] = {
        [STORE_DONE] = "done", [STORE_FAILED] = "failed", [STORE_CANCELLED] = "cancelled"};
    const struct queue_entry *e = queue_find(&w->queue, f->row);

    if (f->state != STORE_OPEN)
        return ends[f->state];
    if (e && e->stage != STAGE_WAITS)
        return "running";
    return f->attempts ? "retrying" : "queued";
}

/* "2026-11-27T00:40:12.345Z"; nothing for a time that is not. */
static void add_time(cJSON *to, const char *name, int64_t ms)
{
    char text[TIMESTAMP];

    if (ms == 0)
        return;
    timestamp_format(ms * 1000000, 3, text);
    cJSON_AddStringToObject(to, name, text);
}

static cJSON *describe(const struct async_worker *w, const struct store_found *f)
{
    static const char *const callbacks[] = {[CALLBACK_OPEN] = "waiting",
                                            [CALLBACK_TOLD] = "delivered",
                                            [CALLBACK_GIVEN_UP] = "given up"};
    const char *state = state_of(w, f);
    cJSON *json = cJSON_CreateObject(), *callback;

    cJSON_AddStringToObject(json, "id", f->id);
    cJSON_AddStringToObject(json, "function", f->function);
    cJSON_AddStringToObject(json, "state", state);
    cJSON_AddNumberToObject(json, "attempts", f->attempts);
    add_time(json, "accepted", f->accepted_ms);
    if (strcmp(state, "retrying") == 0)
        add_time(json, "next", f->due_ms);
    add_time(json, "finished", f->finished_ms);
    if (f->status) {
        cJSON_AddNumberToObject(json, "status", f->status);
        cJSON_AddNumberToObject(json, "bytes", (double)f->size);
        cJSON_AddNumberToObject(json, "duration", (double)f->duration_us / 1e6);
    }
    if (f->error[0])
        cJSON_AddStringToObject(json, "error", f->error);
    if (f->callback != CALLBACK_NONE) {
        callback = cJSON_AddObjectToObject(json, "callback");
        cJSON_AddStringToObject(callback, "state", callbacks[f->callback]);
        cJSON_AddNumberToObject(callback, "attempts", f->callback_attempts);
    }
    return json;
}

void async_tell_state(struct exchange *x)
{
    struct store_found f;

    if (find(x, &f, NULL) == 0)
        exchange_json(x, 200, describe(x->shard->node->async.worker, &f));
    end(x);
}

/* ---- the result ---- */

static void answer_result(struct exchange *x, const struct store_found *f)
{
    struct http_response *r = &x->response;

    r->status = f->status;
    async_drop_told(&r->headers);
    exchange_header(x, "X-Call-Id", "%s", f->id);
    exchange_header(x, "X-Duration-Seconds", "%f", (double)f->duration_us / 1e6);
    exchange_header(x, "X-Function-Status", "%d", f->status);
    exchange_header(x, "X-Function-Name", "%s", f->function);
    if ((int64_t)r->body.len < f->size)
        exchange_header(x, "X-P2pfaas-Result-Bytes", "%lld", (long long)f->size);
}

void async_tell_result(struct exchange *x)
{
    struct headers *h = &x->response.headers;
    const struct store_texts texts = {.headers = h, .body = &x->response.body};
    struct store_found f;

    h->text.limit += x->shard->limits.headers; /* an answer's own lines were added to it */
    x->response.body.limit = x->shard->limits.body;
    if (find(x, &f, &texts) == 0) {
        if (f.status) {
            answer_result(x, &f);
            if (!ingress_headers_fit(x)) {
                headers_clear(h);
                exchange_error(x, 502, 502,
                               "the result's header lines are larger than "
                               "limits.headers allows with those of the request");
            }
        } else if (f.state == STORE_OPEN) {
            exchange_header(x, "Retry-After", "1");
            exchange_json(x, 202, describe(x->shard->node->async.worker, &f));
        } else {
            exchange_json(x, f.state == STORE_CANCELLED ? 410 : 503,
                          describe(x->shard->node->async.worker, &f));
        }
    }
    h->text.limit -= x->shard->limits.headers;
    end(x);
}

/* ---- that it is not run ---- */

struct cancelling {
    struct async_change change; /* first */
    struct async_worker *worker;
    struct exchange *x;
    struct queue_entry *entry;
    int64_t row;
};

static int apply(struct async_change *c, struct async_store *s)
{
    return store_cancel(s, ((struct cancelling *)c)->row, async_now_ms());
}

static void done(struct async_change *c, const char *why)
{
    struct cancelling *k = (struct cancelling *)c;

    if (why) {
        exchange_error(k->x, 503, 503, "not cancelled: %s", why);
        async_later(k->worker, k->entry, LINE_RUN, k->entry->due_ns);
    } else {
        async_count(k->worker, ASYNC_CANCELLED);
        async_forget(k->worker, k->entry);
        k->x->response.status = 202;
    }
    end(k->x);
    free(k);
}

void async_cancel(struct exchange *x)
{
    struct async_worker *w = x->shard->node->async.worker;
    struct cancelling *k;
    struct store_found f;
    struct queue_entry *e;

    if (find(x, &f, NULL))
        goto end;
    e = queue_find(&w->queue, f.row);
    if (f.state != STORE_OPEN || !e || e->stage != STAGE_WAITS) {
        exchange_error(x, 409, 409, "call '%s' is %s: only one that waits can be cancelled", f.id,
                       state_of(w, &f));
        goto end;
    }
    k = calloc(1, sizeof(*k));
    if (!k) {
        exchange_error(x, 500, CODE_GENERIC, "out of memory");
        goto end;
    }
    *k = (struct cancelling){{NULL, apply, done, true}, w, x, e, f.row};
    queue_withdraw(&w->queue, e);
    async_commit(w, &k->change);
    return;
end:
    end(x);
}
