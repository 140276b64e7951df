/*
 * outsider.c - a learner that asks somebody outside for each choice, and schedulers that
 * wait for it or do not.  An answer's status tells what it chooses: 200 + the action, 100
 * for a number that is none, 0 for nothing.
 */
#include <math.h>

#include <p2pfaas/plugin.h>

/* ---- schedulers ---- */

enum { AWAIT, RUN_AT_ONCE, LATER, AGAIN, PROBE };
static const char *const ways[] = {"await", "run_at_once", "later", "again", "probe", NULL};

struct waiter {
    int64_t way, mask, mask_then, dims;
    bool quiet;
    float lo[8], hi[8];
};

static const struct p2p_param waiter_params[] = {
    P2P_PARAM_ENUM(struct waiter, way, AWAIT, ways, "what it does while the choice is awaited"),
    P2P_PARAM_INT(struct waiter, mask, 0, 0, 1e15, "of the actions"),
    P2P_PARAM_INT(struct waiter, mask_then, 0, 0, 1e15, "of the actions, after the wait"),
    P2P_PARAM_INT(struct waiter, dims, 2, 1, 8, "of the space"),
    P2P_PARAM_BOOL(struct waiter, quiet, 0, "says nothing"),
    P2P_PARAM_END};

static struct p2p_action await(const struct waiter *w, const struct p2p_request *rq)
{
    switch (w->way) {
    case RUN_AT_ONCE:
        return p2p_local();
    case LATER:
        return rq->event == P2P_EV_ARRIVAL ? p2p_wait_until(rq->now_ns + 7) : p2p_await();
    case PROBE:
        if (rq->event == P2P_EV_ARRIVAL)
            return p2p_ask(p2p_sample(rq, 1), 0, 0);
        return p2p_await();
    default:
        return p2p_await();
    }
}

static struct p2p_action waiter_decide(void *self, const struct p2p_request *rq)
{
    const float state[8] = {(float)rq->event, 5};
    const struct waiter *w = self;
    uint64_t *episode = rq->state;
    struct p2p_choice c = {.episode = 77, .action = 77};
    int64_t mask = rq->event == P2P_EV_TIMER ? w->mask_then : w->mask;

    if (rq->event == P2P_EV_TICK) {
        if (rq->host->act(rq->host, state, 0, &c))
            p2p_logf(rq->host, P2P_LOG_INFO, "a tick has a choice");
        return p2p_done();
    }
    if (!rq->host->act(rq->host, state, (uint64_t)mask, &c)) {
        if (!w->quiet)
            p2p_logf(rq->host, P2P_LOG_INFO, "no choice at %u", rq->event);
        return w->way == AGAIN && rq->event == P2P_EV_ARRIVAL ? p2p_await() : p2p_local();
    }
    if (c.action == P2P_PENDING)
        return await(w, rq);
    *episode = c.episode;
    if (!w->quiet)
        p2p_logf(rq->host, P2P_LOG_INFO, "chose %u explored %u epsilon %g", c.action, c.explored,
                 (double)c.epsilon);
    return p2p_reject(400 + c.action);
}

static void waiter_outcome(void *self, const struct p2p_request *rq, const struct p2p_outcome *out)
{
    const uint64_t *episode = rq->state;

    (void)self;
    (void)out;
    if (*episode)
        rq->host->reward(rq->host, *episode, 1, NULL);
}

static void waiter_space(void *self, struct p2p_space *out)
{
    struct waiter *w = self;

    for (int k = 0; k < 8; k++)
        w->hi[k] = 10;
    out->n_dims = (uint32_t)w->dims;
    out->n_actions = 4;
    out->lo = w->lo;
    out->hi = w->hi;
}

#define WAITER(n, f)                                                                               \
    {                                                                                              \
        .size = sizeof(struct p2p_scheduler), .flags = (f), .name = (n), .params = waiter_params,  \
        .instance_size = sizeof(struct waiter), .decision_size = 8, .max_probes = 2,               \
        .tick_ns = 1000, .decide = waiter_decide, .outcome = waiter_outcome, .space = waiter_space \
    }

