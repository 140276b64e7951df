/*
 * dqn.h - the learner: what its files share.
 */
#ifndef DQN_H
#define DQN_H

#include "dqn_net.h"
#include "dqn_optimizer.h"
#include "dqn_replay.h"

enum { DQN_ACTIONS = 64, DQN_DIMS = DQN_WIDEST, DQN_HIDDEN = DQN_WIDEST };

/* A weight beyond it has diverged.  With all weights below it, and the bounds that the
 * parameters have, values, slopes and moments are finite floats. */
#define DQN_MOST_WEIGHT 1e6F

struct dqn {
    int64_t hidden, layers, optimizer, batch, replay, memory, warm_up, update_every,
        updates_per_call, target_every;
    double alpha, momentum, beta2, clip, huber, gamma, tau, epsilon, epsilon_min, epsilon_decay,
        reward_unit;
    bool double_q;
    /* The space, copied. */
    uint32_t n_dims, n_actions;
    uint64_t all;   /* actions */
    float *lo, *hi; /* one block, in this order */
    const struct p2p_host *host;
    /* Networks: what learns, what it is compared with, what it falls back to. */
    struct dqn_net net;
    float *online, *target, *good;
    float *gradient; /* also what load() reads into, so that it can fail */
    float *work, *input;
    struct dqn_optimizer opt;
    bool good_failed; /* it was fallen back to, and nothing good came after it */
    bool said_reset;
    /* What they learn from. */
    struct dqn_replay steps;
    struct dqn_masks masks;
    uint64_t n_learned; /* transitions */
    int64_t owed;       /* transitions that no update was made for */
    uint64_t n_updates;
    double epsilon_now, epsilon_given;
    double *epsilon_gauge, *loss, *kept;
    uint64_t *updates, *resets, *ignored;
};

/* dqn_init.c: 0, or -1 with a reason. */
int dqn_init(struct dqn *d, const struct p2p_space *space, char *err);
/* A state as the network sees it: -1 and 1 are the bounds, which what is outside counts as;
 * what is no number counts as the lower one. */
void dqn_scale(const struct dqn *d, const float *state, float *out);
void dqn_unscale(const struct dqn *d, const float *input, float *out); /* and back */

/* dqn_learn.c */
void dqn_learn(struct dqn *d, const struct p2p_transition *t); /* remembers it */
void dqn_train(struct dqn *d);                                 /* the updates that are owed */
uint64_t dqn_best(const struct dqn *d, const float *q, uint64_t allowed);
void dqn_show(const struct dqn *d); /* brings gauges up to date */

/* dqn_state.c */
bool dqn_save(void *self, struct p2p_stream *out);
bool dqn_load(void *self, struct p2p_stream *in);

#endif
