/*
 * dqn - values of actions by a small neural network, for states that no table has room for.
 *
 * How it learns is told at the head of dqn_learn.c, the network in dqn_net.h, the steps in
 * dqn_optimizer.h, what is remembered in dqn_replay.h, what is saved in dqn_state.c.
 *
 * act() takes the action of the highest value in the mask, equal ones drawn, or with
 * probability epsilon any of the mask.  epsilon is multiplied by epsilon_decay with each
 * transition learned, until it is epsilon_min; a changed `epsilon` starts it anew.
 *
 * A call of learn() makes an update for each `update_every` transitions, and at most
 * `updates_per_call`.  What an update takes grows with `batch` and the number of weights: with
 * the defaults, ten dimensions and ten actions it is about 0.03 ms, a call 0.25 ms.
 */
#include <float.h>
#include <math.h>

#include "dqn.h"

static const char *const optimizers[] = {"adam", "sgd", NULL};

#define LIVE_NUM(f, d, lo, hi, h)                                                                  \
    P2P_PARAM_(P2P_NUM, P2P_PARAM_LIVE, struct dqn, f, d, lo, hi, NULL, NULL, h)
#define LIVE_INT(f, d, lo, hi, h)                                                                  \
    P2P_PARAM_(P2P_INT, P2P_PARAM_LIVE, struct dqn, f, d, lo, hi, NULL, NULL, h)

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct dqn, layers, 1, 1, DQN_LAYERS - 1, "hidden layers of the network"),
    P2P_PARAM_INT(struct dqn, hidden, 32, 1, DQN_HIDDEN, "units of each"),
    {.name = "double",
     .help = "the target network does not say itself what is best, against overestimation",
     .type = P2P_BOOL,
     .flags = P2P_PARAM_LIVE,
     .offset = (uint32_t)offsetof(struct dqn, double_q),
     .def = 1,
     .max = 1},
    LIVE_NUM(gamma, 0.9, 0, 1, "discount of later rewards"),
    P2P_PARAM_NUM(struct dqn, reward_unit, 1, 1e-12, 1e12,
                  "a usual reward, which the network learns as 1"),
    P2P_PARAM_ENUM(struct dqn, optimizer, DQN_ADAM, optimizers, "how weights follow the gradient"),
    LIVE_NUM(alpha, 0.001, 0, 1, "step size"),
    LIVE_NUM(momentum, 0.9, 0, 0.9999, "of earlier gradients; beta1 of adam"),
    LIVE_NUM(beta2, 0.999, 0, 0.999999, "of the squares of earlier gradients, of adam"),
    LIVE_NUM(clip, 10, 1e-6, 1e6, "length that a longer gradient is shortened to"),
    LIVE_NUM(huber, 1, 1e-6, 1e6, "error beyond which the loss grows with it, not its square"),
    LIVE_INT(batch, 32, 1, 1024, "remembered transitions that an update learns from"),
    LIVE_INT(update_every, 1, 1, 1000000, "transitions for each update"),
    LIVE_INT(updates_per_call, 8, 1, 1024, "updates at most, each time that transitions come"),
    LIVE_INT(warm_up, 100, 1, 1000000000, "transitions before the first update"),
    LIVE_INT(target_every, 100, 1, 1000000000, "updates until the target network follows"),
    LIVE_NUM(tau, 1, 1e-6, 1, "share of the way that it then goes; 1: it is copied"),
    LIVE_NUM(epsilon, 0.9, 0, 1, "probability of a random action, at the start"),
    LIVE_NUM(epsilon_min, 0.05, 0, 1, "that it does not decay below"),
    LIVE_NUM(epsilon_decay, 0.999, 0, 1, "that each learned transition multiplies it by"),
    P2P_PARAM_INT(struct dqn, replay, 10000, 1, 10000000, "transitions that are remembered"),
    P2P_PARAM_SIZE(struct dqn, memory, 32 << 20, 128 << 10, 60 << 20,
                   "that the network and what is remembered may take"),
    P2P_PARAM_END};