static const struct p2p_scheduler patient = WAITER("patient", P2P_SCHED_AWAITS_LEARNER);
static const struct p2p_scheduler hasty = WAITER("hasty", 0);
static const struct p2p_scheduler *const schedulers[] = {&patient, &hasty, NULL};

/* ---- the learner ---- */

enum { ASKS, CHOOSES_NONE, CHOOSES_AT_ONCE, TWICE, MUTE };
static const char *const habits[] = {"asks",  "chooses_none", "chooses_at_once",
                                     "twice", "mute",         NULL};

struct outsider {
    int64_t habit, live;
    const struct p2p_host *host;
    uint64_t *too_late, *learned;
};

static const struct p2p_param outsider_params[] = {
    P2P_PARAM_ENUM(struct outsider, habit, ASKS, habits, "of answering"),
    P2P_PARAM_(P2P_INT, P2P_PARAM_LIVE, struct outsider, live, 1, 0, 9, NULL, NULL, "may change"),
    P2P_PARAM_END};

static void outsider_act(void *self, const float *state, uint64_t mask, struct p2p_choice *out)
{
    struct outsider *o = self;
    struct p2p_http_request rq = {
        .size = sizeof(rq), .tag = out->episode, .timeout_ns = 1000, .method = "GET", .url = ""};
    const struct p2p_choice one = {.episode = 99, .action = 1, .explored = 3, .epsilon = 7};
    bool first = true, second = false;

    (void)state;
    (void)mask;
    out->action = P2P_PENDING;
    if (o->habit == MUTE)
        return;
    if (o->habit == CHOOSES_AT_ONCE || o->habit == TWICE)
        first = o->host->choose(o->host, out->episode, &one);
    else if (o->habit == CHOOSES_NONE || !o->host->http(o->host, &rq))
        first = o->host->choose(o->host, out->episode, NULL);
    if (o->habit == TWICE)
        second = o->host->choose(o->host, out->episode, &one);
    if (!first || second || o->host->choose(o->host, out->episode + 1, NULL))
        p2p_logf(o->host, P2P_LOG_ERROR, "choose() is wrong");
}

static void outsider_answered(void *self, const struct p2p_http_answer *answer)
{
    struct outsider *o = self;
    struct p2p_choice c = {.action = answer->status - 200, .epsilon = 0.25F};

    if (answer->status == 100) {
        c.action = 1;
        c.value = NAN;
    }
    if (!o->host->choose(o->host, answer->tag, answer->status ? &c : NULL))
        ++*o->too_late;
}

static void outsider_learn(void *self, const struct p2p_transition *batch, uint32_t n)
{
    struct outsider *o = self;

    *o->learned += n;
    p2p_logf(o->host, P2P_LOG_INFO, "learns %u, first of state %g", n, (double)batch->state[0]);
}

static int outsider_init(void *self, const struct p2p_host *host, const struct p2p_space *space,
                         char *err)
{
    struct outsider *o = self;
    struct p2p_http_request rq = {.size = sizeof(rq), .timeout_ns = 1, .method = "GET", .url = ""};

    (void)space;
    (void)err;
    o->host = host;
    o->too_late = host->counter(host, "too_late", "answers for which nobody waited");
    o->learned = host->counter(host, "learned", "transitions");
    if (host->http(host, &rq) || host->choose(host, 1, NULL))
        p2p_logf(host, P2P_LOG_ERROR, "it does something too early");
    p2p_logf(host, P2P_LOG_INFO, "o init");
    return 0;
}

static void outsider_fini(void *self)
{
    const struct outsider *o = self;

    p2p_logf(o->host, P2P_LOG_INFO, "o fini");
}

static const struct p2p_learner outsider = {.size = sizeof(outsider),
                                            .name = "outsider",
                                            .params = outsider_params,
                                            .instance_size = sizeof(struct outsider),
                                            .act = outsider_act,
                                            .learn = outsider_learn,
                                            .init = outsider_init,
                                            .fini = outsider_fini,
                                            .answered = outsider_answered};
static const struct p2p_learner *const learners[] = {&outsider, NULL};
P2P_MODULE_(schedulers, learners);
