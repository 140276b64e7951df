/*
 * laws.h - what holds of every run whatever the algorithm, from the log of its events,
 * which is written by another way than its results.
 */
#ifndef TESTS_CONFORMANCE_LAWS_H
#define TESTS_CONFORMANCE_LAWS_H

#include <stdbool.h>

#include "sim/result.h"

struct laws {
    bool flow;        /* jobs that came = those that ran + those that were lost, each as the
                         results have it */
    bool little;      /* mean number of jobs in the system = their rate * their mean response */
    bool utilisation; /* mean number of jobs that run = time that the slots were taken */
};

/* The result of a run of which everything was written to the file.  0, or -1 and err. */
int laws_check(struct laws *l, const char *log, const struct result *r, char err[P2P_ERRLEN]);

#endif
