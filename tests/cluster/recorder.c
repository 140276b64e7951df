#include "tests/cluster/recorder.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 64 << 10, MOST_PAIRS = 64, MOST_PIECES = 256 };

struct piece {
    char *data;
    size_t len;
};

struct recorder {
    int fd, wake[2];
    struct sockaddr_in to;
    pthread_t thread;
    pthread_mutex_t lock; /* all below */
    struct piece pieces[MOST_PIECES];
    unsigned n_pieces;
    bool in_requests;
    const char *text, *other;
};

static bool parse(const char *text, struct sockaddr_in *out)
{
    char host[64];
    const char *colon = strchr(text, ':');

    if (!colon || (size_t)(colon - text) >= sizeof(host))
        return false;
    snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
    *out = (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10))};
    return inet_pton(AF_INET, host, &out->sin_addr) == 1;
}

static void keep(struct recorder *r, const char *data, size_t len)
{
    char *copy = malloc(len + 1);

    if (!copy)
        return;
    memcpy(copy, data, len);
    copy[len] = '\0';
    if (r->n_pieces == MOST_PIECES) {
        free(r->pieces[0].data);
        memmove(r->pieces, r->pieces + 1, (MOST_PIECES - 1) * sizeof(r->pieces[0]));
        r->n_pieces--;
    }
    r->pieces[r->n_pieces++] = (struct piece){copy, len};
}

/* One piece from one side to the other; false when the connection ends. */
static bool pass(struct recorder *r, int from, int to, bool is_request)
{
    static char data[PIECE];
    ssize_t n = recv(from, data, sizeof(data), 0);

    if (n <= 0)
        return false;
    pthread_mutex_lock(&r->lock);
    if (is_request)
        keep(r, data, (size_t)n);
    if (r->text && r->in_requests == is_request) {
        size_t len = strlen(r->text);
        char *at = data;

        while ((at = memmem(at, (size_t)(data + n - at), r->text, len))) {
            memcpy(at, r->other, len);
            at += len;
        }
    }
    pthread_mutex_unlock(&r->lock);
    for (ssize_t sent = 0; sent < n;) {
        ssize_t m = send(to, data + sent, (size_t)(n - sent), MSG_NOSIGNAL);

        if (m <= 0)
            return false;
        sent += m;
    }
    return true;
}

static int dial(const struct recorder *r)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&r->to, sizeof(r->to)) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void *run(void *arg)
{
    struct recorder *r = arg;
    /* Two places to listen at, then both ends of each connection. */
    struct pollfd p[2 + 2 * MOST_PAIRS] = {{.fd = r->wake[0], .events = POLLIN},
                                           {.fd = r->fd, .events = POLLIN}};
    nfds_t n = 2;

    while (poll(p, n, -1) >= 0 && !p[0].revents) {
        for (nfds_t i = 2; i < n; i += 2) {
            bool ended = false;

            for (nfds_t k = i; k < i + 2 && !ended; k++)
                ended = p[k].revents && !pass(r, p[k].fd, p[k == i ? k + 1 : i].fd, k == i);
            if (!ended)
                continue;
            close(p[i].fd);
            close(p[i + 1].fd);
            p[i] = p[n - 2];
            p[i + 1] = p[n - 1];
            n -= 2;
            i -= 2;
        }
        if (p[1].revents && n < sizeof(p) / sizeof(p[0])) {
            int in = accept4(r->fd, NULL, NULL, SOCK_CLOEXEC), out = in >= 0 ? dial(r) : -1;

            if (out >= 0) {
                p[n++] = (struct pollfd){.fd = in, .events = POLLIN};
                p[n++] = (struct pollfd){.fd = out, .events = POLLIN};
            } else if (in >= 0) {
                close(in);
            }
        }
    }
    for (nfds_t i = 2; i < n; i++)
        close(p[i].fd);
    return NULL;
}

struct recorder *recorder_start(const char *listen_at, const char *to)
{
    struct recorder *r = calloc(1, sizeof(*r));
    struct sockaddr_in here;
    int one = 1;

    if (!r)
        return NULL;
    pthread_mutex_init(&r->lock, NULL);
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(r->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (!parse(listen_at, &here) || !parse(to, &r->to) ||
        bind(r->fd, (struct sockaddr *)&here, sizeof(here)) || listen(r->fd, 64) || pipe(r->wake) ||
        pthread_create(&r->thread, NULL, run, r)) {
        close(r->fd);
        free(r);
        return NULL;
    }
    return r;
}

void recorder_stop(struct recorder *r)
{
    if (write(r->wake[1], "", 1) == 1)
        pthread_join(r->thread, NULL);
    close(r->wake[0]);
    close(r->wake[1]);
    close(r->fd);
    for (unsigned i = 0; i < r->n_pieces; i++)
        free(r->pieces[i].data);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

char *recorder_last(struct recorder *r, const char *begins, size_t *len)
{
    char *found = NULL;

    pthread_mutex_lock(&r->lock);
    for (unsigned i = r->n_pieces; i > 0 && !found; i--) {
        const struct piece *p = &r->pieces[i - 1];

        if (strncmp(p->data, begins, strlen(begins)) == 0) {
            found = malloc(p->len);
            if (found)
                memcpy(found, p->data, p->len);
            *len = p->len;
        }
    }
    pthread_mutex_unlock(&r->lock);
    return found;
}

void recorder_change(struct recorder *r, bool requests, const char *text, const char *other)
{
    pthread_mutex_lock(&r->lock);
    r->in_requests = requests;
    r->text = text;
    r->other = other;
    pthread_mutex_unlock(&r->lock);
}
