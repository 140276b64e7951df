/*
 * jiq - a node with an idle slot says so to a dispatcher, which sends it a job.
 *
 * Join-Idle-Queue of Lu, Xie, Kliot, Geller, Larus and Greenberg, "Join-Idle-Queue: a
 * novel load balancing algorithm for dynamically scalable web services", Performance
 * Evaluation 68(11), 2011, doi:10.1016/j.peva.2011.07.015:
 *
 *   a server that becomes idle joins the queue of one dispatcher, chosen at random
 *   (JIQ-Random), or the one of d random ones that is the shortest (JIQ-SQ(d)).  A
 *   dispatcher sends a job to the first of its queue, the one that joined first, and to
 *   a random server when the queue is empty.
 *
 * Every node is a dispatcher and a server here, and what joins a queue is a slot: a token.
 * When the end of a job leaves slots idle and no job waits, the node gives out tokens.
 * A token of a peer that is not up, or of this node when its slots are taken, is skipped.
 *
 * Ours:
 *   - a node gives out no token for a slot that has one out.  It sees that its token was
 *     used when a job comes from whom it gave one, as a dispatcher sends jobs to random
 *     nodes only while it has no token.
 *   - at the start all slots are idle, so on the first tick, within 100 ms, each node
 *     gives out a token a slot.  Until then, and whenever there is no token, `otherwise`
 *     decides.
 *   - a token expires after `token_age` on both sides, and is given to somebody anew: it
 *     does not rest at a node without clients for longer, and a lost one comes back.
 *     Where few of the nodes have clients, sq and a short age bring more tokens to them.
 *   - JIQ-SQ(d) asks the d dispatchers by messages, and gives the token when they
 *     answered, or, to the shortest that did, on the second tick after it asked.
 *
 * Messages: version 1, kind (1 token, 2 how long is your queue, 3 it is this long), two
 * bytes 0, number of the question (4 bytes), length (4); low byte first.
 */
#include <p2pfaas/plugin.h>

#define TICK_NS UINT64_C(100000000)

enum { VERSION = 1, TOKEN = 1, ASK = 2, TELL = 3, LENGTH = 12 };
enum { CHOOSE_RANDOM, CHOOSE_SQ };
enum { OTHERWISE_RANDOM, OTHERWISE_LOCAL };
enum { MOST_ASKED = 16, QUESTIONS = 32, MOST_ATTEMPTS = 8 };

/* P2P_NONE stands for this node. */
struct token {
    uint32_t node;
    uint64_t until_ns;
};

/* In the order of their expiry, which is that of their coming. */
struct ring {
    struct token *token;
    uint32_t first, n, size;
};

struct question {
    uint32_t number, best, length, equals, ticks;
    uint32_t n, asked[MOST_ASKED]; /* who has not answered */
    bool open;
};

struct jiq {
    int64_t choice, d, otherwise, tokens, token_age, max_hops;
    struct ring queue; /* tokens of others, and own, to be used here */
    struct ring out;   /* own tokens, by who has them */
    uint32_t number;
    struct question question[QUESTIONS];
    uint64_t *used, *without, *stale;
};

struct message {
    uint32_t kind, number, length;
};

static const char *const choices[] = {"random", "sq", NULL};
static const char *const otherwises[] = {"random", "local", NULL};

static const struct p2p_param params[] = {
    P2P_PARAM_ENUM(struct jiq, choice, CHOOSE_RANDOM, choices,
                   "who gets a token: a random node, or of d random ones the one with fewest"),
    P2P_PARAM_INT(struct jiq, d, 2, 1, MOST_ASKED, "nodes that choice: sq compares"),
    P2P_PARAM_ENUM(struct jiq, otherwise, OTHERWISE_RANDOM, otherwises,
                   "where a job goes without a token: a random node, this one included, or here"),
    P2P_PARAM_INT(struct jiq, tokens, 1024, 1, 65536,
                  "tokens kept, the oldest make room; and tokens of its own a node gives out"),
    P2P_PARAM_DURATION(struct jiq, token_age, 2e9, 1e8, 3600e9,
                       "a token that was not used for it is given out anew"),
    P2P_PARAM_INT(struct jiq, max_hops, 1, 0, 1000, "forwards a job may make"),
    P2P_PARAM_END};

/* ---- messages ---- */

