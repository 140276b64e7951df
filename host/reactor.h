/*
 * reactor.h - one thread's event loop (libev), a mailbox into it, and what code
 * that runs on it needs.  Everything but reactor_post belongs to its thread.
 */
#ifndef HOST_REACTOR_H
#define HOST_REACTOR_H

#include <ev.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct curl_loop;
struct docker;
struct openfaas;
struct site;
struct upstreams;

/* A piece of work for another thread; embedded in whatever it is about and not
 * touched by the poster again until it ran. */
struct task {
    struct task *next;
    void (*run)(struct task *);
};

struct reactor {
    struct ev_loop *loop;
    struct upstreams *upstreams; /* keep-alive connections out; set by its owner */
    struct curl_loop *curl;    /* requests by libcurl; made when first needed, freed by its owner */
    struct docker *docker;     /* its Docker daemon, while a function needs one */
    struct site *sites;        /* hosts elsewhere, while functions are there */
    struct openfaas *openfaas; /* the gateway behind this node; set by its owner */
    bool closing;              /* what runs here is closed for good */
    ev_async wake;
    bool ending; /* only what was posted is still run */
    pthread_mutex_t lock;
    struct task *first, **last; /* under lock */
};

int reactor_init(struct reactor *r, char *err); /* 0 or -1 */
/* Runs what is still posted.  Every thread that may post has been joined. */
void reactor_release(struct reactor *r);
/* Runs what is posted so far, outside the loop. */
void reactor_run_posted(struct reactor *r);

/* Runs t on r's thread, in the order posted.  [any thread] */
void reactor_post(struct reactor *r, struct task *t);

/* A timer counts from the loop's own time, which stands still while the thread is
 * busy, so it may fire too early: then this starts it again and says so. */
bool timer_is_early(struct ev_loop *loop, ev_timer *w, uint64_t due_ns);

/* Monotonic nanoseconds.  [any thread] */
uint64_t clock_ns(void);

#endif
