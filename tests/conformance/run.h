/*
 * run.h - runs a case and says how its figures compare with theory.
 *
 * Where theory is that of endlessly many nodes, a case is run with N, 4N and 16N of them.  A
 * figure is a + b/N + c/N² + …; of three sizes (64 x(16N) - 20 x(4N) + x(N)) / 45 is a, without
 * b and c, whatever they are (Richardson).  So x(16N) less that is what finite N makes of it,
 * which shrinks as 1/N, and comes from the runs alone.  Sizes that are far apart leave the
 * noise of the runs nearly as it is; N, 2N and 4N would triple it.
 */
#ifndef TESTS_CONFORMANCE_RUN_H
#define TESTS_CONFORMANCE_RUN_H

#include "engine/catalog.h"
#include "sim/estimate.h"
#include "tests/conformance/cases.h"
#include "tests/conformance/laws.h"

enum { RUN_SIZES = 3, RUN_MOST_REPLICATIONS = 40 };

struct effort {
    unsigned replications, nodes; /* nodes: N */
    double jobs;                  /* measured in a case, of all its sizes and replications */
};

/* One claim. */
struct figure {
    double theory;
    struct estimate size[RUN_SIZES]; /* at 99 % */
    double value;     /* for endlessly many nodes, where that is what theory speaks of */
    double deviation; /* of the value, as a mean of the replications */
    unsigned n;
};

struct outcome {
    const struct conformance_case *of;
    unsigned n_sizes, nodes[RUN_SIZES];
    unsigned n_figures;
    struct figure figure[CASE_CLAIMS];
    uint64_t jobs, misbehaved;
    struct laws laws;
};

/* Half the confidence interval of a figure. */
double figure_half_width(const struct figure *f, double level);
/* Does it cover theory, or, of a bound, reach it? */
bool figure_covers(const struct outcome *o, unsigned figure, double level);

/* A plugin folder that is opened once for all cases. */
struct plugins {
    struct catalog *catalog;
    char copies[64];
};
/* Those built with the program that asks.  0, or -1 and err. */
int plugins_open(struct plugins *p, char err[P2P_ERRLEN]);
void plugins_close(struct plugins *p);

/* The case of that index.  0, or -1 and err. */
int run_case(struct outcome *o, unsigned index, const struct effort *effort, struct plugins *p,
             char err[P2P_ERRLEN]);

#endif
