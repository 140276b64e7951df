#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sim/estimate.h"

static void near(double got, double expected, double by)
{
    if (!(fabs(got - expected) <= by))
        fail_msg("got %.12g, must be %.12g", got, expected);
}

/* Printed tables of Student's t, and the closed forms of 1 and 2 degrees of freedom. */
static void quantiles_agree_with_tables(void **state)
{
    static const struct {
        double p, freedom, t;
    } table[] = {
        {0.975, 1, 12.7062047},   {0.975, 2, 4.30265273},
        {0.975, 3, 3.18244631},   {0.975, 4, 2.77644511},
        {0.975, 5, 2.57058184},   {0.975, 9, 2.26215716},
        {0.975, 10, 2.22813885},  {0.975, 19, 2.09302405},
        {0.975, 29, 2.04522964},  {0.975, 30, 2.04227246},
        {0.975, 60, 2.00029782},  {0.975, 120, 1.97993041},
        {0.95, 10, 1.81246112},   {0.95, 29, 1.69912703},
        {0.995, 10, 3.16927267},  {0.995, 29, 2.75638590},
        {0.995, 1, 63.6567412},   {0.9995, 10, 4.58689386},
        {0.975, 1e7, 1.95996422}, {0.5, 3, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        near(student_quantile(table[i].p, table[i].freedom), table[i].t, 1e-6);
        near(student_quantile(1 - table[i].p, table[i].freedom), -table[i].t, 1e-6);
    }
}

static void quantiles_agree_with_closed_forms(void **state)
{
    (void)state;
    for (int i = 1; i < 37; i++) {
        double p = 0.5 + i * 0.0137;

        near(student_quantile(p, 1), tan(acos(-1) * (p - 0.5)), 1e-7);
        near(student_quantile(p, 2), (2 * p - 1) / sqrt(2 * p * (1 - p)), 1e-7);
    }
}

static void a_quantile_is_where_the_distribution_is_p(void **state)
{
    static const double freedoms[] = {1, 2.5, 7, 30, 400, 1e5};

    (void)state;
    for (size_t i = 0; i < sizeof(freedoms) / sizeof(freedoms[0]); i++)
        for (int k = 1; k < 50; k++)
            near(student_cdf(student_quantile(k / 50.0, freedoms[i]), freedoms[i]), k / 50.0,
                 1e-10);
    assert_true(isnan(student_quantile(0, 5)));
    assert_true(isnan(student_quantile(1, 5)));
    assert_true(isnan(student_quantile(0.9, 0)));
}

static void a_mean_has_its_interval(void **state)
{
    static const double x[] = {9, 11, 10, NAN, 12, 8};
    struct estimate e = estimate_of(x, 6, 0.95);

    (void)state;
    assert_int_equal(e.n, 5);
    near(e.value, 10, 1e-12);
    near(e.half_width, 2.77644511 * sqrt(2.5 / 5), 1e-6);
    near(estimate_of(x, 6, 0.99).half_width, 4.60409487 * sqrt(2.5 / 5), 1e-6);
}

static void where_nothing_can_be_said_is_no_number(void **state)
{
    static const double none[] = {NAN, NAN}, one[] = {3};

    (void)state;
    assert_true(isnan(estimate_of(none, 2, 0.95).value));
    assert_int_equal(estimate_of(none, 2, 0.95).n, 0);
    near(estimate_of(one, 1, 0.95).value, 3, 0);
    assert_true(isnan(estimate_of(one, 1, 0.95).half_width));
    assert_true(isnan(estimate_correlation(one, 1)));
    assert_true(isnan(estimate_halves(one, 1)));
}

static void a_ramp_hangs_together_and_a_zigzag_does_not(void **state)
{
    double ramp[30], zigzag[30], flat[30];

    (void)state;
    for (int i = 0; i < 30; i++) {
        ramp[i] = i;
        zigzag[i] = i % 2;
        flat[i] = 5;
    }
    near(estimate_correlation(ramp, 30), 0.9, 0.01);
    near(estimate_correlation(zigzag, 30), -29.0 / 30, 1e-9);
    assert_true(isnan(estimate_correlation(flat, 30)));
}

static void halves_that_differ_are_told(void **state)
{
    double same[30], step[30];

    (void)state;
    for (int i = 0; i < 30; i++) {
        same[i] = (i * 7) % 5;
        step[i] = same[i] + (i < 15 ? 0 : 10);
    }
    near(estimate_halves(same, 30), 1, 1e-9);
    assert_true(estimate_halves(step, 30) < 1e-6);
    /* From a calculation by hand: t = 2.44949, 4 degrees of freedom. */
    near(estimate_halves((const double[]){1, 2, 3, 3, 4, 5}, 6), 0.0704840, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_agree_with_tables),
        cmocka_unit_test(quantiles_agree_with_closed_forms),
        cmocka_unit_test(a_quantile_is_where_the_distribution_is_p),
        cmocka_unit_test(a_mean_has_its_interval),
        cmocka_unit_test(where_nothing_can_be_said_is_no_number),
        cmocka_unit_test(a_ramp_hangs_together_and_a_zigzag_does_not),
        cmocka_unit_test(halves_that_differ_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
