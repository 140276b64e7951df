#include "tests/cluster/fake_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { MOST = 64, ROOM = 4 << 20, SECONDS = 20 };

struct client {
    int fd; /* -1: free */
    char *data;
    size_t len;
};

struct fake_peer {
    char address[32];
    struct sockaddr_in at;
    pthread_t thread;
    int wake[2];
    pthread_mutex_t lock; /* of all below */
    int listen_fd;        /* -1: closed */
    bool ending, hangs, keeps_alive;
    int load, queue;
    char *answer;
    size_t answer_len;
    unsigned calls, probes, connections;
    char *last_call, *last_probe;
    struct client client[MOST];
};

static void must(bool is_so, const char *what)
{
    if (!is_so) {
        perror(what);
        exit(1);
    }
}

/* ---- the thread ---- */

static void drop(struct client *c)
{
    close(c->fd);
    free(c->data);
    *c = (struct client){.fd = -1};
}

/* Bytes of the whole request, 0 while it is not whole. */
static size_t whole(const struct client *c)
{
    const char *end = c->len ? memmem(c->data, c->len, "\r\n\r\n", 4) : NULL;
    size_t head = end ? (size_t)(end - c->data) + 4 : 0, body = 0;

    for (const char *line = c->data; end && line < end; line = strchr(line, '\n') + 1)
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            body = strtoul(line + 15, NULL, 10);
    return end && c->len >= head + body ? head + body : 0;
}

static void send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        bytes += n;
        len -= (size_t)n;
    }
}

/* True when the connection stays. */
static bool serve(struct fake_peer *f, int fd, const char *request, size_t len)
{
    bool is_probe = strncmp(request, "GET /monitoring/load ", 21) == 0;
    char **kept = is_probe ? &f->last_probe : &f->last_call;
    char load[256];

    free(*kept);
    *kept = strndup(request, len);
    if (is_probe) {
        f->probes++;
        if (f->load < 0)
            snprintf(load, sizeof(load), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n%s\r\n",
                     f->keeps_alive ? "" : "Connection: close\r\n");
        else
            snprintf(load, sizeof(load),
                     "HTTP/1.1 200 OK\r\nX-P2pfaas-Load: %d\r\nX-P2pfaas-Maxload: 4\r\n"
                     "X-P2pfog-Queue-Length: %d\r\nContent-Length: 0\r\n%s\r\n",
                     f->load, f->queue, f->keeps_alive ? "" : "Connection: close\r\n");
        send_all(fd, load, strlen(load));
        return f->keeps_alive;
    }
    f->calls++;
    if (f->hangs)
        return true;
    send_all(fd, f->answer, f->answer_len);
    return f->keeps_alive;
}

static void take(struct fake_peer *f, struct client *c)
{
    size_t used;
    ssize_t n;

    if (!c->data)
        c->data = calloc(1, ROOM);
    n = recv(c->fd, c->data + c->len, ROOM - 1 - c->len, MSG_DONTWAIT);
    if (n <= 0) {
        drop(c);
        return;
    }
    c->len += (size_t)n;
    c->data[c->len] = '\0';
    while ((used = whole(c)) > 0) {
        if (!serve(f, c->fd, c->data, used)) {
            drop(c);
            return;
        }
        memmove(c->data, c->data + used, c->len - used + 1);
        c->len -= used;
    }
}

static void take_connection(struct fake_peer *f)
{
    struct timeval limit = {SECONDS, 0};
    int fd = accept4(f->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    fcntl(fd, F_SETFL, 0);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    f->connections++;
    for (int i = 0; i < MOST; i++)
        if (f->client[i].fd < 0) {
            f->client[i].fd = fd;
            return;
        }
    close(fd);
}

static void *run(void *arg)
{
    struct fake_peer *f = arg;

    for (;;) {
        struct pollfd p[MOST + 2];
        char byte;

        pthread_mutex_lock(&f->lock);
        p[MOST] = (struct pollfd){.fd = f->listen_fd, .events = POLLIN};
        p[MOST + 1] = (struct pollfd){.fd = f->wake[0], .events = POLLIN};
        for (int i = 0; i < MOST; i++)
            p[i] = (struct pollfd){.fd = f->client[i].fd, .events = POLLIN};
        pthread_mutex_unlock(&f->lock);
        poll(p, MOST + 2, -1);
        pthread_mutex_lock(&f->lock);
        if (f->ending) {
            pthread_mutex_unlock(&f->lock);
            return NULL;
        }
        if (p[MOST + 1].revents && read(f->wake[0], &byte, 1) < 0)
            must(errno == EINTR, "read");
        for (int i = 0; i < MOST; i++)
            if (p[i].fd >= 0 && p[i].revents)
                take(f, &f->client[i]);
        if (p[MOST].revents && f->listen_fd == p[MOST].fd && f->listen_fd >= 0)
            take_connection(f);
        pthread_mutex_unlock(&f->lock);
    }
}

static void wake(struct fake_peer *f)
{
    must(write(f->wake[1], "", 1) == 1, "write");
}

/* ---- life ---- */

static int start_listening(struct sockaddr_in *at)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    must(bind(fd, (struct sockaddr *)at, sizeof(*at)) == 0, "bind");
    must(listen(fd, 128) == 0, "listen");
    return fd;
}

struct fake_peer *fake_peer_new(unsigned host)
{
    struct fake_peer *f = calloc(1, sizeof(*f));
    socklen_t size = sizeof(f->at);

