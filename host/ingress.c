#include "host/ingress.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "host/job.h"
#include "host/log.h"
#include "host/route.h"
#include "host/wire.h"

enum {
    BACKLOG = 4096,
    RUNS_A_TURN = 64, /* of the daemon, before the loop looks at anything else */
    /* Runs of the daemon that see a job still at work before its connection is
     * suspended: to suspend and resume costs three system calls, to look again none. */
    LOOKS = 8,
    DRAIN_MOST = 1 << 30,       /* bytes of a refused body that are read */
    POOL_EXTRA = 4096,          /* beyond limits.headers: the answer's header lines too */
    POOL_MARGIN = 1024,         /* status line, Date, what the daemon adds */
    POOL_A_HEADER = 64,         /* the daemon's own record of one */
    OWN_ANSWER_MOST = 64 << 20, /* metrics, plugins: not held to limits.body */
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

static void enter_state(struct exchange *x, enum exchange_state state)
{
    x->shard->in_state[x->state]--;
    x->shard->in_state[state]++;
    x->state = state;
}

/* ---- answers ---- */

/* The request's and the answer's header lines share the connection's memory. */
static bool headers_fit(const struct exchange *x)
{
    const struct headers *h = &x->response.headers;

    return x->head + h->text.len + (size_t)h->count * 4 + POOL_MARGIN <=
           x->shard->limits.headers + POOL_EXTRA;
}

static void refuse_headers(struct exchange *x)
{
    headers_clear(&x->response.headers);
    exchange_error(x, MHD_HTTP_BAD_GATEWAY, MHD_HTTP_BAD_GATEWAY,
                   "the header lines of the request and of the answer are together larger than "
                   "limits.headers, %zu bytes",
                   x->shard->limits.headers);
}

static enum MHD_Result send_answer(struct exchange *x)
{
    struct http_response *r = &x->response;
    struct MHD_Response *answer;
    const char *name, *value;
    enum MHD_Result sent;
    size_t at = 0;

