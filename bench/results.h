/*
 * results.h - what a benchmark found, as SQLite: results.sqlite in its folder.
 *
 * The tables jobs, timings and values_strings are the original benchmark's, so that its
 * users' scripts go on working; the rest is ours.  bench/results_schema.c has them all.
 */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

/* CREATE TABLE of every table. */
extern const char results_schema[];

#endif
