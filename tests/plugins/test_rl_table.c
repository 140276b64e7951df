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

static struct learner *make(struct p2p_space space, const char *settings)
{
    return learner_new(&rl_qlearning_plugin, &space, settings);
}

/* Gives one action of a state that value, where alpha is 1 and gamma 0. */
static void set(struct learner *l, const float *state, uint32_t action, float value)
{
    learner_learn(l, state, action, value, NULL);
}

static float get(struct learner *l, const float *state, uint32_t action)
{
    return learner_act(l, state, UINT64_C(1) << action).value;
}

#define EXACT "alpha=1 gamma=0 epsilon=0 "

/* ---- keys ---- */

static void states_do_not_collide(void **state)
{
    struct learner *l = make(learner_box(2, 1, -150, 150), EXACT "memory=60000000");
    const float joined[4][2] = {{1, 11}, {11, 1}, {111, 0}, {1, -11}};

    (void)state;
    for (int i = 0; i < 4; i++)
        set(l, joined[i], 0, (float)i + 1);
    for (int i = 0; i < 4; i++)
        assert_true(get(l, joined[i], 0) == (float)i + 1);
    for (int x = -150; x <= 150; x++)
        for (int y = -150; y <= 150; y++) {
            float at[2] = {(float)x, (float)y};

            set(l, at, 0, (float)(x * 1000 + y));
        }
    for (int x = -150; x <= 150; x++)
        for (int y = -150; y <= 150; y++) {
            float at[2] = {(float)x, (float)y};

            assert_true(get(l, at, 0) == (float)(x * 1000 + y));
        }
    assert_true(learner_gauge(l, "table_entries") == 301 * 301);
    assert_int_equal(learner_count(l, "table_full_total"), 0);
    learner_free(l);
}

static void what_is_out_of_bounds_is_the_bound(void **state)
{
    struct learner *l = make(learner_box(1, 1, -2, 5), EXACT);
    const float low = -2, high = 5, far[] = {6, 1e30F, INFINITY}, near[] = {-3, -1e30F, -INFINITY};

    (void)state;
    set(l, &low, 0, 1);
    set(l, &high, 0, 2);
    for (int i = 0; i < 3; i++) {
        assert_true(get(l, &far[i], 0) == 2);
        assert_true(get(l, &near[i], 0) == 1);
    }
    assert_true(get(l, &(float){NAN}, 0) == 1);
    assert_true(get(l, &(float){4.6F}, 0) == 2);
    assert_true(get(l, &(float){4.4F}, 0) == 0);
    learner_free(l);
}

static void bins_part_the_range(void **state)
{
    struct learner *l = make(learner_box(1, 1, -1, 1), EXACT "bins=4");
    const float inside[] = {-1, -0.51F, -0.5F, -0.01F, 0, 0.49F, 0.5F, 1, 2};
    const float known[] = {1, 1, 2, 2, 3, 3, 4, 4, 4};

    (void)state;
    for (int i = 0; i < 4; i++)
        set(l, &(float){-0.75F + 0.5F * (float)i}, 0, (float)i + 1);
    for (unsigned i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
        assert_true(get(l, &inside[i], 0) == known[i]);
    assert_true(learner_gauge(l, "table_entries") == 4);
    learner_free(l);
}

static void the_widest_bounds_are_taken(void **state)
{
    static const char *const settings[] = {EXACT, EXACT "bins=1000", EXACT "approximation=tiles"};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct learner *l = make(learner_box(1, 1, -FLT_MAX, FLT_MAX), settings[i]);
        float at[] = {-FLT_MAX, FLT_MAX};

        set(l, &at[0], 0, 1);
        set(l, &at[1], 0, 2);
        assert_true(get(l, &at[0], 0) == 1 && get(l, &at[1], 0) == 2);
        learner_free(l);
    }
}

/* ---- tiles ---- */