static void put(unsigned char *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

static uint32_t get(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static bool send(const struct p2p_request *rq, uint32_t peer, struct message m)
{
    unsigned char bytes[LENGTH] = {VERSION, (unsigned char)m.kind};

    put(bytes + 4, m.number);
    put(bytes + 8, m.length);
    return rq->host->tell(rq->host, peer, bytes, sizeof(bytes));
}

static bool read_message(struct message *m, const unsigned char *bytes, uint32_t len)
{
    if (len != LENGTH || bytes[0] != VERSION || bytes[2] != 0 || bytes[3] != 0)
        return false;
    *m = (struct message){bytes[1], get(bytes + 4), get(bytes + 8)};
    return m->kind >= TOKEN && m->kind <= TELL;
}

/* ---- rings ---- */

static struct token *at(const struct ring *r, uint32_t i)
{
    i += r->first;
    return &r->token[i < r->size ? i : i - r->size];
}

static void drop_first(struct ring *r)
{
    if (++r->first == r->size)
        r->first = 0;
    r->n--;
}

static void append(struct ring *r, uint32_t node, uint64_t until_ns)
{
    if (r->n == r->size)
        drop_first(r);
    *at(r, r->n++) = (struct token){node, until_ns};
}

static void take_out(struct ring *r, uint32_t i)
{
    while (++i < r->n)
        *at(r, i - 1) = *at(r, i);
    r->n--;
}

/* False when there is none of that node. */
static bool take_of(struct ring *r, uint32_t node)
{
    uint32_t i = 0;

    while (i < r->n && at(r, i)->node != node)
        i++;
    if (i == r->n)
        return false;
    take_out(r, i);
    return true;
}

static void expire(struct ring *r, uint64_t now_ns)
{
    while (r->n > 0 && at(r, 0)->until_ns <= now_ns)
        drop_first(r);
}

static bool is_up(const struct p2p_request *rq, uint32_t id)
{
    for (uint32_t i = 0; i < rq->n_peers; i++)
        if (rq->peers[i].id == id)
            return true;
    return false;
}

static void forget_the_gone(struct ring *r, const struct p2p_request *rq)
{
    for (uint32_t i = r->n; i-- > 0;)
        if (at(r, i)->node != P2P_NONE && !is_up(rq, at(r, i)->node))
            take_out(r, i);
}

/* ---- the server: giving out tokens ---- */

static void give(struct jiq *j, const struct p2p_request *rq, uint32_t node)
{
    uint64_t until = rq->now_ns + (uint64_t)j->token_age;

    if (node == P2P_NONE)
        append(&j->queue, P2P_NONE, until);
    else if (!send(rq, node, (struct message){TOKEN, 0, 0}))
        return; /* the next tick finds it missing */
    append(&j->out, node, until);
}

/* One of this node, which comes last, and its peers. */
static uint32_t node_of(const struct p2p_request *rq, uint64_t i)
{
    return i == rq->n_peers ? P2P_NONE : rq->peers[i].id;
}

/* Of equally short ones one is drawn. */
static void answered(struct question *q, const struct p2p_request *rq, uint32_t node,
                     uint32_t length)
{
    uint32_t i = 0;

    while (i < q->n && q->asked[i] != node)
        i++;
    if (i == q->n)
        return;
    q->asked[i] = q->asked[--q->n];
    if (length < q->length)
        q->equals = 0;
    if (length <= q->length && p2p_rand_below(rq->host, ++q->equals) == 0) {
        q->length = length;
        q->best = node;
    }
}

/* JIQ-SQ(d): d distinct nodes, by Floyd's algorithm, are asked. */
static void ask(struct jiq *j, const struct p2p_request *rq, struct question *q)
{
    uint32_t nodes = rq->n_peers + 1, d = j->d < nodes ? (uint32_t)j->d : nodes;

    *q = (struct question){
        .number = ++j->number, .length = UINT32_MAX, .best = P2P_NONE, .open = true};
    for (uint32_t k = nodes - d; k < nodes; k++) {
        uint32_t i = 0, node = node_of(rq, p2p_rand_below(rq->host, k + 1u));

        while (i < q->n && q->asked[i] != node)
            i++;
        q->asked[q->n] = i < q->n ? node_of(rq, k) : node;
        q->n++;
    }
    for (uint32_t i = q->n; i-- > 0;)
        if (q->asked[i] == P2P_NONE)
            answered(q, rq, P2P_NONE, j->queue.n);
        else if (!send(rq, q->asked[i], (struct message){ASK, q->number, 0}))
            answered(q, rq, q->asked[i], UINT32_MAX);
}

static void close_question(struct jiq *j, const struct p2p_request *rq, struct question *q)
{
    q->open = false;
    if (q->length < UINT32_MAX)
        give(j, rq, q->best);
}

static uint32_t open_questions(const struct jiq *j)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < QUESTIONS; i++)
        n += j->question[i].open;
    return n;
}

static void offer_one(struct jiq *j, const struct p2p_request *rq)
{
    uint32_t i = 0;

    if (j->choice == CHOOSE_RANDOM) {
        give(j, rq, node_of(rq, p2p_rand_below(rq->host, rq->n_peers + 1u)));
        return;
    }
    while (i < QUESTIONS && j->question[i].open)
        i++;
    if (i == QUESTIONS)
        return;
    ask(j, rq, &j->question[i]);
    if (j->question[i].n == 0)
        close_question(j, rq, &j->question[i]);
}

