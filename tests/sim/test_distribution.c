#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/distribution.h"
#include "tests/sim/support_numbers.h"

enum { N = 200000 };
static double sample[N];
static char err[P2P_ERRLEN];

static const int64_t ms = 1000000;

/* Draws N into `sample`, in ms. */
static struct moments drawn(const struct distribution_config *c, double *mean)
{
    struct distribution d;
    struct random r;

    assert_int_equal(distribution_init(&d, c, err), 0);
    random_seed(&r, 11);
    for (int i = 0; i < N; i++)
        sample[i] = (double)distribution_draw(&d, &r) / (double)ms;
    *mean = distribution_mean(&d) / (double)ms;
    distribution_release(&d);
    return moments_of(sample, N);
}

static void deterministic_is_its_mean(void **state)
{
    double mean;
    struct moments m = drawn(
        &(struct distribution_config){.kind = DISTRIBUTION_DETERMINISTIC, .mean = 7 * ms}, &mean);

    (void)state;
    assert_true(mean == 7);
    assert_near(m.mean, 7, 1e-9);
    assert_true(m.variance < 1e-12);
}

static double exponential_100(double x, void *ctx)
{
    (void)ctx;
    return 1 - exp(-x / 100);
}

static void exponential(void **state)
{
    double mean;
    struct moments m = drawn(
        &(struct distribution_config){.kind = DISTRIBUTION_EXPONENTIAL, .mean = 100 * ms}, &mean);

    (void)state;
    assert_true(mean == 100);
    assert_near(m.mean, 100, 0.01);
    assert_near(m.variance, 100 * 100, 0.03);
    assert_true(ks_distance(sample, N, exponential_100, NULL) < 1.95);
}

static double uniform_5_15(double x, void *ctx)
{
    (void)ctx;
    return (x - 5) / 10;
}

static void uniform(void **state)
{
    double mean;
    struct moments m = drawn(
        &(struct distribution_config){.kind = DISTRIBUTION_UNIFORM, .min = 5 * ms, .max = 15 * ms},
        &mean);

    (void)state;
    assert_true(mean == 10);
    assert_near(m.mean, 10, 0.01);
    assert_near(m.variance, 100.0 / 12, 0.02);
    assert_true(ks_distance(sample, N, uniform_5_15, NULL) < 1.95);
    assert_true(sample[0] >= 5 && sample[N - 1] <= 15);
}

static double lognormal_100_2(double x, void *ctx)
{
    double variance = log(1 + 2 * 2), mu = log(100) - variance / 2;

    (void)ctx;
    return 0.5 * erfc(-(log(x) - mu) / sqrt(2 * variance));
}

static void lognormal(void **state)
{
    double mean;
    struct moments m = drawn(
        &(struct distribution_config){.kind = DISTRIBUTION_LOGNORMAL, .mean = 100 * ms, .cv = 2},
        &mean);

    (void)state;
    assert_true(mean == 100);
    assert_near(m.mean, 100, 0.02);
    assert_near(sqrt(m.variance), 200, 0.1);
    assert_true(ks_distance(sample, N, lognormal_100_2, NULL) < 1.95);
    m = drawn(&(struct distribution_config){.kind = DISTRIBUTION_LOGNORMAL, .mean = 100 * ms},
              &mean);
    assert_near(m.mean, 100, 1e-9);
    assert_true(m.variance < 1e-12);
}

static double pareto_100_3(double x, void *ctx)
{
    double least = 100 * 2.0 / 3;

    (void)ctx;
    return x < least ? 0 : 1 - pow(least / x, 3);
}

static void pareto(void **state)
{
    double mean;
    struct moments m = drawn(
        &(struct distribution_config){.kind = DISTRIBUTION_PARETO, .mean = 100 * ms, .shape = 3},
        &mean);

    (void)state;
    assert_true(mean == 100);
    assert_near(m.mean, 100, 0.01);
    assert_true(ks_distance(sample, N, pareto_100_3, NULL) < 1.95);
    /* No mean of its draws to speak of, but a shape. */
    drawn(&(struct distribution_config){.kind = DISTRIBUTION_PARETO,
                                        .mean = 100 * ms,
                                        .shape = 1.001},
          &mean);
    assert_true(mean == 100);
    assert_true(sample[0] > 0);
}

