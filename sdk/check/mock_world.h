/*
 * mock_world.h - a node and its peers as a plugin may find them, drawn at random: alone,
 * full, among hundreds, with peers that were never heard or say absurd things.
 */
#ifndef CHECK_MOCK_WORLD_H
#define CHECK_MOCK_WORLD_H

#include <p2pfaas/plugin.h>

#include "sdk/check/chance.h"

enum { WORLD_PEERS = 300, WORLD_IDS = 1024, WORLD_FUNCTIONS = 6 };

struct mock_world {
    struct chance chance;
    uint64_t now;
    struct p2p_node node;
    struct p2p_peer *room;  /* WORLD_PEERS of them, with a wall behind */
    struct p2p_peer *peers; /* those that are up, at the end of the room */
    uint32_t n_peers;
    uint32_t last_id; /* peers 1 to this one are, or were */
    bool stubborn;
    bool silent;       /* no probe is answered */
    unsigned refusing; /* percent of the forwards that come back */
};

/* 0, or -1 when memory is short. */
int world_open(struct mock_world *w, uint64_t seed);
void world_close(struct mock_world *w);
/* Another world altogether; the time goes on, and no id is given twice. */
void world_draw(struct mock_world *w);
/* The one that takes longest to decide in: this node is full, many peers are idle, and each
 * that is asked says so, but none takes a job.  It stays so until another one is drawn. */
void world_draw_stubborn(struct mock_world *w);
/* A moment later: loads have changed, peers may have left. */
void world_drift(struct mock_world *w);

bool world_knows(const struct mock_world *w, uint32_t id);
bool world_has(const struct mock_world *w, uint32_t id);
uint32_t world_any_peer(struct mock_world *w); /* or P2P_NONE */
const char *world_name(const struct mock_world *w, uint32_t id);
const char *world_address(const struct mock_world *w, uint32_t id);
const char *world_function(uint32_t id);
uint32_t world_id(const struct mock_world *w, const char *name);

#endif
