/* Keys that mean nothing with the runtime of a function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/config_yaml.h"

static struct function_config f;
static char *words[] = {"a", NULL};
static char err[P2P_ERRLEN];

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    f.name = strdup("f");
    return params_defaults(config_function_keys, &f, err);
}

static int teardown(void **state)
{
    (void)state;
    f.command = f.environment = NULL;
    config_release_function(&f);
    return 0;
}

static void set(const char *key, const char *value)
{
    if (params_set(params_find(config_function_keys, key), &f, value, err))
        fail_msg("%s", err);
}

static int check(void)
{
    return config_check_runtime_keys(&f, NULL, err);
}

static void refuses(const char *key, const char *value, const char *message)
{
    const struct p2p_param *p = params_find(config_function_keys, key);
    char def[80];

    set(key, value);
    assert_int_equal(check(), -1);
    assert_string_equal(err, message);
    params_format_default(p, def, sizeof(def));
    set(key, def);
    assert_int_equal(check(), 0);
}

static void test_each_is_told_where_it_belongs(void **state)
{
    (void)state;
    f.command = f.environment = words;
    refuses(
        "replicas_max", "3",
        "functions.f.replicas_max: means nothing with mode: fork; allowed with runtime: docker, "
        "runtime: openfaas");
    refuses("start_timeout", "1s",
            "functions.f.start_timeout: means nothing with mode: fork; allowed with mode: http, "
            "runtime: docker");
    set("mode", "http");
    refuses("cgi_headers", "true",
            "functions.f.cgi_headers: means nothing with mode: http; allowed with mode: fork");
    set("mode", "fork");
    set("runtime", "docker");
    refuses("url", "http://a",
            "functions.f.url: means nothing with runtime: docker; allowed with runtime: http");
    refuses("mode", "http",
            "functions.f.mode: means nothing with runtime: docker; allowed with mode: fork, "
            "mode: http");
    set("runtime", "openfaas");
    refuses("pids", "7",
            "functions.f.pids: means nothing with runtime: openfaas; allowed with runtime: docker");
}

static void test_what_is_elsewhere_has_no_command(void **state)
{
    static const char *const also[] = {"environment", NULL};

    (void)state;
    set("runtime", "http");
    assert_int_equal(check(), 0);
    f.environment = words;
    assert_int_equal(check(), -1);
    assert_int_equal(config_check_runtime_keys(&f, also, err), 0);
    f.command = words;
    assert_int_equal(config_check_runtime_keys(&f, also, err), -1);
    assert_non_null(strstr(err, "functions.f.command: "));
}

static void test_some_are_for_all(void **state)
{
    static const char *const runtimes[] = {"process", "docker", "http", "openfaas"};

    (void)state;
    set("timeout", "1s");
    set("deadline", "2s");
    set("output", "1KB");
    set("idempotent", "true");
    set("slots", "1");
    set("scheduler", "local");
    for (size_t i = 0; i < 4; i++) {
        set("runtime", runtimes[i]);
        assert_int_equal(check(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_is_told_where_it_belongs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_elsewhere_has_no_command, setup, teardown),
        cmocka_unit_test_setup_teardown(test_some_are_for_all, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