static void offer(struct jiq *j, const struct p2p_request *rq)
{
    const struct p2p_node *n = rq->node;
    uint64_t taken = (uint64_t)n->load + j->out.n + open_questions(j);
    uint64_t idle = n->queue == 0 && n->slots > taken ? n->slots - taken : 0;

    while (idle-- > 0 && j->out.n < j->out.size)
        offer_one(j, rq);
}

static void tick(struct jiq *j, const struct p2p_request *rq)
{
    expire(&j->queue, rq->now_ns);
    expire(&j->out, rq->now_ns);
    forget_the_gone(&j->out, rq);
    for (unsigned i = 0; i < QUESTIONS; i++)
        if (j->question[i].open && j->question[i].ticks++ > 0)
            close_question(j, rq, &j->question[i]);
    offer(j, rq);
}

/* ---- the dispatcher ---- */

static void heard(void *self, const struct p2p_request *rq, const void *bytes, uint32_t len)
{
    struct jiq *j = self;
    struct message m;

    if (!read_message(&m, bytes, len) || !is_up(rq, rq->from))
        return;
    if (m.kind == TOKEN)
        append(&j->queue, rq->from, rq->now_ns + (uint64_t)j->token_age);
    else if (m.kind == ASK)
        send(rq, rq->from, (struct message){TELL, m.number, j->queue.n});
    for (unsigned i = 0; m.kind == TELL && i < QUESTIONS; i++) {
        struct question *q = &j->question[i];

        if (!q->open || q->number != m.number)
            continue;
        answered(q, rq, rq->from, m.length);
        if (q->n == 0)
            close_question(j, rq, q);
    }
}

static struct p2p_action without_token(const struct jiq *j, const struct p2p_request *rq)
{
    uint32_t node;

    ++*j->without;
    if (j->otherwise == OTHERWISE_LOCAL)
        return p2p_local();
    node = node_of(rq, p2p_rand_below(rq->host, rq->n_peers + 1u));
    return node == P2P_NONE ? p2p_local() : p2p_forward(node);
}

static struct p2p_action dispatch(struct jiq *j, const struct p2p_request *rq)
{
    expire(&j->queue, rq->now_ns);
    while (j->queue.n > 0) {
        uint32_t node = at(&j->queue, 0)->node;

        drop_first(&j->queue);
        if (node == P2P_NONE)
            take_of(&j->out, P2P_NONE);
        if (node == P2P_NONE ? rq->node->load < rq->node->slots : is_up(rq, node)) {
            ++*j->used;
            return node == P2P_NONE ? p2p_local() : p2p_forward(node);
        }
        ++*j->stale;
    }
    /* Who was refused by a random node has a place here. */
    return rq->attempts > 0 ? p2p_local() : without_token(j, rq);
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    struct jiq *j = self;

    switch (rq->event) {
    case P2P_EV_TICK:
        tick(j, rq);
        return p2p_done();
    case P2P_EV_ARRIVAL:
        if (rq->from != P2P_NONE)
            take_of(&j->out, rq->from);
        return (int64_t)rq->hops >= j->max_hops ? p2p_local() : dispatch(j, rq);
    case P2P_EV_REFUSED:
        return rq->attempts > MOST_ATTEMPTS ? p2p_local() : dispatch(j, rq);
    default:
        return p2p_local();
    }
}

static void outcome(void *self, const struct p2p_request *rq, const struct p2p_outcome *out)
{
    if (out->status != P2P_OUT_FORWARDED)
        offer(self, rq);
}

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct jiq *j = self;
    size_t bytes = (size_t)j->tokens * sizeof(struct token);

    j->queue.size = j->out.size = (uint32_t)j->tokens;
    j->queue.token = host->alloc(host, bytes);
    j->out.token = host->alloc(host, bytes);
    if (!j->queue.token || !j->out.token) {
        snprintf(err, P2P_ERRLEN, "no memory for tokens: %lld", (long long)j->tokens);
        return -1;
    }
    j->used = host->counter(host, "tokens_used", "Jobs that went where a token came from.");
    j->without = host->counter(host, "tokens_missing", "Jobs for which there was no token.");
    j->stale = host->counter(host, "tokens_skipped", "Tokens of peers that were not up, or taken.");
    return 0;
}

static const struct p2p_scheduler jiq_ops = {
    .size = sizeof(jiq_ops),
    .name = "jiq",
    .version = "1.0",
    .summary = "to a node that said it has an idle slot (join-idle-queue)",
    .params = params,
    .tick_ns = TICK_NS,
    .instance_size = sizeof(struct jiq),
    .decide = decide,
    .outcome = outcome,
    .init = init,
    .heard = heard,
};

P2P_SCHEDULER_PLUGIN(jiq_ops);
