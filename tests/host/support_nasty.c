#include "tests/host/support_nasty.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 256, PATIENCE_SECONDS = 20, REQUEST_MAX = 8 << 20 };

struct guest {
    struct nasty *server;
    const struct nasty_step *script;
    pthread_t thread;
    int fd;     /* under the server's lock; -1 = closed */
    char *data; /* what came, the request first */
    size_t len, cap, head, request;
};

struct nasty {
    const struct nasty_step *const *scripts;
    char address[32];
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    unsigned n_guests, open, most, requests, passes;
    char *last;
    size_t last_len;
    struct guest guests[CONNECTIONS];
};

/* ---- a request in ---- */

static bool receive(struct guest *g)
{
    ssize_t n;

    if (g->cap - g->len < 65536) {
        size_t cap = 2 * g->cap + 131072;
        char *grown = cap <= 2 * (size_t)REQUEST_MAX ? realloc(g->data, cap) : NULL;

        if (!grown)
            return false;
        g->data = grown;
        g->cap = cap;
    }
    n = recv(g->fd, g->data + g->len, 65536, 0);
    if (n <= 0)
        return false;
    g->len += (size_t)n;
    return true;
}

static size_t announced(const struct guest *g)
{
    static const char name[] = "\r\nContent-Length: ";
    const char *at = memmem(g->data, g->head, name, sizeof(name) - 1);

    return at ? strtoul(at + sizeof(name) - 1, NULL, 10) : 0;
}

static bool take_request(struct guest *g)
{
    struct nasty *n = g->server;
    const char *end;
    char *copy;

    if (g->request) {
        memmove(g->data, g->data + g->request, g->len - g->request);
        g->len -= g->request;
        g->request = 0;
    }
    while (!(end = g->len ? memmem(g->data, g->len, "\r\n\r\n", 4) : NULL))
        if (!receive(g))
            return false;
    g->head = (size_t)(end - g->data) + 4;
    g->request = g->head + announced(g);
    while (g->len < g->request)
        if (!receive(g))
            return false;
    copy = malloc(g->request);
    if (copy)
        memcpy(copy, g->data, g->request);
    pthread_mutex_lock(&n->lock);
    n->requests++;
    free(n->last);
    n->last = copy;
    n->last_len = copy ? g->request : 0;
    pthread_mutex_unlock(&n->lock);
    return true;
}

/* ---- the steps ---- */

static bool give(struct guest *g, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = send(g->fd, data, size, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

static bool trickle(struct guest *g, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!give(g, data + i, 1))
            return false;
    return true;
}

static bool repeat(struct guest *g, const struct nasty_step *step)
{
    for (size_t i = 0; i < step->count; i++)
        if (!give(g, step->text, strlen(step->text)))
            return false;
    return true;
}

static bool echo(struct guest *g)
{
    char head[96];
    int n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                     g->request - g->head);

    return give(g, head, (size_t)n) && give(g, g->data + g->head, g->request - g->head);
}

static bool wait_at_gate(struct nasty *n)
{
    struct timespec until;
    bool pass;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_SECONDS;
    pthread_mutex_lock(&n->lock);
    while (n->passes == 0 && !n->stopping &&
           pthread_cond_timedwait(&n->changed, &n->lock, &until) != ETIMEDOUT)
        ;
    pass = n->passes > 0;
    n->passes -= pass;
    pthread_mutex_unlock(&n->lock);
    return pass;
}

static bool drain(struct guest *g)
{
    char dropped[65536];

    while (recv(g->fd, dropped, sizeof(dropped), 0) > 0)
        ;
    return true;
}

