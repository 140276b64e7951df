#include "tests/cluster/support_slow_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_MAX = 1600, FRAMES = 1024 };

struct frame {
    double due;
    size_t len;
    char data[FRAME_MAX];
};

/* One direction; what does not fit is lost, as on a wire. */
struct lane {
    int from, to;
    unsigned first, n;
    struct frame frame[FRAMES];
};

struct slow_wire {
    struct lane lane[2];
    int stop;
    _Atomic unsigned delay_ms;
    pthread_t thread;
};

/* A tap device in that namespace. */
static int open_tap(const char *netns, const char *name, char err[CLUSTER_ERRLEN])
{
    struct ifreq rq = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    char path[80];
    int there, fd = -1;

    snprintf(path, sizeof(path), "/run/netns/%s", netns);
    snprintf(rq.ifr_name, sizeof(rq.ifr_name), "%s", name);
    there = open(path, O_RDONLY | O_CLOEXEC);
    if (home < 0 || there < 0 || setns(there, CLONE_NEWNET))
        goto out;
    fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &rq)) {
        close(fd);
        fd = -1;
    }
out:
    if (fd < 0)
        snprintf(err, CLUSTER_ERRLEN, "cannot make the tap device %s in %s: %s", name, netns,
                 strerror(errno));
    if (home >= 0 && setns(home, CLONE_NEWNET))
        abort(); /* the rest of the test would run in the wrong place */
    if (home >= 0)
        close(home);
    if (there >= 0)
        close(there);
    return fd;
}

/* ---- the thread ---- */

static void take_in(struct lane *l, double due)
{
    char lost[FRAME_MAX];

    for (;;) {
        struct frame *f = &l->frame[(l->first + l->n) % FRAMES];
        ssize_t n = read(l->from, l->n < FRAMES ? f->data : lost, FRAME_MAX);

        if (n <= 0)
            return;
        if (l->n == FRAMES)
            continue;
        f->len = (size_t)n;
        f->due = due;
        l->n++;
    }
}

static void let_out(struct lane *l, double now)
{
    while (l->n && l->frame[l->first].due <= now) {
        struct frame *f = &l->frame[l->first];

        /* A host that is down takes nothing: lost. */
        if (write(l->to, f->data, f->len) < 0 && errno == EBADF)
            return;
        l->first = (l->first + 1) % FRAMES;
        l->n--;
    }
}

static void *carry(void *arg)
{
    struct slow_wire *w = arg;
    struct pollfd fds[3] = {{.fd = w->lane[0].from, .events = POLLIN},
                            {.fd = w->lane[1].from, .events = POLLIN},
                            {.fd = w->stop, .events = POLLIN}};

    while (!(fds[2].revents & POLLIN)) {
        double now = seconds_now(), next = now + 1;
        struct timespec pause;

        for (int i = 0; i < 2; i++) {
            let_out(&w->lane[i], now);
            if (w->lane[i].n && w->lane[i].frame[w->lane[i].first].due < next)
                next = w->lane[i].frame[w->lane[i].first].due;
        }
        pause = (struct timespec){0, (long)((next - now) * 999999999)};
        ppoll(fds, 3, &pause, NULL);
        now = seconds_now();
        for (int i = 0; i < 2; i++)
            take_in(&w->lane[i], now + w->delay_ms / 1e3);
    }
    return NULL;
}

struct slow_wire *slow_wire_new(const struct netns *net, unsigned host, char err[CLUSTER_ERRLEN])
{
    struct slow_wire *w = calloc(1, sizeof(*w));
    char name[40], device[16];
    int near_end = -1, far_end = -1;

    if (!w)
        return NULL;
    w->stop = -1;
    netns_name(net, host, name);
    snprintf(device, sizeof(device), "h%u", host + 1);
    if (netns_shell(err, "ip -n %s link del %s", net->name, device))
        goto fail;
    near_end = open_tap(net->name, device, err);
    far_end = open_tap(name, "eth0", err);
    w->stop = eventfd(0, EFD_CLOEXEC);
    if (near_end < 0 || far_end < 0 || w->stop < 0)
        goto fail;
    if (netns_shell(err,
                    "set -e; ns=%s; bridge=%s; i=%u\n"
                    "ip -n $bridge link set h$i master br0 up\n"
                    "ip -n $ns link set eth0 address 02:00:0a:4d:00:0$i\n"
                    "ip -n $ns addr add 10.77.0.$i/24 dev eth0; ip -n $ns link set eth0 up",
                    name, net->name, host + 1))
        goto fail;
    w->lane[0].from = w->lane[1].to = near_end;
    w->lane[0].to = w->lane[1].from = far_end;
    if (pthread_create(&w->thread, NULL, carry, w) == 0)
        return w;
    snprintf(err, CLUSTER_ERRLEN, "cannot start a thread");
fail:
    if (near_end >= 0)
        close(near_end);
    if (far_end >= 0)
        close(far_end);
    if (w->stop >= 0)
        close(w->stop);
    free(w);
    return NULL;
}

void slow_wire_delay(struct slow_wire *w, unsigned ms)
{
    w->delay_ms = ms;
}

void slow_wire_free(struct slow_wire *w)
{
    eventfd_write(w->stop, 1);
    pthread_join(w->thread, NULL);
    close(w->lane[0].from);
    close(w->lane[0].to);
    close(w->stop);
    free(w);
}
