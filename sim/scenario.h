/*
 * scenario.h - what is simulated: a scenario.yaml, read into plain structs.
 *
 * Durations are nanoseconds, rates jobs a second (double), sizes bytes.  Everything
 * belongs to the scenario and does not change while it is simulated, so all threads may
 * read it.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include <stdio.h>

#include <p2pfaas/plugin.h>

enum {
    SCENARIO_MAX_NAME = 28, /* of a group */
    SCENARIO_MAX_NODES = 4000000,
    SCENARIO_MAX_GROUPS = 256,
    SCENARIO_MAX_FUNCTIONS = 256,
    SCENARIO_MAX_FAULTS = 1024,
    SCENARIO_MAX_PARAMETERS = 64
};

/* ---- how long something takes ---- */

enum distribution_kind {
    DISTRIBUTION_DETERMINISTIC, /* mean */
    DISTRIBUTION_EXPONENTIAL,   /* mean */
    DISTRIBUTION_UNIFORM,       /* from min to max */
    DISTRIBUTION_LOGNORMAL,     /* mean, cv (standard deviation / mean) */
    DISTRIBUTION_PARETO,        /* mean, shape > 1; bounded by max unless that is 0 */
    DISTRIBUTION_BIMODAL,       /* with `probability` `high`, else `low` */
    DISTRIBUTION_FILE           /* one of the values of `file`, each as likely */
};
struct distribution_config {
    int64_t kind;
    int64_t mean, min, max, low, high; /* ns */
    double cv, shape, probability;
    const char *file; /* of measured values, a line each, with a unit or in seconds */
};

/* ---- jobs ---- */

struct sim_function_config {
    const char *name;
    int line;
    double weight; /* share of the jobs of a node whose arrivals do not say which function */
    struct distribution_config service;
    int64_t deadline; /* from arrival; 0 = none */
    int64_t payload;  /* bytes of a request; its transfer takes time when there is a bandwidth */
    int64_t answer;   /* bytes of an answer */
};

enum arrival_process {
    ARRIVALS_NONE,
    ARRIVALS_POISSON,       /* rate, or load */
    ARRIVALS_DETERMINISTIC, /* the same, evenly; each node begins at a random phase */
    ARRIVALS_ON_OFF,        /* exponential times on and off (means), Poisson while on; rate and
                               load are the long-run averages */
    ARRIVALS_MMPP,          /* states, each with a rate and a mean stay */
    ARRIVALS_CSV,           /* file of the original's traffic: a rate a line, each for `step`;
                               or lines "time,rate"; `scale` times; begins again at its end */
    ARRIVALS_AZURE_2019,    /* invocations_per_function_md.anon.dNN.csv (+ durations file) */
    ARRIVALS_AZURE_2021     /* app,func,end_timestamp,duration */
};
enum { ARRIVALS_MAX_STATES = 16 };
struct arrival_config {
    int64_t process;
    double rate;       /* jobs a second and node; 0 = by load */
    double load;       /* offered work of a node / what its slots can do at its speed; when > 0 it
                          gives the rate */
    int64_t on, off;   /* mean times */
    unsigned n_states; /* MMPP */
    double state_rate[ARRIVALS_MAX_STATES];
    int64_t state_stay[ARRIVALS_MAX_STATES];
    const char *file;
    const char *durations; /* AZURE_2019: function_durations_percentiles.anon.dNN.csv, or "" */
    int64_t step;          /* CSV: of a line without a time */
    double scale;          /* times the rates of the file */
    double speedup;        /* traces: time passes so many times as fast */
    unsigned n_functions;  /* traces: theirs are spread over so many of the scenario; 0 = not, the
                              weights decide */
};

/* ---- nodes ---- */

/* Every `line` here is for scenario_place(). */
struct name_value {
    const char *name, *value; /* name is NULL in a list by order */
    int line;
};

/* The learner of each node of a group: what `learner` is in plugins.yaml. */
struct group_learner {
    const char *plugin; /* "" = none */
    const char *file;   /* loaded when the node starts, "{node}" in it is its name; "" = none */
    int64_t most_episodes, expiry, batch, batch_interval;
    struct name_value *parameters;
    unsigned n_parameters;
    bool by_order;
    int plugin_line, file_line;
};

struct group_config {
    const char *name;
    int line;
    int64_t count;
    int64_t slots, queue;
    double speed; /* service times are divided by it */
    struct arrival_config arrivals;
    /* The scheduler of each node of the group. */
    const char *plugin;
    struct name_value *parameters;
    unsigned n_parameters;
    bool by_order;
    int64_t fallback; /* enum engine_fallback */
    int plugin_line;
    struct group_learner learner;
    double x, y, spread; /* position of the centre; nodes lie uniformly in a square of that side */
};

