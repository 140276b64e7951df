/*
 * docker_pool_private.h - what docker_pool.c (what happens to a function's
 * containers), docker_scale.c (how many there are) and docker_line.c (who gets one) share.
 */
#ifndef HOST_DOCKER_POOL_PRIVATE_H
#define HOST_DOCKER_POOL_PRIVATE_H

#include "host/runtimes/docker_image.h"
#include "host/runtimes/docker_logs.h"
#include "host/runtimes/docker_pool.h"
#include "host/runtimes/docker_replica.h"

enum { POOL_STRIKES = 3, POOL_TIMEOUTS = 3, NO_WISH = -1 };

struct program {
    const struct function_config *config;
    struct reactor *home;
    char hash[SETTINGS_HASH];
    struct task wanted; /* look how many are needed, please */
    pthread_mutex_t lock;
    /* Under the lock. */
    bool wanted_posted;
    struct served_waiter *line;
    unsigned n_waiting;
    bool away;    /* the daemon */
    bool resting; /* a container failed a moment ago */
    bool closing;
    unsigned strikes;               /* failures in a row without a good life between */
    char why[P2P_ERRLEN];           /* there is none */
    struct docker_replica *replica; /* replicas_max */
    int64_t wish;                   /* so many are wanted, or NO_WISH */
    uint64_t used_ns;               /* the last call ended, or the wish was made */
    struct cold_start cold;         /* of the last one that started */
    /* The home thread's. */
    struct docker *docker;
    struct docker_user user;
    struct docker_image image;
    struct docker_readers readers; /* of what its containers write */
    bool has_image;
    ev_timer again, idle, over;
    void (*closed)(void *arg);
    void *closed_arg;
};

/* Under the lock: places go to those who wait. */
void docker_line_serve(struct program *p);
/* Under the lock: none will come soon. */
void docker_line_fail(struct program *p);

struct docker_count {
    int64_t active;   /* running, or on their way to */
    int64_t to_come;  /* of them, not ready */
    int64_t resting;  /* created ahead */
    int64_t in_order; /* ready, and nothing is wrong with them */
    int64_t leaving;  /* they end, or will after their calls */
};
/* Under the lock, or on the home thread. */
struct docker_count docker_scale_count(const struct program *p);
/* One of that state that no call holds, or NULL.  [home thread] */
struct docker_replica *docker_scale_find(struct program *p, enum replica_state state);
/* Starts as many as are needed, and ends those that retire and have no call.  [home thread] */
void docker_scale(struct program *p);
/* Under the lock: somebody calls.  True when more may be needed than before. */
bool docker_scale_called(struct program *p);
/* Ends one that was idle for too long: a timer's callback.  One a turn: the next shows whether
 * another is too many. */
void docker_scale_idle(struct ev_loop *loop, ev_timer *w, int events);
/* A container failed: no other for a while.  [home thread] */
void docker_scale_strike(struct program *p, const char *why);

#endif
