/*
 * theory.h - what is known of such systems without simulating them, to lay over curves.
 *
 * Load is offered work / what the slots can do.  Times are in mean run times, which are
 * exponential.  Messages take no time.  Mean-field results are those of infinitely many
 * nodes; a hundred come within some per cent.
 */
#ifndef SIM_THEORY_H
#define SIM_THEORY_H

#include <p2pfaas/plugin.h>

#include "sim/metric.h"

enum { THEORY_MOST_STATES = 4096, THEORY_PARAMETERS = 4, THEORY_MOST_TOKENS = 8 /* slots */ };

/* One server, no limit: mean response. */
double theory_mm1(double load);

/* Loss of k slots without a queue. */
double theory_erlang_b(double load, unsigned k);

/* What a node of k slots with q places in its queue comes to.  Response and wait are of the
 * jobs that ran, probes a job. */
struct theory_node {
    double loss, response, wait, probes;
};
/* Alone. */
struct theory_node theory_mmkq(double load, unsigned k, unsigned q);

/* Mean-field: below t jobs it takes each job itself, else it asks f random nodes and the least
 * loaded of them and itself takes it.  t = 0 is the shortest of f + 1. */
struct theory_node theory_ll(double load, unsigned f, unsigned t, unsigned k, unsigned q);

/* Mean-field, one server a node, no limit: the shortest queue of d; mean response. */
double theory_jsq(double load, unsigned d);

/* Mean-field: join the idle queue as the plugin jiq does, k slots a node, each node a dispatcher;
 * mean response.  To a load of .99. */
double theory_jiq(double load, unsigned k);

/* The same as it is published: dispatchers know idle servers only, as if a token were taken back
 * when its server gets a job without it.  One server a node, r of them a dispatcher. */
double theory_jiq_ideal(double load, double r);

/* A curve by its name and parameters, "ll:F=1,T=9,K=10". */
struct theory_curve {
    const struct theory_kind *kind;
    double parameter[THEORY_PARAMETERS];
    char label[64];
};

/* -1 and err: no such name, no such parameter, a bad value. */
int theory_parse(struct theory_curve *c, const char *text, char err[P2P_ERRLEN]);

/* NAN where it says nothing about that metric, or at that load. */
double theory_value(const struct theory_curve *c, enum metric m, double load);

#endif
