#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/dqn/dqn_net.h"
#include "plugins/dqn/dqn_optimizer.h"
#include "plugins/dqn/dqn_replay.h"
#include "tests/plugins/mdp.h"

extern const struct p2p_module dqn_plugin;

/* Only its random numbers and its memory are asked for. */
static struct learner *some_host(void)
{
    struct p2p_space space = learner_box(1, 1, 0, 1);

    return learner_new(&dqn_plugin, &space, "replay=1");
}

static float *floats(size_t n)
{
    float *f = calloc(n, sizeof(*f));

    assert_non_null(f);
    return f;
}

/* ---- network ---- */

/* Places of true weights, not of what fills rows up. */
static bool is_weight(const struct dqn_net *net, size_t at)
{
    uint32_t k = 0;

    while (k + 1 < net->n_layers && at >= net->layer[k + 1].weights)
        k++;
    return (at - net->layer[k].weights) % net->layer[k].stride < net->layer[k].out;
}

static void fill(const struct dqn_net *net, float *weights, uint64_t *rng)
{
    for (size_t i = 0; i < net->n_weights; i++)
        weights[i] = is_weight(net, i) ? (float)(2 * mdp_unit(rng) - 1) : 0;
}

/* A plain sum in doubles. */
static double value_of(const struct dqn_net *net, const float *weights, const float *input,
                       uint32_t action)
{
    double in[256], out[256] = {0};

    for (uint32_t i = 0; i < net->layer[0].in; i++)
        in[i] = input[i];
    for (uint32_t k = 0; k < net->n_layers; k++) {
        const struct dqn_layer *l = &net->layer[k];

        for (uint32_t o = 0; o < l->out; o++) {
            out[o] = weights[l->weights + (size_t)l->in * l->stride + o];
            for (uint32_t i = 0; i < l->in; i++)
                out[o] += in[i] * weights[l->weights + (size_t)i * l->stride + o];
            if (k + 1 < net->n_layers)
                out[o] = fmax(out[o], 0);
        }
        memcpy(in, out, sizeof(in));
    }
    return out[action];
}

struct shape {
    uint32_t inputs, hidden, width, outputs;
};
static const struct shape shapes[] = {{1, 1, 1, 1},   {2, 1, 5, 3},  {3, 2, 7, 2},
                                      {9, 1, 32, 10}, {5, 2, 16, 8}, {17, 2, 33, 64}};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static void it_is_the_sum_that_it_should_be(void **state)
{
    uint64_t rng = 3;

    (void)state;
    for (unsigned k = 0; k < SHAPES; k++) {
        const struct shape *s = &shapes[k];
        struct dqn_net net;
        float *weights, *work, input[32];

        dqn_net_shape(&net, s->inputs, s->hidden, s->width, s->outputs);
        weights = floats(net.n_weights);
        work = floats(net.n_work);
        fill(&net, weights, &rng);
        for (unsigned i = 0; i < 32; i++)
            input[i] = (float)(2 * mdp_unit(&rng) - 1);
        for (uint32_t a = 0; a < s->outputs; a++) {
            double right = value_of(&net, weights, input, a);

            assert_true(fabs(dqn_net_run(&net, weights, input, work)[a] - right) <
                        1e-4 * (1 + fabs(right)));
        }
        free(weights);
        free(work);
    }
}

/* The slope of a value along one weight; false next to a corner of it. */
static bool slope_of(const struct dqn_net *net, float *weights, const float *input, size_t at,
                     uint32_t action, double *slope)
{
    const float kept = weights[at], step = 1.0F / 4096;
    double mid = value_of(net, weights, input, action), above, below, up, down;

    weights[at] = kept + step;
    up = (double)weights[at] - kept;
    above = value_of(net, weights, input, action);
    weights[at] = kept - step;
    down = (double)kept - weights[at];
    below = value_of(net, weights, input, action);
    weights[at] = kept;
    above = (above - mid) / up;
    below = (mid - below) / down;
    *slope = (above + below) / 2;
    return fabs(above - below) < 1e-6 * (1 + fabs(above));
}

