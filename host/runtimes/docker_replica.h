/*
 * docker_replica.h - one container of a function, from its creation to its removal.
 *
 *   GONE ─► CREATING ─► CREATED ─► STARTING ─► TESTING ◄─► READY
 *     ▲         │ failed   │          │ ended     │ ended    │ ended, hangs, idle
 *     └─────────┴───────── ENDING ◄───┴───────────┴──────────┘
 *
 * Everything belongs to the home thread, but what stands under the lock.
 */
#ifndef HOST_DOCKER_REPLICA_H
#define HOST_DOCKER_REPLICA_H

#include "host/runtimes/docker_daemon.h"
#include "host/runtimes/docker_readiness.h"
#include "host/runtimes/runtime.h"

enum replica_state {
    REPLICA_GONE,
    REPLICA_CREATING,
    REPLICA_CREATED,
    REPLICA_STARTING,
    REPLICA_TESTING,
    REPLICA_READY,
    REPLICA_ENDING
};

struct docker_replica {
    /* In. */
    struct docker *docker;
    struct reactor *home;
    const struct function_config *config;
    const char *hash;
    pthread_mutex_t *lock;
    /* Its container runs, or did a moment ago. */
    void (*started)(struct docker_replica *r);
    void (*ready)(struct docker_replica *r);
    /* It is GONE; why is NULL when that was asked for. */
    void (*gone)(struct docker_replica *r, const char *why);
    void *owner;
    /* Under the lock; written by the home thread. */
    enum replica_state state;
    bool has_to_start; /* it does not rest when it is CREATED */
    struct endpoint endpoint;
    /* Under the lock, the owner's. */
    unsigned load;     /* calls that it has */
    unsigned timeouts; /* in a row */
    bool doubted;      /* a call could not reach it */
    bool retires;      /* it takes no more calls, and ends after those that it has */
    uint64_t idle_since_ns;
    struct cold_start cold; /* of its start; zero when it was taken up again */
    /* The home thread's. */
    bool no_image; /* it could not be created for that */
    bool was_ready, has_ended;
    char id[DOCKER_ID], why[P2P_ERRLEN];
    struct docker_request request;
    struct docker_readiness readiness;
    ev_timer give_up;
    uint64_t phase_began_ns;
};

/* Sets its watchers; the fields under In are set. */
void docker_replica_init(struct docker_replica *r);
/* From GONE.  Unless it is to start it rests when it is CREATED. */
void docker_replica_create(struct docker_replica *r, bool to_start);
void docker_replica_start(struct docker_replica *r); /* from CREATED or CREATING */
void docker_replica_adopt(struct docker_replica *r, const char *id);
/* Is it really READY? */
void docker_replica_test(struct docker_replica *r);
/* Stops and removes it; `why` is told with gone. */
void docker_replica_end(struct docker_replica *r, const char *why);
/* The daemon says so. */
void docker_replica_ended(struct docker_replica *r);
/* Without any request; gone is not called. */
void docker_replica_forget(struct docker_replica *r);

#endif
