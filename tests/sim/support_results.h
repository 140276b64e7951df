/*
 * support_results.h - a small scenario and jobs that are known beforehand.
 */
#ifndef TESTS_SIM_SUPPORT_RESULTS_H
#define TESTS_SIM_SUPPORT_RESULTS_H

#include "sim/result.h"
#include "sim/summary.h"

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

/* Two groups, "edge" with 3 nodes of 2 slots and "hub" with 1 of 4; two functions, "quick"
 * without a deadline and "video" with 50 ms; 10 s of warm-up, then 20 batches of 1 s. */
struct small {
    struct scenario scenario;
    struct group_config group[2];
    struct sim_function_config function[2];
};
void small_init(struct small *s);

/* 100 jobs a batch: of each ten, nine ran and took 10 to 50 ms, one found no room.  `shift_ms`
 * is added to the responses of odd batches, `drift_ms` times the batch to all. */
struct result *small_result(const struct small *s, unsigned shift_ms, unsigned drift_ms);

#endif
