/*
 * support_numbers.h - what the tests of random numbers share.
 */
#ifndef TESTS_SIM_SUPPORT_NUMBERS_H
#define TESTS_SIM_SUPPORT_NUMBERS_H

#include <stddef.h>

struct moments {
    double mean, variance;
};
struct moments moments_of(const double *x, size_t n);

/* Kolmogorov and Smirnov: the largest distance between the sample and the distribution,
 * times sqrt(n); above 1.95 in one of a thousand samples.  Sorts x. */
double ks_distance(double *x, size_t n, double (*cdf)(double x, void *ctx), void *ctx);

/* A file of that text in memory; its name is good until the next call but seven. */
const char *file_of(const char *text);
const char *file_of_bytes(const void *bytes, size_t n);

/* The path of a file of tests/sim/data. */
const char *data_file(const char *name);

/* Fails unless |value - wanted| <= share * |wanted|. */
void assert_near(double value, double wanted, double share);

#endif
