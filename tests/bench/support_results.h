/*
 * support_results.h - results of benchmarks that never ran: the same for the same shape.
 */
#ifndef TESTS_BENCH_SUPPORT_RESULTS_H
#define TESTS_BENCH_SUPPORT_RESULTS_H

#include <stdbool.h>

struct results_shape {
    unsigned nodes, types, seconds, rate; /* rate: calls a second of each node */
    bool forwards, learner, fails;
    bool no_deadlines;
    unsigned pause; /* the second in which nothing is answered, for a second; 0: none */
    const char *name, *summary, *yaml, *node_name; /* NULL: harmless ones */
    const char *behind;                            /* NULL: not marked */
    bool incomplete;
};

/* Writes FOLDER/results.sqlite; a failure ends the test. */
void results_make(const char *folder, const struct results_shape *s);

#endif
