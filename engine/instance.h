/*
 * instance.h - one scheduler instance, and who still needs it.  Private to the engine.
 *
 * What is marked "locked" is touched only under the world's lock.
 */
#ifndef ENGINE_INSTANCE_H
#define ENGINE_INSTANCE_H

#include "engine/guest.h"

struct learner;

struct instance {
    struct guest g;           /* first: the host's ctx is it */
    struct p2p_scheduler ops; /* the part that the plugin's SDK knew, the rest zero */
    uint32_t n_probes;        /* slots of a decision */
    bool has_space;           /* it asks a learner, of this space */
    struct p2p_space space;
    /* locked */
    unsigned pins;     /* open decisions, and visitors */
    unsigned visitors; /* threads that look at its parameters */
    bool retired;
    uint64_t retired_ns;
    struct decision *open;
    struct decision *deciding; /* in which decide() runs, or NULL */
    struct instance *next;     /* retired */
    struct engine *engine;     /* whose current one it is, or was */
    struct learner *learner;   /* that it asks, or NULL */
    struct learner *orphan;    /* that ends with it */
};

/* Memory and parameters; nothing of the plugin runs.  Takes over the reference in
 * hit->module, also when it fails.  NULL with a reason. */
struct instance *instance_new(const struct world *world, void *ctx, struct catalog_hit *hit,
                              const struct selection *s, char err[P2P_ERRLEN]);
/* init(), and space().  0, or -1 with a reason: only instance_free is left to do. */
int instance_start(struct instance *i, char err[P2P_ERRLEN]);
/* fini(), if it was started, and everything else; not under the lock. */
void instance_free(struct instance *i);

#endif
