#include "host/clerk.h"

#include <p2pfaas/plugin.h>
#include <signal.h>
#include <string.h>

static void *work(void *arg)
{
    struct clerk *c = arg;

    ev_run(c->reactor.loop, 0);
    return NULL;
}

static void on_quit(struct task *t)
{
    struct clerk *c = (struct clerk *)((char *)t - offsetof(struct clerk, quit));

    ev_break(c->reactor.loop, EVBREAK_ALL);
}

int clerk_start(struct clerk *c, char *err)
{
    sigset_t all, before;
    int error;

    if (reactor_init(&c->reactor, err))
        return -1;
    c->quit.run = on_quit;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&c->thread, NULL, work, c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        snprintf(err, P2P_ERRLEN, "cannot start a thread: %s", strerror(error));
        reactor_release(&c->reactor);
        return -1;
    }
    c->started = true;
    return 0;
}

void clerk_stop(struct clerk *c)
{
    if (!c->started)
        return;
    reactor_post(&c->reactor, &c->quit);
    pthread_join(c->thread, NULL);
    reactor_release(&c->reactor);
    c->started = false;
}
