/*
 * bandit_arms.h - the arms: this node, and the peers that were seen.
 *
 * What is learned of a peer must stay of that peer.  So a peer keeps its arm while it is
 * down and when it comes back under another id, as it is known by its address; also in the
 * instance that follows.  Peers without an address are known by their ids, and not saved.
 *
 * Once there is no room, a new peer gets the arm of the one that is gone the longest; while
 * none is gone, it has none.  Which of many new peers come in is drawn, so that the nodes of
 * a big cluster do not all choose among the same ones.
 */
#ifndef BANDIT_ARMS_H
#define BANDIT_ARMS_H

#include <p2pfaas/plugin.h>

enum { BANDIT_MOST_PEERS = 1024, BANDIT_ADDRESS = 124, BANDIT_HERE = 0 };

struct bandit_arm {
    uint32_t id;        /* P2P_NONE: this node, or a peer that this instance has not seen */
    uint32_t under_way; /* jobs of which nothing came yet */
    uint32_t at;        /* in rq->peers, when it is up */
    uint64_t up;        /* the look at which it was up last */
    uint64_t learned;   /* outcomes that had been when its numbers were changed last */
    char address[BANDIT_ADDRESS];
};

struct bandit_arms {
    struct bandit_arm *arm; /* [0] is this node */
    double *numbers;        /* n_numbers for each, and for one that is new */
    uint32_t n, most, n_numbers;
    uint32_t *slot; /* the index by id: the number of an arm, 0: free */
    uint32_t wrap;
    uint64_t look; /* looks at the peers */
};

/* A new arm has the numbers of bandit_arms_initial(), which the caller sets once. */
bool bandit_arms_init(struct bandit_arms *a, const struct p2p_host *host, uint32_t most_peers,
                      uint32_t n_numbers);
double *bandit_arms_initial(const struct bandit_arms *a);
double *bandit_arms_numbers(const struct bandit_arms *a, uint32_t arm);

/* Marks those that are up, and gives arms to new ones. */
void bandit_arms_look(struct bandit_arms *a, const struct p2p_request *rq);
bool bandit_arms_is_up(const struct bandit_arms *a, uint32_t arm);

/* The number of the arm of the peer of that id, of P2P_NONE that of this node; a->n: none. */
uint32_t bandit_arms_find(const struct bandit_arms *a, uint32_t id);

/* For load(): none but this node; and one more, of an address that is not there yet. */
void bandit_arms_clear(struct bandit_arms *a);
bool bandit_arms_add(struct bandit_arms *a, const char *address);

#endif
