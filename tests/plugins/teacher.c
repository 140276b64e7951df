#include "tests/plugins/teacher.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

extern const struct p2p_module rl_qlearning_plugin;

static bool teacher_act(struct mock *m, const float *state, uint64_t mask, struct p2p_choice *out)
{
    struct teacher *t = m->learner;

    if (t->silent)
        return false;
    t->asked++;
    t->mask = mask;
    memcpy(t->state, state, t->dims * sizeof(float));
    *out = (struct p2p_choice){
        .episode = ++t->episode, .action = t->thinks ? P2P_PENDING : t->action, .value = 0.5F};
    return true;
}

static void teacher_reward(struct mock *m, uint64_t episode, float reward, const float *next)
{
    struct teacher *t = m->learner;

    assert_true(episode > 0 && episode <= t->episode);
    t->rewarded++;
    t->reward = reward;
    memcpy(t->next, next, t->dims * sizeof(float));
}

struct mock *teacher_of(const struct p2p_module *module, const char *settings, struct teacher *t,
                        uint32_t peers)
{
    struct mock *m = mock_new(module, settings);
    struct p2p_space space = {.size = sizeof(space)};

    m->ops->space(m->self, &space);
    *t = (struct teacher){.dims = space.n_dims, .action = 1};
    m->learner = t;
    m->act = teacher_act;
    m->reward = teacher_reward;
    m->first_id = TEACHER_FIRST;
    mock_peers(m, TEACHER_FIRST, peers);
    return m;
}

struct mock *teacher_new(const char *settings, struct teacher *t, uint32_t peers)
{
    return teacher_of(&rl_qlearning_plugin, settings, t, peers);
}

struct p2p_action teacher_does(struct mock *m, uint32_t action)
{
    struct teacher *t = m->learner;

    t->action = action;
    return mock_job(m, 0);
}

uint64_t teacher_mask_at(struct mock *m, uint32_t load, uint32_t queue, uint32_t hops)
{
    struct teacher *t = m->learner;

    mock_load(m, load, queue);
    mock_job(m, hops);
    return t->mask;
}

void teacher_ends(struct mock *m, uint32_t status, uint32_t http, uint64_t total_ns)
{
    struct p2p_outcome out = {.size = sizeof(out),
                              .status = status,
                              .http_status = http,
                              .peer = P2P_NONE,
                              .total_ns = total_ns};

    m->rq.now_ns = m->now_ns;
    m->rq.peers = m->peers;
    m->ops->outcome(m->self, &m->rq, &out);
}
