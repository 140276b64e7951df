/*
 * guest.h - what of a plugin lives here, be it a scheduler or a learner: its own struct,
 * its parameters, and the services that the host gives it.  Private to the engine.
 *
 * What is marked "locked" is touched only under the world's lock.
 */
#ifndef ENGINE_GUEST_H
#define ENGINE_GUEST_H

#include "base/random.h"
#include "engine/decision.h"

enum { GUEST_METRICS = 64, GUEST_FULL = DECISION_SCHEDULER };

union metric_value {
    uint64_t counter;
    double gauge;
};
struct guest_metric {
    struct guest_metric *next;
    char name[64], help[128];
    bool is_gauge;
    union metric_value value; /* locked */
};

/* What the plugin's table says, scheduler or learner.  All of it lies in the module. */
struct guest_ops {
    const char *name;
    const char *state_format;       /* or NULL */
    const struct p2p_param *params; /* or NULL */
    uint32_t instance_size;
    void (*fini)(void *self); /* these may be NULL */
    bool (*save)(void *self, struct p2p_stream *out);
    bool (*load)(void *self, struct p2p_stream *in);
    void (*params_changed)(void *self);
};

struct guest {
    struct guest_ops ops;
    void *self;
    struct p2p_host host;
    const struct world *world;
    void *world_ctx;
    struct module *module; /* a reference */
    char name[64];         /* as selected */
    char full[GUEST_FULL];
    bool by_alias;
    uint32_t n_params;
    uint64_t generation;
    struct random random; /* locked */
    struct arena *arena;
    size_t arena_bytes;
    bool may_alloc;
    bool started; /* init() was right, so fini() is due; not while either runs */
    unsigned n_metrics;
    struct guest_metric *metrics, **last_metric; /* as they were asked for */
    union metric_value scratch;                  /* of those that did not fit */
};

/* Memory, services and parameters; nothing of the plugin runs.  *g is zeroed; `module` is a
 * reference that becomes its own, also when it fails.  The host's act, reward and tell do
 * nothing.  0, or -1 with a reason: guest_end is left to do. */
int guest_init(struct guest *g, const struct world *world, void *ctx, struct module *module,
               const struct guest_ops *ops, const struct selection *s,
               const struct p2p_alias *alias, char err[P2P_ERRLEN]);
/* Around init(), which told rc and why. */
void guest_starting(struct guest *g);
int guest_started(struct guest *g, int rc, const char why[P2P_ERRLEN], char err[P2P_ERRLEN]);
/* fini(), if it was started, and all that guest_init made; not under the lock. */
void guest_end(struct guest *g);

/* The same one of the same module, and of its parameters only such differ as may change
 * while it runs?  False when none does.  Under the lock. */
bool guest_may_become(const struct guest *g, const struct guest *wanted);
/* Takes the parameters of `wanted`; under the lock. */
void guest_become(struct guest *g, const struct guest *wanted);

/* Copies its metrics to out[GUEST_METRICS] and tells how many; under the lock. */
unsigned guest_copy_metrics(const struct guest *g, struct guest_metric *out);
/* Calls `metric` for each of n copies. */
void guest_tell_metrics(const struct guest_metric *m, unsigned n,
                        void (*metric)(void *ctx, const char *name, const char *help, bool is_gauge,
                                       double value),
                        void *ctx);
/* Says something in its name. */
__attribute__((format(printf, 3, 4))) void guest_say(const struct guest *g, uint32_t level,
                                                     const char *format, ...);

#endif
