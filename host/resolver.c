#include "host/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum { MOST_THREADS = 4, MOST_NAME = 256 };

enum lookup_state { IN_LINE, ASKED, TOLD };

struct lookup {
    struct task tell; /* at home */
    struct reactor *home;
    char host[MOST_NAME];
    uint16_t port;
    void (*done)(void *owner, const struct resolved *answer);
    void *owner;
    struct resolved answer;
    /* Under the lock. */
    enum lookup_state state;
    bool cancelled;
    struct lookup *next, *prev;
};

/* A thread cannot be taken out of getaddrinfo, and a node that stops does not wait for it:
 * the threads are detached, and what they touch is this and what is theirs. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct lookup *line;
static unsigned n_threads;

/* ---- on a thread of its own ---- */

static void add_address(struct resolved *to, const struct addrinfo *a)
{
    struct endpoint *e = &to->address[to->n];
    char host[NI_MAXHOST], port[NI_MAXSERV];
    bool is_v6 = a->ai_family == AF_INET6;
    int n;

    if (to->n == RESOLVER_MOST || a->ai_addrlen > sizeof(e->address) ||
        getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV))
        return;
    memset(e, 0, sizeof(*e));
    memcpy(&e->address, a->ai_addr, a->ai_addrlen);
    e->length = a->ai_addrlen;
    n = snprintf(e->text, sizeof(e->text), is_v6 ? "[%s]:%s" : "%s:%s", host, port);
    if (n > 0 && (size_t)n < sizeof(e->text))
        to->n++;
}

static void look_up(const struct lookup *l, struct resolved *answer)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char port[8];
    int rc;

    answer->n = 0;
    snprintf(port, sizeof(port), "%u", l->port);
    rc = getaddrinfo(l->host, port, &hints, &list);
    for (const struct addrinfo *a = list; rc == 0 && a; a = a->ai_next)
        add_address(answer, a);
    snprintf(answer->why, sizeof(answer->why), "%s",
             rc == EAI_SYSTEM ? strerror(errno)
             : rc             ? gai_strerror(rc)
                              : "no address that can be used");
    if (rc == 0)
        freeaddrinfo(list);
}

static void *run(void *arg)
{
    struct lookup *l;

    (void)arg;
    pthread_mutex_lock(&lock);
    while ((l = line)) {
        struct resolved answer;

        DL_DELETE(line, l);
        l->state = ASKED;
        pthread_mutex_unlock(&lock);
        look_up(l, &answer);
        pthread_mutex_lock(&lock);
        if (l->cancelled) {
            free(l);
        } else {
            l->answer = answer;
            l->state = TOLD;
            reactor_post(l->home, &l->tell);
        }
    }
    n_threads--;
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* Under the lock.  Signals are not for it. */
static int start_thread(void)
{
    sigset_t all, before;
    pthread_attr_t attr;
    pthread_t thread;
    int rc;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&thread, &attr, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    n_threads += rc == 0;
    return rc ? -1 : 0;
}

/* ---- at home ---- */

static void on_told(struct task *t)
{
    struct lookup *l = (struct lookup *)((char *)t - offsetof(struct lookup, tell));
    bool cancelled;

    /* Whoever posted this may not be done with the reactor, which may end soon. */
    pthread_mutex_lock(&lock);
    cancelled = l->cancelled;
    pthread_mutex_unlock(&lock);
    if (!cancelled)
        l->done(l->owner, &l->answer);
    free(l);
}

struct lookup *resolver_ask(struct reactor *home, const char *host, uint16_t port,
                            void (*done)(void *owner, const struct resolved *answer), void *owner)
{
    struct lookup *l = calloc(1, sizeof(*l));
    int rc = 0;

    if (!l)
        return NULL;
    l->tell.run = on_told;
    l->home = home;
    snprintf(l->host, sizeof(l->host), "%s", host);
    l->port = port;
    l->done = done;
    l->owner = owner;
    pthread_mutex_lock(&lock);
    DL_APPEND(line, l);
    if (n_threads < MOST_THREADS)
        rc = start_thread();
    if (rc && n_threads == 0) {
        DL_DELETE(line, l);
        free(l);
        l = NULL;
    }
    pthread_mutex_unlock(&lock);
    return l;
}

void resolver_cancel(struct lookup *l)
{
    pthread_mutex_lock(&lock);
    l->cancelled = true;
    if (l->state == IN_LINE) {
        DL_DELETE(line, l);
        free(l);
    }
    pthread_mutex_unlock(&lock);
}
