/*
 * support_arrivals.h - what the tests of arrivals share.
 */
#ifndef TESTS_SIM_SUPPORT_ARRIVALS_H
#define TESTS_SIM_SUPPORT_ARRIVALS_H

#include "sim/arrivals.h"
#include "tests/sim/support_numbers.h"

static const int64_t MS = 1000000, SECOND = 1000000000;

/* Scale and speedup 1, step 1 s. */
struct arrival_config config_of(enum arrival_process process);

/* Fails with the message when it cannot be loaded. */
struct arrivals *loaded(const struct arrival_config *c, double rate, unsigned n_nodes);
void refused(const struct arrival_config *c, double rate, const char *why);
/* The message is the name of c->file and `why`. */
void refused_file(const struct arrival_config *c, const char *why);

/* Counts the jobs of a node in each of n windows from 0 on.  Checks that time does not run
 * back. */
void count_windows(const struct arrivals *a, uint32_t node, uint64_t seed, double window_ns,
                   double *count, size_t n);

/* All jobs of a node, `most` at most. */
size_t all_jobs(const struct arrivals *a, uint32_t node, uint64_t seed, struct arrival *out,
                size_t most);

#endif
