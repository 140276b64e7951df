/*
 * support_peer.h - a peer that goes wrong on purpose: a small HTTP server in the
 * test's own process.
 *
 * A job's body begins with a line "job-NUMBER"; whoever runs it answers that line.
 */
#ifndef TESTS_CLUSTER_SUPPORT_PEER_H
#define TESTS_CLUSTER_SUPPORT_PEER_H

#include <stddef.h>

#include "tests/cluster/support_jobs.h"

/* What it does with a job.  Asked for its load, it is idle, whatever it does. */
enum fault {
    PEER_IS_WELL,
    PEER_CLOSES_UNREAD,   /* every connection, before it reads */
    PEER_DIES_RUNNING,    /* takes the job, then closes */
    PEER_DIES_AFTER,      /* answers, then closes without having said so */
    PEER_HANGS,           /* takes the job, never answers */
    PEER_IS_DEAF,         /* accepts and does not read jobs */
    PEER_REFUSES,         /* has no slot: its load is a lie */
    PEER_SAYS_GARBAGE,    /* what is not HTTP */
    PEER_HALF_HEAD,       /* an answer that ends in its headers */
    PEER_HALF_BODY,       /* an answer that ends in its body */
    PEER_STOPS_IN_BODY,   /* the same, with the connection left open */
    PEER_HUGE,            /* 100 MB in chunks */
    PEER_HUGE_LENGTH,     /* 100 MB, as its Content-Length says */
    PEER_WRONG_LENGTH,    /* Content-Length: -1 */
    PEER_SAYS_MORE,       /* behind the answer another, for a job that nobody sent */
    PEER_SAYS_NO_OUTCOME, /* the answer of a server that is no node */
    PEER_IS_BROKEN        /* the function failed there, says a node */
};

struct bad_peer;
/* At this address, on any free port. */
struct bad_peer *bad_peer_start(const char *ip);
void bad_peer_stop(struct bad_peer *p);
/* "127.0.0.9:40123" */
const char *bad_peer_address(const struct bad_peer *p);
/* From the next request on; connections that hang are let go. */
void bad_peer_do(struct bad_peer *p, enum fault fault);
/* How often it took this job whole; what it refused does not count. */
unsigned bad_peer_took(const struct bad_peer *p, unsigned job);
/* A header of the last job that it took, "" when it had none. */
void bad_peer_header(struct bad_peer *p, const char *name, char *out, size_t size);

#endif
