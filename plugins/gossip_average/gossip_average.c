/*
 * gossip_average - forward when loaded above the mean of all nodes, which is gossiped.
 *
 * Push-pull averaging of Jelasity, Montresor and Babaoglu, "Gossip-based aggregation in
 * large dynamic networks", ACM Transactions on Computer Systems 23(3), 2005,
 * doi:10.1145/1082469.1082470:
 *
 *   an epoch begins with every node's own load per slot as its value.  In each cycle a
 *   node exchanges values with a random peer, and both go on with their mean.  The mean of
 *   all stays, their variance is 1/(2 sqrt e) = 0.303 of that before, so that after an
 *   epoch's cycles each node's value is the mean load at the epoch's begin: the estimate.
 *   A node that hears of a later epoch joins it at once.
 *
 * What is decided by it is ours: a job that arrives while this node's load per slot is
 * above the estimate by more than `margin` is forwarded: with `to: heard` to the peer below
 * the estimate that was heard last, if there is one, with `to: random` to a random one.  The load
 * is the running and the waiting jobs.
 *
 * Ours too: the answer to a push carries by how much its sender's value has to change, so
 * that exchanges that overlap leave the mean as it is; only a lost answer does not, until
 * the next epoch.  A node that starts joins the epoch that it hears of, in its middle as
 * well: its load counts from then on.  A cycle is a tick, 100 ms.
 *
 * Messages: version 1, kind (1 push, 2 pull), two bytes 0, epoch (4 bytes), cycle (4), four
 * bytes 0, value (8, signed, in units of 2^-32); numbers have their low byte first.
 */
#include <p2pfaas/plugin.h>

#define CYCLE_NS UINT64_C(100000000)
#define UNIT 4294967296.0 /* of a value in a message */
#define MOST_LOAD 1048576.0

enum { VERSION = 1, PUSH = 1, PULL = 2, LENGTH = 24 };
enum { OPEN = 8 }; /* cycles after which an answer is too late */
enum { TO_HEARD, TO_RANDOM };

struct exchange {
    uint32_t peer, cycle;
    bool open;
};

struct gossip_average {
    int64_t cycles, to, max_hops;
    double margin;
    double value, estimate;
    uint32_t epoch;
    uint32_t cycle; /* in all, and never the same twice in the open ones */
    uint32_t done;  /* cycles of this epoch */
    bool started, estimated;
    struct exchange open[OPEN];
    double *shown;
};

struct message {
    uint32_t kind, epoch, cycle;
    double value;
};

static const char *const targets[] = {"heard", "random", NULL};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct gossip_average, cycles, 10, 1, 1000,
                  "cycles of 100 ms in an epoch; then the estimate is renewed"),
    P2P_PARAM_NUM(struct gossip_average, margin, 0.25, 0, 1000,
                  "load per slot above the mean from which on jobs are forwarded"),
    P2P_PARAM_ENUM(struct gossip_average, to, TO_HEARD, targets,
                   "to the peer below the mean that was heard last, or to a random one"),
    P2P_PARAM_INT(struct gossip_average, max_hops, 1, 0, 1000, "forwards a job may make"),
    P2P_PARAM_END};

/* ---- messages ---- */

