#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/support_arrivals.h"

enum { MOST = 200000 };
static struct arrival job[MOST];
static double sample[MOST];

static struct arrival_config trace(const char *file, const char *durations)
{
    struct arrival_config c = config_of(ARRIVALS_AZURE_2019);

    c.file = file;
    c.durations = durations;
    return c;
}

static void calls_of_2019_are_those_of_each_minute(void **state)
{
    static const unsigned wanted[] = {15, 1, 13, 46, 1, 9};
    struct arrival_config c = trace(data_file("invocations_2019.csv"), "");
    struct arrivals *a = loaded(&c, 0, 1);
    unsigned count[6] = {0};
    size_t n;

    (void)state;
    n = all_jobs(a, 0, 1, job, MOST);
    assert_int_equal(n, 85);
    for (size_t i = 0; i < n; i++) {
        assert_true(i == 0 || job[i].at_ns >= job[i - 1].at_ns);
        assert_true(job[i].at_ns < 360 * (uint64_t)SECOND);
        assert_int_equal(job[i].service_ns, 0);
        count[job[i].at_ns / (60 * (uint64_t)SECOND)]++;
    }
    for (int i = 0; i < 6; i++)
        assert_int_equal(count[i], wanted[i]);
    arrivals_free(a);
    c.speedup = 60;
    a = loaded(&c, 0, 1);
    assert_int_equal(all_jobs(a, 0, 1, job, MOST), 85);
    assert_true(job[84].at_ns < 6 * (uint64_t)SECOND && job[84].at_ns > 5 * (uint64_t)SECOND);
    arrivals_free(a);
}

static double uniform_minute(double x, void *ctx)
{
    (void)ctx;
    return x / 60;
}

static void calls_lie_in_a_minute_as_poisson_has_them(void **state)
{
    struct arrival_config c =
        trace(file_of("HashOwner,HashApp,HashFunction,Trigger,1\na,b,c,http,50\n"), NULL);
    struct arrivals *a = loaded(&c, 0, 1);
    size_t n = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        assert_int_equal(all_jobs(a, 0, seed, job, MOST), 50);
        for (int i = 0; i < 50; i++)
            sample[n++] = (double)job[i].at_ns / 1e9;
    }
    assert_true(ks_distance(sample, n, uniform_minute, NULL) < 1.95);
    arrivals_free(a);
}

/* Which function a job calls is told by its constant duration. */
static void each_function_is_called_as_often_as_the_trace_says(void **state)
{
    struct arrival_config c =
        trace(file_of("HashOwner,HashApp,HashFunction,Trigger,1,2\n"
                      "o,a,x,http,300,0\no,a,y,http,200,5\no,a,z,http,1,5\no,a,x,queue,0,20\n"),
              file_of("HashOwner,HashApp,HashFunction,Average,percentile_Average_0,"
                      "percentile_Average_1,percentile_Average_25,percentile_Average_50,"
                      "percentile_Average_75,percentile_Average_99,percentile_Average_100\n"
                      "o,a,x,?,1,1,1,1,1,1,1\no,a,y,?,2,2,2,2,2,2,2\no,a,z,?,3,3,3,3,3,3,3\n"
                      "o,a,z,?,9,9,9,9,9,9,9\n"));
    static const unsigned wanted[2][4] = {{0, 300, 200, 1}, {0, 20, 5, 5}};
    unsigned count[2][4] = {{0}}, first_half = 0;
    struct arrivals *a;

    (void)state;
    c.n_functions = 2;
    a = loaded(&c, 0, 1);
    assert_int_equal(all_jobs(a, 0, 1, job, MOST), 531);
    for (int i = 0; i < 531; i++) {
        assert_true(job[i].function < 2);
        count[i > 500][job[i].service_ns / MS]++;
        first_half += i < 250 && job[i].service_ns == (uint64_t)MS;
    }
    for (int m = 0; m < 2; m++)
        for (int f = 0; f < 4; f++)
            assert_int_equal(count[m][f], wanted[m][f]);
    assert_in_range(first_half, 120, 180); /* 150, and mixed */
    arrivals_free(a);
}

static double basket(double ms, void *ctx)
{
    static const double at[] = {10, 12, 30, 40, 60, 200, 1000};
    static const double share[] = {0, 0.01, 0.25, 0.5, 0.75, 0.99, 1};
    int i = 1;

    (void)ctx;
    while (i < 6 && ms > at[i])
        i++;
    return share[i - 1] + (share[i] - share[i - 1]) * (ms - at[i - 1]) / (at[i] - at[i - 1]);
}