static void the_gradient_is_that_of_finite_differences(void **state)
{
    uint64_t rng = 5;

    (void)state;
    for (unsigned k = 0; k < SHAPES; k++) {
        const struct shape *s = &shapes[k];
        unsigned corners = 0;
        struct dqn_net net;
        float *weights, *work, *gradient, input[32];
        uint32_t action = s->outputs / 2;

        dqn_net_shape(&net, s->inputs, s->hidden, s->width, s->outputs);
        weights = floats(net.n_weights);
        gradient = floats(net.n_weights);
        work = floats(net.n_work);
        fill(&net, weights, &rng);
        for (unsigned i = 0; i < 32; i++)
            input[i] = (float)(2 * mdp_unit(&rng) - 1);
        dqn_net_run(&net, weights, input, work);
        dqn_net_back(&net, weights, input, action, -2, work, gradient);
        for (size_t i = 0; i < net.n_weights; i++) {
            double right;

            if (!is_weight(&net, i))
                assert_true(gradient[i] == 0);
            else if (!slope_of(&net, weights, input, i, action, &right))
                corners++;
            else if (fabs(gradient[i] + 2 * right) > 1e-3 * (1 + fabs(right)))
                fail_msg("shape %u, weight %zu: %g, by differences %g", k, i, (double)gradient[i],
                         -2 * right);
        }
        assert_true(corners <= net.n_weights / 20);
        free(weights);
        free(gradient);
        free(work);
    }
}

/* Each call adds: an update is a sum over its batch. */
static void gradients_add_up(void **state)
{
    struct dqn_net net;
    float *weights, *work, *one, *two, input[2] = {0.3F, -0.7F};
    uint64_t rng = 8;

    (void)state;
    dqn_net_shape(&net, 2, 2, 6, 4);
    weights = floats(net.n_weights);
    one = floats(net.n_weights);
    two = floats(net.n_weights);
    work = floats(net.n_work);
    fill(&net, weights, &rng);
    dqn_net_run(&net, weights, input, work);
    dqn_net_back(&net, weights, input, 1, 1, work, one);
    dqn_net_back(&net, weights, input, 1, 1, work, two);
    dqn_net_back(&net, weights, input, 1, 1, work, two);
    for (size_t i = 0; i < net.n_weights; i++)
        assert_true(two[i] == 2 * one[i]);
    free(weights);
    free(one);
    free(two);
    free(work);
}

static void it_begins_within_the_bounds_of_he(void **state)
{
    struct learner *l = some_host();
    struct dqn_net net;
    float *weights, *work, input[24] = {1, -1, 0.5F};
    double squares = 0, most = sqrt(6.0 / 24);
    unsigned n = 24 * 64;

    (void)state;
    dqn_net_shape(&net, 24, 1, 64, 5);
    weights = floats(net.n_weights);
    work = floats(net.n_work);
    dqn_net_begin(&net, &l->m->host, weights);
    for (unsigned i = 0; i < n; i++) {
        assert_true(fabsf(weights[i]) <= most);
        squares += weights[i] * (double)weights[i];
    }
    /* The variance is 2 / inputs; that of the estimate 0.8 / n of its square. */
    assert_true(fabs(squares / n * 24 / 2 - 1) < 6 * sqrt(0.8 / n));
    for (uint32_t a = 0; a < 5; a++)
        assert_true(dqn_net_run(&net, weights, input, work)[a] == 0);
    free(weights);
    free(work);
    learner_free(l);
}

/* ---- optimizers ---- */

static void adam_steps_as_published(void **state)
{
    const struct dqn_pace pace = {.alpha = 0.1, .momentum = 0.9, .beta2 = 0.99, .clip = 1e6};
    float first[8] = {9}, second[8] = {9}, weights[8] = {0}, g[2][8] = {{3, -0.001F}, {-1, 0.02F}};
    struct dqn_optimizer o = {.n = 8, .first = first, .second = second};
    double m[8] = {0}, v[8] = {0}, w[8] = {0};

    (void)state;
    dqn_optimizer_begin(&o);
    for (int t = 1; t <= 40; t++) {
        float gradient[8];

        memcpy(gradient, g[t % 2], sizeof(gradient));
        dqn_optimizer_step(&o, &pace, gradient, weights);
        for (unsigned i = 0; i < 8; i++) {
            m[i] = 0.9 * m[i] + 0.1 * g[t % 2][i];
            v[i] = 0.99 * v[i] + 0.01 * g[t % 2][i] * (double)g[t % 2][i];
            w[i] -= 0.1 * (m[i] / (1 - pow(0.9, t))) / (sqrt(v[i] / (1 - pow(0.99, t))) + 1e-8);
            assert_true(fabs(weights[i] - w[i]) < 1e-4);
        }
        if (t == 1) /* whatever the gradient's size */
            assert_true(fabsf(weights[0] - 0.1F) < 1e-5F && fabsf(weights[1] + 0.1F) < 1e-5F);
    }
}

