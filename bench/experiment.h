/*
 * experiment.h - what a benchmark does: an experiment.yaml, read into plain structs.
 *
 * Durations are nanoseconds, rates calls a second (double).  Everything belongs to the
 * experiment and does not change after it was read.
 */
#ifndef BENCH_EXPERIMENT_H
#define BENCH_EXPERIMENT_H

#include "host/upstream.h"
#include "sim/scenario.h"

enum {
    EXPERIMENT_MAX_NODES = 64,
    EXPERIMENT_MAX_PAYLOADS = 64,
    EXPERIMENT_MAX_OVERRIDES = 64,
    EXPERIMENT_MAX_NAME = 28,
    EXPERIMENT_MAX_BODY = 16 << 20
};

/* When calls come to a node; those of files are the simulator's (sim/arrivals.h). */
enum experiment_arrivals {
    EXPERIMENT_POISSON,
    EXPERIMENT_DETERMINISTIC,
    EXPERIMENT_CSV,
    EXPERIMENT_AZURE_2019,
    EXPERIMENT_AZURE_2021
};
extern const char *const experiment_arrivals[];

struct experiment_node {
    const char *name;
    int line;
    const char *address; /* "" with a cluster: that of its next node */
    struct endpoint endpoint;
    struct endpoint learner; /* where its rewards go */
    double rate;             /* with traffic: at a load of 1; 0 = as the file says */
    int64_t arrivals;
    const char *file, *durations;
    int64_t step;
    double scale, speedup;
    /* The rate follows the original's traffic file (bench/traffic.h); "" = it is steady. */
    const char *traffic;
    double rate_min;
    double shift; /* points of the file */
    int64_t repetitions;
};

struct experiment_payload {
    const char *name;
    int line;
    double weight; /* its share of the calls of a node, against the others' */
    const char *function;
    const char *content_type;
    const char *text, *file;
    int64_t size;
    int64_t type;     /* of the task; the original has one a payload */
    int64_t deadline; /* from the planned time; 0 = none */
    struct buf body;
};

enum experiment_rewards { REWARDS_NONE, REWARDS_LEARNER };

struct experiment_reward_keys {
    int64_t to;
    const char *batch, *path;
    int64_t port; /* 0 = the node's own */
    uint32_t batch_min, batch_max;
};

struct experiment_cluster {
    int64_t nodes; /* 0 = there is none: the nodes run already */
    const char *config;
};

struct experiment {
    const char *file, *name, *summary;
    int64_t duration, warm_up;
    int64_t timeout; /* from the planned time to the whole answer */
    int64_t seed;
    int64_t connections; /* to each node at most */
    int64_t late;        /* a generator that is later than it with 1 % of its calls is marked */
    struct experiment_node *node;
    unsigned n_nodes;
    struct experiment_payload *payload;
    unsigned n_payloads;
    struct experiment_reward_keys rewards;
    struct experiment_cluster cluster;
};

/* Reads the file and the overrides on top of it, in their order, with their bodies; traffic
 * and arrival files are only looked for.  Files are relative to the experiment's folder,
 * those of --set to the working directory.
 * 0, or -1 with "FILE:LINE: key: what is wrong; allowed: what is right".  *e need not be
 * initialised; on failure nothing is left in it. */
int experiment_read(struct experiment *e, const char *file, const struct scenario_override *o,
                    unsigned n, char err[P2P_ERRLEN]);
void experiment_release(struct experiment *e);

/* Gives a node its address, and with it where its learner is.  0, or -1 with a reason. */
int experiment_locate(const struct experiment *e, struct experiment_node *n, const char *address,
                      char err[P2P_ERRLEN]);

/* Every key: help, what is allowed, default. */
void experiment_print_keys(FILE *out);

#endif
