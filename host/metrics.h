/*
 * metrics.h - counters of one thread, summed when somebody reads them.
 *
 * A thread writes only its own, without locks; readers see each number whole,
 * if not all of them at the same instant.
 */
#ifndef HOST_METRICS_H
#define HOST_METRICS_H

#include <stdint.h>

#include "host/config.h"
#include "host/runtimes/runtime.h"

/* Where a request's job ended. */
enum ran_where { RAN_NOWHERE, RAN_HERE, RAN_ON_PEER, RAN_WHERES };
const char *ran_where_name(enum ran_where w); /* "nowhere", "here", "peer" */

enum counter {
    COUNT_PROBES_OK,
    COUNT_PROBES_TIMEOUT,
    COUNT_PROBES_GONE,
    COUNT_FORWARDS_SENT,
    COUNT_FORWARDS_REFUSED,
    COUNT_FORWARDS_FAILED,
    COUNT_FORWARDS_UNFIT, /* an original peer was chosen for what its format cannot carry */
    COUNT_MESSAGES_SENT,
    COUNT_MESSAGES_REFUSED, /* of those sent: no scheduler there heard it */
    COUNT_MESSAGES_LOST,    /* of those sent: no answer */
    COUNT_MESSAGES_HEARD,
    COUNT_MESSAGES_UNHEARD, /* came in, and no scheduler here listens */
    COUNT_COLD_STARTS,
    COUNT_CLIENTS_GONE,
    COUNT_BAD_REQUESTS, /* 4xx before there was a job */
    COUNT_PEER_REQUESTS,
    COUNTERS
};

enum { METRICS_BUCKETS = 16 };
extern const double metrics_bucket_seconds[METRICS_BUCKETS]; /* upper bounds; the last is +inf */

/* Requests to one function that ended with one code in one place. */
struct request_cell {
    struct request_cell *_Atomic next;
    int code;
    enum ran_where where;
    _Atomic uint64_t count;
};

struct function_metrics {
    struct request_cell *_Atomic cells;
    _Atomic uint64_t bucket[METRICS_BUCKETS];
    _Atomic uint64_t total_ns;
    _Atomic uint64_t cold_starts, cold_ns[COLD_PHASES]; /* those whose phases are known */
};

struct metrics {
    _Atomic uint64_t count[COUNTERS];
    struct function_metrics *_Atomic function[CONFIG_MAX_FUNCTIONS];
};

void metrics_count(struct metrics *m, enum counter c);
void metrics_request(struct metrics *m, uint32_t function, int code, enum ran_where where,
                     uint64_t total_ns);
/* Nothing when no phase took time. */
void metrics_cold_start(struct metrics *m, uint32_t function, const struct cold_start *cold);
void metrics_release(struct metrics *m);

#endif
