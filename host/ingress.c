#include "host/ingress.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "host/access.h"
#include "host/job.h"
#include "host/later.h"
#include "host/listener.h"
#include "host/route.h"
#include "host/stream.h"
#include "host/translate.h"
#include "host/wire.h"

enum {
    /* Runs of the daemon that see a job still at work before its connection is
     * suspended: to suspend and resume costs three system calls, to look again none. */
    LOOKS = 32,
    DRAIN_MOST = 1 << 30,       /* bytes of a refused body that are read */
    POOL_MARGIN = 1024,         /* status line, Date, what the daemon adds, a proof */
    POOL_A_HEADER = 64,         /* the daemon's own record of one */
    OWN_ANSWER_MOST = 64 << 20, /* metrics, plugins: not held to limits.body */
};
/* Those who are not suspended fall under the idle timeout, whole seconds. */
static const double LOOK_SECONDS = 0.1;

static void enter_state(struct exchange *x, enum exchange_state state)
{
    x->shard->in_state[x->state]--;
    x->shard->in_state[state]++;
    x->state = state;
}

/* ---- answers ---- */

/* The request's and the answer's header lines share the connection's memory. */
bool ingress_headers_fit(const struct exchange *x)
{
    const struct headers *h = &x->response.headers;

    return x->head + h->text.len + (size_t)h->count * 4 + POOL_MARGIN <=
           x->shard->limits.headers + LISTENER_POOL_EXTRA;
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
    if (x->route && x->route->kind == ROUTE_JOB && ((struct job *)x)->stage == JOB_IDLE)
        wire_say_unrun(x);
    if (((struct job *)x)->stage == JOB_DONE && !ingress_headers_fit(x))
        refuse_headers(x);
    if (x->original && translate_answer((struct job *)x))
        return MHD_NO;
    if (x->proven)
        access_sign_answer(x);
    answer = x->stream ? stream_response(x)
                       : MHD_create_response_from_buffer(r->body.len, r->body.data,
                                                         MHD_RESPMEM_PERSISTENT);
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

/* Of the fields of one connection only Connection has ten letters, or Keep-Alive, which
 * names nothing. */
static bool names_fields(const char *value)
{
    return value && strcasecmp(value, "keep-alive") != 0 && strcasecmp(value, "close") != 0;
}

static enum MHD_Result copy_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len)
{
    struct exchange *x = cls;
    struct headers *to = &x->request.headers;

