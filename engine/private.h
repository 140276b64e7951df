/*
 * private.h - what engine.c, decision.c and those of learning share.
 */
#ifndef ENGINE_PRIVATE_H
#define ENGINE_PRIVATE_H

#include <pthread.h>

#include "engine/instance.h"
#include "engine/learner.h"
#include "engine/learning.h"
#include "engine/pending.h"

/* A selection that is remembered; name is NULL when there is none. */
struct wanted {
    char *name;
    char **names, **values; /* names is NULL for values in order */
    uint32_t n;
};

/* A learner may choose(), also nothing, from inside its act(). */
struct asking {
    uint64_t episode;
    bool told, chosen;
    struct p2p_choice choice;
};

struct learning {
    struct wanted wanted;   /* under engine.selecting */
    pthread_mutex_t saving; /* one save at a time; taken before the world's lock */
    /* Under the world's lock; `learner` changes only under engine.selecting too. */
    struct learner_settings settings;
    struct learner *learner;
    struct learner *old;  /* of retired schedulers */
    uint64_t first, next; /* episode ids that were given: first to next - 1 */
    struct pendings pendings;
    struct asking *asking; /* the act() of a learner that runs, or NULL */
    struct learner_stats stats;
};

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
    struct learning learning;
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
/* What a learner chose for the decision in which it was asked. */
void decision_note_choice(struct decision *d, const struct p2p_choice *choice, const float *state,
                          uint32_t n);
/* Returns the instance when it is to be freed, after the lock was left. */
struct instance *engine_unpin(struct engine *e, struct instance *i, struct decision *d);

/* ---- learning: learning.c ---- */

void learning_init(struct engine *e);
void learning_release(struct engine *e); /* the schedulers have ended */

/* The learner for a scheduler that is selected: the one that is, or another selection. */
struct offer {
    struct selection selection; /* name is NULL for none */
    bool is_other;
    struct wanted wanted; /* of another one, to be remembered */
    struct learner *made; /* by learning_prepare, or NULL */
};
/* All while selecting.  The second one checks it: 0 or -1 with a reason. */
struct offer learning_same_offer(const struct engine *e);
int learning_other_offer(struct engine *e, const struct selection *s, struct offer *o,
                         char err[P2P_ERRLEN]);
void learning_end_offer(struct offer *o);
/* Before the scheduler is started: 0, or -1 when it needs a learner and none is selected. */
int learning_allows(const struct offer *o, const struct instance *i, char err[P2P_ERRLEN]);
/* When it was started: makes the learner, unless that which is there will do or it asks
 * none.  0, or -1 for the scheduler's and -2 for the learner's fault, with a reason. */
int learning_prepare(struct engine *e, const struct instance *i, struct offer *o,
                     char err[P2P_ERRLEN]);
/* Under the lock.  Binds a scheduler that becomes the current one; a learner that nobody
 * asks any more is returned, to be freed after the lock was left. */
struct learner *learning_bind(struct engine *e, struct instance *i, struct offer *o);
/* Under the lock: a scheduler ends, and takes its learner along if it was the last. */
void learning_unbind(struct engine *e, struct instance *i);
/* Under the lock: what engine_learn does. */
void learning_go_on(struct engine *e, uint64_t now_ns);

/* While selecting: what is selected, a started instance without a table of episodes, and
 * how it takes over from the one that is; the offer, if not NULL, is remembered. */
struct selection learning_selection(const struct wanted *w);
struct learner *learning_make(struct engine *e, const struct selection *s,
                              const struct p2p_space *space, char *err);
void learning_replace(struct engine *e, struct learner *made, struct offer *o);

/* What a scheduler's host does; under the lock: learning_act.c */
bool learning_act(struct instance *i, const float *state, uint64_t mask, struct p2p_choice *out);
void learning_reward(struct instance *i, uint64_t episode, float reward, const float *next);
/* Opens the episode of a choice. */
void learning_open(struct instance *i, const struct p2p_choice *choice, const float *state);
/* Makes of what a learner says a choice by the rules. */
void learning_judge(struct engine *e, const struct learner *l, uint64_t allowed,
                    struct p2p_choice *c);
/* What a learner's host does; under the lock.  As choose() of the SDK. */
bool learning_choose(struct learner *l, uint64_t episode, const struct p2p_choice *choice);
/* Whose episode it is, as far as that is still known, or NULL. */
struct learner *learning_find(struct engine *e, uint64_t id);
/* Learns what waits, at most a batch. */
void learning_learn(struct engine *e, struct learner *l);

#endif
