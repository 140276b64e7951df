/*
 * p2p.h - the source "p2p": nodes find each other, no server is needed.
 *
 * New nodes watch each other with datagrams (swim.h) and exchange all they know over
 * HTTP, POST /exchange; nodes of the original P2PFaaS are asked with GET /list
 * (originals.h).  Both on the discovery port.  A seed or an address that somebody told
 * is one or the other: whoever does not know /exchange is of the original.
 *
 * p2p.c begins and ends it and moves datagrams, p2p_members.c carries what is known to
 * the peer table and to people, p2p_exchange.c asks others, p2p_http.c answers them,
 * p2p_saved.c keeps it over a restart.  Private to these.
 *
 * All of it runs on the main thread and under the lock, which is there for those who
 * look (GET /cluster, /metrics) from other threads.
 */
#ifndef HOST_P2P_H
#define HOST_P2P_H

#include "host/discovery/names.h"
#include "host/discovery/originals.h"
#include "host/discovery/swim.h"
#include "host/node.h"

struct outgoing;

enum { P2P_TOLD = 64, P2P_STATE_BYTES = 4 << 20 /* of an exchange, the most */ };

/* The members, on their way to the file. */
struct p2p_saving {
    pthread_t thread;
    bool started;
    _Atomic bool done, failed;
    char *text, file[512];
};

struct discovery {
    struct node *node;
    struct shared_config *owner; /* a reference: a reload does not change what is below */
    const struct config *config;
    pthread_mutex_t lock;
    struct swim *swim;
    struct originals *originals;
    struct names *names; /* of seeds */
    char group[64];
    char own[SWIM_ADDRESS_TEXT]; /* the address of this node's discovery */
    int fd;                      /* UDP */
    ev_io readable;
    ev_timer due;          /* the detector's next tick */
    ev_timer second;       /* originals, names, the file, the own load */
    struct outgoing *open; /* exchanges that are under way */
    struct outgoing *idle; /* their memory, for the next */
    char saved_to[512];    /* "" = nothing is kept */
    bool changed;          /* since it was saved */
    struct p2p_saving saving;
    /* What POST /configuration said. */
    bool group_told;
    char *told[P2P_TOLD]; /* seeds */
    unsigned n_told;
};

/* p2p.c */
void p2p_schedule(struct discovery *d); /* after every call that may change the next tick */

/* p2p_members.c */
void p2p_address(struct swim_address *out, const struct endpoint *e);
void p2p_endpoint(const struct swim_address *a, uint16_t port, struct endpoint *out);
void p2p_ip(const struct swim_address *a, char out[INET6_ADDRSTRLEN]); /* "10.0.0.2", "::1" */
void p2p_describe_self(struct discovery *d, struct swim_self *self);
int p2p_set_functions(struct discovery *d, char err[P2P_ERRLEN]);
void p2p_publish(struct discovery *d); /* every member to the peer table */
void p2p_on_changed(void *ctx, const struct swim_member *m, enum swim_state old);
void p2p_on_heard(void *ctx, const struct swim_member *m);
void p2p_on_conflict(void *ctx, const struct swim_member *a, const struct swim_member *b);
void p2p_on_full(void *ctx, const struct swim_address *refused);
void p2p_on_gone(void *ctx, const struct swim_member *m);
/* The member that takes calls there, or NULL. */
const struct swim_member *p2p_member_at(struct discovery *d, const struct endpoint *e);
bool p2p_lives_at(struct discovery *d, const char *ip); /* a member, alive or suspect */
/* Does the discovery of such a member, or of this node, listen there? */
bool p2p_answers(void *ctx, const struct endpoint *e);
void p2p_describe(struct discovery *d, struct cJSON *out);
void p2p_measure(struct discovery *d, discovery_metric one, void *ctx);

/* p2p_exchange.c */
void p2p_on_exchange(void *ctx, const struct swim_address *to, enum swim_want want);
void p2p_on_found(void *ctx, const char *ip);
void p2p_cancel_exchanges(struct discovery *d);
/* A seed that somebody told, kept over a restart.  0 or -1. */
int p2p_tell_seed(struct discovery *d, const char *seed, char err[P2P_ERRLEN]);
/* Another group, likewise. */
void p2p_tell_group(struct discovery *d, const char *group);
/* A name stands for this address. */
void p2p_on_named(void *ctx, const struct endpoint *e);
/* Joins through "10.0.0.2" or "10.0.0.2:19000" from now on.  0 or -1. */
int p2p_add_seed(struct discovery *d, const char *seed, char err[P2P_ERRLEN]);

/* p2p_http.c */
extern const struct route_table p2p_routes;

/* p2p_saved.c */
/* What the file says, to be freed by the caller; NULL when there is none.  A broken one
 * is said, kept aside, and counts as none. */
struct cJSON *p2p_read_saved(const struct discovery *d);
uint32_t p2p_saved_incarnation(const struct cJSON *saved); /* 0 = unknown */
/* Joins those that it names. */
void p2p_restore(struct discovery *d, const struct cJSON *saved);
/* Begins to write them, unless it is at work: then they stay changed. */
void p2p_save(struct discovery *d);
void p2p_save_end(struct discovery *d); /* waits for it */

#endif