    must(f != NULL, "calloc");
    f->at.sin_family = AF_INET;
    f->at.sin_addr.s_addr = htonl(0x7f000000u + host);
    for (int i = 0; i < MOST; i++)
        f->client[i].fd = -1;
    f->listen_fd = start_listening(&f->at);
    must(getsockname(f->listen_fd, (struct sockaddr *)&f->at, &size) == 0, "getsockname");
    snprintf(f->address, sizeof(f->address), "127.0.0.%u:%u", host, ntohs(f->at.sin_port));
    must(pipe2(f->wake, O_CLOEXEC) == 0, "pipe");
    pthread_mutex_init(&f->lock, NULL);
    must(pthread_create(&f->thread, NULL, run, f) == 0, "thread");
    return f;
}

void fake_peer_free(struct fake_peer *f)
{
    pthread_mutex_lock(&f->lock);
    f->ending = true;
    pthread_mutex_unlock(&f->lock);
    wake(f);
    pthread_join(f->thread, NULL);
    for (int i = 0; i < MOST; i++)
        if (f->client[i].fd >= 0)
            drop(&f->client[i]);
    if (f->listen_fd >= 0)
        close(f->listen_fd);
    close(f->wake[0]);
    close(f->wake[1]);
    free(f->answer);
    free(f->last_call);
    free(f->last_probe);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

const char *fake_peer_address(const struct fake_peer *f)
{
    return f->address;
}

/* ---- what it does ---- */

void fake_peer_has_load(struct fake_peer *f, int load, int queue)
{
    pthread_mutex_lock(&f->lock);
    f->load = load;
    f->queue = queue;
    pthread_mutex_unlock(&f->lock);
}

void fake_peer_answers(struct fake_peer *f, const void *bytes, size_t len)
{
    pthread_mutex_lock(&f->lock);
    free(f->answer);
    f->answer = malloc(len + 1);
    must(f->answer != NULL, "malloc");
    if (len)
        memcpy(f->answer, bytes, len);
    f->answer_len = len;
    f->hangs = false;
    pthread_mutex_unlock(&f->lock);
}

void fake_peer_hangs(struct fake_peer *f)
{
    pthread_mutex_lock(&f->lock);
    f->hangs = true;
    pthread_mutex_unlock(&f->lock);
}

void fake_peer_keeps_alive(struct fake_peer *f)
{
    pthread_mutex_lock(&f->lock);
    f->keeps_alive = true;
    pthread_mutex_unlock(&f->lock);
}

void fake_peer_close(struct fake_peer *f)
{
    pthread_mutex_lock(&f->lock);
    /* The thread's poll keeps it open, but nobody can connect any more. */
    shutdown(f->listen_fd, SHUT_RDWR);
    close(f->listen_fd);
    f->listen_fd = -1;
    for (int i = 0; i < MOST; i++)
        if (f->client[i].fd >= 0)
            drop(&f->client[i]);
    pthread_mutex_unlock(&f->lock);
    wake(f);
}

void fake_peer_open(struct fake_peer *f)
{
    pthread_mutex_lock(&f->lock);
    f->listen_fd = start_listening(&f->at);
    pthread_mutex_unlock(&f->lock);
    wake(f);
}

/* ---- what it saw ---- */

static unsigned read_count(struct fake_peer *f, const unsigned *count)
{
    unsigned n;

    pthread_mutex_lock(&f->lock);
    n = *count;
    pthread_mutex_unlock(&f->lock);
    return n;
}

unsigned fake_peer_calls(struct fake_peer *f)
{
    return read_count(f, &f->calls);
}

unsigned fake_peer_probes(struct fake_peer *f)
{
    return read_count(f, &f->probes);
}

unsigned fake_peer_connections(struct fake_peer *f)
{
    return read_count(f, &f->connections);
}

void fake_peer_forget(struct fake_peer *f)
{
    pthread_mutex_lock(&f->lock);
    f->calls = f->probes = f->connections = 0;
    pthread_mutex_unlock(&f->lock);
}

static const char *read_kept(struct fake_peer *f, char *const *kept)
{
    const char *text;

    pthread_mutex_lock(&f->lock);
    text = *kept ? *kept : "";
    pthread_mutex_unlock(&f->lock);
    return text;
}

const char *fake_peer_last_call(struct fake_peer *f)
{
    return read_kept(f, &f->last_call);
}

const char *fake_peer_last_probe(struct fake_peer *f)
{
    return read_kept(f, &f->last_probe);
}

/* ---- the other direction ---- */

int raw_connect(const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct timeval limit = {SECONDS, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char host[32];

    snprintf(host, sizeof(host), "%.*s", (int)strcspn(address, ":"), address);
    inet_pton(AF_INET, host, &to.sin_addr);
    to.sin_port = htons((uint16_t)strtoul(strchr(address, ':') + 1, NULL, 10));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    must(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "connect");
    return fd;
}

void raw_send(int fd, const void *bytes, size_t len)
{
    send_all(fd, bytes, len);
}

void raw_expect(int fd, const char *text)
{
    char got[256];
    size_t n = strlen(text);

    must(recv(fd, got, n, MSG_WAITALL) == (ssize_t)n, "recv");
    must(memcmp(got, text, n) == 0, text);
}

void raw_read(int fd, struct raw_reply *out)
{
    ssize_t n;

    out->len = 0;
    while (out->len < sizeof(out->text) - 1 &&
           (n = recv(fd, out->text + out->len, sizeof(out->text) - 1 - out->len, 0)) > 0)
        out->len += (size_t)n;
    out->text[out->len] = '\0';
    close(fd);
}

void raw_call(const char *address, const void *bytes, size_t len, struct raw_reply *out)
{
    int fd = raw_connect(address);

    raw_send(fd, bytes, len);
    raw_read(fd, out);
}
