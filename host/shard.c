#include "host/shard.h"

#include <string.h>

#include "host/curl_loop.h"
#include "host/ingress.h"
#include "host/job.h"
#include "host/later.h"
#include "host/log.h"
#include "host/stream.h"

static void on_functions_changed(struct task *t)
{
    struct shard *s = (struct shard *)((char *)t - offsetof(struct shard, functions_changed));
    struct node *n = s->node;
    struct function_table *old = s->functions;

    pthread_mutex_lock(&n->admin);
    s->functions = function_table_ref(n->functions);
    s->functions_posted = false;
    pthread_mutex_unlock(&n->admin);
    function_table_unref(old);
}

void shard_end_if_idle(struct shard *s)
{
    unsigned answering = s->in_state[EXCHANGE_WORKING] + s->in_state[EXCHANGE_ANSWER] +
                         s->in_state[EXCHANGE_SENDING];

    /* A request that is still coming in is not waited for.  What is answered later is, its
     * client here or not: other threads have it, and what it holds. */
    if (!s->quiesced || s->ending || s->n_open > 0 || s->later || (answering > 0 && !s->cancelled))
        return;
    s->ending = true;
    reactor_post(&s->node->shards[0].reactor, &s->ended);
}

static void on_stop(struct task *t)
{
    struct shard *s = (struct shard *)((char *)t - offsetof(struct shard, stop));

    s->quiesced = true;
    listener_quiesce(&s->listener[SHARD_FRONT]);
    later_sweep(s, true);
    streams_stop(s);
    shard_end_if_idle(s);
}

static void on_cancel(struct task *t)
{
    struct shard *s = (struct shard *)((char *)t - offsetof(struct shard, cancel));
    struct job *j, *next;

    s->cancelled = true;
    for (j = s->open_jobs; j; j = next) {
        next = j->next;
        job_abandon(j, P2P_OUT_CANCELLED, 503, 503, "the node is stopping and waited long enough");
    }
    shard_end_if_idle(s);
}

static void on_quit(struct task *t)
{
    struct shard *s = (struct shard *)((char *)t - offsetof(struct shard, quit));

    ev_break(s->reactor.loop, EVBREAK_ALL);
}

static void on_ended(struct task *t)
{
    struct shard *s = (struct shard *)((char *)t - offsetof(struct shard, ended));

    node_shard_ended(s->node);
}

int shard_init(struct shard *s, struct node *node, unsigned index, char err[P2P_ERRLEN])
{
    const struct config *c = &node->config->config;
    struct upstream_limits limits = {
        .connections = (unsigned)c->limits.upstream,
        .waiting = (unsigned)c->limits.connections,
        .connect_ns = (uint64_t)c->limits.connect_timeout,
        /* Shorter than a peer keeps an idle client, so that it never closes first. */
        .idle_ns = (uint64_t)c->limits.idle_timeout / 2,
    };

    memset(s, 0, sizeof(*s));
    s->node = node;
    s->index = index;
    s->limits.headers = (size_t)c->limits.headers;
    s->limits.body = (size_t)c->limits.body;
    s->functions_changed.run = on_functions_changed;
    s->stop.run = on_stop;
    s->cancel.run = on_cancel;
    s->ended.run = on_ended;
    s->quit.run = on_quit;
    if (reactor_init(&s->reactor, err))
        return -1;
    s->reactor.upstreams = upstreams_new(&s->reactor, &limits);
    if (!s->reactor.upstreams) {
        snprintf(err, P2P_ERRLEN, "shard %u: out of memory", index);
        reactor_release(&s->reactor);
        return -1;
    }
    listeners_init(s);
    return 0;
}

void shard_release(struct shard *s)
{
    reactor_run_posted(&s->reactor); /* answers of other threads that have ended */
    for (int i = 0; i < SHARD_LISTENERS; i++)
        listener_stop(&s->listener[i]);
    listeners_release(s);
    function_table_unref(s->functions);
    s->functions = NULL;
    messages_cancel(s);
    probes_cancel(s);
    upstreams_free(s->reactor.upstreams);
    curl_loop_free(s->reactor.curl);
    jobs_release(s);
    probes_release(s);
    reactor_release(&s->reactor);
    metrics_release(&s->metrics);
}

void shard_run(struct shard *s)
{
    ev_run(s->reactor.loop, 0);
}
