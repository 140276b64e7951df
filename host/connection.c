#include "host/connection.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/uio.h>
#include <unistd.h>

#include "host/upstream_private.h"

enum { HEAD_MAX = 1 << 20, HEAD_KEEP = 4 << 10, NAME_MAX_BYTES = 1024, VALUE_MAX_BYTES = 64 << 10 };

/* ---- the request's head ---- */

static int put_headers(struct buf *head, const struct headers *h, bool *has_host)
{
    const char *name, *value;
    size_t at = 0;

    while (h && headers_next(h, &at, &name, &value)) {
        size_t name_len = strlen(name), value_len = strlen(value);
        char *to;

        if (name_len == 4 && strcasecmp(name, "Host") == 0) {
            if (*has_host)
                continue;
            *has_host = true;
        }
        if (buf_reserve(head, name_len + value_len + 4))
            return -1;
        to = head->data + head->len;
        memcpy(to, name, name_len);
        memcpy(to + name_len, ": ", 2);
        memcpy(to + name_len + 2, value, value_len);
        memcpy(to + name_len + 2 + value_len, "\r\n", 2);
        head->len += name_len + value_len + 4;
    }
    return 0;
}

static bool takes_body(const char *method)
{
    return method[0] == 'P'; /* POST, PUT, PATCH */
}

int connection_write_head(struct buf *head, const struct call *call, const char *host,
                          char err[P2P_ERRLEN])
{
    size_t body = call->body ? call->body->len : 0;
    bool has_host = call->host != NULL;

    if (call->path[0] != '/' || !http_is_target(call->path, strlen(call->path)) ||
        !http_is_target(call->path_tail ? call->path_tail : "", call->path_tail_len)) {
        snprintf(err, P2P_ERRLEN,
                 "%s: the request target cannot be sent: it begins without a "
                 "slash, or has blanks or control characters",
                 host);
        return -1;
    }
    buf_clear(head);
    if (buf_puts(head, call->method) || buf_puts(head, " ") || buf_puts(head, call->path) ||
        buf_append(head, call->path_tail, call->path_tail_len) || buf_puts(head, " HTTP/1.1\r\n") ||
        put_headers(head, call->headers, &has_host) || put_headers(head, call->headers2, &has_host))
        goto full;
    if ((call->host || (!has_host && !call->whole_head)) &&
        buf_printf(head, "Host: %s\r\n", call->host ? call->host : host))
        goto full;
    if (!call->whole_head && (body > 0 || takes_body(call->method)) &&
        buf_printf(head, "Content-Length: %zu\r\n", body))
        goto full;
    if (buf_puts(head, "\r\n"))
        goto full;
    return 0;
full:
    snprintf(err, P2P_ERRLEN, "%s: the request's head is larger than %d bytes", host, HEAD_MAX);
    return -1;
}

/* ---- parsing ---- */

static const char large_headers[] = "its header lines are larger than limits.headers";

static bool is_plain_connection(const struct buf *value)
{
    return (value->len == 5 && strncasecmp(value->data, "close", 5) == 0) ||
           (value->len == 10 && strncasecmp(value->data, "keep-alive", 10) == 0);
}

static void note_nominated(struct connection *c)
{
    if (is_plain_connection(&c->value))
        return;
    if (buf_append(&c->nominated, c->value.data, c->value.len) || buf_puts(&c->nominated, ", "))
        c->fault = large_headers;
}

static void keep_header(struct connection *c, struct headers *to)
{
    if (headers_addn(to, c->name.data, c->name.len, c->value.data, c->value.len) == 0)
        return;
    c->fault = to->text.len + c->name.len + c->value.len + 2 > to->text.limit
                   ? large_headers
                   : "its header lines have characters that may not be there";
}

static int flush_header(struct connection *c)
{
    struct http_response *r = c->call ? c->call->response : NULL;

    while (c->value.len &&
           (c->value.data[c->value.len - 1] == ' ' || c->value.data[c->value.len - 1] == '\t'))
        c->value.len--;
    while (c->name.len && c->name.data[c->name.len - 1] == ' ')
        c->name.len--; /* "Name : value", which the parser lets pass */
    if (c->name.len == 10 && strncasecmp(c->name.data, "Connection", 10) == 0)
        note_nominated(c);
    else if (c->name.len && r && !header_is_hop_by_hop(c->name.data, c->name.len))
        keep_header(c, &r->headers);
    buf_clear(&c->name);
    buf_clear(&c->value);
    c->in_value = false;
    return c->fault ? -1 : 0;
}

static int on_name(http_parser *p, const char *at, size_t n)
{
    struct connection *c = p->data;

    if (c->head_read)
        return 0; /* trailers end here */
    if (c->in_value && flush_header(c))
        return -1;
    if (buf_append(&c->name, at, n))
        c->fault = large_headers;
    return c->fault ? -1 : 0;
}

