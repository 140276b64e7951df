/*
 * mock_learner.h - a host of one learner, for tests of a learner alone.
 *
 * Everything of mock_host.h that has no job is there too: settings, metrics, the log.
 */
#ifndef TESTS_MOCK_LEARNER_H
#define TESTS_MOCK_LEARNER_H

#include "tests/plugins/mock_host.h"

struct learner {
    struct mock *m;
    const struct p2p_learner *ops;
    uint32_t n_dims;
    uint64_t episode;
    struct p2p_scheduler shell; /* what mock_new() is given in its stead */
};

/* A space of at most 8 dimensions that all have these bounds; good until the next call. */
struct p2p_space learner_box(uint32_t dims, uint32_t actions, float low, float high);

/* An instance of the first learner of a module; settings as in mock_new(). */
struct learner *learner_new(const struct p2p_module *module, const struct p2p_space *space,
                            const char *settings);
/* The same, for what init() must refuse; `err` is its reason. */
void learner_refused(const struct p2p_module *module, const struct p2p_space *space,
                     const char *settings, char err[P2P_ERRLEN]);
void learner_free(struct learner *l);

/* What it does in that state; a mask of 0 allows all. */
struct p2p_choice learner_act(struct learner *l, const float *state, uint64_t mask);
/* One transition; next is NULL when the trajectory ends. */
void learner_learn(struct learner *l, const float *state, uint32_t action, float reward,
                   const float *next);
/* Sets a parameter of a running instance. */
void learner_set(struct learner *l, const char *name, double value);

double learner_gauge(const struct learner *l, const char *name);
uint64_t learner_count(const struct learner *l, const char *name);

/* ---- bytes that save() wrote ---- */

struct bytes {
    unsigned char *data;
    size_t n, at;
    size_t fails_at; /* the write that would pass it fails; 0: none does */
};
void bytes_free(struct bytes *b);
struct p2p_stream bytes_writer(struct bytes *b);
struct p2p_stream bytes_reader(struct bytes *b); /* from the start */

#endif
