/*
 * report.h - results for the terminal.
 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include <stdio.h>

#include "sim/summary.h"

/* Everything of one point, with its warnings. */
void report_summary(FILE *f, const struct summary *s);

/* A sweep: one row a point.  `width` is that of the widest label.  A row with warnings has a
 * mark at its end. */
void report_sweep_head(FILE *f, unsigned width);
void report_sweep_row(FILE *f, unsigned width, const struct point *p, const struct summary *s);

/* A line each; `label` of the point, or NULL. */
void report_warnings(FILE *f, const char *label, const struct summary *s);

#endif
