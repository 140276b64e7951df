/*
 * episodes.h - the choices of a learner that wait for their rewards, and those that got
 * theirs and wait to be learned.
 *
 * All memory is taken at the start.  Ids come from the caller, each another one, most of
 * them greater than the one before.  Nothing here locks: the caller holds the world's lock.
 */
#ifndef ENGINE_EPISODES_H
#define ENGINE_EPISODES_H

#include <p2pfaas/plugin.h>

#define EPISODES_MEMORY (256u << 20) /* bytes that a table may have */

/* What became of a reward; all but the first were dropped. */
enum reward_verdict {
    REWARD_TAKEN,
    REWARD_NOT_FINITE, /* it, or a number of the next state */
    REWARD_BAD_NEXT,   /* the next state has not as many numbers as the learner's space */
    REWARD_UNKNOWN,    /* no such episode ever was */
    REWARD_DUPLICATE,
    REWARD_EXPIRED, /* it came too late, or so many others came that it had no room */
    REWARD_VERDICTS
};

/* An open one. */
struct episode {
    uint64_t id, began_ns, deadline_ns;
    uint64_t generation; /* of the scheduler that asked */
    uint32_t action;
    uint32_t older, newer; /* the table's */
};

struct episodes;

/* At most `most` open at once, and `batch` waiting to be learned.  NULL with a reason. */
struct episodes *episodes_new(uint32_t most, uint32_t batch, uint32_t n_dims, char err[P2P_ERRLEN]);
void episodes_free(struct episodes *e);

/* `older` and `newer` are not read.  True when the oldest lost its place to it. */
bool episodes_open(struct episodes *e, const struct episode *episode, const float *state);
/* That one, while it is open; its state in *state.  Or NULL. */
const struct episode *episodes_find(const struct episodes *e, uint64_t id, const float **state);
/* Was it opened here, as far as that is still known? */
bool episodes_know(const struct episodes *e, uint64_t id);
/* Both are finite; `next` may be NULL.  Not when a whole batch waits. */
enum reward_verdict episodes_reward(struct episodes *e, uint64_t id, float reward,
                                    const float *next, uint64_t next_action, uint64_t now_ns);
/* A transition that no episode here was opened for, copied.  Not when a whole batch waits. */
void episodes_put(struct episodes *e, const struct p2p_transition *t, uint64_t now_ns);
/* Ends those whose deadline is over, the oldest first, `most` of them; returns how many. */
unsigned episodes_expire(struct episodes *e, uint64_t now_ns, unsigned most);

uint32_t episodes_count(const struct episodes *e);
/* Transitions that wait, the time when the first of them came, and are they a batch? */
uint32_t episodes_pending(const struct episodes *e, uint64_t *since_ns);
bool episodes_full(const struct episodes *e);
/* They wait no more; valid until the next reward. */
uint32_t episodes_take(struct episodes *e, const struct p2p_transition **batch);

#endif
