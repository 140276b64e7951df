/*
 * async.h - calls that are accepted now and run later: POST /async-function/NAME.
 *
 *   accept ─► on the disk ─► 202      run ─► result on the disk ─► callback
 *
 * An accepted call is run at least once, whatever happens to the node: it is done when its
 * result is on the disk, and told when that its callback got a 2xx is.  It runs as a call of
 * a client does: an HTTP request to the node itself, so that the scheduler may forward it.
 *
 * One thread has the store, the queue and the requests; it starts with the first call, or
 * with the node when calls were left over.  The thread is named in each function.
 */
#ifndef HOST_ASYNC_ASYNC_H
#define HOST_ASYNC_ASYNC_H

#include <pthread.h>

#include "host/async/retry.h"
#include "host/clerk.h"
#include "host/config.h"
#include "host/exchange.h"

struct node;
struct async_worker;
struct function_table;

enum async_count {
    ASYNC_ACCEPTED,
    ASYNC_REFUSED, /* 429 and 503 */
    ASYNC_DONE,
    ASYNC_FAILED,
    ASYNC_CANCELLED,
    ASYNC_RETRIES,
    ASYNC_NO_ROOM, /* it did not run, and waits again */
    ASYNC_TOLD,
    ASYNC_NOT_TOLD,
    ASYNC_CALLBACK_RETRIES,
    ASYNC_COMMITS,
    ASYNC_COMMITS_FAILED,
    ASYNC_COUNTS
};
enum async_gauge {
    ASYNC_QUEUED,   /* wait to run, those that were tried before too */
    ASYNC_RETRYING, /* of those: tried before */
    ASYNC_RUNNING,
    ASYNC_CALLBACKS, /* wait to be told, or are */
    ASYNC_BYTES,
    ASYNC_KEPT_BYTES,
    ASYNC_GAUGES
};

struct async_settings {
    uint32_t concurrency; /* 0 = as many as the node has slots */
    uint32_t queue;
    int64_t bytes, expiry_ms, keep_ms;
    size_t result;
    uint64_t callback_timeout_ns;
    struct retry_rules retry;
};

/* Of a function that has rules of its own. */
struct async_function {
    char name[64];
    struct retry_own retry;
};

struct async {
    struct node *node;
    char *folder;                    /* node.data_dir; NULL = no calls are accepted */
    struct http_limits limits;       /* of a call and its result */
    struct upstream_limits upstream; /* of requests to the node itself */
    pthread_mutex_t lock;            /* of settings, functions, started, ended, posted */
    struct async_settings settings;
    struct async_function *functions;
    unsigned n_functions;
    bool started, ended, posted;
    struct clerk thread;
    struct task configured, quiesce, close;
    struct async_worker *worker; /* the thread's */
    _Atomic uint64_t count[ASYNC_COUNTS];
    _Atomic int64_t gauge[ASYNC_GAUGES];
};

/* Around a node.  [main thread] */
void async_init(struct async *a, struct node *n);
/* `first` before the first call: 0, or -1 (memory); then after each reload. */
int async_configure(struct async *a, const struct config *c, bool first);
/* Takes the rules that functions have of their own, after each change of them. */
void async_take_functions(struct async *a, const struct function_table *t);
/* Goes on with what a node before this one has left. */
void async_resume(struct async *a);
/* Nothing more is begun. */
void async_quiesce(struct async *a);
/* Puts back what is open and ends the thread.  Nothing happens the second time. */
void async_stop(struct async *a);
void async_release(struct async *a);

/* How calls of this function are tried again.  [any thread] */
void async_rules(struct async *a, const char *function, struct retry_rules *out);

/* Starts the thread unless it runs: 0 or -1 with a reason.  [any thread] */
int async_start(struct async *a, char err[P2P_ERRLEN]);

/* Each answers later; x->later.held is the call's id, malloc'ed, which is freed.  After
 * later_begin, by later_move to a->thread.reactor.  [the thread] */
void async_tell_state(struct exchange *x);
void async_tell_result(struct exchange *x);
void async_cancel(struct exchange *x);
/* As that, but held is a submission. */
struct async_submission;
void async_accept(struct exchange *x);

/* The exchange's body and headers belong to the call; texts are copied.  NULL = memory.
 * `callback` may be NULL.  [any thread] */
struct async_submission *async_submission_new(struct exchange *x, const char *id,
                                              const char *function, const char *callback);
void async_submission_free(struct async_submission *s);

#endif
