/*
 * views.c - what each node knows of the others.
 *
 * Private: an array for each node, of what it heard itself.  Shared: one array that holds
 * all listed nodes twice in a row; a node at place i sees the n - 1 entries after its own,
 * which are all but itself.  So a million nodes cost 128 MB and not a million times that.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/model.h"

#define MOST_PRIVATE_BYTES ((uint64_t)8 << 30)
enum { MOST_PRIVATE_NODES = 2000 }; /* when nothing is said */

/* ---- asking ---- */

static struct p2p_peer *find(struct node *n, uint32_t peer)
{
    uint32_t low = 0, high = n->n_peers;

    if (n->n_peers == n->sim->n_nodes - 1 && peer != n->view.id)
        return &n->peers[peer - (peer > n->view.id)];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (n->peers[middle].id < peer)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n->n_peers && n->peers[low].id == peer ? &n->peers[low] : NULL;
}

struct p2p_peer *view_of(struct node *n, uint32_t peer)
{
    return n->sim->shared || peer >= n->sim->n_nodes ? NULL : find(n, peer);
}

bool view_has(struct node *n, uint32_t peer)
{
    const struct simulation *s = n->sim;

    if (peer >= s->n_nodes || peer == n->view.id)
        return false;
    if (s->shared)
        return s->nodes[peer].listed;
    return (s->all_well && !s->neighbours) || find(n, peer);
}

void view_heard(struct node *n, uint32_t peer, uint32_t load, uint64_t rtt_ns)
{
    struct p2p_peer *p = view_of(n, peer);

    if (!p)
        return;
    p->load = load >> 16;
    p->queue = load & 0xffff;
    p->heard_ns = n->sim->now_ns ? n->sim->now_ns : 1;
    if (rtt_ns)
        p->rtt_ns = p->rtt_ns ? p->rtt_ns - p->rtt_ns / 8 + rtt_ns / 8 : rtt_ns;
}

void view_inflight(struct node *n, uint32_t peer, int change)
{
    struct p2p_peer *p = view_of(n, peer);

    if (p && (change > 0 || p->inflight > 0))
        p->inflight += (uint32_t)change;
}

/* ---- what a node tells of itself ---- */

/* The i-th of those that are kept, the oldest first. */
static struct load_change *history_at(const struct load_history *h, uint32_t i)
{
    return &h->change[(h->first + i) & (h->room - 1)];
}

void node_load_changed(struct node *n)
{
    struct load_history *h = n->history;
    uint64_t now = n->sim->now_ns;

    if (!h)
        return;
    /* The last one that is old enough is what is told; those before it are not needed. */
    while (h->n > 1 && history_at(h, 1)->at_ns + h->age_ns <= now) {
        h->first++;
        h->n--;
    }
    if (h->n == h->room) {
        struct load_change *grown = reallocarray(NULL, (size_t)h->room * 2, sizeof(*grown));

        if (!grown) {
            n->sim->no_memory = true;
            return;
        }
        for (uint32_t i = 0; i < h->n; i++)
            grown[i] = *history_at(h, i);
        free(h->change);
        h->change = grown;
        h->first = 0;
        h->room *= 2;
    }
    *history_at(h, h->n++) = (struct load_change){now, n->view.load, n->view.queue};
}

uint32_t node_tells(struct node *n)
{
    const struct load_history *h = n->history;
    uint64_t now = n->sim->now_ns;
    const struct load_change *told;

    if (!h)
        return load_pack(n->view.load, n->view.queue);
    told = history_at(h, 0);
    for (uint32_t i = 1; i < h->n; i++) {
        const struct load_change *c = history_at(h, i);

        if (c->at_ns + h->age_ns > now)
            break;
        told = c;
    }
    return load_pack(told->load, told->queue);
}

/* ---- the lists ---- */

static bool sees(const struct node *n, const struct node *peer)
{
    return peer->listed && peer != n && peer->seen_side == n->seen_side;
}

static struct p2p_peer stranger(const struct node *peer)
{
    return (struct p2p_peer){.id = peer->view.id, .flags = P2P_PEER_UP, .slots = peer->view.slots};
}

/* The list of those that it may see, with what it knew of those that were in it. */
static void follow_private(struct node *n, struct p2p_peer *old)
{
    struct simulation *s = n->sim;
    const uint32_t *own = s->neighbours ? s->neighbours[n->view.id] : NULL;
    uint32_t most = own ? (uint32_t)s->scenario->network.neighbours : s->n_nodes;
    uint32_t n_old = n->n_peers, at = 0;

    memcpy(old, n->peers, n_old * sizeof(*old));
    n->n_peers = 0;
    for (uint32_t i = 0; i < most; i++) {
        const struct node *peer = &s->nodes[own ? own[i] : i];

        while (at < n_old && old[at].id < peer->view.id)
            at++;
        if (sees(n, peer))
            n->peers[n->n_peers++] =
                at < n_old && old[at].id == peer->view.id ? old[at] : stranger(peer);
    }
}

