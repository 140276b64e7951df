#include "host/run_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "p2pfaas."
#define LOCK "lock"
#define LOCK_MADE "lock.new"

static bool is_copy(const char *name)
{
    size_t n = strlen(name);

    return n > 3 && strcmp(name + n - 3, ".so") == 0;
}

/* The lock is held: nobody else looks into the folder. */
static void empty(int folder)
{
    DIR *list = fdopendir(dup(folder));
    const struct dirent *e;

    while (list && (e = readdir(list)))
        if (is_copy(e->d_name))
            unlinkat(folder, e->d_name, 0);
    if (list)
        closedir(list);
    unlinkat(folder, LOCK, 0);
}

/* True when it was left by a process that has gone, and is empty now. */
static bool empty_if_stale(int folder)
{
    struct stat st;
    int lock;
    bool stale;

    if (fstat(folder, &st) || st.st_uid != geteuid())
        return false;
    lock = openat(folder, LOCK, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (lock < 0)
        return false;
    stale = flock(lock, LOCK_EX | LOCK_NB) == 0;
    if (stale)
        empty(folder);
    close(lock);
    return stale;
}

static void remove_stale(const char *base)
{
    DIR *list = opendir(base);
    const struct dirent *e;

    while (list && (e = readdir(list))) {
        int folder;

        if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0)
            continue;
        folder = openat(dirfd(list), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (folder < 0)
            continue;
        if (empty_if_stale(folder))
            unlinkat(dirfd(list), e->d_name, AT_REMOVEDIR);
        close(folder);
    }
    if (list)
        closedir(list);
}

/* Under its name only when it is locked, so that nobody takes it for a stale one. */
static int take_lock(struct run_dir *d)
{
    int folder = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder < 0)
        return -1;
    d->lock = openat(folder, LOCK_MADE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (d->lock >= 0 &&
        (flock(d->lock, LOCK_EX | LOCK_NB) || renameat(folder, LOCK_MADE, folder, LOCK))) {
        close(d->lock);
        d->lock = -1;
    }
    close(folder);
    return d->lock < 0 ? -1 : 0;
}

int run_dir_make(struct run_dir *d, const char *base, char err[P2P_ERRLEN])
{
    const char *own = getenv("XDG_RUNTIME_DIR");

    if (!base[0])
        base = own && own[0] ? own : "/tmp";
    d->lock = -1;
    remove_stale(base);
    if ((size_t)snprintf(d->path, sizeof(d->path), "%s/" PREFIX "XXXXXX", base) >=
        sizeof(d->path)) {
        errno = ENAMETOOLONG;
    } else if (mkdtemp(d->path)) {
        if (take_lock(d) == 0)
            return 0;
        rmdir(d->path);
    }
    snprintf(err, P2P_ERRLEN, "cannot make %.180s: %s; set node.run_dir", d->path, strerror(errno));
    d->path[0] = '\0';
    return -1;
}

void run_dir_release(struct run_dir *d)
{
    char lock[sizeof(d->path) + sizeof(LOCK) + 1];

    if (d->lock < 0)
        return;
    snprintf(lock, sizeof(lock), "%s/" LOCK, d->path);
    unlink(lock);
    close(d->lock);
    d->lock = -1;
    rmdir(d->path);
}
