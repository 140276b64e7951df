/*
 * result.h - what one replication came to.
 *
 * It measures the jobs that arrive in [warm_up, warm_up + length), which it cuts into
 * run.batches batches of equal time.  A node costs 32 bytes whatever happens there.
 *
 * Life: result_new → result_job, as jobs end → result_node for every node, result_count →
 * result_end → read → result_free.  One thread at a time; results of different threads
 * share only the scenario.
 */
#ifndef SIM_RESULT_H
#define SIM_RESULT_H

#include "sim/scenario.h"
#include "sim/tally.h"

struct node_result {
    uint64_t busy_ns;     /* of all its slots */
    uint64_t response_ns; /* sum, of those that arrived here and ran */
    uint32_t ran_here;    /* from wherever */
    uint32_t arrived, answered, lost;
};

/* Something else that is worth a number. */
struct counter {
    char *scheduler; /* whose misbehaviour, or NULL: something else */
    char *name;
    uint64_t n;
};

struct result {
    const struct scenario *scenario;
    uint64_t from_ns, batch_ns;
    uint64_t to_ns; /* until when arrivals were measured */
    unsigned n_batches;
    unsigned part_batches; /* what parts are cut into: n_batches, or 1 when they are many */
    unsigned latest;       /* batch that something arrived in */
    unsigned complete;     /* batches that were measured to their end; since result_end */
    struct tally all;      /* since result_end */
    struct tally *batch;
    struct tally *group;    /* part_batches each and their sum; NULL when there is one */
    struct tally *function; /* the same */
    uint32_t *first_node;   /* of each group */
    struct node_result *node;
    uint64_t choices, rewards; /* of learners */
    double reward;             /* their sum */
    struct counter *counter;
    unsigned n_counters;
    bool no_memory; /* something is missing */
};

/* The scenario must outlive it; NULL: no memory. */
struct result *result_new(const struct scenario *s);
void result_free(struct result *r);

/* A job has ended.  Those that did not arrive in the measured time are left out. */
void result_job(struct result *r, const struct job_record *job);

/* What a node did in the measured time: once for each. */
void result_node(struct result *r, uint32_t node, uint64_t busy_ns, uint64_t jobs);

/* What learners did in the measured time; where nothing chose, there is no such figure. */
void result_learned(struct result *r, uint64_t choices, uint64_t rewards, double reward);

/* Adds to a named counter. */
void result_count(struct result *r, const char *name, uint64_t n);
/* The same of the rules that a plugin broke; kind as misbehaviour_name() says. */
void result_misbehaved(struct result *r, const char *scheduler, const char *kind, uint64_t n);

/* Is the half width of the 95 % interval of the mean response below `target` times it?  Asks
 * the batches that are over; never with fewer than ten, nor while they hang together. */
bool result_precise_enough(const struct result *r, double target);

/* Nothing that arrived at `now_ns` or later was measured.  -1: no memory, here or before. */
int result_end(struct result *r, uint64_t now_ns);

/* ---- after result_end ---- */

double result_seconds(const struct result *r); /* measured */
double result_metric(const struct result *r, enum metric m);
/* Of a batch; no fairness, and utilisation by what its jobs ran. */
double result_batch_metric(const struct result *r, unsigned batch, enum metric m);

enum part { PART_GROUP, PART_FUNCTION };
unsigned result_parts(const struct result *r, enum part kind); /* 0 when there is only one */
double result_part_metric(const struct result *r, enum part kind, unsigned i, enum metric m);
uint64_t result_part_jobs(const struct result *r, enum part kind, unsigned i);
/* Of the part's jobs in one of part_batches batches. */
double result_part_batch_metric(const struct result *r, enum part kind, unsigned i, unsigned batch,
                                enum metric m);

/* METRIC_MEAN of the jobs that arrived there, METRIC_LOSS, METRIC_UTILISATION; else NAN. */
double node_metric(const struct result *r, uint32_t node, enum metric m);

unsigned result_group_of(const struct result *r, uint32_t node);

#endif
