/*
 * data_dir.h - the folder of what a node keeps (node.data_dir), which is one node's alone.
 */
#ifndef HOST_DATA_DIR_H
#define HOST_DATA_DIR_H

#include <p2pfaas/plugin.h>

/* Makes it when it is not there (0700; the folder that it is in has to be), and locks it for as
 * long as *lock, a descriptor, is open: until the process has ended, by whatever way that is.
 * *lock is -1 when there is nothing to lock: no folder is set, it cannot be opened, or its file
 * system has no locks.  0, or -1 with a reason: it cannot be made, or another node has it. */
int data_dir_lock(const char *folder, int *lock, char err[P2P_ERRLEN]);

#endif
