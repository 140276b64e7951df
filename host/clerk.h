/*
 * clerk.h - the thread for what would block a loop: files that have to reach the disk.
 * One piece of work after the other, in the order posted.
 */
#ifndef HOST_CLERK_H
#define HOST_CLERK_H

#include "host/reactor.h"

struct clerk {
    struct reactor reactor; /* work for it is posted here */
    pthread_t thread;
    struct task quit;
    bool started;
};

/* 0 or -1 with a reason. */
int clerk_start(struct clerk *c, char *err);
/* Does what was posted, then ends; nothing happens to one that was not started. */
void clerk_stop(struct clerk *c);

#endif
