/*
 * job.h - one invocation's way through the node.
 *
 *   job_start ─► decision ─► run_here ─► (queue) ─► slot ─► runtime ─► answer
 *                   ▲  └───► forward ──► peer ───────────────────────► answer
 *                   └─ refused ◄────────┘
 *                      └───► refuse ─────────────────────────────────► answer
 *
 * Whatever happens, job_finish is reached exactly once, and a slot that was taken
 * is given back before it.  A job is pooled memory of its shard: it is freed when
 * the HTTP exchange is over, which is after its answer.
 */
#ifndef HOST_JOB_H
#define HOST_JOB_H

#include "engine/decision.h"
#include "host/exchange.h"
#include "host/node.h"
#include "host/slots.h"

enum job_stage {
    JOB_IDLE,
    JOB_DECIDING, /* also probing and waiting: the scheduler has it */
    JOB_QUEUED,   /* for a slot */
    JOB_RUNNING,  /* in the runtime, holds a slot */
    JOB_FORWARDED,
    JOB_DONE
};

struct probe;

struct job {
    struct exchange x;       /* first: an exchange is a job's */
    struct job *next, *prev; /* open jobs of the shard */
    enum job_stage stage;
    struct function *function; /* a reference; NULL until it is known */
    struct decision decision;
    struct run run;
    struct call call; /* the forward */
    struct slot_waiter waiter;
    struct probe *probes; /* still open */
    ev_timer wait;        /* of the decision */
    uint32_t wait_round;
    struct task woken; /* from another thread; the job's memory stays until it ran */
    _Atomic bool is_woken;
    _Atomic uint32_t woken_round;
    bool left; /* it was freed meanwhile */
    /* Lent to the decision. */
    char scheduler[DECISION_SCHEDULER];
    struct decision_choice choice;
    _Alignas(16) unsigned char memory[256 + DECISION_MOST_PROBE_BYTES];
    ev_timer deadline;
    struct headers peer_headers; /* what we add to a forward */
    bool translated;             /* the forward is to a node of the original P2PFaaS */
    struct buf translation;      /* its body then */
    struct auth_proof asked;     /* of the forward: its answer has to fit it */
    char path[160];              /* of the forward: "/peer/function/NAME" */
    bool from_peer;
    enum override override; /* a client's */
    uint32_t hops, from, forwarded_to;
    bool may_have_run; /* here or at a peer; then it must not run elsewhere */
    uint64_t arrival_ns, deadline_ns, queued_ns, run_ns, queue_ns;
    /* Set when it has to end while a slot is on its way to it. */
    bool abandoned;
    int abandon_status, abandon_code;
    uint32_t abandon_outcome;
    char abandon_why[P2P_ERRLEN];
};

struct job *job_new(struct shard *s);
void job_free(struct job *j); /* back to the pool */
void jobs_release(struct shard *s);

/* The request is complete. */
void job_start(struct job *j, bool from_peer);
/* Answers it now with the node's error, wherever it is. */
void job_abandon(struct job *j, uint32_t outcome, int status, int code, const char *why);
/* The client hung up: what has not started is cancelled. */
void job_client_gone(struct job *j);
/* Looks for clients that hung up. */
void jobs_sweep(struct shard *s);

/* The one end: response (status, body, the function's own headers) is filled. */
void job_finish(struct job *j, uint32_t outcome, enum ran_where where);
void job_fail(struct job *j, uint32_t outcome, int status, int code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* forward.c: the ways out to peers. */
void job_forward(struct job *j, uint32_t peer);
void job_probe(struct job *j, uint32_t round, uint32_t n);
void job_forget_probes(struct job *j); /* answers still count for the peer table */
void peers_revive(struct shard *s);    /* asks the peers that are down */
void probes_cancel(struct shard *s);   /* those that are open; that is no news of their peers */
void probes_release(struct shard *s);

#endif
