#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "tests/sim/support_arrivals.h"

enum { WINDOWS = 20000 };
static double count[WINDOWS];

static double dispersion(void)
{
    struct moments m = moments_of(count, WINDOWS);

    return m.variance / m.mean;
}

static void none_never_come(void **state)
{
    struct arrival_config c = config_of(ARRIVALS_NONE);
    struct arrivals *a = loaded(&c, 0, 3);
    struct arrival job;

    (void)state;
    assert_int_equal(all_jobs(a, 2, 1, &job, 1), 0);
    arrivals_free(a);
    arrivals_free(NULL);
}

static double exponential_100(double x, void *ctx)
{
    (void)ctx;
    return 1 - exp(-x / 100);
}

static void poisson_has_its_rate_and_gaps(void **state)
{
    struct arrival_config c = config_of(ARRIVALS_POISSON);
    struct arrivals *a = loaded(&c, 10, 1);
    struct arrival_cursor cursor;
    struct arrival job;
    struct random r;
    uint64_t before = 0;

    (void)state;
    count_windows(a, 0, 1, 1e9, count, WINDOWS);
    assert_near(moments_of(count, WINDOWS).mean, 10, 0.01);
    assert_near(dispersion(), 1, 0.03);
    random_seed(&r, 2);
    arrival_cursor_init(&cursor, a, 0, &r);
    for (int i = 0; i < WINDOWS; i++) {
        arrival_next(&cursor, a, &r, &job);
        count[i] = (double)(job.at_ns - before) / 1e6;
        before = job.at_ns;
        assert_int_equal(job.function, P2P_NONE);
        assert_int_equal(job.service_ns, 0);
    }
    assert_true(ks_distance(count, WINDOWS, exponential_100, NULL) < 1.95);
    arrivals_free(a);
}

static void deterministic_is_even_and_does_not_drift(void **state)
{
    struct arrival_config c = config_of(ARRIVALS_DETERMINISTIC);
    struct arrivals *a = loaded(&c, 3, 2);
    struct arrival_cursor cursor;
    struct arrival job, other;
    struct random r;
    uint64_t first;

    (void)state;
    all_jobs(a, 0, 1, &job, 1);
    all_jobs(a, 1, 1, &other, 1);
    assert_true(job.at_ns < 333333334 && other.at_ns < 333333334);
    assert_true(job.at_ns != other.at_ns);
    random_seed(&r, 1);
    arrival_cursor_init(&cursor, a, 0, &r);
    first = arrival_next(&cursor, a, &r, &job);
    for (int i = 0; i < 3000000; i++)
        arrival_next(&cursor, a, &r, &job);
    assert_in_range(job.at_ns - first, 1000000 * (uint64_t)SECOND - 2,
                    1000000 * (uint64_t)SECOND + 2);
    arrivals_free(a);
}

/* Heffes and Lucantoni, doi:10.1109/JSAC.1986.1146393: index of dispersion of the counts of
 * a stationary MMPP of two states in windows of t seconds. */
static double theory(double rate1, double stay1, double rate2, double stay2, double t)
{
    double r1 = 1 / stay1, r2 = 1 / stay2, r = r1 + r2;
    double burst =
        2 * (rate1 - rate2) * (rate1 - rate2) * r1 * r2 / (r * r * (rate1 * r2 + rate2 * r1));

    return 1 + burst * (1 - (1 - exp(-r * t)) / (r * t));
}

static void on_off_has_its_rate_and_dispersion(void **state)
{
    struct arrival_config c = config_of(ARRIVALS_ON_OFF);
    struct arrivals *a;

    (void)state;
    c.on = 500 * MS;
    c.off = 1500 * MS;
    a = loaded(&c, 10, 1);
    count_windows(a, 0, 3, 1e9, count, WINDOWS);
    assert_near(moments_of(count, WINDOWS).mean, 10, 0.03);
    assert_near(dispersion(), theory(40, 0.5, 0, 1.5, 1), 0.05);
    count_windows(a, 0, 4, 1e8, count, WINDOWS);
    assert_near(dispersion(), theory(40, 0.5, 0, 1.5, 0.1), 0.05);
    arrivals_free(a);
}

