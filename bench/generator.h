/*
 * generator.h - makes the calls of a plan at their times, whatever became of those before:
 * an open loop, on one thread.
 *
 * A call is never early.  One whose time passes while the generator is busy or all
 * connections to its node are in use is sent late, as soon as it can be, and never dropped
 * or moved within the plan; so no more calls are made than were planned, and what a late
 * call waited counts in its corrected latency.  One that could not be sent within the
 * experiment's timeout ends unanswered and is not sent any more.
 */
#ifndef BENCH_GENERATOR_H
#define BENCH_GENERATOR_H

#include "bench/measures.h"
#include "bench/plan.h"
#include "bench/rewards.h"

/* What the nodes say before the load begins; "" = it is not known. */
struct node_said {
    char scheduler[160], learner[80];
};

struct generator_setup {
    const struct experiment *experiment;
    struct plan *plan;
    struct measures *measures;
    struct spool *spool;
    /* Once a second of the load, from the loop: be brief.  May be NULL. */
    void (*on_second)(void *ctx, unsigned second, unsigned open);
    void *ctx;
};

struct generator_outcome {
    double began;      /* seconds since 1970, of the time 0 */
    uint64_t ended_ns; /* since then: nothing is open any more */
    bool interrupted;  /* by SIGINT or SIGTERM: the plan was not made to its end */
    struct node_said said[EXPERIMENT_MAX_NODES];
    struct rewards_outcome rewards;
};

/* SIGINT and SIGTERM end it early: what is open is waited for, until the second one.
 * 0, or -1 with a reason when no load could be made or its results not be kept. */
int generator_run(const struct generator_setup *setup, struct generator_outcome *out,
                  char err[P2P_ERRLEN]);

#endif
