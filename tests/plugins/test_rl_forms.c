#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mdp.h"

extern const struct p2p_module rl_qlearning_plugin;

static struct learner *make(const struct mdp *m, const char *settings)
{
    struct p2p_space space = mdp_space(m);

    return learner_new(&rl_qlearning_plugin, &space, settings);
}

/* ---- processes ---- */

/* Going from 0 to 1 succeeds mostly; going back pays best, staying in 1 pays too. */
static struct mdp chain(void)
{
    return (struct mdp){.states = 2,
                        .actions = 2,
                        .move = {{{0, 0, 1, 0.1}, {1, 0, 0.8, 0}}, {{0, 0, 1, 4}, {1, 0, 0.9, 1}}}};
}

/* Sutton and Barto, example 4.1: two corners end it, each step costs 1. */
static struct mdp grid(void)
{
    static const int dx[] = {0, 0, -1, 1}, dy[] = {-1, 1, 0, 0};
    struct mdp m = {.states = 16, .actions = 4};

    for (int s = 0; s < 16; s++)
        for (int a = 0; a < 4; a++) {
            int x = s % 4 + dx[a], y = s / 4 + dy[a], to = y * 4 + x;

            if (x < 0 || x > 3 || y < 0 || y > 3)
                to = s;
            if (to == 0 || to == 15)
                to = MDP_END;
            m.move[s][a] = (struct mdp_move){to, to, 1, -1};
        }
    return m;
}

struct trial {
    const char *settings;
    double gamma, epsilon; /* 0: qlearning, which learns of the best policy whatever it does */
    double horizon;        /* steps over which an error of one value reaches others */
    double decay;          /* of alpha */
    int n_step;
};

/* With a constant step size alpha a value keeps a deviation of sqrt(alpha / (2 - alpha))
 * times the noise of what it learns from, as far as it passes it on; here alpha becomes
 * ever smaller.  The values of the best policy and of one that explores must be further
 * apart than that, else nothing would be shown. */
static void converges(const struct mdp *m, const struct trial *t)
{
    enum { STEPS = 200000 };
    const double alpha = pow(1 + STEPS * t->decay, -0.7);
    double q[MDP_STATES][MDP_ACTIONS], wrong[MDP_STATES][MDP_ACTIONS], error, most;
    struct learner *l = make(m, t->settings);

    mdp_solve(m, t->gamma, t->epsilon, q);
    mdp_solve(m, t->gamma, t->epsilon > 0 ? 0 : 0.5, wrong);
    most = 3 * sqrt(alpha / (2 - alpha) * t->n_step) * t->horizon *
               mdp_noise(m, t->gamma, t->epsilon, q) +
           0.05; /* what is left of the start */
    assert_true(mdp_distance(m, q, wrong) > 1.5 * most);
    mdp_walk(m, l, STEPS, t->decay);
    error = mdp_error(m, l, q);
    if (!(error < most))
        fail_msg("%s: the values are off by %g, more than %g", t->settings, error, most);
    learner_free(l);
}

#define EXPLORING "epsilon_decay=1 epsilon=0.5 gamma=0.6 "

static void every_form_learns_the_chain(void **state)
{
    static const struct trial trials[] = {
        {EXPLORING "form=qlearning", 0.6, 0, 2.5, 0.2, 1},
        {EXPLORING "form=qlearning double=true", 0.6, 0, 2.5, 0.2, 1},
        {EXPLORING "form=sarsa", 0.6, 0.5, 2.5, 0.2, 1},
        {EXPLORING "form=sarsa double=true", 0.6, 0.5, 2.5, 0.2, 1},
        {EXPLORING "form=sarsa n_step=3", 0.6, 0.5, 2.5, 0.2, 3},
        {EXPLORING "form=expected_sarsa", 0.6, 0.5, 2.5, 0.2, 1},
        {EXPLORING "form=expected_sarsa double=true", 0.6, 0.5, 2.5, 0.2, 1},
        {EXPLORING "form=expected_sarsa n_step=4", 0.6, 0.5, 2.5, 0.2, 4},
        {EXPLORING "form=qlearning approximation=tiles tilings=4 tiles=32", 0.6, 0, 2.5, 0.2, 1},
    };
    struct mdp m = chain();

    (void)state;
    for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
        converges(&m, &trials[i]);
}

