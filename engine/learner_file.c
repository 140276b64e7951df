#include "engine/learner_file.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of the head.  Its numbers are of this machine's byte order, as is, most likely, what
 * the plugin wrote; ORDER tells another one. */
enum {
    SUM_BYTES = 32,
    AT_MAGIC = 0,
    AT_ORDER = 8,
    AT_DIMS = 12,
    AT_ACTIONS = 16,
    AT_LENGTH = 24,
    AT_SUM = 32,
    AT_FORMAT = AT_SUM + SUM_BYTES,
    AT_PLUGIN = AT_FORMAT + LEARNER_FILE_FORMAT,
    AT_VERSION = AT_PLUGIN + LEARNER_FILE_NAME,
    HEAD_BYTES = AT_VERSION + LEARNER_FILE_VERSION
};
static const char magic[8] = "P2PLRN1\n";
static const uint32_t order = 0x01020304;

/* ---- the head ---- */

/* The sum is over the head without it, then the state. */
static int sum_of(const unsigned char *head, const void *state, size_t n,
                  unsigned char sum[SUM_BYTES])
{
    gnutls_hash_hd_t hash;

    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256))
        return -1;
    gnutls_hash(hash, head, AT_SUM);
    gnutls_hash(hash, head + AT_FORMAT, HEAD_BYTES - AT_FORMAT);
    if (n)
        gnutls_hash(hash, state, n);
    gnutls_hash_deinit(hash, sum);
    return 0;
}

static int make_head(const struct learner_file *f, unsigned char head[HEAD_BYTES])
{
    uint64_t length = f->state.len;

    memset(head, 0, HEAD_BYTES);
    memcpy(head + AT_MAGIC, magic, sizeof(magic));
    memcpy(head + AT_ORDER, &order, sizeof(order));
    memcpy(head + AT_DIMS, &f->n_dims, sizeof(f->n_dims));
    memcpy(head + AT_ACTIONS, &f->n_actions, sizeof(f->n_actions));
    memcpy(head + AT_LENGTH, &length, sizeof(length));
    snprintf((char *)head + AT_FORMAT, LEARNER_FILE_FORMAT, "%s", f->format);
    snprintf((char *)head + AT_PLUGIN, LEARNER_FILE_NAME, "%s", f->plugin);
    snprintf((char *)head + AT_VERSION, LEARNER_FILE_VERSION, "%s", f->version);
    return sum_of(head, f->state.data, f->state.len, head + AT_SUM);
}

/* ---- writing ---- */

