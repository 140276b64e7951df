/*
 * etcd_members.h - the nodes that have a key in etcd, kept in step with the peer table.
 *
 * A key's name is the prefix and where the node is reached, its value what the node says
 * of itself (etcd_value.h).  A key that does not fit is ignored, with one line in the log
 * for each time that it was written; what was known of its node before stays.
 *
 * A node whose key is deleted is a peer no more.  One whose key is merely not in a list
 * is missing: after an outage of etcd the others are still on their way back, so it is
 * kept for a grace.
 *
 * Everything belongs to the main thread but etcd_members_describe.
 */
#ifndef HOST_ETCD_MEMBERS_H
#define HOST_ETCD_MEMBERS_H

#include <pthread.h>

#include "host/discovery/etcd_wire.h"

struct node;
struct cJSON;

struct etcd_members {
    struct node *node;
    const char *prefix;
    pthread_mutex_t lock; /* of the tables */
    struct etcd_member *table;
    struct etcd_ignored *ignored;
    unsigned most;     /* members, CONFIG_MAX_PEERS */
    size_t bytes;      /* of the members' values */
    unsigned list;     /* of keys, counted */
    unsigned own_list; /* the last that had this node's own */
    /* Of this node's key; cleared by who reads them. */
    bool own_gone;  /* it was deleted */
    bool own_taken; /* somebody else put it */
};

void etcd_members_init(struct etcd_members *m, struct node *n, const char *prefix);
/* The peer table stays as it is. */
void etcd_members_release(struct etcd_members *m);

/* A key of a list or of a watch: an etcd_each. */
void etcd_members_take(void *members, const struct etcd_key *k);
void etcd_members_list_begin(struct etcd_members *m);
/* Those that were not in it are missing from now on.  Returns whether this node's own
 * was. */
bool etcd_members_list_end(struct etcd_members *m, uint64_t now_ns);
/* Those that are missing for the grace are gone.  Returns when the next will be; 0 = none
 * is missing. */
uint64_t etcd_members_expire(struct etcd_members *m, uint64_t now_ns, uint64_t grace_ns);
/* This node knows other names of functions now. */
void etcd_members_again(struct etcd_members *m);
unsigned etcd_members_count(const struct etcd_members *m);

/* Adds "members" and "ignored".  [any thread] */
void etcd_members_describe(struct etcd_members *m, struct cJSON *out);

#endif