static void the_grid_has_the_distances(void **state)
{
    struct mdp m = grid();
    double q[MDP_STATES][MDP_ACTIONS];
    struct learner *l = make(&m, "gamma=1 epsilon=0.5 epsilon_decay=1");

    (void)state;
    mdp_solve(&m, 1, 0, q);
    mdp_walk(&m, l, 30000, 0); /* nothing is random here: alpha may stay 1 */
    for (int s = 1; s < 15; s++)
        for (int a = 0; a < 4; a++) {
            int to = m.move[s][a].likely, x = to % 4, y = to / 4;
            int there = x + y < 6 - x - y ? x + y : 6 - x - y;
            double known = to == MDP_END ? -1 : -1 - there;

            assert_true(q[s][a] == known);
        }
    assert_true(mdp_error(&m, l, q) == 0);
    learner_free(l);
}

#define WALKING "gamma=1 epsilon=0.5 epsilon_decay=1 "

static void every_form_learns_the_grid(void **state)
{
    static const struct trial trials[] = {
        {WALKING "form=qlearning double=true", 1, 0, 3, 0.005, 1},
        {WALKING "form=sarsa", 1, 0.5, 3, 0.005, 1},
        {WALKING "form=sarsa double=true", 1, 0.5, 3, 0.005, 1},
        {WALKING "form=sarsa n_step=2", 1, 0.5, 3, 0.005, 2},
        {WALKING "form=expected_sarsa", 1, 0.5, 3, 0.005, 1},
    };
    struct mdp m = grid();

    (void)state;
    for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
        converges(&m, &trials[i]);
}

/* ---- n steps ---- */

/* Ten states in a row; what the last one pays has come this far back after one walk. */
static void one_walk_teaches_n_states(void **state)
{
    static const char *const forms[] = {"qlearning", "sarsa", "expected_sarsa"};

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        for (int n = 1; n <= 64; n = n * 4 - (n == 16)) {
            struct mdp m = {.states = 10, .actions = 1};
            char settings[100];
            struct learner *l;

            snprintf(settings, sizeof(settings), "form=%s n_step=%d alpha=1 gamma=0.5", forms[i],
                     n);
            l = make(&m, settings);
            for (int s = 0; s < 10; s++) {
                float at = (float)s, next = at + 1;

                learner_learn(l, &at, 0, s == 9 ? 8 : 0, s == 9 ? NULL : &next);
            }
            for (int s = 0; s < 10; s++) {
                float at = (float)s;
                float known = 9 - s < n ? 8 * powf(0.5F, (float)(9 - s)) : 0;

                assert_true(learner_act(l, &at, 0).value == known);
            }
            assert_int_equal(learner_count(l, "updates_total"), 10);
            learner_free(l);
        }
}

static void a_window_sums_its_rewards(void **state)
{
    struct mdp m = {.states = 10, .actions = 2};
    struct learner *l = make(&m, "form=sarsa n_step=3 alpha=1 gamma=0.5");
    const float at[] = {0, 1, 2, 3, 0.005, 4};

    (void)state;
    learner_learn(l, &at[3], 1, 16, NULL); /* V of what follows the window */
    for (int i = 0; i < 3; i++)
        learner_learn(l, &at[i], 0, (float)(4 << i), &at[i + 1]);
    assert_true(learner_act(l, &at[0], 1).value == 0); /* it awaits what follows */
    learner_learn(l, &at[3], 1, 0, &at[4]);
    assert_true(learner_act(l, &at[0], 1).value == 4 + 8 * 0.5F + 16 * 0.25F + 16 * 0.125F);
    assert_true(learner_act(l, &at[1], 1).value == 0);
    learner_free(l);
}

