/*
 * run.h - runs a case in a process of its own and tells what became of it.
 */
#ifndef CHECK_RUN_H
#define CHECK_RUN_H

#include "sdk/check/check.h"

/* Memory that a child shares with this process; zeroed; NULL when there is none. */
void *run_share(size_t size);

/* c->report has the verdict afterwards.  `part`: the scheduler's or learner's number. */
void run_case(struct check *c, const struct check_case *which, unsigned part);

/* From now on SIGINT and SIGTERM end the case that runs, and run_stopped() tells it. */
void run_catch_stop(void);
bool run_stopped(void);

#endif