static void a_bound_keeps_the_mean_of_pareto(void **state)
{
    static const struct {
        double shape;
        int64_t max;
    } cases[] = {{1.1, 100000 * ms}, {1.5, 1000 * ms}, {3, 150 * ms}, {20, 101 * ms}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double mean, most = (double)cases[i].max / (double)ms;
        struct moments m = drawn(&(struct distribution_config){.kind = DISTRIBUTION_PARETO,
                                                               .mean = 100 * ms,
                                                               .shape = cases[i].shape,
                                                               .max = cases[i].max},
                                 &mean);

        assert_true(mean == 100);
        assert_near(m.mean, 100, i == 0 ? 0.05 : 0.01);
        for (int k = 0; k < N; k++)
            assert_true(sample[k] > 0 && sample[k] <= most + 1e-6);
    }
}

static void bimodal(void **state)
{
    double mean;
    unsigned high = 0;
    struct moments m = drawn(
        &(struct distribution_config){
            .kind = DISTRIBUTION_BIMODAL, .low = 10 * ms, .high = 1000 * ms, .probability = 0.05},
        &mean);

    (void)state;
    assert_near(mean, 10 + 990 * 0.05, 1e-12);
    assert_near(m.mean, mean, 0.02);
    for (int i = 0; i < N; i++) {
        assert_true(sample[i] == 10 || sample[i] == 1000);
        high += sample[i] == 1000;
    }
    assert_near(high, N * 0.05, 0.05);
}

static void values_of_a_file(void **state)
{
    double mean;
    unsigned seconds = 0;

    (void)state;
    drawn(&(struct distribution_config){.kind = DISTRIBUTION_FILE,
                                        .file = data_file("durations.txt")},
          &mean);
    assert_near(mean, (12.5 + 12.5 + 1000 + 0.25) / 4, 1e-9);
    for (int i = 0; i < N; i++) {
        assert_true(sample[i] == 12.5 || sample[i] == 1000 || sample[i] == 0.25);
        seconds += sample[i] == 1000;
    }
    assert_near(seconds, N / 4.0, 0.02);
}

static void no_draw_is_nothing_or_beyond_time(void **state)
{
    struct distribution d;
    struct random r;

    (void)state;
    random_seed(&r, 1);
    assert_int_equal(
        distribution_init(
            &d, &(struct distribution_config){.kind = DISTRIBUTION_EXPONENTIAL, .mean = 1}, err),
        0);
    for (int i = 0; i < 1000; i++)
        assert_true(distribution_draw(&d, &r) >= 1);
    assert_int_equal(distribution_init(&d,
                                       &(struct distribution_config){.kind = DISTRIBUTION_LOGNORMAL,
                                                                     .mean = INT64_MAX,
                                                                     .cv = 1000},
                                       err),
                     0);
    for (int i = 0; i < 1000; i++)
        assert_in_range(distribution_draw(&d, &r), 1, DISTRIBUTION_MAX_NS);
    assert_int_equal(
        distribution_init(&d,
                          &(struct distribution_config){.kind = DISTRIBUTION_FILE,
                                                        .file = file_of("0\n0ms\n0\n0\n0\n0")},
                          err),
        0);
    assert_true(distribution_mean(&d) == 1);
    assert_int_equal(distribution_draw(&d, &r), 1);
    distribution_release(&d);
}

static void the_same_seed_draws_the_same(void **state)
{
    const struct distribution_config c = {
        .kind = DISTRIBUTION_LOGNORMAL, .mean = 100 * ms, .cv = 1};
    struct distribution d;
    struct random a, b;

    (void)state;
    assert_int_equal(distribution_init(&d, &c, err), 0);
    random_stream(&a, 1, 2);
    random_stream(&b, 1, 2);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(distribution_draw(&d, &a), distribution_draw(&d, &b));
}

static void refused(const struct distribution_config *c, const char *why)
{
    struct distribution d;

    assert_int_equal(distribution_init(&d, c, err), -1);
    assert_string_equal(err, why);
    assert_null(d.value);
}

