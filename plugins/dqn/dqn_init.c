/*
 * The space that it works in, and the memory that it takes, all of it at the start.
 */
#include <math.h>
#include <string.h>

#include "dqn.h"

enum { BLOCKS = 5 }; /* of as many floats as the network has; one more with adam */

static int judge_space(const struct p2p_space *space, char *err)
{
    if (space->n_dims < 1 || space->n_dims > DQN_DIMS || space->n_actions < 1 ||
        space->n_actions > DQN_ACTIONS) {
        snprintf(err, P2P_ERRLEN,
                 "the scheduler has %u dimensions and %u actions; allowed: 1 to %d and 1 to %d",
                 space->n_dims, space->n_actions, DQN_DIMS, DQN_ACTIONS);
        return -1;
    }
    for (uint32_t i = 0; i < space->n_dims; i++) {
        float lo = space->lo[i], hi = space->hi[i];

        if (isfinite(lo) && isfinite(hi) && lo < hi)
            continue;
        snprintf(err, P2P_ERRLEN,
                 "the scheduler bounds dimension %u of its state by %g and %g; both must be "
                 "finite, the first the lower one",
                 i, (double)lo, (double)hi);
        return -1;
    }
    return 0;
}

static size_t network_bytes(const struct dqn *d)
{
    size_t blocks = BLOCKS + (d->optimizer == DQN_ADAM);

    return (blocks * d->net.n_weights + d->net.n_work + 3 * (size_t)d->n_dims) * sizeof(float) +
           DQN_MASKS * sizeof(struct dqn_mask);
}

static int judge_memory(const struct dqn *d, char *err)
{
    size_t network = network_bytes(d), one = dqn_replay_bytes(d->n_dims);
    size_t memory = (size_t)d->memory, room = memory > network ? (memory - network) / one : 0;

    if (room >= (size_t)d->replay)
        return 0;
    if (room == 0)
        snprintf(err, P2P_ERRLEN,
                 "memory is %zu bytes, less than the network takes: at least %zu, of which each "
                 "transition of `replay` takes %zu",
                 memory, network + (size_t)d->replay * one, one);
    else
        snprintf(err, P2P_ERRLEN,
                 "memory is %zu bytes, which has room for %zu transitions of %u dimensions, not "
                 "the %lld of `replay`: at least %zu, or a smaller `replay`",
                 memory, room, d->n_dims, (long long)d->replay, network + (size_t)d->replay * one);
    return -1;
}

static bool give_network(struct dqn *d)
{
    bool adam = d->optimizer == DQN_ADAM;
    size_t n = d->net.n_weights, blocks = BLOCKS + adam;
    float *at = d->host->alloc(d->host, blocks * n * sizeof(*at));

    d->work = d->host->alloc(d->host, (d->net.n_work + d->n_dims) * sizeof(*d->work));
    if (!at || !d->work)
        return false;
    d->input = d->work + d->net.n_work;
    d->online = at;
    d->target = at + n;
    d->good = at + 2 * n;
    d->gradient = at + 3 * n;
    d->opt =
        (struct dqn_optimizer){.n = n, .first = at + 4 * n, .second = adam ? at + 5 * n : NULL};
    return true;
}

int dqn_init(struct dqn *d, const struct p2p_space *space, char *err)
{
    const struct p2p_host *h = d->host;

    if (judge_space(space, err))
        return -1;
    d->n_dims = space->n_dims;
    d->n_actions = space->n_actions;
    d->all = UINT64_MAX >> (64 - d->n_actions);
    dqn_net_shape(&d->net, d->n_dims, (uint32_t)d->layers, (uint32_t)d->hidden, d->n_actions);
    if (judge_memory(d, err))
        return -1;
    d->lo = h->alloc(h, 2 * sizeof(*d->lo) * d->n_dims);
    if (!d->lo || !give_network(d) || !dqn_masks_init(&d->masks, h) ||
        !dqn_replay_init(&d->steps, h, d->n_dims, (uint64_t)d->replay)) {
        snprintf(err, P2P_ERRLEN, "the host has no memory for it; a smaller `replay` would help");
        return -1;
    }
    d->hi = d->lo + d->n_dims;
    memcpy(d->lo, space->lo, d->n_dims * sizeof(*d->lo));
    memcpy(d->hi, space->hi, d->n_dims * sizeof(*d->hi));
    dqn_net_begin(&d->net, h, d->online);
    memcpy(d->target, d->online, d->net.n_weights * sizeof(*d->target));
    memcpy(d->good, d->online, d->net.n_weights * sizeof(*d->good));
    dqn_optimizer_begin(&d->opt);
    return 0;
}

void dqn_unscale(const struct dqn *d, const float *input, float *out)
{
    for (uint32_t i = 0; i < d->n_dims; i++) {
        double lo = d->lo[i], hi = d->hi[i];

        out[i] = (float)(lo + (input[i] + 1.0) / 2 * (hi - lo));
    }
}

void dqn_scale(const struct dqn *d, const float *state, float *out)
{
    for (uint32_t i = 0; i < d->n_dims; i++) {
        double lo = d->lo[i], hi = d->hi[i], x = state[i];

        x = x > lo ? (x < hi ? x : hi) : lo;
        out[i] = (float)(2 * (x - lo) / (hi - lo) - 1);
    }
}
