/*
 * rl_double - a learner decides twice: where a job goes, and there whether it is taken.
 *
 * Tayel, Proietti Mattia and Beraldi, "A Double-Decision Reinforcement Learning Based
 * Algorithm for Online Scheduling in Edge and Fog Computing", ALGOCLOUD 2023,
 * doi:10.1007/978-3-031-49361-4_11, of which we know the abstract: one decision selects the
 * node to which a job is offloaded, another one accepts the incoming job or not.  All that
 * is more exact here is ours.
 *
 *   first decision, of a job of a client: run it here, or send it to peer i
 *   second decision, of a job of a peer: run it here, or refuse it; it is sent no further
 *   state: which of the two decisions it is; the job's type; the time to its deadline, in
 *          steps; running jobs here, of each type; waiting ones, of each type.  Types are
 *          those of `learning`.
 *   actions: 0 run it here; 1 refuse it; 2 + i send it to peer i
 *   reward, when the job ended, with the state that there is then, at the node that decided:
 *          by deadline or latency as in `learning`; of a refusal, `refusal`: a chance to be
 *          in time below which a job had better be refused, or the seconds that it may take
 *
 * A choice of a peer that refused the job counts as a job that was lost, at once, and the
 * job is decided again without that peer, up to `attempts` times; then it runs here.
 * Running here is possible while the queue has room, with `loss` a slot.  What is the only
 * possibility is done without asking, and not learned from; when nothing is possible, or
 * there is no learner, the job runs here.
 */
#include "plugins/shared/rl_names.h"
#include "plugins/shared/rl_reward.h"

enum { RUN, REFUSE, PEER_0, ACTIONS = PEER_0 + RL_PEERS };
enum { DECISION, TYPE, LEFT, RUNNING, MOST_DIMS = RUNNING + 2 * RL_TYPES };

struct rl_double {
    int64_t task_types, attempts, reward, lost, deadline_step, deadline_steps, peers, most_running,
        most_waiting;
    double refusal;
    bool loss;
    const char *functions;
    float lo[MOST_DIMS], hi[MOST_DIMS];
    struct rl_peers who;
    struct rl_book book;
    uint64_t *here, *sent, *sent_back, *accepted, *refused, *explored, *unheeded;
    double *value;
};

/* What one job's decisions keep until its outcome. */
struct choice {
    uint64_t episode, tried; /* actions whose peer refused it */
    uint32_t type, booked, action;
    bool asked;  /* the learner, and it answered */
    bool awaits; /* its answer */
};

static const char *const rewards[] = {"deadline", "latency", NULL};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct rl_double, task_types, 1, 1, RL_TYPES, "types of jobs, by function"),
    P2P_PARAM_INT(struct rl_double, attempts, 2, 0, 16, "peers that a job may be sent to"),
    P2P_PARAM_BOOL(struct rl_double, loss, 0,
                   "lose a job that finds no free slot here, do not queue it"),
    P2P_PARAM_ENUM(struct rl_double, reward, RL_BY_DEADLINE, rewards, "what is to be made most of"),
    P2P_PARAM_(
        P2P_NUM, P2P_PARAM_LIVE, struct rl_double, refusal, 0.5, 0, 3600, NULL, NULL,
        "chance to be in time, or with reward latency seconds, that a refusal is as good as"),
    P2P_PARAM_(P2P_DURATION, P2P_PARAM_LIVE, struct rl_double, lost, 1e9, 0, 3600e9, NULL, NULL,
               "with reward latency: what a job that fails or is refused counts as"),
    P2P_PARAM_INT(struct rl_double, deadline_steps, 0, 0, 1000,
                  "steps to the deadline from which on more make no other state; 0: none do"),
    P2P_PARAM_DURATION(struct rl_double, deadline_step, 50e6, 1e3, 3600e9, "length of such a step"),
    P2P_PARAM_INT(struct rl_double, peers, RL_PEERS, 0, RL_PEERS,
                  "peers that have an action of their own"),
    P2P_PARAM_INT(struct rl_double, most_running, 16, 1, 100000,
                  "running jobs from which on more make no other state"),
    P2P_PARAM_INT(struct rl_double, most_waiting, 100, 1, 100000,
                  "waiting jobs from which on more make no other state"),
    P2P_PARAM_STRING(struct rl_double, functions, "", "names of the first types, by commas"),
    P2P_PARAM_END};

