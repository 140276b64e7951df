#include "host/peers.h"

#include <stdlib.h>
#include <string.h>

enum { LOST_IN_A_ROW = 3 };

int peers_init(struct peers *p)
{
    memset(p, 0, sizeof(*p));
    return pthread_mutex_init(&p->lock, NULL) ? -1 : 0;
}

void peers_release(struct peers *p)
{
    for (uint32_t i = 0; i < p->n_all; i++) {
        free(p->all[i]->name);
        free(p->all[i]);
    }
    free(p->all);
    free(p->up);
    pthread_mutex_destroy(&p->lock);
}

/* They are kept in order of id, so finding one is a binary search. */
static struct p2p_peer *find_up(const struct peers *p, uint32_t id)
{
    uint32_t low = 0, high = p->n_up;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (p->up[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < p->n_up && p->up[low].id == id ? &p->up[low] : NULL;
}

static void put_up(struct peers *p, struct peer *peer)
{
    uint32_t at = p->n_up;

    if (find_up(p, peer->id))
        return;
    while (at > 0 && p->up[at - 1].id > peer->id)
        at--;
    memmove(p->up + at + 1, p->up + at, (p->n_up - at) * sizeof(p->up[0]));
    peer->view.flags |= P2P_PEER_UP;
    p->up[at] = peer->view;
    p->n_up++;
}

static void put_down(struct peers *p, struct peer *peer)
{
    struct p2p_peer *view = find_up(p, peer->id);
    size_t after;

    if (!view)
        return;
    peer->view = *view;
    peer->view.flags &= ~(uint32_t)P2P_PEER_UP;
    after = (size_t)(p->up + p->n_up - view) - 1;
    memmove(view, view + 1, after * sizeof(*view));
    p->n_up--;
}

static struct p2p_peer *view_of(struct peers *p, uint32_t id)
{
    struct p2p_peer *view = find_up(p, id);

    if (!view && id < p->n_all)
        view = &p->all[id]->view;
    return view;
}

static struct peer *find_listed(struct peers *p, const struct peer_config *c)
{
    for (uint32_t i = 0; i < p->n_all; i++)
        if (strcmp(p->all[i]->name, c->name) == 0 &&
            strcmp(p->all[i]->endpoint.text, c->endpoint.text) == 0)
            return p->all[i];
    return NULL;
}

static struct peer *add_peer(struct peers *p, const struct peer_config *c)
{
    struct peer **all = realloc(p->all, (p->n_all + 1) * sizeof(struct peer *));
    struct p2p_peer *up;
    struct peer *peer;

    if (!all)
        return NULL;
    p->all = all;
    up = realloc(p->up, (p->n_all + 1) * sizeof(*up));
    if (!up)
        return NULL;
    p->up = up;
    peer = calloc(1, sizeof(*peer));
    if (!peer)
        return NULL;
    peer->name = strdup(c->name);
    if (!peer->name) {
        free(peer);
        return NULL;
    }
    peer->id = p->n_all;
    peer->endpoint = c->endpoint;
    peer->view.id = peer->id;
    p->all[p->n_all++] = peer;
    return peer;
}

int peers_configure(struct peers *p, const struct peer_config *list, unsigned n,
                    char err[P2P_ERRLEN])
{
    int rc = -1;

    pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < p->n_all; i++)
        p->all[i]->listed = false;
    for (unsigned i = 0; i < n; i++) {
        struct peer *peer = find_listed(p, &list[i]);
        bool fresh = !peer;

        if (fresh)
            peer = add_peer(p, &list[i]);
        if (!peer) {
            snprintf(err, P2P_ERRLEN, "peers: out of memory at %s", list[i].name);
            goto end;
        }
        peer->listed = true;
        if (fresh || peer->failures < LOST_IN_A_ROW)
            put_up(p, peer);
    }
    rc = 0;
end:
    for (uint32_t i = 0; i < p->n_all; i++)
        if (!p->all[i]->listed)
            put_down(p, p->all[i]);
    pthread_mutex_unlock(&p->lock);
    return rc;
}

const struct peer *peers_get(struct peers *p, uint32_t id)
{
    const struct peer *peer;

    pthread_mutex_lock(&p->lock);
    peer = id < p->n_all ? p->all[id] : NULL;
    pthread_mutex_unlock(&p->lock);
    return peer;
}

void peers_inflight(struct peers *p, uint32_t id, int change)
{
    struct p2p_peer *view;

    pthread_mutex_lock(&p->lock);
    view = view_of(p, id);
    if (view)
        view->inflight += (uint32_t)change;
    pthread_mutex_unlock(&p->lock);
}

void peers_heard(struct peers *p, uint32_t id, const struct p2p_probe *said, uint64_t now_ns)
{
    struct p2p_peer *view;

    pthread_mutex_lock(&p->lock);
    view = view_of(p, id);
    if (view) {
        view->load = said->load;
        view->queue = said->queue;
        view->slots = said->slots;
        view->heard_ns = now_ns;
        /* RFC 6298's smoothing, one eighth. */
        if (said->rtt_ns)
            view->rtt_ns =
                view->rtt_ns ? view->rtt_ns - view->rtt_ns / 8 + said->rtt_ns / 8 : said->rtt_ns;
    }
    pthread_mutex_unlock(&p->lock);
}

bool peers_evidence(struct peers *p, uint32_t id, enum peer_evidence what)
{
    bool changed = false;
    struct peer *peer;

    pthread_mutex_lock(&p->lock);
    peer = id < p->n_all ? p->all[id] : NULL;
    if (!peer || !peer->listed)
        goto end;
    if (what == PEER_ANSWERED) {
        peer->failures = 0;
        changed = !find_up(p, id);
        put_up(p, peer);
    } else {
        peer->failures = what == PEER_UNREACHABLE ? LOST_IN_A_ROW : peer->failures + 1;
        if (peer->failures >= LOST_IN_A_ROW) {
            changed = find_up(p, id) != NULL;
            put_down(p, peer);
        }
    }
end:
    pthread_mutex_unlock(&p->lock);
    return changed;
}

uint32_t peers_down(struct peers *p, uint32_t *ids, uint32_t max)
{
    uint32_t n = 0;

    pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < p->n_all && n < max; i++)
        if (p->all[i]->listed && !find_up(p, i))
            ids[n++] = i;
    pthread_mutex_unlock(&p->lock);
    return n;
}

