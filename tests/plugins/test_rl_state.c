#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mdp.h"

extern const struct p2p_module rl_qlearning_plugin;

/* Where things stand in a state of two dimensions and three actions. */
enum { EPSILON = 40 + 16, AVERAGE = EPSILON + 8, ROWS = AVERAGE + 8, ROW = ROWS + 4 };
enum { ALLOWED = 12, VALUES = ALLOWED + 8, ROW_BYTES = VALUES + 3 * 8 };

static struct learner *make(const char *settings)
{
    struct p2p_space space = learner_box(2, 3, 0, 9);

    return learner_new(&rl_qlearning_plugin, &space, settings);
}

static struct learner *learned(const char *settings, int lessons)
{
    struct learner *l = make(settings);
    uint64_t rng = 6;

    for (int i = 0; i < lessons; i++) {
        float at[2] = {(float)(mdp_bits(&rng) % 10), (float)(mdp_bits(&rng) % 10)};
        float next[2] = {at[1], at[0]};

        learner_learn(l, at, learner_act(l, at, 3).action, (float)mdp_unit(&rng), next);
    }
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

    save(l, &before);
    assert_false(load(l, bad));
    save(l, &after);
    assert_true(same(&before, &after));
    bytes_free(&before);
    bytes_free(&after);
}

/* ---- there and back ---- */

