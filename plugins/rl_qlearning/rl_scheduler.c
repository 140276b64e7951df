/*
 * learning - a learner decides for each job.
 *
 * The LearningScheduler of the original P2PFaaS, of Proietti Mattia and Beraldi, "On
 * real-time scheduling in fog computing: a reinforcement learning algorithm with
 * application to smart cities", PerCom Workshops 2022,
 * doi:10.1109/PerComWorkshops53856.2022.9767498.
 *
 *   state: the job's type; running jobs here, of each type; waiting ones, of each type.
 *          The type is what the client said, else the function: those of `functions`, then in
 *          the order of first jobs; all that come after the last type count as that.
 *   actions: 0 refuse it; 1 run it here; 2 ask one random peer, and send it there if that
 *          one has fewer jobs than this node, else run it here; 3 + i send it to peer i.
 *   reward, when the job ended, with the state that there is then:
 *          deadline: 1 if it succeeded before its deadline, else 0
 *          latency: the negative of the seconds that it took, or of `lost` if it failed
 *          header: what the function said in X-P2pfaas-Learning-Reward, else as deadline
 *          external: none; who watches tells it, by episode
 *          What was cancelled has none, as it was not seen how it would have ended.
 *
 * The learner is told which actions are possible: forwards while the job may make another
 * and that peer is up; running here while the queue has room, with `loss` a slot; refusing
 * with `reject`.  When nothing is, the job runs here.  A job from a peer that may not be
 * forwarded again always runs here, as in the original, and is not learned from.  So does
 * one that a peer refused, or for which there is no learner, or one outside of the node that
 * did not answer.
 */
#include "plugins/shared/rl_names.h"
#include "plugins/shared/rl_reward.h"
#include "rl.h"

enum { REJECT, HERE, PROBE, PEER_0, MOST_DIMS = 1 + 2 * RL_TYPES };

struct learning {
    int64_t task_types, max_hops, reward, lost, peers, most_running, most_waiting;
    bool loss, reject;
    const char *functions;
    float lo[MOST_DIMS], hi[MOST_DIMS];
    struct rl_peers who;
    struct rl_book book;
    uint64_t *chosen[PEER_0 + 1], *explored, *unheeded;
    double *value;
};

/* What one decision keeps until its outcome. */
struct choice {
    uint64_t episode;
    uint32_t type, booked;
    bool asked; /* the learner, and it answered */
};

static const char *const rewards[] = {"deadline", "latency", "header", "external", NULL};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct learning, task_types, 1, 1, RL_TYPES, "types of jobs, by function"),
    P2P_PARAM_INT(struct learning, max_hops, 1, 0, 1000, "forwards a job may make"),
    P2P_PARAM_BOOL(struct learning, loss, 0,
                   "lose a job that finds no free slot here, do not queue it"),
    P2P_PARAM_BOOL(struct learning, reject, 1, "jobs may be refused"),
    P2P_PARAM_ENUM(struct learning, reward, RL_BY_DEADLINE, rewards, "what is to be made most of"),
    P2P_PARAM_(P2P_DURATION, P2P_PARAM_LIVE, struct learning, lost, 1e9, 0, 3600e9, NULL, NULL,
               "with reward latency: what a job that fails or is refused counts as"),
    P2P_PARAM_INT(struct learning, peers, RL_PEERS, 0, RL_PEERS,
                  "peers that have an action of their own"),
    P2P_PARAM_INT(struct learning, most_running, 16, 1, 100000,
                  "running jobs from which on more make no other state"),
    P2P_PARAM_INT(struct learning, most_waiting, 100, 1, 100000,
                  "waiting jobs from which on more make no other state"),
    P2P_PARAM_STRING(struct learning, functions, "", "names of the first types, by commas"),
    P2P_PARAM_END};

static const struct p2p_alias aliases[] = {{"LearningScheduler", 1, 0}, {NULL, 0, 0}};

/* ---- deciding ---- */

static void look(struct learning *l, const struct p2p_request *rq, uint32_t type, float *state)
{
    state[0] = (float)type;
    rl_book_count(&l->book, rq->node, state + 1, state + 1 + l->task_types);
}

static uint64_t bit(uint32_t action)
{
    return UINT64_C(1) << action;
}

static uint64_t possible(struct learning *l, const struct p2p_request *rq)
{
    bool slot = rq->node->load < rq->node->slots;
    bool room = slot || (!l->loss && rq->node->queue < rq->node->queue_limit);
    uint64_t mask = (l->reject ? bit(REJECT) : 0) | (room ? bit(HERE) : 0);

    if (rq->n_peers && (int64_t)rq->hops < l->max_hops)
        mask |= bit(PROBE) | rl_peers_up(&l->who, rq) << PEER_0;
    return mask ? mask : bit(HERE);
}

static struct p2p_action here(struct learning *l, struct choice *c)
{
    if (l->task_types > 1 && !c->booked)
        c->booked = rl_book_enter(&l->book, c->type);
    return l->loss ? p2p_local_or_lose() : p2p_local();
}

