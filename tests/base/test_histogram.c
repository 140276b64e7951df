#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/histogram.h"

/* A simple generator, so that every run sees the same values. */
static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void an_empty_one_has_no_quantile(void **state)
{
    struct histogram h = {0};

    (void)state;
    assert_true(isnan(histogram_quantile(&h, 0.5)));
    assert_true(histogram_merge(&h, &h));
    assert_int_equal(h.n, 0);
    histogram_release(&h);
}

static void one_value_is_every_quantile(void **state)
{
    static const uint64_t values[] = {0, 1, 255, 256, 257, 1000003, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct histogram h = {0};

        assert_true(histogram_add(&h, values[i]));
        for (int p = 0; p <= 4; p++)
            assert_true(histogram_quantile(&h, p / 4.0) == (double)values[i]);
        histogram_release(&h);
    }
}

/* Between two outliers, so that the exact minimum and maximum do not help. */
static void the_error_is_bounded_at_every_edge(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int off = -1; off <= 1; off++) {
            uint64_t value = ((uint64_t)1 << bit) + (uint64_t)(int64_t)off;
            struct histogram h = {0};
            double got;

            assert_true(histogram_add(&h, 0) && histogram_add(&h, value) &&
                        histogram_add(&h, UINT64_MAX));
            got = histogram_quantile(&h, 0.5);
            if (fabs(got - (double)value) > 0.004 * (double)value)
                fail_msg("%llu came back as %.17g", (unsigned long long)value, got);
            histogram_release(&h);
        }
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void quantiles_are_those_of_the_sorted_values(void **state)
{
    enum { N = 20000 };
    uint64_t *values = calloc(N, sizeof(*values)), seed = 42;
    struct histogram h = {0};

    (void)state;
    assert_non_null(values);
    for (unsigned i = 0; i < N; i++) {
        values[i] = (uint64_t)(-1e7 * log((double)(next(&seed) >> 11) / 0x1p53 + 1e-12));
        assert_true(histogram_add(&h, values[i]));
    }
    qsort(values, N, sizeof(*values), by_value);
    for (unsigned permille = 1; permille < 1000; permille++) {
        double exact = (double)values[(unsigned)ceil(permille / 1000.0 * N) - 1];
        double got = histogram_quantile(&h, permille / 1000.0);

        if (fabs(got - exact) > 0.005 * exact)
            fail_msg("quantile %u/1000 is %.17g, must be %.17g", permille, got, exact);
    }
    assert_int_equal(h.min, values[0]);
    assert_int_equal(h.max, values[N - 1]);
    histogram_release(&h);
    free(values);
}

static void a_merge_is_as_if_all_had_come_to_one(void **state)
{
    struct histogram all = {0}, part[2] = {{0}, {0}};
    uint64_t seed = 7;

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        uint64_t value = next(&seed) >> (next(&seed) % 64);

        assert_true(histogram_add(&all, value));
        assert_true(histogram_add(&part[i % 3 == 0], value));
    }
    assert_true(histogram_merge(&part[0], &part[1]));
    assert_int_equal(part[0].n, all.n);
    assert_int_equal(part[0].min, all.min);
    assert_int_equal(part[0].max, all.max);
    for (int p = 0; p <= 64; p++)
        assert_true(histogram_quantile(&part[0], p / 64.0) == histogram_quantile(&all, p / 64.0));
    histogram_release(&all);
    histogram_release(&part[0]);
    histogram_release(&part[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one_has_no_quantile),
        cmocka_unit_test(one_value_is_every_quantile),
        cmocka_unit_test(the_error_is_bounded_at_every_edge),
        cmocka_unit_test(quantiles_are_those_of_the_sorted_values),
        cmocka_unit_test(a_merge_is_as_if_all_had_come_to_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
