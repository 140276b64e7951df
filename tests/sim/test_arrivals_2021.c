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

static struct arrival_config trace(const char *file)
{
    struct arrival_config c = config_of(ARRIVALS_AZURE_2021);

    c.file = file;
    return c;
}

static void jobs_of_2021_come_at_their_end_less_their_duration(void **state)
{
    struct arrival_config c = trace(data_file("trace_2021.csv"));
    struct arrivals *a = loaded(&c, 0, 1);
    static const struct arrival wanted[] = {{0, 500000000, P2P_NONE},
                                            {250000000, 1500000000, P2P_NONE},
                                            {1000000000, 2500000000, P2P_NONE},
                                            {1237500000, 12500000, P2P_NONE},
                                            {10000000000, 1, P2P_NONE}};

    (void)state;
    assert_int_equal(all_jobs(a, 0, 1, job, MOST), 5);
    for (int i = 0; i < 5; i++) {
        assert_true(job[i].at_ns == wanted[i].at_ns);
        assert_true(job[i].service_ns == wanted[i].service_ns);
        assert_int_equal(job[i].function, P2P_NONE);
    }
    arrivals_free(a);
    c.speedup = 10;
    a = loaded(&c, 0, 1);
    all_jobs(a, 0, 1, job, MOST);
    assert_true(job[4].at_ns == SECOND && job[0].service_ns == 500000000);
    arrivals_free(a);
}

/* Columns are found by name; a job may have begun before the trace. */
static void columns_of_2021_in_any_order(void **state)
{
    struct arrival_config c =
        trace(file_of("\xef\xbb\xbf"
                      "duration, more ,func,end_timestamp,app\r\n10,?,f,2,a\r\n1,?,g,2.5,a\r\n"));
    struct arrivals *a = loaded(&c, 0, 1);

    (void)state;
    assert_int_equal(all_jobs(a, 0, 1, job, MOST), 2);
    assert_true(job[0].at_ns == 0 && job[0].service_ns == 10 * (uint64_t)SECOND);
    assert_true(job[1].at_ns == 9500000000);
    arrivals_free(a);
}

static const char *many_functions(void)
{
    enum { SIZE = 1 << 20 };
    static char *text;
    size_t at = 0;
    const char *file;

    text = malloc(SIZE);
    assert_non_null(text);
    at += (size_t)snprintf(text, SIZE, "app,func,end_timestamp,duration\n");
    for (int i = 0; i < 20000; i++)
        at += (size_t)snprintf(text + at, SIZE - at, "a%d,f%d,%d.%d,0.%03d\n", i % 100 / 10,
                               i % 100, i / 10, i % 10, 1 + i % 100);
    file = file_of_bytes(text, at);
    free(text);
    return file;
}

/* A hundred functions on 16 nodes: 6 or 7 each; each at one node, and one of the scenario. */
static void functions_are_dealt_out(void **state)
{
    struct arrival_config c = trace(many_functions());
    uint32_t node_of[101], function_of[101], per_function[4] = {0};
    struct arrivals *a, *b;

    (void)state;
    c.n_functions = 4;
    memset(node_of, 0xff, sizeof(node_of));
    a = loaded(&c, 0, 16);
    assert_int_equal(arrivals_load(&b, &c, 0, 16, 99, (char[P2P_ERRLEN]){0}), 0);
    for (uint32_t node = 0; node < 16; node++) {
        size_t n = all_jobs(a, node, 1, job, MOST);

        assert_true(n == 1200 || n == 1400);
        for (size_t i = 0; i < n; i++) {
            uint32_t f = (uint32_t)(job[i].service_ns / (uint64_t)MS);

            assert_true(i == 0 || job[i].at_ns >= job[i - 1].at_ns);
            assert_true(job[i].function < 4);
            assert_true(node_of[f] == P2P_NONE || node_of[f] == node);
            assert_true(node_of[f] == P2P_NONE || function_of[f] == job[i].function);
            if (node_of[f] == P2P_NONE)
                per_function[job[i].function]++;
            node_of[f] = node;
            function_of[f] = job[i].function;
        }
        assert_int_equal(all_jobs(b, node, 1, job + n, MOST - n), n); /* whatever the seed */
        assert_memory_equal(job, job + n, n * sizeof(*job));
    }
    for (int i = 0; i < 4; i++)
        assert_true(per_function[i] > 5);
    arrivals_free(a);
    arrivals_free(b);
}