/* ---- between them ---- */

enum delay_model { DELAY_CONSTANT, DELAY_EXPONENTIAL, DELAY_MATRIX, DELAY_COORDINATES };
enum view_kind {
    VIEW_AUTO,    /* private up to 2000 nodes, else shared */
    VIEW_PRIVATE, /* each node knows what it heard itself of each peer */
    VIEW_SHARED   /* one list for all: nothing is heard, load 0, heard_ns 0; for very many nodes */
};
struct network_config {
    int64_t model;
    int64_t delay;    /* one way: constant, mean of exponential, least of coordinates */
    int64_t per_unit; /* coordinates: more for each unit of distance */
    const char *file; /* matrix: CSV, row = from, column = to, groups or nodes, ms or with a unit */
    double *matrix;   /* the file, ns; matrix_side^2 */
    unsigned matrix_side; /* of groups or of nodes */
    double loss;          /* of each probe, answer to a probe, and tell(); a forward is a connection
                             that repeats, so each loss costs it `repeat` */
    int64_t repeat;
    int64_t bandwidth;    /* bytes a second of each transfer, 0 = no limit */
    int64_t probe_cost;   /* time that a probe takes at the one who is asked, before it answers */
    int64_t forward_cost; /* the same of a forwarded job, at the one who takes it */
    int64_t neighbours;   /* random peers that a node knows, 0 = all */
    int64_t view;
    int64_t probe_timeout; /* engine_settings.probe_timeout_ns */
    int64_t detect;        /* a peer that went down is still in the lists for so long */
    int64_t max_hops;
};

enum fault_kind {
    FAULT_DOWN,      /* jobs there fail, nothing answers; comes back empty */
    FAULT_SLOW,      /* speed times `factor` */
    FAULT_PARTITION, /* these nodes reach each other, the others each other, not across */
    FAULT_STALE      /* what these nodes tell of their load is `age` old */
};
struct fault_config {
    int64_t kind;
    int64_t at, until;    /* until 0 = to the end */
    const char *group;    /* "" = all */
    int64_t first, count; /* nodes of the group; count 0 = all of them */
    double factor;
    int64_t age;
    int line;
};

struct run_config {
    int64_t length; /* virtual time after warm-up */
    int64_t warm_up;
    double target;        /* > 0: ends as soon as the half width of the 95 % interval of the mean
                             response is below this share of it, `length` at the latest */
    int64_t replications; /* > 1: intervals from replications, else from `batches` batch means */
    int64_t batches;
    int64_t seed;
};

/* A setting from elsewhere: the path of its key, as in "nodes.pi.arrivals.load", and
 * any value that YAML writes in one line. */
struct scenario_override {
    const char *path, *value;
    const char *from; /* said before the path in errors; NULL = "--set" */
};

struct scenario {
    const char *file, *name, *summary;
    const char *plugins; /* folder */
    struct run_config run;
    struct network_config network;
    struct group_config *group;
    unsigned n_groups;
    struct sim_function_config *function;
    unsigned n_functions;
    struct fault_config *fault;
    unsigned n_faults;
    uint32_t n_nodes; /* of all groups; nodes are numbered in order of the groups */
    char **origin;    /* "--set nodes.pi.slots", of each override */
    unsigned n_origins;
};

/* Reads the file (with its matrix), each override on top of it in their order, and checks
 * all but plugins, their parameters and the content of traces.  In a path, groups and
 * functions go by their name, other elements of lists by their number from 1; '*' is all
 * of them; a key of groups alone ("slots", "arrivals.load") is of all groups.  Files are
 * relative to the scenario's folder, those of --set to the working directory.
 * 0, or -1 with "FILE:LINE: key: what is wrong; allowed: what is right".  *s need not be
 * initialised; on failure nothing is left in it. */
int scenario_read(struct scenario *s, const char *file, const struct scenario_override *o,
                  unsigned n, char err[P2P_ERRLEN]);
void scenario_release(struct scenario *s);

/* Where something was said, for a message: "first.yaml:12", "--set nodes.pi.slots", or
 * "first.yaml" for a default. */
void scenario_place(const struct scenario *s, int line, char *out, size_t size);

/* Where a node finds what its learner knows at the start: the group's file with the node's name
 * in the place of "{node}".  False when it does not fit. */
bool scenario_learner_file(const char *file, const char *group, uint32_t nth, char *out,
                           size_t size);

/* Every key: help, what is allowed, default. */
void scenario_print_keys(FILE *out);

#endif
