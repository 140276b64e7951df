/*
 * output.h - results in files: a folder for whoever makes figures of them.
 *
 *     scenario.yaml  what was simulated
 *     points.csv     a row a point: its axes, every metric and its half width
 *     parts.csv      the same of each group and function
 *     batches.csv    of each batch of each replication
 *     nodes.csv      of each node
 *     counters.csv   misbehaviours of plugins, and other counts
 *     warnings.csv   what makes the figures of a point doubtful
 *     result.sqlite  all of it as tables
 *
 * Times are in seconds, shares from 0 to 1, and what is not known is empty.  Part i of n of a
 * sweep writes points.i-of-n.csv and so on, so that many machines can share one folder.
 * Bytes depend on the results only.  A file has its name when it is complete; until then it
 * ends in .part.
 */
#ifndef SIM_OUTPUT_H
#define SIM_OUTPUT_H

#include "sim/summary.h"

/* Where it goes, and what is the same for all points. */
struct output_target {
    const char *folder;
    const char *scenario; /* its text, with whatever else decides the results */
    unsigned n_axes;
    const char *const *axis;
    unsigned part, parts; /* 1 of 1: not divided */
    bool nodes;           /* write of each node too */
};

/* One kind of file. */
struct output {
    const char *name;
    /* NULL and err. */
    void *(*open)(const struct output_target *to, char err[P2P_ERRLEN]);
    /* -1 and err: not all could be written. */
    int (*point)(void *self, const struct point *p, const struct summary *s,
                 const struct result *const *results, unsigned n, char err[P2P_ERRLEN]);
    /* Completes the files when `keep`, else removes them.  Frees self. */
    int (*close)(void *self, bool keep, char err[P2P_ERRLEN]);
};
extern const struct output output_csv, output_sqlite;

/* All of them.  Makes the folder; one that has the results of something else is refused. */
struct outputs;
struct outputs *outputs_open(const struct output_target *to, char err[P2P_ERRLEN]);
int outputs_point(struct outputs *o, const struct point *p, const struct summary *s,
                  const struct result *const *results, unsigned n, char err[P2P_ERRLEN]);
int outputs_close(struct outputs *o, bool keep, char err[P2P_ERRLEN]);

/* "FOLDER/stem.ext", with the part in it; cut where size ends. */
void output_path(char *path, size_t size, const struct output_target *to, const char *stem,
                 const char *ext);

#endif
