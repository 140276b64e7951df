/*
 * arrivals.h - when jobs come to a node from outside, and what they are.
 *
 * The source is loaded once for a group of nodes and does not change: all threads may
 * share it.  Where a node stands in it is its cursor, which is small, as there may be a
 * million.  Time begins at 0.
 *
 *   Poisson, deterministic, on-off: `rate` jobs a second, on average, on each node.
 *   MMPP: goes through its states in order, the last is followed by the first; begins in
 *     any of them, as if it had gone on for ever.
 *   CSV: the rate of a Poisson process, constant between the times of the file.  A first
 *     column without a unit counts steps.  What is last in the file lasts as long as what
 *     is before it, or a step; then it begins again.  `speedup` shortens the times only.
 *   MMPP and CSV have the rates that they say, or, when `rate` is not 0, are scaled so
 *   that it is their average.
 *
 *   Traces: each of their functions is called at one node, and is one of the scenario's
 *     functions; both follow from the hash of its name, so they do not change with the
 *     seed.  Functions are dealt out: no node has two more than another.  A trace is not
 *     repeated.  `scale` times as many jobs come, the share of a job is drawn by lot;
 *     `speedup` brings them closer together and leaves their service times.
 *   Azure 2019: the invocations of a minute lie in it like those of a Poisson process of
 *     which the number is known.  Service times go through the percentiles of the durations
 *     file along straight lines; a function that it does not have gets 0.
 *   Azure 2021: each line is a job that came at its end less its duration; the first is at
 *     0.  Of `scale` copies all but one come somewhere in the minute after it.
 */
#ifndef SIM_ARRIVALS_H
#define SIM_ARRIVALS_H

#include "base/random.h"
#include "sim/scenario.h"

enum {
    ARRIVALS_MAX_STEPS = 1 << 20,     /* of a CSV: 16 MiB */
    ARRIVALS_MAX_ROWS = 1 << 25,      /* of a trace, minutes with a call in that of 2019: 24 and
                                         16 bytes each, twice that while it is sorted */
    ARRIVALS_MAX_FUNCTIONS = 1 << 20, /* of a trace */
    ARRIVALS_MAX_MINUTES = 14 * 1440
};

#define ARRIVALS_NEVER UINT64_MAX

struct arrivals;

struct arrival {
    uint64_t at_ns;
    uint64_t service_ns; /* at speed 1; 0 = to be drawn from the function's distribution */
    uint32_t function;   /* of the scenario; P2P_NONE = by the functions' weights */
};

/* Plain memory: nothing to release.  What the fields mean is the process's own matter. */
struct arrival_cursor {
    uint64_t now_ns, until_ns;
    double done;
    uint32_t node;
    uint32_t first, end, drawn;
};

/* `rate` is in jobs a second and node, and has `load` in it already; 0 where the config asks
 * for neither.  0, or -1 with a message that begins with the key or the file. */
int arrivals_load(struct arrivals **out, const struct arrival_config *c, double rate,
                  unsigned n_nodes, uint64_t seed, char err[P2P_ERRLEN]);
void arrivals_free(struct arrivals *a); /* NULL is right */

/* node: from 0 to n_nodes - 1. */
void arrival_cursor_init(struct arrival_cursor *c, const struct arrivals *a, uint32_t node,
                         struct random *r);
/* The time of the next job, which is not before the one before; ARRIVALS_NEVER when none
 * will come. */
uint64_t arrival_next(struct arrival_cursor *c, const struct arrivals *a, struct random *r,
                      struct arrival *out);

#endif
