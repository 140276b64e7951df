#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/dqn/dqn.h"
#include "tests/plugins/mdp.h"

extern const struct p2p_module dqn_plugin;

#define SMALL "hidden=3 warm_up=1 "

/* Where things stand in a state of two dimensions. */
enum { UNIT = 24 + 16, EPSILON = UNIT + 8, WEIGHTS = EPSILON + 8 };

static struct learner *make(const char *settings)
{
    struct p2p_space space = learner_box(2, 3, 0, 9);

    return learner_new(&dqn_plugin, &space, settings);
}

static struct dqn *inside(const struct learner *l)
{
    return l->m->self;
}

static void teach(struct learner *l, int lessons)
{
    uint64_t rng = 6;

    for (int i = 0; i < lessons; i++) {
        float at[2] = {(float)(9 * mdp_unit(&rng)), (float)(9 * mdp_unit(&rng))};
        float next[2] = {at[1], at[0]};

        learner_learn(l, at, learner_act(l, at, 0).action, (float)mdp_unit(&rng), next);
    }
}

static struct learner *learned(const char *settings, int lessons)
{
    struct learner *l = make(settings);

    teach(l, lessons);
    return l;
}

static void save(const struct learner *l, struct bytes *b)
{
    struct p2p_stream out = bytes_writer(b);

    assert_true(l->ops->save(l->m->self, &out));
}

static bool load(struct learner *l, struct bytes *b)
{
    struct p2p_stream in = bytes_reader(b);

    return l->ops->load(l->m->self, &in);
}

static bool same(const struct bytes *a, const struct bytes *b)
{
    return a->n == b->n && memcmp(a->data, b->data, a->n) == 0;
}

/* It must not be taken, and nothing of it either. */
static void refuses(struct learner *l, struct bytes *bad)
{
    struct bytes before = {0}, after = {0};
    struct dqn *d = inside(l);
    size_t size = 3 * d->net.n_weights * sizeof(float);
    void *networks = malloc(size), *moments = malloc(size);

    assert_true(networks && moments);
    memcpy(networks, d->online, size);
    memcpy(moments, d->opt.first, size * (d->opt.second ? 2 : 1) / 3);
    save(l, &before);
    assert_false(load(l, bad));
    save(l, &after);
    assert_true(same(&before, &after));
    assert_memory_equal(networks, d->online, size);
    assert_memory_equal(moments, d->opt.first, size * (d->opt.second ? 2 : 1) / 3);
    bytes_free(&before);
    bytes_free(&after);
    free(networks);
    free(moments);
}

/* ---- there and back ---- */

static void what_was_learned_goes_over(void **state)
{
    static const char *const settings[] = {"", "layers=2 hidden=9", "optimizer=sgd double=false",
                                           "reward_unit=12.5"};

    (void)state;
    for (unsigned i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        struct learner *old = learned(settings[i], 300), *fresh = learned(settings[i], 120);
        struct bytes a = {0}, b = {0};
        uint64_t rng = 8;

        save(old, &a);
        assert_true(load(fresh, &a));
        save(fresh, &b);
        assert_true(same(&a, &b));
        assert_true(learner_gauge(fresh, "epsilon") == learner_gauge(old, "epsilon"));
        for (int k = 0; k < 200; k++) {
            float at[2] = {(float)(12 * mdp_unit(&rng)), (float)(12 * mdp_unit(&rng))};

            for (uint32_t action = 0; action < 3; action++)
                assert_true(learner_act(old, at, UINT64_C(1) << action).value ==
                            learner_act(fresh, at, UINT64_C(1) << action).value);
        }
        bytes_free(&a);
        bytes_free(&b);
        learner_free(old);
        learner_free(fresh);
    }
}

