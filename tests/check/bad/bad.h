/*
 * bad.h - what the bad plugins have in common, so that each file shows its one mistake.
 */
#ifndef TESTS_CHECK_BAD_H
#define TESTS_CHECK_BAD_H

#include <p2pfaas/plugin.h>

static inline struct p2p_action stay(void *self, const struct p2p_request *rq)
{
    (void)self;
    (void)rq;
    return p2p_local();
}

#define BAD_TEXTS                                                                                  \
    .size = sizeof(ops), .name = "bad", .version = "1.0", .summary = "wrong on purpose"

/* A scheduler; the arguments are its other fields, .decide among them. */
#define BAD_SCHEDULER(...)                                                                         \
    static const struct p2p_scheduler ops = {BAD_TEXTS, __VA_ARGS__};                              \
    P2P_SCHEDULER_PLUGIN(ops)

#define BAD_LEARNER(...)                                                                           \
    static const struct p2p_learner ops = {BAD_TEXTS, __VA_ARGS__};                                \
    P2P_LEARNER_PLUGIN(ops)

#endif
