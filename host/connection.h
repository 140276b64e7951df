/*
 * connection.h - one HTTP/1.1 connection out.  Private to upstream.c, which owns
 * the connections and tells them what to send.
 *
 * CONNECTING → IDLE ⇄ BUSY → closed.  The read watcher stays on from the first
 * moment, so that a server that closes an idle connection is noticed at once.
 */
#ifndef HOST_CONNECTION_H
#define HOST_CONNECTION_H

#include <http_parser.h>
#include <stdbool.h>

#include "host/upstream.h"

enum connection_state { CONNECTION_CONNECTING, CONNECTION_IDLE, CONNECTION_BUSY };

struct connection {
    struct connection *next, *prev; /* among those of its upstream in the same state */
    struct upstream *upstream;
    struct ev_loop *loop;
    int fd;
    enum connection_state state;
    bool reused; /* it served a call before */
    uint64_t idle_since_ns;
    ev_io readable, writable;
    ev_timer connecting;
    uint64_t connect_until_ns;
    struct call *call;
    /* Out. */
    struct buf head;
    size_t written, total;
    /* In. */
    http_parser parser;
    struct buf name, value;
    struct buf nominated; /* by its Connection fields: not to be passed on */
    bool in_value, head_read, complete, keep;
    const char *fault; /* what is wrong with an answer that is HTTP */
};

/* What happened, told to upstream.c; the connection may be freed in there. */
struct connection_events {
    void (*connected)(struct connection *c);
    /* An answer is complete and it can be used again. */
    void (*usable)(struct connection *c);
    /* It cannot be used any more and is to be closed: `call` is the one that was on
     * it, or NULL. */
    void (*over)(struct connection *c, struct call *call, enum call_result result, const char *why);
    /* The call cannot be sent at all; the connection is as it was. */
    void (*refused)(struct call *call);
    /* The kernel took no byte of the call on a reused connection. */
    void (*unsent)(struct connection *c, struct call *call);
    /* An answer is complete; the connection was given back or closed before. */
    void (*answered)(struct call *call);
};
extern const struct connection_events connection_events;

/* Begins to connect; NULL with a reason when that fails at once. */
struct connection *connection_open(struct upstream *u, struct ev_loop *loop,
                                   const struct endpoint *to, uint64_t timeout_ns,
                                   char err[P2P_ERRLEN]);
/* Sends the call on an idle connection. */
void connection_send(struct connection *c, struct call *call);
/* Closes and frees; tells nobody. */
void connection_close(struct connection *c);

/* Feeds bytes of an answer; for the fuzzer.  -1 when it is not HTTP. */
int connection_parse(struct connection *c, const char *data, size_t size);
void connection_init_parser(struct connection *c);

/* The request's head: 0, or -1 with a reason when it cannot be sent. */
int connection_write_head(struct buf *head, const struct call *call, const char *host,
                          char err[P2P_ERRLEN]);

#endif
