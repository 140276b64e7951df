/*
 * histogram.h - how often which value came: quantiles of any number of values in a few
 * kilobytes.
 *
 * Values are whole numbers, 0 to 2^64-1, times in nanoseconds for instance.  Those below
 * 256 are kept exactly; above, each power of two is cut into 128 equal buckets, so that the
 * middle of a bucket is at most 0.4 % from whatever fell into it.  Memory is taken a power
 * of two at a time, when its first value comes: 1 KiB each.
 *
 * An all-zero histogram is an empty one.  Not thread-safe.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

enum { HISTOGRAM_BLOCK = 128, HISTOGRAM_BLOCKS = 58 };

struct histogram {
    uint64_t n, min, max; /* min and max are exact; 0 while it is empty */
    uint64_t *block[HISTOGRAM_BLOCKS];
};

void histogram_release(struct histogram *h); /* and it is empty again */

/* False: no memory, and the value is not counted. */
bool histogram_add(struct histogram *h, uint64_t value);
/* False: no memory, and only a part of `from` was added. */
bool histogram_merge(struct histogram *h, const struct histogram *from);

/* The least value that the share p of all values (0 to 1) does not exceed; NAN when empty. */
double histogram_quantile(const struct histogram *h, double p);

#endif
