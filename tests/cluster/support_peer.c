#include "tests/cluster/support_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/cluster/fixture.h"

enum { MOST_CONNECTIONS = 64, HEAD_MAX = 16 << 10, HUGE_BYTES = 100 << 20, CHUNK = 64 << 10 };

struct bad_peer {
    char address[64];
    int listener;
    pthread_t acceptor;
    _Atomic unsigned took[MOST_JOBS];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock. */
    enum fault fault;
    bool stopping;
    char last_head[HEAD_MAX];
    unsigned n_open;
    int open[MOST_CONNECTIONS]; /* 0 = free */
};

static enum fault fault_of(struct bad_peer *p)
{
    enum fault fault;

    pthread_mutex_lock(&p->lock);
    fault = p->fault;
    pthread_mutex_unlock(&p->lock);
    return fault;
}

/* ---- what comes in ---- */

struct taken {
    char head[HEAD_MAX];
    char line[32]; /* the first of the body */
};

/* Reads the head; what came behind it begins the body. */
static int read_head(int fd, struct taken *t, const char **body, size_t *have)
{
    size_t len = 0;

    while (len < HEAD_MAX - 1) {
        ssize_t n = recv(fd, t->head + len, HEAD_MAX - 1 - len, 0);
        char *end;

        if (n <= 0)
            return -1;
        len += (size_t)n;
        t->head[len] = '\0';
        end = strstr(t->head, "\r\n\r\n");
        if (end) {
            *body = end + 4;
            *have = len - (size_t)(*body - t->head);
            return 0;
        }
    }
    return -1;
}

static int read_request(int fd, struct taken *t)
{
    const char *body, *length;
    char more[CHUNK];
    size_t have, wanted;

    if (read_head(fd, t, &body, &have))
        return -1;
    length = strcasestr(t->head, "\r\nContent-Length:");
    wanted = length ? strtoul(length + 17, NULL, 10) : 0;
    snprintf(t->line, sizeof(t->line), "%.*s", (int)have, body);
    while (have < wanted) {
        ssize_t n = recv(fd, more, sizeof(more) - 1, 0);

        if (n <= 0)
            return -1;
        more[n] = '\0';
        snprintf(t->line + strlen(t->line), sizeof(t->line) - strlen(t->line), "%s", more);
        have += (size_t)n;
    }
    t->line[strcspn(t->line, "\n")] = '\0';
    return 0;
}

/* ---- what goes out ---- */

#define IDLE "X-P2pfaas-Load: 0\r\nX-P2pfaas-Maxload: 4\r\nX-P2pfog-Queue-Length: 0\r\n"
#define RAN "X-P2pfaas-Outcome: ran\r\n"

static void say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(int fd, const char *format, ...)
{
    char text[1024];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    send(fd, text, (size_t)n, MSG_NOSIGNAL);
}

static void answer(int fd, int status, const char *headers, const char *line)
{
    say(fd, "HTTP/1.1 %d Whatever\r\n%s" IDLE "Content-Length: %zu\r\n\r\n%s\n", status, headers,
        strlen(line) + 1, line);
}

static void answer_huge(int fd, bool chunked)
{
    static const char bytes[CHUNK];

    say(fd, "HTTP/1.1 200 OK\r\n" RAN IDLE);
    if (chunked)
        say(fd, "Transfer-Encoding: chunked\r\n\r\n");
    else
        say(fd, "Content-Length: %d\r\n\r\n", HUGE_BYTES);
    for (size_t sent = 0; sent < HUGE_BYTES; sent += CHUNK) {
        if (chunked)
            say(fd, "%x\r\n", CHUNK);
        if (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) <= 0)
            return;
        if (chunked)
            say(fd, "\r\n");
    }
    if (chunked)
        say(fd, "0\r\n\r\n");
}

static void wait_for_another(struct bad_peer *p, enum fault fault)
{
    pthread_mutex_lock(&p->lock);
    while (!p->stopping && p->fault == fault)
        pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

/* True while the connection can be used again. */
static bool do_it(struct bad_peer *p, int fd, enum fault fault, const char *line)
{
    switch (fault) {
    case PEER_IS_WELL:
        answer(fd, 200, RAN, line);
        return true;
    case PEER_REFUSES:
        answer(fd, 500, "X-P2pfaas-Outcome: refused\r\n", "{\"code\":500,\"message\":\"full\"}");
        return true;
    case PEER_IS_BROKEN:
        answer(fd, 502, "X-P2pfaas-Outcome: failed\r\n", "{\"code\":502,\"message\":\"died\"}");
        return true;
    case PEER_SAYS_NO_OUTCOME:
        answer(fd, 200, "", line);
        return true;
    case PEER_SAYS_MORE: /* at once: one that comes late nobody can tell from the next */
        say(fd,
            "HTTP/1.1 200 OK\r\n" RAN IDLE "Content-Length: %zu\r\n\r\n%s\n"
            "HTTP/1.1 200 OK\r\n" RAN IDLE "Content-Length: 14\r\n\r\njob-of-nobody\n",
            strlen(line) + 1, line);
        return true;
    case PEER_DIES_AFTER:
        answer(fd, 200, RAN, line);
        return false;
    case PEER_SAYS_GARBAGE:
        say(fd, "\x16\x03\x01 what is this\r\n\r\n");
        return true;
    case PEER_HALF_HEAD:
        say(fd, "HTTP/1.1 200 OK\r\n" RAN "Content-Le");
        return false;
    case PEER_WRONG_LENGTH:
        say(fd, "HTTP/1.1 200 OK\r\n" RAN IDLE "Content-Length: -1\r\n\r\njob");
        return true;
    case PEER_HALF_BODY:
    case PEER_STOPS_IN_BODY:
        say(fd, "HTTP/1.1 200 OK\r\n" RAN IDLE "Content-Length: 100\r\n\r\njob-");
        if (fault == PEER_STOPS_IN_BODY)
            wait_for_another(p, fault);
        return false;
    case PEER_HUGE:
    case PEER_HUGE_LENGTH:
        answer_huge(fd, fault == PEER_HUGE);
        return false;
    case PEER_HANGS:
        wait_for_another(p, fault);
        return false;
    case PEER_DIES_RUNNING:
    case PEER_CLOSES_UNREAD:
    case PEER_IS_DEAF:
        return false;
    }
    return false;
}

static bool serve_one(struct bad_peer *p, int fd, struct taken *t)
{
    enum fault fault;

    if (read_request(fd, t))
        return false;
    if (!strstr(t->head, "/peer/function/")) {
        say(fd, "HTTP/1.1 200 OK\r\n" IDLE "Content-Length: 0\r\n\r\n");
        return true;
    }
    pthread_mutex_lock(&p->lock);
    fault = p->fault;
    memcpy(p->last_head, t->head, sizeof(p->last_head));
    pthread_mutex_unlock(&p->lock);
    if (fault != PEER_REFUSES && strncmp(t->line, "job-", 4) == 0)
        p->took[strtoul(t->line + 4, NULL, 10) % MOST_JOBS]++;
    return do_it(p, fd, fault, t->line);
}

/* ---- connections ---- */

static bool waits_for_data(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK) > 0;
}

