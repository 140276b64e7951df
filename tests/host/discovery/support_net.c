#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/host/discovery/support_net.h"

enum event_kind { TICK, DATAGRAM, REQUEST, ANSWER, NO_ANSWER };
enum { PORT = 7000, STATE_MOST = 8 << 20 };

struct net_event {
    uint64_t at, order;
    enum event_kind kind;
    unsigned to, from;
    uint8_t *data;
    size_t len;
};

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

static uint64_t next_rand(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static double chance(struct net *net)
{
    return (double)(next_rand(&net->rand) >> 11) * 0x1p-53;
}

static bool sooner(const struct net_event *a, const struct net_event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void push(struct net *net, struct net_event e)
{
    static uint64_t order;
    size_t at = net->n_events;

    e.order = ++order;
    if (net->n_events == net->room) {
        net->room = net->room ? net->room * 2 : 1024;
        net->events = must(realloc(net->events, net->room * sizeof(*net->events)));
    }
    net->n_events++;
    for (; at > 0 && sooner(&e, &net->events[(at - 1) / 2]); at = (at - 1) / 2)
        net->events[at] = net->events[(at - 1) / 2];
    net->events[at] = e;
}

static struct net_event pop(struct net *net)
{
    struct net_event first = net->events[0], last = net->events[--net->n_events];
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < net->n_events && sooner(&net->events[child + 1], &net->events[child]))
            child++;
        if (child >= net->n_events || !sooner(&net->events[child], &last))
            break;
        net->events[at] = net->events[child];
        at = child;
    }
    if (net->n_events)
        net->events[at] = last;
    return first;
}

/* ---- addresses */

struct swim_address net_address(unsigned node)
{
    struct swim_address a = {.port = PORT};
    unsigned host = node + 1;

    a.ip[10] = a.ip[11] = 0xff;
    a.ip[12] = 10;
    a.ip[13] = (uint8_t)(host >> 16);
    a.ip[14] = (uint8_t)(host >> 8);
    a.ip[15] = (uint8_t)host;
    return a;
}

unsigned net_index(const struct swim_address *a)
{
    return ((unsigned)a->ip[13] << 16 | (unsigned)a->ip[14] << 8 | a->ip[15]) - 1;
}

/* ---- what the detectors ask for */

static bool reaches(const struct net *net, unsigned from, unsigned to)
{
    return to < net->n && net->nodes[to].up && net->nodes[from].side == net->nodes[to].side;
}

static uint64_t arrival(struct net *net, unsigned to)
{
    uint64_t spread = net->delay_most_ns - net->delay_least_ns;

    return net->now + net->delay_least_ns + (uint64_t)(chance(net) * (double)spread) +
           net->nodes[to].slow_ns;
}

static void carry(struct net *net, enum event_kind kind, unsigned from, unsigned to,
                  const void *data, size_t len)
{
    uint8_t *copy = must(malloc(len ? len : 1));

    memcpy(copy, data, len);
    push(net, (struct net_event){.at = arrival(net, to),
                                 .kind = kind,
                                 .to = to,
                                 .from = from,
                                 .data = copy,
                                 .len = len});
}

static void on_send(void *ctx, const struct swim_address *to, const void *data, size_t len)
{
    struct net_node *node = ctx;
    struct net *net = node->net;
    unsigned from = (unsigned)(node - net->nodes);

    net->datagrams++;
    net->bytes += len;
    if (!reaches(net, from, net_index(to)) || chance(net) < net->loss)
        return;
    carry(net, DATAGRAM, from, net_index(to), data, len);
}

static void on_exchange(void *ctx, const struct swim_address *to, enum swim_want want)
{
    struct net_node *node = ctx;
    struct net *net = node->net;
    unsigned from = (unsigned)(node - net->nodes);
    struct buf body;

    net->exchanges++;
    if (!reaches(net, from, net_index(to))) {
        push(net,
             (struct net_event){
                 .at = net->now + 50 * MS, .kind = NO_ANSWER, .to = from, .from = net_index(to)});
        return;
    }
    buf_init(&body, STATE_MOST);
    if (swim_write_state(node->swim, want, &body))
        abort();
    net->exchange_bytes += body.len;
    carry(net, REQUEST, from, net_index(to), body.data, body.len);
    buf_release(&body);
}

static void on_changed(void *ctx, const struct swim_member *m, enum swim_state old_state)
{
    struct net_node *node = ctx;
    struct net *net = node->net;

    if (net->changed)
        net->changed(net, (unsigned)(node - net->nodes), m, old_state);
}

static const struct swim_callbacks callbacks = {
    .send = on_send, .exchange = on_exchange, .changed = on_changed};

/* ---- life */

void net_init(struct net *net, unsigned n, uint64_t seed)
{
    memset(net, 0, sizeof(*net));
    net->now = SECOND;
    net->rand = seed;
    net->delay_least_ns = MS / 5;
    net->delay_most_ns = 2 * MS;
    swim_defaults(&net->settings);
    net->n = n;
    net->nodes = must(calloc(n, sizeof(*net->nodes)));
    for (unsigned i = 0; i < n; i++) {
        net->nodes[i].net = net;
        net->nodes[i].address = net_address(i);
        net->nodes[i].incarnation = 1;
        net->nodes[i].rand = next_rand(&net->rand);
    }
}