static int on_value(http_parser *p, const char *at, size_t n)
{
    struct connection *c = p->data;

    if (c->head_read)
        return 0;
    c->in_value = true;
    if (buf_append(&c->value, at, n))
        c->fault = large_headers;
    return c->fault ? -1 : 0;
}

static int on_headers_complete(http_parser *p)
{
    struct connection *c = p->data;

    enum { NO_BODY = 1 };
    bool is_interim = p->status_code >= 100 && p->status_code < 200;

    /* Nobody asked for another protocol. */
    if (p->status_code < 100 || p->status_code == 101)
        c->fault = "its answer is not HTTP: a status that nobody asked for";
    if (flush_header(c))
        return -1;
    if (c->call && c->call->response && c->nominated.len && buf_text(&c->nominated))
        headers_remove_nominated(&c->call->response->headers, c->nominated.data);
    buf_clear(&c->nominated);
    c->head_read = !is_interim;
    if (c->call && !is_interim) {
        c->call->status = (int)p->status_code;
        if (c->call->response)
            c->call->response->status = (int)p->status_code;
    }
    return is_interim || p->status_code == 204 || p->status_code == 304 ? NO_BODY : 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
    struct connection *c = p->data;

    if (c->call && c->call->response && buf_append(&c->call->response->body, at, n))
        c->fault = "its answer is larger than the limit";
    return c->fault ? -1 : 0;
}

static int on_complete(http_parser *p)
{
    struct connection *c = p->data;

    if (p->status_code < 200) { /* "100 Continue": the answer follows */
        if (c->call && c->call->response)
            headers_clear(&c->call->response->headers);
        return 0;
    }
    c->complete = true;
    c->keep = http_should_keep_alive(p);
    http_parser_pause(p, 1);
    return 0;
}

static const http_parser_settings parser_settings = {
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

void connection_init_parser(struct connection *c)
{
    http_parser_init(&c->parser, HTTP_RESPONSE);
    c->parser.data = c;
    buf_clear(&c->name);
    buf_clear(&c->value);
    buf_clear(&c->nominated);
    c->in_value = c->head_read = c->complete = c->keep = false;
    c->fault = NULL;
}

int connection_parse(struct connection *c, const char *data, size_t size)
{
    size_t used = http_parser_execute(&c->parser, &parser_settings, data, size);

    if (c->complete) {
        c->keep = c->keep && used == size; /* bytes that nobody asked for end it */
        return 0;
    }
    return HTTP_PARSER_ERRNO(&c->parser) == HPE_OK && used == size ? 0 : -1;
}

/* ---- life ---- */

static void stop_watching(struct connection *c)
{
    ev_io_stop(c->loop, &c->readable);
    ev_io_stop(c->loop, &c->writable);
    ev_timer_stop(c->loop, &c->connecting);
}

void connection_close(struct connection *c)
{
    stop_watching(c);
    close(c->fd);
    buf_release(&c->head);
    buf_release(&c->name);
    buf_release(&c->value);
    buf_release(&c->nominated);
    free(c);
}

static void fail(struct connection *c, enum call_result result, const char *why)
{
    struct call *call = c->call;

    c->call = NULL;
    if (call)
        snprintf(call->err, sizeof(call->err), "%s: %s", upstream_text(c->upstream), why);
    connection_events.over(c, call, result, why);
}

static void finish(struct connection *c)
{
    struct call *call = c->call;
    bool keep = c->keep && c->written == c->total;

    c->call = NULL;
    call->answered_ns = clock_ns();
    if (keep) {
        c->reused = true;
        c->state = CONNECTION_IDLE;
        c->idle_since_ns = call->answered_ns;
        buf_trim(&c->head, HEAD_KEEP);
        connection_events.usable(c);
    } else {
        connection_events.over(c, NULL, CALL_ANSWERED, "");
    }
    connection_events.answered(call);
}

static void fail_parsing(struct connection *c)
{
    char why[128];

    snprintf(why, sizeof(why), "its answer is not HTTP: %s",
             http_errno_description(HTTP_PARSER_ERRNO(&c->parser)));
    fail(c, CALL_BAD, c->fault ? c->fault : why);
}

/* A server that writes head and body apart, without TCP_NODELAY, sends the body only when the
 * head was acknowledged, which the kernel would put off for 40 ms. */
static void acknowledge(const struct connection *c)
{
    int one = 1;

    setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
}

static void take(struct connection *c, const char *data, size_t size)
{
    if (c->state != CONNECTION_BUSY) { /* nobody asked */
        fail(c, CALL_BAD, "sent bytes that nobody asked for");
    } else if (connection_parse(c, data, size)) {
        fail_parsing(c);
    } else if (c->complete) {
        finish(c);
    } else {
        acknowledge(c);
    }
}

/* The other side closed: the end of an answer without length, or a loss. */
static void take_end(struct connection *c, bool orderly, const char *why)
{
    if (orderly && c->state == CONNECTION_BUSY && c->parser.status_code >= 200 &&
        http_parser_execute(&c->parser, &parser_settings, NULL, 0) == 0 && c->complete) {
        c->keep = false;
        finish(c);
        return;
    }
    fail(c, c->state == CONNECTION_CONNECTING || c->written == 0 ? CALL_NOT_SENT : CALL_LOST, why);
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
    struct connection *c = w->data;
    size_t size;
    char *data = upstream_scratch(c->upstream, &size);
    ssize_t n;

    (void)loop;
    (void)events;
    n = recv(c->fd, data, size, 0);
    if (n > 0)
        take(c, data, (size_t)n);
    else if (n == 0)
        take_end(c, true,
                 c->state == CONNECTION_BUSY && c->parser.http_major > 0
                     ? "closed the connection in the middle of its answer"
                     : "closed the connection without an answer");
    else if (errno != EAGAIN && errno != EINTR)
        take_end(c, false, strerror(errno));
}

/* ---- writing ---- */

static void keep_writing(struct connection *c)
{
    const struct buf *body = c->call->body;
    bool first = c->written == 0;

    while (c->written < c->total) {
        struct iovec io[2];
        struct msghdr m = {.msg_iov = io};
        size_t skip = c->written;
        ssize_t n;

        if (skip < c->head.len)
            io[m.msg_iovlen++] = (struct iovec){c->head.data + skip, c->head.len - skip};
        skip = skip > c->head.len ? skip - c->head.len : 0;
        if (body && body->len > skip)
            io[m.msg_iovlen++] = (struct iovec){body->data + skip, body->len - skip};
        n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            ev_io_start(c->loop, &c->writable);
            return;
        }
        if (n < 0) {
            /* What was answered before the break is still to be read. */
            ev_io_stop(c->loop, &c->writable);
            if (first && c->written == 0 && c->reused) {
                struct call *call = c->call;

                c->call = NULL;
                connection_events.unsent(c, call);
            }
            return;
        }
        c->written += (size_t)n;
        c->call->sent = true;
    }
    ev_io_stop(c->loop, &c->writable);
}