static void put(unsigned char *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t get(const unsigned char *at, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

static bool send(const struct p2p_request *rq, uint32_t peer, struct message m)
{
    unsigned char bytes[LENGTH] = {VERSION, (unsigned char)m.kind};

    put(bytes + 4, m.epoch, 4);
    put(bytes + 8, m.cycle, 4);
    put(bytes + 16, (uint64_t)(int64_t)(m.value * UNIT), 8);
    return rq->host->tell(rq->host, peer, bytes, sizeof(bytes));
}

static bool read_message(struct message *m, const unsigned char *bytes, uint32_t len)
{
    if (len != LENGTH || bytes[0] != VERSION || get(bytes + 2, 2) != 0 || get(bytes + 12, 4) != 0)
        return false;
    m->kind = bytes[1];
    m->epoch = (uint32_t)get(bytes + 4, 4);
    m->cycle = (uint32_t)get(bytes + 8, 4);
    m->value = (double)(int64_t)get(bytes + 16, 8) / UNIT;
    if (m->kind == PUSH)
        return m->value >= 0 && m->value <= MOST_LOAD;
    return m->kind == PULL && m->value >= -MOST_LOAD && m->value <= MOST_LOAD;
}

/* ---- the average ---- */

static double per_slot(uint64_t jobs, uint32_t slots)
{
    double load = (double)jobs / (slots ? slots : 1);

    return load < MOST_LOAD ? load : MOST_LOAD;
}

static double own_load(const struct p2p_request *rq)
{
    return per_slot((uint64_t)rq->node->load + rq->node->queue, rq->node->slots);
}

static void begin_epoch(struct gossip_average *g, const struct p2p_request *rq, uint32_t epoch)
{
    /* After few cycles the value is still this node's own more than the mean. */
    if (g->started && (int64_t)g->done * 2 >= g->cycles) {
        g->estimate = g->value;
        g->estimated = true;
        *g->shown = g->estimate;
    }
    g->started = true;
    g->epoch = epoch;
    g->done = 0;
    g->value = own_load(rq);
    for (unsigned i = 0; i < OPEN; i++)
        g->open[i].open = false;
}

static void add(struct gossip_average *g, double difference)
{
    g->value += difference;
    if (g->value < 0) /* only by answers that are wrong */
        g->value = 0;
    if (g->value > MOST_LOAD)
        g->value = MOST_LOAD;
}

static void next_cycle(struct gossip_average *g, const struct p2p_request *rq)
{
    struct exchange *x = &g->open[++g->cycle % OPEN];

    if (!g->started)
        begin_epoch(g, rq, g->epoch);
    else if ((int64_t)g->done >= g->cycles)
        begin_epoch(g, rq, g->epoch + 1);
    g->done++;
    x->open = false;
    if (rq->n_peers == 0)
        return;
    x->peer = rq->peers[p2p_rand_below(rq->host, rq->n_peers)].id;
    x->cycle = g->cycle;
    x->open = send(rq, x->peer, (struct message){PUSH, g->epoch, g->cycle, g->value});
}

static void pushed(struct gossip_average *g, const struct p2p_request *rq, const struct message *m)
{
    double half = (m->value - g->value) / 2;

    if (m->epoch != g->epoch) /* an old one learns of ours, and has nothing to change */
        send(rq, rq->from, (struct message){PULL, g->epoch, m->cycle, 0});
    else if (send(rq, rq->from, (struct message){PULL, g->epoch, m->cycle, -half}))
        add(g, half);
}

static void pulled(struct gossip_average *g, const struct p2p_request *rq, const struct message *m)
{
    struct exchange *x = &g->open[m->cycle % OPEN];

    if (m->epoch != g->epoch || !x->open || x->cycle != m->cycle || x->peer != rq->from)
        return;
    x->open = false;
    add(g, m->value);
}

static void heard(void *self, const struct p2p_request *rq, const void *bytes, uint32_t len)
{
    struct gossip_average *g = self;
    struct message m;

    if (!read_message(&m, bytes, len))
        return;
    /* Epochs are numbers on a circle, so that the highest has a next. */
    if (!g->started || (m.epoch != g->epoch && m.epoch - g->epoch < UINT32_C(1) << 31))
        begin_epoch(g, rq, m.epoch);
    if (m.kind == PUSH)
        pushed(g, rq, &m);
    else
        pulled(g, rq, &m);
}

/* ---- decisions ---- */

/* What this node awaits of a peer is there, whatever was heard. */
static double load_of(const struct p2p_peer *p)
{
    uint64_t jobs = (uint64_t)p->load + p->queue;

    return per_slot(jobs > p->inflight ? jobs : p->inflight, p->slots);
}

static uint32_t below_average(const struct gossip_average *g, const struct p2p_request *rq)
{
    uint32_t best = P2P_NONE, equals = 0;
    uint64_t latest = 0;

    for (uint32_t i = 0; i < rq->n_peers; i++) {
        const struct p2p_peer *p = &rq->peers[i];

        if (p->heard_ns == 0 || p->heard_ns < latest || load_of(p) >= g->estimate)
            continue;
        equals = p->heard_ns > latest ? 1 : equals + 1;
        latest = p->heard_ns;
        if (equals == 1 || p2p_rand_below(rq->host, equals) == 0)
            best = p->id;
    }
    return best;
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    struct gossip_average *g = self;
    uint32_t peer;

    if (rq->event == P2P_EV_TICK) {
        next_cycle(g, rq);
        return p2p_done();
    }
    if (rq->event != P2P_EV_ARRIVAL || !g->estimated || rq->n_peers == 0 ||
        (int64_t)rq->hops >= g->max_hops || own_load(rq) <= g->estimate + g->margin)
        return p2p_local();
    peer = g->to == TO_RANDOM ? rq->peers[p2p_rand_below(rq->host, rq->n_peers)].id
                              : below_average(g, rq);
    return peer == P2P_NONE ? p2p_local() : p2p_forward(peer);
}

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct gossip_average *g = self;

    (void)err;
    g->shown = host->gauge(host, "estimate", "Mean load per slot of all nodes, as gossiped.");
    return 0;
}

static const struct p2p_scheduler gossip_average_ops = {
    .size = sizeof(gossip_average_ops),
    .name = "gossip_average",
    .version = "1.0",
    .summary = "forward when loaded above the mean of all nodes, which is gossiped",
    .params = params,
    .tick_ns = CYCLE_NS,
    .instance_size = sizeof(struct gossip_average),
    .decide = decide,
    .init = init,
    .heard = heard,
};

P2P_SCHEDULER_PLUGIN(gossip_average_ops);
