/*
 * plot_legend.h - the texts of a legend, so short that none is cut off, and where it goes.
 *
 * gnuplot leaves out, without a word, what does not fit: room for all of it is made here.
 */
#ifndef SIM_PLOT_LEGEND_H
#define SIM_PLOT_LEGEND_H

#include "sim/plot.h"

enum { PLOT_LABEL = 256 }; /* bytes of a text */

struct plot_legend {
    char title[PLOT_LABEL];
    char (*label)[PLOT_LABEL]; /* of each series, then of each theory */
    unsigned n_entries;        /* that are shown */
    bool below;                /* the figure, else right of it */
};

/* `shows` tells of each theory of o whether it is drawn; pictures are `room` characters wide.
 * -1: no memory. */
int plot_legend_make(struct plot_legend *l, const struct plot_data *d, const struct plot_options *o,
                     const bool *shows, unsigned room);
void plot_legend_release(struct plot_legend *l);

/* Rows of a legend below a picture that is so many characters wide, with its title; 0: it is
 * not below. */
unsigned plot_legend_rows(const struct plot_legend *l, unsigned room);

/* A scheduler with its parameters is a map in the scenario, "{plugin: a, parameters: {b: 1}}":
 * shown as "a (b: 1)". */
void plot_shown(char out[PLOT_LABEL], const char *text);

/* Takes what is more than `room` characters from the middle: what tells things apart is at the
 * ends. */
void plot_cut(char text[PLOT_LABEL], unsigned room);

/* Bytes of the words that go into a line of so many characters; one goes always, and
 * "key: value" is one. */
size_t plot_line(const char *text, unsigned room);
unsigned plot_characters(const char *text, size_t len);

#endif
