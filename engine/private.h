/*
 * private.h - what engine.c and decision.c share.
 */
#ifndef ENGINE_PRIVATE_H
#define ENGINE_PRIVATE_H

#include <pthread.h>

#include "engine/instance.h"

struct engine {
    struct catalog *catalog;
    const struct world *world;
    void *ctx;
    pthread_mutex_t selecting; /* one selection at a time; taken before the world's lock */
    /* Under the world's lock. */
    struct engine_settings settings;
    struct instance *current;
    struct instance *retired;
    struct engine_stats stats;
};

/* Of the plugin's state, rounded up so that the probe slots behind it are aligned. */
static inline size_t decision_state_bytes(const struct instance *i)
{
    return (i->ops.decision_size + 15u) & ~(size_t)15;
}
static inline size_t decision_bytes(const struct instance *i)
{
    return decision_state_bytes(i) + i->n_probes * sizeof(struct p2p_probe);
}

/* All under the world's lock. */
void engine_pin(struct instance *i, struct decision *d);
/* Returns the instance when it is to be freed, after the lock was left. */
struct instance *engine_unpin(struct engine *e, struct instance *i, struct decision *d);

#endif