static uint32_t count(uint64_t set)
{
    uint32_t n = 0;

    for (; set; set &= set - 1)
        n++;
    return n;
}

static uint32_t draw(const struct dqn *d, uint64_t set)
{
    uint32_t n = count(set), k = n > 1 ? (uint32_t)p2p_rand_below(d->host, n) : 0, a = 0;

    while (k-- > 0)
        set &= set - 1;
    for (; !(set & 1); set >>= 1)
        a++;
    return a;
}

static void act(void *self, const float *state, uint64_t mask, struct p2p_choice *out)
{
    struct dqn *d = self;
    uint64_t allowed = mask & d->all ? mask & d->all : d->all, best;
    const float *q;
    double value;

    dqn_scale(d, state, d->input);
    dqn_masks_add(&d->masks, d->input, d->n_dims, allowed);
    q = dqn_net_run(&d->net, d->online, d->input, d->work);
    best = dqn_best(d, q, allowed);
    if (d->epsilon_now > 0 && p2p_rand_unit(d->host) < d->epsilon_now)
        out->action = draw(d, allowed);
    else
        out->action = draw(d, best);
    out->explored = !(best & UINT64_C(1) << out->action);
    value = q[out->action] * d->reward_unit;
    out->value = (float)fmax(-FLT_MAX, fmin(FLT_MAX, value));
    out->epsilon = (float)d->epsilon_now;
}

static void values(void *self, const float *state, float *out)
{
    struct dqn *d = self;
    const float *q;

    dqn_scale(d, state, d->input);
    q = dqn_net_run(&d->net, d->online, d->input, d->work);
    for (uint32_t a = 0; a < d->n_actions; a++)
        out[a] = (float)fmax(-FLT_MAX, fmin(FLT_MAX, q[a] * d->reward_unit));
}

/* The states of the transitions that are remembered, as often as they are. */
static bool known(void *self, uint64_t at, float *state)
{
    const struct dqn *d = self;

    if (at >= d->steps.n)
        return false;
    dqn_unscale(d, dqn_replay_state(&d->steps, at), state);
    return true;
}

static void learn(void *self, const struct p2p_transition *batch, uint32_t n)
{
    struct dqn *d = self;

    for (uint32_t i = 0; i < n; i++)
        dqn_learn(d, &batch[i]);
    dqn_train(d);
    dqn_show(d);
}

static void params_changed(void *self)
{
    struct dqn *d = self;

    if (d->epsilon == d->epsilon_given)
        return;
    d->epsilon_now = d->epsilon_given = d->epsilon;
    dqn_show(d);
}

static int init(void *self, const struct p2p_host *host, const struct p2p_space *space, char *err)
{
    struct dqn *d = self;

    d->host = host;
    d->epsilon_gauge = host->gauge(host, "epsilon", "Probability of a random action");
    d->loss = host->gauge(host, "loss", "Mean loss of the last updates");
    d->kept = host->gauge(host, "replay_transitions", "Transitions that are remembered");
    d->updates = host->counter(host, "updates_total", "Updates of the network");
    d->resets = host->counter(host, "resets_total",
                              "Times that the network diverged and went back to an earlier one");
    d->ignored = host->counter(host, "ignored_total",
                               "Transitions that were not learned, as they are not finite numbers");
    d->epsilon_now = d->epsilon_given = d->epsilon;
    if (dqn_init(d, space, err))
        return -1;
    dqn_show(d);
    return 0;
}

static const struct p2p_learner dqn_ops = {
    .size = sizeof(dqn_ops),
    .name = "dqn",
    .version = "1.0",
    .summary = "action values by a neural network that learns from remembered transitions",
    .state_format = "dqn-1",
    .params = params,
    .instance_size = sizeof(struct dqn),
    .act = act,
    .learn = learn,
    .init = init,
    .save = dqn_save,
    .load = dqn_load,
    .params_changed = params_changed,
    .values = values,
    .known = known,
};

P2P_LEARNER_PLUGIN(dqn_ops);
