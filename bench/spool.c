#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/record.h"

enum { CHUNK_BYTES = 256 << 10, MOST_CHUNKS = 256, MOST_BYTES = 64 << 10 };
_Static_assert(sizeof(struct record) + (size_t)RECORD_TEXTS * (RECORD_MAX_TEXT + 1) + 8 <
                   MOST_BYTES,
               "a record fits into a chunk, and its length into 16 bits");

struct chunk {
    struct chunk *next;
    size_t len;
    char data[CHUNK_BYTES];
};

struct spool {
    int fd;
    pthread_t thread;
    bool running;
    struct chunk *filling; /* its user's */
    /* Under lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct chunk *first, **last;
    unsigned n_chunks;
    bool ending;
    int error; /* errno */
    /* Reading. */
    size_t at;
};

/* ---- the thread ---- */

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

static void *keep_writing(void *arg)
{
    struct spool *s = arg;

    pthread_mutex_lock(&s->lock);
    for (;;) {
        struct chunk *c = s->first;
        int error = s->error;

        if (!c && s->ending)
            break;
        if (!c) {
            pthread_cond_wait(&s->changed, &s->lock);
            continue;
        }
        s->first = c->next;
        if (!s->first)
            s->last = &s->first;
        pthread_mutex_unlock(&s->lock);
        /* What follows a gap would not be read. */
        if (!error)
            error = write_all(s->fd, c->data, c->len);
        free(c);
        pthread_mutex_lock(&s->lock);
        s->n_chunks--;
        s->error = error;
        pthread_cond_signal(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- its user ---- */

struct spool *spool_open(const char *folder, char err[P2P_ERRLEN])
{
    struct spool *s = calloc(1, sizeof(*s));
    char path[4096];

    snprintf(path, sizeof(path), "%s/calls.spool", folder);
    if (!s) {
        snprintf(err, P2P_ERRLEN, "%.180s: out of memory", path);
        return NULL;
    }
    s->last = &s->first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (s->fd < 0 || unlink(path)) {
        snprintf(err, P2P_ERRLEN, "%.180s: %s", path, strerror(errno));
        goto fail;
    }
    if (pthread_create(&s->thread, NULL, keep_writing, s)) {
        snprintf(err, P2P_ERRLEN, "%.180s: no thread for it", path);
        goto fail;
    }
    s->running = true;
    return s;
fail:
    spool_free(s);
    return NULL;
}

static int hand_over(struct spool *s)
{
    struct chunk *c = s->filling;
    int error;

    s->filling = NULL;
    pthread_mutex_lock(&s->lock);
    while (s->n_chunks >= MOST_CHUNKS)
        pthread_cond_wait(&s->changed, &s->lock);
    if (c) {
        c->next = NULL;
        *s->last = c;
        s->last = &c->next;
        s->n_chunks++;
    }
    error = s->error;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return error ? -1 : 0;
}

int spool_add(struct spool *s, const struct record *r, const char *const text[RECORD_TEXTS])
{
    char *to;
    size_t size;

    if (s->filling && s->filling->len + MOST_BYTES > CHUNK_BYTES && hand_over(s))
        return -1;
    if (!s->filling) {
        s->filling = malloc(sizeof(*s->filling));
        if (!s->filling) {
            pthread_mutex_lock(&s->lock);
            s->error = ENOMEM;
            pthread_mutex_unlock(&s->lock);
            return -1;
        }
        s->filling->len = 0;
    }
    to = s->filling->data + s->filling->len;
    size = sizeof(uint16_t);
    memcpy(to + size, r, sizeof(*r));
    size += sizeof(*r);
    for (unsigned i = 0; i < RECORD_TEXTS; i++) {
        size_t n = strnlen(text[i], RECORD_MAX_TEXT);

        memcpy(to + size, text[i], n);
        to[size + n] = '\0';
        size += n + 1;
    }
    memcpy(to, &(uint16_t){(uint16_t)size}, sizeof(uint16_t));
    s->filling->len += size;
    return 0;
}

int spool_end(struct spool *s, char err[P2P_ERRLEN])
{
    hand_over(s);
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    s->running = false;
    if (s->error) {
        snprintf(err, P2P_ERRLEN, "the calls cannot be kept in the results' folder: %s",
                 strerror(s->error));
        return -1;
    }
    s->at = 0;
    s->filling = calloc(1, sizeof(*s->filling));
    if (!s->filling || lseek(s->fd, 0, SEEK_SET) < 0) {
        snprintf(err, P2P_ERRLEN, "the calls cannot be read again: %s",
                 strerror(s->filling ? errno : ENOMEM));
        return -1;
    }
    return 0;
}

/* What is left of the piece goes to its front, and behind it what comes next. */
static int read_more(struct spool *s)
{
    struct chunk *c = s->filling;
    ssize_t n;

    memmove(c->data, c->data + s->at, c->len - s->at);
    c->len -= s->at;
    s->at = 0;
    while (c->len < CHUNK_BYTES && (n = read(s->fd, c->data + c->len, CHUNK_BYTES - c->len)) != 0) {
        if (n < 0 && errno != EINTR)
            return -1;
        c->len += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int spool_next(struct spool *s, struct record *r, const char *text[RECORD_TEXTS],
               char err[P2P_ERRLEN])
{
    struct chunk *c = s->filling;
    uint16_t size = 0;
    const char *from;

    if (c->len - s->at < MOST_BYTES && read_more(s))
        goto unreadable;
    if (c->len == s->at)
        return 0;
    errno = EIO;
    if (c->len - s->at >= sizeof(size))
        memcpy(&size, c->data + s->at, sizeof(size));
    if (size < sizeof(size) + sizeof(*r) || size > c->len - s->at)
        goto unreadable;
    from = c->data + s->at + sizeof(size);
    memcpy(r, from, sizeof(*r));
    from += sizeof(*r);
    for (unsigned i = 0; i < RECORD_TEXTS; i++) {
        text[i] = from;
        from += strlen(from) + 1;
    }
    s->at += size;
    return 1;
unreadable:
    snprintf(err, P2P_ERRLEN, "the calls cannot be read again: %s", strerror(errno));
    return -1;
}

void spool_free(struct spool *s)
{
    char ignored[P2P_ERRLEN];

    if (!s)
        return;
    if (s->running)
        spool_end(s, ignored);
    free(s->filling);
    if (s->fd >= 0)
        close(s->fd);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
