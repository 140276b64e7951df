#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mdp.h"

extern const struct p2p_module dqn_plugin;

static float get(struct learner *l, const float *state, uint32_t action)
{
    return learner_act(l, state, UINT64_C(1) << action).value;
}

/* ---- one step ---- */

/* A linear function of the state cannot say which action is right. */
static void it_learns_exclusive_or(void **state)
{
    static const char *const settings[] = {
        "hidden=8 epsilon=1 epsilon_decay=1 alpha=0.01",
        "hidden=8 layers=2 epsilon=1 "
        "epsilon_decay=1 alpha=0.01 double=false",
        "hidden=16 epsilon=1 epsilon_decay=1 "
        "optimizer=sgd alpha=0.05",
        "hidden=8 epsilon=1 epsilon_decay=1 alpha=0.01 target_every=1 tau=0.01"};

    (void)state;
    for (unsigned k = 0; k < sizeof(settings) / sizeof(settings[0]); k++) {
        struct p2p_space space = learner_box(2, 2, 0, 100);
        struct learner *l = learner_new(&dqn_plugin, &space, settings[k]);
        uint64_t rng = 7;

        for (int i = 0; i < 4000; i++) {
            int x = (int)(mdp_bits(&rng) & 1), y = (int)(mdp_bits(&rng) & 1);
            float at[2] = {(float)(100 * x), (float)(100 * y)};
            uint32_t a = learner_act(l, at, 0).action;

            learner_learn(l, at, a, a == (uint32_t)(x ^ y) ? 1 : -1, NULL);
        }
        for (unsigned i = 0; i < 4; i++) {
            float at[2] = {(float)(100 * (i & 1)), (float)(100 * (i >> 1))};
            uint32_t right = (i & 1) ^ (i >> 1);

            if (fabsf(get(l, at, right) - 1) > 0.15F || fabsf(get(l, at, 1 - right) + 1) > 0.15F)
                fail_msg("%s: in state %u the right action has %g, the other %g", settings[k], i,
                         (double)get(l, at, right), (double)get(l, at, 1 - right));
        }
        learner_free(l);
    }
}

static void a_unit_of_rewards_changes_no_values(void **state)
{
    struct p2p_space space = learner_box(1, 2, 0, 1);
    struct learner *l = learner_new(&dqn_plugin, &space, "epsilon=1 alpha=0.01 reward_unit=5000");
    uint64_t rng = 7;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        float at = (float)mdp_unit(&rng);

        learner_learn(l, &at, i % 2, i % 2 ? 4000 : -9000, NULL);
    }
    for (int i = 0; i <= 8; i++) {
        float at = (float)i / 8;

        assert_true(fabsf(get(l, &at, 0) + 9000) < 900 && fabsf(get(l, &at, 1) - 4000) < 900);
    }
    learner_free(l);
}

/* ---- processes ---- */

struct place {
    uint32_t dims;
    float at[MDP_STATES][2]; /* where a state lies */
};

static void walk(const struct mdp *m, const struct place *p, struct learner *l, unsigned steps)
{
    uint64_t rng = 77;
    int s = MDP_END;

    for (unsigned i = 0; i < steps; i++) {
        const struct mdp_move *v;
        const float *from;
        unsigned a;

        if (s == MDP_END)
            s = (int)(mdp_bits(&rng) % m->states);
        from = p->at[s];
        a = learner_act(l, from, 0).action;
        v = &m->move[s][a];
        s = mdp_unit(&rng) < v->chance ? v->likely : v->other;
        learner_learn(l, from, a, (float)v->reward, s == MDP_END ? NULL : p->at[s]);
    }
}

static double error_of(const struct mdp *m, const struct place *p, struct learner *l,
                       double q[MDP_STATES][MDP_ACTIONS])
{
    double error = 0;

    for (unsigned s = 0; s < m->states; s++)
        for (unsigned a = 0; a < m->actions; a++)
            error = fmax(error, fabs(get(l, p->at[s], a) - q[s][a]));
    return error;
}

/* To stay in the second state is worth 2 / (1 - gamma); the way there costs 1. */
static void it_learns_a_chain_of_two_states(void **state)
{
    static const struct mdp chain = {
        .states = 2,
        .actions = 2,
        .move = {{{0, 0, 1, 0}, {1, 1, 1, -1}}, {{1, 1, 1, 2}, {0, 0, 1, 0}}}};
    static const struct place at = {.dims = 1, .at = {{0}, {1}}};
    static const char *const settings[] = {"double=true", "double=false",
                                           "double=true layers=2 hidden=16",
                                           "double=true target_every=1 tau=0.02"};
    double q[MDP_STATES][MDP_ACTIONS];

    (void)state;
    mdp_solve(&chain, 0.8, 0, q);
    for (unsigned k = 0; k < 4; k++) {
        char all[200];
        struct p2p_space space = learner_box(1, 2, 0, 1);
        struct learner *l;
        double error;

        snprintf(all, sizeof(all), "gamma=0.8 alpha=0.005 epsilon=0.5 epsilon_decay=1 %s",
                 settings[k]);
        l = learner_new(&dqn_plugin, &space, all);
        walk(&chain, &at, l, 6000);
        error = error_of(&chain, &at, l, q);
        if (error > 0.5)
            fail_msg("%s: off by %g of %g", settings[k], error, q[1][0]);
        learner_free(l);
    }
}

