/*
 * measures.h - what is counted while a load runs: second by second, and over all of it after
 * the warm-up.  A call belongs to the warm-up when it was planned in it.
 *
 * Latencies are those of answered calls, of whatever status: corrected from the time for
 * which a call was planned, uncorrected from when it was really sent.
 */
#ifndef BENCH_MEASURES_H
#define BENCH_MEASURES_H

#include "base/histogram.h"
#include "bench/experiment.h"
#include "bench/record.h"

/* Each by when it happened. */
struct second {
    uint32_t planned, sent, answered, ok, in_deadline, rejected, failed;
    uint32_t open;    /* at its end */
    uint64_t late_ns; /* the most that a call was sent later than planned */
};

struct totals {
    uint64_t planned, sent;
    uint64_t in_time; /* sent before the end of the load */
    uint64_t answered, ok, in_deadline;
    uint64_t rejected; /* by a scheduler, or as there was no slot and no queue */
    uint64_t failed;   /* what is neither ok nor rejected; unanswered ones too */
    uint64_t unanswered;
    uint64_t waited; /* for a connection, as all were in use */
    struct histogram corrected, uncorrected;
};

struct node_measures {
    struct second *second;
    unsigned n_seconds, room;
    struct totals totals;
};

struct measures {
    const struct experiment *experiment;
    uint64_t warm_up_ns, end_ns;
    struct node_measures *node;
    struct histogram late;   /* from the planned time until the generator took it up */
    struct histogram recent; /* corrected, since whoever shows it emptied it */
    bool no_memory;          /* something was not counted */
};

enum { MEASURES_MARK = 400 };

int measures_init(struct measures *m, const struct experiment *e); /* 0 or -1: memory */
void measures_release(struct measures *m);

void measures_planned(struct measures *m, uint32_t node, uint64_t planned_ns, uint64_t taken_ns);
void measures_waits(struct measures *m, uint32_t node, uint64_t planned_ns);
void measures_sent(struct measures *m, uint32_t node, uint64_t planned_ns, uint64_t sent_ns);
void measures_ended(struct measures *m, const struct record *r);
/* So many calls of the node are open at the end of that second. */
void measures_open(struct measures *m, uint32_t node, unsigned second, unsigned open);

/* That second of all nodes. */
struct second measures_second(const struct measures *m, unsigned second);
/* All nodes' totals; release the histograms.  False: no memory. */
bool measures_sum(const struct measures *m, struct totals *out);
void totals_release(struct totals *t);

bool measures_is_rejected(const struct record *r);

/* Why the run is not what was asked for; "" when it is.  After it ended. */
void measures_mark(const struct measures *m, char out[MEASURES_MARK]);

#endif