void connection_send(struct connection *c, struct call *call)
{
    c->state = CONNECTION_BUSY;
    c->call = call;
    c->written = 0;
    connection_init_parser(c);
    if (connection_write_head(&c->head, call, upstream_text(c->upstream), call->err)) {
        c->call = NULL;
        c->state = CONNECTION_IDLE;
        connection_events.usable(c);
        connection_events.refused(call);
        return;
    }
    c->total = c->head.len + (call->body ? call->body->len : 0);
    keep_writing(c);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int events)
{
    struct connection *c = w->data;
    socklen_t size = sizeof(int);
    int error = 0;

    (void)events;
    if (c->state != CONNECTION_CONNECTING) {
        keep_writing(c);
        return;
    }
    ev_timer_stop(loop, &c->connecting);
    ev_io_stop(loop, &c->writable);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) || error) {
        fail(c, CALL_NOT_SENT, strerror(error));
        return;
    }
    c->state = CONNECTION_IDLE;
    connection_events.connected(c);
}

static void on_connect_timeout(struct ev_loop *loop, ev_timer *w, int events)
{
    struct connection *c = w->data;

    (void)events;
    if (timer_is_early(loop, w, c->connect_until_ns))
        return;
    fail(c, CALL_NOT_SENT, "did not accept the connection in time");
}

struct connection *connection_open(struct upstream *u, struct ev_loop *loop,
                                   const struct endpoint *to, uint64_t timeout_ns,
                                   char err[P2P_ERRLEN])
{
    struct connection *c = calloc(1, sizeof(*c));
    int one = 1;

    if (!c) {
        snprintf(err, P2P_ERRLEN, "%s: out of memory", to->text);
        return NULL;
    }
    c->upstream = u;
    c->loop = loop;
    buf_init(&c->head, HEAD_MAX);
    buf_init(&c->name, NAME_MAX_BYTES);
    buf_init(&c->value, VALUE_MAX_BYTES);
    buf_init(&c->nominated, VALUE_MAX_BYTES);
    c->fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        goto fail;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(c->fd, (const struct sockaddr *)&to->address, to->length) && errno != EINPROGRESS)
        goto fail;
    ev_io_init(&c->readable, on_readable, c->fd, EV_READ);
    ev_io_init(&c->writable, on_writable, c->fd, EV_WRITE);
    ev_timer_init(&c->connecting, on_connect_timeout, (double)timeout_ns / 1e9, 0);
    c->connect_until_ns = clock_ns() + timeout_ns;
    c->readable.data = c->writable.data = c->connecting.data = c;
    ev_io_start(loop, &c->readable);
    ev_io_start(loop, &c->writable);
    ev_timer_start(loop, &c->connecting);
    return c;
fail:
    snprintf(err, P2P_ERRLEN, "%s: %s", to->text, strerror(errno));
    if (c->fd >= 0)
        close(c->fd);
    free(c);
    return NULL;
}
