/*
 * plot.h - figures of results, drawn by gnuplot.
 *
 * Each metric is a figure: a script with its data in it, which can be changed and drawn again,
 * and the pictures that gnuplot made of it.
 */
#ifndef SIM_PLOT_H
#define SIM_PLOT_H

#include <stdio.h>

#include "sim/plot_data.h"
#include "sim/theory.h"

enum { PLOT_THEORIES = 8, PLOT_FORMATS = 3 };

struct plot_options {
    const char *folder;
    const char *x, *by; /* NULL: as plot_layout chooses */
    enum metric y[METRICS];
    unsigned n_y; /* 0: those that say something */
    bool log;     /* of y */
    struct theory_curve theory[PLOT_THEORIES];
    unsigned n_theories;
    bool format[PLOT_FORMATS]; /* as plot_format */
    const char *out;           /* NULL: FOLDER/plots/METRIC */
};
extern const char *const plot_format[PLOT_FORMATS]; /* "png", "svg", "pdf" */

/* `p2pfaas plot …`; argv[0] begins errors of options.  An exit status: 0, 1, or 2 for a wrong call.
 */
int plot_main(int argc, char **argv);

/* -1 and err: a wrong call.  1: help was asked for. */
int plot_options(struct plot_options *o, int argc, char **argv, char err[P2P_ERRLEN]);

/* The script of one figure; it writes STEM.png and so on where it is run.  -1: no memory. */
int plot_script(FILE *f, const struct plot_data *d, const struct plot_options *o, enum metric y,
                const char *stem);

/* Has gnuplot run a script in its folder.  -1 with what is wrong, or what to install. */
int plot_run(const char *folder, const char *script, char err[P2P_ERRLEN]);

#endif
