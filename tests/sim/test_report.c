#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/quantity.h"
#include "sim/report.h"
#include "tests/sim/support_results.h"

static struct small small;
static char *text;
static size_t text_len;

static int setup(void **state)
{
    (void)state;
    small_init(&small);
    return 0;
}

static FILE *open_text(void)
{
    FILE *f = open_memstream(&text, &text_len);

    assert_non_null(f);
    return f;
}

static void expect(FILE *f, const char *expected)
{
    assert_int_equal(fclose(f), 0);
    if (strcmp(text, expected) != 0)
        fail_msg("got:\n%s\nmust be:\n%s", text, expected);
    free(text);
}

static void a_point_is_reported(void **state)
{
    struct result *r = small_result(&small, 10, 0);
    struct summary s;
    FILE *f = open_text();

    (void)state;
    result_count(r, "messages_sent", 12345);
    assert_int_equal(summary_make(&s, (const struct result *const[]){r}, 1, 0.95), 0);
    report_summary(f, &s);
    expect(f,
           "small: four nodes and what became of their jobs\n"
           "4 nodes in 2 groups, 20 s after 10 s of warm-up; ± is 95 %, from 20 batch means\n"
           "\n"
           "2000 jobs: 90.00 % ran, 10.00 % found no room\n"
           "\n"
           "  loss                     10.00 ± 0        %\n"
           "  response, mean            33.3 ± 2.4      ms\n"
           "  response, p50             29.9 ± 2.4      ms\n"
           "  response, p95             59.9 ± 2.4      ms\n"
           "  response, p99             59.9 ± 2.4      ms\n"
           "  wait for a slot          2.000 ± 0        ms\n"
           "  run time                 8.000 ± 0        ms\n"
           "  probes a job            0.5000 ± 0\n"
           "  forwards a job          0.2500 ± 0\n"
           "  in deadline              100.0 ± 0        %\n"
           "  fairness of load        0.8889\n"
           "  fairness of loss        0.5000\n"
           "  utilisation              10.00 ± 0        %\n"
           "  throughput               90.00 ± 0        /s\n"
           "\n"
           "  group               nodes      jobs      loss      mean       p95       p99      "
           "wait    probes  forwards   in time      used\n"
           "  edge                    3      1500   6.667 %  33.93 ms  59.90 ms  59.90 ms  2.000 "
           "ms    0.3333    0.3333   100.0 %   10.00 %\n"
           "  hub                     1       500   20.00 %  31.25 ms  54.92 ms  54.92 ms  2.000 "
           "ms     1.000         0   100.0 %   10.00 %\n"
           "\n"
           "  function              jobs      loss      mean       p95       p99      wait    "
           "probes  forwards   in time\n"
           "  quick                 1600   12.50 %  35.00 ms  59.90 ms  59.90 ms  2.000 ms    "
           "0.5000    0.2500         -\n"
           "  video                  400       0 %  27.50 ms  44.96 ms  44.96 ms  2.000 ms    "
           "0.5000    0.2500   100.0 %\n"
           "\n"
           "  messages_sent            12345\n");
    summary_release(&s);
    result_free(r);
}

static void replications_and_warnings_are_reported(void **state)
{
    struct result *r[2];
    struct summary s;
    FILE *f = open_text();

    (void)state;
    small.scenario.n_groups = 1;
    small.scenario.n_functions = 1;
    small.scenario.n_nodes = 3;
    small.scenario.summary = "";
    small.scenario.run.target = 0.01;
    small.function[0].deadline = 20 * (int64_t)MS;
    r[0] = small_result(&small, 0, 0);
    r[1] = small_result(&small, 2, 0);
    result_misbehaved(r[0], "bad", "unknown_peer", 5);
    assert_int_equal(summary_make(&s, (const struct result *const *)r, 2, 0.99), 0);
    report_summary(f, &s);
    expect(f, "small\n"
              "3 nodes, 20 s after 10 s of warm-up, 2 times; ± is 99 %, from 2 replications\n"
              "\n"
              "4000 jobs: 90.00 % ran, 10.00 % found no room\n"
              "\n"
              "  loss                     10.00 ± 0        %\n"
              "  response, mean              29 ± 32       ms\n"
              "  response, p50            29.95 ± 0        ms\n"
              "  response, p95               51 ± 66       ms\n"
              "  response, p99               51 ± 66       ms\n"
              "  wait for a slot          2.000 ± 0        ms\n"
              "  run time                 8.000 ± 0        ms\n"
              "  probes a job            0.5000 ± 0\n"
              "  forwards a job          0.2500 ± 0\n"
              "  in deadline              100.0 ± 0        %\n"
              "  fairness of load        0.8571 ± 0\n"
              "  fairness of loss        1.0000 ± 0\n"
              "  utilisation              10.00 ± 0        %\n"
              "  throughput               90.00 ± 0        /s\n"
              "  misbehaviours                2 ± 159\n"
              "\n"
              "warning: bad misbehaved: unknown_peer, 5 times; the fallback decided\n"
              "warning: precision not reached: the mean response is known to 1.1e+02 %, run.target "
              "is 1 %\n");
    summary_release(&s);
    result_free(r[0]);
    result_free(r[1]);
}

