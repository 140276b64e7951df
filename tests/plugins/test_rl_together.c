#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/bond.h"

extern const struct p2p_module rl_qlearning_plugin;

enum { FIRST = BOND_FIRST, PEERS = 2, REJECT = 0, HERE = 1, PROBE = 2, PEER_0 = 3 };
#define MS UINT64_C(1000000)

static struct mock *make(struct bond *b, const char *settings)
{
    return bond_new(b, &rl_qlearning_plugin, "", &rl_qlearning_plugin, settings, PEERS);
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
        bond_end(m, P2P_OUT_REJECTED, 0);
    else if (a.kind == P2P_FORWARD)
        bond_end(m, P2P_OUT_FORWARDED, (a.a == FIRST ? 60 : 200) * MS);
    else
        bond_end(m, P2P_OUT_RAN, 20 * (uint64_t)(load + 1) * MS);
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
        bond_free(&b, m);
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
    bond_free(&b, m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns_when_to_go_where),
        cmocka_unit_test(it_learns_what_is_fastest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
