/*
 * rewards.h - tells learners what came of their choices, in messages of the original's form:
 *
 *   POST /train_batch   [{"eid":"2","state":"0.0,1.0","action":"1.0","reward":1.0}, …]
 *
 * On the thread of the reactor.  A learner that does not take them costs no call anything:
 * so many messages are under way, what is more is dropped and counted.
 */
#ifndef BENCH_REWARDS_H
#define BENCH_REWARDS_H

#include "bench/experiment.h"
#include "bench/record.h"

struct rewards;

struct rewards_outcome {
    uint64_t told;        /* rewards in messages that were answered with 200 */
    uint64_t lost;        /* the others */
    char why[P2P_ERRLEN]; /* of the first that was lost; "" */
};

/* NULL: no memory. */
struct rewards *rewards_new(const struct experiment *e, struct upstreams *upstreams);
/* What is under way is given up. */
void rewards_free(struct rewards *w);

/* One that has an eid. */
void rewards_add(struct rewards *w, const struct record *r, const char *const text[RECORD_TEXTS]);
/* Sends those that are not yet a whole message. */
void rewards_flush(struct rewards *w);
/* Messages without an answer yet. */
unsigned rewards_open(const struct rewards *w);
const struct rewards_outcome *rewards_outcome(const struct rewards *w);

#endif
