/* What an OpenFaaS gateway lists, and what is sent to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "host/runtimes/openfaas_json.h"

static struct openfaas_list list;
static struct function_config function;
static char *environment[] = {"A=b", "EQUALS=x=y", "EMPTY=", NULL};
static char *command[] = {"python", "index.py", NULL};

static int setup(void **state)
{
    (void)state;
    function = (struct function_config){
        .name = "f", .image = "team/f:1", .replicas_max = 1, .read_only = true};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    openfaas_list_release(&list);
    return 0;
}

static int read_text(const char *text, char err[P2P_ERRLEN])
{
    openfaas_list_release(&list);
    return openfaas_read_list(&list, text, strlen(text), "openfaas-fn", err);
}

static void lists(const char *text, unsigned n)
{
    char err[P2P_ERRLEN];

    if (read_text(text, err))
        fail_msg("%s", err);
    assert_int_equal(list.n, n);
}

static void refuses(const char *text)
{
    char err[P2P_ERRLEN] = "";

    assert_int_equal(read_text(text, err), -1);
    assert_non_null(strstr(err, "its list of functions is "));
    assert_int_equal(list.n, 0);
    assert_null(openfaas_list_find(&list, "f"));
}

static void test_a_list_is_read_by_name(void **state)
{
    const struct openfaas_entry *e;

    (void)state;
    lists("[]", 0);
    lists("[{\"name\":\"b\",\"image\":\"x\",\"namespace\":\"openfaas-fn\",\"replicas\":3,"
          "\"availableReplicas\":2,\"annotations\":{\"p2pfaas-settings\":\"12ab\"}},"
          "{\"name\":\"a\",\"replicas\":1,\"annotations\":null},{\"name\":\"c\"}]",
          3);
    assert_string_equal(list.entry[0].name, "a");
    e = openfaas_list_find(&list, "b");
    assert_int_equal(e->replicas, 3);
    assert_int_equal(e->available, 2);
    assert_string_equal(e->settings, "12ab");
    e = openfaas_list_find(&list, "a");
    assert_int_equal(e->available, 1); /* faasd does not tell */
    assert_string_equal(e->settings, "");
    assert_null(openfaas_list_find(&list, "d"));
    assert_null(openfaas_list_find(&list, ""));
}

static void test_what_is_behind_another_gateway_is_left_out(void **state)
{
    (void)state;
    lists(
        "[{\"name\":\"a\",\"annotations\":{\"p2pfaas.origin\":\"gateway\"}},"
        "{\"name\":\"b\",\"annotations\":{\"p2pfaas.runtime\":\"openfaas\"}},"
        "{\"name\":\"c\",\"annotations\":{\"p2pfaas.origin\":7,\"p2pfaas.runtime\":\"process\"}}]",
        1);
    assert_string_equal(list.entry[0].name, "c");
}

static void test_entries_that_cannot_be_functions_are_left_out(void **state)
{
    (void)state;
    lists("[1,null,\"a\",[],{},{\"name\":7},{\"name\":\"\"},{\"name\":\"..\"},{\"name\":\"a/b\"},"
          "{\"name\":\"a b\"},{\"name\":\"a?\"},{\"name\":\"n\",\"namespace\":\"other\"},"
          "{\"name\":\"0123456789012345678901234567890123456789012345678901234567890123\"},"
          "{\"name\":\"ok\",\"replicas\":-1,\"availableReplicas\":1e300},{\"name\":\"ok\"}]",
          1);
    assert_string_equal(list.entry[0].name, "ok");
    assert_int_equal(list.entry[0].replicas, 0);
}

static void test_no_list_is_refused(void **state)
{
    static const char *const texts[] = {"",       "{}", "null", "[{\"name\":\"f\"}",
                                        "<html>", "7",  "[1,",  "\"[]\""};
    static char deep[3000];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        refuses(texts[i]);
    memset(deep, '[', sizeof(deep) - 1);
    refuses(deep);
}