static double worst_of_sine(const char *settings, int lessons)
{
    struct learner *l = make(learner_box(1, 1, 0, 6.2831853F), settings);
    uint64_t rng = 4;
    double worst = 0;

    for (int i = 0; i < lessons; i++) {
        float x = (float)(6.2831853 * mdp_unit(&rng));

        set(l, &x, 0, sinf(x));
    }
    for (float x = 0.2F; x < 6; x += 0.01F)
        worst = fmax(worst, fabs(get(l, &x, 0) - sin(x)));
    learner_free(l);
    return worst;
}

/* Few wide tiles learn from few lessons; laid upon each other they are finer than they are
 * wide. */
static void tiles_generalise_and_resolve(void **state)
{
    double one = worst_of_sine("alpha=0.1 gamma=0 tilings=1 tiles=8 approximation=tiles", 20000);
    double many = worst_of_sine("alpha=0.1 gamma=0 tilings=16 tiles=8 approximation=tiles", 20000);
    double few = worst_of_sine("alpha=0.5 gamma=0 tilings=8 tiles=8 approximation=tiles", 300);
    double fine = worst_of_sine("alpha=0.5 gamma=0 bins=1000", 300);

    (void)state;
    if (!(one > 0.3 && many < 0.12 && few < 0.35 && fine > 0.9))
        fail_msg("off by %g (1 tiling), %g (16), %g (few lessons), %g (table)", one, many, few,
                 fine);
}

static void a_step_is_shared_by_the_tilings(void **state)
{
    struct learner *l =
        make(learner_box(2, 2, 0, 1), "alpha=0.5 gamma=0 approximation=tiles initial=3");
    float at[2] = {0.3F, 0.8F}, far[2] = {0.9F, 0.1F};

    (void)state;
    assert_true(fabsf(get(l, at, 1) - 3) < 1e-6F);
    set(l, at, 1, 7);
    assert_true(fabsf(get(l, at, 1) - 5) < 1e-6F);
    assert_true(fabsf(get(l, at, 0) - 3) < 1e-6F);
    assert_true(fabsf(get(l, far, 1) - 3) < 1e-6F);
    assert_true(learner_gauge(l, "table_entries") == 16);
    learner_free(l);
}

/* Along the diagonal uniform shifts change all dimensions at the same places. */
static void offsets_shift_the_tilings(void **state)
{
    static const char *const settings[] = {"approximation=tiles tilings=4 tiles=1 offsets=uniform",
                                           "approximation=tiles tilings=4 tiles=1"};
    unsigned rows[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct learner *l = make(learner_box(2, 1, 0, 1), settings[i]);

        for (float x = 0; x <= 1; x += 1.0F / 64)
            get(l, (float[2]){x, x}, 0);
        rows[i] = (unsigned)learner_gauge(l, "table_entries");
        learner_free(l);
    }
    /* Boundaries in quarters: each grid has one at 1, 3/4, 1/2 and 1/4, in both dimensions
     * or, at 3/4 in the one and 1/4 in the other, at two places. */
    assert_int_equal(rows[0], 8);
    assert_int_equal(rows[1], 10);
}

/* ---- room ---- */

static void a_full_table_keeps_what_it_has(void **state)
{
    struct learner *l = make(learner_box(1, 8, 0, 100000), EXACT "memory=16384");
    unsigned room, counts[8] = {0};
    float at;

    (void)state;
    for (room = 0; learner_count(l, "table_full_total") == 0; room++) {
        at = (float)room;
        assert_string_equal(l->m->log, "");
        set(l, &at, 0, (float)room + 1);
    }
    room--;
    assert_true(room > 20 && learner_gauge(l, "table_entries") == room);
    assert_non_null(strstr(l->m->log, "the table of values is full"));
    l->m->log[0] = '\0';
    for (unsigned i = 0; i < room; i++) {
        at = (float)i;
        assert_true(get(l, &at, 0) == (float)i + 1);
        set(l, &at, 0, (float)i + 2);
        assert_true(get(l, &at, 0) == (float)i + 2);
    }
    assert_int_equal(learner_count(l, "table_full_total"), 1);
    at = 5000;
    for (int i = 0; i < 8000; i++) {
        struct p2p_choice c = learner_act(l, &at, 0);

        assert_true(c.value == 0 && !c.explored);
        counts[c.action]++;
        set(l, &at, 3, 9);
    }
    mock_uniform(counts, 8);
    assert_int_equal(learner_count(l, "table_full_total"), 16001);
    assert_string_equal(l->m->log, "");
    learner_free(l);
}

