/*
 * learner.h - one learner instance, with the space that it learns in and the episodes that
 * wait for their rewards.  Private to the engine.
 *
 * What is marked "locked" is touched only under the world's lock.
 */
#ifndef ENGINE_LEARNER_H
#define ENGINE_LEARNER_H

#include "engine/episodes.h"
#include "engine/guest.h"

struct engine;

enum { LEARNER_MOST_DIMS = 4096, LEARNER_MOST_ACTIONS = 64 };

struct learner {
    struct guest g;         /* first: the host's ctx is it */
    struct p2p_learner ops; /* the part that the plugin's SDK knew, the rest zero */
    struct p2p_space space; /* a copy; the scheduler that told it may end first */
    float *bounds;
    /* locked */
    struct episodes *episodes;
    struct engine *engine; /* that it works for, once it does */
    unsigned bound;        /* scheduler instances that ask it */
    uint64_t possible;     /* actions that were ever possible */
    struct learner *next;  /* of those that only retired schedulers ask */
};

/* Is that a space that can be learned in?  0, or -1 with "NAME: its space …". */
int space_check(const struct p2p_space *s, const char *name, char err[P2P_ERRLEN]);
/* As many dimensions and actions; and the same bounds? */
bool space_alike(const struct p2p_space *a, const struct p2p_space *b);
bool space_same(const struct p2p_space *a, const struct p2p_space *b);

/* Memory and parameters; nothing of the plugin runs.  Takes over the reference in
 * hit->module, also when it fails.  NULL with a reason. */
struct learner *learner_new(const struct world *world, void *ctx, struct catalog_learner *hit,
                            const struct selection *s, char err[P2P_ERRLEN]);
/* init().  0, or -1 with a reason: only learner_free is left to do. */
int learner_start(struct learner *l, const struct p2p_space *space, char err[P2P_ERRLEN]);
/* fini(), if it was started, and everything else; not under the lock. */
void learner_free(struct learner *l);

#endif