/* Those that were sent are awaited even while the peer is not in the list. */
static void count_inflight(struct node *n)
{
    for (uint32_t i = 0; i < n->n_peers; i++)
        n->peers[i].inflight = 0;
    for (const struct job *j = n->open; j; j = j->next)
        if (j->stage == STAGE_FORWARDED)
            view_inflight(n, j->forwarded_to, 1);
}

static void follow_shared(struct simulation *s)
{
    uint32_t m = 0;

    for (uint32_t i = 0; i < s->n_nodes; i++) {
        s->nodes[i].place = m;
        if (s->nodes[i].listed)
            s->shared[m++] = stranger(&s->nodes[i]);
    }
    memcpy(s->shared + m, s->shared, m * sizeof(*s->shared));
    s->n_shared = m;
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        s->nodes[i].peers = s->shared + s->nodes[i].place + s->nodes[i].listed;
        s->nodes[i].n_peers = m - s->nodes[i].listed;
    }
}

void views_follow(struct simulation *s)
{
    uint64_t detect = (uint64_t)s->scenario->network.detect;
    struct p2p_peer *old;

    for (uint32_t i = 0; i < s->n_nodes; i++) {
        struct node *n = &s->nodes[i];

        n->listed = !n->downs || s->now_ns - n->down_ns < detect;
        n->seen_side = n->side;
    }
    if (s->shared) {
        follow_shared(s);
        return;
    }
    old = reallocarray(NULL, s->n_nodes, sizeof(*old));
    if (!old) {
        s->no_memory = true;
        return;
    }
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        follow_private(&s->nodes[i], old);
        count_inflight(&s->nodes[i]);
    }
    free(old);
}

void view_forget(struct node *n)
{
    for (uint32_t i = 0; !n->sim->shared && i < n->n_peers; i++)
        n->peers[i] = stranger(&n->sim->nodes[n->peers[i].id]);
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* k of the others, all sets equally likely, in order.  Floyd's algorithm. */
static void draw_neighbours(struct random *r, uint32_t self, uint32_t n_nodes, uint32_t *out,
                            uint32_t k)
{
    uint32_t n = 0;

    for (uint32_t j = n_nodes - 1 - k; n < k; j++) {
        uint32_t pick = (uint32_t)random_below(r, j + 1u), i;

        for (i = 0; i < n && out[i] != pick; i++)
            ;
        out[n] = i < n ? j : pick;
        n++;
    }
    for (uint32_t i = 0; i < k; i++)
        out[i] += out[i] >= self;
    qsort(out, k, sizeof(*out), compare_ids);
}

static int init_neighbours(struct simulation *s, uint32_t k)
{
    struct random r;
    uint32_t *all;

    random_stream(&r, s->seed, UINT64_C(0x6e65696768626f72));
    s->neighbours = calloc(s->n_nodes, sizeof(*s->neighbours));
    all = reallocarray(NULL, (size_t)s->n_nodes * k, sizeof(*all));
    if (!s->neighbours || !all) {
        free(all);
        return -1;
    }
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        s->neighbours[i] = all + (size_t)i * k;
        draw_neighbours(&r, i, s->n_nodes, s->neighbours[i], k);
    }
    return 0;
}

int views_init(struct simulation *s, char err[P2P_ERRLEN])
{
    const struct network_config *c = &s->scenario->network;
    uint32_t k = c->neighbours > 0 && c->neighbours < s->n_nodes - 1 ? (uint32_t)c->neighbours : 0;
    uint32_t each = k ? k : s->n_nodes - 1;
    uint64_t bytes = (uint64_t)s->n_nodes * each * sizeof(struct p2p_peer);
    bool shared =
        c->view == VIEW_SHARED || (c->view == VIEW_AUTO && !k && s->n_nodes > MOST_PRIVATE_NODES);

    s->all_well = true;
    if (k && init_neighbours(s, k))
        goto memory;
    if (shared) {
        s->shared = reallocarray(NULL, (size_t)s->n_nodes * 2, sizeof(*s->shared));
        if (!s->shared)
            goto memory;
    } else if (bytes > MOST_PRIVATE_BYTES) {
        snprintf(err, P2P_ERRLEN,
                 "network.view: private lists of %u peers for %u nodes take %.1f GB, 8 are "
                 "allowed; use shared, or network.neighbours",
                 each, s->n_nodes, (double)bytes / 1e9);
        return -1;
    }
    for (uint32_t i = 0; !shared && i < s->n_nodes; i++) {
        s->nodes[i].peers = reallocarray(NULL, each ? each : 1, sizeof(struct p2p_peer));
        if (!s->nodes[i].peers)
            goto memory;
    }
    views_follow(s);
    if (!s->no_memory)
        return 0;
memory:
    snprintf(err, P2P_ERRLEN, "out of memory for what %u nodes know of each other", s->n_nodes);
    return -1;
}

void views_release(struct simulation *s)
{
    for (uint32_t i = 0; !s->shared && i < s->n_nodes; i++)
        free(s->nodes[i].peers);
    free(s->shared);
    if (s->neighbours)
        free(s->neighbours[0]);
    free(s->neighbours);
}
