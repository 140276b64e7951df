#include "host/reactor.h"

#include <p2pfaas/plugin.h>
#include <time.h>

void reactor_run_posted(struct reactor *r)
{
    struct task *t, *next;

    pthread_mutex_lock(&r->lock);
    t = r->first;
    r->first = NULL;
    r->last = &r->first;
    pthread_mutex_unlock(&r->lock);
    for (; t; t = next) {
        next = t->next;
        t->run(t);
    }
}

static void on_wake(struct ev_loop *loop, ev_async *w, int events)
{
    (void)loop;
    (void)events;
    reactor_run_posted(w->data);
}

int reactor_init(struct reactor *r, char *err)
{
    r->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (!r->loop) {
        snprintf(err, P2P_ERRLEN, "cannot make an event loop: too many open files?");
        return -1;
    }
    pthread_mutex_init(&r->lock, NULL);
    r->first = NULL;
    r->last = &r->first;
    r->upstreams = NULL;
    r->curl = NULL;
    r->docker = NULL;
    r->sites = NULL;
    r->openfaas = NULL;
    r->ending = r->closing = false;
    ev_async_init(&r->wake, on_wake);
    r->wake.data = r;
    ev_async_start(r->loop, &r->wake);
    return 0;
}

void reactor_release(struct reactor *r)
{
    r->ending = true;
    reactor_run_posted(r);
    ev_async_stop(r->loop, &r->wake);
    ev_loop_destroy(r->loop);
    pthread_mutex_destroy(&r->lock);
}

void reactor_post(struct reactor *r, struct task *t)
{
    t->next = NULL;
    pthread_mutex_lock(&r->lock);
    *r->last = t;
    r->last = &t->next;
    pthread_mutex_unlock(&r->lock);
    ev_async_send(r->loop, &r->wake);
}

bool timer_is_early(struct ev_loop *loop, ev_timer *w, uint64_t due_ns)
{
    uint64_t now = clock_ns();

    if (now >= due_ns)
        return false;
    ev_now_update(loop);
    ev_timer_set(w, (double)(due_ns - now) / 1e9, 0);
    ev_timer_start(loop, w);
    return true;
}

uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
