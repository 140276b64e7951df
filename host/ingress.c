#include "host/ingress.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "host/job.h"
#include "host/log.h"
#include "host/route.h"
#include "host/wire.h"

enum {
    BACKLOG = 4096,
    RUNS_A_TURN = 64, /* of the daemon, before the loop looks at anything else */
    DRAIN_FACTOR = 4  /* a refused body is read up to this many times the limit */
};
static const double SWEEP_SECONDS = 0.1;

int ingress_listen(struct endpoint *at, bool shared, char err[P2P_ERRLEN])
{
    int one = 1, fd = -1;
    uint16_t port;

    fd = socket(at->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        goto fail;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
        (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one))))
        goto fail;
    if (bind(fd, (struct sockaddr *)&at->address, at->length) || listen(fd, BACKLOG))
        goto fail;
    at->length = sizeof(at->address);
    if (getsockname(fd, (struct sockaddr *)&at->address, &at->length))
        goto fail;
    /* Both families keep the port at the same place. */
    port = ntohs(((struct sockaddr_in *)&at->address)->sin_port);
    {
        char *colon = strrchr(at->text, ':');

        snprintf(colon, sizeof(at->text) - (size_t)(colon - at->text), ":%u", port);
    }
    return fd;
fail:
    snprintf(err, P2P_ERRLEN, "cannot listen on %s: %s%s", at->text, strerror(errno),
             errno == EADDRINUSE ? "; another node may run there, see node.listen and node.port"
                                 : "");
    if (fd >= 0)
        close(fd);
    return -1;
}

/* ---- answers ---- */

static enum MHD_Result send_answer(struct exchange *x)
{
    struct http_response *r = &x->response;
    struct MHD_Response *answer;
    const char *name, *value;
    enum MHD_Result sent;
    size_t at = 0;

    x->state = EXCHANGE_ANSWER;
    answer = MHD_create_response_from_buffer(r->body.len, r->body.data, MHD_RESPMEM_PERSISTENT);
    if (!answer)
        return MHD_NO;
    while (headers_next(&r->headers, &at, &name, &value))
        MHD_add_response_header(answer, name, value);
    if (x->close)
        MHD_add_response_header(answer, MHD_HTTP_HEADER_CONNECTION, "close");
    sent = MHD_queue_response(x->connection, (unsigned)r->status, answer);
    MHD_destroy_response(answer);
    return sent;
}

void ingress_answer(struct exchange *x)
{
    x->state = EXCHANGE_ANSWER;
    x->shard->resumed = true;
    MHD_resume_connection(x->connection);
}

bool ingress_client_gone(const struct exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    char byte;
    ssize_t n;

    if (!info)
        return true;
    n = recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* ---- requests ---- */

static enum MHD_Result copy_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len)
{
    struct exchange *x = cls;
    struct headers *to = &x->request.headers;

    (void)kind;
    if (header_is_hop_by_hop(name, name_len))
        return MHD_YES;
    if (wire_is_internal(name, name_len)) {
        if (x->route->kind != ROUTE_PEER)
            return MHD_YES;
        to = &((struct job *)x)->peer_headers;
    }
    if (headers_addn(to, name, name_len, value ? value : "", value_len))
        exchange_error(x, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
                       MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
                       "the header field '%.64s' cannot be passed on: more than %zu bytes of "
                       "headers, or control characters",
                       name, to->text.limit);
    return MHD_YES;
}

static void note_client(struct exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *a = info ? info->client_addr : NULL;

    if (a && a->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr,
                  x->request.client, sizeof(x->request.client));
    else if (a && a->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
                  x->request.client, sizeof(x->request.client));
}

static bool refused(const struct exchange *x)
{
    return x->response.status != 0;
}

static void refuse_body(struct exchange *x)
{
    exchange_error(x, MHD_HTTP_CONTENT_TOO_LARGE, MHD_HTTP_CONTENT_TOO_LARGE,
                   "the body is larger than limits.body, %zu bytes", x->request.body.limit);
    x->close = true;
}

/* The request line and the headers are known. */
static enum MHD_Result begin(struct exchange *x, struct MHD_Connection *connection,
                             const char *method)
{
    const char *length, *expect;
    size_t path_len = strcspn(x->uri.data, "?");

    x->connection = connection;
    x->state = EXCHANGE_BODY;
    x->close = x->shard->node->stopping;
    x->route = route_find(x->uri.data, path_len);
    if (!x->route) {
        exchange_error(x, MHD_HTTP_NOT_FOUND, MHD_HTTP_NOT_FOUND,
                       "no such path: %.200s; GET / lists what there is", x->uri.data);
    } else if (!(x->route->methods & route_method(method))) {
        char allow[64];

        route_allow(x->route, allow, sizeof(allow));
        exchange_error(x, MHD_HTTP_METHOD_NOT_ALLOWED, MHD_HTTP_METHOD_NOT_ALLOWED,
                       "%s is not for %s; allowed: %s", method, x->route->path, allow);
        exchange_header(x, MHD_HTTP_HEADER_ALLOW, "%s", allow);
    } else {
        x->rest = x->uri.data + strlen(x->route->path);
        x->request.method = http_method(method);
        if (x->route->kind != ROUTE_ANSWER) {
            note_client(x);
            MHD_get_connection_values_n(connection, MHD_HEADER_KIND, copy_header, x);
        }
    }
    length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (!refused(x) && length && strtoull(length, NULL, 10) > x->request.body.limit)
        refuse_body(x);
    if (refused(x)) {
        metrics_count(&x->shard->metrics, COUNT_BAD_REQUESTS);
        /* A client that waits for "100 Continue" gets its answer now. */
        expect = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT);
        if (expect && length)
            return send_answer(x);
    }
    return MHD_YES;
}

