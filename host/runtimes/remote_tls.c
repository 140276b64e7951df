#include "host/runtimes/remote_tls.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/curl_loop.h"
#include "host/runtimes/remote.h"

enum { URL_MOST = 80 << 10, HEAD_LINES_MOST = 2 << 20 };

/* One run; belongs to the run's thread. */
struct tls_run {
    struct run *run;
    struct remote_tls_place at;
    struct curl_request request;
    struct buf url;
    uint64_t end_ns;
    bool lost; /* one answer, and the call was sent again */
};

_Static_assert(sizeof(struct tls_run) <= RUN_MEMORY, "a run needs no allocation of its own");

/* ---- what came of it ---- */

void remote_tls_said_init(struct remote_tls_said *s)
{
    pthread_mutex_init(&s->lock, NULL);
    s->text[0] = '\0';
}

void remote_tls_said_release(struct remote_tls_said *s)
{
    pthread_mutex_destroy(&s->lock);
}

static void say(struct remote_tls_said *s, const char *text)
{
    pthread_mutex_lock(&s->lock);
    snprintf(s->text, sizeof(s->text), "%s", text);
    pthread_mutex_unlock(&s->lock);
}

void remote_tls_describe(struct remote_tls_said *s, char *out, size_t size)
{
    pthread_mutex_lock(&s->lock);
    snprintf(out, size, "%s", s->text[0] ? s->text : "not called yet");
    pthread_mutex_unlock(&s->lock);
}

/* ---- the request ---- */

/* https://HOST/BASE and what follows the function's name. */
/* A '#' is a letter of it, for libcurl the end. */
static int write_target(struct buf *url, const char *target, size_t len)
{
    const char *end = target + len, *sharp;

    while ((sharp = memchr(target, '#', (size_t)(end - target)))) {
        if (buf_append(url, target, (size_t)(sharp - target)) || buf_puts(url, "%23"))
            return -1;
        target = sharp + 1;
    }
    return buf_append(url, target, (size_t)(end - target));
}

static int write_url(struct tls_run *t)
{
    const struct buf *target = &t->run->request->target;
    const struct served_target *at = t->at.target;
    bool rooted = target->len && target->data[0] == '/';

    if (buf_puts(&t->url, "https://") || buf_puts(&t->url, at->host) ||
        buf_puts(&t->url, rooted ? at->stem : at->base) ||
        (target->len && write_target(&t->url, target->data, target->len)))
        return -1;
    return buf_text(&t->url) ? 0 : -1;
}

/* Lines as libcurl takes them, one behind the other; "Name;" has no value. */
static int write_lines(const struct headers *h, struct buf *lines)
{
    const char *name, *value;
    size_t at = 0;

    while (h && headers_next(h, &at, &name, &value)) {
        if (strcasecmp(name, "Host") == 0)
            continue;
        if (buf_puts(lines, name) || buf_puts(lines, value[0] ? ": " : ";") ||
            buf_puts(lines, value) || buf_append(lines, "", 1))
            return -1;
    }
    return 0;
}

/* 0, or -1 when memory is short. */
static int send_it(struct tls_run *t)
{
    const struct http_request *rq = t->run->request;
    const struct headers *more = t->at.target->more;
    const char **list = calloc(rq->headers.count + (more ? more->count : 0) + 1, sizeof(*list));
    struct curl_loop *curl = curl_loop_of(t->run->reactor);
    uint64_t now = clock_ns();
    struct buf lines;
    unsigned n = 0;
    int rc = -1;

    buf_init(&lines, HEAD_LINES_MOST);
    if (!list || !curl || write_lines(&rq->headers, &lines) || write_lines(more, &lines))
        goto end;
    for (size_t at = 0; at < lines.len; at += strlen(lines.data + at) + 1)
        list[n++] = lines.data + at;
    http_response_clear(t->run->response);
    t->request.headers = list;
    t->request.timeout_ns = t->request.connect_ns = t->end_ns > now ? t->end_ns - now : 1;
    rc = curl_request_start(curl, &t->request);
end:
    free(list);
    buf_release(&lines);
    return rc;
}

/* ---- the end ---- */

static void finish(struct tls_run *t, enum run_result result)
{
    struct run *run = t->run;

    buf_release(&t->url);
    run->ended_ns = clock_ns();
    run->state = NULL;
    run->done(run, result);
}

static void explain(struct tls_run *t, int status, const char *why)
{
    t->run->status = status;
    snprintf(t->run->err, sizeof(t->run->err), "function '%s': %s", t->at.config->name, why);
}

static void take_answer(struct run *run, int status, struct buf *body)
{
    struct buf before = run->response->body;

    run->response->status = status;
    run->response->body = *body;
    *body = before;
}

static void on_done(struct curl_request *r, struct buf *answer)
{
    struct tls_run *t = r->owner;

    t->run->may_have_run |= r->sent;
    say(t->at.said, r->complete ? "answered" : r->err);
    if (r->complete) {
        take_answer(t->run, r->status, answer);
        finish(t, RUN_ANSWERED);
        return;
    }
    /* Once more, and from the beginning. */
    if (r->sent && !r->timed_out && !r->too_large && t->at.config->idempotent && !t->lost) {
        t->lost = true;
        if (send_it(t) == 0)
            return;
    }
    explain(t, r->timed_out ? 504 : 502, r->err);
    finish(t, r->timed_out ? RUN_TIMEOUT : r->too_large ? RUN_TOO_LARGE : RUN_FAILED);
}

/* ---- from outside ---- */

void remote_tls_start(struct run *run, const struct remote_tls_place *at)
{
    struct tls_run *t = (struct tls_run *)(void *)run->memory;
    const struct http_request *rq = run->request;
    bool has_body = rq->body.len > 0 || rq->method[0] == 'P';

    *t = (struct tls_run){.run = run, .at = *at, .end_ns = run->started_ns + run->timeout_ns};
    run->state = t;
    buf_init(&t->url, URL_MOST);
    if (write_url(t)) {
        buf_release(&t->url);
        remote_fail(run, 502, "out of memory");
        return;
    }
    t->request = (struct curl_request){.url = t->url.data,
                                       .method = rq->method,
                                       .body = !has_body      ? NULL
                                               : rq->body.len ? rq->body.data
                                                              : "",
                                       .body_len = rq->body.len,
                                       .most = run->response->body.limit,
                                       .answer_headers = &run->response->headers,
                                       .done = on_done,
                                       .owner = t};
    if (send_it(t)) {
        buf_release(&t->url);
        remote_fail(run, 502, "out of memory or of descriptors");
    }
}

void remote_tls_cancel(struct run *run)
{
    struct tls_run *t = run->state;

    run->may_have_run |= t->request.sent;
    curl_request_cancel(&t->request);
    explain(t, 503, "was cancelled");
    finish(t, RUN_CANCELLED);
}
