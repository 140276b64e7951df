#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/route.h"

static const struct route *find(const char *path)
{
    return route_find(&node_routes, path, strlen(path));
}

static void leads_to(const char *path, const char *route)
{
    const struct route *r = find(path);

    if (!r)
        fail_msg("%s leads nowhere", path);
    assert_string_equal(r->path, route);
}

static void leads_nowhere(const char *path)
{
    const struct route *r = find(path);

    if (r)
        fail_msg("%s leads to %s", path, r->path);
}

static bool is_prefix(const struct route *r)
{
    size_t n = strlen(r->path);

    return n > 1 && r->path[n - 1] == '/';
}

static void test_every_route_is_complete(void **state)
{
    (void)state;
    assert_true(node_routes.n > 0);
    for (unsigned i = 0; i < node_routes.n; i++) {
        const struct route *r = &node_routes.routes[i];

        assert_int_equal(r->path[0], '/');
        assert_true(r->methods & ROUTE_ANY);
        assert_int_equal(r->methods & ~(unsigned)(ROUTE_ANY | ROUTE_CHANGES | ROUTE_TO_THE_END), 0);
        assert_true(r->help && r->help[0]);
        assert_int_equal(r->kind != ROUTE_JOB && r->kind != ROUTE_PEER, r->answer != NULL);
    }
}

static void test_every_route_is_found_by_its_own_path(void **state)
{
    char path[128];

    (void)state;
    for (unsigned i = 0; i < node_routes.n; i++) {
        snprintf(path, sizeof(path), "%s%s", node_routes.routes[i].path,
                 is_prefix(&node_routes.routes[i]) ? "x" : "");
        assert_ptr_equal(find(path), &node_routes.routes[i]);
    }
}

static void test_paths_are_matched_whole(void **state)
{
    (void)state;
    leads_to("/", "/");
    leads_to("/metrics", "/metrics");
    leads_nowhere("/metric");
    leads_nowhere("/metricsx");
    leads_nowhere("/metrics/");
    leads_nowhere("/configuration/");
    leads_to("/configuration/scheduler", "/configuration/scheduler");
    leads_nowhere("/configuration/scheduler/");
    leads_nowhere("/configuration/schedulerx");
    leads_nowhere("/configuration/other");
}

static void test_a_prefix_needs_something_behind_it(void **state)
{
    (void)state;
    leads_nowhere("/function");
    leads_nowhere("/function/");
    leads_to("/function/a", "/function/");
    leads_to("/function/a/b", "/function/");
    leads_to("/function//", "/function/");
    leads_nowhere("/peer/function/");
    leads_to("/peer/function/a", "/peer/function/");
    leads_to("/plugins", "/plugins");
    leads_nowhere("/plugins/");
    leads_to("/plugins/random", "/plugins/");
}

static void test_paths_that_only_look_alike_lead_nowhere(void **state)
{
    (void)state;
    leads_nowhere("");
    leads_nowhere("//");
    leads_nowhere("metrics");
    leads_nowhere("//metrics");
    leads_nowhere("/METRICS");
    leads_nowhere("/Function/a");
    leads_nowhere("/functiona");
    leads_nowhere("/peer");
    leads_nowhere("/peer/functions/a");
    leads_nowhere("/%66unction/a");
    leads_nowhere("/./metrics");
    leads_nowhere("*");
}

/* What follows it in memory is the query. */
static void test_no_byte_behind_the_length_counts(void **state)
{
    static const char path[] = "/metrics?x=/function/a";

    (void)state;
    assert_string_equal(route_find(&node_routes, path, strlen("/metrics"))->path, "/metrics");
    assert_string_equal(route_find(&node_routes, path, 1)->path, "/");
    assert_null(route_find(&node_routes, path, 0));
    assert_null(route_find(&node_routes, path, strlen("/metrics?")));
    assert_null(route_find(&node_routes, "/function/a", strlen("/function/")));
}

static void test_only_jobs_of_peers_are_peers(void **state)
{
    (void)state;
    assert_int_equal(find("/function/peer/function/a")->kind, ROUTE_JOB);
    assert_int_equal(find("/peer/function/a")->kind, ROUTE_PEER);
    assert_int_equal(find("/healthz")->kind, ROUTE_ANSWER);
}

static void test_what_only_tells_takes_get_alone(void **state)
{
    static const char *const read_only[] = {"/plugins", "/plugins/x", "/metrics",
                                            "/healthz", "/readyz",    "/monitoring/load"};

    (void)state;
    for (size_t i = 0; i < sizeof(read_only) / sizeof(read_only[0]); i++)
        assert_int_equal(find(read_only[i])->methods & ~ROUTE_TO_THE_END, ROUTE_GET);
    assert_int_equal(find("/configuration")->methods, ROUTE_GET | ROUTE_POST);
    assert_int_equal(find("/configuration/scheduler")->methods, ROUTE_GET | ROUTE_POST);
    assert_int_equal(find("/function/a")->methods, ROUTE_ANY);
    assert_int_equal(find("/peer/function/a")->methods, ROUTE_ANY);
}

static void test_methods_have_one_bit_each(void **state)
{
    (void)state;
    assert_int_equal(route_method("GET"), ROUTE_GET);
    assert_int_equal(route_method("POST"), ROUTE_POST);
    assert_int_equal(route_method("PUT"), ROUTE_PUT);
    assert_int_equal(route_method("DELETE"), ROUTE_DELETE);
    assert_int_equal(route_method("PATCH"), ROUTE_PATCH);
}

static void test_other_methods_are_none(void **state)
{
    static const char *const others[] = {"", "get", "GE", "GETS", "HEAD", "OPTIONS", "GET ", "*"};

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(route_method(others[i]), 0);
}

static void allows(unsigned methods, const char *expected)
{
    const struct route r = {.path = "/x", .methods = methods};
    char out[64];

    route_allow(&r, out, sizeof(out));
    assert_string_equal(out, expected);
}

static void test_allow_lists_the_methods(void **state)
{
    (void)state;
    allows(ROUTE_GET, "GET");
    allows(ROUTE_GET | ROUTE_POST, "GET, POST");
    allows(ROUTE_DELETE | ROUTE_PUT, "PUT, DELETE");
    allows(ROUTE_ANY, "GET, POST, PUT, DELETE, PATCH");
    allows(0, "");
}

static void test_allow_stays_inside_any_buffer(void **state)
{
    static const char all[] = "GET, POST, PUT, DELETE, PATCH";
    const struct route r = {.path = "/x", .methods = ROUTE_ANY};
    char out[sizeof(all) + 1];

    (void)state;
    for (size_t size = 1; size <= sizeof(all); size++) {
        memset(out, '#', sizeof(out));
        route_allow(&r, out, size);
        assert_int_equal(strlen(out), size - 1);
        assert_memory_equal(out, all, size - 1);
        assert_int_equal(out[size], '#');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_is_complete),
        cmocka_unit_test(test_every_route_is_found_by_its_own_path),
        cmocka_unit_test(test_paths_are_matched_whole),
        cmocka_unit_test(test_a_prefix_needs_something_behind_it),
        cmocka_unit_test(test_paths_that_only_look_alike_lead_nowhere),
        cmocka_unit_test(test_no_byte_behind_the_length_counts),
        cmocka_unit_test(test_only_jobs_of_peers_are_peers),
        cmocka_unit_test(test_what_only_tells_takes_get_alone),
        cmocka_unit_test(test_methods_have_one_bit_each),
        cmocka_unit_test(test_other_methods_are_none),
        cmocka_unit_test(test_allow_lists_the_methods),
        cmocka_unit_test(test_allow_stays_inside_any_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