static void tiles_may_find_room_for_some_only(void **state)
{
    struct learner *l =
        make(learner_box(2, 2, 0, 1), EXACT "approximation=tiles memory=8192 tiles=50");
    uint64_t rng = 1;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        float at[2] = {(float)mdp_unit(&rng), (float)mdp_unit(&rng)};

        set(l, at, learner_act(l, at, 0).action, 1);
        assert_true(isfinite(get(l, at, 0)));
    }
    assert_true(learner_count(l, "table_full_total") > 100);
    learner_free(l);
}

static void refused(struct p2p_space space, const char *settings, const char *reason)
{
    char err[P2P_ERRLEN];

    learner_refused(&rl_qlearning_plugin, &space, settings, err);
    if (!strstr(err, reason))
        fail_msg("'%s' does not say '%s'", err, reason);
}

static void what_cannot_be_is_refused(void **state)
{
    struct p2p_space odd = learner_box(2, 2, 0, 1);
    const float lo[2] = {0, 3}, hi[2] = {1, 3}, nan[2] = {1, NAN};

    (void)state;
    refused(learner_box(1, 65, 0, 1), "", "65 actions; allowed: 1 to 256 and 1 to 64");
    refused(learner_box(1, 0, 0, 1), "", "0 actions");
    refused(learner_box(0, 2, 0, 1), "", "0 dimensions");
    odd.lo = lo;
    odd.hi = hi;
    refused(odd, "", "bounds dimension 1 of its state by 3 and 3");
    odd.hi = nan;
    refused(odd, "", "by 3 and nan");
    refused(learner_box(1, 64, 0, 1), "memory=4096 approximation=tiles tilings=64 double=true",
            "memory is 4096 bytes, which has no room for one state of 64 rows");
}

/* What the message says is allowed is so. */
static void the_least_memory_is_enough(void **state)
{
    struct p2p_space space = learner_box(1, 64, 0, 1);
    char err[P2P_ERRLEN], settings[100];
    struct learner *l;

    (void)state;
    for (int tilings = 4; tilings <= 64; tilings *= 4) {
        static const char form[] = "memory=%ld approximation=tiles tilings=%d double=true";
        long least;

        snprintf(settings, sizeof(settings), form, 4096L, tilings);
        learner_refused(&rl_qlearning_plugin, &space, settings, err);
        assert_non_null(strstr(err, "at least "));
        least = strtol(strstr(err, "at least ") + 9, NULL, 10);
        snprintf(settings, sizeof(settings), form, least - 2, tilings);
        learner_refused(&rl_qlearning_plugin, &space, settings, err);
        snprintf(settings, sizeof(settings), form, least, tilings);
        l = learner_new(&rl_qlearning_plugin, &space, settings);
        get(l, &(float){0}, 0);
        assert_int_equal(learner_count(l, "table_full_total"), 0);
        get(l, &(float){1}, 0);
        assert_int_equal(learner_count(l, "table_full_total"), 1);
        learner_free(l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_do_not_collide),
        cmocka_unit_test(what_is_out_of_bounds_is_the_bound),
        cmocka_unit_test(bins_part_the_range),
        cmocka_unit_test(the_widest_bounds_are_taken),
        cmocka_unit_test(tiles_generalise_and_resolve),
        cmocka_unit_test(a_step_is_shared_by_the_tilings),
        cmocka_unit_test(offsets_shift_the_tilings),
        cmocka_unit_test(a_full_table_keeps_what_it_has),
        cmocka_unit_test(tiles_may_find_room_for_some_only),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(the_least_memory_is_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
