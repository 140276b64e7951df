#include "tests/plugins/bond.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

static bool bond_act(struct mock *m, const float *state, uint64_t mask, struct p2p_choice *out)
{
    struct bond *b = m->learner;
    uint64_t at;

    *out = learner_act(b->l, state, mask);
    assert_true(mask & UINT64_C(1) << out->action);
    at = out->episode % BOND_PENDING;
    b->asked++;
    b->pending[at].episode = out->episode;
    b->pending[at].action = b->last = out->action;
    memcpy(b->pending[at].state, state, b->l->n_dims * sizeof(float));
    return true;
}

static void bond_reward(struct mock *m, uint64_t episode, float reward, const float *next)
{
    struct bond *b = m->learner;
    uint64_t at = episode % BOND_PENDING;
    struct p2p_transition t = {.episode = episode,
                               .state = b->pending[at].state,
                               .next = next,
                               .action = b->pending[at].action,
                               .reward = reward};

    assert_true(b->pending[at].episode == episode);
    b->pending[at].episode = 0;
    b->l->ops->learn(b->l->m->self, &t, 1);
}

struct mock *bond_new(struct bond *b, const struct p2p_module *scheduler, const char *settings,
                      const struct p2p_module *learner, const char *learner_settings,
                      uint32_t peers)
{
    struct mock *m = mock_new(scheduler, settings);
    struct p2p_space space = {.size = sizeof(space)};

    m->ops->space(m->self, &space);
    assert_in_range(space.n_dims, 1, BOND_DIMS);
    *b = (struct bond){.l = learner_new(learner, &space, learner_settings)};
    m->learner = b;
    m->act = bond_act;
    m->reward = bond_reward;
    m->first_id = BOND_FIRST;
    m->node.queue_limit = 4;
    mock_peers(m, BOND_FIRST, peers);
    return m;
}

void bond_free(struct bond *b, struct mock *m)
{
    learner_free(b->l);
    mock_free(m);
}

void bond_end(struct mock *m, uint32_t status, uint64_t took_ns)
{
    struct p2p_outcome out = {.size = sizeof(out),
                              .status = status,
                              .http_status = status == P2P_OUT_REJECTED ? 503 : 200,
                              .peer = P2P_NONE,
                              .total_ns = took_ns};

    m->rq.now_ns = m->now_ns;
    m->rq.peers = m->peers;
    m->ops->outcome(m->self, &m->rq, &out);
}