/* ---- the original ---- */

static double saved_double(const struct bytes *b, size_t at)
{
    double x;

    assert_true(at + sizeof(x) <= b->n);
    memcpy(&x, b->data + at, sizeof(x)); /* what was saved is of this machine's order here */
    return x;
}

/* What a node of the original says after these five transitions, to the last digit. */
static void the_original_is_met_to_the_bit(void **state)
{
    static const float states[6][2] = {{0, 1}, {0, 1}, {0, 2}, {0, 2}, {0, 1}, {0, 1}};
    static const uint32_t actions[] = {1, 1, 0, 1, 1};
    static const float rewards[] = {1, 1, 0, 1, 1};
    const float lo[2] = {0, 0}, hi[2] = {10, 10};
    enum { HEAD = 40 + 16, ROW = 12 + 8 };
    struct p2p_space space = {sizeof(space), 2, 2, 0, lo, hi};
    struct learner *l = learner_new(&rl_qlearning_plugin, &space,
                                    "form=differential_sarsa average_reward=original alpha=0.01 "
                                    "beta=0.01");
    struct bytes b = {0};
    struct p2p_stream out = bytes_writer(&b);
    size_t first = HEAD + 20 + ROW, second = first + 16 + ROW;

    (void)state;
    for (int i = 0; i < 5; i++)
        learner_learn(l, states[i], actions[i], rewards[i], states[i + 1]);
    assert_true(l->ops->save(l->m->self, &out));
    assert_true(saved_double(&b, HEAD + 8) == 1.01019798);
    assert_true(saved_double(&b, first) == 0);
    assert_true(saved_double(&b, first + 8) == 0.0098);
    assert_true(saved_double(&b, second) == -0.009998);
    assert_true(saved_double(&b, second + 8) == 0.01019798);
    assert_int_equal(b.n, second + 16 + 8);
    assert_int_equal(learner_count(l, "updates_total"), 4); /* the fifth awaits a sixth */
    bytes_free(&b);
    learner_free(l);
}

static void the_published_average_is_another(void **state)
{
    struct mdp m = {.states = 2, .actions = 1};
    struct learner *l = make(&m, "form=differential_sarsa alpha=0.5 beta=0.25");
    float at = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        learner_learn(l, &at, 0, 8, &at);
    /* delta = 8, then 8 - 2: a state that follows itself has no value of its own here */
    assert_true(learner_gauge(l, "average_reward") == 2 + 0.25 * 6);
    assert_true(learner_act(l, &at, 0).value == 4 + 3);
    learner_free(l);
}

/* ---- what is expected ---- */

static void expected_is_the_mean_of_the_policy(void **state)
{
    static const char *const settings[] = {"form=expected_sarsa exploration=softmax temperature=2",
                                           "form=expected_sarsa epsilon=0.3 epsilon_decay=1"};
    const double value[3] = {-1, 4, 4};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct mdp m = {.states = 2, .actions = 4};
        struct learner *l = make(&m, settings[i]);
        double weight = 0, known = 0;
        float at = 0, next = 1;

        learner_set(l, "alpha", 1);
        learner_set(l, "gamma", 0.5);
        learner_act(l, &next, 7); /* the fourth action is never possible there */
        for (uint32_t a = 0; a < 3; a++) {
            double p = i == 0 ? exp(value[a] / 2) : 0.1 + (a ? 0.35 : 0);

            learner_learn(l, &next, a, (float)value[a], NULL);
            weight += p;
            known += p * value[a];
        }
        learner_learn(l, &at, 0, 10, &next);
        assert_true(fabs(learner_act(l, &at, 1).value - (10 + 0.5 * known / weight)) < 1e-5);
        learner_free(l);
    }
}

/* ---- two tables ---- */

static double gaussian(uint64_t *rng)
{
    double u = 1 - mdp_unit(rng);

    return sqrt(-2 * log(u)) * cos(2 * acos(-1) * mdp_unit(rng));
}

