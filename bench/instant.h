/*
 * instant.h - a node for the engine in which everything happens at once and nothing is
 * counted: what is left of the time is the engine's and the plugin's.
 *
 * A job ends well within the call that decided it; of the peers that are asked, every
 * second has a job.
 */
#ifndef BENCH_INSTANT_H
#define BENCH_INSTANT_H

#include "engine/world.h"

enum { INSTANT_MOST_PEERS = 1000 };

extern const struct world instant_world;
extern struct p2p_node instant_node; /* one slot, which is taken */
/* That so many are up, ids from 0 on. */
void instant_peers(uint32_t n);

#endif
