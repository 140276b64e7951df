/*
 * load.h - calls at planned times, whatever became of those before: an open loop, on as
 * many connections as it takes.
 *
 * How long a call took is counted from when it was planned, so that neither a node that
 * stalls nor a generator that is late hides what a client would have waited.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

enum { LOAD_URL = 256, LOAD_TEXT = 200, LOAD_NOWHERE = -1 };

/* Times are in ns; at, sent and end since the load began. */
struct load_call {
    uint64_t at_ns;
    uint32_t node, function; /* the caller's own matter */
    uint64_t service_ns;
    /* Filled. */
    uint64_t sent_ns, end_ns;
    int status; /* HTTP; 0: no answer */
    int ran_on; /* n1 is 0; LOAD_NOWHERE: where it was sent to */
    uint64_t run_ns, wait_ns, probe_ns;
    uint64_t total_ns; /* at the first node, as it says */
};

struct load_setup {
    struct load_call *call; /* in the order of at_ns */
    unsigned n;
    void (*url)(void *ctx, const struct load_call *c, char out[LOAD_URL]);
    void *ctx;
    uint64_t begin_ns; /* CLOCK_MONOTONIC, of the time 0 */
    double patience;   /* seconds after the last is sent, until the rest count as unanswered */
};

struct load_outcome {
    unsigned answered;
    unsigned most_open;  /* calls under way at once */
    char odd[LOAD_TEXT]; /* the first answer that is no HTTP 200, 500, 503 or 504; "" = none */
};

uint64_t load_now(void); /* CLOCK_MONOTONIC */

/* 0, or -1 with a reason. */
int load_run(const struct load_setup *setup, struct load_outcome *out, char *err, unsigned size);

#endif