/* Sutton and Barto, example 6.7: left of A is B, whose ten actions cost 0.1 on the average
 * with deviation 1; right of A it ends.  Left is never better, but some action of B looks
 * good by luck. */
static double share_of_left(const char *settings)
{
    enum { RUNS = 200, WALKS = 200 };
    struct mdp m = {.states = 2, .actions = 10};
    uint64_t rng = 5;
    unsigned left = 0;

    for (unsigned run = 0; run < RUNS; run++) {
        struct learner *l = make(&m, settings);
        float a = 0, b = 1;

        l->m->rng += run;
        for (unsigned walk = 0; walk < WALKS; walk++) {
            if (learner_act(l, &a, 3).action == 1) {
                learner_learn(l, &a, 1, 0, NULL);
                continue;
            }
            left++;
            learner_learn(l, &a, 0, 0, &b);
            learner_learn(l, &b, learner_act(l, &b, 0x3ff).action, (float)(gaussian(&rng) - 0.1),
                          NULL);
        }
        learner_free(l);
    }
    return (double)left / RUNS / WALKS;
}

static void two_tables_do_not_overestimate(void **state)
{
    double single = share_of_left("gamma=1 alpha=0.1 epsilon=0.1 epsilon_decay=1");
    double two = share_of_left("gamma=1 alpha=0.1 epsilon=0.1 epsilon_decay=1 double=true");

    (void)state;
    if (!(single > 1.5 * two && single > 0.4 && two > 0.05))
        fail_msg("left: %g with one table, %g with two", single, two);
}

/* One table learns from each transition; what is done goes by the mean of both. */
static void an_action_is_worth_the_mean_of_two_tables(void **state)
{
    struct mdp m = {.states = 2, .actions = 4};
    struct learner *l = make(&m, "alpha=1 gamma=0 double=true");
    float at = 0;

    (void)state;
    for (uint32_t a = 0; a < 4; a++) {
        learner_learn(l, &at, a, (float)(a + 1), NULL);
        assert_true(learner_act(l, &at, UINT64_C(1) << a).value == (float)(a + 1) / 2);
    }
    for (int i = 0; i < 64; i++)
        learner_learn(l, &at, 0, 9, NULL);
    assert_true(learner_act(l, &at, 1).value == 9);
    learner_free(l);
}

/* ---- actions that are never possible ---- */

static void what_was_never_possible_is_not_best(void **state)
{
    static const char *const forms[] = {"qlearning", "expected_sarsa", "sarsa"};

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct mdp m = {.states = 2, .actions = 4};
        char settings[100];
        struct learner *l;
        float at = 0, value;

        snprintf(settings, sizeof(settings), "form=%s gamma=0.5 alpha=0.5 initial=9 double=%s",
                 forms[i % 3], i < 3 ? "false" : "true");
        l = make(&m, settings);
        for (int k = 0; k < 400; k++)
            learner_learn(l, &at, learner_act(l, &at, 4).action, -1, &at);
        value = learner_act(l, &at, 4).value;
        if (fabsf(value + 2) > 1e-5F)
            fail_msg("%s: %g instead of -2", settings, (double)value);
        learner_free(l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_learns_the_chain),
        cmocka_unit_test(the_grid_has_the_distances),
        cmocka_unit_test(every_form_learns_the_grid),
        cmocka_unit_test(one_walk_teaches_n_states),
        cmocka_unit_test(a_window_sums_its_rewards),
        cmocka_unit_test(the_original_is_met_to_the_bit),
        cmocka_unit_test(the_published_average_is_another),
        cmocka_unit_test(expected_is_the_mean_of_the_policy),
        cmocka_unit_test(two_tables_do_not_overestimate),
        cmocka_unit_test(an_action_is_worth_the_mean_of_two_tables),
        cmocka_unit_test(what_was_never_possible_is_not_best),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