    /* A peer whose call never became a job may go elsewhere with it. */
    if (x->route && x->route->kind == ROUTE_PEER && ((struct job *)x)->stage == JOB_IDLE)
        wire_refuse(x);
    if (((struct job *)x)->stage == JOB_DONE && !headers_fit(x))
        refuse_headers(x);
    answer = MHD_create_response_from_buffer(r->body.len, r->body.data, MHD_RESPMEM_PERSISTENT);
    if (!answer)
        return MHD_NO;
    while (headers_next(&r->headers, &at, &name, &value))
        MHD_add_response_header(answer, name, value);
    if (x->close)
        MHD_add_response_header(answer, MHD_HTTP_HEADER_CONNECTION, "close");
    sent = MHD_queue_response(x->connection, (unsigned)r->status, answer);
    MHD_destroy_response(answer);
    enter_state(x, EXCHANGE_SENDING);
    return sent;
}

void ingress_answer(struct exchange *x)
{
    struct shard *s = x->shard;

    if (!x->connection) {
        struct job *j = (struct job *)x;

        j->next = s->left;
        s->left = j;
        return;
    }
    enter_state(x, EXCHANGE_ANSWER);
    s->run_again = true;
    if (x->suspended) {
        x->suspended = false;
        s->n_suspended--;
        MHD_resume_connection(x->connection);
    }
}

bool ingress_client_gone(const struct exchange *x)
{
    const union MHD_ConnectionInfo *info =
        x->connection ? MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
                      : NULL;
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
    x->head += name_len + value_len + POOL_A_HEADER;
    if (header_is_hop_by_hop(name, name_len))
        return MHD_YES;
    if (wire_is_internal(name, name_len)) {
        if (x->route->kind != ROUTE_PEER)
            return MHD_YES;
        to = &((struct job *)x)->peer_headers;
    }
    if (headers_addn(to, name, name_len, value ? value : "", value_len)) {
        exchange_error(x, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
                       MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
                       "the header field '%.64s' cannot be passed on: more than %zu bytes of "
                       "headers, or control characters",
                       name, to->text.limit);
        return MHD_NO; /* no more of them */
    }
    return MHD_YES;
}

static void note_client(struct exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    x->request.client = info ? info->client_addr : NULL;
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
    enter_state(x, EXCHANGE_BODY);
    x->close = x->shard->node->stopping;
    x->route = route_find(x->uri.data, path_len);
    x->head = x->uri.len + POOL_A_HEADER;
    if (x->head > x->shard->limits.headers) {
        exchange_error(x, MHD_HTTP_URI_TOO_LONG, MHD_HTTP_URI_TOO_LONG,
                       "the request target is larger than limits.headers, %zu bytes",
                       x->shard->limits.headers);
    } else if (!http_is_target(x->uri.data, x->uri.len)) {
        exchange_error(x, MHD_HTTP_BAD_REQUEST, MHD_HTTP_BAD_REQUEST,
                       "the request target has control characters");
    } else if (!x->route) {
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
            if (grown && atomic_fetch_add(&node->memory_held, (int64_t)grown) + (int64_t)grown >
                             node->memory_limit) {
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
        if (x->drained > DRAIN_MOST)
            return MHD_NO;
    }
    return MHD_YES;
}

static enum MHD_Result complete(struct exchange *x)
{
    if (!refused(x) && x->route->kind == ROUTE_ANSWER) {
        x->response.body.limit = OWN_ANSWER_MOST;
        x->route->answer(x);
    }
    if (refused(x))
        return send_answer(x);
    enter_state(x, EXCHANGE_WORKING);
    x->looks = 0;
    job_start((struct job *)x, x->route->kind == ROUTE_PEER);
    return x->state == EXCHANGE_ANSWER ? send_answer(x) : MHD_YES;
}

/* The daemon asks for the answer and there is none yet. */
static void look_again(struct exchange *x)
{
    if (++x->looks < LOOKS)
        return;
    x->shard->n_suspended++;
    x->suspended = true;
    MHD_suspend_connection(x->connection);
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
    if (x->state == EXCHANGE_WORKING) {
        look_again(x);
        return MHD_YES;
    }
    x->shard->moved = true;
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
    default:
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
    j->x.shard->in_state[EXCHANGE_NEW]++;
    j->x.shard->moved = true;
    return &j->x;
}

static void end_exchange(struct exchange *x)
{
    struct shard *s = x->shard;

    s->node->memory_held -= (int64_t)x->held;
    s->n_exchanges--;
    s->in_state[x->state]--;
    job_free((struct job *)x);
    shard_end_if_idle(s);
}

/* The connection broke while its job is at work: the job goes on without it, or
 * ends here if it has not started. */
static void on_broken(struct exchange *x)
{
    struct job *j = (struct job *)x;

    enter_state(x, EXCHANGE_LEFT);
    x->connection = NULL;
    x->request.client = NULL;
    job_client_gone(j);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode how)
{
    struct exchange *x = *context;

    (void)cls;
    (void)connection;
    (void)how;
    *context = NULL;
    if (!x)
        return;
    if (x->state == EXCHANGE_WORKING)
        on_broken(x);
    else
        end_exchange(x);
}

/* Paths are passed on as they came. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

/* ---- the daemon on the loop ---- */

/* Has the daemon more to do at once?  It always says so while it looks at a job that
 * is at work; then only what is under way in it tells. */
static bool is_busy(struct shard *s)
{
    bool receiving = s->in_state[EXCHANGE_NEW] + s->in_state[EXCHANGE_BODY] > 0;
    bool looking = s->in_state[EXCHANGE_WORKING] > s->n_suspended;
    MHD_UNSIGNED_LONG_LONG timeout;

    if (s->run_again)
        return true;
    if (looking && !(receiving && s->moved) && s->in_state[EXCHANGE_SENDING] == 0)
        return false;
    return MHD_get_timeout(s->daemon, &timeout) == MHD_YES && timeout == 0;
}

/* Frees the exchanges whose connections broke before their jobs ended. */
static void end_left(struct shard *s)
{
    struct job *j;

    while ((j = s->left)) {
        s->left = j->next;
        end_exchange(&j->x);
    }
}

static void run_daemon(struct shard *s)
{
    int runs = 0;

    ev_idle_stop(s->reactor.loop, &s->more);
    do {
        s->run_again = s->moved = false;
        MHD_run(s->daemon);
    } while (is_busy(s) && ++runs < RUNS_A_TURN);
    if (runs == RUNS_A_TURN)
        ev_idle_start(s->reactor.loop, &s->more);
}

static void on_more(struct ev_loop *loop, ev_idle *w, int events)
{
    (void)loop;
    (void)events;
    ((struct shard *)w->data)->run_again = true;
}

/* The daemon runs once a turn of the loop, when the answers of the turn are there. */
static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
    struct shard *s = w->data;

    (void)loop;
    (void)events;
    s->run_again = true;
}

static void before_sleep(struct ev_loop *loop, ev_prepare *w, int events)
{
    struct shard *s = w->data;

    (void)loop;
    (void)events;
    if (s->run_again)
        run_daemon(s);
    end_left(s);
}

static void on_overdue(struct ev_loop *loop, ev_timer *w, int events)
{
    struct shard *s = w->data;

    (void)loop;
    (void)events;
    jobs_sweep(s);
    s->run_again = true;
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
        NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)c->limits.headers + POOL_EXTRA,
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
    ev_idle_init(&s->more, on_more);
    s->more.data = s;
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
    ev_idle_stop(s->reactor.loop, &s->more);
    ev_io_stop(s->reactor.loop, &s->readable);
    ev_prepare_stop(s->reactor.loop, &s->before_sleep);
    ev_timer_stop(s->reactor.loop, &s->overdue);
    MHD_stop_daemon(s->daemon);
    s->daemon = NULL;
    end_left(s);
}
