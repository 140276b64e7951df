#include "host/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

int data_dir_lock(const char *folder, int *lock, char err[P2P_ERRLEN])
{
    *lock = folder[0] ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (*lock < 0 || flock(*lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return 0;
    snprintf(err, P2P_ERRLEN,
             "node.data_dir: another node has %.180s; allowed: a folder of this node alone",
             folder);
    close(*lock);
    *lock = -1;
    return -1;
}
