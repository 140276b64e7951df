/*
 * simulation.h - one replication of a scenario, from nothing to its result.
 *
 * The same scenario and seed give the same result, byte for byte.  A simulation lives on
 * the thread that calls; scenario and catalog may be shared by many.
 */
#ifndef SIM_SIMULATION_H
#define SIM_SIMULATION_H

#include "engine/catalog.h"
#include "sim/scenario.h"

struct result;
struct trace;

struct simulation_setup {
    const struct scenario *scenario;
    struct catalog *catalog;
    uint64_t seed;
    struct result *result; /* filled */
    struct trace *trace;   /* or NULL */
    const char *learners;  /* folder that what was learned is written to at the end, or NULL */
    /* Both may be NULL.  Virtual time that is done, for a progress line; whether to end. */
    _Atomic uint64_t *done_ns;
    _Atomic bool *cancelled;
};

/* What the run itself cost; virtual time in ns. */
struct simulation_cost {
    uint64_t events; /* taken from the queue */
    uint64_t jobs, virtual_ns;
};

/* 0, or -1 with a reason: a plugin or parameter that is not right, memory, cancelled. */
int simulation_run(const struct simulation_setup *setup, struct simulation_cost *cost,
                   char err[P2P_ERRLEN]);

#endif
