/*
 * docker_usage.h - what containers use, measured by the daemon, which takes a second or two.
 * Everything belongs to the home thread.
 */
#ifndef HOST_DOCKER_USAGE_H
#define HOST_DOCKER_USAGE_H

#include "host/runtimes/docker_daemon.h"
#include "host/runtimes/runtime.h"

struct docker_usage;

/* NULL when memory is short. */
struct docker_usage *docker_usage_new(struct docker *d, struct reactor *home, unsigned most,
                                      void (*done)(void *owner, const struct usage *u),
                                      void *owner);
/* One more of at most `most` containers. */
void docker_usage_add(struct docker_usage *u, const char *id);
/* There are no others: done comes, with the sum of those that the daemon knew, or with NULL
 * when it knew none of them.  It may come from inside. */
void docker_usage_begin(struct docker_usage *u);

#endif
