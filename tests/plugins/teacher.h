/*
 * teacher.h - a learner that does as it is told, for tests of schedulers that ask one.
 */
#ifndef TESTS_TEACHER_H
#define TESTS_TEACHER_H

#include "tests/plugins/mock_host.h"

enum { TEACHER_FIRST = 50, TEACHER_DIMS = 35 };

struct teacher {
    uint32_t action; /* what it answers */
    bool silent;     /* or that there is no learner */
    bool thinks;     /* or that it will answer later */
    /* What it was told last. */
    uint64_t mask, episode;
    unsigned asked, rewarded;
    uint32_t dims;
    float state[TEACHER_DIMS], next[TEACHER_DIMS], reward;
};

/* The scheduler `learning`, with that learner and so many peers; their addresses are in the order
 * of their ids, from TEACHER_FIRST on. */
struct mock *teacher_new(const char *settings, struct teacher *t, uint32_t peers);
/* The same, for the first scheduler of a module. */
struct mock *teacher_of(const struct p2p_module *module, const char *settings, struct teacher *t,
                        uint32_t peers);
/* What is done with a new job of a client when the learner answers that. */
struct p2p_action teacher_does(struct mock *m, uint32_t action);
/* What the learner may answer at such a node. */
uint64_t teacher_mask_at(struct mock *m, uint32_t load, uint32_t queue, uint32_t hops);
/* The end of the job that was decided last. */
void teacher_ends(struct mock *m, uint32_t status, uint32_t http, uint64_t total_ns);

#endif