/* ---- deciding ---- */

static bool is_second(const struct p2p_request *rq)
{
    return rq->flags & P2P_RQ_EXTERNAL;
}

static float steps_left(const struct rl_double *d, const struct p2p_request *rq)
{
    uint64_t left = rq->deadline_ns > rq->now_ns ? rq->deadline_ns - rq->now_ns : 0;
    uint64_t steps = left / (uint64_t)d->deadline_step;
    bool many = rq->deadline_ns == 0 || steps > (uint64_t)d->deadline_steps;

    return many ? (float)d->deadline_steps : (float)steps;
}

static void look(struct rl_double *d, const struct p2p_request *rq, uint32_t type, float *state)
{
    state[DECISION] = is_second(rq);
    state[TYPE] = (float)type;
    state[LEFT] = steps_left(d, rq);
    rl_book_count(&d->book, rq->node, state + RUNNING, state + RUNNING + d->task_types);
}

static uint64_t bit(uint32_t action)
{
    return UINT64_C(1) << action;
}

static uint64_t possible(struct rl_double *d, const struct p2p_request *rq, const struct choice *c)
{
    bool slot = rq->node->load < rq->node->slots;
    bool room = slot || (!d->loss && rq->node->queue < rq->node->queue_limit);
    uint64_t mask = room ? bit(RUN) : 0;

    if (is_second(rq))
        return mask | bit(REFUSE);
    if ((int64_t)rq->attempts < d->attempts)
        mask |= rl_peers_up(&d->who, rq) << PEER_0 & ~c->tried;
    return mask;
}

static struct p2p_action run(struct rl_double *d, struct choice *c)
{
    if (d->task_types > 1 && !c->booked)
        c->booked = rl_book_enter(&d->book, c->type);
    return d->loss ? p2p_local_or_lose() : p2p_local();
}

static struct p2p_action take(struct rl_double *d, const struct p2p_request *rq, struct choice *c,
                              uint32_t action)
{
    c->action = action;
    switch (action) {
    case RUN:
        ++*(is_second(rq) ? d->accepted : d->here);
        return run(d, c);
    case REFUSE:
        ++*d->refused;
        return p2p_reject(0);
    default:
        ++*d->sent;
        return p2p_forward(d->who.peer[action - PEER_0].id);
    }
}

static uint32_t number_of(uint64_t one_bit)
{
    uint32_t n = 0;

    while (one_bit >>= 1)
        n++;
    return n;
}

static struct p2p_action choose(struct rl_double *d, const struct p2p_request *rq, struct choice *c)
{
    uint64_t mask = possible(d, rq, c);
    struct p2p_choice answer = {0};
    float state[MOST_DIMS];

    if (mask == 0)
        return run(d, c);
    if ((mask & (mask - 1)) == 0)
        return take(d, rq, c, number_of(mask));
    look(d, rq, c->type, state);
    if (!rq->host->act(rq->host, state, mask, &answer))
        return run(d, c);
    c->awaits = answer.action == P2P_PENDING;
    if (c->awaits)
        return p2p_await();
    c->asked = true;
    c->episode = answer.episode;
    *d->explored += answer.explored != 0;
    *d->value = answer.value;
    if (answer.action < ACTIONS && mask & bit(answer.action))
        return take(d, rq, c, answer.action);
    ++*d->unheeded;
    return run(d, c);
}

/* ---- rewarding ---- */

