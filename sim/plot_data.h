/*
 * plot_data.h - what a folder of results has to draw, laid out as curves.
 *
 * The points of a sweep are read from all points*.csv of the folder.  Where no axis has more
 * than one value, there is nothing to compare, and the batches are read instead: how the
 * figures went over time.
 */
#ifndef SIM_PLOT_DATA_H
#define SIM_PLOT_DATA_H

#include <stdbool.h>

#include <p2pfaas/plugin.h>

#include "sim/metric.h"

struct plot_row {
    unsigned point;
    unsigned series;
    double x;          /* or which of plot_data.category */
    char **axis_value; /* one for each axis */
    double value[METRICS], half[METRICS];
};

enum plot_x { PLOT_NUMBERS, PLOT_DURATIONS, PLOT_CATEGORIES };

struct plot_data {
    char **axis;
    unsigned n_axes;
    struct plot_row *row; /* by point */
    unsigned n_rows;
    double level; /* of the intervals; 0 = there are none */

    /* After plot_layout. */
    unsigned x; /* axis */
    enum plot_x x_kind;
    char **category; /* values of the axis, as they came; their texts are the rows' */
    unsigned n_categories;
    char **series; /* labels */
    unsigned n_series;
    char *series_title; /* the axes that tell series apart; "" with only one */
};

/* -1 and err. */
int plot_read(struct plot_data *d, const char *folder, char err[P2P_ERRLEN]);

/* Chooses axes: x or by may be NULL: the first that has several values, and numbers if there
 * is one; the first other.  Axes with several values that are left tell series apart too, so
 * that a curve never has two points at one place.  Seeds are no axis unless they are asked for
 * or the only one: what they repeat is merged. */
int plot_layout(struct plot_data *d, const char *x, const char *by, char err[P2P_ERRLEN]);

/* Makes one row of those that differ in that axis only.  -1: no memory. */
int plot_merge_repeats(struct plot_data *d, unsigned seeds);

/* Any number there, other than 0? */
bool plot_has(const struct plot_data *d, enum metric m, bool or_zero);

bool plot_has_several(const struct plot_data *d, unsigned axis); /* values */

void plot_data_release(struct plot_data *d);

/* "0.9", or "10ms" in seconds; false: not a number. */
bool plot_number(const char *text, double *value, bool *duration);

#endif