    (void)kind;
    x->head += name_len + value_len + POOL_A_HEADER;
    if (header_is_hop_by_hop(name, name_len)) {
        x->nominates |= name_len == 10 && names_fields(value);
        return MHD_YES;
    }
    if (wire_is_internal(name, name_len)) {
        if (!route_is_of_peer(x->route)) {
            wire_note_override((struct job *)x, name, value_len);
            return MHD_YES;
        }
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

/* What frames a body, as far as the daemon does not look at it. */
struct framing {
    const char *length;
    size_t length_len;
    bool two_lengths, encoded, other_encoding;
};

static enum MHD_Result look_at_framing(void *cls, enum MHD_ValueKind kind, const char *name,
                                       size_t name_len, const char *value, size_t value_len)
{
    struct framing *f = cls;

    (void)kind;
    if (name_len == 14 && strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
        f->two_lengths |=
            f->length && (f->length_len != value_len || memcmp(f->length, value, value_len) != 0);
        f->length = value;
        f->length_len = value_len;
    } else if (name_len == 17 && strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        f->other_encoding |= f->encoded || strcasecmp(value, "chunked") != 0;
        f->encoded = true;
    }
    return MHD_YES;
}

/* Where one server sees the end of a request and another does not, a client can hide a
 * request in it: what is not clear is refused.  False when it was. */
static bool is_framed(struct exchange *x)
{
    struct framing f = {0};
    const char *wrong = NULL;

    MHD_get_connection_values_n(x->connection, MHD_HEADER_KIND, look_at_framing, &f);
    if (f.two_lengths)
        wrong = "two Content-Length fields that differ";
    else if (f.length && f.encoded)
        wrong = "both Content-Length and Transfer-Encoding";
    else if (f.other_encoding)
        wrong = "a Transfer-Encoding that is not chunked";
    if (!wrong)
        return true;
    exchange_error(x, MHD_HTTP_BAD_REQUEST, MHD_HTTP_BAD_REQUEST,
                   "the request has %s; allowed: one Content-Length, or Transfer-Encoding: chunked",
                   wrong);
    x->close = true;
    return false;
}

/* What a Connection field names is for this connection only. */
static enum MHD_Result drop_nominated(void *cls, enum MHD_ValueKind kind, const char *name,
                                      size_t name_len, const char *value, size_t value_len)
{
    struct exchange *x = cls;

    (void)kind;
    (void)value_len;
    if (name_len == 10 && strcasecmp(name, MHD_HTTP_HEADER_CONNECTION) == 0)
        headers_remove_nominated(&x->request.headers, value);
    return MHD_YES;
}

static void note_client(struct exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    x->request.client = info ? info->client_addr : NULL;
}

/* As proxies do: each node adds whoever it was called by, so that a function behind a
 * forward can tell its client. */
static void add_forwarded_for(struct exchange *x)
{
    static const char field[] = "X-Forwarded-For";
    struct headers *h = &x->request.headers;
    const char *name, *value;
    char list[1024], address[HTTP_ADDRESS];
    size_t at = 0, n = 0;

    http_address(x->request.client, address);
    if (!address[0])
        return;
    if (headers_get(h, field)) {
        while (headers_next(h, &at, &name, &value))
            if (strcasecmp(name, field) == 0 && n + strlen(value) + 2 < sizeof(list) - HTTP_ADDRESS)
                n += (size_t)snprintf(list + n, sizeof(list) - n, "%s, ", value);
        headers_remove(h, field, sizeof(field) - 1);
    }
    memcpy(list + n, address, sizeof(address));
    if (headers_add(h, field, list))
        exchange_error(
            x, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
            "no room for X-Forwarded-For: more than %zu bytes of headers", h->text.limit);
}

static bool refused(const struct exchange *x)
{
    return x->response.status != 0;
}

static void refuse_body(struct exchange *x)
{
    exchange_error(x, MHD_HTTP_CONTENT_TOO_LARGE, MHD_HTTP_CONTENT_TOO_LARGE,
                   "the body is larger than limits.body, %zu bytes", x->shard->limits.body);
    x->close = true;
}

/* The request line and the headers are known. */
static enum MHD_Result begin(struct exchange *x, struct MHD_Connection *connection,
                             const char *method)
{
    const char *length, *expect, *encoding;
    size_t path_len = strcspn(x->uri.data, "?");

    x->connection = connection;
    clients_busy(connection);
    enter_state(x, EXCHANGE_BODY);
    x->close = x->shard->node->stopping;
    x->route = route_find(x->listener->routes, x->uri.data, path_len);
    x->head = x->uri.len + POOL_A_HEADER;
    if (x->listener->body)
        x->request.body.limit = x->listener->body;
    x->original = translate_is_call(x, connection);
    if (x->original)
        x->request.body.limit = original_limit(x->shard->limits.body);
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
    } else if (x->original && strcmp(method, "POST") != 0) {
        exchange_error(x, MHD_HTTP_METHOD_NOT_ALLOWED, MHD_HTTP_METHOD_NOT_ALLOWED,
                       "%s is not for %s; allowed: POST", method, x->route->path);
        exchange_header(x, MHD_HTTP_HEADER_ALLOW, "POST");
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
            if (x->nominates)
                MHD_get_connection_values_n(connection, MHD_HEADER_KIND, drop_nominated, x);
            if (!refused(x))
                add_forwarded_for(x);
        }
        if (!refused(x))
            access_check(x);
    }
    length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    encoding =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    if ((length || encoding) && !is_framed(x)) {
        metrics_count(&x->shard->metrics, COUNT_BAD_REQUESTS);
        return send_answer(x); /* before a body that has no clear end */
    }
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

/* What may be answered later is not begun any more: the shard could end before it. */
static bool is_too_late(const struct exchange *x)
{
    return x->shard->node->stopping && !(x->route->methods & ROUTE_TO_THE_END);
}

void ingress_count_answer(const struct exchange *x)
{
    bool is_handlers = x->route->kind == ROUTE_ANSWER || x->route->kind == ROUTE_KEPT;

    if (is_handlers && x->response.status >= 400 && x->response.status < 500)
        metrics_count(&x->shard->metrics, COUNT_BAD_REQUESTS);
}

static enum MHD_Result complete(struct exchange *x)
{
    if (!refused(x) && x->proven)
        access_check_body(x);
    if (!refused(x) && x->original) {
        translate_call((struct job *)x);
        if (refused(x))
            metrics_count(&x->shard->metrics, COUNT_BAD_REQUESTS);
    }
    if (!refused(x) && x->route->answer && is_too_late(x)) {
        exchange_error(x, MHD_HTTP_SERVICE_UNAVAILABLE, MHD_HTTP_SERVICE_UNAVAILABLE,
                       "the node is stopping");
        x->close = true;
    } else if (!refused(x) && x->route->answer) {
        x->response.body.limit = OWN_ANSWER_MOST;
        x->route->answer(x);
        if (!x->later.waits)
            ingress_count_answer(x);
    }
    /* Whoever answers later may be writing the response already. */
    if (!x->later.waits && refused(x))
        return send_answer(x);
    enter_state(x, EXCHANGE_WORKING);
    x->looks = 0;
    x->looked_since = ev_now(x->shard->reactor.loop);
    if (x->later.waits)
        return MHD_YES;
    job_start((struct job *)x, x->route->kind == ROUTE_PEER);
    return x->state == EXCHANGE_ANSWER ? send_answer(x) : MHD_YES;
}

/* The daemon asks for the answer and there is none yet. */
static void look_again(struct exchange *x)
{
    struct shard *s = x->shard;

    if (++x->looks < LOOKS && ev_now(s->reactor.loop) - x->looked_since < LOOK_SECONDS)
        return;
    s->n_suspended++;
    x->suspended = true;
    MHD_suspend_connection(x->connection);
}

enum MHD_Result ingress_request(void *cls, struct MHD_Connection *connection, const char *url,
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
 * here, the exchange is what the daemon hands to ingress_request. */
void *ingress_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    const struct listener *l = cls;
    struct job *j = job_new(l->shard);

    (void)connection;
    if (!j)
        return NULL;
    if (buf_puts(&j->x.uri, uri) || !buf_text(&j->x.uri)) {
        job_free(j);
        return NULL;
    }
    j->x.listener = l;
    j->x.shard->n_exchanges++;
    j->x.shard->in_state[EXCHANGE_NEW]++;
    j->x.shard->moved = true;
    return &j->x;
}

static void end_exchange(struct exchange *x)
{
    struct shard *s = x->shard;

    /* A connection that was suspended is watched again after one more run, which nothing
     * else asks for while the daemon looks at another job. */
    s->run_again = true;
    if (x->stream)
        stream_over(x);
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
    enter_state(x, EXCHANGE_LEFT);
    x->connection = NULL;
    x->request.client = NULL;
    if (x->later.waits)
        later_gone(x);
    else
        job_client_gone((struct job *)x);
}

void ingress_completed(void *cls, struct MHD_Connection *connection, void **context,
                       enum MHD_RequestTerminationCode how)
{
    struct exchange *x = *context;

    (void)cls;
    (void)how;
    *context = NULL;
    if (!x)
        return;
    clients_idle(connection);
    if (x->state == EXCHANGE_WORKING)
        on_broken(x);
    else
        end_exchange(x);
}

/* Frees the exchanges whose connections broke before their jobs ended. */
void ingress_end_left(struct shard *s)
{
    struct job *j;

    while ((j = s->left)) {
        s->left = j->next;
        end_exchange(&j->x);
    }
}
