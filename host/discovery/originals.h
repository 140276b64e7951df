/*
 * originals.h - the nodes of the original P2PFaaS that this node knows.
 *
 * Each is asked whom it knows, GET /list on the discovery port, which makes it know
 * this node too; who does not answer is dead after three times and asked less and
 * less often, forever.  An address stands for a node: all use the same ports.
 *
 * Everything on the main thread.
 */
#ifndef HOST_ORIGINALS_H
#define HOST_ORIGINALS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "host/config.h"

struct node;
struct originals;

/* A header in the answer to GET /list by which a node of ours is told from one of the
 * original. */
#define ORIGINALS_NOT_ONE "X-P2pfaas-Version"

struct original_row {
    char ip[INET6_ADDRSTRLEN], group[64];
    bool alive;
    uint64_t ping_ns; /* 0 = never */
    time_t heard;     /* 0 = never */
    unsigned failures;
};

/* `c` and `lock` have to stay; the lock is held in every call here, and taken for what comes
 * from the network.  `group` is what this node calls its own.  `found` is told of each address in
 * the answers; it may call back.  NULL when memory is short. */
struct originals *originals_new(struct node *n, const struct config *c, pthread_mutex_t *lock,
                                const char *group, void (*found)(void *ctx, const char *ip),
                                void *ctx);
void originals_free(struct originals *o);
void originals_set_group(struct originals *o, const char *group);

/* A node of the original lives there: it asked this node (`group` is what it said), or
 * answered like one (NULL).  It is a peer from now on.  Nothing happens for what is no
 * address of a node: no numeric one, a wildcard, many, this node's own, or of a
 * container bridge, 172.17.*.  */
void originals_add(struct originals *o, const char *ip, const char *group);
/* It is one of ours, or to be forgotten. */
void originals_drop(struct originals *o, const char *ip);
void originals_forget(struct originals *o);
bool originals_has(const struct originals *o, const char *ip);

/* Where its functions are called. */
struct endpoint originals_endpoint(const struct config *c, const char *ip);

/* Asks those that are due; call it every second or so. */
void originals_poll(struct originals *o, uint64_t now_ns);
/* In order of the address; returns how many, at most max. */
unsigned originals_list(const struct originals *o, struct original_row *rows, unsigned max);

#endif
