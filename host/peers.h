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
 * A peer is down after it refused a connection, or after three calls in a row
 * got lost; while down it is asked for its load every `retry` and is up again
 * with its first answer.
 */
#ifndef HOST_PEERS_H
#define HOST_PEERS_H

#include <p2pfaas/plugin.h>

#include "host/config.h"
#include "host/upstream.h"

struct peer {
    uint32_t id;
    char *name;
    struct endpoint endpoint;
    /* Under the lock. */
    bool listed;       /* in the configuration now */
    unsigned failures; /* in a row */
    struct p2p_peer view;
};

struct peers {
    pthread_mutex_t lock;
    struct peer **all; /* by id */
    uint32_t n_all;
    struct p2p_peer *up; /* in order of id */
    uint32_t n_up;
};

int peers_init(struct peers *p);
void peers_release(struct peers *p);
/* The list is now this one: new peers are up until shown otherwise.  0 or -1. */
int peers_configure(struct peers *p, const struct peer_config *list, unsigned n,
                    char err[P2P_ERRLEN]);

/* [any thread] The peer of that id, or NULL. */
const struct peer *peers_get(struct peers *p, uint32_t id);
/* Each takes the lock.  `said`: load, queue, slots, and rtt_ns unless 0. */
void peers_inflight(struct peers *p, uint32_t id, int change);
void peers_heard(struct peers *p, uint32_t id, const struct p2p_probe *said, uint64_t now_ns);
enum peer_evidence { PEER_ANSWERED, PEER_LOST, PEER_UNREACHABLE };
/* Returns true when this changed whether it is up. */
bool peers_evidence(struct peers *p, uint32_t id, enum peer_evidence what);
/* Ids of the listed peers that are down; returns how many, at most max. */
uint32_t peers_down(struct peers *p, uint32_t *ids, uint32_t max);
/* The id of the peer of that name or endpoint text, or P2P_NONE. */
uint32_t peers_find(struct peers *p, const char *name);
/* Copies what is known of every listed peer, for people. */
struct peer_row {
    char name[64], address[64];
    bool up;
    struct p2p_peer view;
};
uint32_t peers_list(struct peers *p, struct peer_row *rows, uint32_t max);

/* Under the lock already: for the engine's world. */
bool peers_is_up_locked(const struct peers *p, uint32_t id);
uint32_t peers_find_locked(const struct peers *p, const char *name);

#endif
