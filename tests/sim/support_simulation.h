/*
 * support_simulation.h - the scenario of support_scenario.h, simulated.
 */
#ifndef TESTS_SIM_SUPPORT_SIMULATION_H
#define TESTS_SIM_SUPPORT_SIMULATION_H

#include "sim/result.h"
#include "sim/simulation.h"

/* cmocka's: a scenario's, and the catalog of the shipped plugins. */
int simulation_setup(void **state);
int simulation_teardown(void **state);

/* Plugins of tests/engine/plugins instead, from now on. */
void simulation_use_test_plugins(void);

/* Reads the text and simulates it; results are those of the last run. */
int simulation_try(const char *yaml, struct trace *trace);
void simulation_runs(const char *yaml);
/* It cannot begin; the message has all these words. */
void simulation_refuses(const char *yaml, const char *const *words);

extern struct result *result;
extern struct simulation_cost simulation_cost;

double metric(enum metric m);
uint64_t ended(enum job_end end);
uint64_t counted(const char *name); /* a counter, or a misbehaviour */

#endif