static bool reset(struct guest *g)
{
    struct linger at_once = {1, 0};

    setsockopt(g->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    return false;
}

static bool play(struct guest *g, const struct nasty_step *step)
{
    size_t size = step->count || !step->text ? step->count : strlen(step->text);

    switch (step->verb) {
    case NASTY_REQUEST:
        return take_request(g);
    case NASTY_SOME:
        return receive(g);
    case NASTY_SEND:
        return give(g, step->text, size);
    case NASTY_TRICKLE:
        return trickle(g, step->text, size);
    case NASTY_REPEAT:
        return repeat(g, step);
    case NASTY_ECHO:
        return echo(g);
    case NASTY_GATE:
        return wait_at_gate(g->server);
    case NASTY_DRAIN:
        return drain(g);
    case NASTY_RESET:
        return reset(g);
    default:
        return false;
    }
}

static void *host_guest(void *arg)
{
    struct guest *g = arg;
    const struct nasty_step *step = g->script;

    while (step->verb == NASTY_AGAIN || play(g, step))
        step = step->verb == NASTY_AGAIN ? g->script : step + 1;
    pthread_mutex_lock(&g->server->lock);
    close(g->fd);
    g->fd = -1;
    g->server->open--;
    pthread_mutex_unlock(&g->server->lock);
    free(g->data);
    return NULL;
}

/* ---- life ---- */

static bool welcome(struct nasty *n, int fd)
{
    struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    struct guest *g = &n->guests[n->n_guests];
    const struct nasty_step *const *script = n->scripts;
    int one = 1;

    for (unsigned i = 0; i < n->n_guests && script[1]; i++)
        script++;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    *g = (struct guest){.server = n, .script = *script, .fd = fd};
    n->open++;
    if (pthread_create(&g->thread, NULL, host_guest, g)) {
        n->open--;
        return false;
    }
    n->n_guests++;
    if (n->open > n->most)
        n->most = n->open;
    return true;
}

static void *host_all(void *arg)
{
    struct nasty *n = arg;

    for (;;) {
        int fd = accept4(n->fd, NULL, NULL, SOCK_CLOEXEC);
        bool taken;

        pthread_mutex_lock(&n->lock);
        taken = fd >= 0 && !n->stopping && n->n_guests < CONNECTIONS && welcome(n, fd);
        pthread_mutex_unlock(&n->lock);
        if (fd < 0)
            return NULL;
        if (!taken)
            close(fd);
    }
}

static int listen_anywhere(struct nasty *n)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t size = sizeof(a);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    n->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (n->fd < 0 || bind(n->fd, (struct sockaddr *)&a, size) || listen(n->fd, CONNECTIONS) ||
        getsockname(n->fd, (struct sockaddr *)&a, &size))
        return -1;
    snprintf(n->address, sizeof(n->address), "127.0.0.1:%u", ntohs(a.sin_port));
    return 0;
}

struct nasty *nasty_start(const struct nasty_step *const *scripts)
{
    struct nasty *n = calloc(1, sizeof(*n));

    if (!n)
        return NULL;
    n->scripts = scripts;
    pthread_mutex_init(&n->lock, NULL);
    pthread_cond_init(&n->changed, NULL);
    if (listen_anywhere(n) || pthread_create(&n->thread, NULL, host_all, n)) {
        if (n->fd >= 0)
            close(n->fd);
        free(n);
        return NULL;
    }
    return n;
}

void nasty_stop(struct nasty *n)
{
    if (!n)
        return;
    pthread_mutex_lock(&n->lock);
    n->stopping = true;
    pthread_cond_broadcast(&n->changed);
    for (unsigned i = 0; i < n->n_guests; i++)
        if (n->guests[i].fd >= 0)
            shutdown(n->guests[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&n->lock);
    shutdown(n->fd, SHUT_RDWR);
    pthread_join(n->thread, NULL);
    for (unsigned i = 0; i < n->n_guests; i++)
        pthread_join(n->guests[i].thread, NULL);
    close(n->fd);
    free(n->last);
    pthread_cond_destroy(&n->changed);
    pthread_mutex_destroy(&n->lock);
    free(n);
}

/* ---- what a test asks ---- */

const char *nasty_address(const struct nasty *n)
{
    return n->address;
}

void nasty_let_pass(struct nasty *n, unsigned passes)
{
    pthread_mutex_lock(&n->lock);
    n->passes += passes;
    pthread_cond_broadcast(&n->changed);
    pthread_mutex_unlock(&n->lock);
}

static unsigned read_count(struct nasty *n, const unsigned *count)
{
    unsigned value;

    pthread_mutex_lock(&n->lock);
    value = *count;
    pthread_mutex_unlock(&n->lock);
    return value;
}

unsigned nasty_accepted(struct nasty *n)
{
    return read_count(n, &n->n_guests);
}

unsigned nasty_open(struct nasty *n)
{
    return read_count(n, &n->open);
}

unsigned nasty_most(struct nasty *n)
{
    return read_count(n, &n->most);
}

unsigned nasty_requests(struct nasty *n)
{
    return read_count(n, &n->requests);
}

size_t nasty_last(struct nasty *n, char *out, size_t size)
{
    size_t take, len;

    pthread_mutex_lock(&n->lock);
    len = n->last_len;
    take = len < size - 1 ? len : size - 1;
    if (take)
        memcpy(out, n->last, take);
    out[take] = '\0';
    pthread_mutex_unlock(&n->lock);
    return len;
}