static void durations_go_through_the_percentiles(void **state)
{
    struct arrival_config c =
        trace(file_of("HashOwner,HashApp,HashFunction,Trigger,1\no1,shop,basket,http,100000\n"),
              data_file("durations_2019.csv"));
    struct arrivals *a = loaded(&c, 0, 1);
    size_t n = all_jobs(a, 0, 1, job, MOST);

    (void)state;
    assert_int_equal(n, 100000);
    for (size_t i = 0; i < n; i++)
        sample[i] = (double)job[i].service_ns / 1e6;
    assert_true(ks_distance(sample, n, basket, NULL) < 1.95);
    arrivals_free(a);
}

static void durations_of_nothing_and_of_unknown_functions(void **state)
{
    struct arrival_config c =
        trace(file_of("HashOwner,HashApp,HashFunction,Trigger,1\no2,clock,tick,timer,1\n"),
              data_file("durations_2019.csv"));
    struct arrivals *a = loaded(&c, 0, 1);

    (void)state;
    assert_int_equal(all_jobs(a, 0, 1, job, MOST), 1);
    assert_int_equal(job[0].service_ns, 1); /* 0 would be "to be drawn" */
    arrivals_free(a);
    c.file = file_of("HashOwner,HashApp,HashFunction,Trigger,1\no9,new,one,timer,1\n");
    a = loaded(&c, 0, 1);
    assert_int_equal(all_jobs(a, 0, 1, job, MOST), 1);
    assert_int_equal(job[0].service_ns, 0);
    arrivals_free(a);
}

static void nodes_share_the_functions_of_2019(void **state)
{
    struct arrival_config c = trace(data_file("invocations_2019.csv"), "");
    struct arrivals *a = loaded(&c, 0, 3);
    size_t total = 0;

    (void)state;
    for (uint32_t node = 0; node < 3; node++)
        total += all_jobs(a, node, 1, job, MOST);
    assert_int_equal(total, 85);
    arrivals_free(a);
}

static void scale_of_2019(void **state)
{
    struct arrival_config c =
        trace(file_of("HashOwner,HashApp,HashFunction,Trigger,1,2\na,b,c,http,10000,3\n"), "");
    struct arrivals *a;

    (void)state;
    c.scale = 1.5;
    a = loaded(&c, 0, 1);
    assert_in_range(all_jobs(a, 0, 1, job, MOST), 15004, 15005);
    arrivals_free(a);
    c.scale = 0.1;
    a = loaded(&c, 0, 1);
    assert_in_range(all_jobs(a, 0, 1, job, MOST), 1000, 1001);
    arrivals_free(a);
    c.scale = 1e-6; /* nothing is left */
    a = loaded(&c, 0, 1);
    assert_in_range(all_jobs(a, 0, 1, job, MOST), 0, 1);
    arrivals_free(a);
}

static void the_same_seeds_replay_the_same(void **state)
{
    struct arrival_config c =
        trace(data_file("invocations_2019.csv"), data_file("durations_2019.csv"));
    struct arrivals *a = loaded(&c, 0, 1), *b = loaded(&c, 0, 1);
    unsigned same = 0;

    (void)state;
    assert_int_equal(all_jobs(a, 0, 1, job, 100), 85);
    assert_int_equal(all_jobs(b, 0, 1, job + 100, 100), 85);
    assert_memory_equal(job, job + 100, 85 * sizeof(*job));
    assert_int_equal(all_jobs(b, 0, 2, job + 100, 100), 85);
    for (int i = 0; i < 85; i++)
        same += job[i].at_ns == job[100 + i].at_ns;
    assert_int_equal(same, 0);
    arrivals_free(a);
    arrivals_free(b);
}

