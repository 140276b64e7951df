/*
 * results.h - what a benchmark found, as SQLite: results.sqlite in its folder.
 *
 * The tables jobs, timings and values_strings are the original benchmark's, so that its
 * users' scripts go on working; the rest is ours.  bench/results_schema.c has them all.
 */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "bench/generator.h"

/* CREATE TABLE of every table. */
extern const char results_schema[];

struct results {
    const struct experiment *experiment;
    const char *yaml; /* the whole text, with what was set on top of it */
    const struct measures *measures;
    const struct generator_outcome *outcome;
    const char *behind; /* measures_mark() */
};

/* Writes FOLDER/results.sqlite from the spool, which was ended.  It has its name only when
 * all is in it.  0, or -1 with a reason and no file. */
int results_write(const char *folder, const struct results *r, struct spool *spool,
                  char err[P2P_ERRLEN]);

#endif
