/*
 * watch.h - asks the nodes of a cluster, all the time and from a thread of its own,
 * what they think of one of them.
 */
#ifndef BENCH_WATCH_H
#define BENCH_WATCH_H

#include "bench/cluster.h"

/* Moments by seconds_now; 0 = not yet.  One of each node. */
struct watched {
    unsigned whom, n;
    double killed, restarted;
    double down[CLUSTER_MAX]; /* it gets no job from there */
    double dead[CLUSTER_MAX]; /* it is listed as dead there */
    double back[CLUSTER_MAX]; /* up again, after the restart */
};
/* The last of one of these lists. */
double watched_last(const struct watched *seen, const double moments[CLUSTER_MAX]);
/* Do all others know that it died? */
bool watched_by_all(const struct watched *seen);
/* Who noticed when; ran_again: when it first ran a job.  -1 when something is missing. */
int watched_print(const struct watched *seen, const struct cluster *c, double ran_again);

struct watch;
/* Of node `whom`, which is up; NULL with a reason. */
struct watch *watch_start(const struct cluster *c, unsigned whom, char err[CLUSTER_ERRLEN]);
void watch_killed(struct watch *w, double now);
/* From now on `back` is looked for. */
void watch_restarted(struct watch *w, double now);
void watch_read(struct watch *w, struct watched *out);
void watch_stop(struct watch *w);

#endif