static void wrong_settings_say_what_is_right(void **state)
{
    (void)state;
    refused(&(struct distribution_config){.kind = DISTRIBUTION_EXPONENTIAL},
            "mean: 0s is out of range; allowed: a duration above 0");
    refused(&(struct distribution_config){.kind = DISTRIBUTION_DETERMINISTIC, .mean = -ms},
            "mean: -1ms is out of range; allowed: a duration above 0");
    refused(&(struct distribution_config){.kind = DISTRIBUTION_UNIFORM, .min = -1, .max = 5},
            "min: -1ns is out of range; allowed: a duration from 0s");
    refused(&(struct distribution_config){.kind = DISTRIBUTION_UNIFORM, .min = 6, .max = 5},
            "max: 5ns is out of range; allowed: a duration above 0, and not below min");
    refused(&(struct distribution_config){.kind = DISTRIBUTION_UNIFORM},
            "max: 0s is out of range; allowed: a duration above 0, and not below min");
    refused(&(struct distribution_config){.kind = DISTRIBUTION_LOGNORMAL, .mean = ms, .cv = -1},
            "cv: -1 is out of range; allowed: from 0 to 1000");
    refused(&(struct distribution_config){.kind = DISTRIBUTION_LOGNORMAL, .mean = ms, .cv = NAN},
            "cv: nan is out of range; allowed: from 0 to 1000");
    refused(&(struct distribution_config){.kind = DISTRIBUTION_PARETO, .mean = ms, .shape = 1},
            "shape: 1 is out of range; allowed: above 1, as there is no mean below, up to 1000");
    refused(
        &(struct distribution_config){.kind = DISTRIBUTION_PARETO, .mean = ms, .shape = INFINITY},
        "shape: inf is out of range; allowed: above 1, as there is no mean below, up to 1000");
    refused(
        &(struct distribution_config){
            .kind = DISTRIBUTION_PARETO, .mean = ms, .shape = 2, .max = ms},
        "max: 1ms is out of range; allowed: 0 for no bound, or above the mean");
    refused(&(struct distribution_config){.kind = DISTRIBUTION_BIMODAL, .high = ms},
            "low: 0s is out of range; allowed: a duration above 0");
    refused(&(struct distribution_config){.kind = DISTRIBUTION_BIMODAL, .low = ms, .high = 1},
            "high: 1ns is out of range; allowed: a duration not below low");
    refused(
        &(struct distribution_config){
            .kind = DISTRIBUTION_BIMODAL, .low = 1, .high = 2, .probability = 1.5},
        "probability: 1.5 is out of range; allowed: from 0 to 1");
    refused(&(struct distribution_config){.kind = 99}, "distribution: there is none of number 99");
    refused(&(struct distribution_config){.kind = -1}, "distribution: there is none of number -1");
}

static void wrong_files_say_where(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", ": no values; allowed: one a line, as in 12.5ms, or seconds"},
        {"# only this\n", ":1: no values; allowed: one a line, as in 12.5ms, or seconds"},
        {"1\n2,3\n", ":2: 2 fields; allowed: one value a line"},
        {"1\r\n\r\nnan\r\n", ":3: column value: 'nan' is not a time; allowed: from 0s to "
                             "8760h, as in 12.5ms, or seconds"},
        {"-1\n", ":1: column value: '-1' is not in range; allowed: from 0s to "
                 "8760h, as in 12.5ms, or seconds"},
        {"1e300\n", ":1: column value: '1e300' is not in range; allowed: from 0s to "
                    "8760h, as in 12.5ms, or seconds"},
    };
    char why[P2P_ERRLEN];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *file = file_of(cases[i].text);

        snprintf(why, sizeof(why), "%s%s", file, cases[i].why);
        refused(&(struct distribution_config){.kind = DISTRIBUTION_FILE, .file = file}, why);
    }
    refused(&(struct distribution_config){.kind = DISTRIBUTION_FILE},
            "file: it is missing; allowed: a file with a value a line");
    refused(&(struct distribution_config){.kind = DISTRIBUTION_FILE, .file = "/nowhere"},
            "/nowhere: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deterministic_is_its_mean),
        cmocka_unit_test(exponential),
        cmocka_unit_test(uniform),
        cmocka_unit_test(lognormal),
        cmocka_unit_test(pareto),
        cmocka_unit_test(a_bound_keeps_the_mean_of_pareto),
        cmocka_unit_test(bimodal),
        cmocka_unit_test(values_of_a_file),
        cmocka_unit_test(no_draw_is_nothing_or_beyond_time),
        cmocka_unit_test(the_same_seed_draws_the_same),
        cmocka_unit_test(wrong_settings_say_what_is_right),
        cmocka_unit_test(wrong_files_say_where),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
