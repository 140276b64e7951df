/* The jobs of a scenario, as the simulator and a sender of real ones get them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/workload.h"
#include "tests/sim/support_scenario.h"

enum { JOBS = 20000 };

static const char two_functions[] =
    "functions:\n"
    "  - {name: often, weight: 3, service: {distribution: exponential, mean: 100ms}}\n"
    "  - {name: seldom, service: {distribution: deterministic, mean: 20ms}}\n"
    "nodes: [{name: n, count: 3, slots: 2, arrivals: {process: poisson, load: 0.5}}]\n";

static struct workload workload;

static void start(uint64_t seed)
{
    char err[P2P_ERRLEN] = "";

    READS(two_functions);
    assert_int_equal(workload_init(&workload, &scenario, seed, err), 0);
}

static int stop(void **state)
{
    workload_release(&workload);
    return scenario_teardown(state);
}

static void test_jobs_are_those_of_the_scenario(void **state)
{
    struct workload_node n;
    struct arrival a;
    uint64_t last = 0, sum = 0;
    unsigned often = 0;

    (void)state;
    start(1);
    workload_start(&n, &workload, 1, 1, 0, 1);
    for (unsigned i = 0; i < JOBS; i++) {
        assert_true(workload_next(&n, &workload, &a));
        assert_true(a.at_ns >= last && a.service_ns > 0 && a.function < 2);
        last = a.at_ns;
        often += a.function == 0;
        if (a.function == 0)
            sum += a.service_ns;
        else
            assert_int_equal(a.service_ns, 20000000);
    }
    /* Three in four; 80 ms on average, so that 12.5 a second come for half of two slots. */
    assert_true(often > JOBS * 0.74 && often < JOBS * 0.76);
    assert_true((double)sum / often > 0.97e8 && (double)sum / often < 1.03e8);
    assert_true((double)last / 1e9 > JOBS / 12.5 * 0.97 && (double)last / 1e9 < JOBS / 12.5 * 1.03);
}

static void test_a_seed_gives_the_same_jobs_and_each_node_its_own(void **state)
{
    struct workload_node one, again, other, seed2;
    struct arrival a, b, c, d;

    (void)state;
    start(1);
    workload_start(&one, &workload, 1, 1, 0, 1);
    workload_start(&again, &workload, 1, 1, 0, 1);
    workload_start(&other, &workload, 1, 2, 0, 2);
    workload_start(&seed2, &workload, 2, 1, 0, 1);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(workload_next(&one, &workload, &a) && workload_next(&again, &workload, &b));
        assert_true(workload_next(&other, &workload, &c) && workload_next(&seed2, &workload, &d));
        assert_true(a.at_ns == b.at_ns && a.service_ns == b.service_ns && a.function == b.function);
        assert_true(a.at_ns != c.at_ns && a.at_ns != d.at_ns);
    }
}

static void test_a_node_without_arrivals_has_no_jobs(void **state)
{
    char err[P2P_ERRLEN] = "";
    struct workload_node n;
    struct arrival a;

    (void)state;
    READS("nodes: [{name: n, arrivals: {process: none}}]\n");
    assert_int_equal(workload_init(&workload, &scenario, 1, err), 0);
    workload_start(&n, &workload, 1, 0, 0, 0);
    assert_false(workload_next(&n, &workload, &a));
}

static void test_what_cannot_be_drawn_is_told_with_its_key(void **state)
{
    char err[P2P_ERRLEN] = "";

    (void)state;
    scenario_beside("times.txt", "12ms\nsoon\n");
    READS("functions: [{name: f, service: {distribution: file, file: times.txt}}]\n"
          "nodes: [{name: n, arrivals: {rate: 1}}]\n");
    assert_int_equal(workload_init(&workload, &scenario, 1, err), -1);
    assert_non_null(strstr(err, "functions.f.service"));
    assert_non_null(strstr(err, "times.txt:2"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scenario_setup, stop)
    const struct CMUnitTest tests[] = {
        TEST(test_jobs_are_those_of_the_scenario),
        TEST(test_a_seed_gives_the_same_jobs_and_each_node_its_own),
        TEST(test_a_node_without_arrivals_has_no_jobs),
        TEST(test_what_cannot_be_drawn_is_told_with_its_key),
    };

    return cmocka_run_group_tests_name("workload", tests, NULL, NULL);
}