static enum MHD_Result take_body(struct exchange *x, const char *data, size_t size)
{
    struct node *node = x->shard->node;
    size_t before = x->request.body.cap;

    if (!refused(x)) {
        if (buf_append(&x->request.body, data, size) == 0) {
            size_t grown = x->request.body.cap - before;

            x->held += grown;
            if (grown && (node->memory_held += (int64_t)grown) > node->memory_limit) {
                exchange_error(x, MHD_HTTP_SERVICE_UNAVAILABLE, MHD_HTTP_SERVICE_UNAVAILABLE,
                               "the node holds limits.memory, %lld bytes, of request bodies; "
                               "try again later",
                               (long long)node->memory_limit);
                exchange_header(x, MHD_HTTP_HEADER_RETRY_AFTER, "1");
                x->close = true;
            }
        } else {
            refuse_body(x);
        }
        if (refused(x)) {
            metrics_count(&x->shard->metrics, COUNT_BAD_REQUESTS);
            buf_clear(&x->request.body);
        }
    }
    if (refused(x)) {
        x->drained += size;
        if (x->drained > x->request.body.limit * DRAIN_FACTOR)
            return MHD_NO;
    }
    return MHD_YES;
}

static enum MHD_Result complete(struct exchange *x)
{
    if (!refused(x) && x->route->kind == ROUTE_ANSWER)
        x->route->answer(x);
    if (refused(x))
        return send_answer(x);
    x->state = EXCHANGE_WORKING;
    MHD_suspend_connection(x->connection);
    job_start((struct job *)x, x->route->kind == ROUTE_PEER);
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **context)
{
    struct exchange *x = *context;

    (void)cls;
    (void)url;
    (void)version;
    if (!x)
        return MHD_NO;
    switch (x->state) {
    case EXCHANGE_NEW:
        return begin(x, connection, method);
    case EXCHANGE_BODY:
        if (*size) {
            size_t n = *size;

            *size = 0;
            return take_body(x, data, n);
        }
        return complete(x);
    case EXCHANGE_ANSWER:
        return send_answer(x);
    case EXCHANGE_WORKING:
        break;
    }
    return MHD_YES;
}

/* The request target as it was sent, before the daemon takes it apart: made
 * here, the exchange is what the daemon hands to on_request. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct job *j = job_new(cls);

    (void)connection;
    if (!j)
        return NULL;
    if (buf_puts(&j->x.uri, uri) || !buf_text(&j->x.uri)) {
        job_free(j);
        return NULL;
    }
    j->x.shard->n_exchanges++;
    return &j->x;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode how)
{
    struct exchange *x = *context;
    struct shard *s = cls;

    (void)connection;
    (void)how;
    *context = NULL;
    if (!x)
        return;
    s->node->memory_held -= (int64_t)x->held;
    s->n_exchanges--;
    job_free((struct job *)x);
    shard_end_if_idle(s);
}

/* Paths are passed on as they came. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

/* ---- the daemon on the loop ---- */

static void run_daemon(struct shard *s)
{
    MHD_UNSIGNED_LONG_LONG timeout;
    int runs = 0;

    do {
        s->resumed = false;
        MHD_run(s->daemon);
    } while (++runs < RUNS_A_TURN &&
             (s->resumed || (MHD_get_timeout(s->daemon, &timeout) == MHD_YES && timeout == 0)));
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop;
    (void)events;
    run_daemon(w->data);
}

static void before_sleep(struct ev_loop *loop, ev_prepare *w, int events)
{
    struct shard *s = w->data;

    (void)loop;
    (void)events;
    if (s->resumed)
        run_daemon(s);
}

static void on_overdue(struct ev_loop *loop, ev_timer *w, int events)
{
    struct shard *s = w->data;

    (void)loop;
    (void)events;
    jobs_sweep(s);
    run_daemon(s);
}

int ingress_start(struct shard *s, int fd, char err[P2P_ERRLEN])
{
    const struct config *c = &s->node->config->config;
    const union MHD_DaemonInfo *info;
    unsigned connections = (unsigned)(c->limits.connections / s->node->n_shards);

    s->listen_fd = fd;
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO, 0, NULL, NULL, on_request, s,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, on_uri, s,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes,
        NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)c->limits.headers,
        MHD_OPTION_CONNECTION_LIMIT, connections ? connections : 1, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)(c->limits.idle_timeout / 1000000000), MHD_OPTION_END);
    if (!s->daemon) {
        snprintf(err, P2P_ERRLEN, "cannot start the HTTP daemon on %s", s->node->self.text);
        close(fd);
        return -1;
    }
    info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    ev_io_init(&s->readable, on_readable, info->epoll_fd, EV_READ);
    s->readable.data = s;
    ev_io_start(s->reactor.loop, &s->readable);
    ev_prepare_init(&s->before_sleep, before_sleep);
    s->before_sleep.data = s;
    ev_prepare_start(s->reactor.loop, &s->before_sleep);
    ev_timer_init(&s->overdue, on_overdue, SWEEP_SECONDS, SWEEP_SECONDS);
    s->overdue.data = s;
    ev_timer_start(s->reactor.loop, &s->overdue);
    run_daemon(s);
    return 0;
}

void ingress_quiesce(struct shard *s)
{
    int fd = MHD_quiesce_daemon(s->daemon);

    if (fd >= 0)
        close(fd);
}

void ingress_stop(struct shard *s)
{
    if (!s->daemon)
        return;
    run_daemon(s);
    ev_io_stop(s->reactor.loop, &s->readable);
    ev_prepare_stop(s->reactor.loop, &s->before_sleep);
    ev_timer_stop(s->reactor.loop, &s->overdue);
    MHD_stop_daemon(s->daemon);
    s->daemon = NULL;
}