static bool is_job(int fd)
{
    char begin[5];

    return recv(fd, begin, 5, MSG_PEEK | MSG_WAITALL) == 5 && memcmp(begin, "POST ", 5) == 0;
}

static void converse(struct bad_peer *p, int fd)
{
    struct taken *t = malloc(sizeof(*t));
    bool more = t != NULL;

    while (more && waits_for_data(fd)) {
        enum fault fault = fault_of(p);

        if (fault == PEER_CLOSES_UNREAD)
            break;
        if (fault == PEER_IS_DEAF && is_job(fd)) {
            wait_for_another(p, fault);
            break;
        }
        more = serve_one(p, fd, t);
    }
    free(t);
}

struct accepted {
    struct bad_peer *peer;
    unsigned i;
    int fd;
};

static void *serve(void *arg)
{
    struct accepted a = *(struct accepted *)arg;
    struct bad_peer *p = a.peer;

    free(arg);
    converse(p, a.fd);
    pthread_mutex_lock(&p->lock);
    close(a.fd);
    p->open[a.i] = 0;
    p->n_open--;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void begin(struct bad_peer *p, int fd)
{
    struct accepted *a = malloc(sizeof(*a));
    pthread_t thread;
    unsigned i = 0;

    pthread_mutex_lock(&p->lock);
    while (i < MOST_CONNECTIONS && p->open[i])
        i++;
    if (p->stopping || !a || i == MOST_CONNECTIONS) {
        close(fd);
        free(a);
    } else {
        *a = (struct accepted){p, i, fd};
        p->open[i] = fd;
        p->n_open++;
        if (pthread_create(&thread, NULL, serve, a))
            abort(); /* cmocka's asserts are for the main thread */
        pthread_detach(thread);
    }
    pthread_mutex_unlock(&p->lock);
}

static void *accept_all(void *arg)
{
    struct bad_peer *p = arg;
    int fd;

    while ((fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        begin(p, fd);
    return NULL;
}

struct bad_peer *bad_peer_start(const char *ip)
{
    struct bad_peer *p = calloc(1, sizeof(*p));
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof(a);

    assert_non_null(p);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    inet_pton(AF_INET, ip, &a.sin_addr);
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(p->listener, MOST_CONNECTIONS), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&a, &len), 0);
    snprintf(p->address, sizeof(p->address), "%s:%u", ip, ntohs(a.sin_port));
    assert_int_equal(pthread_create(&p->acceptor, NULL, accept_all, p), 0);
    return p;
}

void bad_peer_stop(struct bad_peer *p)
{
    shutdown(p->listener, SHUT_RDWR);
    pthread_join(p->acceptor, NULL);
    close(p->listener);
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->changed);
    for (unsigned i = 0; i < MOST_CONNECTIONS; i++)
        if (p->open[i])
            shutdown(p->open[i], SHUT_RDWR);
    while (p->n_open)
        pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

const char *bad_peer_address(const struct bad_peer *p)
{
    return p->address;
}

void bad_peer_do(struct bad_peer *p, enum fault fault)
{
    pthread_mutex_lock(&p->lock);
    p->fault = fault;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

unsigned bad_peer_took(const struct bad_peer *p, unsigned job)
{
    return p->took[job];
}

void bad_peer_header(struct bad_peer *p, const char *name, char *out, size_t size)
{
    char wanted[80];
    const char *at;

    snprintf(wanted, sizeof(wanted), "\r\n%s:", name);
    pthread_mutex_lock(&p->lock);
    at = strcasestr(p->last_head, wanted);
    out[0] = '\0';
    if (at) {
        at += strlen(wanted);
        at += strspn(at, " ");
        snprintf(out, size, "%.*s", (int)strcspn(at, "\r"), at);
    }
    pthread_mutex_unlock(&p->lock);
}
