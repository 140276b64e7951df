/*
 * callback.c - whoever wanted to be called back hears of the result: a POST of what the
 * function answered.  Until it got a 2xx the call is not over.
 */
#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "host/async/worker.h"
#include "host/log.h"

/* A dead host must not keep others waiting for all of the time. */
static const uint64_t MOST_CONNECT_NS = 5000000000;
static const uint64_t SOON_NS = 1000000000; /* when memory or the disk is short */
enum {
    MOST_URL = 8 << 10,
    MOST_HEADERS = 256 << 10,
    OWN_LINES = 6,
    MOST_OWN_LINE = 256,
    MOST_ANSWER = 64 << 10
};

struct async_delivery {
    struct async_change change; /* first */
    struct async_worker *worker;
    struct queue_entry *entry;
    int64_t row, bytes;
    struct async_delivery *next, *prev; /* at work */
    struct curl_request request;
    struct buf kept_url, body, lines;
    char *url, *user, *password; /* of libcurl */
    struct headers headers;
    const char **line; /* into `lines` */
    /* Its end. */
    enum store_callback state;
    unsigned attempts;
    int64_t when_ms;
    uint64_t wait_ns;
};

/* What it was sent with; its end is kept with little. */
static void drop_texts(struct async_delivery *d)
{
    d->worker->telling -= d->bytes;
    d->bytes = 0;
    buf_release(&d->kept_url);
    buf_release(&d->body);
    buf_release(&d->lines);
    headers_release(&d->headers);
    free(d->line);
    curl_free(d->url);
    curl_free(d->user);
    curl_free(d->password);
    d->line = NULL;
    d->url = d->user = d->password = NULL;
}

static void delivery_free(struct async_delivery *d)
{
    drop_texts(d);
    free(d);
}

/* ---- how it went ---- */

static int apply(struct async_change *c, struct async_store *s)
{
    struct async_delivery *d = (struct async_delivery *)c;

    return store_callback(s, d->row, d->state, d->attempts, d->when_ms, d->worker->settings.result);
}

static void done(struct async_change *c, const char *why)
{
    struct async_delivery *d = (struct async_delivery *)c;
    struct async_worker *w = d->worker;

    if (!why && d->state == CALLBACK_OPEN) {
        async_later(w, d->entry, LINE_CALLBACK, clock_ns() + d->wait_ns);
    } else if (!why) {
        async_count(w, d->state == CALLBACK_TOLD ? ASYNC_TOLD : ASYNC_NOT_TOLD);
        async_forget(w, d->entry);
    }
    delivery_free(d);
}

static void end(struct async_delivery *d, enum store_callback state, const char *why)
{
    struct async_worker *w = d->worker;
    struct queue_entry *e = d->entry;

    queue_ended(&w->queue, e);
    d->state = state;
    d->attempts = e->attempts;
    d->when_ms = async_now_ms();
    if (state == CALLBACK_GIVEN_UP) {
        log_event(LOG_WARN, "a callback is given up", LOG_STR("url", d->url ? d->url : ""),
                  LOG_INT("attempts", e->attempts), LOG_STR("why", why));
    } else if (state == CALLBACK_OPEN) {
        d->wait_ns = async_wait_ns(w, &w->settings.retry.policy, e->attempts);
        d->when_ms += (int64_t)(d->wait_ns / 1000000);
        async_count(w, ASYNC_CALLBACK_RETRIES);
    }
    drop_texts(d);
    d->change = (struct async_change){.apply = apply, .done = done};
    async_commit(w, &d->change);
}

static void on_told(struct curl_request *rq, struct buf *answer)
{
    struct async_delivery *d = rq->owner;
    char why[P2P_ERRLEN];
    enum store_callback state = CALLBACK_OPEN;

    (void)answer;
    DL_DELETE(d->worker->deliveries, d);
    d->entry->attempts++;
    if (rq->status >= 200 && rq->status < 300) /* whatever its body is */
        state = CALLBACK_TOLD;
    else if (d->entry->attempts >= d->worker->settings.retry.policy.attempts)
        state = CALLBACK_GIVEN_UP;
    snprintf(why, sizeof(why), "it answers %d", rq->status);
    end(d, state, rq->status ? why : rq->err);
}

/* ---- what is sent ---- */

__attribute__((format(printf, 2, 3))) static int add_line(struct async_delivery *d,
                                                          const char *format, ...)
{
    char line[MOST_OWN_LINE];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    return n < 0 || (size_t)n >= sizeof(line) ? -1 : buf_append(&d->lines, line, (size_t)n + 1);
}

/* The function's headers, then those that tell of the call.  The last is what a page of another
 * site is known by: the URL is a client's, and may be that of a node that anybody beside it
 * may administer.  0, or -1: memory. */
