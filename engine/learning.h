/*
 * learning.h - the learner's side of the engine: one learner, bound to the scheduler that
 * asks it.
 *
 * A selected learner waits until a scheduler tells a space(); then an instance of it is
 * made for that space.  It stays when another scheduler with the same space takes over, or
 * one that asks no learner; for another space a new instance is made, which load()s what
 * the old one saves where both name the same state_format and have as many dimensions and
 * actions.  Schedulers that were replaced and still have jobs go on with the learner that
 * they had; it ends with the last of them.
 *
 * Each choice opens an episode, which its reward ends; rewards come from the scheduler or
 * from outside.  A learner outside of the node chooses later: the decision waits for it
 * (pending.h).  They are learned in batches, under the world's lock, one batch a call.
 */
#ifndef ENGINE_LEARNING_H
#define ENGINE_LEARNING_H

#include "engine/engine.h"
#include "engine/episodes.h"

struct learner_settings {
    uint32_t most_episodes; /* that wait for a reward; beyond it the oldest is given up */
    uint32_t batch;         /* transitions that are learned at once */
    uint64_t expiry_ns;     /* an episode without a reward is given up after it */
    uint64_t interval_ns;   /* fewer than a batch are learned after it */
};
/* What an engine begins with. */
#define LEARNER_SETTINGS                                                                           \
    {                                                                                              \
        .most_episodes = 65536, .batch = 32, .expiry_ns = UINT64_C(60000000000),                   \
        .interval_ns = 100000000                                                                   \
    }

/* most_episodes and batch hold for learners of a space that is new, expiry for choices that
 * are made from now on.  [any thread] */
void engine_configure_learner(struct engine *e, const struct learner_settings *settings);

/* As engine_select, for the learner; NULL takes it away, which a scheduler that needs one
 * forbids.  Its parameters have no aliases.  [any thread, one at a time is enforced] */
int engine_select_learner(struct engine *e, const struct selection *s, char err[P2P_ERRLEN]);

/* The reward of a choice, and the state that came of it, n_next numbers, or NULL when
 * nothing came after it; next_action as in a p2p_transition.  [any thread] */
enum reward_verdict engine_reward(struct engine *e, uint64_t episode, float reward,
                                  const float *next, uint32_t n_next, uint64_t next_action);
const char *reward_verdict_name(enum reward_verdict v); /* "taken", "not_finite", … */

/* ---- asked and taught from outside: learning_outside.c; all [any thread] ---- */

/* A choice for a state of n numbers, any action allowed; it opens an episode.  0, or -1 with a
 * reason: no learner, another number of them, none that can be asked at once. */
int engine_act(struct engine *e, const float *state, uint32_t n, struct p2p_choice *out,
               char err[P2P_ERRLEN]);
/* A transition of a choice that was not made here, copied: its states have n numbers.  0, or -1
 * with a reason. */
int engine_train(struct engine *e, const struct p2p_transition *t, uint32_t n,
                 char err[P2P_ERRLEN]);
/* Could it be one that was given here?  It may be over. */
bool engine_gave_episode(struct engine *e, uint64_t id);
/* Both after it learned what waits.
 * What each action is worth to the learner in a state of n numbers: `out` has room for 64; the
 * number of actions, or -1 with a reason. */
int engine_learner_values(struct engine *e, const float *state, uint32_t n, float *out,
                          char err[P2P_ERRLEN]);
/* States that the learner learned about, from the from-th on, and what actions are worth there:
 * `most` rows at most, of n_dims and n_actions numbers.  How many there were; 0 too when that
 * learner is gone or tells none. */
uint32_t engine_learner_known(struct engine *e, uint64_t from, uint32_t most, uint32_t n_dims,
                              uint32_t n_actions, float *states, float *values);
/* As engine_parameters. */
void engine_learner_parameters(struct engine *e,
                               void (*param)(void *ctx, const struct p2p_param *p,
                                             const char *value),
                               void *ctx);
/* A new instance of the same selection, which knows nothing, takes over; what waits to be
 * learned is dropped.  0, or -1 with a reason and the learner as it was. */
int engine_learner_reset(struct engine *e, char err[P2P_ERRLEN]);

/* Learns what waits for long enough and gives up episodes whose time is over; engine_tick
 * and engine_drain do it too.  [any thread, from time to time] */
void engine_learn(struct engine *e);

/* The end of a request that world.http took for a learner instance; false when that instance
 * is gone.  [any thread] */
bool engine_answered(struct engine *e, uint64_t generation, const struct p2p_http_answer *answer);

/* Writes what the learner knows, after it learned what waits; the disk is outside of the
 * lock.  0, or -1 with a reason and the old file as it was.  [any thread] */
int engine_learner_save(struct engine *e, const char *path, char err[P2P_ERRLEN]);
/* A new instance that knows what is in the file takes over.  0, or -1 with a reason and the
 * learner as it was.  [any thread] */
int engine_learner_load(struct engine *e, const char *path, char err[P2P_ERRLEN]);

/* What learns now, copied out; all empty without a learner.  [any thread] */
struct engine_learner {
    char plugin[64]; /* that was selected, also while it waits for a scheduler that asks it */
    bool at_work;    /* an instance is there; what is below is of it */
    bool asked;      /* and the current scheduler asks it */
    bool saves;      /* it has save() and load() */
    bool outside;    /* it works outside of the node */
    char full[256];  /* "q_table(0.1, 0.9)" */
    char format[64]; /* state_format */
    char hash[MODULE_HASH_LEN];
    uint32_t n_dims, n_actions;
    uint64_t generation;
};
void engine_learner_describe(struct engine *e, struct engine_learner *out);

/* An episode that is open, copied out; false when it is not.  [any thread] */
struct engine_episode {
    uint64_t began_ns, deadline_ns;
    uint64_t generation; /* of the scheduler instance that asked */
    uint32_t action;
    uint32_t n_state; /* numbers of its state, of which up to `most` were copied */
};
bool engine_episode(struct engine *e, uint64_t id, struct engine_episode *out, float *state,
                    uint32_t most);

/* How a choice ended that a learner outside of the node was to make. */
enum pending_end {
    PENDING_CHOSEN,
    PENDING_NONE,      /* the learner said that there is none, or ended */
    PENDING_LATE,      /* the time to wait was over */
    PENDING_STALE,     /* it came, but was not possible any more */
    PENDING_LEFT,      /* the decision ended before */
    PENDING_UNAWAITED, /* by a scheduler that does not wait */
    PENDING_ENDS
};
const char *pending_end_name(enum pending_end e); /* "chosen", "none", … */

struct learner_stats {
    uint64_t choices;
    uint64_t open;    /* episodes, now */
    uint64_t expired; /* without a reward */
    uint64_t crowded; /* given up because too many were open */
    uint64_t rewards[REWARD_VERDICTS];
    uint64_t awaited; /* choices, now */
    uint64_t pending[PENDING_ENDS];
    double reward;                 /* sum of those that were taken */
    uint64_t batches, transitions; /* learned */
    uint64_t selections, failed_selections;
    unsigned instances; /* the current one, and those of retired schedulers */
};
void engine_learner_stats(struct engine *e, struct learner_stats *out);
/* The current learner's own counters and gauges. */
void engine_learner_metrics(struct engine *e,
                            void (*metric)(void *ctx, const char *name, const char *help,
                                           bool is_gauge, double value),
                            void *ctx);

#endif
