/*
 * ch_bl - each function at a node of its own, unless that has more than its share.
 *
 * Consistent hashing with bounded loads, of Mirrokni, Thorup and Zadimoghaddam,
 * "Consistent hashing with bounded loads", SODA 2018, doi:10.1137/1.9781611975031.39:
 *
 *   nodes and keys are hashed onto a circle; a key belongs to the first node clockwise of
 *   it that has less than its capacity, ceil((1 + epsilon) * jobs / nodes), the job that
 *   arrives counted in.
 *
 * With random_jumps a full node is left by a jump to a place that is hashed from the key
 * and the number of the jump, and not to the next clockwise, which would be the next to
 * overflow: RJ-CH of Chen, Coleman and Shrivastava, "Revisiting consistent hashing with
 * bounded loads", AAAI 35(5), 2021, doi:10.1609/aaai.v35i5.16517.
 *
 * The key is the function's name, so that a function is warm where its jobs go.  Nodes are
 * this one and the peers that are up, by their addresses, which are the same everywhere:
 * all nodes that know the same peers agree on who has what.
 *
 * Ours: a node's jobs are those that run and wait there, as last heard, and no fewer than
 * this node sent it and awaits; capacity is shared out by slots, which is the same where
 * all nodes have as many; a peer that refused the job counts as full.
 *
 * The hash: 64-bit FNV-1a of the text (offset 14695981039346656037, prime 1099511628211),
 * xor'ed with n times 0x9e3779b97f4a7c15 for the n-th virtual node or jump, and then the
 * output function of splitmix64 (Steele, Lea and Flood, doi:10.1145/2714064.2660195).
 */
#include <math.h>
#include <p2pfaas/plugin.h>
#include <string.h>

enum { MOST_TRIED = 8, JUMPS_A_NODE = 4 };

struct point {
    uint64_t at;
    uint32_t node; /* 0: this one; else the peer's place in the list, and 1 */
};

struct ch_bl {
    int64_t vnodes, most_peers, max_hops;
    double epsilon;
    bool random_jumps;
    bool built, told;
    uint32_t *ids;  /* the peers that the ring is of, as they were listed */
    uint32_t *seen; /* a node: the search that met it last, and found it full */
    uint32_t search;
    uint32_t n_peers, n_points;
    struct point *ring;
    uint64_t *owned, *overflowed;
};

/* What one decision keeps between its events. */
struct choice {
    uint32_t n_tried, tried[MOST_TRIED];
};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct ch_bl, vnodes, 100, 1, 1000, "places of each node on the circle"),
    P2P_PARAM_NUM(struct ch_bl, epsilon, 0.25, 0.001, 1000,
                  "a node has up to 1 + epsilon times the mean load"),
    P2P_PARAM_BOOL(struct ch_bl, random_jumps, 0,
                   "leave a full node by a random jump, not to the next on the circle"),
    P2P_PARAM_INT(struct ch_bl, most_peers, 256, 1, 4096,
                  "peers there is room for; beyond it the others get no jobs"),
    P2P_PARAM_INT(struct ch_bl, max_hops, 1, 0, 1000, "forwards a job may make"),
    P2P_PARAM_END};

/* ---- the hash ---- */

static uint64_t hash_text(const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return h;
}

static uint64_t place(uint64_t text, uint64_t n)
{
    uint64_t z = text ^ n * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ---- the ring ---- */

static void sift_down(struct point *p, uint32_t root, uint32_t n)
{
    struct point moved = p[root];

    for (uint32_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && p[child + 1].at > p[child].at)
            child++;
        if (p[child].at <= moved.at)
            break;
        p[root] = p[child];
    }
    p[root] = moved;
}

/* A heapsort: in place, and as fast on any peers. */
static void sort(struct point *p, uint32_t n)
{
    for (uint32_t i = n / 2; i-- > 0;)
        sift_down(p, i, n);
    for (uint32_t last = n; last-- > 1;) {
        struct point most = p[0];

        p[0] = p[last];
        p[last] = most;
        sift_down(p, 0, last);
    }
}

static void add_node(struct ch_bl *c, uint32_t node, const char *address)
{
    uint64_t text;

    if (!address)
        return;
    text = hash_text(address);
    for (int64_t i = 0; i < c->vnodes; i++)
        c->ring[c->n_points++] = (struct point){place(text, (uint64_t)i), node};
}

static uint32_t listed(const struct ch_bl *c, const struct p2p_request *rq)
{
    return rq->n_peers < c->most_peers ? rq->n_peers : (uint32_t)c->most_peers;
}

static bool is_of(const struct ch_bl *c, const struct p2p_request *rq)
{
    uint32_t n = listed(c, rq);

    if (!c->built || c->n_peers != n)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (c->ids[i] != rq->peers[i].id)
            return false;
    return true;
}

static void build(struct ch_bl *c, const struct p2p_request *rq)
{
    if (rq->n_peers > c->most_peers && !c->told) {
        p2p_logf(rq->host, P2P_LOG_WARN,
                 "%u peers are up, most_peers is %lld: the others get no jobs", rq->n_peers,
                 (long long)c->most_peers);
        c->told = true;
    }
    c->built = true;
    c->n_peers = listed(c, rq);
    c->n_points = 0;
    add_node(c, 0, rq->host->address(rq->host, P2P_NONE));
    for (uint32_t i = 0; i < c->n_peers; i++) {
        c->ids[i] = rq->peers[i].id;
        add_node(c, i + 1, rq->host->address(rq->host, c->ids[i]));
    }
    sort(c->ring, c->n_points);
}

