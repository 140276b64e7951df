/*
 * summary.h - every figure of a point with its interval, from one replication or several.
 *
 * From one, the value is that of the whole time and its interval comes from the means of
 * its batches; from several, each replication is one sample.  Quantiles' intervals come
 * from the batches' or the replications' own quantiles.
 */
#ifndef SIM_SUMMARY_H
#define SIM_SUMMARY_H

#include "sim/estimate.h"
#include "sim/result.h"

enum {
    SUMMARY_FEW_BATCHES = 10, /* below which an interval is doubtful */
    SUMMARY_FEW_JOBS = 30,    /* the same of the jobs of a batch, on average */
    SUMMARY_WARNINGS = 16,
    SUMMARY_MISBEHAVIOURS = 10, /* of the warnings, at most */
    SUMMARY_WARNING = 200,
};

/* A group or a function. */
struct part_summary {
    const char *name;
    uint64_t jobs;
    struct estimate value[METRICS];
};

/* A point of a sweep; alone it has no axes. */
struct point {
    unsigned index;
    const char *label;
    unsigned n_axes;
    const char *const *axis, *const *value;
};

struct summary {
    const struct scenario *scenario;
    double level;    /* of the intervals */
    bool replicated; /* samples are replications, else batches */
    unsigned n_samples;
    double seconds; /* measured, of a replication on average */
    uint64_t jobs;
    uint64_t ended[JOB_ENDS];
    struct estimate value[METRICS];
    unsigned n_parts[2]; /* by enum part; 0 when there is only one */
    struct part_summary *part[2];
    struct counter *counter; /* by name, those of schedulers first */
    unsigned n_counters;
    double correlation; /* of batch means that follow each other; NAN from replications */
    bool precise;       /* false: run.target is set and was not reached */
    char warning[SUMMARY_WARNINGS][SUMMARY_WARNING];
    unsigned n_warnings;
};

/* Of n >= 1 results of the same scenario, after result_end.  -1: no memory. */
int summary_make(struct summary *s, const struct result *const *results, unsigned n, double level);
void summary_release(struct summary *s);

#endif