static void wrong_traces_of_2019(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", ": empty; its first line has the names of the columns"},
        {"HashOwner,HashApp,HashFunction,Trigger,1\n",
         ":1: no functions; allowed: a line for each behind the header"},
        {"HashApp,HashFunction,1\n",
         ":1: no column HashOwner in the header; it has: HashApp, HashFunction, 1"},
        {"HashOwner,HashApp,HashFunction,Trigger\n",
         ":1: no column 1 in the header; it has: HashOwner, HashApp, HashFunction, Trigger"},
        {"HashOwner,HashApp,HashFunction,1,2,4\n",
         ":1: after column 2 comes '4'; allowed: minutes in order"},
        {"HashOwner,HashApp,HashFunction,1,2\na,b,c,1\n", ":2: 4 fields; the header has 5"},
        {"HashOwner,HashApp,HashFunction,1,2\na,b,c,1,-2\n",
         ":2: column 2: '-2' is not a whole number; allowed: a whole number from 0 to 100000000"},
        {"HashOwner,HashApp,HashFunction,1\r\na,b,c,nan\r\n",
         ":2: column 1: 'nan' is not a whole number; allowed: a whole number from 0 to 100000000"},
        {"HashOwner,HashApp,HashFunction,1\na,b,c,100000001\n",
         ":2: column 1: '100000001' is not in range; allowed: a whole number from 0 to "
         "100000000"},
    };
    struct arrival_config c;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        c = trace(file_of(cases[i].text), "");
        refused_file(&c, cases[i].why);
    }
    c = trace(file_of("HashOwner,HashApp,HashFunction,1\na,b,c,100000000\na,b,d,1\n"), "");
    c.scale = 43;
    refused_file(&c, ": minute 1 has more than 4294967295 calls on one node");
    refused(&c, 1, "rate: a trace has its own; allowed: neither rate nor load, but scale");
}

static void wrong_durations(void **state)
{
    static const char *const header =
        "HashOwner,HashApp,HashFunction,percentile_Average_0,percentile_Average_1,"
        "percentile_Average_25,percentile_Average_50,percentile_Average_75,percentile_Average_99,"
        "percentile_Average_100\n";
    static const struct {
        const char *row, *why;
    } cases[] = {
        {"a,b,c,1,2,3,2,5,6,7\n", ":2: column percentile_Average_50: '2' is not in order; allowed: "
                                  "not below the percentile before it"},
        {"a,b,c,-1,2,3,2,5,6,7\n", ":2: column percentile_Average_0: '-1' is not in range; "
                                   "allowed: a number from 0 to 31536000000"},
        {"a,b,c,1,2,3,4,5,6,inf\n", ":2: column percentile_Average_100: 'inf' is not a number; "
                                    "allowed: a number from 0 to 31536000000"},
        {"a,b,c,1,2,3,4,5,6\n", ":2: 9 fields; the header has 10"},
    };
    const char *calls = file_of("HashOwner,HashApp,HashFunction,1\na,b,c,1\n");
    char text[512], why[P2P_ERRLEN];
    struct arrival_config c;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), "%s%s", header, cases[i].row);
        c = trace(calls, file_of(text));
        snprintf(why, sizeof(why), "%s%s", c.durations, cases[i].why);
        refused(&c, 0, why);
    }
    c = trace(calls, file_of("HashOwner,HashApp,HashFunction,Average\n"));
    snprintf(why, sizeof(why),
             "%s:1: no column percentile_Average_0 in the header; it has: HashOwner, HashApp, "
             "HashFunction, Average",
             c.durations);
    refused(&c, 0, why);
    c = trace(calls, "/nowhere.csv");
    refused(&c, 0, "/nowhere.csv: No such file or directory");
}

static void more_minutes_than_two_weeks(void **state)
{
    enum { SIZE = 1 << 18 };
    char *text = malloc(SIZE);
    size_t at;
    struct arrival_config c;

    (void)state;
    assert_non_null(text);
    at = (size_t)snprintf(text, SIZE, "HashOwner,HashApp,HashFunction");
    for (int i = 1; i <= ARRIVALS_MAX_MINUTES + 1; i++)
        at += (size_t)snprintf(text + at, SIZE - at, ",%d", i);
    c = trace(file_of_bytes(text, at), "");
    free(text);
    refused_file(&c, ":1: more than 20160 minutes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_of_2019_are_those_of_each_minute),
        cmocka_unit_test(calls_lie_in_a_minute_as_poisson_has_them),
        cmocka_unit_test(each_function_is_called_as_often_as_the_trace_says),
        cmocka_unit_test(durations_go_through_the_percentiles),
        cmocka_unit_test(durations_of_nothing_and_of_unknown_functions),
        cmocka_unit_test(nodes_share_the_functions_of_2019),
        cmocka_unit_test(scale_of_2019),
        cmocka_unit_test(the_same_seeds_replay_the_same),
        cmocka_unit_test(wrong_traces_of_2019),
        cmocka_unit_test(wrong_durations),
        cmocka_unit_test(more_minutes_than_two_weeks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
