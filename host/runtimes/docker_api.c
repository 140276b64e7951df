#include "host/runtimes/docker_api.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

enum { MOST_ANSWER = 4 << 20 };
static const uint64_t CONNECT_NS = 5000000000;

static void release(struct docker_request *r)
{
    cJSON_free(r->body);
    r->body = NULL;
    docker_lines_release(&r->lines);
}

/* The daemon's own words are better than ours. */
static void say_why(struct docker_request *r, int status, const cJSON *answer)
{
    const char *message = docker_text(answer, "message");

    if (status >= 200 && status < 300)
        return;
    if (message[0])
        snprintf(r->err, sizeof(r->err), "Docker says: %.220s", message);
    else if (status)
        snprintf(r->err, sizeof(r->err), "Docker answers with status %d", status);
}

static void on_done(struct curl_request *c, struct buf *answer)
{
    struct docker_request *r = c->owner;
    int status = c->complete ? c->status : 0;
    cJSON *json = answer && answer->len ? cJSON_ParseWithLength(answer->data, answer->len) : NULL;

    if (!c->complete && !c->sent)
        snprintf(r->err, sizeof(r->err), "cannot connect to %.100s: %s", c->unix_socket,
                 access(c->unix_socket, R_OK | W_OK) ? strerror(errno) : "nobody listens there");
    else if (!c->complete)
        snprintf(r->err, sizeof(r->err), "no answer of Docker at %.80s: %.120s", c->unix_socket,
                 c->err);
    say_why(r, status, json);
    release(r);
    r->done(r, status, json);
    cJSON_Delete(json);
}

static void on_later(struct ev_loop *loop, ev_timer *w, int events)
{
    struct docker_request *r = w->data;

    (void)loop;
    (void)events;
    release(r);
    r->done(r, 0, NULL);
}

static void on_piece(struct curl_request *c, const char *bytes, size_t n)
{
    struct docker_request *r = c->owner;

    if (docker_lines_feed(&r->lines, bytes, n) == 0)
        return;
    snprintf(r->err, sizeof(r->err), "Docker at %.80s sent what is no JSON", c->unix_socket);
    curl_request_cancel(c);
    ev_timer_start(r->loop, &r->later);
}

static void on_raw_piece(struct curl_request *c, const char *bytes, size_t n)
{
    struct docker_request *r = c->owner;

    if (c->status == 200)
        r->piece(r->owner, bytes, n);
}

static void on_value(void *ctx, const cJSON *json)
{
    struct docker_request *r = ctx;

    r->each(r->owner, json);
}

void docker_start(struct docker_api *api, struct reactor *home, struct docker_request *r,
                  const char *method, cJSON *body, uint64_t timeout_ns, const char *path, ...)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    size_t at = (size_t)snprintf(r->url, sizeof(r->url), "http://docker%s", api->version);
    va_list args;
    int n;

    r->err[0] = '\0';
    r->body = body ? cJSON_PrintUnformatted(body) : NULL;
    docker_lines_init(&r->lines, on_value, r);
    r->loop = home->loop;
    ev_timer_init(&r->later, on_later, 0, 0);
    r->later.data = r;
    va_start(args, path);
    n = vsnprintf(r->url + at, sizeof(r->url) - at, path, args);
    va_end(args);
    r->curl = (struct curl_request){
        .url = r->url,
        .unix_socket = api->socket,
        .method = method,
        .headers = r->body ? headers : NULL,
        .body = r->body,
        .body_len = r->body ? strlen(r->body) : 0,
        .most = MOST_ANSWER,
        .connect_ns = CONNECT_NS,
        .timeout_ns = timeout_ns,
        .piece = r->each    ? on_piece
                 : r->piece ? on_raw_piece
                            : NULL,
        .done = on_done,
        .owner = r,
    };
    if ((body && !r->body) || n < 0 || (size_t)n >= sizeof(r->url) - at)
        snprintf(r->err, sizeof(r->err), "out of memory, or a name is too long");
    else if (curl_request_start(api->curl, &r->curl))
        snprintf(r->err, sizeof(r->err), "%s", r->curl.err);
    if (r->err[0])
        ev_timer_start(r->loop, &r->later);
    cJSON_Delete(body);
}

void docker_cancel(struct docker_request *r)
{
    if (!r->loop)
        return;
    ev_timer_stop(r->loop, &r->later);
    curl_request_cancel(&r->curl);
    release(r);
}

void docker_hold(struct docker_request *r)
{
    curl_request_hold(&r->curl);
}

void docker_go_on(struct docker_request *r)
{
    curl_request_go_on(&r->curl);
}