static int write_all(int fd, const void *data, size_t n)
{
    const char *at = data;

    while (n > 0) {
        ssize_t done = write(fd, at, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return -1;
        at += done;
        n -= (size_t)done;
    }
    return 0;
}

/* A new name lasts only when its folder is on the disk. */
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

static int write_aside(const char *aside, const unsigned char *head, const struct state *s)
{
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    int rc, error;

    if (fd < 0)
        return -1;
    rc = write_all(fd, head, HEAD_BYTES) || write_all(fd, s->data, s->len) || fsync(fd) ? -1 : 0;
    error = errno;
    if (close(fd) && rc == 0) {
        rc = -1;
        error = errno;
    }
    errno = error;
    return rc;
}

int learner_file_write(const char *path, const struct learner_file *f, char err[P2P_ERRLEN])
{
    unsigned char head[HEAD_BYTES];
    char *aside = NULL;
    int rc = -1;

    if (asprintf(&aside, "%s.new", path) < 0) {
        snprintf(err, P2P_ERRLEN, "%.180s: out of memory", path);
        return -1;
    }
    if (make_head(f, head))
        snprintf(err, P2P_ERRLEN, "%.180s: its checksum cannot be made", path);
    else if (write_aside(aside, head, &f->state))
        snprintf(err, P2P_ERRLEN, "%.120s.new: %s", path, strerror(errno));
    else if (rename(aside, path) || sync_folder(path))
        snprintf(err, P2P_ERRLEN, "%.180s: %s", path, strerror(errno));
    else
        rc = 0;
    if (rc)
        unlink(aside);
    free(aside);
    return rc;
}

/* ---- reading ---- */

static int read_all(int fd, void *to, size_t n)
{
    char *at = to;

    while (n > 0) {
        ssize_t done = read(fd, at, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            errno = done ? errno : EIO; /* it shrank */
            return -1;
        }
        at += done;
        n -= (size_t)done;
    }
    return 0;
}

/* Of the first `size` bytes that are there: is it one of ours? */
static const char *check_kind(const unsigned char *head, size_t size)
{
    uint32_t its_order;

    if (memcmp(head, magic, size < sizeof(magic) ? size : sizeof(magic)) != 0)
        return "it is not what a learner saved";
    if (size < HEAD_BYTES)
        return "it is cut off, its head is not whole";
    memcpy(&its_order, head + AT_ORDER, sizeof(its_order));
    if (its_order == __builtin_bswap32(order))
        return "it was saved on a machine of the other byte order";
    return NULL;
}

static int read_state(int fd, size_t size, const unsigned char *head, struct state *s,
                      const char *path, char *err)
{
    unsigned char sum[SUM_BYTES];
    uint64_t length;

    memcpy(&length, head + AT_LENGTH, sizeof(length));
    if (length != size - HEAD_BYTES) {
        snprintf(err, P2P_ERRLEN, "%.120s: it is %s: %zu bytes of state, its head says %llu", path,
                 length > size - HEAD_BYTES ? "cut off" : "damaged", size - HEAD_BYTES,
                 (unsigned long long)length);
        return -1;
    }
    s->data = malloc(length + 1);
    s->len = s->cap = length;
    if (!s->data || read_all(fd, s->data, length)) {
        snprintf(err, P2P_ERRLEN, "%.180s: %s", path, strerror(errno));
        return -1;
    }
    if (sum_of(head, s->data, s->len, sum) || memcmp(sum, head + AT_SUM, SUM_BYTES) != 0) {
        snprintf(err, P2P_ERRLEN, "%.180s: it is damaged, its checksum is another", path);
        return -1;
    }
    return 0;
}

static void read_head(const unsigned char *head, struct learner_file *f)
{
    memcpy(&f->n_dims, head + AT_DIMS, sizeof(f->n_dims));
    memcpy(&f->n_actions, head + AT_ACTIONS, sizeof(f->n_actions));
    snprintf(f->format, sizeof(f->format), "%.63s", (const char *)head + AT_FORMAT);
    snprintf(f->plugin, sizeof(f->plugin), "%.63s", (const char *)head + AT_PLUGIN);
    snprintf(f->version, sizeof(f->version), "%.31s", (const char *)head + AT_VERSION);
}

int learner_file_read(const char *path, struct learner_file *f, char err[P2P_ERRLEN])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = -1; /* of a FIFO too */
    unsigned char head[HEAD_BYTES];
    size_t size, there;
    const char *wrong;
    struct stat st;

    memset(f, 0, sizeof(*f));
    if (fd < 0 || fstat(fd, &st)) {
        snprintf(err, P2P_ERRLEN, "%.180s: %s", path, strerror(errno));
        goto end;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > HEAD_BYTES + (off_t)STATE_LIMIT) {
        snprintf(err, P2P_ERRLEN, "%.180s: not a file of at most %u MB", path, STATE_LIMIT >> 20);
        goto end;
    }
    size = (size_t)st.st_size;
    there = size < HEAD_BYTES ? size : HEAD_BYTES;
    if (read_all(fd, head, there)) {
        snprintf(err, P2P_ERRLEN, "%.180s: %s", path, strerror(errno));
        goto end;
    }
    wrong = check_kind(head, there);
    if (wrong) {
        snprintf(err, P2P_ERRLEN, "%.180s: %s", path, wrong);
        goto end;
    }
    if (read_state(fd, size, head, &f->state, path, err)) {
        state_release(&f->state);
        goto end;
    }
    read_head(head, f);
    rc = 0;
end:
    if (fd >= 0)
        close(fd);
    return rc;
}
