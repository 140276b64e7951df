/*
 * cases.h - which algorithms are held against which theory.
 */
#ifndef TESTS_CONFORMANCE_CASES_H
#define TESTS_CONFORMANCE_CASES_H

#include <stdbool.h>

#include "sim/metric.h"

enum { CASE_CLAIMS = 2 };

/* The value itself, or one that the figure does not come below, or above. */
enum claim_bound { BOUND_NONE, BOUND_BELOW, BOUND_ABOVE };

/* What theory says of one figure: a curve of theory_parse(), or a function of the load. */
struct claim {
    enum metric metric;
    const char *curve;
    double (*at)(double load, unsigned parameter);
    unsigned parameter;
    enum claim_bound bound;
};

struct conformance_case {
    const char *algorithm, *system; /* as the table has them */
    const char *scheduler;          /* as a scenario has it */
    unsigned slots, queue;
    double load;
    double warm_up;                  /* mean run times until empty nodes are forgotten */
    unsigned nodes;                  /* 0: as many as the effort says */
    bool mean_field;                 /* theory is that of endlessly many nodes: a series of sizes */
    bool dealer;                     /* dealer.yaml in place of cluster.yaml */
    struct claim claim[CASE_CLAIMS]; /* without a theory: no claim */
};

extern const struct conformance_case conformance_case[];
extern const unsigned conformance_cases;

/* NAN where it has none. */
double claim_theory(const struct claim *c, double load);

/* The algorithms whose mean response at that load must fall from each to the next, with the most
 * nodes that each was run with. */
enum { CONFORMANCE_ORDER = 4 };
extern const char *const conformance_order[CONFORMANCE_ORDER];
extern const double conformance_order_load;

#endif