static void it_goes_on_learning_after_it(void **state)
{
    static const char settings[] = "alpha=0.01 warm_up=1";
    struct learner *old = learned(settings, 200), *l = learned(settings, 3);
    struct dqn *d = inside(l);
    struct bytes b = {0};
    float at[2] = {1, 2};

    (void)state;
    save(old, &b);
    assert_true(load(l, &b));
    assert_memory_equal(d->online, d->target, d->net.n_weights * sizeof(float));
    assert_memory_equal(d->online, d->good, d->net.n_weights * sizeof(float));
    for (size_t i = 0; i < d->net.n_weights; i++)
        assert_true(d->opt.first[i] == 0 && d->opt.second[i] == 0);
    for (int i = 0; i < 600; i++)
        learner_learn(l, at, 1, 5, NULL);
    assert_true(fabsf(learner_act(l, at, 2).value - 5) < 0.1F);
    bytes_free(&b);
    learner_free(old);
    learner_free(l);
}

/* The same on all machines: these bytes stay. */
static void the_format_stays(void **state)
{
    static const unsigned char known[] = {
        'P', '2', 'P', 'N', 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,
        /* bounds 0 and 9; unit 2, epsilon 0.5 */
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x41, 0, 0, 0x10, 0x41, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0,
        0, 0, 0, 0, 0xe0, 0x3f,
        /* hidden: weights 1 and -2, bias 0.5 */
        0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0, 0, 0, 0x3f,
        /* values: weights 0, 1, 2, biases -1, 0, 0 */
        0, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 0, 0, 0x80, 0xbf, 0, 0, 0, 0, 0, 0, 0, 0,
        /* sum */
        0, 0, 0, 0, 0, 0, 0, 0};
    struct learner *l = make("hidden=1 epsilon=0.5 reward_unit=2");
    struct dqn *d = inside(l);
    float *hidden = d->online + d->net.layer[0].weights,
          *last = d->online + d->net.layer[1].weights;
    struct bytes b = {0};

    (void)state;
    hidden[0] = 1;
    hidden[d->net.layer[0].stride] = -2;
    hidden[(size_t)2 * d->net.layer[0].stride] = 0.5F;
    last[1] = 1;
    last[2] = 2;
    last[d->net.layer[1].stride] = -1;
    save(l, &b);
    assert_int_equal(b.n, sizeof(known));
    assert_memory_equal(b.data, known, sizeof(known) - 8);
    /* At 9, 0: 1 + 2 + 0.5 of what is hidden, in units of 2. */
    assert_true(learner_act(l, (float[2]){9, 0}, 4).value == 14);
    assert_true(learner_act(l, (float[2]){9, 0}, 1).value == -2);
    bytes_free(&b);
    learner_free(l);
}

/* ---- what is not taken ---- */

static void a_part_is_not_taken(void **state)
{
    struct learner *old = learned(SMALL, 60), *l = learned(SMALL, 10);
    struct bytes b = {0};
    size_t n;

    (void)state;
    save(old, &b);
    n = b.n;
    for (b.n = 0; b.n < n; b.n++)
        refuses(l, &b);
    assert_true(load(l, &b));
    b.data[b.n++] = 0; /* one byte more, for which there is room */
    refuses(l, &b);
    bytes_free(&b);
    learner_free(old);
    learner_free(l);
}

static void a_changed_bit_is_noticed(void **state)
{
    struct learner *old = learned(SMALL, 60), *l = learned(SMALL, 10);
    struct bytes b = {0};

    (void)state;
    save(old, &b);
    for (size_t i = 0; i < b.n * 8; i++) {
        b.data[i / 8] ^= (unsigned char)(1 << i % 8);
        refuses(l, &b);
        b.data[i / 8] ^= (unsigned char)(1 << i % 8);
    }
    assert_true(load(l, &b));
    bytes_free(&b);
    learner_free(old);
    learner_free(l);
}

static void noise_is_not_taken(void **state)
{
    struct learner *l = learned(SMALL, 10);
    struct bytes b = {.data = calloc(1, 400)};
    uint64_t rng = 3;

    (void)state;
    assert_non_null(b.data);
    for (int i = 0; i < 500; i++) {
        b.n = mdp_bits(&rng) % 400;
        for (size_t k = 0; k < b.n; k++)
            b.data[k] = (unsigned char)mdp_bits(&rng);
        refuses(l, &b);
    }
    bytes_free(&b);
    learner_free(l);
}

