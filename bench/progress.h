/*
 * progress.h - what people see of a benchmark: a line a second while it runs, and tables
 * at its end.
 */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stdio.h>

#include "bench/results.h"

void progress_head(FILE *out);
/* That second; empties measures.recent. */
void progress_line(FILE *out, struct measures *m, unsigned second, unsigned open);

/* Tables and marks; where the results are is the caller's. */
void progress_summary(FILE *out, const struct results *r);

#endif
