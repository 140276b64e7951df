#include "base/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *path, const char *why, char err[P2P_ERRLEN])
{
    snprintf(err, P2P_ERRLEN, "%.180s: %s", path, why);
    return -1;
}

/* A name lasts only when its folder is on the disk. */
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int rc = fd >= 0 && fsync(fd) == 0 ? 0 : -1;

    free(folder);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int write_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, data, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return -1;
        data += done;
        n -= (size_t)done;
    }
    return 0;
}

static int open_aside(const char *aside)
{
    static const int how = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
    int fd = open(aside, how, S_IRUSR | S_IWUSR);

    /* One that a crash left may be write-protected. */
    if (fd < 0 && errno == EACCES && unlink(aside) == 0)
        fd = open(aside, how, S_IRUSR | S_IWUSR);
    return fd;
}

static int write_aside(const char *aside, const struct iovec *part, unsigned n, mode_t mode)
{
    int fd = open_aside(aside), rc = 0, error;

    if (fd < 0)
        return -1;
    for (unsigned i = 0; i < n && rc == 0; i++)
        rc = write_all(fd, part[i].iov_base, part[i].iov_len);
    if (rc == 0)
        rc = fchmod(fd, mode) || fsync(fd) ? -1 : 0;
    error = errno;
    if (close(fd) && rc == 0) {
        rc = -1;
        error = errno;
    }
    errno = error;
    return rc;
}

int whole_file_write_parts(const char *path, const struct iovec *part, unsigned n, mode_t mode,
                           char err[P2P_ERRLEN])
{
    char *aside = NULL;
    int rc = 0;

    if (asprintf(&aside, "%s" WHOLE_FILE_ASIDE, path) < 0)
        return fail(path, "out of memory", err);
    if (write_aside(aside, part, n, mode))
        rc = fail(aside, strerror(errno), err);
    else if (rename(aside, path) || sync_folder(path))
        rc = fail(path, strerror(errno), err);
    if (rc)
        unlink(aside);
    free(aside);
    return rc;
}

int whole_file_write(const char *path, const void *data, size_t n, mode_t mode,
                     char err[P2P_ERRLEN])
{
    const struct iovec whole = {.iov_base = (void *)(uintptr_t)data, .iov_len = n};

    return whole_file_write_parts(path, &whole, 1, mode, err);
}

int whole_file_remove(const char *path, char err[P2P_ERRLEN])
{
    if (unlink(path) && errno != ENOENT)
        return fail(path, strerror(errno), err);
    return sync_folder(path) && errno != ENOENT ? fail(path, strerror(errno), err) : 0;
}

static int read_all(int fd, char *to, size_t n)
{
    while (n > 0) {
        ssize_t got = read(fd, to, n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            errno = got ? errno : EIO; /* it shrank */
            return -1;
        }
        to += got;
        n -= (size_t)got;
    }
    return 0;
}

static char *read_plain(const char *path, int follow, size_t most, size_t *n, char err[P2P_ERRLEN])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | follow); /* of a FIFO too */
    struct stat st;
    char *text = NULL;

    if (fd < 0 || fstat(fd, &st)) {
        fail(path, strerror(errno), err);
        goto end;
    }
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > most) {
        snprintf(err, P2P_ERRLEN, "%.180s: no plain file of %zu bytes at most", path, most);
        goto end;
    }
    *n = (size_t)st.st_size;
    text = malloc(*n + 1);
    if (!text || read_all(fd, text, *n)) {
        fail(path, text ? strerror(errno) : "out of memory", err);
        free(text);
        text = NULL;
        goto end;
    }
    text[*n] = '\0';
end:
    if (fd >= 0)
        close(fd);
    return text;
}

char *whole_file_read(const char *path, size_t most, size_t *n, char err[P2P_ERRLEN])
{
    return read_plain(path, O_NOFOLLOW, most, n, err);
}

char *whole_file_read_linked(const char *path, size_t most, size_t *n, char err[P2P_ERRLEN])
{
    return read_plain(path, 0, most, n, err);
}

int whole_file_folder(const char *path, char err[P2P_ERRLEN])
{
    const char *slash = strrchr(path, '/');
    char *above;
    int rc;

    if (mkdir(path, S_IRWXU) == 0 || errno == EEXIST)
        return 0;
    if (errno != ENOENT || !slash || slash == path)
        return fail(path, strerror(errno), err);
    above = strndup(path, (size_t)(slash - path));
    rc = above ? whole_file_folder(above, err) : fail(path, "out of memory", err);
    free(above);
    if (rc == 0 && mkdir(path, S_IRWXU) && errno != EEXIST)
        rc = fail(path, strerror(errno), err);
    return rc;
}