bool peers_is_up_locked(const struct peers *p, uint32_t id)
{
    return find_up(p, id) != NULL;
}

uint32_t peers_find_locked(const struct peers *p, const char *name)
{
    for (uint32_t i = 0; i < p->n_all; i++)
        if (p->all[i]->listed &&
            (strcmp(p->all[i]->name, name) == 0 || strcmp(p->all[i]->endpoint.text, name) == 0))
            return i;
    return P2P_NONE;
}

uint32_t peers_find(struct peers *p, const char *name)
{
    uint32_t id;

    pthread_mutex_lock(&p->lock);
    id = peers_find_locked(p, name);
    pthread_mutex_unlock(&p->lock);
    return id;
}

uint32_t peers_list(struct peers *p, struct peer_row *rows, uint32_t max)
{
    uint32_t n = 0;

    pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < p->n_all && n < max; i++) {
        const struct peer *peer = p->all[i];

        if (!peer->listed)
            continue;
        snprintf(rows[n].name, sizeof(rows[n].name), "%s", peer->name);
        snprintf(rows[n].address, sizeof(rows[n].address), "%s", peer->endpoint.text);
        rows[n].up = find_up(p, i) != NULL;
        rows[n].view = *view_of(p, i);
        n++;
    }
    pthread_mutex_unlock(&p->lock);
    return n;
}
