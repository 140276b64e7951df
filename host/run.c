/*
 * run.c - a node from its first request to its last: threads, signals, stop.
 *
 * The stop, in phases: no new connections and no new jobs; open jobs end, for
 * stop_timeout at most; the threads end; long-lived programs are closed.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "host/ingress.h"
#include "host/job.h"
#include "host/log.h"
#include "host/own_scheduler.h"
#include "host/process.h"

static const double HOUSEKEEPING_SECONDS = 1, RELOAD_AGAIN_SECONDS = 0.05;

static void *run_shard(void *arg)
{
    struct shard *s = arg;

    if (s->node->pin)
        process_pin(s->index);
    shard_run(s);
    return NULL;
}

/* Ends the threads that were started. */
static void end_threads(struct node *n, unsigned started)
{
    for (unsigned i = 1; i < started; i++) {
        reactor_post(&n->shards[i].reactor, &n->shards[i].quit);
        pthread_join(n->shards[i].thread, NULL);
    }
}

/* ---- stop ---- */

static void post_cancel(struct node *n)
{
    for (unsigned i = 0; i < n->n_shards; i++)
        reactor_post(&n->shards[i].reactor, &n->shards[i].cancel);
}

static void end_stop(struct node *n)
{
    ev_timer_stop(n->shards[0].reactor.loop, &n->stop_timer);
    log_event(LOG_WARN, "jobs that are still open are cancelled");
    post_cancel(n);
}

static void on_stop_timeout(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    end_stop(w->data);
}

static void on_stop_signal(struct ev_loop *loop, ev_signal *w, int events)
{
    struct node *n = w->data;

    (void)events;
    if (n->stopping) { /* asked twice */
        if (ev_is_active(&n->stop_timer))
            end_stop(n);
        return;
    }
    log_event(LOG_INFO, "stopping", LOG_INT("signal", w->signum));
    n->stopping = true;
    discovery_leave(n);
    async_quiesce(&n->async);
    node_openfaas_quiesce(n);
    for (unsigned i = 0; i < n->n_shards; i++)
        reactor_post(&n->shards[i].reactor, &n->shards[i].stop);
    ev_timer_init(&n->stop_timer, on_stop_timeout,
                  (double)n->config->config.node.stop_timeout / 1e9, 0);
    n->stop_timer.data = n;
    ev_timer_start(loop, &n->stop_timer);
}

void node_shard_ended(struct node *n)
{
    struct shard *main_shard = &n->shards[0];

    if (--n->shards_running > 0)
        return;
    ev_timer_stop(main_shard->reactor.loop, &n->stop_timer);
    end_threads(n, n->n_shards);
    n->closing = main_shard->reactor.closing = true;
    /* No request looks at the functions any more. */
    for (unsigned i = 0; i < n->n_shards; i++)
        listener_stop(&n->shards[i].listener[SHARD_FRONT]);
    for (unsigned i = 0; i < n->n_shards; i++) {
        function_table_unref(n->shards[i].functions);
        n->shards[i].functions = NULL;
    }
    function_table_unref(n->functions);
    n->functions = NULL;
    if (n->programs == 0)
        ev_break(main_shard->reactor.loop, EVBREAK_ALL);
}

/* ---- run ---- */

static void reload(struct node *n)
{
    struct ev_loop *loop = n->shards[0].reactor.loop;
    char err[P2P_ERRLEN];

    if (n->stopping)
        return;
    if (pthread_mutex_trylock(&n->selection)) {
        ev_timer_set(&n->reload_again, RELOAD_AGAIN_SECONDS, 0);
        ev_timer_start(loop, &n->reload_again);
        return;
    }
    ev_timer_stop(loop, &n->reload_again);
    if (node_reload(n, err))
        log_event(LOG_ERROR, "not reloaded, the node goes on as before", LOG_STR("why", err));
    else
        log_event(LOG_INFO, "reloaded");
    pthread_mutex_unlock(&n->selection);
}

static void on_hangup(struct ev_loop *loop, ev_signal *w, int events)
{
    struct node *n = w->data;

    (void)loop;
    (void)events;
    if (!ev_is_active(&n->reload_again))
        reload(n);
}

static void on_reload_again(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    reload(w->data);
}

static void on_housekeeping(struct ev_loop *loop, ev_timer *w, int events)
{
    struct node *n = w->data;

    (void)loop;
    (void)events;
    engine_drain(n->engine);
    own_schedulers_housekeep(n);
    node_learner_housekeep(n);
}

