#include "host/discovery/discovery.h"

#include <stdlib.h>

#include "host/log.h"
#include "host/node.h"

static const uint64_t LEAVE_NS = 1000000000;

static const struct discovery_source *const sources[] = {
    [DISCOVERY_P2P] = &discovery_p2p, [DISCOVERY_ETCD] = &discovery_etcd, [DISCOVERY_NONE] = NULL};

int discovery_start(struct node *n, char err[P2P_ERRLEN])
{
    const struct discovery_source *source = sources[n->config->config.discovery.source];

    /* What is closed to peers, access_warn has said. */
    if (!source || !access_peers_allowed(n))
        return 0;
    n->discovery = source->start(n, err);
    if (!n->discovery)
        return -1;
    n->discovery_source = source;
    return 0;
}

void discovery_leave(struct node *n)
{
    n->left_ns = clock_ns();
    if (n->discovery)
        n->discovery_source->leave(n->discovery);
}

static void on_time_over(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)w;
    (void)events;
}

/* The node has nothing left to do but to say goodbye. */
static void end_leaving(struct node *n)
{
    struct ev_loop *loop = n->shards[0].reactor.loop;
    uint64_t end = n->left_ns + LEAVE_NS;
    ev_timer over;

    if (!n->left_ns)
        return;
    while (!n->discovery_source->gone(n->discovery) && clock_ns() < end) {
        ev_now_update(loop);
        ev_timer_init(&over, on_time_over, (double)(end - clock_ns()) / 1e9, 0);
        ev_timer_start(loop, &over);
        ev_run(loop, EVRUN_ONCE);
        ev_timer_stop(loop, &over);
    }
}

void discovery_stop(struct node *n)
{
    if (!n->discovery)
        return;
    end_leaving(n);
    n->discovery_source->stop(n->discovery);
    n->discovery = NULL;
}

void discovery_changed(struct node *n)
{
    if (n->discovery)
        n->discovery_source->changed(n->discovery);
}

void discovery_describe(struct node *n, struct cJSON *out)
{
    if (n->discovery_source)
        n->discovery_source->describe(n->discovery, out);
}

void discovery_measure(struct node *n, discovery_metric one, void *ctx)
{
    if (n->discovery_source && n->discovery_source->measure)
        n->discovery_source->measure(n->discovery, one, ctx);
}

/* ---- evidence, on its way to the main thread ---- */

struct evidence {
    struct task task;
    struct node *node;
    struct endpoint peer;
    bool answered;
};

static void on_evidence(struct task *t)
{
    struct evidence *e = (struct evidence *)t;

    if (e->node->discovery)
        e->node->discovery_source->evidence(e->node->discovery, &e->peer, e->answered);
    free(e);
}

void discovery_evidence(struct node *n, const struct endpoint *peer, bool answered)
{
    struct evidence *e = n->discovery_source ? malloc(sizeof(*e)) : NULL;

    if (!e) /* the source finds out by itself */
        return;
    *e = (struct evidence){.task.run = on_evidence, .node = n, .peer = *peer, .answered = answered};
    reactor_post(&n->shards[0].reactor, &e->task);
}

/* ---- to the peer table ---- */

void discovery_joined(struct node *n, const struct discovery_member *m)
{
    uint64_t offers[PEER_OFFER_WORDS] = {0};
    struct peer_member peer = {.name = m->name,
                               .group = m->group,
                               .endpoint = m->endpoint,
                               .protocol = m->protocol,
                               .slots = m->slots,
                               .offers = m->knows_functions ? offers : NULL};
    char err[P2P_ERRLEN];

    for (unsigned i = 0; m->knows_functions && i < m->n_functions; i++) {
        uint32_t id = function_names_find(&n->names, m->functions[i]);

        if (id)
            offers[id / 64] |= (uint64_t)1 << id % 64;
    }
    if (peers_join(&n->peers, &peer, err) == P2P_NONE)
        log_event(LOG_WARN, "a node cannot be a peer", LOG_STR("why", err));
}

void discovery_dead(struct node *n, const struct endpoint *e)
{
    peers_dead(&n->peers, e, clock_ns());
}

void discovery_left(struct node *n, const struct endpoint *e)
{
    peers_left(&n->peers, e);
}
