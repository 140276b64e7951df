/*
 * docker_pool.h - the containers of one function: as many as its calls need, between
 * replicas_min and replicas_max, the least loaded first; none when nobody calls.  A wish for
 * so many takes the place of replicas_min: one for more until nobody has called for
 * idle_timeout, one for fewer until somebody calls.
 *
 * What no container has room for waits in one line for all threads.  A container that
 * fails is replaced after a back-off; while the daemon is away, or a third one in a row has
 * failed, the line is told so instead of waiting.
 */
#ifndef HOST_DOCKER_POOL_H
#define HOST_DOCKER_POOL_H

#include "host/runtimes/served.h"

/* As those of a runtime. */
struct program *docker_pool_open(const struct function_config *f, struct reactor *home,
                                 char err[P2P_ERRLEN]);
void docker_pool_close(struct program *p, void (*closed)(void *arg), void *arg);
void docker_pool_describe(struct program *p, char *out, size_t size);
struct lines *docker_pool_logs(struct program *p, struct lines_wanted *w, char err[P2P_ERRLEN]);
void docker_pool_usage(struct program *p, void (*done)(void *owner, const struct usage *u),
                       void *owner);
/* docker_scale.c */
void docker_pool_count(struct program *p, struct replica_count *out);
int docker_pool_scale(struct program *p, unsigned replicas, char err[P2P_ERRLEN]);

extern const struct supply docker_pool_supply;

#endif