static void a_sweep_is_a_row_a_point(void **state)
{
    const struct point points[] = {{.label = "load=0.9"}, {.label = "load=0.95"}};
    struct result *r[2] = {small_result(&small, 1, 0), small_result(&small, 0, 3)};
    FILE *f = open_text();

    (void)state;
    report_sweep_head(f, 9);
    for (unsigned i = 0; i < 2; i++) {
        struct summary s;

        assert_int_equal(summary_make(&s, (const struct result *const *)&r[i], 1, 0.95), 0);
        report_sweep_row(f, 9, &points[i], &s);
        report_warnings(f, points[i].label, &s);
        summary_release(&s);
        result_free(r[i]);
    }
    expect(f,
           "                          loss                 mean       p95       p99      wait    "
           "probes  forwards   in time      used\n"
           "load=0.9           10.00 ± 0 %      28.83 ± 0.24 ms  50.99 ms  50.99 ms  2.000 ms    "
           "0.5000    0.2500   100.0 %   10.00 %\n"
           "load=0.95          10.00 ± 0 %        56.8 ± 8.3 ms  94.11 ms  104.1 ms  2.000 ms    "
           "0.5000    0.2500   50.00 %   10.00 % !\n"
           "warning: load=0.95: batches hang together (correlation 0.85 of one with the next), "
           "so that intervals are too narrow; a longer run.length, fewer run.batches, or "
           "run.replications\n"
           "warning: load=0.95: not stationary: response, mean is 0.04183 s in the first half "
           "and 0.07183 s in the second; a longer run.warm_up, or a load that does not stay\n");
}

static void nothing_is_reported_as_nothing(void **state)
{
    struct result *r = result_new(&small.scenario);
    struct summary s;

    (void)state;
    assert_int_equal(result_end(r, 30 * SECOND), 0);
    assert_int_equal(summary_make(&s, (const struct result *const[]){r}, 1, 0.95), 0);
    {
        FILE *f = open_text();

        report_warnings(f, NULL, &s);
        expect(f, "warning: no job was measured\n");
        f = open_text();
        report_summary(f, &s);
        assert_int_equal(fclose(f), 0);
        assert_non_null(strstr(text, "\n0 jobs\n"));
        assert_null(strstr(text, "nan"));
        free(text);
    }
    summary_release(&s);
    result_free(r);
}

static void numbers_have_the_unit_that_fits(void **state)
{
    static const struct {
        double value, half;
        enum metric_unit unit;
        const char *text;
    } table[] = {
        {1.23456, 0.0123, UNIT_SECONDS, "1.235|0.012|s"},
        {0.0123456, 0.00056, UNIT_SECONDS, "12.35|0.56|ms"},
        {0.0000123456, NAN, UNIT_SECONDS, "12.35||µs"},
        {3e-9, NAN, UNIT_SECONDS, "3.000||ns"},
        {0, 0, UNIT_SECONDS, "0|0|s"},
        {1234.5, 200, UNIT_SECONDS, "1234|200|s"},
        {0.011732, 0.000321, UNIT_SHARE, "1.173|0.032|%"},
        {1, NAN, UNIT_SHARE, "100.0||%"},
        {123456.789, 1e-9, UNIT_RATE, "123457|0|/s"},
        {0.5, NAN, UNIT_COUNT, "0.5000||"},
        {NAN, NAN, UNIT_SHARE, "-||"},
        {INFINITY, 1, UNIT_SHARE, "-||"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct estimate e = {table[i].value, table[i].half, 30};
        struct quantity q = quantity_of(&e, table[i].unit);
        char got[80];

        snprintf(got, sizeof(got), "%s|%s|%s", q.value, q.half, q.unit);
        assert_string_equal(got, table[i].text);
    }
}

static void durations_are_for_people(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } table[] = {{0, "0 s"}, {0.25, "250 ms"}, {90, "90 s"}, {1800, "30 min"}, {86400, "24 h"}};

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char got[40];

        quantity_duration(got, sizeof(got), table[i].seconds);
        assert_string_equal(got, table[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_point_is_reported, setup),
        cmocka_unit_test_setup(replications_and_warnings_are_reported, setup),
        cmocka_unit_test_setup(a_sweep_is_a_row_a_point, setup),
        cmocka_unit_test_setup(nothing_is_reported_as_nothing, setup),
        cmocka_unit_test(numbers_have_the_unit_that_fits),
        cmocka_unit_test(durations_are_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