void net_release(struct net *net)
{
    for (unsigned i = 0; i < net->n; i++)
        swim_free(net->nodes[i].swim);
    for (size_t i = 0; i < net->n_events; i++)
        free(net->events[i].data);
    free(net->events);
    free(net->nodes);
}

void net_touched(struct net *net, unsigned node)
{
    struct net_node *n = &net->nodes[node];
    uint64_t next = swim_next(n->swim);

    if (next < net->now)
        next = net->now;
    if (next >= n->tick_at)
        return;
    n->tick_at = next;
    push(net, (struct net_event){.at = next, .kind = TICK, .to = node});
}

void net_start(struct net *net, unsigned node)
{
    struct net_node *n = &net->nodes[node];
    char id[32], err[P2P_ERRLEN];
    struct swim_self self = {.address = n->address,
                             .http_port = 8080,
                             .id = id,
                             .group = "test",
                             .slots = 4,
                             .incarnation = n->incarnation++};

    snprintf(id, sizeof(id), "node-%u", node);
    n->swim =
        must(swim_new(&net->settings, &self, &callbacks, n, next_rand(&n->rand), net->now, err));
    swim_set_load(n->swim, node % 4, 0, 4);
    n->up = true;
    n->tick_at = UINT64_MAX;
    net_touched(net, node);
}

void net_join(struct net *net, unsigned node, unsigned seed)
{
    char err[P2P_ERRLEN];

    if (swim_join(net->nodes[node].swim, &net->nodes[seed].address, err))
        abort();
    net_touched(net, node);
}

void net_crash(struct net *net, unsigned node)
{
    swim_free(net->nodes[node].swim);
    net->nodes[node].swim = NULL;
    net->nodes[node].up = false;
}

void net_introduce(struct net *net)
{
    char err[P2P_ERRLEN];
    struct buf all, one;

    buf_init(&all, STATE_MOST);
    buf_init(&one, STATE_MOST);
    for (unsigned i = 0; i < net->n; i++) {
        net_start(net, i);
        if (i == 0)
            continue;
        buf_clear(&one);
        if (swim_write_state(net->nodes[i].swim, SWIM_WANT_STATE, &one) ||
            swim_merge_state(net->nodes[0].swim, &net->nodes[i].address, one.data, one.len,
                             net->now, err))
            abort();
    }
    if (swim_write_state(net->nodes[0].swim, SWIM_WANT_STATE, &all))
        abort();
    for (unsigned i = 1; i < net->n; i++)
        if (swim_merge_state(net->nodes[i].swim, &net->nodes[0].address, all.data, all.len,
                             net->now, err))
            abort();
    for (unsigned i = 0; i < net->n; i++)
        net_touched(net, i);
    buf_release(&one);
    buf_release(&all);
}

/* ---- running */

static void answer(struct net *net, const struct net_event *e)
{
    char err[P2P_ERRLEN];
    struct buf out;

    buf_init(&out, STATE_MOST);
    if (swim_answer(net->nodes[e->to].swim, e->data, e->len, &out, net->now, err))
        abort();
    net->exchange_bytes += out.len;
    carry(net, ANSWER, e->to, e->from, out.data, out.len);
    buf_release(&out);
}

static void happen(struct net *net, const struct net_event *e)
{
    struct net_node *to = &net->nodes[e->to];
    struct swim_address from = net_address(e->from);
    char err[P2P_ERRLEN];

    if (!to->up || (e->kind == TICK && e->at != to->tick_at))
        return;
    switch (e->kind) {
    case TICK:
        to->tick_at = UINT64_MAX;
        swim_tick(to->swim, net->now);
        break;
    case DATAGRAM:
        swim_receive(to->swim, &from, e->data, e->len, net->now);
        break;
    case REQUEST:
        answer(net, e);
        break;
    case ANSWER:
        if (swim_merge_state(to->swim, &from, e->data, e->len, net->now, err))
            abort();
        break;
    case NO_ANSWER:
        swim_exchange_failed(to->swim, &from, net->now);
        break;
    }
    net_touched(net, e->to);
}

void net_run(struct net *net, uint64_t until_ns)
{
    while (net->n_events && net->events[0].at <= until_ns) {
        struct net_event e = pop(net);

        net->now = e.at;
        happen(net, &e);
        free(e.data);
    }
    net->now = until_ns;
}

uint64_t net_run_until(struct net *net, bool (*is)(struct net *net), uint64_t most_ns,
                       uint64_t step_ns)
{
    uint64_t start = net->now;

    while (net->now - start < most_ns) {
        net_run(net, net->now + step_ns);
        if (is(net))
            return net->now - start;
    }
    return UINT64_MAX;
}

/* ---- looking */

const struct swim_member *net_sees(const struct net *net, unsigned node, unsigned other)
{
    return swim_find(net->nodes[node].swim, &net->nodes[other].address);
}

enum swim_state net_state(const struct net *net, unsigned node, unsigned other)
{
    const struct swim_member *m = net_sees(net, node, other);

    return m ? m->state : SWIM_UNKNOWN;
}

bool net_converged(struct net *net)
{
    for (unsigned i = 0; i < net->n; i++)
        for (unsigned j = 0; j < net->n; j++)
            if (i != j && net->nodes[i].up && net->nodes[j].up &&
                net_state(net, i, j) != SWIM_ALIVE)
                return false;
    return true;
}