static int write_lines(struct async_delivery *d, const struct store_found *f)
{
    const char *name, *value, *text;
    size_t at = 0, n = 0;

    headers_remove(&d->headers, "Host", 4);
    async_drop_told(&d->headers);
    while (headers_next(&d->headers, &at, &name, &value))
        if (buf_printf(&d->lines, "%s: %s", name, value) || buf_append(&d->lines, "", 1))
            return -1;
    if (add_line(d, "X-Call-Id: %s", f->id) ||
        add_line(d, "X-Duration-Seconds: %f", (double)f->duration_us / 1e6) ||
        add_line(d, "X-Function-Status: %d", f->status ? f->status : 503) ||
        add_line(d, "X-Function-Name: %s", f->function) ||
        add_line(d, "Sec-Fetch-Site: cross-site"))
        return -1;
    d->line = calloc(d->headers.count + OWN_LINES, sizeof(*d->line));
    if (!d->line)
        return -1;
    text = d->lines.data;
    while (text < d->lines.data + d->lines.len) {
        d->line[n++] = text;
        text += strlen(text) + 1;
    }
    return 0;
}

static struct async_delivery *delivery_new(struct async_worker *w, struct queue_entry *e)
{
    struct async_delivery *d = calloc(1, sizeof(*d));

    if (!d)
        return NULL;
    d->worker = w;
    d->entry = e;
    d->row = e->row;
    d->bytes = e->bytes;
    w->telling += d->bytes;
    buf_init(&d->kept_url, MOST_URL);
    buf_init(&d->body, w->async->limits.body);
    buf_init(&d->lines, 2 * (size_t)MOST_HEADERS);
    headers_init(&d->headers, w->async->limits.headers + MOST_HEADERS);
    return d;
}

/* The user and the password of the URL are not told to who reads the log. */
static int split_url(struct async_delivery *d, const char *text)
{
    CURLU *url = curl_url();
    int rc = -1;

    if (!url || curl_url_set(url, CURLUPART_URL, text, 0))
        goto end;
    curl_url_get(url, CURLUPART_USER, &d->user, CURLU_URLDECODE);
    curl_url_get(url, CURLUPART_PASSWORD, &d->password, CURLU_URLDECODE);
    if (curl_url_set(url, CURLUPART_USER, NULL, 0) ||
        curl_url_set(url, CURLUPART_PASSWORD, NULL, 0) ||
        curl_url_get(url, CURLUPART_URL, &d->url, 0))
        goto end;
    rc = 0;
end:
    curl_url_cleanup(url);
    return rc;
}

enum begun { BEGUN, NOT_NOW, NEVER };

static enum begun begin(struct async_delivery *d, const char **why)
{
    struct async_worker *w = d->worker;
    uint64_t limit = w->settings.callback_timeout_ns;
    const struct store_texts texts = {
        .headers = &d->headers, .body = &d->body, .callback = &d->kept_url};
    struct store_found f;
    bool found;

    if (!w->curls && !(w->curls = curl_loop_new(w->reactor)))
        return NOT_NOW;
    if (store_find_row(w->store, d->row, &f, &texts, &found)) {
        *why = store_why(w->store);
        return store_may_recover(w->store) ? NOT_NOW : NEVER;
    }
    *why = "the call is not there any more";
    if (!found)
        return NEVER;
    if (split_url(d, buf_text(&d->kept_url)) || write_lines(d, &f))
        return NOT_NOW;
    d->request =
        (struct curl_request){.url = d->url,
                              .user = d->user,
                              .password = d->password,
                              .method = "POST",
                              .headers = d->line,
                              .body = d->body.data,
                              .body_len = d->body.len,
                              .most = MOST_ANSWER,
                              .connect_ns = limit < MOST_CONNECT_NS ? limit : MOST_CONNECT_NS,
                              .timeout_ns = limit,
                              .done = on_told,
                              .owner = d};
    return curl_request_start(w->curls, &d->request) ? NOT_NOW : BEGUN;
}

void async_deliver(struct async_worker *w, struct queue_entry *e)
{
    struct async_delivery *d = delivery_new(w, e);
    const char *why = "";
    enum begun b = d ? begin(d, &why) : NOT_NOW;

    if (b == NOT_NOW) {
        queue_ended(&w->queue, e);
        async_later(w, e, LINE_CALLBACK, clock_ns() + SOON_NS);
        if (d)
            delivery_free(d);
        return;
    }
    if (b == NEVER) {
        end(d, CALLBACK_GIVEN_UP, why);
        return;
    }
    DL_PREPEND(w->deliveries, d);
}

void async_deliveries_cancel(struct async_worker *w)
{
    struct async_delivery *d;

    while ((d = w->deliveries)) {
        DL_DELETE(w->deliveries, d);
        curl_request_cancel(&d->request);
        delivery_free(d);
    }
}