static void test_a_list_has_a_limit(void **state)
{
    enum { MANY = OPENFAAS_MOST + 100 };
    char *text = malloc(MANY * 32);
    size_t at = 1;

    (void)state;
    assert_non_null(text);
    text[0] = '[';
    for (int i = MANY; i > 0; i--)
        at += (size_t)snprintf(text + at, 32, "{\"name\":\"f%05d\"}%s", i, i > 1 ? "," : "]");
    lists(text, OPENFAAS_MOST);
    assert_int_equal(list.left_out, 100);
    assert_string_equal(list.entry[0].name, "f00001");
    assert_string_equal(list.entry[OPENFAAS_MOST - 1].name, "f00512");
    free(text);
}

static void writes(char *text, const char *expected)
{
    assert_non_null(text);
    assert_string_equal(text, expected);
    cJSON_free(text);
}

static void test_bodies_are_those_of_the_api(void **state)
{
    (void)state;
    writes(openfaas_deploy_body(&function, "openfaas-fn", "12ab"),
           "{\"service\":\"f\",\"image\":\"team/f:1\",\"envVars\":{},\"labels\":{},"
           "\"readOnlyRootFilesystem\":true,\"namespace\":\"openfaas-fn\","
           "\"annotations\":{\"p2pfaas-settings\":\"12ab\"}}");
    function.environment = environment;
    function.command = command;
    function.memory = 64 << 20;
    function.cpu = 0.5;
    function.replicas_min = 1;
    function.replicas_max = 4;
    function.read_only = false;
    writes(openfaas_deploy_body(&function, "fn", "12ab"),
           "{\"service\":\"f\",\"image\":\"team/f:1\",\"envProcess\":\"python index.py\","
           "\"envVars\":{\"A\":\"b\",\"EQUALS\":\"x=y\",\"EMPTY\":\"\"},"
           "\"labels\":{\"com.openfaas.scale.min\":\"1\",\"com.openfaas.scale.max\":\"4\"},"
           "\"limits\":{\"memory\":\"67108864\",\"cpu\":\"500m\"},"
           "\"readOnlyRootFilesystem\":false,\"namespace\":\"fn\","
           "\"annotations\":{\"p2pfaas-settings\":\"12ab\"}}");
    function.secrets = (char *[]){"/data/secrets/key", "/other", NULL};
    writes(openfaas_deploy_body(&function, "fn", "12ab"),
           "{\"service\":\"f\",\"image\":\"team/f:1\",\"envProcess\":\"python index.py\","
           "\"envVars\":{\"A\":\"b\",\"EQUALS\":\"x=y\",\"EMPTY\":\"\"},"
           "\"labels\":{\"com.openfaas.scale.min\":\"1\",\"com.openfaas.scale.max\":\"4\"},"
           "\"limits\":{\"memory\":\"67108864\",\"cpu\":\"500m\"},\"secrets\":[\"key\",\"other\"],"
           "\"readOnlyRootFilesystem\":false,\"namespace\":\"fn\","
           "\"annotations\":{\"p2pfaas-settings\":\"12ab\"}}");
    function.secrets = NULL;
    writes(openfaas_scale_body("f", "fn", 3),
           "{\"serviceName\":\"f\",\"replicas\":3,\"namespace\":\"fn\"}");
}

static void test_settings_change_with_what_is_deployed(void **state)
{
    char before[SETTINGS_HASH], after[SETTINGS_HASH];

    (void)state;
    assert_int_equal(openfaas_settings(&function, before), 0);
    function.timeout = 1;
    assert_int_equal(openfaas_settings(&function, after), 0);
    assert_string_equal(before, after);
    function.environment = environment;
    assert_int_equal(openfaas_settings(&function, after), 0);
    assert_string_not_equal(before, after);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_list_is_read_by_name),
        T(what_is_behind_another_gateway_is_left_out),
        T(entries_that_cannot_be_functions_are_left_out),
        T(no_list_is_refused),
        T(a_list_has_a_limit),
        T(bodies_are_those_of_the_api),
        T(settings_change_with_what_is_deployed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
