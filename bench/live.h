/*
 * live.h - a scenario of the simulator on a cluster of real nodes of this machine.
 *
 * Nodes, slots, queues, schedulers, functions and their deadlines are as the scenario says;
 * jobs come when those of the simulation with the same seed do and ask for the same service
 * times.  A function sleeps: its slot is busy, the processor is not.
 *
 * What real nodes cannot be told to have is refused: live_check.
 */
#ifndef BENCH_LIVE_H
#define BENCH_LIVE_H

#include "bench/cluster.h"
#include "sim/result.h"

/* What a call takes on an idle cluster; seconds, medians. */
struct live_costs {
    double client;  /* beyond its run: the client's way to the node and back */
    double run;     /* beyond the sleep: the node's way to the function and back */
    double probe;   /* a round of one probe */
    double forward; /* what a forward adds to a job */
};

struct live_setup {
    const struct scenario *scenario;
    const char *binary, *plugins; /* p2pfaas, and the folder of the .so */
    struct live_costs costs;      /* client and run are taken off: the simulator has neither */
};

/* How it went. */
struct live_observed {
    unsigned jobs, answered; /* of all time, warm-up too */
    unsigned most_open;
    double late_p99, late_most; /* seconds, of sends */
    double node_cpu;            /* cores, of the node that used most, without its functions */
    double machine;             /* share of all cores that was busy, whoever used it */
    char odd[256];              /* an answer that should not be; "" = none */
};

/* 0, or -1 and what the scenario asks for that real nodes here do not have. */
int live_check(const struct scenario *s, char err[P2P_ERRLEN]);

/* Fills the result up to result_end.  0, or -1 with a reason. */
int live_run(const struct live_setup *setup, struct result *result, struct live_observed *seen,
             char err[P2P_ERRLEN]);

/* Measures the costs on an idle cluster with the scenario's nodes; `calls` of each kind. */
int live_measure(const struct live_setup *setup, unsigned calls, struct live_costs *out,
                 char err[P2P_ERRLEN]);

#endif
