#include "sdk/check/mock_world.h"

#include <stdlib.h>
#include <string.h>

#include "sdk/check/fence.h"

#define SECOND UINT64_C(1000000000)

int world_open(struct mock_world *w, uint64_t seed)
{
    *w = (struct mock_world){.chance = {seed}};
    w->room = fence_new(w, WORLD_PEERS * sizeof(*w->room), "rq->peers");
    if (!w->room)
        return -1;
    w->peers = w->room + WORLD_PEERS;
    w->now = SECOND + chance_below(&w->chance, 1000 * SECOND);
    world_draw(w);
    return 0;
}

void world_close(struct mock_world *w)
{
    fence_free(w);
}

/* Mostly small, sometimes what only a broken or hostile peer says. */
static uint32_t any_count(struct chance *c)
{
    switch (chance_below(c, 8)) {
    case 0:
        return 0;
    case 1:
        return (uint32_t)chance_below(c, 1000);
    case 2:
        return chance_percent(c, 10) ? UINT32_MAX : 100000;
    default:
        return (uint32_t)chance_below(c, 6);
    }
}

static void draw_load(struct mock_world *w, struct p2p_peer *p)
{
    struct chance *c = &w->chance;

    p->load = any_count(c);
    p->queue = any_count(c);
    p->inflight = (uint32_t)chance_below(c, 4);
    p->heard_ns = w->now - chance_below(c, SECOND);
    p->rtt_ns = chance_percent(c, 30) ? 0 : chance_below(c, SECOND / 10);
    if (chance_percent(c, 10)) { /* never heard */
        p->load = p->queue = p->slots = 0;
        p->heard_ns = p->rtt_ns = 0;
    }
}

static void draw_node(struct mock_world *w)
{
    struct chance *c = &w->chance;
    struct p2p_node *n = &w->node;

    *n = (struct p2p_node){.size = sizeof(*n), .id = P2P_NONE};
    n->slots = 1 + (uint32_t)chance_below(c, 16);
    n->queue_limit = chance_percent(c, 20) ? 0 : (uint32_t)chance_below(c, 200);
    switch (chance_below(c, 3)) {
    case 0: /* full */
        n->load = n->slots;
        n->queue = n->queue_limit;
        break;
    case 1: /* idle */
        break;
    default:
        n->load = (uint32_t)chance_below(c, n->slots + 1);
        n->queue = n->load == n->slots ? (uint32_t)chance_below(c, n->queue_limit + 1) : 0;
    }
}

static uint32_t draw_n_peers(struct chance *c)
{
    switch (chance_below(c, 6)) {
    case 0:
        return 0;
    case 1:
        return 1;
    case 2:
        return 2;
    case 3:
        return chance_percent(c, 10) ? WORLD_PEERS : 64;
    default:
        return 3 + (uint32_t)chance_below(c, 12);
    }
}

static void draw_peers(struct mock_world *w, uint32_t n)
{
    struct chance *c = &w->chance;
    uint32_t id = (uint32_t)chance_below(c, 10);

    w->n_peers = n;
    w->peers = w->room + WORLD_PEERS - w->n_peers;
    for (uint32_t i = 0; i < w->n_peers; i++) {
        struct p2p_peer *p = &w->peers[i];
        uint32_t other = (uint32_t)chance_below(c, i + 1u);

        *p = w->peers[other]; /* in no order */
        w->peers[other] = (struct p2p_peer){.id = id += 1 + (uint32_t)chance_below(c, 3),
                                            .flags = P2P_PEER_UP,
                                            .slots = 1 + (uint32_t)chance_below(c, 8)};
        draw_load(w, &w->peers[other]);
    }
    if (w->last_id < id + 3)
        w->last_id = id + 3; /* the last ones have gone */
}

void world_draw(struct mock_world *w)
{
    struct chance *c = &w->chance;

    draw_node(w);
    draw_peers(w, draw_n_peers(c));
    w->stubborn = false;
    w->silent = chance_percent(c, 15);
    w->refusing = chance_percent(c, 20) ? 100 : (unsigned)chance_below(c, 50);
}

void world_draw_stubborn(struct mock_world *w)
{
    draw_node(w);
    w->node.load = w->node.slots;
    w->node.queue = w->node.queue_limit;
    draw_peers(w, 64);
    for (uint32_t i = 0; i < w->n_peers; i++)
        w->peers[i].load = w->peers[i].queue = w->peers[i].inflight = 0;
    w->stubborn = true;
    w->silent = false;
    w->refusing = 100;
}

void world_drift(struct mock_world *w)
{
    struct chance *c = &w->chance;

    w->now += chance_below(c, SECOND / 100);
    if (w->n_peers == 0 || w->stubborn)
        return;
    draw_load(w, &w->peers[chance_below(c, w->n_peers)]);
    if (chance_percent(c, 5)) {
        w->peers++;
        w->n_peers--;
    }
}

bool world_knows(const struct mock_world *w, uint32_t id)
{
    return id > 0 && id <= w->last_id;
}

bool world_has(const struct mock_world *w, uint32_t id)
{
    for (uint32_t i = 0; i < w->n_peers; i++)
        if (w->peers[i].id == id)
            return true;
    return false;
}

uint32_t world_any_peer(struct mock_world *w)
{
    return w->n_peers ? w->peers[chance_below(&w->chance, w->n_peers)].id : P2P_NONE;
}

/* A text of its own for every number: plugins hold several at a time. */
static const char *numbered(char texts[WORLD_IDS][32], const char *what, uint32_t id)
{
    if (!texts[id][0])
        snprintf(texts[id], sizeof(texts[id]), "%s%u", what, id);
    return texts[id];
}

const char *world_name(const struct mock_world *w, uint32_t id)
{
    static char texts[WORLD_IDS][32];

    return world_knows(w, id) ? numbered(texts, "peer-", id) : NULL;
}

const char *world_address(const struct mock_world *w, uint32_t id)
{
    static char texts[WORLD_IDS][32];

    if (id == P2P_NONE)
        return "192.0.2.1:20000";
    return world_knows(w, id) ? numbered(texts, "192.0.2.2:", id) : NULL;
}

const char *world_function(uint32_t id)
{
    static char texts[WORLD_IDS][32];

    return id < WORLD_FUNCTIONS ? numbered(texts, "function-", id) : NULL;
}

uint32_t world_id(const struct mock_world *w, const char *name)
{
    unsigned id;

    if (sscanf(name, "peer-%u", &id) != 1 || !world_knows(w, id))
        return P2P_NONE;
    return id;
}
