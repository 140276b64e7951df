/*
 * support_follow.h - a client of the first node that reads a log while it comes.
 */
#ifndef TESTS_CLUSTER_SUPPORT_FOLLOW_H
#define TESTS_CLUSTER_SUPPORT_FOLLOW_H

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/cluster/fixture.h"

/* Waits until so many logs are being read. */
static inline void expect_streams(double n)
{
    for (double until = seconds_now() + 10; metric(0, "p2pfaas_streams ") != n;)
        if (seconds_now() > until)
            fail_msg("%g logs are being read, wanted %g", metric(0, "p2pfaas_streams "), n);
}

struct follower {
    int fd;
    size_t len;
    char text[64 << 10];
};

static inline void follow(struct follower *f, const char *query, int buffer)
{
    unsigned port = (unsigned)cluster.port;
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char request[256];
    int n = snprintf(request, sizeof(request),
                     "GET /system/logs?%s HTTP/1.1\r\nHost: localhost\r\n\r\n", query);

    f->len = 0;
    f->text[0] = '\0';
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(f->fd >= 0);
    if (buffer)
        setsockopt(f->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    assert_int_equal(connect(f->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(send(f->fd, request, (size_t)n, MSG_NOSIGNAL), n);
}

/* What came within that time is added; when it is full, the older half goes.  False at the
 * end of the connection. */
static inline bool take(struct follower *f, int ms)
{
    struct pollfd p = {.fd = f->fd, .events = POLLIN};
    ssize_t n;

    if (poll(&p, 1, ms) <= 0)
        return true;
    if (f->len > sizeof(f->text) / 2) {
        size_t half = f->len / 2;

        memmove(f->text, f->text + half, f->len - half);
        f->len -= half;
    }
    n = recv(f->fd, f->text + f->len, sizeof(f->text) - f->len - 1, 0);
    if (n > 0)
        f->len += (size_t)n;
    f->text[f->len] = '\0';
    return n > 0;
}

static inline void wait_text(struct follower *f, const char *text)
{
    for (double until = seconds_now() + 20; !strstr(f->text, text);)
        if (!take(f, 100) || seconds_now() > until)
            fail_msg("never came: \"%s\" in: %.2000s", text, f->text);
}

static inline bool wait_end(struct follower *f, double seconds)
{
    for (double until = seconds_now() + seconds; seconds_now() < until;)
        if (!take(f, 100)) {
            close(f->fd);
            return true;
        }
    return false;
}

#endif