static struct arrival_config two_states(void)
{
    struct arrival_config c = config_of(ARRIVALS_MMPP);

    c.n_states = 2;
    c.state_rate[0] = 2;
    c.state_stay[0] = 3 * SECOND;
    c.state_rate[1] = 30;
    c.state_stay[1] = SECOND;
    return c;
}

static void mmpp_has_its_rate_and_dispersion(void **state)
{
    struct arrival_config c = two_states();
    struct arrivals *a = loaded(&c, 0, 1);

    (void)state;
    count_windows(a, 0, 5, 1e9, count, WINDOWS);
    assert_near(moments_of(count, WINDOWS).mean, 9, 0.03);
    assert_near(dispersion(), theory(2, 3, 30, 1, 1), 0.05);
    arrivals_free(a);
    a = loaded(&c, 18, 1); /* twice as much */
    count_windows(a, 0, 5, 1e9, count, WINDOWS);
    assert_near(moments_of(count, WINDOWS).mean, 18, 0.03);
    assert_near(dispersion(), theory(4, 3, 60, 1, 1), 0.05);
    arrivals_free(a);
}

/* The first second of many nodes is like any second of one. */
static void mmpp_begins_as_if_it_had_gone_on_for_ever(void **state)
{
    struct arrival_config c = two_states();
    struct arrivals *a = loaded(&c, 0, WINDOWS);

    (void)state;
    for (uint32_t node = 0; node < WINDOWS; node++)
        count_windows(a, node, 6, 1e9, &count[node], 1);
    assert_near(moments_of(count, WINDOWS).mean, 9, 0.03);
    assert_near(dispersion(), theory(2, 3, 30, 1, 1), 0.05);
    arrivals_free(a);
}

/* With a thousand jobs in a stay, hardly one passes without a job. */
static void mmpp_goes_through_its_states_in_order(void **state)
{
    struct arrival_config c = config_of(ARRIVALS_MMPP);
    unsigned steps[3] = {0};
    struct arrival_cursor cursor;
    struct arrivals *a;
    struct arrival job;
    struct random r;

    (void)state;
    c.n_states = 3;
    for (unsigned i = 0; i < 3; i++) {
        c.state_rate[i] = 1000;
        c.state_stay[i] = SECOND;
    }
    a = loaded(&c, 0, 1);
    random_seed(&r, 7);
    arrival_cursor_init(&cursor, a, 0, &r);
    for (int i = 0; i < 300000; i++) {
        unsigned was = cursor.first;

        arrival_next(&cursor, a, &r, &job);
        steps[(cursor.first + 3 - was) % 3]++;
    }
    assert_in_range(steps[1], 250, 350);
    assert_in_range(steps[2], 0, 5);
    count_windows(a, 0, 7, 1e7, count, WINDOWS);
    assert_near(dispersion(), 1, 0.03); /* equal rates: Poisson */
    arrivals_free(a);
}

static void the_same_seed_brings_the_same_jobs(void **state)
{
    static const enum arrival_process processes[] = {ARRIVALS_POISSON, ARRIVALS_DETERMINISTIC,
                                                     ARRIVALS_ON_OFF, ARRIVALS_MMPP};
    struct arrival x[100], y[100], z[100];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct arrival_config c = two_states();
        struct arrivals *a, *b;
        unsigned same = 0;

        c.process = processes[i];
        c.on = c.off = SECOND;
        a = loaded(&c, 5, 2);
        b = loaded(&c, 5, 2);
        assert_int_equal(all_jobs(a, 0, 1, x, 100), 100);
        assert_int_equal(all_jobs(b, 0, 1, y, 100), 100);
        assert_int_equal(all_jobs(a, 1, 1, z, 100), 100);
        for (int k = 0; k < 100; k++) {
            assert_true(x[k].at_ns == y[k].at_ns);
            same += x[k].at_ns == z[k].at_ns;
        }
        assert_int_equal(same, 0);
        arrivals_free(a);
        arrivals_free(b);
    }
}

