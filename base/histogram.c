#include "base/histogram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Index of a bucket = block * 128 + place.  Blocks 0 and 1 hold the values below 256, block
 * b > 1 those of [128, 256) * 2^(b-1). */
static unsigned block_of(uint64_t value)
{
    return value < HISTOGRAM_BLOCK ? 0 : 57 - (unsigned)__builtin_clzll(value);
}

static unsigned place_of(uint64_t value, unsigned block)
{
    return (unsigned)(block ? (value >> (block - 1)) - HISTOGRAM_BLOCK : value);
}

/* The middle of a bucket. */
static double value_of(unsigned block, unsigned place)
{
    double width;

    if (block <= 1)
        return (double)block * HISTOGRAM_BLOCK + place;
    width = ldexp(1, (int)block - 1);
    return (HISTOGRAM_BLOCK + place + 0.5) * width - 0.5;
}

static bool has_block(struct histogram *h, unsigned block)
{
    if (!h->block[block])
        h->block[block] = calloc(HISTOGRAM_BLOCK, sizeof(*h->block[block]));
    return h->block[block] != NULL;
}

static void stretch(struct histogram *h, uint64_t min, uint64_t max)
{
    if (h->n == 0 || min < h->min)
        h->min = min;
    if (h->n == 0 || max > h->max)
        h->max = max;
}

void histogram_release(struct histogram *h)
{
    for (unsigned b = 0; b < HISTOGRAM_BLOCKS; b++)
        free(h->block[b]);
    memset(h, 0, sizeof(*h));
}

bool histogram_add(struct histogram *h, uint64_t value)
{
    unsigned block = block_of(value);

    if (!has_block(h, block))
        return false;
    h->block[block][place_of(value, block)]++;
    stretch(h, value, value);
    h->n++;
    return true;
}

bool histogram_merge(struct histogram *h, const struct histogram *from)
{
    if (from->n == 0)
        return true;
    for (unsigned b = 0; b < HISTOGRAM_BLOCKS; b++) {
        if (!from->block[b])
            continue;
        if (!has_block(h, b))
            return false;
        for (unsigned i = 0; i < HISTOGRAM_BLOCK; i++)
            h->block[b][i] += from->block[b][i];
    }
    stretch(h, from->min, from->max);
    h->n += from->n;
    return true;
}

double histogram_quantile(const struct histogram *h, double p)
{
    double rank = ceil(p * (double)h->n), seen = 0;

    if (h->n == 0)
        return NAN;
    if (rank <= 1)
        return (double)h->min;
    if (rank >= (double)h->n)
        return (double)h->max;
    for (unsigned b = 0; b < HISTOGRAM_BLOCKS; b++) {
        for (unsigned i = 0; h->block[b] && i < HISTOGRAM_BLOCK; i++) {
            seen += (double)h->block[b][i];
            if (seen >= rank)
                return fmin(fmax(value_of(b, i), (double)h->min), (double)h->max);
        }
    }
    return (double)h->max;
}
