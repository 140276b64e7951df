/* When two sides are said to agree. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/compare.h"

enum { BATCHES = 8 };
static const struct compare_rule alone = {.level = 0.95, .together = 1, .margin = 0};

static double mean(const double *v, unsigned n)
{
    double sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum += v[i] / n;
    return sum;
}

static struct comparison of(const double *live, const double *simulated, unsigned n,
                            const struct compare_rule *rule)
{
    return compare_samples(mean(live, n), live, mean(simulated, n), simulated, n, rule);
}

static void test_equal_figures_agree(void **state)
{
    static const double v[BATCHES] = {5, 5, 5, 5, 5, 5, 5, 5};
    struct comparison c = of(v, v, BATCHES, &alone);

    (void)state;
    assert_int_equal(c.verdict, AGREES);
    assert_true(c.difference.half_width <= 0 && c.live.half_width <= 0);
}

static void test_what_both_sides_share_is_not_in_the_difference(void **state)
{
    static const double up[BATCHES] = {1, 9, 2, 8, 1, 9, 2, 8};
    double shifted[BATCHES];
    struct comparison c;

    (void)state;
    for (unsigned i = 0; i < BATCHES; i++)
        shifted[i] = up[i] + 0.5 + (i % 2 ? 0.1 : -0.1);
    c = of(shifted, up, BATCHES, &alone);
    /* Wide on either side, narrow between them. */
    assert_true(c.live.half_width > 2 && c.simulated.half_width > 2);
    assert_true(c.difference.half_width < 0.1);
    assert_true(fabs(c.difference.value - 0.5) < 1e-9);
    assert_int_equal(c.verdict, DIFFERS);
}

static void test_a_difference_within_its_interval_agrees(void **state)
{
    static const double a[BATCHES] = {10, 12, 9, 11, 10, 12, 9, 11};
    static const double b[BATCHES] = {11, 10, 10, 10, 12, 11, 10, 11};
    struct comparison c = of(a, b, BATCHES, &alone);

    (void)state;
    assert_true(fabs(c.difference.value) < c.difference.half_width);
    assert_int_equal(c.verdict, AGREES);
}

static void test_more_comparisons_ask_for_more(void **state)
{
    static const double zero[BATCHES];
    static const double a[BATCHES] = {1, 0, 1, 0.2, 1, 0.2, 1, 0.4};
    struct compare_rule rule = alone;
    struct comparison one = of(a, zero, BATCHES, &rule), many;

    (void)state;
    rule.together = 50;
    many = of(a, zero, BATCHES, &rule);
    /* What is shown does not change, what is made of it does. */
    assert_true(fabs(one.difference.half_width - many.difference.half_width) < 1e-12);
    assert_int_equal(one.verdict, DIFFERS);
    assert_int_equal(many.verdict, AGREES);
}

static void test_a_difference_below_the_margin_is_no_matter(void **state)
{
    static const double a[BATCHES] = {101, 101, 101, 101, 101, 101, 101, 101};
    static const double b[BATCHES] = {100, 100, 100, 100, 100, 100, 100, 100};
    struct compare_rule rule = alone;

    (void)state;
    assert_int_equal(of(a, b, BATCHES, &rule).verdict, DIFFERS);
    rule.margin = 0.02;
    assert_int_equal(of(a, b, BATCHES, &rule).verdict, AGREES);
    rule.margin = 0.005;
    assert_int_equal(of(a, b, BATCHES, &rule).verdict, DIFFERS);
}

static void test_batches_without_data_are_left_out_on_both_sides(void **state)
{
    const double a[4] = {1, NAN, 1, 1}, b[4] = {1, 5, NAN, 1};
    struct comparison c = compare_samples(1, a, 1, b, 4, &alone);

    (void)state;
    assert_int_equal(c.difference.n, 2);
    assert_int_equal(c.verdict, AGREES);
}

static void test_nothing_to_judge_is_said_so(void **state)
{
    const double one[1] = {3}, other[1] = {4}, none[2] = {NAN, NAN}, two[2] = {1, 1};

    (void)state;
    assert_int_equal(compare_samples(3, one, 4, other, 1, &alone).verdict, NO_DATA);
    assert_int_equal(compare_samples(NAN, none, NAN, none, 2, &alone).verdict, AGREES);
    assert_int_equal(compare_samples(NAN, none, 1, two, 2, &alone).verdict, DIFFERS);
    assert_int_equal(compare_samples(1, two, NAN, none, 2, &alone).verdict, DIFFERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_figures_agree),
        cmocka_unit_test(test_what_both_sides_share_is_not_in_the_difference),
        cmocka_unit_test(test_a_difference_within_its_interval_agrees),
        cmocka_unit_test(test_more_comparisons_ask_for_more),
        cmocka_unit_test(test_a_difference_below_the_margin_is_no_matter),
        cmocka_unit_test(test_batches_without_data_are_left_out_on_both_sides),
        cmocka_unit_test(test_nothing_to_judge_is_said_so),
    };

    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
