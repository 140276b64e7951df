/*
 * profiles_2019.h - how long the functions of the Azure trace of 2019 run: percentiles, as
 * the trace has them.
 */
#ifndef SIM_PROFILES_2019_H
#define SIM_PROFILES_2019_H

#include "base/random.h"
#include "sim/trace_functions.h"

enum { PROFILE_POINTS = 7 };

struct profile {
    float ms[PROFILE_POINTS];
    bool known;
};

/* Fills profile[i] for each function i that the file knows; of two lines for one the first
 * counts.  The others are left as they are. */
int profiles_read(struct profile *profile, const struct trace_functions *f, const char *file,
                  char err[P2P_ERRLEN]);

/* ns, at least 1. */
uint64_t profile_draw(const struct profile *p, struct random *r);

#endif
