/*
 * live_private.h - what live*.c share.
 */
#ifndef BENCH_LIVE_PRIVATE_H
#define BENCH_LIVE_PRIVATE_H

#include "bench/live.h"
#include "bench/load.h"

struct live {
    const struct live_setup *setup;
    struct cluster cluster;
};

/* A cluster of the scenario's nodes that all serve.  After a failure, too, live_stop. */
int live_start(struct live *l, const struct live_setup *setup, char err[P2P_ERRLEN]);
void live_stop(struct live *l);

/* The scheduler of a node: {"name":…,"parameters":…}. */
int live_select(const struct live *l, unsigned node, const char *json, char err[P2P_ERRLEN]);
/* Each node's as its group says. */
int live_select_all(const struct live *l, char err[P2P_ERRLEN]);

/* The call of a job, for load_setup.url; ctx is struct live. */
void live_url(void *ctx, const struct load_call *c, char out[LOAD_URL]);

static inline unsigned live_group(const struct scenario *s, unsigned node)
{
    unsigned g = 0;

    while (node >= (unsigned)s->group[g].count)
        node -= (unsigned)s->group[g++].count;
    return g;
}

#endif
