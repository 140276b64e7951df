/*
 * training.h - rewards from outside of choices that were not made on this node: who made them
 * tells state, action and reward, under a number of its own, the eid.
 *
 * A choice is learned when the one with the next number has come, whose state and action are
 * what it led to; so the order of arrival does not matter.  One whose successor does not come
 * while `patience` others do is learned as the last of its sequence, and so is the oldest of
 * more than TRAINING_MOST.  A number that comes again while it is known is dropped.
 * No clock and no node; locks itself.
 */
#ifndef HOST_TRAINING_H
#define HOST_TRAINING_H

#include <p2pfaas/plugin.h>
#include <pthread.h>

#include "host/learner_text.h"

enum { TRAINING_MOST = 1024, TRAINING_PATIENCE = 100 };

struct training_entry {
    uint64_t eid;
    uint32_t action, n_state;
    float reward;
    float *state;
    uint32_t later; /* that came after it */
};

struct training_stats {
    uint64_t trained, duplicates, refused;
    uint64_t eid_max, eid_last; /* seen, and trained last */
    uint32_t pending;
};

struct training {
    pthread_mutex_t lock;
    uint32_t n;
    struct training_entry waiting[TRAINING_MOST]; /* as they came */
    uint64_t known[TRAINING_MOST];                /* the last that were trained, a ring */
    uint32_t n_known, at;
    struct training_stats stats;
};

/* Takes a transition whose states have n numbers; 0, or -1 when it is not taken. */
typedef int training_sink(void *ctx, const struct p2p_transition *t, uint32_t n);

void training_init(struct training *t);
void training_release(struct training *t);
/* Forgets all that waits and all counts. */
void training_clear(struct training *t);
/* A sound item, copied; what can be learned now goes into the sink, under the lock here.  0, or
 * -1: memory. */
int training_add(struct training *t, const struct train_item *item, training_sink *sink, void *ctx);
void training_tell(struct training *t, struct training_stats *out);

#endif
