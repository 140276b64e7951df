#include "host/peers.h"

#include <stdlib.h>
#include <string.h>

enum { LOST_IN_A_ROW = 3, MOST_DOUBLINGS = 6 };
static const uint64_t DEFAULT_RETRY_NS = 1000000000;

int peers_init(struct peers *p)
{
    memset(p, 0, sizeof(*p));
    p->retry_ns = DEFAULT_RETRY_NS;
    return pthread_mutex_init(&p->lock, NULL) ? -1 : 0;
}

void peers_release(struct peers *p)
{
    HASH_CLEAR(hh, p->by_endpoint);
    for (uint32_t i = 0; i < p->n_all; i++) {
        free(p->all[i]->name);
        free(p->all[i]);
    }
    free(p->all);
    free(p->up);
    free(p->chosen);
    pthread_mutex_destroy(&p->lock);
}

static bool is_peer(const struct peer *peer)
{
    return peer->listed || peer->joined;
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
    p->n_partial += peer->partial;
    peer->failures = peer->retries = 0;
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
    p->n_partial -= peer->partial;
}

/* Down, and asked again after a while. */
static void put_off(struct peers *p, struct peer *peer, uint64_t now_ns)
{
    put_down(p, peer);
    if (peer->failures < LOST_IN_A_ROW)
        peer->failures = LOST_IN_A_ROW;
    peer->retries = 0;
    peer->retry_at_ns = now_ns + p->retry_ns;
}

static struct p2p_peer *view_of(struct peers *p, uint32_t id)
{
    struct p2p_peer *view = find_up(p, id);

    if (!view && id < p->n_all)
        view = &p->all[id]->view;
    return view;
}

/* The peer of that endpoint under that name; another name there is another peer. */
static struct peer *find_at(struct peers *p, const char *name, const struct endpoint *e)
{
    struct peer *peer;

    HASH_FIND_STR(p->by_endpoint, e->text, peer);
    return peer && (!name || strcmp(peer->name, name) == 0) ? peer : NULL;
}

/* Room for one more; the arrays double. */
static int grow(struct peers *p)
{
    size_t n = p->n_all ? 2 * (size_t)p->n_all : 1;
    struct peer **all;
    struct p2p_peer *up, *chosen;

    if (p->n_all & (p->n_all - 1))
        return 0;
    all = realloc(p->all, n * sizeof(struct peer *));
    if (all)
        p->all = all;
    up = realloc(p->up, n * sizeof(*up));
    if (up)
        p->up = up;
    chosen = realloc(p->chosen, n * sizeof(*chosen));
    if (chosen)
        p->chosen = chosen;
    return all && up && chosen ? 0 : -1;
}

static struct peer *add_peer(struct peers *p, const char *name, const struct endpoint *e)
{
    struct peer *peer = grow(p) ? NULL : calloc(1, sizeof(*peer)), *old;

    if (peer && !(peer->name = strdup(name))) {
        free(peer);
        peer = NULL;
    }
    if (!peer)
        return NULL;
    peer->id = p->n_all;
    peer->endpoint = *e;
    peer->view.id = peer->id;
    p->all[p->n_all++] = peer;
    HASH_REPLACE_STR(p->by_endpoint, endpoint.text, peer, old);
    if (old) {
        put_down(p, old);
        old->listed = old->joined = false;
    }
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
        struct peer *peer = find_at(p, list[i].name, &list[i].endpoint);
        bool fresh = !peer;

        if (fresh)
            peer = add_peer(p, list[i].name, &list[i].endpoint);
        if (!peer) {
            snprintf(err, P2P_ERRLEN, "peers: out of memory at %s", list[i].name);
            goto end;
        }
        peer->listed = true;
        peer->has_protocol = list[i].has_protocol;
        if (peer->has_protocol || !peer->joined)
            peer->protocol = list[i].protocol;
        if (fresh || peer->failures < LOST_IN_A_ROW)
            put_up(p, peer);
    }
    rc = 0;
end:
    for (uint32_t i = 0; i < p->n_all; i++)
        if (!is_peer(p->all[i]))
            put_down(p, p->all[i]);
    pthread_mutex_unlock(&p->lock);
    return rc;
}

/* ---- what discovery tells ---- */

static uint32_t count_peers(const struct peers *p)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->n_all; i++)
        n += is_peer(p->all[i]);
    return n;
}

static void set_offers(struct peers *p, struct peer *peer, const uint64_t *offers)
{
    bool up = find_up(p, peer->id) != NULL;

    p->n_partial -= up && peer->partial;
    peer->partial = offers != NULL;
    p->n_partial += up && peer->partial;
    if (offers)
        memcpy(peer->offers, offers, sizeof(peer->offers));
}

