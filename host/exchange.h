/*
 * exchange.h - one HTTP request into the node and the answer to it.
 *
 * Ingress fills the request, whoever handles it fills the response, ingress sends
 * it.  Belongs to its shard's thread from the first byte to the last.
 */
#ifndef HOST_EXCHANGE_H
#define HOST_EXCHANGE_H

#include <stdint.h>

#include "host/auth.h"
#include "host/http.h"
#include "host/reactor.h"

struct shard;
struct MHD_Connection;
struct route;
struct listener;
struct stream;

enum exchange_state {
    EXCHANGE_NEW,
    EXCHANGE_BODY,    /* collecting the body */
    EXCHANGE_WORKING, /* a job has it, or who answers it later */
    EXCHANGE_ANSWER,  /* the response is complete */
    EXCHANGE_SENDING,
    EXCHANGE_LEFT, /* the connection broke while it was at work */
    EXCHANGE_STATES
};

struct exchange {
    struct shard *shard;
    const struct listener *listener;   /* where it came in */
    struct MHD_Connection *connection; /* NULL in EXCHANGE_LEFT */
    enum exchange_state state;
    const struct route *route;
    const char *rest;            /* of the path, after the route's; inside `uri` */
    struct buf uri;              /* as sent: path and query, zero-terminated */
    struct http_request request; /* headers are filled for jobs, kept ones too; target for jobs */
    struct http_response response;
    struct stream *stream; /* what the answer has for a body, or NULL: host/stream.h */
    uint64_t drained;      /* bytes of a body that is refused */
    size_t held;           /* bytes counted against limits.memory */
    size_t head;           /* bytes of its head in the connection's memory */
    unsigned looks;        /* of the daemon, while the job is at work */
    double looked_since;   /* loop time */
    bool nominates;        /* a Connection field of the request names others */
    bool proven;           /* a peer's: its head is genuine, and this is its proof */
    struct auth_proof proof;
    struct {
        bool waits;
        struct task task;
        void (*work)(struct exchange *x);
        void (*gone)(struct exchange *x);
        void *held; /* the owner's */
    } later;        /* see host/later.h */
    bool suspended;
    bool original; /* a node of the original P2PFaaS asks, see host/translate.h */
    bool close;    /* the connection, after the answer */
};

/* The node's own error: {"code":code,"message":"…"} as application/json.  Replaces
 * whatever was in the response; headers set before stay. */
void exchange_error(struct exchange *x, int status, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A complete answer with a body that is copied. */
void exchange_text(struct exchange *x, int status, const char *content_type, const char *text);
struct cJSON;
/* Prints and frees `json`. */
void exchange_json(struct exchange *x, int status, struct cJSON *json);
/* Header of the answer; a value that cannot be sent is left out. */
void exchange_header(struct exchange *x, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Codes of the original P2PFaaS where it has one, else the HTTP status. */
enum {
    CODE_GENERIC = 1,
    CODE_BAD_INPUT = 4,
    CODE_NOT_SCHEDULED = 400,
    CODE_REJECTED = 401,
    CODE_NOT_FORWARDED = 403
};

#endif
