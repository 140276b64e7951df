/*
 * tally.h - what is counted of a set of jobs: those of a batch, a group, a function.
 *
 * An all-zero tally is an empty one.
 */
#ifndef SIM_TALLY_H
#define SIM_TALLY_H

#include "base/histogram.h"
#include "sim/metric.h"
#include "sim/record.h"

/* Mean and squares of differences from it, in one pass. */
struct moments {
    uint64_t n;
    double mean, squares;
};

struct tally {
    uint64_t ended[JOB_ENDS];
    uint64_t with_deadline, in_deadline;
    uint64_t probes, forwards;
    double run_ns;                 /* of those that ran */
    double busy_ns;                /* run time of all, to the end or not */
    struct moments response, wait; /* ns, of those that ran */
    struct histogram histogram;    /* response, ns */
};

void tally_release(struct tally *t);

/* `in_deadline` is of a job that has one.  False: no memory for its response. */
bool tally_add(struct tally *t, const struct job_record *job, bool in_deadline);
bool tally_merge(struct tally *t, const struct tally *from);

uint64_t tally_jobs(const struct tally *t);

/* Times in seconds.  `seconds` and `slots` are where and how long the jobs came from; NAN
 * where a tally cannot tell, or nothing came. */
double tally_metric(const struct tally *t, enum metric m, double seconds, double slots);

#endif
