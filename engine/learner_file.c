#include "engine/learner_file.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/whole_file.h"

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

int learner_file_write(const char *path, const struct learner_file *f, char err[P2P_ERRLEN])
{
    unsigned char head[HEAD_BYTES];
    const struct iovec parts[] = {{.iov_base = head, .iov_len = HEAD_BYTES},
                                  {.iov_base = f->state.data, .iov_len = f->state.len}};

    if (make_head(f, head)) {
        snprintf(err, P2P_ERRLEN, "%.180s: its checksum cannot be made", path);
        return -1;
    }
    return whole_file_write_parts(path, parts, 2, S_IRUSR | S_IWUSR, err);
}

/* ---- reading ---- */

/* Is it one of ours? */
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

static int check_state(const unsigned char *head, size_t size, const char *path,
                       char err[P2P_ERRLEN])
{
    unsigned char sum[SUM_BYTES];
    size_t n = size - HEAD_BYTES;
    uint64_t length;

    memcpy(&length, head + AT_LENGTH, sizeof(length));
    if (length != n) {
        snprintf(err, P2P_ERRLEN, "%.120s: it is %s: %zu bytes of state, its head says %llu", path,
                 length > n ? "cut off" : "damaged", n, (unsigned long long)length);
        return -1;
    }
    if (sum_of(head, head + HEAD_BYTES, n, sum) || memcmp(sum, head + AT_SUM, SUM_BYTES) != 0) {
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
    size_t size;
    char *bytes = whole_file_read_linked(path, HEAD_BYTES + STATE_LIMIT, &size, err);
    const unsigned char *head = (const unsigned char *)bytes;
    const char *wrong;

    memset(f, 0, sizeof(*f));
    if (!bytes)
        return -1;
    wrong = check_kind(head, size);
    if (wrong)
        snprintf(err, P2P_ERRLEN, "%.180s: %s", path, wrong);
    if (wrong || check_state(head, size, path, err)) {
        free(bytes);
        return -1;
    }
    read_head(head, f);
    size -= HEAD_BYTES;
    memmove(bytes, bytes + HEAD_BYTES, size);
    f->state = (struct state){.data = bytes, .len = size, .cap = size};
    return 0;
}
