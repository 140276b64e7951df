/*
 * thorough.c - a scheduler and a learner that use all that the SDK has, and use it well.
 */
#include <math.h>
#include <string.h>

#include <p2pfaas/plugin.h>

enum { MAGIC = 0x74686f72, CELLS = 16, ACTIONS = 3 };

/* ---- the scheduler ---- */

struct thorough {
    int64_t fanout, patience, limit;
    const struct p2p_host *host;
    uint64_t *jobs;
    double *ratio;
    uint64_t *seen; /* CELLS: jobs a function */
    uint32_t best;  /* who said that it is idle */
};

struct asked {
    uint64_t episode;
    uint32_t tries;
};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct thorough, fanout, 2, 1, 16, "peers to be asked"),
    P2P_PARAM_DURATION(struct thorough, patience, 5e6, 0, 1e9, "wait after the probes"),
    P2P_PARAM_(P2P_INT, P2P_PARAM_LIVE, struct thorough, limit, 3, 0, 8, NULL, NULL,
               "forwards that may be refused"),
    P2P_PARAM_END};

static void explore(struct thorough *t, const struct p2p_request *rq, struct asked *a)
{
    float state[2] = {(float)fmin(rq->node->load, 64), (float)fmin(rq->node->queue, 64)};
    struct p2p_choice choice;

    if (t->host->act(t->host, state, 5, &choice))
        a->episode = choice.episode;
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    struct thorough *t = self;
    struct asked *a = rq->state;
    uint32_t n;

    switch (rq->event) {
    case P2P_EV_TICK:
        if (rq->n_peers)
            t->host->tell(t->host, rq->peers[0].id, &rq->node->load, sizeof(rq->node->load));
        return p2p_done();
    case P2P_EV_ARRIVAL:
        ++*t->jobs;
        t->seen[rq->function % CELLS]++;
        explore(t, rq, a);
        n = p2p_sample(rq, (uint32_t)t->fanout);
        return n ? p2p_ask(n, 1, 0) : p2p_local_at(rq->deadline_ns);
    case P2P_EV_PROBED:
        if (!rq->deadline_ns)
            return p2p_wait_until(rq->now_ns + (uint64_t)t->patience);
        return p2p_local_or_lose();
    case P2P_EV_TIMER:
    case P2P_EV_REFUSED:
        if (rq->n_peers && a->tries++ < (uint32_t)t->limit)
            return p2p_forward(rq->peers[rq->id % rq->n_peers].id);
        return p2p_local();
    default:
        return p2p_local();
    }
}

static void outcome(void *self, const struct p2p_request *rq, const struct p2p_outcome *out)
{
    struct thorough *t = self;
    const struct asked *a = rq->state;

    if (a->episode)
        t->host->reward(t->host, a->episode, out->status == P2P_OUT_RAN ? 1 : -1, NULL);
    *t->ratio = (double)out->status;
}

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct thorough *t = self;

    t->host = host;
    t->best = P2P_NONE;
    t->jobs = host->counter(host, "jobs", "jobs seen");
    t->ratio = host->gauge(host, "ratio", "the last status");
    t->seen = host->alloc(host, CELLS * sizeof(*t->seen));
    if (t->seen)
        return 0;
    snprintf(err, P2P_ERRLEN, "no memory for %d counters", CELLS);
    return -1;
}

static void space(void *self, struct p2p_space *out)
{
    static const float lo[2] = {0, 0}, hi[2] = {64, 64};

    (void)self;
    out->n_dims = 2;
    out->n_actions = ACTIONS;
    out->lo = lo;
    out->hi = hi;
}

static bool save(void *self, struct p2p_stream *out)
{
    const struct thorough *t = self;
    uint32_t magic = MAGIC;

    return p2p_put(out, &magic, sizeof(magic)) && p2p_put(out, t->seen, CELLS * sizeof(*t->seen));
}

static bool load(void *self, struct p2p_stream *in)
{
    struct thorough *t = self;
    uint64_t *seen = t->host->alloc(t->host, CELLS * sizeof(*seen));
    uint32_t magic;
    char more;

    if (!seen || !p2p_get(in, &magic, sizeof(magic)) || magic != MAGIC ||
        !p2p_get(in, seen, CELLS * sizeof(*seen)) || p2p_get(in, &more, 1))
        return false;
    t->seen = seen;
    return true;
}