static void other_shapes_are_not_taken(void **state)
{
    static const char *const others[] = {"hidden=31", "layers=2", "reward_unit=2"};
    struct p2p_space shapes[] = {learner_box(3, 3, 0, 9), learner_box(2, 4, 0, 9),
                                 learner_box(1, 3, 0, 9), learner_box(2, 3, 0, 9)};
    const float lo[2] = {0, 0}, hi[2] = {9, 10};
    struct learner *l = learned("", 120), *other;
    struct bytes b = {0}, mine = {0};

    (void)state;
    shapes[3].lo = lo;
    shapes[3].hi = hi;
    save(l, &mine);
    for (unsigned i = 0; i < 7; i++) {
        other = i < 3 ? learned(others[i], 120) : learner_new(&dqn_plugin, &shapes[i - 3], "");
        save(other, &b);
        refuses(l, &b);
        refuses(other, &mine);
        learner_free(other);
    }
    other = learned("optimizer=sgd double=false", 120); /* which the weights do not depend on */
    save(other, &b);
    assert_true(load(l, &b) && load(other, &mine));
    learner_free(other);
    bytes_free(&b);
    bytes_free(&mine);
    learner_free(l);
}

static void a_write_that_fails_is_told(void **state)
{
    struct learner *l = learned(SMALL, 5);
    struct bytes whole = {0}, b = {0};

    (void)state;
    save(l, &whole);
    for (size_t i = 1; i < whole.n; i++) {
        struct p2p_stream out = bytes_writer(&b);

        b.fails_at = i;
        assert_false(l->ops->save(l->m->self, &out));
    }
    bytes_free(&whole);
    bytes_free(&b);
    learner_free(l);
}

/* ---- whole, but wrong ---- */

static void sum_up(struct bytes *b)
{
    uint64_t fnv = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < b->n - 8; i++)
        fnv = (fnv ^ b->data[i]) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < 8; i++)
        b->data[b->n - 8 + i] = (unsigned char)(fnv >> 8 * i);
}

/* A right state with some bytes changed, and the sum made right again. */
static void forged(size_t at, const void *bytes, size_t n)
{
    struct learner *old = learned(SMALL, 40), *l = learned(SMALL, 10);
    struct bytes b = {0};

    save(old, &b);
    sum_up(&b);
    assert_true(load(l, &b));
    assert_true(at + n <= b.n);
    memcpy(b.data + at, bytes, n);
    sum_up(&b);
    refuses(l, &b);
    bytes_free(&b);
    learner_free(old);
    learner_free(l);
}

static void a_forged_state_is_not_taken(void **state)
{
    const double shares[] = {-0.1, 1.1, NAN, INFINITY};
    const float weights[] = {NAN, INFINITY, -INFINITY, 1.1e6F, -1.1e6F};
    const size_t last = WEIGHTS + 4 * (3 * 3 + 4 * 3 - 1);
    const uint32_t version = 2;
    const double nan = NAN;

    (void)state;
    forged(4, &version, 4);
    forged(UNIT, &nan, 8);
    for (unsigned i = 0; i < 4; i++)
        forged(EPSILON, &shares[i], 8);
    for (unsigned i = 0; i < 5; i++) {
        forged(WEIGHTS, &weights[i], 4);
        forged(last, &weights[i], 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_learned_goes_over),
        cmocka_unit_test(it_goes_on_learning_after_it),
        cmocka_unit_test(the_format_stays),
        cmocka_unit_test(a_part_is_not_taken),
        cmocka_unit_test(a_changed_bit_is_noticed),
        cmocka_unit_test(noise_is_not_taken),
        cmocka_unit_test(other_shapes_are_not_taken),
        cmocka_unit_test(a_write_that_fails_is_told),
        cmocka_unit_test(a_forged_state_is_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
