/*
 * discovery.h - how a node learns of the others: one source is one file with one
 * vtable at its bottom.
 *
 * A source keeps the peer table (host/peers.h) up to date by discovery_joined,
 * discovery_dead and discovery_left; what it cannot reach it tries again, forever,
 * less and less often.  Everything here runs on the main thread, except where it
 * says otherwise.
 */
#ifndef HOST_DISCOVERY_H
#define HOST_DISCOVERY_H

#include "host/peers.h"

struct node;
struct cJSON;
struct discovery; /* a source's own state */

typedef void (*discovery_metric)(void *ctx, const char *name, const char *help, bool is_gauge,
                                 double value);

struct discovery_source {
    const char *name;
    /* NULL with a reason when it can never work: a port that is taken, an address that
     * is wrong.  A server or a seed that does not answer is no such reason. */
    struct discovery *(*start)(struct node *n, char err[P2P_ERRLEN]);
    /* The node is stopping: begins to tell the others. */
    void (*leave)(struct discovery *d);
    /* Are they told?  The loop runs on for a second at most until it is so. */
    bool (*gone)(const struct discovery *d);
    /* Frees everything, when the node has nothing left to do. */
    void (*stop)(struct discovery *d);
    /* The functions or slots of this node changed, or the names that it knows. */
    void (*changed)(struct discovery *d);
    /* A call of this node's showed whether somebody answers there. */
    void (*evidence)(struct discovery *d, const struct endpoint *peer, bool answered);
    /* For GET /cluster: adds keys and a list "members".  [any thread] */
    void (*describe)(struct discovery *d, struct cJSON *out);
    /* For GET /metrics; NULL when there is nothing to count.  [any thread] */
    void (*measure)(struct discovery *d, discovery_metric one, void *ctx);
};

extern const struct discovery_source discovery_p2p, discovery_etcd;

/* Begins with the source that the configuration names; 0 or -1. */
int discovery_start(struct node *n, char err[P2P_ERRLEN]);
void discovery_leave(struct node *n);
void discovery_stop(struct node *n);
void discovery_changed(struct node *n);
/* [any thread] */
void discovery_evidence(struct node *n, const struct endpoint *peer, bool answered);
void discovery_describe(struct node *n, struct cJSON *out);
void discovery_measure(struct node *n, discovery_metric one, void *ctx);

/* What a source knows of another node. */
struct discovery_member {
    const char *name, *group;
    struct endpoint endpoint; /* where its functions are called */
    enum peer_protocol protocol;
    uint32_t slots;               /* 0 = unknown */
    bool knows_functions;         /* false: it may offer any */
    const char *const *functions; /* n_functions names */
    unsigned n_functions;
};
/* It is a peer from now on, or news of one that is. */
void discovery_joined(struct node *n, const struct discovery_member *m);
void discovery_dead(struct node *n, const struct endpoint *e);
void discovery_left(struct node *n, const struct endpoint *e);

#endif
