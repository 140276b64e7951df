#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "tests/sim/support_arrivals.h"

enum { ROUNDS = 2000, STEPS = 6 };
static double count[ROUNDS * STEPS];

static struct arrival_config curve(const char *file)
{
    struct arrival_config c = config_of(ARRIVALS_CSV);

    c.file = file;
    return c;
}

/* Jobs a second in step k of all rounds, and their index of dispersion. */
static double rate_of_step(unsigned k, double step_ns, double *dispersion)
{
    static double of_step[ROUNDS];
    struct moments m;

    for (unsigned i = 0; i < ROUNDS; i++)
        of_step[i] = count[i * STEPS + k];
    m = moments_of(of_step, ROUNDS);
    *dispersion = m.mean > 0 ? m.variance / m.mean : 0;
    return m.mean / step_ns * 1e9;
}

static void follows(const struct arrival_config *c, double rate, double step_ns,
                    const double *wanted)
{
    struct arrivals *a = loaded(c, rate, 1);
    double dispersion;

    count_windows(a, 0, 1, step_ns, count, (size_t)ROUNDS * STEPS);
    for (unsigned k = 0; k < STEPS; k++) {
        assert_near(rate_of_step(k, step_ns, &dispersion), wanted[k], 0.05);
        if (wanted[k] > 0)
            assert_near(dispersion, 1, 0.12);
    }
    arrivals_free(a);
}

static void the_rate_follows_the_file(void **state)
{
    static const double shares[] = {2, 1, 12, 16, 20, 9};
    struct arrival_config c = curve(data_file("traffic.csv"));

    (void)state;
    c.scale = 20;
    follows(&c, 0, 1e9, shares);
    c.step = 60 * SECOND;
    c.speedup = 60;
    follows(&c, 0, 1e9, shares); /* an hour in a minute, at the same rates */
}

static void a_rate_is_the_mean_of_the_file(void **state)
{
    static const double wanted[] = {2, 1, 12, 16, 20, 9};
    struct arrival_config c = curve(data_file("traffic.csv"));

    (void)state;
    c.scale = 17;
    follows(&c, 10, 1e9, wanted);
}

static void one_column_is_a_rate_a_step(void **state)
{
    static const double wanted[] = {0, 0, 12, 0, 20, 0};
    struct arrival_config c = curve(file_of("0\r\n0\r\n12\r\n\r\n0\r\n20\r\n0"));

    (void)state;
    follows(&c, 0, 1e9, wanted);
}

static void times_with_units_and_steps_of_any_length(void **state)
{
    static const double wanted[] = {5, 5, 5, 10, 1, 1};
    struct arrival_config c =
        curve(file_of("1m,5\n1m3s,10\n64s,1\n# 65 s and 66 s: as above\n65s,1"));

    (void)state;
    follows(&c, 0, 1e9, wanted);
    /* Without a unit: steps. */
    c = curve(file_of("0,5\n2.5,5\n3,10\n4,1\n5,1\n"));
    follows(&c, 0, 1e9, (const double[]){5, 5, 5, 10, 1, 1});
}

/* Two seconds, not two and a half: the next round comes early. */
static void the_last_lasts_as_long_as_the_one_before(void **state)
{
    struct arrival_config c = curve(file_of("0,0\n1,1000\n1.5,0\n"));
    struct arrivals *a = loaded(&c, 0, 1);

    (void)state;
    count_windows(a, 0, 1, 0.5e9, count, 8);
    assert_true(count[2] > 400 && count[6] > 400);
    for (int i = 0; i < 8; i++)
        assert_true(i % 4 == 2 || count[i] == 0);
    arrivals_free(a);
}

static void one_line_is_a_steady_rate(void **state)
{
    static const double wanted[] = {7, 7, 7, 7, 7, 7};
    struct arrival_config c = curve(file_of("7"));

    (void)state;
    follows(&c, 0, 1e9, wanted);
}

static void few_jobs_and_many_rounds(void **state)
{
    struct arrival_config c = curve(file_of("0\n1e-6\n"));
    struct arrivals *a = loaded(&c, 0, 1);
    struct arrival job[4];

    (void)state;
    assert_int_equal(all_jobs(a, 0, 1, job, 4), 4);
    for (int i = 0; i < 4; i++)
        assert_true(job[i].at_ns / SECOND % 2 == 1);
    arrivals_free(a);
    c = curve(file_of("0\n0.000000000000000000001\n"));
    a = loaded(&c, 0, 1);
    assert_int_equal(all_jobs(a, 0, 1, job, 4), 0);
    arrivals_free(a);
}

static void wrong_files(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", ": no rates; allowed: one a line, or lines of time,rate"},
        {"#\n\n", ": no rates; allowed: one a line, or lines of time,rate"},
        {"0\n0\n", ": no rate is above 0; allowed: at least one"},
        {"1,2,3\n", ":1: 3 fields; allowed: a rate, or a time and a rate"},
        {"1\n1,2\n", ":2: 2 fields; allowed: as many as in the lines before"},
        {"time,rate\n", ":1: column time: 'time' is not a time; allowed: from 0s to 876000h, as in "
                        "12.5ms, or seconds"},
        {"5\n-1\n", ":2: column rate: '-1' is not in range; allowed: a number from 0 to "
                    "1000000000"},
        {"nan\n", ":1: column rate: 'nan' is not a number; allowed: a number from 0 to "
                  "1000000000"},
        {"0,1\n0,2\n", ":2: column time: '0' is not later than the line before; allowed: times "
                       "that grow"},
        {"5s,1\n4s,2\n", ":2: column time: '4s' is not later than the line before; allowed: times "
                         "that grow"},
        {"1e20,1\n", ":1: column time: '1e20' is not in range; allowed: a number from 0 to "
                     "3153600000"},
        {"1e10\n", ":1: column rate: '1e10' is not in range; allowed: a number from 0 to "
                   "1000000000"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arrival_config c = curve(file_of(cases[i].text));

        refused_file(&c, cases[i].why);
    }
}

static void wrong_settings(void **state)
{
    struct arrival_config c = curve("");

    (void)state;
    refused(&c, 0, "file: it is missing; this process reads one");
    c = curve(file_of("1\n"));
    c.scale = 0;
    refused(&c, 0, "scale: 0 is out of range; allowed: above 0 to 1e6");
    c.scale = NAN;
    refused(&c, 0, "scale: nan is out of range; allowed: above 0 to 1e6");
    c.scale = 1;
    c.speedup = -1;
    refused(&c, 0, "speedup: -1 is out of range; allowed: above 0 to 1e6");
    c.speedup = 1;
    c.step = 0;
    refused(&c, 0, "step: 0ns is out of range; allowed: a duration from 1us");
    c = curve("/nowhere.csv");
    refused(&c, 0, "/nowhere.csv: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_follows_the_file),
        cmocka_unit_test(a_rate_is_the_mean_of_the_file),
        cmocka_unit_test(one_column_is_a_rate_a_step),
        cmocka_unit_test(times_with_units_and_steps_of_any_length),
        cmocka_unit_test(the_last_lasts_as_long_as_the_one_before),
        cmocka_unit_test(one_line_is_a_steady_rate),
        cmocka_unit_test(few_jobs_and_many_rounds),
        cmocka_unit_test(wrong_files),
        cmocka_unit_test(wrong_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
