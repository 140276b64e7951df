/*
 * etcd_wire.h - what is said to an etcd server and what it says, as text: the JSON of its
 * v3 gateway, where bytes are base64 and 64-bit numbers are strings.
 *
 * Nothing here does any input or output.  Texts that are returned belong to the caller
 * and end with free(); NULL = out of memory.  What is read is not trusted: -1 and a reason.
 */
#ifndef HOST_ETCD_WIRE_H
#define HOST_ETCD_WIRE_H

#include <p2pfaas/plugin.h>
#include <stdbool.h>
#include <stddef.h>

#include "host/buf.h"
#include "host/config.h"

enum {
    ETCD_MOST_OBJECT = 36 << 20, /* bytes of an answer: a page of the largest values */
    ETCD_PAGE = 16,              /* keys */
    ETCD_MOST_PREFIX = 200
};

/* ---- requests ---- */

struct etcd_lease {
    char id[24]; /* as the server wrote it; "" = none */
    uint64_t ttl_ns;
};

char *etcd_write_login(const char *user, const char *password);
char *etcd_write_grant(uint64_t ttl_ns); /* in whole seconds, rounded up */
char *etcd_write_lease(const char *lease);
char *etcd_write_put(const char *key, const char *value, const char *lease);
/* The keys after `after` (NULL = all) that begin with the prefix, ETCD_PAGE at most, as
 * they were at that revision (0 = now). */
char *etcd_write_range(const char *prefix, const char *after, int64_t revision);
char *etcd_write_watch(const char *prefix, int64_t revision);

/* ---- answers ---- */

/* Why a request was not granted, short and fit for a log. */
void etcd_read_error(int status, const char *text, size_t n, char err[P2P_ERRLEN]);
int etcd_read_login(const char *text, size_t n, char token[512], char err[P2P_ERRLEN]);
int etcd_read_grant(const char *text, size_t n, struct etcd_lease *out, char err[P2P_ERRLEN]);
/* *alive: the server still knows the lease. */
int etcd_read_keepalive(const char *text, size_t n, bool *alive, char err[P2P_ERRLEN]);

/* A key as it is now; gone = it was deleted, and has no value. */
struct etcd_key {
    const char *name, *value; /* zero-terminated, and may have more zeros inside */
    size_t name_len, value_len;
    int64_t revision;
    bool gone;
};
typedef void (*etcd_each)(void *ctx, const struct etcd_key *k);

struct etcd_page {
    int64_t revision; /* of the store, when it was read */
    bool more;
    char *last; /* key, when there is more; the caller's */
};
int etcd_read_range(const char *text, size_t n, etcd_each each, void *ctx, struct etcd_page *out,
                    char err[P2P_ERRLEN]);
/* One object of a watch.  *created is set when the watch begins to run.  -1: the watch is
 * over, for the reason given; keys before it were told. */
int etcd_read_watch(const char *text, size_t n, etcd_each each, void *ctx, bool *created,
                    char err[P2P_ERRLEN]);

/* ---- a stream of objects ---- */

/* Cuts a stream of JSON objects into objects; zeroed but for text = buf_init(limit). */
struct etcd_cutter {
    struct buf text; /* the object so far, complete when whole */
    unsigned depth;
    bool in_text, escaped, whole;
};
/* Takes bytes to the end of an object, if there is one: how many it took.  -1: what comes
 * is not a stream of objects, or one passes the limit. */
int64_t etcd_cut(struct etcd_cutter *c, const char *bytes, size_t n, char err[P2P_ERRLEN]);

#endif
