#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "tests/sim/support_numbers.h"

enum { N = 200000 };
static double sample[N];

/* A recorded experiment must stay what it was. */
static void the_numbers_of_a_seed_never_change(void **state)
{
    static const uint64_t of_0[] = {0x99ec5f36cb75f2b4, 0xbf6e1f784956452a, 0x1a5f849d4933e6e0};
    static const uint64_t of_42[] = {0x15780b2e0c2ec716, 0x6104d9866d113a7e, 0xae17533239e499a1};
    struct random r;

    (void)state;
    random_seed(&r, 0);
    for (int i = 0; i < 3; i++)
        assert_true(random_next(&r) == of_0[i]);
    random_seed(&r, 42);
    for (int i = 0; i < 3; i++)
        assert_true(random_next(&r) == of_42[i]);
}

static void a_stream_is_the_same_again_and_unlike_its_neighbours(void **state)
{
    struct random a, b, c, d;
    unsigned same_bits = 0;

    (void)state;
    random_stream(&a, 1, 2);
    random_stream(&b, 1, 2);
    random_stream(&c, 1, 3);
    random_stream(&d, 2, 2);
    for (int i = 0; i < 1000; i++) {
        uint64_t x = random_next(&a), y = random_next(&c);

        assert_true(x == random_next(&b));
        assert_true(x != y && x != random_next(&d));
        same_bits += (unsigned)__builtin_popcountll(~(x ^ y));
    }
    assert_in_range(same_bits, 32000 - 700, 32000 + 700); /* 5.5 standard deviations */
}

/* (seed, stream) and (stream, seed) are two things. */
static void seed_and_stream_do_not_change_places(void **state)
{
    struct random a, b;

    (void)state;
    random_stream(&a, 7, 9);
    random_stream(&b, 9, 7);
    assert_true(random_next(&a) != random_next(&b));
    random_stream(&a, 5, 5);
    random_stream(&b, 6, 6);
    assert_true(random_next(&a) != random_next(&b));
    random_stream(&a, 5, 0);
    random_seed(&b, 5);
    assert_true(random_next(&a) != random_next(&b));
}

static double uniform(double x, void *ctx)
{
    (void)ctx;
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

static void unit_is_uniform_and_open(void **state)
{
    /* Of these states the next number is 0, and 2^64 - 1. */
    struct random r, zero = {{1, 0, 0, 0}}, ones = {{0, 0x4fc71c71c71c71c7, 0, 0}};
    double least;

    (void)state;
    random_seed(&r, 1);
    for (int i = 0; i < N; i++) {
        sample[i] = random_unit(&r);
        assert_true(sample[i] > 0 && sample[i] < 1);
    }
    assert_true(ks_distance(sample, N, uniform, NULL) < 1.95);
    least = random_unit(&zero);
    assert_true(least > 0 && least < 1e-15);
    assert_true(random_next(&(struct random){{0, 0x4fc71c71c71c71c7, 0, 0}}) == UINT64_MAX);
    assert_true(random_unit(&ones) < 1);
}

static void below_is_even(void **state)
{
    enum { SIDES = 7, DRAWS = 70000 };
    unsigned count[SIDES] = {0};
    double chi = 0;
    struct random r;

    (void)state;
    random_seed(&r, 3);
    for (int i = 0; i < DRAWS; i++)
        count[random_below(&r, SIDES)]++;
    for (int i = 0; i < SIDES; i++) {
        double off = (double)count[i] - (double)DRAWS / SIDES;

        chi += off * off / ((double)DRAWS / SIDES);
    }
    assert_true(chi < 22.5); /* one of a thousand, 6 degrees */
    for (int i = 0; i < 100; i++)
        assert_int_equal(random_below(&r, 1), 0);
}

/* Of 3 * 2^30 numbers a plain product draws each third one twice as often. */
static void below_has_no_bias_for_large_numbers(void **state)
{
    enum { DRAWS = 90000 };
    unsigned count[3] = {0};
    struct random r;

    (void)state;
    random_seed(&r, 4);
    for (int i = 0; i < DRAWS; i++)
        count[random_below(&r, 3u << 30) % 3]++;
    for (int i = 0; i < 3; i++)
        assert_near(count[i], DRAWS / 3.0, 0.02);
}

static double exponential(double x, void *ctx)
{
    return 1 - exp(-x / *(double *)ctx);
}

static void exponential_has_its_mean_and_shape(void **state)
{
    double mean = 2.5;
    struct moments m;
    struct random r;

    (void)state;
    random_seed(&r, 5);
    for (int i = 0; i < N; i++)
        sample[i] = random_exponential(&r, mean);
    m = moments_of(sample, N);
    assert_near(m.mean, mean, 0.01);
    assert_near(m.variance, mean * mean, 0.03);
    assert_true(ks_distance(sample, N, exponential, &mean) < 1.95);
}

static double normal(double x, void *ctx)
{
    (void)ctx;
    return 0.5 * erfc(-x / sqrt(2));
}

static void normal_has_its_moments_and_shape(void **state)
{
    struct moments m;
    struct random r;

    (void)state;
    random_seed(&r, 6);
    for (int i = 0; i < N; i++)
        sample[i] = random_normal(&r);
    m = moments_of(sample, N);
    assert_true(fabs(m.mean) < 0.01);
    assert_near(m.variance, 1, 0.015);
    assert_true(ks_distance(sample, N, normal, NULL) < 1.95);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_numbers_of_a_seed_never_change),
        cmocka_unit_test(a_stream_is_the_same_again_and_unlike_its_neighbours),
        cmocka_unit_test(seed_and_stream_do_not_change_places),
        cmocka_unit_test(unit_is_uniform_and_open),
        cmocka_unit_test(below_is_even),
        cmocka_unit_test(below_has_no_bias_for_large_numbers),
        cmocka_unit_test(exponential_has_its_mean_and_shape),
        cmocka_unit_test(normal_has_its_moments_and_shape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
