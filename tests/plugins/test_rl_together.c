#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_learner.h"

extern const struct p2p_module rl_qlearning_plugin;

/* The scheduler and the learner of the module, as a host binds them: a choice is kept until
 * its reward comes, which for jobs that go on at the same time may be in another order. */
enum { FIRST = 50, PEERS = 2, PENDING = 8, REJECT = 0, HERE = 1, PROBE = 2, PEER_0 = 3 };
#define MS UINT64_C(1000000)

struct pending {
    uint64_t episode;
    uint32_t action;
    float state[3];
};

struct bond {
    struct learner *l;
    struct pending pending[PENDING];
    uint32_t last;
};

static bool bond_act(struct mock *m, const float *state, uint64_t mask, struct p2p_choice *out)
{
    struct bond *b = m->learner;
    struct pending *p;

    *out = learner_act(b->l, state, mask);
    assert_true(mask & UINT64_C(1) << out->action);
    p = &b->pending[out->episode % PENDING];
    p->episode = out->episode;
    p->action = b->last = out->action;
    memcpy(p->state, state, sizeof(p->state));
    return true;
}

static void bond_reward(struct mock *m, uint64_t episode, float reward, const float *next)
{
    struct bond *b = m->learner;
    const struct pending *p = &b->pending[episode % PENDING];
    struct p2p_transition t = {
        .episode = episode, .state = p->state, .next = next, .action = p->action, .reward = reward};

    assert_true(p->episode == episode);
    b->l->ops->learn(b->l->m->self, &t, 1);
}

static struct mock *make(struct bond *b, const char *settings)
{
    struct mock *m = mock_new(&rl_qlearning_plugin, "");
    struct p2p_space space = {.size = sizeof(space)};

    m->ops->space(m->self, &space);
    *b = (struct bond){.l = learner_new(&rl_qlearning_plugin, &space, settings)};
    m->learner = b;
    m->act = bond_act;
    m->reward = bond_reward;
    m->first_id = FIRST;
    m->node.queue_limit = 4;
    mock_peers(m, FIRST, PEERS);
    return m;
}

static void end(struct mock *m, uint32_t status, uint64_t took_ms)
{
    struct p2p_outcome out = {.size = sizeof(out),
                              .status = status,
                              .http_status = status == P2P_OUT_REJECTED ? 503 : 200,
                              .peer = P2P_NONE,
                              .total_ns = took_ms * MS};

    m->rq.now_ns = m->now_ns;
    m->rq.peers = m->peers;
    m->ops->outcome(m->self, &m->rq, &out);
}

/* A world that is easy to see through: each job takes 20 ms for every job that is here
 * before it, or 60 ms at the first peer, 200 at the second; it has 100 ms. */
static void lives(struct mock *m, uint32_t load)
{
    struct p2p_action a;
    uint32_t running = load < m->node.slots ? load : m->node.slots;

    mock_load(m, running, load - running);
    mock_arrive(m);
    m->rq.deadline_ns = m->now_ns + 100 * MS;
    a = mock_decide(m, P2P_EV_ARRIVAL);
    if (a.kind == P2P_PROBE) {
        mock_answer(m, 0, m->rq.probe[0].peer == FIRST ? 2 : 0, 0);
        a = mock_decide(m, P2P_EV_PROBED);
    }
    if (a.kind == P2P_REJECT)
        end(m, P2P_OUT_REJECTED, 0);
    else if (a.kind == P2P_FORWARD)
        end(m, P2P_OUT_FORWARDED, a.a == FIRST ? 60 : 200);
    else
        end(m, P2P_OUT_RAN, 20 * (uint64_t)(load + 1));
}

static void it_learns_when_to_go_where(void **state)
{
    static const char *const settings[] = {
        "gamma=0.3 epsilon_decay=0.9995 epsilon_min=0.05",
        "gamma=0.3 epsilon_decay=0.9995 epsilon_min=0.05 form=expected_sarsa double=true",
        "epsilon_decay=0.9995 epsilon_min=0.05 form=differential_sarsa",
        "gamma=0.3 exploration=softmax temperature=0.1 initial=1 form=sarsa"};

    (void)state;
    for (unsigned i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        struct bond b;
        struct mock *m = make(&b, settings[i]);

        for (int k = 0; k < 40000; k++)
            lives(m, (uint32_t)p2p_rand_below(&m->host, 8));
        learner_set(b.l, "exploration", 0);
        learner_set(b.l, "epsilon", 0);
        learner_set(b.l, "alpha", 0);
        for (uint32_t load = 0; load < 8; load++) {
            bool good;

            lives(m, load);
            /* A probe finds the second peer idle, for all that it is slow; with nobody here
             * nobody has less. */
            good = load >= 5 ? b.last == PEER_0
                             : b.last == HERE || b.last == PEER_0 || (b.last == PROBE && !load);
            if (!good)
                fail_msg("%s: action %u at load %u", settings[i], b.last, load);
        }
        learner_free(b.l);
        mock_free(m);
    }
}

/* By latency, the place is chosen that is the fastest, not one that is fast enough. */
static void it_learns_what_is_fastest(void **state)
{
    struct bond b;
    struct mock *m = make(&b, "gamma=0 epsilon=0.3 epsilon_decay=1");

    (void)state;
    for (const struct p2p_param *p = m->ops->params; p->name; p++)
        if (strcmp(p->name, "reward") == 0)
            *(int64_t *)(void *)((char *)m->self + p->offset) = 1;
    for (int k = 0; k < 40000; k++)
        lives(m, (uint32_t)p2p_rand_below(&m->host, 8));
    learner_set(b.l, "epsilon", 0);
    for (uint32_t load = 0; load < 8; load++) {
        lives(m, load);
        if (load < 2)
            assert_true(b.last != PEER_0 && b.last != PEER_0 + 1 && b.last != REJECT);
        if (load > 2)
            assert_int_equal(b.last, PEER_0);
    }
    learner_free(b.l);
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns_when_to_go_where),
        cmocka_unit_test(it_learns_what_is_fastest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
