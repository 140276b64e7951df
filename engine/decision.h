/*
 * decision.h - one job's way from arrival to outcome, driven through the
 * scheduler instance that was current when it arrived.
 *
 * A decision lives inside the host's job (or the simulator's) and belongs to
 * that job's thread: every call below is made there.  Exactly one
 * decision_begin, then events as the world delivers them, then exactly one
 * decision_end; after it the memory may be reused.
 *
 *   begin ─► deciding ─► run_here ───────────────► end
 *              │  ▲  └──► forward ─► refused ─┐ └─► end
 *              │  └─ probed / timer ◄─ probe, wait │
 *              └──► refuse ─► end       ◄──────────┘ (decides again)
 *
 * Answers that arrive after the decision moved on carry an old round and are
 * dropped.
 */
#ifndef ENGINE_DECISION_H
#define ENGINE_DECISION_H

#include "engine/engine.h"
#include "engine/override.h"

struct instance;
struct pending;

enum decision_state {
    DECISION_IDLE, /* before begin and after end */
    DECISION_DECIDING,
    DECISION_PROBING,
    DECISION_WAITING,
    DECISION_LOCAL,     /* final unless the world ends it as FULL */
    DECISION_FORWARDED, /* may come back as refused */
    DECISION_REJECTED
};

/* What a learner chose for a job, and in which state; the last one if it was asked again. */
enum { DECISION_MOST_STATE = 128 };
struct decision_choice {
    bool made;
    uint64_t episode;
    uint32_t action;
    float epsilon;
    uint32_t n_state; /* numbers of the state; more than DECISION_MOST_STATE: none was kept */
    float state[DECISION_MOST_STATE];
};

/* What the decision's owner lends it, before the first begin; may be all zero.  Plugin
 * state and probe slots that do not fit are malloc'ed. */
struct decision_room {
    void *memory; /* 16-aligned */
    size_t size;
    char *scheduler;                /* DECISION_SCHEDULER bytes for decision_scheduler(), or NULL */
    struct decision_choice *choice; /* to be told what a learner chose, or NULL */
};
enum { DECISION_SCHEDULER = 256, DECISION_MOST_PROBE_BYTES = 64 * 32 };

struct decision {
    struct engine *engine;
    enum decision_state state;
    enum override override; /* decides in place of an instance */
    struct p2p_request rq;  /* what the plugin sees; the job's part is set by begin */
    uint32_t round;         /* changes with every wait */
    uint32_t probes_open, probes_needed;
    uint32_t probes_total;
    uint64_t probe_started_ns, probe_ns; /* time spent waiting for probes, in all */
    uint64_t decide_ns;                  /* inside the plugin, in all its calls */
    struct decision_room room;           /* the owner's */
    /* Private to the engine. */
    struct instance *instance; /* pinned; NULL once taken away; under the world's lock */
    bool pinned;               /* as far as this thread knows */
    struct pending *pending;   /* a choice that is awaited, or NULL; under the world's lock */
    struct decision *next, *prev;
    uint32_t steps;
    void *heap;
};

/* The job's part of the request. */
struct decision_job {
    uint64_t id, arrival_ns, deadline_ns, payload_len;
    uint32_t function, hops, from, flags, task_type; /* as in struct p2p_request */
    enum override override;
};

/* Asks the current instance, or the job's override; acts through the world before it
 * returns. */
void decision_begin(struct engine *e, struct decision *d, const struct decision_job *job);

/* Answer to the probe in `slot` of that round: status is P2P_PROBE_OK, _TIMEOUT
 * or _GONE; the loads are read only when it is OK. */
void decision_probed(struct decision *d, uint32_t round, uint32_t slot, uint32_t status,
                     uint32_t load, uint32_t queue, uint32_t slots, uint64_t rtt_ns);

void decision_timer(struct decision *d, uint32_t round);

/* The peer could not take the job; it did not run. */
void decision_refused(struct decision *d);

/* The job is over.  out->size and n_probes, probe_ns and hops are filled in here. */
void decision_end(struct decision *d, struct p2p_outcome *out);

/* The rules: what is wrong with that answer to rq, MISBEHAVED_KINDS when it is legal.
 * `known_peer`: whom a FORWARD goes to is, or once was, a peer. */
enum misbehaviour decision_judge(const struct p2p_request *rq, struct p2p_action a,
                                 bool known_peer);

/* The X-P2pfaas-Scheduler text of the instance that it began with, or of the override;
 * "" without room for it. */
const char *decision_scheduler(const struct decision *d);

#endif
