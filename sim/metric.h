/*
 * metric.h - the figures that a simulation is about, and how they are called.
 */
#ifndef SIM_METRIC_H
#define SIM_METRIC_H

/* The order is that of reports and of columns. */
enum metric {
    METRIC_LOSS, /* jobs that did not run / all jobs */
    METRIC_MEAN, /* response: from arrival to answer, of those that ran */
    METRIC_P50,  /* of it, by histogram */
    METRIC_P95,
    METRIC_P99,
    METRIC_WAIT, /* for a slot, mean of those that ran */
    METRIC_RUN,  /* in the function, mean of those that ran */
    METRIC_PROBES,
    METRIC_FORWARDS,
    METRIC_IN_DEADLINE, /* ran by their deadline / all that have one */
    METRIC_JAIN,        /* fairness over nodes of the utilisation of a slot, 1 = all alike */
    METRIC_JAIN_LOSS,   /* the same of the share of its own jobs that a node loses */
    METRIC_UTILISATION, /* busy time of slots / all time of slots */
    METRIC_THROUGHPUT,  /* jobs that ran, a second */
    METRIC_REWARD,      /* mean of what learners were given */
    METRIC_CHOICES,     /* of learners, a job */
    METRIC_MISBEHAVED,  /* times that a plugin broke the rules */
    METRICS
};

enum metric_unit { UNIT_SHARE, UNIT_SECONDS, UNIT_COUNT, UNIT_INDEX, UNIT_RATE };

struct metric_info {
    const char *name;  /* column, and --y of plot */
    const char *title; /* in reports and on axes */
    enum metric_unit unit;
};
extern const struct metric_info metric_info[METRICS];

/* METRICS when there is none of that name. */
enum metric metric_find(const char *name);

#endif
