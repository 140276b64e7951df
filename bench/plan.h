/*
 * plan.h - which calls an experiment makes, and when: known before the first is sent, as it
 * follows from the seed alone and not from how the nodes answer.
 *
 * Calls are drawn one after the other, so that a plan takes no memory for each.
 */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include "base/random.h"
#include "bench/experiment.h"
#include "bench/traffic.h"
#include "sim/arrivals.h"

struct planned {
    uint64_t at_ns;  /* since the load began */
    uint64_t number; /* of the node's, from 0 */
    uint32_t node, payload;
};

struct plan_node {
    struct random random;
    struct arrivals *arrivals; /* or */
    struct traffic *traffic;
    struct arrival_cursor cursor;
    double calls; /* expected until its next one */
    struct planned next;
};

struct plan {
    const struct experiment *experiment;
    uint64_t end_ns;                     /* warm_up + duration: none is later */
    double mix[EXPERIMENT_MAX_PAYLOADS]; /* weights so far, last = 1 */
    struct plan_node node[EXPERIMENT_MAX_NODES];
};

/* 0, or -1 with a reason and nothing to release. */
int plan_init(struct plan *p, const struct experiment *e, char err[P2P_ERRLEN]);
void plan_release(struct plan *p); /* all zeros are right */

/* The next call of all; NULL when there is none.  Valid until plan_take. */
const struct planned *plan_next(const struct plan *p);
/* It is made: draws the one after it. */
void plan_take(struct plan *p, const struct planned *c);

#endif
