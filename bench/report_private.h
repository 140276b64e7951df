/*
 * report_private.h - the parts of a report: what is read of the results, a chart of it, the
 * page around them.
 */
#ifndef BENCH_REPORT_PRIVATE_H
#define BENCH_REPORT_PRIVATE_H

#include <p2pfaas/plugin.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/histogram.h"

enum {
    REPORT_BINS = 300,   /* of a chart over time, at most */
    REPORT_NODES = 4096, /* and no more types */
    REPORT_ACTIONS = 8,  /* of a learner that are told apart; the others are one */
    REPORT_MATRIX = 20,  /* nodes, with which it can still be read */
    REPORT_PLACES = REPORT_MATRIX + 5
};

enum report_key {
    REPORT_NAME,
    REPORT_SUMMARY,
    REPORT_STARTED,
    REPORT_DURATION,
    REPORT_WARM_UP,
    REPORT_SEED,
    REPORT_VERSION,
    REPORT_YAML,
    REPORT_COMPLETE,
    REPORT_BEHIND,
    REPORT_KEYS
};

/* Calls that were planned after the warm-up. */
struct report_tally {
    uint64_t offered; /* sent before the load ended */
    uint64_t asked, answered, forwarded, refused, failed;
    uint64_t deadlines, in_deadline;         /* calls that have one; those of them that met it */
    struct histogram corrected, uncorrected; /* ns, of the answered */
};

struct report_node {
    int64_t id;
    char *name, *address, *arrivals, *scheduler, *learner; /* NULL: not known */
    double rate;                                           /* NAN: not steady */
    struct report_tally tally;
};

struct report_type {
    int64_t id;
    double deadline; /* seconds; 0: none */
    struct report_tally tally;
};

/* Everything in a piece of time, the warm-up too. */
struct report_bin {
    uint64_t asked, sent, answered; /* each when it happened; what follows, by planned time: */
    uint64_t deadlines, in_deadline, here, forwarded, refused, unanswered;
    uint64_t action[REPORT_ACTIONS + 1];
    uint64_t rewards, epsilons;
    double reward, epsilon; /* sums */
};

struct report_data {
    char *about[REPORT_KEYS]; /* NULL: not there */
    double warm_up, load_end; /* seconds since the begin */
    struct report_node *node;
    unsigned n_nodes;
    struct report_type *type;
    unsigned n_types;
    struct report_tally all;
    double bin_width; /* whole seconds */
    unsigned n_bins;
    struct report_bin bin[REPORT_BINS];
    double action[REPORT_ACTIONS]; /* their numbers, from the least on */
    unsigned n_actions;
    bool more_actions, rewards, epsilons;
    /* Where answered calls ran after the warm-up: nodes, then others by name, the last of
     * them for the rest; of at most REPORT_MATRIX nodes. */
    char *place[REPORT_PLACES];
    unsigned n_places;
    uint64_t matrix[REPORT_MATRIX][REPORT_PLACES];
};

/* 0, or -1 with the reason.  To be released in any case. */
int report_read(struct report_data *d, const char *folder, char err[P2P_ERRLEN]);
void report_data_release(struct report_data *d);

/* ---- texts of which nobody knows where they come from ---- */

/* As HTML text or value of an attribute, at most `most` characters; what is no UTF-8 or
 * controls a terminal becomes U+FFFD.  Line ends stay. */
void report_html_text(FILE *f, const char *text, size_t most);
/* The same between double quotes of gnuplot, without any line end; `tic`: where gnuplot
 * would print a number at a % sign. */
void report_gnuplot_text(FILE *f, const char *text, size_t most, bool tic);

/* "12.3 ms"; NAN: "–" */
void report_seconds(char *out, size_t size, double seconds);

/* ---- charts ---- */

struct report_chart {
    const char *stem, *title;
    const char *shows; /* for who reads it, and who cannot see it */
    /* Why there is nothing to draw, or NULL. */
    const char *(*lacks)(const struct report_data *d);
    void (*script)(FILE *f, const struct report_data *d);
};
extern const struct report_chart report_charts[];
extern const unsigned report_n_charts;

/* Height in pixels; all are as wide. */
unsigned report_chart_height(const struct report_data *d, const struct report_chart *c);
/* Draws FOLDER/figures/STEM.svg and .png.  -1 with the reason. */
int report_chart_draw(const char *folder, const struct report_data *d, const struct report_chart *c,
                      char err[P2P_ERRLEN]);
/* Removes those of an earlier report. */
void report_charts_clear(const char *folder);

/* ---- the page ---- */

extern const char report_style[];
/* `failed`: of each chart, "" or why it could not be drawn. */
void report_page(FILE *f, const char *folder, const struct report_data *d,
                 char failed[][P2P_ERRLEN]);

#endif
