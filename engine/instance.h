/*
 * instance.h - one scheduler instance: the plugin's own struct, the services that
 * the host gives it, and who still needs it.  Private to the engine.
 *
 * What is marked "locked" is touched only under the world's lock.
 */
#ifndef ENGINE_INSTANCE_H
#define ENGINE_INSTANCE_H

#include "base/random.h"
#include "engine/decision.h"

enum { INSTANCE_METRICS = 64, INSTANCE_FULL = DECISION_SCHEDULER };

union metric_value {
    uint64_t counter;
    double gauge;
};
struct instance_metric {
    struct instance_metric *next;
    char name[64], help[128];
    bool is_gauge;
    union metric_value value; /* locked */
};

struct instance {
    struct p2p_scheduler ops; /* the part that the plugin's SDK knew, the rest zero */
    void *self;
    struct p2p_host host;
    const struct world *world;
    void *world_ctx;
    struct module *module; /* a reference */
    char name[64];         /* as selected */
    char full[INSTANCE_FULL];
    bool by_alias;
    uint32_t n_params;
    uint64_t generation;
    struct random random; /* locked */
    struct arena *arena;
    size_t arena_bytes;
    bool may_alloc;
    bool started;      /* init() was right, so fini() is due; not while either runs */
    uint32_t n_probes; /* slots of a decision */
    unsigned n_metrics;
    struct instance_metric *metrics, **last_metric; /* as they were asked for */
    union metric_value scratch;                     /* of those that did not fit */
    /* locked */
    unsigned pins;     /* open decisions, and visitors */
    unsigned visitors; /* threads that look at its parameters */
    bool retired;
    uint64_t retired_ns;
    struct decision *open;
    struct instance *next; /* retired */
};

/* Memory and parameters; nothing of the plugin runs.  Takes over the reference in
 * hit->module, also when it fails.  NULL with a reason. */
struct instance *instance_new(const struct world *world, void *ctx, struct catalog_hit *hit,
                              const struct selection *s, char err[P2P_ERRLEN]);
/* init().  0, or -1 with a reason: only instance_free is left to do. */
int instance_start(struct instance *i, char err[P2P_ERRLEN]);
/* The same scheduler of the same module, and of its parameters only such differ as may
 * change while it runs?  False when none does.  Under the lock. */
bool instance_may_become(const struct instance *i, const struct instance *wanted);
/* Takes the parameters of `wanted`; under the lock. */
void instance_become(struct instance *i, const struct instance *wanted);
/* fini(), if it was started, and everything else; not under the lock. */
void instance_free(struct instance *i);

#endif
