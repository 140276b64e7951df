/*
 * distribution.h - how long something takes: draws of a `struct distribution_config`.
 *
 * It does not change after distribution_init, so all threads may draw from it, each with
 * generators of its own.
 */
#ifndef SIM_DISTRIBUTION_H
#define SIM_DISTRIBUTION_H

#include "base/random.h"
#include "sim/scenario.h"

enum { DISTRIBUTION_MAX_VALUES = 1 << 24 }; /* of a file */

/* No draw is longer: 146 years, so that a sum of two still is a time. */
#define DISTRIBUTION_MAX_NS ((uint64_t)1 << 62)

struct distribution {
    int64_t kind;
    double mean;     /* ns, of what is drawn */
    double a, b, c;  /* what the kind needs to draw */
    uint64_t *value; /* of a file, ns */
    uint32_t n_values;
};

/* 0, or -1 with "mean: ...; allowed: ..." and nothing to release. */
int distribution_init(struct distribution *d, const struct distribution_config *c,
                      char err[P2P_ERRLEN]);
void distribution_release(struct distribution *d);

/* ns. */
double distribution_mean(const struct distribution *d);

/* ns, rounded, from 1 to DISTRIBUTION_MAX_NS. */
uint64_t distribution_draw(const struct distribution *d, struct random *r);

#endif