static void scale_of_2021_copies_and_thins(void **state)
{
    struct arrival_config c = trace(many_functions());
    struct arrivals *a;
    size_t n;

    (void)state;
    c.scale = 0.25;
    a = loaded(&c, 0, 1);
    assert_near((double)all_jobs(a, 0, 1, job, MOST), 5000, 0.05);
    arrivals_free(a);
    c.scale = 2.5;
    a = loaded(&c, 0, 1);
    n = all_jobs(a, 0, 1, job, MOST);
    assert_near((double)n, 50000, 0.02);
    assert_in_range(job[n - 1].at_ns, 1999 * (uint64_t)SECOND, 2060 * (uint64_t)SECOND);
    for (size_t i = 1; i < n; i++)
        assert_true(job[i].at_ns >= job[i - 1].at_ns);
    arrivals_free(a);
}

static void more_nodes_than_functions(void **state)
{
    struct arrival_config c = trace(data_file("trace_2021.csv"));
    struct arrivals *a = loaded(&c, 0, 1000);
    size_t total = 0;

    (void)state;
    for (uint32_t node = 0; node < 1000; node++)
        total += all_jobs(a, node, 1, job, MOST);
    assert_int_equal(total, 5);
    arrivals_free(a);
}

static void wrong_traces_of_2021(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", ": empty; its first line has the names of the columns"},
        {"app,func,end_timestamp,duration\n",
         ":1: no jobs; allowed: lines of app,func,end_timestamp,duration"},
        {"app,func,end,duration\n",
         ":1: no column end_timestamp in the header; it has: app, func, end, duration"},
        {"app,func,end_timestamp,duration\na,b,1\n", ":2: 3 fields; the header has 4"},
        {"app,func,end_timestamp,duration\r\n\r\na,b,-1,0\r\n",
         ":3: column end_timestamp: '-1' is not in range; allowed: a number from 0 to 4000000000"},
        {"app,func,end_timestamp,duration\na,b,1,-0.5\n",
         ":2: column duration: '-0.5' is not in range; allowed: a number from 0 to 31536000"},
        {"app,func,end_timestamp,duration\na,b,NaN,1\n",
         ":2: column end_timestamp: 'NaN' is not a number; allowed: a number from 0 to "
         "4000000000"},
        {"app,func,end_timestamp,duration\na,b,1e300,1\n",
         ":2: column end_timestamp: '1e300' is not in range; allowed: a number from 0 to "
         "4000000000"},
        {"app,func,end_timestamp,duration\na,b,1,\n",
         ":2: column duration: '' is not a number; allowed: a number from 0 to 31536000"},
    };
    struct arrival_config c;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        c = trace(file_of(cases[i].text));
        refused_file(&c, cases[i].why);
    }
    refused(&c, 5, "rate: a trace has its own; allowed: neither rate nor load, but scale");
    c = trace("");
    refused(&c, 0, "file: it is missing; this process reads one");
    c = trace("/nowhere.csv");
    refused(&c, 0, "/nowhere.csv: No such file or directory");
}

static void far_times(void **state)
{
    struct arrival_config c = trace(
        file_of("app,func,end_timestamp,duration\na,b,0,31536000\na,b,4000000000,31536000\n"));
    struct arrivals *a;

    (void)state;
    c.speedup = 1e-6;
    a = loaded(&c, 0, 1);
    assert_int_equal(all_jobs(a, 0, 1, job, MOST), 2);
    assert_true(job[0].at_ns == 0 && job[1].at_ns == (uint64_t)1 << 62);
    arrivals_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_of_2021_come_at_their_end_less_their_duration),
        cmocka_unit_test(columns_of_2021_in_any_order),
        cmocka_unit_test(functions_are_dealt_out),
        cmocka_unit_test(scale_of_2021_copies_and_thins),
        cmocka_unit_test(more_nodes_than_functions),
        cmocka_unit_test(wrong_traces_of_2021),
        cmocka_unit_test(far_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
