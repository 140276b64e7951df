/*
 * median.h - of the rounds of a benchmark.
 */
#ifndef BENCH_MEDIAN_H
#define BENCH_MEDIAN_H

double median(double *x, unsigned n); /* n > 0; sorts them */

#endif