/* The first point at or after that place; the circle's end is its beginning. */
static uint32_t clockwise(const struct ch_bl *c, uint64_t at)
{
    uint32_t low = 0, high = c->n_points;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (c->ring[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->n_points ? low : 0;
}

/* ---- bounded loads ---- */

static uint64_t jobs_at(const struct p2p_request *rq, uint32_t node)
{
    const struct p2p_peer *p;
    uint64_t heard;

    if (node == 0)
        return (uint64_t)rq->node->load + rq->node->queue;
    p = &rq->peers[node - 1];
    heard = (uint64_t)p->load + p->queue;
    return heard > p->inflight ? heard : p->inflight;
}

static double weight_of(const struct p2p_request *rq, uint32_t node)
{
    uint32_t slots = node ? rq->peers[node - 1].slots : rq->node->slots;

    return slots ? slots : 1;
}

/* What a slot may have: (1 + epsilon) of the mean. */
static double share_of_a_slot(const struct ch_bl *c, const struct p2p_request *rq)
{
    double jobs = 1, slots = 0;

    for (uint32_t node = 0; node <= c->n_peers; node++) {
        jobs += (double)jobs_at(rq, node);
        slots += weight_of(rq, node);
    }
    return (1 + c->epsilon) * jobs / slots;
}

static bool is_full(const struct p2p_request *rq, uint32_t node, double share)
{
    const struct choice *tried = rq->state;

    for (uint32_t i = 0; node && i < tried->n_tried; i++)
        if (tried->tried[i] == rq->peers[node - 1].id)
            return true;
    return (double)jobs_at(rq, node) >= ceil(share * weight_of(rq, node));
}

/* A node that was met before is full. */
static bool takes(struct ch_bl *c, const struct p2p_request *rq, uint32_t node, double share)
{
    if (c->seen[node] == c->search || is_full(rq, node, share)) {
        c->seen[node] = c->search;
        return false;
    }
    return true;
}

/* Somebody is below capacity, as the capacities add up to more than all jobs; only when
 * it refused is there none, and this node takes the job. */
static uint32_t find(struct ch_bl *c, const struct p2p_request *rq, uint64_t key)
{
    double share = share_of_a_slot(c, rq);
    uint32_t first = clockwise(c, place(key, 0)), jumps = 0;

    c->search++;
    if (c->random_jumps)
        jumps = JUMPS_A_NODE * (c->n_peers + 1);
    for (uint32_t i = 0; i < jumps; i++) {
        uint32_t node = c->ring[clockwise(c, place(key, i))].node;

        if (takes(c, rq, node, share))
            return node;
    }
    for (uint32_t i = 0; i < c->n_points; i++) {
        uint32_t at = first + i < c->n_points ? first + i : first + i - c->n_points;

        if (takes(c, rq, c->ring[at].node, share))
            return c->ring[at].node;
    }
    return 0;
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    struct ch_bl *c = self;
    struct choice *tried = rq->state;
    const char *name;
    uint64_t key;
    uint32_t node;

    if ((rq->event != P2P_EV_ARRIVAL && rq->event != P2P_EV_REFUSED) ||
        (int64_t)rq->hops >= c->max_hops || rq->n_peers == 0 || tried->n_tried == MOST_TRIED)
        return p2p_local();
    name = rq->host->function_name(rq->host, rq->function);
    if (!name)
        return p2p_local();
    if (!is_of(c, rq))
        build(c, rq);
    key = hash_text(name);
    node = c->n_points ? find(c, rq, key) : 0;
    if (tried->n_tried == 0)
        ++*(c->n_points && node == c->ring[clockwise(c, place(key, 0))].node ? c->owned
                                                                             : c->overflowed);
    if (node == 0)
        return p2p_local();
    tried->tried[tried->n_tried++] = rq->peers[node - 1].id;
    return p2p_forward(rq->peers[node - 1].id);
}

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct ch_bl *c = self;
    size_t nodes = (size_t)c->most_peers + 1, points = nodes * (size_t)c->vnodes;

    c->ids = host->alloc(host, nodes * sizeof(*c->ids));
    c->seen = host->alloc(host, nodes * sizeof(*c->seen));
    c->ring = host->alloc(host, points * sizeof(*c->ring));
    if (!c->ids || !c->seen || !c->ring) {
        snprintf(err, P2P_ERRLEN,
                 "no memory for a ring of (most_peers %lld + 1) * vnodes %lld points of %zu bytes",
                 (long long)c->most_peers, (long long)c->vnodes, sizeof(*c->ring));
        return -1;
    }
    c->owned = host->counter(host, "owned", "Jobs that went to the first node of their key.");
    c->overflowed = host->counter(host, "overflowed", "Jobs for which that node was full.");
    return 0;
}

static const struct p2p_scheduler ch_bl_ops = {
    .size = sizeof(ch_bl_ops),
    .name = "ch_bl",
    .version = "1.0",
    .summary = "each function at a node of its own: consistent hashing with bounded loads",
    .params = params,
    .instance_size = sizeof(struct ch_bl),
    .decision_size = sizeof(struct choice),
    .decide = decide,
    .init = init,
};

P2P_SCHEDULER_PLUGIN(ch_bl_ops);