enum { SIDE = 4 };

/* Each step costs 1; the last place is the end.  Walls are run into. */
static void make_grid(struct mdp *m, struct place *p)
{
    static const int dx[] = {0, 1, 0, -1}, dy[] = {-1, 0, 1, 0};

    *m = (struct mdp){.states = SIDE * SIDE - 1, .actions = 4};
    p->dims = 2;
    for (int s = 0; s < SIDE * SIDE - 1; s++) {
        int row = s / SIDE;

        p->at[s][0] = (float)(s % SIDE);
        p->at[s][1] = (float)row;
        for (int a = 0; a < 4; a++) {
            int x = s % SIDE + dx[a], y = row + dy[a];
            int to = x < 0 || y < 0 || x >= SIDE || y >= SIDE ? s : y * SIDE + x;

            to = to == SIDE * SIDE - 1 ? MDP_END : to;
            m->move[s][a] = (struct mdp_move){to, to, 1, -1};
        }
    }
}

static void it_learns_the_way_through_a_grid(void **state)
{
    struct p2p_space space = learner_box(2, 4, 0, SIDE - 1);
    struct learner *l = learner_new(&dqn_plugin, &space,
                                    "gamma=0.95 alpha=0.003 hidden=64 epsilon=1 "
                                    "epsilon_decay=0.9998 epsilon_min=0.2");
    double q[MDP_STATES][MDP_ACTIONS], error;
    struct mdp grid;
    struct place at = {0};

    (void)state;
    make_grid(&grid, &at);
    mdp_solve(&grid, 0.95, 0, q);
    walk(&grid, &at, l, 15000);
    error = error_of(&grid, &at, l, q);
    if (error > 0.6)
        fail_msg("off by %g of %g", error, q[0][1]);
    learner_set(l, "epsilon", 0);
    for (unsigned s = 0; s < grid.states; s++) {
        double best = fmax(fmax(q[s][0], q[s][1]), fmax(q[s][2], q[s][3]));

        assert_true(q[s][learner_act(l, at.at[s], 0).action] > best - 1e-6);
    }
    learner_free(l);
}

/* ---- actions that are never allowed ---- */

/* From 0 to 1, and there costs come back for ever; action 0 would be worth more than any
 * that may be taken, as nobody learns otherwise. */
static void what_is_never_allowed_is_not_learned_from(void **state)
{
    struct p2p_space space = learner_box(1, 3, 0, 1);
    struct learner *l =
        learner_new(&dqn_plugin, &space, "gamma=0.5 alpha=0.01 epsilon=1 epsilon_decay=1");
    const float first = 0, second = 1;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        learner_act(l, &first, 7);
        learner_act(l, &second, 6);
        learner_learn(l, &first, i % 3, -1, &second);
        learner_learn(l, &second, 1 + (uint32_t)i % 2, -1, &second);
    }
    for (uint32_t a = 0; a < 3; a++)
        assert_true(fabsf(get(l, &first, a) + 2) < 0.1F);
    assert_true(fabsf(get(l, &second, 1) + 2) < 0.1F && fabsf(get(l, &second, 2) + 2) < 0.1F);
    learner_free(l);
}

/* A next state in which nothing was chosen so far allows what any other did. */
static void states_without_a_mask_have_that_of_all(void **state)
{
    struct p2p_space space = learner_box(1, 2, 0, 100);
    struct learner *l =
        learner_new(&dqn_plugin, &space, "gamma=1 alpha=0.01 hidden=8 target_every=10");
    const float at = 10, next = 90;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        learner_act(l, &at, 2);
        learner_learn(l, &next, 1, -3, NULL);
        learner_learn(l, &at, 1, -1, &next);
    }
    /* Else action 0, of which nothing was learned, would be what comes next. */
    assert_true(fabsf(get(l, &at, 1) + 4) < 0.2F);
    learner_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns_exclusive_or),
        cmocka_unit_test(a_unit_of_rewards_changes_no_values),
        cmocka_unit_test(it_learns_a_chain_of_two_states),
        cmocka_unit_test(it_learns_the_way_through_a_grid),
        cmocka_unit_test(what_is_never_allowed_is_not_learned_from),
        cmocka_unit_test(states_without_a_mask_have_that_of_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
