/*
 * world.h - what the engine asks of whoever drives it: the live node or the
 * simulator.  The engine owns no clock, no socket, no thread.
 *
 * Calls tagged [decision] are made on the thread that owns the decision, with
 * no lock held; they may come back into the engine before they return.
 */
#ifndef ENGINE_WORLD_H
#define ENGINE_WORLD_H

#include <p2pfaas/plugin.h>

struct decision;

struct world {
    /* Enter takes the one lock under which plugins run and under which the
     * peer array may change, and fills rq's now_ns, node, peers and n_peers.
     * Leave gives it back.  Not recursive.  `rq` may be NULL. */
    void (*enter)(void *ctx, struct p2p_request *rq);
    void (*leave)(void *ctx);
    /* The next nine are called between enter and leave; a text that they return is
     * still right after leave. */
    uint64_t (*now)(void *ctx);
    bool (*peer_up)(void *ctx, uint32_t peer);
    uint32_t (*peer_id)(void *ctx, const char *name);
    const char *(*peer_name)(void *ctx, uint32_t peer);
    const char *(*function_name)(void *ctx, uint32_t function);
    const char *(*address)(void *ctx, uint32_t peer); /* P2P_NONE: of this node */
    /* Sends it, later, to engine_hear() at the peer; as tell() of the SDK. */
    bool (*tell)(void *ctx, uint32_t peer, const char *scheduler, const void *message,
                 uint32_t len);
    /* Sends a request of the learner instance of that generation; engine_answered() is told
     * its end, later.  As http() of the SDK. */
    bool (*http)(void *ctx, uint64_t learner, const struct p2p_http_request *request);
    /* Calls decision_timer(d, round) on the thread that owns the decision, later, unless
     * that has ended by then: instead of the timer of that round. */
    void (*wake)(struct decision *d, uint32_t round);
    /* 64 random bits, to seed an instance and to draw a peer; any thread. */
    uint64_t (*seed)(void *ctx);
    void (*log)(void *ctx, const char *instance, uint32_t level, const char *msg);

    /* Run the job here; when may_wait is false and no slot is free, or when
     * the queue is full, end it with P2P_OUT_FULL.  Those that wait run in order
     * of rank, the lowest first, equal ones as they came.  [decision] */
    void (*run_here)(struct decision *d, bool may_wait, uint64_t rank);
    /* Send it to the peer; decision_refused if it did not get there or the
     * peer could not take it, else decision_end later.  [decision] */
    void (*forward)(struct decision *d, uint32_t peer);
    /* The scheduler refuses it with that HTTP status.  [decision] */
    void (*refuse)(struct decision *d, uint32_t http_status);
    /* Ask the peers in d->rq.probe[0..n); each comes back by
     * decision_probed(d, round, slot, …).  [decision] */
    void (*start_probes)(struct decision *d, uint32_t round, uint32_t n);
    /* Call decision_timer(d, round) at `at`, once and never before this
     * returned; a new call replaces the old timer.  [decision] */
    void (*start_timer)(struct decision *d, uint32_t round, uint64_t at);
    /* The answers and the timer that are still open are not wanted any more;
     * late ones may still come and are ignored by their round.  [decision] */
    void (*stop_waiting)(struct decision *d);
};

#endif
