/*
 * pending.h - choices that a learner outside of the node still has to make.  Private to
 * the engine; everything under the world's lock.
 *
 *   act() gives P2P_PENDING ─► open ─► the decision waits ─► choose(), or its time is over
 *     ─► woken ─► act() again: the choice, which opens its episode, or false
 *
 * A decision has one at most.  It ends with its decision, with the learner, or when the
 * decision is taken from its scheduler: choose() then finds nobody.
 */
#ifndef ENGINE_PENDING_H
#define ENGINE_PENDING_H

#include "engine/decision.h"

struct engine;
struct instance;
struct learner;

struct pending {
    struct pending *next; /* of its bucket */
    uint64_t episode;
    uint64_t allowed; /* actions */
    const struct learner *learner;
    struct decision *decision;
    bool answered; /* nothing more is awaited */
    bool chosen;   /* `choice` is the answer */
    bool waited;   /* the decision did */
    bool waits;    /* in the round below */
    uint32_t round;
    struct p2p_choice choice;
    float state[]; /* that the learner was asked about */
};

enum { PENDING_BUCKETS = 256 };
struct pendings {
    struct pending *bucket[PENDING_BUCKETS];
    uint64_t n;
};

/* The decision in which instance i asks waits for that episode.  False when it cannot:
 * the scheduler is none that awaits, it is not in a decision, or memory is short. */
bool pending_open(struct instance *i, uint64_t episode, uint64_t allowed, const float *state);
/* act() of an instance whose decision has one; *asked is false when it has none.  Gives the
 * choice, P2P_PENDING while it is awaited, or false when none came. */
bool pending_take(struct instance *i, uint64_t mask, struct p2p_choice *out, bool *asked);
/* As choose() of the SDK. */
bool pending_choose(struct learner *l, uint64_t episode, const struct p2p_choice *choice);

/* Is that what the decision returned a wait for the learner? */
bool pending_awaits(const struct decision *d, struct p2p_action a);
/* It waits from now on, until its round ends at the time that is told. */
uint64_t pending_wait(struct decision *d, uint32_t round, uint64_t most_ns);
/* It waits no more. */
void pending_resume(struct decision *d);
/* Ends it, if the decision has one; counted as left while it is open. */
void pending_drop(struct decision *d);
/* The decision is taken from its scheduler, and woken to notice it. */
void pending_abandon(struct decision *d);
/* The learner ends: none of its choices comes any more. */
void pending_close(struct engine *e, const struct learner *l);

#endif
