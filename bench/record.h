/*
 * record.h - what is kept of each call, and the spool: a nameless file in the results'
 * folder that takes records while the load runs, so that neither the memory that they need
 * grows with the run nor SQLite's work takes time from it.
 *
 * A thread of the spool's own writes; records are added and read by one other thread.
 */
#ifndef BENCH_RECORD_H
#define BENCH_RECORD_H

#include <p2pfaas/plugin.h>

#define RECORD_NEVER UINT64_MAX

/* As in the answer's headers; "" = there was none. */
enum record_text {
    RECORD_ERROR, /* why there is no answer */
    RECORD_SCHEDULER,
    RECORD_PEERS_ID,
    RECORD_PEERS_IP,
    RECORD_PROBING, /* lists of seconds */
    RECORD_SCHEDULING,
    RECORD_TOTAL,
    RECORD_EID,
    RECORD_STATE,
    RECORD_TEXTS
};
enum { RECORD_MAX_TEXT = 4096 };

/* Times are ns since the load began; what is not known is NAN. */
struct record {
    uint64_t number, planned_ns;
    uint64_t sent_ns; /* RECORD_NEVER: it did not leave */
    uint64_t ended_ns;
    uint32_t node, payload;
    int32_t status;     /* 0: no answer */
    int32_t error_code; /* of the framework, in the answer's body; 0: none */
    int32_t net_error;  /* 0, or 1 + enum call_result */
    int32_t hops;
    bool warm_up, in_deadline;
    double execution, queueing, action, epsilon, reward;
};

struct spool;

/* NULL with a reason. */
struct spool *spool_open(const char *folder, char err[P2P_ERRLEN]);
void spool_free(struct spool *s); /* NULL is right */

/* Takes a copy; texts are cut at RECORD_MAX_TEXT.  Waits only when the disk is far behind.
 * -1 when records cannot be kept any more; spool_end() says why. */
int spool_add(struct spool *s, const struct record *r, const char *const text[RECORD_TEXTS]);
/* Nothing is added any more; returns when all is in the file. */
int spool_end(struct spool *s, char err[P2P_ERRLEN]);

/* From the first record on, after spool_end: 1 = there is one, texts valid until the next; 0 =
 * no more; -1 with a reason. */
int spool_next(struct spool *s, struct record *r, const char *text[RECORD_TEXTS],
               char err[P2P_ERRLEN]);

#endif
