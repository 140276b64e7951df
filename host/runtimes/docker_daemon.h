/*
 * docker_daemon.h - the Docker daemon as the functions of a node share it: is it there,
 * which containers of this node does it have, what becomes of them.
 *
 *   DOWN ─► asked for its version ─► its events are heard, its containers listed ─► UP
 *     ▲ after a back-off                                                            │
 *     └────────────────────────── no answer, or the events end ────────────────────┘
 *
 * Each time that it comes up, a container of this node is offered to the function that it
 * was made for, if its settings are still the same; all others of this node are removed.
 * Everything belongs to the home thread.
 */
#ifndef HOST_DOCKER_DAEMON_H
#define HOST_DOCKER_DAEMON_H

#include "host/runtimes/docker_api.h"

/* A function; embedded in its state. */
struct docker_user {
    const char *function, *hash;
    /* It is there, and what it had was offered. */
    void (*up)(struct docker_user *u);
    /* It is not; nothing is known of its containers any more. */
    void (*down)(struct docker_user *u, const char *why);
    /* False: removed. */
    bool (*adopt)(struct docker_user *u, const char *id);
    /* Some container has ended, or was removed by somebody. */
    void (*ended)(struct docker_user *u, const char *id);
    struct docker_user *next; /* private */
};

/* The home's; made with its first user.  NULL with a reason. */
struct docker *docker_join(struct reactor *home, const struct docker_config *config,
                           struct docker_user *u, char err[P2P_ERRLEN]);
/* Not from inside an answer of the daemon: the last one ends it. */
void docker_part(struct docker *d, struct docker_user *u);
bool docker_is_up(const struct docker *d);
struct docker_api *docker_api(struct docker *d);
/* A request had no answer: it is down, and looked for again. */
void docker_lost(struct docker *d, const char *why);

#endif
