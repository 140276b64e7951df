/*
 * traffic.h - a rate that follows a traffic file of the original benchmark: lines of
 * index,load without a header, loads from 0 to 1, stretched over the run.
 *
 * The rate at load l is rate_min + (rate - rate_min) * l, along straight lines from point to
 * point; the last is followed by the first.  Time is measured by the number of calls that
 * are to be expected until then: on that scale the process has rate 1.
 */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include <p2pfaas/plugin.h>

enum { TRAFFIC_MAX_POINTS = 1 << 16 };

struct traffic_setup {
    const char *file;
    double rate_min, rate; /* calls a second */
    double seconds;        /* of the run */
    double shift;          /* points of the file that are over when it begins */
    unsigned repetitions;  /* of the file in the run */
};

struct traffic;

/* NULL with "FILE:LINE: …". */
struct traffic *traffic_load(const struct traffic_setup *setup, char err[P2P_ERRLEN]);
void traffic_free(struct traffic *t); /* NULL is right */

/* Calls a second. */
double traffic_rate(const struct traffic *t, double seconds);
/* Calls that are to be expected until then. */
double traffic_calls(const struct traffic *t, double seconds);
/* When so many are to be expected; INFINITY for more than the run has. */
double traffic_when(const struct traffic *t, double calls);

#endif