uint32_t peers_join(struct peers *p, const struct peer_member *m, char err[P2P_ERRLEN])
{
    struct peer *peer;
    uint32_t id = P2P_NONE;

    pthread_mutex_lock(&p->lock);
    peer = find_at(p, NULL, &m->endpoint);
    /* A name of the configuration stays. */
    if (peer && !peer->listed && strcmp(peer->name, m->name) != 0)
        peer = NULL;
    if ((!peer || !is_peer(peer)) && count_peers(p) >= CONFIG_MAX_PEERS) {
        snprintf(err, P2P_ERRLEN, "%.60s at %.60s: no room for it, there are %d peers already",
                 m->name, m->endpoint.text, CONFIG_MAX_PEERS);
        goto end;
    }
    if (!peer)
        peer = add_peer(p, m->name, &m->endpoint);
    if (!peer) {
        snprintf(err, P2P_ERRLEN, "%.60s at %.60s: out of memory", m->name, m->endpoint.text);
        goto end;
    }
    peer->joined = true;
    if (!peer->listed || !peer->has_protocol)
        peer->protocol = m->protocol;
    snprintf(peer->group, sizeof(peer->group), "%s", m->group ? m->group : "");
    set_offers(p, peer, m->offers);
    put_up(p, peer);
    if (m->slots)
        view_of(p, peer->id)->slots = m->slots;
    id = peer->id;
end:
    pthread_mutex_unlock(&p->lock);
    return id;
}

void peers_dead(struct peers *p, const struct endpoint *e, uint64_t now_ns)
{
    struct peer *peer;

    pthread_mutex_lock(&p->lock);
    peer = find_at(p, NULL, e);
    if (peer && find_up(p, peer->id))
        put_off(p, peer, now_ns);
    pthread_mutex_unlock(&p->lock);
}

void peers_left(struct peers *p, const struct endpoint *e)
{
    struct peer *peer;

    pthread_mutex_lock(&p->lock);
    peer = find_at(p, NULL, e);
    if (peer) {
        peer->joined = false;
        if (!peer->listed)
            put_down(p, peer);
    }
    pthread_mutex_unlock(&p->lock);
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

bool peers_evidence(struct peers *p, uint32_t id, enum peer_evidence what, uint64_t now_ns)
{
    bool was_up, changed = false;
    struct peer *peer;

    pthread_mutex_lock(&p->lock);
    peer = id < p->n_all ? p->all[id] : NULL;
    if (!peer || !is_peer(peer))
        goto end;
    was_up = find_up(p, id) != NULL;
    if (what == PEER_ANSWERED) {
        peer->failures = 0;
        put_up(p, peer);
        changed = !was_up;
    } else {
        peer->failures = what == PEER_UNREACHABLE ? LOST_IN_A_ROW : peer->failures + 1;
        changed = was_up && peer->failures >= LOST_IN_A_ROW;
        if (changed)
            put_off(p, peer, now_ns);
    }
end:
    pthread_mutex_unlock(&p->lock);
    return changed;
}

void peers_count(struct peers *p, uint32_t *up, uint32_t *down)
{
    pthread_mutex_lock(&p->lock);
    *up = p->n_up;
    *down = count_peers(p) - p->n_up;
    pthread_mutex_unlock(&p->lock);
}

uint32_t peers_due(struct peers *p, uint64_t now_ns, uint32_t *ids, uint32_t max)
{
    uint32_t n = 0;

    pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < p->n_all && n < max; i++) {
        struct peer *peer = p->all[i];

        if (!is_peer(peer) || now_ns < peer->retry_at_ns || find_up(p, i))
            continue;
        if (peer->retries < MOST_DOUBLINGS)
            peer->retries++;
        peer->retry_at_ns = now_ns + (p->retry_ns << peer->retries);
        ids[n++] = i;
    }
    pthread_mutex_unlock(&p->lock);
    return n;
}

bool peers_is_up_locked(const struct peers *p, uint32_t id)
{
    return find_up(p, id) != NULL;
}

const struct p2p_peer *peers_view_locked(struct peers *p, uint32_t function, uint32_t *n)
{
    uint32_t word = function / 64, kept = 0;
    uint64_t bit = (uint64_t)1 << function % 64;

    *n = p->n_up;
    if (p->n_partial == 0 || function == 0 || word >= PEER_OFFER_WORDS)
        return p->up;
    for (uint32_t i = 0; i < p->n_up; i++) {
        const struct peer *peer = p->all[p->up[i].id];

        if (!peer->partial || peer->offers[word] & bit)
            p->chosen[kept++] = p->up[i];
    }
    *n = kept;
    return p->chosen;
}

/* "10.0.0.2" is at "10.0.0.2:18080", "::1" at "[::1]:18080". */
static bool has_address(const struct endpoint *e, const char *text)
{
    bool bracket = e->text[0] == '[';
    size_t n = strlen(text);

    return strncmp(e->text + bracket, text, n) == 0 &&
           e->text[bracket + n] == (bracket ? ']' : ':');
}

uint32_t peers_find_locked(const struct peers *p, const char *name)
{
    struct peer *peer;

    HASH_FIND_STR(p->by_endpoint, name, peer);
    if (peer && is_peer(peer))
        return peer->id;
    for (uint32_t i = 0; i < p->n_all; i++)
        if (is_peer(p->all[i]) &&
            (strcmp(p->all[i]->name, name) == 0 || has_address(&p->all[i]->endpoint, name)))
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

        if (!is_peer(peer))
            continue;
        snprintf(rows[n].name, sizeof(rows[n].name), "%s", peer->name);
        snprintf(rows[n].address, sizeof(rows[n].address), "%s", peer->endpoint.text);
        snprintf(rows[n].group, sizeof(rows[n].group), "%s", peer->group);
        rows[n].protocol = peer->protocol;
        rows[n].joined = peer->joined;
        rows[n].up = find_up(p, i) != NULL;
        rows[n].view = *view_of(p, i);
        n++;
    }
    pthread_mutex_unlock(&p->lock);
    return n;
}