static void time_ends(void **state)
{
    struct arrival_config c = config_of(ARRIVALS_DETERMINISTIC);
    struct arrivals *a = loaded(&c, 1e-9, 1);
    struct arrival job[8];

    (void)state;
    assert_in_range(all_jobs(a, 0, 1, job, 8), 4, 5); /* 4.6 * 10^18 ns are 146 years */
    arrivals_free(a);
    c.process = ARRIVALS_POISSON;
    a = loaded(&c, 1e-9, 1);
    assert_in_range(all_jobs(a, 0, 1, job, 8), 1, 7);
    arrivals_free(a);
    c = two_states();
    c.state_stay[0] = c.state_stay[1] = INT64_MAX;
    c.state_rate[0] = 0;
    c.state_rate[1] = 1e-9;
    a = loaded(&c, 0, 1);
    assert_in_range(all_jobs(a, 0, 1, job, 8), 0, 7);
    arrivals_free(a);
}

static void wrong_rates(void **state)
{
    static const double rates[] = {0, -1, NAN, INFINITY, 2e9};
    static const enum arrival_process processes[] = {ARRIVALS_POISSON, ARRIVALS_DETERMINISTIC,
                                                     ARRIVALS_ON_OFF};
    struct arrival_config c = config_of(ARRIVALS_POISSON);
    struct arrivals *a;
    char err[P2P_ERRLEN];

    (void)state;
    refused(&c, 0,
            "rate: 0 a second is out of range; allowed: above 0 to 1e+09, as rate or by load");
    for (size_t i = 0; i < 15; i++) {
        c.process = processes[i % 3];
        c.on = c.off = SECOND;
        assert_int_equal(arrivals_load(&a, &c, rates[i / 3], 1, 1, err), -1);
        assert_memory_equal(err, "rate: ", 6);
    }
    c = config_of(99);
    refused(&c, 1, "process: there is none of number 99");
    c = config_of(ARRIVALS_POISSON);
    assert_int_equal(arrivals_load(&a, &c, 1, 0, 1, err), -1);
    assert_string_equal(err, "arrivals: there is no node for them");
}

static void wrong_states(void **state)
{
    struct arrival_config c = config_of(ARRIVALS_ON_OFF);

    (void)state;
    refused(&c, 1, "on: 0ns is out of range; allowed: a duration from 1us");
    c.on = SECOND;
    c.off = -1;
    refused(&c, 1, "off: -1ns is out of range; allowed: a duration from 1us");
    c.on = 1000;
    c.off = INT64_MAX;
    refused(&c, 1,
            "rate: 9.22337e+15 a second is out of range; allowed: above 0 to 1e+09, as rate or by "
            "load");
    c = two_states();
    c.n_states = 0;
    refused(&c, 0, "states: there are 0; allowed: from 1 to 16");
    c.n_states = 17;
    refused(&c, 0, "states: there are 17; allowed: from 1 to 16");
    c = two_states();
    c.state_stay[1] = 999;
    refused(&c, 0, "states[1].stay: 999ns is out of range; allowed: a duration from 1us");
    c = two_states();
    c.state_rate[0] = -1;
    refused(&c, 0, "states[0].rate: -1 a second is out of range; allowed: from 0 to 1e+09");
    c.state_rate[0] = NAN;
    refused(&c, 0, "states[0].rate: nan a second is out of range; allowed: from 0 to 1e+09");
    c.state_rate[0] = c.state_rate[1] = 0;
    refused(&c, 0, "states: no rate is above 0; allowed: at least one");
    refused(&c, 5, "states: no rate is above 0; allowed: at least one");
    c = two_states();
    refused(&c, -1,
            "rate: -1 a second is out of range; allowed: above 0 to 1e+09, as rate or by load");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_never_come),
        cmocka_unit_test(poisson_has_its_rate_and_gaps),
        cmocka_unit_test(deterministic_is_even_and_does_not_drift),
        cmocka_unit_test(on_off_has_its_rate_and_dispersion),
        cmocka_unit_test(mmpp_has_its_rate_and_dispersion),
        cmocka_unit_test(mmpp_begins_as_if_it_had_gone_on_for_ever),
        cmocka_unit_test(mmpp_goes_through_its_states_in_order),
        cmocka_unit_test(the_same_seed_brings_the_same_jobs),
        cmocka_unit_test(time_ends),
        cmocka_unit_test(wrong_rates),
        cmocka_unit_test(wrong_states),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