static struct p2p_action take(struct learning *l, const struct p2p_request *rq, struct choice *c,
                              uint32_t action)
{
    ++*l->chosen[action < PEER_0 ? action : PEER_0];
    switch (action) {
    case REJECT:
        return p2p_reject(0);
    case HERE:
        return here(l, c);
    case PROBE:
        return p2p_ask(p2p_sample(rq, 1), 0, 0);
    default:
        return p2p_forward(l->who.peer[action - PEER_0].id);
    }
}

/* Again when the learner was waited for: then the host tells its choice, or that none came. */
static struct p2p_action ask(struct learning *l, const struct p2p_request *rq, struct choice *c)
{
    float state[MOST_DIMS];
    struct p2p_choice answer = {0};
    uint64_t mask = possible(l, rq);

    look(l, rq, c->type, state);
    if (!rq->host->act(rq->host, state, mask, &answer))
        return here(l, c);
    if (answer.action == P2P_PENDING)
        return p2p_await();
    c->asked = true;
    c->episode = answer.episode;
    *l->explored += answer.explored != 0;
    *l->value = answer.value;
    if (answer.action < RL_ACTIONS && mask & bit(answer.action))
        return take(l, rq, c, answer.action);
    ++*l->unheeded;
    return here(l, c);
}

static struct p2p_action arrived(struct learning *l, const struct p2p_request *rq, struct choice *c)
{
    c->type = rl_book_type(&l->book, rq);
    if (rq->flags & P2P_RQ_EXTERNAL && (int64_t)rq->hops >= l->max_hops)
        return here(l, c);
    return ask(l, rq, c);
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    struct learning *l = self;
    struct choice *c = rq->state;
    const struct p2p_probe *p = rq->probe;
    uint64_t load;

    if (rq->event == P2P_EV_ARRIVAL)
        return arrived(l, rq, c);
    if (rq->event == P2P_EV_TIMER)
        return ask(l, rq, c);
    if (rq->event == P2P_EV_TICK)
        return p2p_done();
    load = (uint64_t)rq->node->load + rq->node->queue;
    if (rq->event == P2P_EV_PROBED && rq->n_probe && p->status == P2P_PROBE_OK &&
        (uint64_t)p->load + p->queue < load)
        return p2p_forward(p->peer);
    return here(l, c);
}

/* ---- rewarding ---- */

static void outcome(void *self, const struct p2p_request *rq, const struct p2p_outcome *out)
{
    struct learning *l = self;
    struct choice *c = rq->state;
    float next[MOST_DIMS];

    if (c->booked)
        rl_book_leave(&l->book, c->booked);
    if (!c->asked || l->reward == RL_EXTERNAL || out->status == P2P_OUT_CANCELLED)
        return;
    look(l, rq, c->type, next);
    rq->host->reward(rq->host, c->episode, rl_reward(l->reward, l->lost, rq, out), next);
}

static void space(void *self, struct p2p_space *out)
{
    struct learning *l = self;
    uint32_t types = (uint32_t)l->task_types;

    l->hi[0] = types > 1 ? (float)(types - 1) : 1; /* bounds must differ */
    for (uint32_t t = 0; t < types; t++) {
        l->hi[1 + t] = (float)l->most_running;
        l->hi[1 + types + t] = (float)l->most_waiting;
    }
    out->n_dims = 1 + 2 * types;
    out->n_actions = PEER_0 + (uint32_t)l->peers;
    out->lo = l->lo;
    out->hi = l->hi;
}

/* ---- life ---- */

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct learning *l = self;

    l->who.most = (uint32_t)l->peers;
    l->book.types = (uint32_t)l->task_types;
    l->chosen[REJECT] = host->counter(host, "refused_total", "Jobs that were refused");
    l->chosen[HERE] = host->counter(host, "here_total", "Jobs that the learner kept here");
    l->chosen[PROBE] = host->counter(host, "probed_total", "Jobs that asked a random peer");
    l->chosen[PEER_0] = host->counter(host, "sent_total", "Jobs sent to a peer without asking it");
    l->explored = host->counter(host, "explored_total", "Choices that were not the best known");
    l->unheeded = host->counter(host, "unheeded_total",
                                "Choices of what was not possible; these jobs ran here");
    l->value = host->gauge(host, "value", "What the learner expected of its last choice");
    return rl_book_name_all(&l->book, l->functions, err);
}

static bool save(void *self, struct p2p_stream *out)
{
    const struct learning *l = self;

    return rl_names_save(out, &l->who, &l->book);
}

static bool load(void *self, struct p2p_stream *in)
{
    struct learning *l = self;

    return rl_names_load(in, &l->who, &l->book);
}

const struct p2p_scheduler rl_scheduler = {
    .size = sizeof(rl_scheduler),
    .flags = P2P_SCHED_NEEDS_LEARNER | P2P_SCHED_AWAITS_LEARNER,
    .name = "learning",
    .version = "1.0",
    .summary = "a learner decides: refuse, run here, ask a peer first, or send to a peer",
    .state_format = "learning-1",
    .params = params,
    .aliases = aliases,
    .instance_size = sizeof(struct learning),
    .decision_size = sizeof(struct choice),
    .max_probes = 1,
    .decide = decide,
    .outcome = outcome,
    .init = init,
    .space = space,
    .save = save,
    .load = load,
};