static void momentum_goes_on(void **state)
{
    const struct dqn_pace pace = {.alpha = 0.5, .momentum = 0.5, .clip = 1e6};
    float first[8], weights[8] = {0}, gradient[8] = {1}, none[8] = {0};
    struct dqn_optimizer o = {.n = 8, .first = first};

    (void)state;
    dqn_optimizer_begin(&o);
    dqn_optimizer_step(&o, &pace, gradient, weights);
    assert_true(weights[0] == -0.5F);
    dqn_optimizer_step(&o, &pace, none, weights);
    assert_true(weights[0] == -0.75F);
    dqn_optimizer_step(&o, &pace, none, weights);
    assert_true(weights[0] == -0.875F && weights[1] == 0);
}

static void long_gradients_are_shortened(void **state)
{
    const struct dqn_pace pace = {.alpha = 1, .clip = 5};
    float first[8], weights[8] = {0}, longer[8] = {30, 40}, shorter[8] = {0, 0, 3};
    struct dqn_optimizer o = {.n = 8, .first = first};

    (void)state;
    dqn_optimizer_begin(&o);
    dqn_optimizer_step(&o, &pace, longer, weights);
    assert_true(fabsf(weights[0] + 3) < 1e-5F && fabsf(weights[1] + 4) < 1e-5F);
    dqn_optimizer_step(&o, &pace, shorter, weights);
    assert_true(weights[2] == -3);
}

/* ---- memory ---- */

static void the_oldest_transition_makes_room(void **state)
{
    struct learner *l = some_host();
    struct dqn_replay r;

    (void)state;
    assert_true(dqn_replay_init(&r, &l->m->host, 3, 5));
    for (uint32_t i = 0; i < 23; i++) {
        struct dqn_step step = {.reward = i, .action = i, .allowed = i, .end = i % 2};
        uint64_t at = dqn_replay_add(&r, &step);

        assert_true(at == i % 5 && r.n == (i < 5 ? i + 1 : 5));
        for (uint32_t d = 0; d < 3; d++) {
            dqn_replay_state(&r, at)[d] = (float)(i * 10 + d);
            dqn_replay_next(&r, at)[d] = (float)(i * 10 + d + 5);
        }
        for (uint32_t old = i < 4 ? 0 : i - 4; old <= i; old++) {
            const struct dqn_step *s = &r.steps[old % 5];

            assert_true(s->reward == old && s->action == old && s->allowed == old &&
                        s->end == (old % 2 == 1));
            for (uint32_t d = 0; d < 3; d++) {
                assert_true(dqn_replay_state(&r, old % 5)[d] == (float)(old * 10 + d));
                assert_true(dqn_replay_next(&r, old % 5)[d] == (float)(old * 10 + d + 5));
            }
        }
    }
    learner_free(l);
}

static void states_keep_what_they_allow(void **state)
{
    struct learner *l = some_host();
    const float one[2] = {0.25F, -1}, two[2] = {-1, 0.25F};
    struct dqn_masks m;
    unsigned right = 0, none = 0;

    (void)state;
    assert_true(dqn_masks_init(&m, &l->m->host));
    assert_true(dqn_masks_find(&m, one, 2) == 0 && m.ever == 0);
    dqn_masks_add(&m, one, 2, 1);
    dqn_masks_add(&m, two, 2, 2);
    dqn_masks_add(&m, one, 2, 4);
    assert_true(dqn_masks_find(&m, one, 2) == 5 && dqn_masks_find(&m, two, 2) == 2);
    assert_true(m.ever == 7);
    /* More states than there is room for: the newest are known, and none is another's. */
    for (uint32_t i = 0; i < 3 * DQN_MASKS; i++)
        dqn_masks_add(&m, (float[2]){(float)i, 0}, 2, i + 1);
    for (uint32_t i = 0; i < 3 * DQN_MASKS; i++) {
        uint64_t known = dqn_masks_find(&m, (float[2]){(float)i, 0}, 2);

        right += known == i + 1;
        none += known == 0;
    }
    assert_int_equal(right + none, 3 * DQN_MASKS);
    assert_true(right > DQN_MASKS / 2);
    learner_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_sum_that_it_should_be),
        cmocka_unit_test(the_gradient_is_that_of_finite_differences),
        cmocka_unit_test(gradients_add_up),
        cmocka_unit_test(it_begins_within_the_bounds_of_he),
        cmocka_unit_test(adam_steps_as_published),
        cmocka_unit_test(momentum_goes_on),
        cmocka_unit_test(long_gradients_are_shortened),
        cmocka_unit_test(the_oldest_transition_makes_room),
        cmocka_unit_test(states_keep_what_they_allow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
