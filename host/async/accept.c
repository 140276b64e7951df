/*
 * accept.c - a call comes, and is on the disk before its caller hears of it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/async/worker.h"
#include "host/later.h"
#include "host/log.h"

/* An address more in X-Forwarded-For, since the node calls itself. */
enum { ROOM_TO_RUN = sizeof("X-Forwarded-For") + HTTP_ADDRESS + 2 };

struct async_submission {
    struct async_change change; /* first */
    struct async_worker *worker;
    struct exchange *x;
    char *id, *function, *callback, *target;
    struct store_call call;
    int64_t cost, row;
};

static char *copy_of(const char *text)
{
    return text ? strdup(text) : NULL;
}

struct async_submission *async_submission_new(struct exchange *x, const char *id,
                                              const char *function, const char *callback)
{
    struct async_submission *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->x = x;
    s->id = copy_of(id);
    s->function = copy_of(function);
    s->callback = copy_of(callback);
    if (!s->id || !s->function || (callback && !s->callback) ||
        asprintf(&s->target, "/function/%s", x->rest) < 0) {
        async_submission_free(s);
        return NULL;
    }
    return s;
}

void async_submission_free(struct async_submission *s)
{
    free(s->id);
    free(s->function);
    free(s->callback);
    free(s->target);
    free(s);
}

static void end(struct async_submission *s)
{
    struct exchange *x = s->x;

    async_submission_free(s);
    later_answer(x);
}

static void refuse(struct async_submission *s, struct async *a, int status, const char *why)
{
    a->count[ASYNC_REFUSED]++;
    exchange_header(s->x, "Retry-After", "1");
    exchange_error(s->x, status, status, "the call is not accepted: %s", why);
    end(s);
}

static int apply(struct async_change *c, struct async_store *store)
{
    struct async_submission *s = (struct async_submission *)c;

    return store_add(store, &s->call, &s->row);
}

static void done(struct async_change *c, const char *why)
{
    struct async_submission *s = (struct async_submission *)c;
    struct async_worker *w = s->worker;
    struct queue_entry *e;

    w->accepting--;
    w->accepting_bytes -= s->cost;
    if (why) {
        refuse(s, w->async, 503, why);
        return;
    }
    e = queue_add(&w->queue, s->row, s->function, LINE_RUN, 0, clock_ns());
    if (e) {
        e->accepted_ms = s->call.accepted_ms;
        queue_set_bytes(&w->queue, e, s->cost);
    } else {
        log_event(LOG_ERROR, "an accepted call waits for the next start", LOG_STR("id", s->id),
                  LOG_STR("why", "out of memory"));
    }
    async_count(w, ASYNC_ACCEPTED);
    s->x->response.status = 202;
    exchange_header(s->x, "X-Call-Id", "%s", s->id);
    exchange_header(s->x, "X-Start-Time", "%s", headers_get(s->call.headers, "X-Start-Time"));
    end(s);
}

/* The function is told the id and the time, as the caller is. */
static int add_headers(struct async_submission *s, struct headers *h)
{
    static const char *const ours[] = {"X-Call-Id", "X-Start-Time", "X-Callback-Url"};
    struct timespec now;
    char text[32];

    clock_gettime(CLOCK_REALTIME, &now);
    s->call.accepted_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    snprintf(text, sizeof(text), "%" PRIu64,
             (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        headers_remove(h, ours[i], strlen(ours[i]));
    if (headers_add(h, "X-Call-Id", s->id) || headers_add(h, "X-Start-Time", text))
        return -1;
    return h->text.len + ROOM_TO_RUN <= h->text.limit ? 0 : -1;
}

void async_accept(struct exchange *x)
{
    struct async_submission *s = x->later.held;
    struct async *a = &x->shard->node->async;
    struct async_worker *w = a->worker;
    char why[P2P_ERRLEN];

    s->worker = w;
    s->change = (struct async_change){.apply = apply, .done = done, .may_be_dropped = true};
    if (async_open_store(w)) {
        refuse(s, a, 503, w->why);
        return;
    }
    if (w->failing && clock_ns() < w->commit_ns) {
        refuse(s, a, 503, store_why(w->store));
        return;
    }
    if (add_headers(s, &x->request.headers)) {
        exchange_error(x, 431, 431,
                       "no room for X-Call-Id, X-Start-Time and what the node adds "
                       "when it runs, in limits.headers");
        end(s);
        return;
    }
    if (x->request.body.len > a->limits.body) {
        exchange_error(x, 413, 413, "a call that is kept has %zu bytes of body at most",
                       a->limits.body);
        end(s);
        return;
    }
    s->call.id = s->id;
    s->call.function = s->function;
    s->call.target = s->target;
    s->call.headers = &x->request.headers;
    s->call.body = &x->request.body;
    s->call.callback = s->callback;
    s->cost = store_cost(&s->call);
    if (queue_size(&w->queue) + w->accepting >= w->settings.queue) {
        snprintf(why, sizeof(why), "%" PRIu32 " are not over, which is async.queue",
                 w->settings.queue);
        refuse(s, a, 429, why);
        return;
    }
    if (queue_bytes(&w->queue) + w->accepting_bytes + s->cost > w->settings.bytes) {
        snprintf(why, sizeof(why),
                 "those that are not over have %" PRId64 " of the %" PRId64 " of async.bytes",
                 queue_bytes(&w->queue) + w->accepting_bytes, w->settings.bytes);
        refuse(s, a, 429, why);
        return;
    }
    w->accepting++;
    w->accepting_bytes += s->cost;
    async_commit(w, &s->change);
}
