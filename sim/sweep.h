/*
 * sweep.h - the `sweep` of a scenario: one run for every combination of values.
 *
 *   sweep:
 *     nodes.*.arrivals.load: [0.5, 0.7, 0.9]     or {from: 0.5, to: 0.9, step: 0.2}
 *     scheduler: [random, {plugin: power_of_choices, parameters: {fanout: 2}}]
 *     seeds: 5
 *
 * The first key changes slowest.  A point is known by its index, which depends on nothing
 * but the file and --set.
 */
#ifndef SIM_SWEEP_H
#define SIM_SWEEP_H

#include "sim/scenario.h"

enum { SWEEP_MAX_AXES = 16, SWEEP_MAX_POINTS = 100000 };

struct sweep_axis {
    const char *path; /* as in scenario_override; "run.seed" for seeds */
    const char *from; /* "first.yaml:20: sweep" */
    char **value;     /* as YAML writes it in one line */
    char **label;     /* the same for people: of {plugin: p, parameters: {a: 1}} p{a: 1} */
    unsigned n;
    bool is_seeds; /* points that differ here only are repetitions of one experiment */
};

struct sweep {
    struct sweep_axis axis[SWEEP_MAX_AXES];
    unsigned n_axes;
    unsigned n_points; /* 1 without a sweep */
};

/* Reads the sweep of the file, with the overrides on top.  That each point is a right
 * scenario is said by scenario_read().  0 or -1; on failure nothing is left in *s. */
int sweep_read(struct sweep *s, const char *file, const struct scenario_override *o, unsigned n,
               char err[P2P_ERRLEN]);
void sweep_release(struct sweep *s);

/* What a point sets, to be given to scenario_read() behind all --set; its texts belong to
 * the sweep.  Returns how many: n_axes. */
unsigned sweep_point(const struct sweep *s, unsigned point,
                     struct scenario_override out[SWEEP_MAX_AXES]);

/* Which value of an axis a point has. */
unsigned sweep_index(const struct sweep *s, unsigned point, unsigned axis);

/* "load=0.9 scheduler=edf{slack: 1s}": paths are as short as tells them apart.  Empty without
 * a sweep, cut to size. */
void sweep_label(const struct sweep *s, unsigned point, char *out, size_t size);

#endif
