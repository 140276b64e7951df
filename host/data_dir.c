#include "host/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int data_dir_lock(const char *folder, int *lock, char err[P2P_ERRLEN])
{
    *lock = -1;
    if (!folder[0])
        return 0;
    if (mkdir(folder, 0700) && errno != EEXIST) {
        snprintf(err, P2P_ERRLEN,
                 "node.data_dir: cannot make %.160s: %s; allowed: a folder, or a new one in a "
                 "folder that is there",
                 folder, strerror(errno));
        return -1;
    }
    *lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
