/*
 * worker.h - what the files of the thread share: its store, its queue, what is at work.
 * Everything belongs to the thread.
 */
#ifndef HOST_ASYNC_WORKER_H
#define HOST_ASYNC_WORKER_H

#include "base/random.h"
#include "host/async/async.h"
#include "host/async/batch.h"
#include "host/async/queue.h"
#include "host/curl_loop.h"
#include "host/node.h"

struct async_run;
struct async_delivery;

struct async_worker {
    struct node *node;
    struct async *async;
    struct reactor *reactor;
    struct task begin;
    struct async_settings settings; /* a copy */
    struct async_store *store;      /* NULL: it cannot be opened, see `why` */
    char why[P2P_ERRLEN];
    uint64_t opened_ns; /* when that was tried last */
    struct async_queue queue;
    struct async_batch batch;
    struct random random;
    ev_prepare before_sleep;
    ev_timer wake, second;
    uint64_t commit_ns; /* not before */
    bool failing;       /* the last commit failed */
    bool purges;        /* the store may have more to drop, or to give back to the disk */
    bool quiesced;
    unsigned accepting;      /* calls in the batch */
    int64_t accepting_bytes; /* of them */
    size_t held;             /* bytes of results in the batch */
    int64_t telling;         /* bytes of callbacks at work */
    struct upstreams *upstreams;
    struct curl_loop *curls; /* NULL before the first callback */
    struct async_run *runs;
    struct async_delivery *deliveries;
};

/* async.c starts and ends it.  NULL: memory.  [any thread] */
struct async_worker *async_worker_new(struct async *a);
/* On its thread, before whatever is posted next.  [any thread] */
void async_worker_begin(struct async_worker *w);
void async_worker_configure(struct async_worker *w, const struct async_settings *s);
/* Writes what it can; what is open stays in the store as it was. */
void async_worker_free(struct async_worker *w);

/* Milliseconds of the wall clock. */
int64_t async_now_ms(void);
void async_count(struct async_worker *w, enum async_count which);
/* A random wait after so many attempts, in ns. */
uint64_t async_wait_ns(struct async_worker *w, const struct retry_policy *p, unsigned made);
/* Opens it unless that failed a moment ago.  0 or -1 with w->why. */
int async_open_store(struct async_worker *w);
/* Sends the change with the next commit. */
void async_commit(struct async_worker *w, struct async_change *c);
/* One that has ended waits again, as with queue_later; without memory for it till the next
 * start. */
void async_later(struct async_worker *w, struct queue_entry *e, enum queue_line line,
                 uint64_t due_ns);
/* A call is over for the queue. */
void async_forget(struct async_worker *w, struct queue_entry *e);

/* Takes out of a function's answer what only the node tells of a call. */
void async_drop_told(struct headers *h);

/* run.c: begins a call that queue_next gave; ends all without a trace. */
void async_run_start(struct async_worker *w, struct queue_entry *e);
void async_runs_cancel(struct async_worker *w);
/* callback.c: the same for callbacks. */
void async_deliver(struct async_worker *w, struct queue_entry *e);
void async_deliveries_cancel(struct async_worker *w);

#endif
