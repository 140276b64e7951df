/*
 * docker_logs.h - the lines that the containers of a function write, as the daemon keeps them:
 * those of all containers together, for each reader from the daemon anew.
 *
 * Who follows gets those of containers that start later too.  The daemon is asked no faster
 * than the reader reads.  Everything belongs to the home thread.
 */
#ifndef HOST_DOCKER_LOGS_H
#define HOST_DOCKER_LOGS_H

#include "host/lines.h"
#include "host/runtimes/docker_daemon.h"

struct docker_logs;

/* The readers of one function. */
struct docker_readers {
    struct docker_logs *first;
};

/* What is in *w is taken out of it, but for follow.  NULL when memory is short. */
struct docker_logs *docker_logs_new(struct docker_readers *readers, struct docker *d,
                                    struct reactor *home, struct lines_wanted *w);
/* Of a container that runs, or did a moment ago. */
void docker_logs_add(struct docker_logs *l, const char *id);
/* There are no others now; the lines with a reference for the caller. */
struct lines *docker_logs_begin(struct docker_logs *l);

/* A container has started. */
void docker_readers_add(struct docker_readers *readers, const char *id);
/* Ends all; `why` is their last line, NULL = none. */
void docker_readers_end(struct docker_readers *readers, const char *why);

#endif
