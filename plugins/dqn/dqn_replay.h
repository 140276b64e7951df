/*
 * dqn_replay.h - what is remembered: the last transitions, and which actions states allow.
 *
 * States are those that the network sees, scaled.
 */
#ifndef DQN_REPLAY_H
#define DQN_REPLAY_H

#include <p2pfaas/plugin.h>

/* ---- transitions, the newest in the place of the oldest ---- */

struct dqn_step {
    double reward;
    uint64_t allowed; /* actions of the next state; 0: not known */
    uint32_t action;
    bool end; /* nothing came after it */
};

struct dqn_replay {
    uint32_t n_dims;
    uint64_t most, n, at; /* n are kept, the next one goes to `at` */
    struct dqn_step *steps;
    float *states; /* of each step its state and the next one */
};

size_t dqn_replay_bytes(uint32_t n_dims); /* of one transition */
bool dqn_replay_init(struct dqn_replay *r, const struct p2p_host *host, uint32_t n_dims,
                     uint64_t most);
/* The place of a new transition, whose states are the caller's to write. */
uint64_t dqn_replay_add(struct dqn_replay *r, const struct dqn_step *step);
float *dqn_replay_state(const struct dqn_replay *r, uint64_t i);
float *dqn_replay_next(const struct dqn_replay *r, uint64_t i);

/* ---- actions that states allow: of the last few thousand states that were acted in ---- */

enum { DQN_MASKS = 4096 };

struct dqn_mask {
    uint64_t key, allowed; /* 0 allowed: free */
};

struct dqn_masks {
    struct dqn_mask *mask;
    uint64_t ever; /* what any state allowed */
};

bool dqn_masks_init(struct dqn_masks *m, const struct p2p_host *host);
void dqn_masks_add(struct dqn_masks *m, const float *state, uint32_t n_dims, uint64_t allowed);
uint64_t dqn_masks_find(const struct dqn_masks *m, const float *state, uint32_t n_dims); /* or 0 */

#endif