static uint32_t probes(const void *self)
{
    return (uint32_t)((const struct thorough *)self)->fanout;
}

static void heard(void *self, const struct p2p_request *rq, const void *message, uint32_t len)
{
    struct thorough *t = self;
    uint32_t load;

    if (len != sizeof(load))
        return;
    memcpy(&load, message, sizeof(load));
    if (load == 0)
        t->best = rq->from;
}

static void params_changed(void *self)
{
    const struct thorough *t = self;

    p2p_logf(t->host, P2P_LOG_INFO, "limit %lld", (long long)t->limit);
}

static const struct p2p_scheduler scheduler = {.size = sizeof(scheduler),
                                               .name = "thorough",
                                               .version = "1.0",
                                               .summary = "uses all that there is",
                                               .state_format = "thorough 1",
                                               .params = params,
                                               .tick_ns = 1000000000,
                                               .instance_size = sizeof(struct thorough),
                                               .decision_size = sizeof(struct asked),
                                               .max_probes = 16,
                                               .decide = decide,
                                               .outcome = outcome,
                                               .init = init,
                                               .space = space,
                                               .save = save,
                                               .load = load,
                                               .params_changed = params_changed,
                                               .probes = probes,
                                               .heard = heard};

/* ---- the learner: the mean reward of each action ---- */

struct means {
    double rate;
    const struct p2p_host *host;
    uint32_t n_dims, n_actions;
    float value[64];
};

static const struct p2p_param learner_params[] = {
    P2P_PARAM_NUM(struct means, rate, 0.1, 0, 1, "how far a reward moves the mean"), P2P_PARAM_END};

static int start(void *self, const struct p2p_host *host, const struct p2p_space *of, char *err)
{
    struct means *m = self;

    (void)err;
    m->host = host;
    m->n_dims = of->n_dims;
    m->n_actions = of->n_actions;
    return 0;
}

static void act(void *self, const float *state, uint64_t mask, struct p2p_choice *out)
{
    const struct means *m = self;
    uint32_t best = 64;

    (void)state;
    for (uint32_t i = 0; i < m->n_actions; i++)
        if ((!mask || mask >> i & 1) && (best == 64 || m->value[i] > m->value[best]))
            best = i;
    out->action = best;
    out->value = m->value[best];
    out->explored = 0;
}

static void learn(void *self, const struct p2p_transition *batch, uint32_t n)
{
    struct means *m = self;

    for (uint32_t i = 0; i < n; i++)
        m->value[batch[i].action] += (float)m->rate * (batch[i].reward - m->value[batch[i].action]);
}

static void values(void *self, const float *state, float *out)
{
    const struct means *m = self;

    (void)state;
    for (uint32_t i = 0; i < m->n_actions; i++)
        out[i] = m->value[i];
}

/* It tells no states apart: the zero stands for all. */
static bool known(void *self, uint64_t at, float *state)
{
    const struct means *m = self;

    for (uint32_t i = 0; at == 0 && i < m->n_dims; i++)
        state[i] = 0;
    return at == 0;
}

static bool save_means(void *self, struct p2p_stream *out)
{
    const struct means *m = self;
    uint32_t magic = MAGIC;

    return p2p_put(out, &magic, sizeof(magic)) && p2p_put(out, m->value, sizeof(m->value));
}

static bool load_means(void *self, struct p2p_stream *in)
{
    struct means *m = self;
    float value[64];
    uint32_t magic;
    char more;

    if (!p2p_get(in, &magic, sizeof(magic)) || magic != MAGIC ||
        !p2p_get(in, value, sizeof(value)) || p2p_get(in, &more, 1))
        return false;
    for (uint32_t i = 0; i < 64; i++)
        if (!isfinite(value[i]))
            return false;
    memcpy(m->value, value, sizeof(value));
    return true;
}

static const struct p2p_learner learner = {.size = sizeof(learner),
                                           .name = "means",
                                           .version = "1.0",
                                           .summary = "the action with the best mean reward",
                                           .state_format = "means 1",
                                           .params = learner_params,
                                           .instance_size = sizeof(struct means),
                                           .act = act,
                                           .learn = learn,
                                           .init = start,
                                           .save = save_means,
                                           .load = load_means,
                                           .values = values,
                                           .known = known};

P2P_RL_PLUGIN(scheduler, learner);
