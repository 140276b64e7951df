/*
 * run_dir.h - the folder of one process for private copies of plugins.
 *
 * It is locked for as long as the process lives, by whatever way that ends, so that the
 * next node can tell a folder in use from one that a killed node left behind.
 */
#ifndef HOST_RUN_DIR_H
#define HOST_RUN_DIR_H

#include <p2pfaas/plugin.h>

struct run_dir {
    char path[256];
    int lock; /* -1 = there is none */
};

/* Makes BASE/p2pfaas.XXXXXX, and removes those of this user whose process has gone.
 * `base` "" is $XDG_RUNTIME_DIR or /tmp.  0, or -1 with a reason. */
int run_dir_make(struct run_dir *d, const char *base, char err[P2P_ERRLEN]);
/* Gives up the lock; removes the folder when nothing else is in it. */
void run_dir_release(struct run_dir *d);

#endif
