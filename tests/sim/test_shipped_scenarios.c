/* Every scenario that is shipped can be read, at every point of its sweep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sweep.h"

static void path_of(const char *name, char *out, size_t size)
{
    const char *tree = getenv("P2P_TEST_TREE");

    snprintf(out, size, "%s/sim/scenarios/%s.yaml", tree ? tree : ".", name);
}

/* Points of its sweep; how many nodes each has. */
static void is_right(const char *name, unsigned points, unsigned nodes)
{
    struct scenario_override o[SWEEP_MAX_AXES];
    char path[512], err[P2P_ERRLEN];
    struct scenario s;
    struct sweep sweep;

    path_of(name, path, sizeof(path));
    if (sweep_read(&sweep, path, NULL, 0, err))
        fail_msg("%s", err);
    assert_int_equal(sweep.n_points, points);
    for (unsigned i = 0; i < sweep.n_points; i++) {
        if (scenario_read(&s, path, o, sweep_point(&sweep, i, o), err))
            fail_msg("%s", err);
        assert_string_equal(s.name, name);
        assert_true(s.summary[0]);
        assert_int_equal(s.n_nodes, nodes);
        scenario_release(&s);
    }
    sweep_release(&sweep);
}

static void test_first(void **state)
{
    (void)state;
    is_right("first", 6, 100);
}

static void test_heterogeneous(void **state)
{
    (void)state;
    is_right("heterogeneous", 9, 44);
}

static void test_faults(void **state)
{
    (void)state;
    is_right("faults", 4, 20);
}

static void test_traffic(void **state)
{
    (void)state;
    is_right("traffic", 2, 60);
}

static void test_paper_claim(void **state)
{
    (void)state;
    is_right("paper-claim", 50, 400);
}

static void test_day_long(void **state)
{
    (void)state;
    is_right("day-long", 1, 12);
}

static void test_a_setting_goes_over_the_sweep_of_another_key(void **state)
{
    struct scenario_override o[1 + SWEEP_MAX_AXES] = {{"nodes.node.count", "3", NULL}};
    char path[512], err[P2P_ERRLEN];
    struct scenario s;
    struct sweep sweep;

    (void)state;
    path_of("first", path, sizeof(path));
    assert_int_equal(sweep_read(&sweep, path, o, 1, err), 0);
    assert_int_equal(scenario_read(&s, path, o, 1 + sweep_point(&sweep, 5, o + 1), err), 0);
    assert_int_equal(s.n_nodes, 3);
    assert_string_equal(s.group[0].plugin, "power_of_choices");
    assert_int_equal(s.group[0].n_parameters, 2);
    assert_true(s.group[0].arrivals.load == 0.9);
    scenario_release(&s);
    sweep_release(&sweep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first),
        cmocka_unit_test(test_heterogeneous),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_traffic),
        cmocka_unit_test(test_paper_claim),
        cmocka_unit_test(test_day_long),
        cmocka_unit_test(test_a_setting_goes_over_the_sweep_of_another_key)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