static void on_revive(struct ev_loop *loop, ev_timer *w, int events)
{
    struct node *n = w->data;

    (void)loop;
    (void)events;
    peers_revive(&n->shards[0]);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    struct node *n = w->data;
    uint64_t period = engine_tick(n->engine);

    (void)events;
    /* Without a period, look again later: another scheduler may want ticks. */
    w->repeat = period ? (double)period / 1e9 : HOUSEKEEPING_SECONDS;
    ev_timer_again(loop, w);
}

static void start_timer(struct ev_loop *loop, ev_timer *w,
                        void (*f)(struct ev_loop *, ev_timer *, int), double seconds,
                        struct node *n)
{
    ev_timer_init(w, f, seconds, seconds);
    w->data = n;
    ev_timer_start(loop, w);
}

static void start_signal(struct ev_loop *loop, ev_signal *w,
                         void (*f)(struct ev_loop *, ev_signal *, int), int number, struct node *n)
{
    ev_signal_init(w, f, number);
    w->data = n;
    ev_signal_start(loop, w);
}

static void start_watchers(struct node *n)
{
    struct ev_loop *loop = n->shards[0].reactor.loop;

    start_signal(loop, &n->term, on_stop_signal, SIGTERM, n);
    start_signal(loop, &n->interrupt, on_stop_signal, SIGINT, n);
    start_signal(loop, &n->hangup, on_hangup, SIGHUP, n);
    ev_timer_init(&n->reload_again, on_reload_again, 0, 0);
    n->reload_again.data = n;
    start_timer(loop, &n->housekeeping, on_housekeeping, HOUSEKEEPING_SECONDS, n);
    start_timer(loop, &n->revive, on_revive, (double)n->config->config.peers.retry / 1e9, n);
    start_timer(loop, &n->tick, on_tick, HOUSEKEEPING_SECONDS, n);
    node_watch_plugins(n);
}

static void stop_watchers(struct node *n)
{
    struct ev_loop *loop = n->shards[0].reactor.loop;

    node_unwatch_plugins(n);
    ev_signal_stop(loop, &n->term);
    ev_signal_stop(loop, &n->interrupt);
    ev_signal_stop(loop, &n->hangup);
    ev_timer_stop(loop, &n->reload_again);
    ev_timer_stop(loop, &n->housekeeping);
    ev_timer_stop(loop, &n->revive);
    ev_timer_stop(loop, &n->tick);
}

/* Signals go to the main thread, which has the watchers. */
static int start_threads(struct node *n, char err[P2P_ERRLEN])
{
    sigset_t all, before;
    int error = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    n->shards_running = n->n_shards;
    for (unsigned i = 1; i < n->n_shards && !error; i++) {
        error = pthread_create(&n->shards[i].thread, NULL, run_shard, &n->shards[i]);
        if (error) {
            snprintf(err, P2P_ERRLEN, "cannot start thread %u of %u: %s; see node.threads", i,
                     n->n_shards, strerror(error));
            end_threads(n, i);
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error ? -1 : 0;
}

/* It ends already: no signal changes that, and a stopped watcher would let it kill. */
static void end_signals(void)
{
    sigset_t ours;

    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ours, NULL);
}

static int open_node(struct node *n, char err[P2P_ERRLEN])
{
    if (node_listen(n, err) || node_learner_listen(n, err) || discovery_start(n, err))
        return -1;
    node_learner_start(n);
    node_openfaas_start(n);
    if (start_threads(n, err))
        return -1;
    async_resume(&n->async);
    return 0;
}

int node_run(struct node *n, char err[P2P_ERRLEN])
{
    struct engine_current now;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error as a full disk is */
    start_watchers(n);        /* whoever sees it serve may signal it */
    if (open_node(n, err)) {
        discovery_stop(n);
        stop_watchers(n);
        return -1;
    }
    if (n->pin)
        process_pin(0);
    access_warn(&n->access, &n->config->config);
    engine_describe(n->engine, &now);
    log_event(LOG_INFO, "serving", LOG_STR("address", n->self.text), LOG_STR("id", n->id),
              LOG_STR("scheduler", now.full), LOG_INT("threads", n->n_shards),
              LOG_INT("functions", n->functions->n));
    shard_run(&n->shards[0]);
    end_signals();
    node_openfaas_stop(n);
    discovery_stop(n);
    stop_watchers(n);
    node_learner_stop(n);
    async_stop(&n->async);
    log_event(LOG_INFO, "stopped");
    return 0;
}