static void what_was_learned_goes_over(void **state)
{
    static const char *const settings[] = {"", "double=true", "approximation=tiles",
                                           "bins=5 form=differential_sarsa",
                                           "approximation=tiles double=true offsets=uniform"};

    (void)state;
    for (unsigned i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        struct learner *old = learned(settings[i], 500), *fresh = learned(settings[i], 20);
        struct bytes a = {0}, b = {0};
        uint64_t rng = 8;

        save(old, &a);
        assert_true(load(fresh, &a));
        save(fresh, &b);
        assert_true(same(&a, &b));
        assert_true(learner_gauge(fresh, "epsilon") == learner_gauge(old, "epsilon"));
        assert_true(learner_gauge(fresh, "average_reward") == learner_gauge(old, "average_reward"));
        assert_true(learner_gauge(fresh, "table_entries") == learner_gauge(old, "table_entries"));
        for (int k = 0; k < 200; k++) {
            float at[2] = {(float)(mdp_bits(&rng) % 12), (float)(mdp_bits(&rng) % 12)};

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
    struct learner *l = learned("memory=65536 alpha=1 gamma=0 epsilon=0", 300);
    struct bytes b = {0};
    float at[2] = {1, 2}, never[2] = {9, 9};

    (void)state;
    save(l, &b);
    for (int i = 0; i < 5; i++) { /* the two tables change places each time */
        assert_true(load(l, &b));
        learner_learn(l, at, 1, (float)i + 5, NULL);
        assert_true(learner_act(l, at, 2).value == (float)i + 5);
        learner_learn(l, never, 2, (float)i, NULL);
        assert_true(learner_act(l, never, 4).value == (float)i);
    }
    bytes_free(&b);
    learner_free(l);
}

/* Whatever the spare table was used for before. */
static void states_replace_each_other(void **state)
{
    struct learner *l = make("memory=4096 alpha=1 gamma=0"), *other = make("memory=4096");
    struct bytes mine = {0}, others = {0};
    uint64_t rng = 1;

    (void)state;
    for (int round = 0; round < 300; round++) {
        float at[2] = {(float)(mdp_bits(&rng) % 10), (float)(mdp_bits(&rng) % 10)};

        learner_learn(other, at, 0, (float)round, NULL);
        save(other, &others);
        learner_learn(l, at, 1, (float)round, NULL);
        save(l, &mine);
        assert_true(load(l, &others));
        assert_true(learner_gauge(l, "table_entries") == learner_gauge(other, "table_entries"));
        assert_true(load(l, &mine)); /* as many rows as there is room for, at the end */
        if (round < 20)
            assert_true(learner_act(l, at, 2).value == (float)round);
    }
    assert_true(learner_count(other, "table_full_total") > 0);
    bytes_free(&mine);
    bytes_free(&others);
    learner_free(l);
    learner_free(other);
}

static void an_empty_table_goes_over(void **state)
{
    struct learner *empty = make(""), *full = learned("", 300);
    struct bytes b = {0};

    (void)state;
    save(empty, &b);
    assert_int_equal(b.n, ROW + 8);
    assert_true(load(full, &b));
    assert_true(learner_gauge(full, "table_entries") == 0);
    bytes_free(&b);
    learner_free(empty);
    learner_free(full);
}

/* What is awaited belongs to what was before. */
static void the_window_does_not_go_over(void **state)
{
    struct learner *l = make("form=sarsa n_step=4 alpha=1 gamma=1");
    struct bytes b = {0};
    float at[2] = {1, 1}, other[2] = {2, 2};

    (void)state;
    save(l, &b);
    learner_learn(l, at, 0, 7, at);
    assert_true(load(l, &b));
    learner_learn(l, other, 0, 1, NULL);
    assert_int_equal(learner_count(l, "updates_total"), 1);
    assert_true(learner_act(l, at, 1).value == 0);
    assert_true(learner_act(l, other, 1).value == 1);
    bytes_free(&b);
    learner_free(l);
}

/* The same on all machines: these bytes stay. */
static void the_format_stays(void **state)
{
    static const unsigned char known[] = {
        'P', '2', 'P', 'Q', 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        /* bounds 0 and 9 */
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x41, 0, 0, 0x10, 0x41,
        /* epsilon 0.5, average 0, one row */
        0, 0, 0, 0, 0, 0, 0xe0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
        /* state 3, 4; actions 0 and 2 are possible; values 0, 0, -2 */
        3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xc0};
    struct learner *l = make("alpha=1 epsilon=0.5 epsilon_decay=1");
    struct bytes b = {0};
    float at[2] = {3, 4};

    (void)state;
    learner_act(l, at, 5);
    learner_learn(l, at, 2, -2, NULL);
    save(l, &b);
    assert_int_equal(b.n, sizeof(known) + 8);
    assert_memory_equal(b.data, known, sizeof(known));
    bytes_free(&b);
    learner_free(l);
}

/* ---- what is not taken ---- */

static void a_part_is_not_taken(void **state)
{
    struct learner *old = learned("", 60), *l = learned("", 10);
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
    struct learner *old = learned("double=true", 20), *l = learned("double=true", 5);
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
    struct learner *l = learned("", 10);
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
    static const char *const others[] = {"double=true", "bins=10", "approximation=tiles",
                                         "approximation=tiles tiles=9"};
    struct learner *l = learned("", 30), *other;
    struct p2p_space shapes[] = {learner_box(3, 3, 0, 9), learner_box(2, 4, 0, 9),
                                 learner_box(1, 3, 0, 9)};
    const float lo[2] = {0, 0}, hi[2] = {9, 10};
    struct p2p_space wider = {sizeof(wider), 2, 3, 0, lo, hi};
    struct bytes b = {0}, mine = {0};

    (void)state;
    save(l, &mine);
    for (unsigned i = 0; i < 4; i++) {
        other = learned(others[i], 30);
        save(other, &b);
        refuses(l, &b);
        refuses(other, &mine);
        learner_free(other);
    }
    for (unsigned i = 0; i < 4; i++) {
        other = learner_new(&rl_qlearning_plugin, i < 3 ? &shapes[i] : &wider, "");
        save(other, &b);
        refuses(l, &b);
        refuses(other, &mine);
        learner_free(other);
    }
    bytes_free(&b);
    bytes_free(&mine);
    learner_free(l);
}

static void other_tiles_are_not_taken(void **state)
{
    static const char *const others[] = {"approximation=tiles tiles=9",
                                         "approximation=tiles tilings=4",
                                         "approximation=tiles offsets=uniform"};
    struct learner *l = learned("approximation=tiles", 30), *other;
    struct bytes b = {0};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        other = learned(others[i], 30);
        save(other, &b);
        refuses(l, &b);
        learner_free(other);
    }
    other = learned("approximation=tiles bins=7", 30); /* which is of tables only */
    save(other, &b);
    assert_true(load(l, &b));
    learner_free(other);
    bytes_free(&b);
    learner_free(l);
}

static void more_than_there_is_room_for_is_not_taken(void **state)
{
    struct learner *big = learned("", 600), *l = make("memory=4096");
    struct bytes b = {0};

    (void)state;
    save(big, &b);
    refuses(l, &b);
    assert_non_null(strstr(l->m->log, "`memory` has room for"));
    bytes_free(&b);
    learner_free(big);
    learner_free(l);
}

static void a_write_that_fails_is_told(void **state)
{
    struct learner *l = learned("", 5);
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
    struct learner *old = learned("", 40), *l = learned("", 10);
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

static void forged_number(size_t at, double x)
{
    forged(at, &x, sizeof(x));
}

static void a_forged_state_is_not_taken(void **state)
{
    const int32_t low = -1, high = 10, feature = 1;
    const uint32_t many = UINT32_MAX, none = 0, fewer = 3;
    const uint64_t action_3 = 8;
    const int32_t twice[3] = {4, 5, 0};
    unsigned char two[2 * ROW_BYTES] = {0};

    (void)state;
    forged_number(EPSILON, -0.1);
    forged_number(EPSILON, 1.1);
    forged_number(EPSILON, NAN);
    forged_number(AVERAGE, NAN);
    forged_number(AVERAGE, INFINITY);
    forged_number(AVERAGE, -DBL_MAX);
    forged(ROWS, &many, 4);
    forged(ROWS, &none, 4);
    forged(ROWS, &fewer, 4);
    forged(ROW, &low, 4);
    forged(ROW + 4, &high, 4);
    forged(ROW + 8, &feature, 4);
    forged(ROW + 8, &low, 4);
    forged(ROW + ALLOWED, &action_3, 8);
    forged_number(ROW + VALUES, NAN);
    forged_number(ROW + VALUES + 8, -INFINITY);
    forged_number(ROW + ROW_BYTES + VALUES + 16, DBL_MAX);
    memcpy(two, twice, sizeof(twice));
    memcpy(two + ROW_BYTES, twice, sizeof(twice));
    forged(ROW, two, sizeof(two));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_learned_goes_over),
        cmocka_unit_test(it_goes_on_learning_after_it),
        cmocka_unit_test(states_replace_each_other),
        cmocka_unit_test(an_empty_table_goes_over),
        cmocka_unit_test(the_window_does_not_go_over),
        cmocka_unit_test(the_format_stays),
        cmocka_unit_test(a_part_is_not_taken),
        cmocka_unit_test(a_changed_bit_is_noticed),
        cmocka_unit_test(noise_is_not_taken),
        cmocka_unit_test(other_shapes_are_not_taken),
        cmocka_unit_test(other_tiles_are_not_taken),
        cmocka_unit_test(more_than_there_is_room_for_is_not_taken),
        cmocka_unit_test(a_write_that_fails_is_told),
        cmocka_unit_test(a_forged_state_is_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
