#include <string.h>

#include "dqn_replay.h"

/* ---- transitions ---- */

size_t dqn_replay_bytes(uint32_t n_dims)
{
    return sizeof(struct dqn_step) + 2 * sizeof(float) * n_dims;
}

bool dqn_replay_init(struct dqn_replay *r, const struct p2p_host *host, uint32_t n_dims,
                     uint64_t most)
{
    *r = (struct dqn_replay){.n_dims = n_dims, .most = most};
    r->steps = host->alloc(host, most * sizeof(*r->steps));
    r->states = r->steps ? host->alloc(host, most * 2 * n_dims * sizeof(*r->states)) : NULL;
    return r->states != NULL;
}

uint64_t dqn_replay_add(struct dqn_replay *r, const struct dqn_step *step)
{
    uint64_t i = r->at;

    r->steps[i] = *step;
    r->at = (r->at + 1) % r->most;
    if (r->n < r->most)
        r->n++;
    return i;
}

float *dqn_replay_state(const struct dqn_replay *r, uint64_t i)
{
    return r->states + 2 * i * r->n_dims;
}

float *dqn_replay_next(const struct dqn_replay *r, uint64_t i)
{
    return dqn_replay_state(r, i) + r->n_dims;
}

/* ---- actions that states allow ---- */

bool dqn_masks_init(struct dqn_masks *m, const struct p2p_host *host)
{
    *m = (struct dqn_masks){.mask = host->alloc(host, DQN_MASKS * sizeof(*m->mask))};
    return m->mask != NULL;
}

static uint64_t key_of(const float *state, uint32_t n_dims)
{
    uint64_t key = n_dims;

    for (uint32_t d = 0; d < n_dims; d++) {
        uint32_t bits;

        memcpy(&bits, &state[d], sizeof(bits));
        key = (key ^ bits) * UINT64_C(0x9fb21c651e98df25);
        key ^= key >> 32;
    }
    return key;
}

void dqn_masks_add(struct dqn_masks *m, const float *state, uint32_t n_dims, uint64_t allowed)
{
    uint64_t key = key_of(state, n_dims);
    struct dqn_mask *at = &m->mask[key % DQN_MASKS];

    if (at->key == key)
        at->allowed |= allowed;
    else
        *at = (struct dqn_mask){key, allowed};
    m->ever |= allowed;
}

uint64_t dqn_masks_find(const struct dqn_masks *m, const float *state, uint32_t n_dims)
{
    uint64_t key = key_of(state, n_dims);
    const struct dqn_mask *at = &m->mask[key % DQN_MASKS];

    return at->key == key ? at->allowed : 0;
}
