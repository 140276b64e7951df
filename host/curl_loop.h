/*
 * curl_loop.h - HTTP requests by libcurl on a reactor's loop, for what host/upstream.h
 * does not do: URLs with names, TLS, answers that are read while they come.
 *
 * A request is the caller's memory: curl_request_start → piece … → done once, or
 * curl_request_cancel.  piece and done come from the loop, never from inside another
 * call of these.  Both may start and cancel requests, their own too; in done its memory may
 * be freed or used for the next.
 *
 * A request is sent at most once: when a kept connection breaks before the answer came,
 * libcurl would send it again, and whatever it does would be done twice.
 *
 * Everything belongs to the reactor's thread.
 */
#ifndef HOST_CURL_LOOP_H
#define HOST_CURL_LOOP_H

#include <p2pfaas/plugin.h>

#include "host/http.h"
#include "host/reactor.h"

struct curl_loop;
struct curl_transfer;

struct curl_request {
    /* In, and unchanged until the end. */
    const char *url;             /* http:// or https:// */
    const char *unix_socket;     /* path of the socket to connect to; NULL = as the URL says */
    const char *method;          /* NULL = GET, or POST when there is a body */
    const char *const *headers;  /* "Name: value" …, NULL; copied.  NULL = none */
    const char *user, *password; /* HTTP basic; NULL = none */
    const void *body;            /* NULL = none */
    size_t body_len;
    size_t most;         /* bytes of the answer's body; of no account with piece */
    uint64_t connect_ns; /* to connect, name look-up included; 0 = 5 minutes */
    uint64_t timeout_ns; /* from start to the last byte; 0 = as long as it takes */
    /* The answer's body as it comes, n > 0 bytes; NULL = `answer` gets the whole. */
    void (*piece)(struct curl_request *, const char *bytes, size_t n);
    struct headers *answer_headers; /* gets the end-to-end fields of the answer; NULL = dropped */
    /* `answer` is NULL with piece, and gone when done returns. */
    void (*done)(struct curl_request *, struct buf *answer);
    void *owner; /* the caller's */
    /* Out. */
    int status;                /* of the answer; set from its first piece on; 0 = none came */
    bool complete;             /* the answer is whole */
    bool sent;                 /* it may have reached the server */
    bool timed_out, too_large; /* why it is not complete, if one of these */
    char err[P2P_ERRLEN];      /* why it is not complete */
    /* Private. */
    struct curl_transfer *transfer;
};

/* NULL when memory or descriptors are short. */
struct curl_loop *curl_loop_new(struct reactor *r);
/* Open requests end without done. */
void curl_loop_free(struct curl_loop *l);
/* The reactor's own, r->curl; NULL as above. */
struct curl_loop *curl_loop_of(struct reactor *r);

/* 0, or -1 with r->err when memory is short: then no done comes. */
int curl_request_start(struct curl_loop *l, struct curl_request *r);
/* No piece and no done come any more; nothing happens to one that is not open. */
void curl_request_cancel(struct curl_request *r);
bool curl_request_is_open(const struct curl_request *r);
/* For one with piece: no piece and no done until it goes on; its server has to wait. */
void curl_request_hold(struct curl_request *r);
void curl_request_go_on(struct curl_request *r); /* harmless otherwise */

#endif
