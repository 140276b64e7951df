/*
 * upstream.h - HTTP/1.1 out, the hot path: keep-alive connections of one thread
 * to functions and peers, our own request writer, answers parsed by http-parser.
 *
 * It knows whether a request may have reached the other side, which the promise
 * "what was not sent may run elsewhere" needs: a call ends as CALL_NOT_SENT only
 * when not one byte of it left, or when the connection was refused.  Nothing is
 * ever sent twice by this module.
 *
 * Everything runs on the reactor's thread.  `done` is called exactly once for a
 * started call, never from inside upstream_start, unless it was cancelled before.
 */
#ifndef HOST_UPSTREAM_H
#define HOST_UPSTREAM_H

#include <netinet/in.h>
#include <p2pfaas/plugin.h>
#include <sys/socket.h>

#include "host/http.h"
#include "host/reactor.h"

/* Where to: a numeric address.  Compared by its bytes. */
struct endpoint {
    struct sockaddr_storage address;
    socklen_t length;
    char text[64]; /* "127.0.0.2:18080", "[::1]:18080" */
};

/* "1.2.3.4", "1.2.3.4:80", "[::1]:80", "::1"; 0, or -1 with what would be right. */
int endpoint_parse(struct endpoint *e, const char *text, uint16_t default_port,
                   char err[P2P_ERRLEN]);

/* A numeric address without a port? */
bool endpoint_is_bare(const char *text);

enum { ENDPOINT_HOST = 254 };
/* A host's name, "n1", "n1.example.org:19000": 0, or -1 when it can be none. */
int endpoint_split_name(const char *text, uint16_t default_port, char host[ENDPOINT_HOST],
                        uint16_t *port);

struct upstream_limits {
    unsigned connections; /* to one endpoint; more calls wait in line */
    unsigned waiting;     /* calls in that line; more end as CALL_NOT_SENT */
    uint64_t connect_ns;  /* time to connect */
    uint64_t idle_ns;     /* an unused connection is closed after it */
};

enum call_result {
    CALL_ANSWERED, /* response is complete */
    CALL_NOT_SENT, /* refused, unreachable, no room: it did not run there */
    CALL_LOST,     /* broken off after bytes left: it may have run */
    CALL_TIMEOUT,  /* sent, no answer in time: it may have run */
    CALL_BAD       /* the answer is not HTTP or passes a limit: it ran */
};

enum call_state { CALL_IDLE, CALL_WAITING, CALL_ON_CONNECTION, CALL_ENDED };

struct upstream;
struct connection;

struct call {
    /* In, and unchanged until done. */
    const char *method;
    const char *path;      /* whole request target, beginning with '/' */
    const char *path_tail; /* appended to path; NULL = nothing */
    size_t path_tail_len;
    const struct headers *headers;  /* may be NULL */
    const struct headers *headers2; /* added after them; may be NULL */
    const char *host;               /* the Host header, whatever is in `headers`; NULL = that */
    bool whole_head;                /* Host and Content-Length are in `headers`, none is added */
    const struct buf *body;         /* may be NULL or empty */
    uint64_t started_ns;            /* now; 0 = upstream_start reads the clock */
    uint64_t timeout_ns;            /* from start to complete answer */
    void (*done)(struct call *, enum call_result);
    void *owner; /* the caller's */
    /* Out. */
    struct http_response *response; /* the caller's, initialised and empty; NULL = read
                                       and drop the body, keep `status` */
    int status;
    bool unreachable; /* CALL_NOT_SENT because nobody answers there */
    uint64_t answered_ns;
    char err[P2P_ERRLEN]; /* why, unless CALL_ANSWERED: who, what */
    /* Private. */
    enum call_state state;
    struct upstream *upstream;
    struct connection *connection;
    struct call *next, *prev;
    ev_timer timer;
    bool sent;
    enum call_result result;
};

struct upstreams *upstreams_new(struct reactor *r, const struct upstream_limits *limits);
/* Calls that are open end as CALL_NOT_SENT or CALL_LOST first. */
void upstreams_free(struct upstreams *u);

/* A Host header is added with the endpoint's text when `headers` has none. */
void upstream_start(struct upstreams *u, const struct endpoint *to, struct call *c);
/* No done will come; a connection in use is closed. */
void upstream_cancel(struct call *c);

#endif
