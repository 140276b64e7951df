/*
 * runner.h - many simulations on all cores: the points of a sweep times their
 * replications.
 *
 * Each simulation lives on one thread, results are handed out in the order of the points,
 * so that what comes out does not depend on the number of threads.
 */
#ifndef SIM_RUNNER_H
#define SIM_RUNNER_H

#include "engine/catalog.h"
#include "sim/result.h"
#include "sim/simulation.h"
#include "sim/sweep.h"

enum { RUNNER_MAX_OVERRIDES = 256 };

struct runner_setup {
    const char *file; /* of the scenario */
    const struct sweep *sweep;
    const struct scenario_override *overrides; /* of the command line; a point's come after them */
    unsigned n_overrides;
    unsigned share, shares; /* points with index % shares == share */
    struct catalog *catalog;
    unsigned threads;
    bool progress;        /* on standard error */
    struct trace *trace;  /* for one point and replication, or NULL */
    const char *learners; /* the same; see simulation.h */
    _Atomic bool *cancelled;
    /* A point is done: on the thread that called runner_run, in order.  0, or -1 with a
     * reason, which ends it all. */
    int (*done)(void *ctx, unsigned index, struct result *const *results, unsigned n,
                char err[P2P_ERRLEN]);
    void *ctx;
};

/* 0, or -1 with the reason of the first point in order that failed.  `sum` may be NULL. */
int runner_run(const struct runner_setup *setup, struct simulation_cost *sum, char err[P2P_ERRLEN]);

#endif
