/*
 * shard.h - one thread of the node: an event loop, an HTTP daemon on the shared
 * port, connections out, and the jobs that came in here.  A request lives and
 * dies on its shard; nothing on it blocks.
 *
 * All fields belong to the shard's thread, except where it says otherwise.
 */
#ifndef HOST_SHARD_H
#define HOST_SHARD_H

#include "host/exchange.h"
#include "host/functions.h"
#include "host/listener.h"
#include "host/metrics.h"
#include "host/reactor.h"

struct node;
struct job;
struct probe;
struct message;

/* The node's port; the first shard has discovery's and the learner's too. */
enum { SHARD_FRONT, SHARD_DISCOVERY, SHARD_LEARNER, SHARD_LISTENERS };

struct shard {
    struct node *node;
    unsigned index; /* shard 0 is the main thread: signals, timers, programs */
    pthread_t thread;
    struct reactor reactor;
    struct metrics metrics; /* read by others */
    struct function_table *functions;
    struct http_limits limits;

    /* listener.c, ingress.c */
    struct listener listener[SHARD_LISTENERS];
    ev_prepare before_sleep;
    ev_timer overdue; /* of idle clients, and the sweep for those who hung up */
    ev_idle more;     /* the daemons are to run again */
    bool run_again;   /* an answer is ready */
    bool moved;       /* bytes of a request came in the daemons' last run */
    unsigned in_state[EXCHANGE_STATES];
    unsigned n_suspended; /* of those at work */
    struct job *left;     /* ended after their connections broke */
    struct job *later;    /* no jobs, but answered later: host/later.h */
    struct stream *streams;
    unsigned n_quiet; /* of those that are sent: streams that wait for more */

    /* job.c */
    struct job *idle_jobs; /* pooled memory */
    unsigned n_idle_jobs;
    struct job *open_jobs; /* those between start and answer */
    unsigned n_open;
    unsigned n_exchanges; /* requests not fully answered yet */
    uint64_t next_job;
    struct probe *idle_probes, *open_probes;
    struct message *messages; /* on their way to peers */

    /* stopping */
    bool quiesced, cancelled, ending;
    struct task stop, cancel, ended, quit;

    /* reload: the node has another function table; posted once at a time, under
     * the node's admin lock */
    struct task functions_changed;
    bool functions_posted;
};

int shard_init(struct shard *s, struct node *node, unsigned index, char err[P2P_ERRLEN]);
void shard_release(struct shard *s);
/* Runs the loop until the node stops. */
void shard_run(struct shard *s);
/* Tells the main thread when a stopping shard has nothing left to do; called
 * whenever something ended. */
void shard_end_if_idle(struct shard *s);

#endif
