/*
 * compare.h - do a live cluster and its simulation come to the same figures?
 *
 * Both saw the same jobs in the same batches, so the differences batch by batch are what
 * is judged: what both have in common is not in them.
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include "sim/estimate.h"
#include "sim/summary.h"

enum verdict {
    AGREES,  /* the interval of the difference has 0 in it, or the difference is no matter */
    DIFFERS, /* neither */
    NO_DATA  /* too little came out to say it */
};

struct compare_rule {
    double level;      /* of the intervals that are shown */
    unsigned together; /* so many comparisons are made, and all of them are to be right with
                          probability `level` when nothing differs (Bonferroni) */
    double margin;     /* a difference below this share of the simulated figure is no matter */
};

struct comparison {
    enum metric metric;
    struct estimate live, simulated, difference; /* intervals at `level` */
    enum verdict verdict;
};

/* Values of the whole time, and those of n batches in `live` and `simulated`. */
struct comparison compare_samples(double live_value, const double *live, double simulated_value,
                                  const double *simulated, unsigned n,
                                  const struct compare_rule *rule);

/* Of results of one scenario, after result_end; a batch counts when both have it to its end.
 * -1: no memory. */
int compare_results(struct comparison *out, const struct result *live,
                    const struct result *simulated, enum metric m, const struct compare_rule *rule);

#endif
