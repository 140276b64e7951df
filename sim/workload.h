/*
 * workload.h - the jobs of a scenario: when one comes to a node, of which function it is,
 * and how long it runs.
 *
 * Whoever goes through it with the same seed gets the same jobs, the simulator as well as
 * one who sends them to real nodes.
 */
#ifndef SIM_WORKLOAD_H
#define SIM_WORKLOAD_H

#include <stdbool.h>

#include "base/random.h"
#include "sim/arrivals.h"
#include "sim/distribution.h"
#include "sim/scenario.h"

/* Does not change after workload_init. */
struct workload {
    const struct scenario *scenario;
    struct distribution *service; /* a function */
    double *mix;                  /* a function: weights so far, last = 1 */
    struct arrivals **arrivals;   /* a group */
};

/* Where a node lies, and how far it is in its jobs. */
struct workload_node {
    uint32_t group;
    float x, y;
    struct random random;
    struct arrival_cursor cursor;
};

/* 0, or -1 with a reason and nothing to release.  The scenario must outlive it. */
int workload_init(struct workload *w, const struct scenario *s, uint64_t seed,
                  char err[P2P_ERRLEN]);
void workload_release(struct workload *w); /* all zeros are right */

/* Node `id` of all is number `nth` of its group, from 0. */
void workload_start(struct workload_node *n, const struct workload *w, uint64_t seed, uint32_t id,
                    unsigned group, uint32_t nth);
/* Its next job, with function and service time; false when none will come. */
bool workload_next(struct workload_node *n, const struct workload *w, struct arrival *out);

#endif
