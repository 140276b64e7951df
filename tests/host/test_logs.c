#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <p2pfaas/plugin.h>

#include "host/logs.h"

static void query_is_read(void **state)
{
    struct logs_query q = {0};
    char err[P2P_ERRLEN];

    (void)state;
    assert_int_equal(logs_query_set(&q, "name", "f.openfaas-fn", err), 0);
    assert_int_equal(logs_query_set(&q, "namespace", "", err), 0);
    assert_int_equal(logs_query_set(&q, "tail", "-1", err), 0);
    assert_int_equal(logs_query_set(&q, "follow", "true", err), 0);
    assert_int_equal(logs_query_set(&q, "since", "1970-01-01T01:00:01 01:00", err), 0);
    assert_int_equal(logs_query_set(&q, "instance", "4711", err), 0);
    assert_int_equal(logs_query_set(&q, "other", "x", err), 0);
    assert_string_equal(q.name, "f.openfaas-fn");
    assert_string_equal(q.namespace, "");
    assert_int_equal(q.wanted.tail, -1);
    assert_true(q.wanted.follow);
    assert_int_equal(q.wanted.since_ns, 1000000000);
    assert_string_equal(q.wanted.instance, "4711");
    assert_int_equal(logs_query_set(&q, "follow", "0", err), 0);
    assert_false(q.wanted.follow);
}

static void wrong_values_are_named(void **state)
{
    static const char *const bad[][2] = {{"tail", "ten"},
                                         {"tail", "1 "},
                                         {"tail", "99999999999999999999"},
                                         {"follow", "yes"},
                                         {"follow", "2"},
                                         {"since", "yesterday"},
                                         {"since", "1"},
                                         {"since", "2026-11-27T01:02:03Z and more"},
                                         {"instance", "12345678901234567"}};
    char err[P2P_ERRLEN], long_name[300];
    struct logs_query q = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(logs_query_set(&q, bad[i][0], bad[i][1], err), -1);
        assert_non_null(strstr(err, bad[i][0]));
        assert_non_null(strstr(err, "allowed: "));
    }
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_int_equal(logs_query_set(&q, "name", long_name, err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(query_is_read),
                                       cmocka_unit_test(wrong_values_are_named)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
