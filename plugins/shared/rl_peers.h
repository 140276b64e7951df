/*
 * rl_peers.h - which peer each forward action stands for.
 *
 * What is learned about an action must stay about the same peer.  So a peer that was seen
 * once keeps its number for as long as the scheduler lives: while it is down, when it comes
 * back under another id (it is known by its address), and in the instance that follows.
 * Those that are new at the same time are numbered in the order of their addresses, which
 * is the same on every node.  Peers beyond the last number have none.
 */
#ifndef RL_PEERS_H
#define RL_PEERS_H

#include <p2pfaas/plugin.h>

enum { RL_PEERS = 61, RL_ADDRESS = 124, RL_PEER_SLOTS = 256 };

struct rl_peer {
    uint32_t id; /* P2P_NONE: not seen yet by this instance */
    char address[RL_ADDRESS];
};

struct rl_peers {
    uint32_t most, n;
    uint32_t n_seen; /* peers that were up when all were looked at */
    struct rl_peer peer[RL_PEERS];
    struct {
        uint32_t id, number; /* 1 + the number; 0: free */
    } slot[RL_PEER_SLOTS];
};

/* Bit i: the peer of number i is up. */
uint64_t rl_peers_up(struct rl_peers *p, const struct p2p_request *rq);
/* From a saved state, in the order of the numbers; false when there is no room, or it is
 * no address or one that is there already. */
bool rl_peers_restore(struct rl_peers *p, const char *address);

#endif