static void reward(struct rl_double *d, const struct p2p_request *rq, struct choice *c, float worth)
{
    float next[MOST_DIMS];

    if (!c->asked)
        return;
    c->asked = false;
    look(d, rq, c->type, next);
    rq->host->reward(rq->host, c->episode, worth, next);
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    struct rl_double *d = self;
    struct choice *c = rq->state;

    switch (rq->event) {
    case P2P_EV_ARRIVAL:
        c->type = rl_book_type(&d->book, rq);
        return choose(d, rq, c);
    case P2P_EV_REFUSED:
        ++*d->sent_back;
        c->tried |= bit(c->action);
        reward(d, rq, c, rl_reward_lost(d->reward, d->lost));
        return choose(d, rq, c);
    case P2P_EV_TIMER: /* the learner, outside of the node, was waited for */
        return c->awaits ? choose(d, rq, c) : run(d, c);
    case P2P_EV_TICK:
        return p2p_done();
    default:
        return run(d, c);
    }
}

static void outcome(void *self, const struct p2p_request *rq, const struct p2p_outcome *out)
{
    struct rl_double *d = self;
    struct choice *c = rq->state;
    float refusal = (float)(d->reward == RL_BY_LATENCY ? -d->refusal : d->refusal);

    if (c->booked)
        rl_book_leave(&d->book, c->booked);
    if (out->status == P2P_OUT_CANCELLED)
        return;
    reward(d, rq, c, c->action == REFUSE ? refusal : rl_reward(d->reward, d->lost, rq, out));
}

static void space(void *self, struct p2p_space *out)
{
    struct rl_double *d = self;
    uint32_t types = (uint32_t)d->task_types;

    /* Bounds must differ. */
    d->hi[DECISION] = 1;
    d->hi[TYPE] = types > 1 ? (float)(types - 1) : 1;
    d->hi[LEFT] = d->deadline_steps ? (float)d->deadline_steps : 1;
    for (uint32_t t = 0; t < types; t++) {
        d->hi[RUNNING + t] = (float)d->most_running;
        d->hi[RUNNING + types + t] = (float)d->most_waiting;
    }
    out->n_dims = RUNNING + 2 * types;
    out->n_actions = PEER_0 + (uint32_t)d->peers;
    out->lo = d->lo;
    out->hi = d->hi;
}

/* ---- life ---- */

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct rl_double *d = self;

    d->who.most = (uint32_t)d->peers;
    d->book.types = (uint32_t)d->task_types;
    d->here = host->counter(host, "here_total", "Jobs of clients that were kept here");
    d->sent = host->counter(host, "sent_total", "Jobs sent to a peer, each time");
    d->sent_back = host->counter(host, "sent_back_total", "Those that the peer refused");
    d->accepted = host->counter(host, "accepted_total", "Jobs of peers that were accepted");
    d->refused = host->counter(host, "refused_total", "Jobs of peers that were refused");
    d->explored = host->counter(host, "explored_total", "Choices that were not the best known");
    d->unheeded = host->counter(host, "unheeded_total",
                                "Choices of what was not possible; these jobs ran here");
    d->value = host->gauge(host, "value", "What the learner expected of its last choice");
    return rl_book_name_all(&d->book, d->functions, err);
}

static bool save(void *self, struct p2p_stream *out)
{
    const struct rl_double *d = self;

    return rl_names_save(out, &d->who, &d->book);
}

static bool load(void *self, struct p2p_stream *in)
{
    struct rl_double *d = self;

    return rl_names_load(in, &d->who, &d->book);
}

static const struct p2p_scheduler rl_double_ops = {
    .size = sizeof(rl_double_ops),
    .flags = P2P_SCHED_NEEDS_LEARNER | P2P_SCHED_AWAITS_LEARNER,
    .name = "rl_double",
    .version = "1.0",
    .summary = "a learner decides where a job goes, and at that node whether it is taken",
    .state_format = "rl_double-1",
    .params = params,
    .instance_size = sizeof(struct rl_double),
    .decision_size = sizeof(struct choice),
    .decide = decide,
    .outcome = outcome,
    .init = init,
    .space = space,
    .save = save,
    .load = load,
};

P2P_SCHEDULER_PLUGIN(rl_double_ops);
