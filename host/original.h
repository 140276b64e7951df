/*
 * original.h - the JSON in which nodes of the original P2PFaaS hand jobs to each
 * other: bytes in, bytes out, no node and no clock.
 *
 * A payload and a function's answer travel in it as base64.  An original node exits
 * when a reply has no peers_list, so original_write_reply makes none without.
 */
#ifndef HOST_ORIGINAL_H
#define HOST_ORIGINAL_H

#include <p2pfaas/plugin.h>

#include "host/buf.h"

enum {
    ORIGINAL_PEERS = 64, /* most entries of a peers_list */
    ORIGINAL_TYPE = 1024,
    ORIGINAL_SLACK = 64 << 10 /* bytes of JSON around a payload or an answer, at most */
};

/* Room for n bytes in their JSON. */
size_t original_limit(size_t n);

/* ---- a job ---- */

struct original_call {
    uint64_t id;
    const char *tracing_id, *function; /* of no meaning when it is read */
    uint32_t hops;                     /* at least 1 when it is read */
    char content_type[ORIGINAL_TYPE];
};

enum original_result {
    ORIGINAL_OK = 0,
    ORIGINAL_MALFORMED = -1, /* no JSON, or a value of another type */
    ORIGINAL_TOO_LARGE = -2  /* than payload->limit, or memory is short */
};
/* Appends the payload, decoded up to the first character that is no base64.  An empty
 * object and null are calls with an empty payload. */
enum original_result original_read_call(const struct buf *json, struct original_call *out,
                                        struct buf *payload);
/* 0, or -1 past the limit of `json` or when memory is short. */
int original_write_call(struct buf *json, const struct original_call *call,
                        const struct buf *payload);

/* ---- its answer ---- */

/* Seconds; below 0: not told. */
struct original_times {
    double execution, total, scheduling, probing;
};

struct original_peer {
    char id[128], ip[64];
    struct original_times times;
};

struct original_reply {
    unsigned n_peers; /* the first ran it, each of the others passed it on */
    struct original_peer peer[ORIGINAL_PEERS];
};

/* 0, or -1 with what is wrong with it.  Appends the body. */
int original_read_reply(const struct buf *json, struct original_reply *out, struct buf *body,
                        char err[P2P_ERRLEN]);
/* n_peers is at least 1.  0, or -1 past the limit of `json` or when memory is short. */
int original_write_reply(struct buf *json, const struct original_reply *reply,
                         const struct buf *body, int status);

/* Nobody ran the job, and its body says that nobody will. */
bool original_is_refusal(const struct original_reply *reply, const struct buf *body);

/* The shortest text of it in nanoseconds at most: "0.0014", "0.000000653". */
void original_seconds(char out[32], double seconds);

#endif
