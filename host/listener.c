#include "host/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "host/job.h"
#include "host/later.h"
#include "host/stream.h"

enum {
    BACKLOG = 4096,
    RUNS_A_TURN = 64 /* of the daemons, before the loop looks at anything else */
};
static const double SWEEP_SECONDS = 0.1;

/* A client whose machine is gone says nothing, and who reads a stream is not expected to say
 * anything: the system asks.  What is accepted has the options of the listening socket. */
static int keep_alive(int fd)
{
    static const struct {
        int level, option, value;
    } wanted[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 60}, /* seconds */
        {IPPROTO_TCP, TCP_KEEPINTVL, 15},
        {IPPROTO_TCP, TCP_KEEPCNT, 4},
    };

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (setsockopt(fd, wanted[i].level, wanted[i].option, &wanted[i].value, sizeof(int)))
            return -1;
    return 0;
}

int listener_open(struct endpoint *at, bool shared, const char *keys, char err[P2P_ERRLEN])
{
    int one = 1, fd = -1;
    uint16_t port;

    fd = socket(at->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        goto fail;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
        (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one))))
        goto fail;
    if (keep_alive(fd) || bind(fd, (struct sockaddr *)&at->address, at->length) ||
        listen(fd, BACKLOG))
        goto fail;
    at->length = sizeof(at->address);
    if (getsockname(fd, (struct sockaddr *)&at->address, &at->length))
        goto fail;
    /* Both families keep the port at the same place. */
    port = ntohs(((struct sockaddr_in *)&at->address)->sin_port);
    {
        char *colon = strrchr(at->text, ':');

        snprintf(colon, sizeof(at->text) - (size_t)(colon - at->text), ":%u", port);
    }
    return fd;
fail:
    snprintf(err, P2P_ERRLEN, "cannot listen on %s: %s%s%s", at->text, strerror(errno),
             errno == EADDRINUSE ? "; another node may run there, see " : "",
             errno == EADDRINUSE ? keys : "");
    if (fd >= 0)
        close(fd);
    return -1;
}

/* ---- the daemons on the loop ---- */

/* Has a daemon more to do at once?  It always says so while it looks at a job that
 * is at work; then only what is under way in it tells. */
static bool is_busy(struct shard *s)
{
    bool receiving = s->in_state[EXCHANGE_NEW] + s->in_state[EXCHANGE_BODY] > 0;
    bool looking = s->in_state[EXCHANGE_WORKING] > s->n_suspended;
    MHD_UNSIGNED_LONG_LONG timeout;

    if (s->run_again)
        return true;
    if (looking && !(receiving && s->moved) && s->in_state[EXCHANGE_SENDING] == s->n_quiet)
        return false;
    for (int i = 0; i < SHARD_LISTENERS; i++)
        if (s->listener[i].daemon && MHD_get_timeout(s->listener[i].daemon, &timeout) == MHD_YES &&
            timeout == 0)
            return true;
    return false;
}

static void run_daemons(struct shard *s)
{
    int runs = 0;

    ev_idle_stop(s->reactor.loop, &s->more);
    do {
        s->run_again = s->moved = false;
        for (int i = 0; i < SHARD_LISTENERS; i++)
            if (s->listener[i].daemon)
                MHD_run(s->listener[i].daemon);
    } while (is_busy(s) && ++runs < RUNS_A_TURN);
    if (runs == RUNS_A_TURN)
        ev_idle_start(s->reactor.loop, &s->more);
}

static void on_more(struct ev_loop *loop, ev_idle *w, int events)
{
    (void)loop;
    (void)events;
    ((struct shard *)w->data)->run_again = true;
}

/* The daemons run once a turn of the loop, when the answers of the turn are there. */
static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
    struct shard *s = w->data;

    (void)loop;
    (void)events;
    s->run_again = true;
}

static void before_sleep(struct ev_loop *loop, ev_prepare *w, int events)
{
    struct shard *s = w->data;

    (void)loop;
    (void)events;
    if (s->run_again)
        run_daemons(s);
    ingress_end_left(s);
}

static void on_overdue(struct ev_loop *loop, ev_timer *w, int events)
{
    struct shard *s = w->data;

    (void)loop;
    (void)events;
    jobs_sweep(s);
    later_sweep(s, false);
    streams_sweep(s);
    for (int i = 0; i < SHARD_LISTENERS; i++)
        if (s->listener[i].daemon)
            clients_end_older(&s->listener[i].clients, clock_ns() - s->listener[i].idle_ns);
    s->run_again = true;
}

void listeners_init(struct shard *s)
{
    ev_idle_init(&s->more, on_more);
    s->more.data = s;
    ev_prepare_init(&s->before_sleep, before_sleep);
    s->before_sleep.data = s;
    ev_prepare_start(s->reactor.loop, &s->before_sleep);
    ev_timer_init(&s->overdue, on_overdue, SWEEP_SECONDS, SWEEP_SECONDS);
    s->overdue.data = s;
    ev_timer_start(s->reactor.loop, &s->overdue);
}

void listeners_release(struct shard *s)
{
    ev_idle_stop(s->reactor.loop, &s->more);
    ev_prepare_stop(s->reactor.loop, &s->before_sleep);
    ev_timer_stop(s->reactor.loop, &s->overdue);
    ingress_end_left(s);
}

/* ---- one of them ---- */

/* Paths are passed on as they came. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

int listener_start(struct listener *l, struct shard *s, const struct route_table *routes, int fd,
                   unsigned connections, char err[P2P_ERRLEN])
{
    const struct config *c = &s->node->config->config;
    const union MHD_DaemonInfo *info;

    l->shard = s;
    l->routes = routes;
    l->idle_ns = (uint64_t)c->limits.idle_timeout;
    l->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO, 0, NULL, NULL, ingress_request, l,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, ingress_uri, l,
        MHD_OPTION_NOTIFY_COMPLETED, ingress_completed, l, MHD_OPTION_NOTIFY_CONNECTION,
        clients_notify, &l->clients, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)c->limits.headers + LISTENER_POOL_EXTRA,
        MHD_OPTION_CONNECTION_LIMIT, connections ? connections : 1, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)(c->limits.idle_timeout / 1000000000), MHD_OPTION_END);
    if (!l->daemon) {
        snprintf(err, P2P_ERRLEN, "cannot start an HTTP daemon: too many open files?");
        close(fd);
        return -1;
    }
    info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    ev_io_init(&l->readable, on_readable, info->epoll_fd, EV_READ);
    l->readable.data = s;
    ev_io_start(s->reactor.loop, &l->readable);
    s->run_again = true; /* the first run, when the loop does, arms the socket */
    return 0;
}

void listener_quiesce(struct listener *l)
{
    int fd = l->daemon ? MHD_quiesce_daemon(l->daemon) : -1;

    if (fd >= 0)
        close(fd);
}

void listener_stop(struct listener *l)
{
    if (!l->daemon)
        return;
    run_daemons(l->shard);
    ev_io_stop(l->shard->reactor.loop, &l->readable);
    MHD_stop_daemon(l->daemon);
    l->daemon = NULL;
}
