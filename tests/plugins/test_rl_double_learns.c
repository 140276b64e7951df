#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/plugins/bond.h"

extern const struct p2p_module rl_double_plugin, rl_qlearning_plugin, dqn_plugin;

/* Two nodes that both learn.  A job takes 20 ms for every one that is there with it, and 10 on
 * the way to a peer and back; it has 100 ms, so that a node with five jobs is too late.  The
 * second peer of the first node always refuses. */
enum { LEARNER_SETS = 4, LOADS = 8, LATE_FROM = 5, FIRST = BOND_FIRST };
enum { RUN = 0, REFUSE = 1, PEER_0 = 2 };
#define MS UINT64_C(1000000)

struct pair {
    struct bond at[2];
    struct mock *node[2];
};

static const struct {
    const struct p2p_module *module;
    const char *settings;
    int jobs;
} learners[LEARNER_SETS] = {
    {&rl_qlearning_plugin, "gamma=0.3 epsilon_decay=0.9995", 40000},
    {&rl_qlearning_plugin, "form=differential_sarsa epsilon_decay=0.9995", 40000},
    {&rl_qlearning_plugin, "approximation=tiles tiles=16 gamma=0.3 epsilon_decay=0.9995", 40000},
    {&dqn_plugin, "gamma=0.3 alpha=0.003 epsilon_decay=0.999", 8000},
};

static void set_load(struct mock *m, uint32_t load)
{
    uint32_t running = load < m->node.slots ? load : m->node.slots;

    mock_load(m, running, load - running);
}

static struct p2p_action arrives(struct mock *m, uint32_t hops)
{
    mock_arrive(m);
    m->rq.hops = hops;
    m->rq.flags = hops ? P2P_RQ_EXTERNAL : 0;
    m->rq.deadline_ns = m->now_ns + 100 * MS;
    return mock_decide(m, P2P_EV_ARRIVAL);
}

/* The second decision; true when the job ran. */
static bool offered(struct mock *m, uint32_t load)
{
    struct p2p_action a;

    set_load(m, load);
    a = arrives(m, 1);
    if (a.kind == P2P_REJECT)
        bond_end(m, P2P_OUT_REJECTED, 0);
    else
        bond_end(m, P2P_OUT_RAN, 20 * (uint64_t)(load + 1) * MS);
    return a.kind == P2P_LOCAL;
}

static void lives(struct pair *p, uint32_t load, uint32_t load_of_peer)
{
    struct mock *m = p->node[0];
    struct p2p_action a;
    bool ran = false;

    set_load(m, load);
    a = arrives(m, 0);
    while (a.kind == P2P_FORWARD && !ran) {
        ran = a.a == FIRST && offered(p->node[1], load_of_peer);
        if (!ran)
            a = mock_decide(m, P2P_EV_REFUSED);
    }
    if (ran)
        bond_end(m, P2P_OUT_FORWARDED, (10 + 20 * (uint64_t)(load_of_peer + 1)) * MS);
    else
        bond_end(m, P2P_OUT_RAN, 20 * (uint64_t)(load + 1) * MS);
}

static uint32_t draw(struct pair *p)
{
    return (uint32_t)p2p_rand_below(&p->node[0]->host, LOADS);
}

/* What the learner of a node would do, and its scheduler with it. */
static struct p2p_action would(struct pair *p, unsigned at, uint32_t load)
{
    struct mock *m = p->node[at];
    struct p2p_action a;

    set_load(m, load);
    a = arrives(m, at);
    bond_end(m, P2P_OUT_CANCELLED, 0);
    return a;
}

static void both_nodes_learn_their_decision(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LEARNER_SETS; i++) {
        struct pair p;

        for (unsigned k = 0; k < 2; k++)
            p.node[k] = bond_new(&p.at[k], &rl_double_plugin, "most_running=4 most_waiting=4",
                                 learners[i].module, learners[i].settings, 2);
        /* The peer has few jobs three times out of four. */
        for (int k = 0; k < learners[i].jobs; k++)
            lives(&p, draw(&p), draw(&p) < 6 ? draw(&p) % LATE_FROM : draw(&p));
        for (unsigned k = 0; k < 2; k++)
            learner_set(p.at[k].l, "epsilon", 0);
        for (uint32_t load = 0; load < LOADS; load++) {
            struct p2p_action first = would(&p, 0, load), second = would(&p, 1, load);

            if ((second.kind == P2P_REJECT) != (load >= LATE_FROM))
                fail_msg("%s: a peer's job has action %u at load %u", learners[i].settings,
                         second.kind, load);
            if (load < LATE_FROM - 1
                    ? first.kind == P2P_FORWARD && first.a != FIRST
                    : load >= LATE_FROM && (first.kind != P2P_FORWARD || first.a != FIRST))
                fail_msg("%s: a client's job has action %u at load %u", learners[i].settings,
                         first.kind, load);
        }
        for (unsigned k = 0; k < 2; k++)
            bond_free(&p.at[k], p.node[k]);
    }
}

/* The higher the worth of a refusal, the earlier it refuses: of a job that has an even chance
 * to be in time. */
static void the_worth_of_a_refusal_is_the_chance_from_which_it_accepts(void **state)
{
    static const struct {
        const char *settings;
        uint32_t action;
    } cases[] = {{"refusal=0.2", RUN}, {"refusal=0.8", REFUSE}};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct bond b;
        struct mock *m = bond_new(&b, &rl_double_plugin, cases[i].settings, &rl_qlearning_plugin,
                                  "gamma=0 epsilon=0.5 epsilon_decay=1 alpha=0.02", 1);

        for (int k = 0; k < 10000; k++) {
            bool late = p2p_rand_below(&m->host, 2) != 0;

            set_load(m, 2);
            if (arrives(m, 1).kind == P2P_REJECT)
                bond_end(m, P2P_OUT_REJECTED, 0);
            else
                bond_end(m, P2P_OUT_RAN, late ? 200 * MS : 50 * MS);
        }
        learner_set(b.l, "epsilon", 0);
        set_load(m, 2);
        arrives(m, 1);
        assert_int_equal(b.last, cases[i].action);
        bond_free(&b, m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_nodes_learn_their_decision),
        cmocka_unit_test(the_worth_of_a_refusal_is_the_chance_from_which_it_accepts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
