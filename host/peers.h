/*
 * peers.h - the other nodes: what the schedulers see of them and how they are reached.
 *
 * The array that plugins see is kept under one lock, the same under which they
 * run (peers_lock), so that a decision reads it without a copy and it cannot
 * change beneath one.  Writers hold the lock for a few stores.
 *
 * Ids are given in order and never reused; a struct peer lives as long as the
 * table, so its endpoint and name may be read without the lock.
 *
 * A peer is listed (peers.nodes of the configuration) or joined (discovery knows
 * it), or both; one that is neither any more is not a peer, but keeps its id.  At
 * most CONFIG_MAX_PEERS are peers at once.
 *
 * A peer is down after it refused a connection, after three calls in a row got
 * lost, or when discovery says that it is dead.  While down it is asked for its load
 * after `retry`, then less and less often, forever, and is up again with its first
 * answer.
 */
#ifndef HOST_PEERS_H
#define HOST_PEERS_H

#include <p2pfaas/plugin.h>
#include <uthash.h>

#include "host/config.h"
#include "host/upstream.h"

enum { PEER_OFFER_WORDS = CONFIG_MAX_FUNCTIONS / 64 };

struct peer {
    uint32_t id;
    char *name;
    struct endpoint endpoint;
    _Atomic enum peer_protocol protocol;
    UT_hash_handle hh; /* by endpoint.text, the newest of that endpoint */
    /* Under the lock. */
    bool listed;       /* in the configuration now */
    bool has_protocol; /* the configuration says it */
    bool joined;       /* discovery knows it */
    char group[64];
    unsigned failures; /* in a row */
    unsigned retries;  /* since it is down */
    uint64_t retry_at_ns;
    bool partial; /* offers only the functions below, not all */
    uint64_t offers[PEER_OFFER_WORDS];
    struct p2p_peer view;
};

struct peers {
    pthread_mutex_t lock;
    struct peer **all; /* by id */
    uint32_t n_all;
    struct peer *by_endpoint;
    struct p2p_peer *up; /* in order of id */
    uint32_t n_up;
    uint32_t n_partial;      /* of those that are up */
    struct p2p_peer *chosen; /* of those, the ones that offer a function */
    _Atomic uint64_t retry_ns;
};

int peers_init(struct peers *p);
void peers_release(struct peers *p);
/* The list is now this one: new peers are up until shown otherwise.  0 or -1. */
int peers_configure(struct peers *p, const struct peer_config *list, unsigned n,
                    char err[P2P_ERRLEN]);

/* What discovery tells of a node. */
struct peer_member {
    const char *name, *group;
    struct endpoint endpoint;
    enum peer_protocol protocol;
    uint32_t slots;         /* 0 = unknown */
    const uint64_t *offers; /* PEER_OFFER_WORDS, a bit a function id; NULL = all functions */
};
/* It is a peer and up; news of one that is known replace what was known.  Its id, or
 * P2P_NONE with a reason.  [any thread] */
uint32_t peers_join(struct peers *p, const struct peer_member *m, char err[P2P_ERRLEN]);
/* Discovery says that nobody answers there; it is retried like any other. */
void peers_dead(struct peers *p, const struct endpoint *e, uint64_t now_ns);
/* It went by its own wish: no peer any more, unless it is listed. */
void peers_left(struct peers *p, const struct endpoint *e);

/* [any thread] The peer of that id, or NULL. */
const struct peer *peers_get(struct peers *p, uint32_t id);
/* Each takes the lock.  `said`: load, queue, slots, and rtt_ns unless 0. */
void peers_inflight(struct peers *p, uint32_t id, int change);
void peers_heard(struct peers *p, uint32_t id, const struct p2p_probe *said, uint64_t now_ns);
enum peer_evidence { PEER_ANSWERED, PEER_LOST, PEER_UNREACHABLE };
/* Returns true when this changed whether it is up. */
bool peers_evidence(struct peers *p, uint32_t id, enum peer_evidence what, uint64_t now_ns);
void peers_count(struct peers *p, uint32_t *up, uint32_t *down);
/* Ids of those that are down and due to be asked again, which is then put off; returns
 * how many, at most max. */
uint32_t peers_due(struct peers *p, uint64_t now_ns, uint32_t *ids, uint32_t max);
/* The id of the peer of that name, endpoint text or bare address, or P2P_NONE. */
uint32_t peers_find(struct peers *p, const char *name);
/* Copies what is known of every peer, for people. */
struct peer_row {
    char name[64], address[64], group[64];
    enum peer_protocol protocol;
    bool up, joined;
    struct p2p_peer view;
};
uint32_t peers_list(struct peers *p, struct peer_row *rows, uint32_t max);

/* Under the lock already: for the engine's world. */
/* Those that are up and offer the function (0: whatever they offer), in order of id;
 * valid while the lock is held. */
const struct p2p_peer *peers_view_locked(struct peers *p, uint32_t function, uint32_t *n);
bool peers_is_up_locked(const struct peers *p, uint32_t id);
uint32_t peers_find_locked(const struct peers *p, const char *name);

#endif
