/*
 * generator_private.h - what the files of the generator share.  Private to them.
 *
 *   generator.c        the loop: what is due, what ends, the seconds
 *   generator_calls.c  the calls: their heads, a node's connections and its line
 *   generator_ask.c    what the nodes say before the load begins
 */
#ifndef BENCH_GENERATOR_PRIVATE_H
#define BENCH_GENERATOR_PRIVATE_H

#include "bench/generator.h"
#include "bench/line.h"

/* A call on its way; there are as many as were ever open at once. */
struct flight {
    struct generator *g;
    struct flight *next;           /* of those that are free */
    struct flight *later, *before; /* of those that are open */
    struct planned planned;
    uint64_t sent_ns;
    struct call call;
    struct http_response response;
};

struct target {
    struct line line;
    struct headers host;
    unsigned open;
};

struct generator {
    const struct generator_setup *setup;
    const struct experiment *experiment;
    struct generator_outcome *out;
    struct reactor reactor;
    struct upstreams *upstreams;
    struct rewards *rewards;
    struct headers head[EXPERIMENT_MAX_PAYLOADS];
    char *path[EXPERIMENT_MAX_PAYLOADS];
    struct target target[EXPERIMENT_MAX_NODES];
    struct flight *idle, *open;
    unsigned n_open, n_waiting; /* of all nodes */
    uint64_t begin_ns;          /* CLOCK_MONOTONIC */
    int timer;
    ev_io due;
    ev_timer tick;
    ev_signal interrupt, terminate;
    unsigned second;
    bool loading; /* there may be more in the plan */
    bool flushed; /* the last rewards are under way */
    unsigned signals;
    const char *broken; /* why the load cannot go on */
};

/* ---- generator_calls.c ---- */

int calls_init(struct generator *g);
void calls_release(struct generator *g);
/* Sends the call, or lets it wait in line.  `now_ns` since the begin. */
void calls_make(struct generator *g, const struct planned *p, uint64_t now_ns);
/* Those in line whose time is over. */
void calls_expire(struct generator *g, uint64_t now_ns);
/* Ends all that are open or in line as unanswered. */
void calls_give_up(struct generator *g);

/* ---- generator.c ---- */

static inline uint64_t generator_now(const struct generator *g)
{
    return clock_ns() - g->begin_ns;
}
/* Ends the loop when nothing is left to do. */
void generator_check_end(struct generator *g);

/* ---- generator_ask.c ---- */

/* 0, or -1 with the node that nobody answers at. */
int generator_ask(struct generator *g, char err[P2P_ERRLEN]);

#endif
