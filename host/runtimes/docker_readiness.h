/*
 * docker_readiness.h - does a function in a container serve already?  It does when it answers
 * GET /_/ready or /_/health with 2xx.  If it knows neither, any answer but 503 will do, and so
 * will a connection that is kept without one.
 * Everything belongs to the home thread.
 */
#ifndef HOST_DOCKER_READINESS_H
#define HOST_DOCKER_READINESS_H

#include "host/reactor.h"
#include "host/upstream.h"

struct docker_readiness {
    struct reactor *home;
    struct endpoint at;
    struct call call;
    bool asks_health; /* the second question */
    ev_timer look;
    double look_after;
    void (*passed)(void *owner);
    void *owner;
};

void docker_readiness_init(struct docker_readiness *t, struct reactor *home,
                           void (*passed)(void *owner), void *owner);
/* Asks with a back-off until it passes, never from inside, or is stopped. */
void docker_readiness_start(struct docker_readiness *t, const struct endpoint *at);
void docker_readiness_stop(struct docker_readiness *t);

#endif
