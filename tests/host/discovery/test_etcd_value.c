/* What a node says of itself, written and read; and what others may have put there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/config.h"
#include "host/discovery/etcd_value.h"

static const char full[] = "{\"id\":\"n \\\"1\\\" \xc3\xa9\",\"address\":\"10.0.0.1:18080\","
                           "\"group\":\"lab\",\"slots\":4,\"functions\":[\"echo\",\"a.b_c-D\"],"
                           "\"version\":\"0.1.0\"}";

static void what_is_written_is_read(void **state)
{
    struct etcd_value v;
    char err[P2P_ERRLEN], *text;

    (void)state;
    assert_int_equal(etcd_value_read(&v, full, strlen(full), err), 0);
    assert_string_equal(v.id, "n \"1\" \xc3\xa9");
    assert_string_equal(v.group, "lab");
    assert_string_equal(v.version, "0.1.0");
    assert_string_equal(v.endpoint.text, "10.0.0.1:18080");
    assert_int_equal(v.slots, 4);
    assert_true(v.knows_functions);
    assert_int_equal(v.n_functions, 2);
    assert_string_equal(v.functions[0], "echo");
    assert_string_equal(v.functions[1], "a.b_c-D");
    text = etcd_value_write(&v);
    assert_string_equal(text, full);
    free(text);
    etcd_value_release(&v);
    etcd_value_release(&v);
}

static void little_is_enough_and_more_is_passed_over(void **state)
{
    static const char little[] = " {\"more\":[{}],\"address\":\"[::1]:1\",\"id\":\"x\"} \n";
    static const char none[] = "{\"address\":\"[::1]:1\",\"id\":\"x\",\"functions\":[]}";
    struct etcd_value v;
    char err[P2P_ERRLEN];

    (void)state;
    assert_int_equal(etcd_value_read(&v, little, strlen(little), err), 0);
    assert_false(v.knows_functions);
    assert_int_equal(v.slots, 0);
    assert_string_equal(v.group, "");
    etcd_value_release(&v);
    assert_int_equal(etcd_value_read(&v, none, strlen(none), err), 0);
    assert_true(v.knows_functions);
    assert_int_equal(v.n_functions, 0);
    etcd_value_release(&v);
}

static void bad_values_are_refused_with_a_reason(void **state)
{
#define A "\"address\":\"10.0.0.1:1\""
    static const char *const bad[][2] = {
        {"", "no JSON object"},
        {"null", "no JSON object"},
        {"[]", "no JSON object"},
        {"{", "no JSON object"},
        {"{" A ",\"id\":\"x\"}x", "no JSON object"},
        {"{" A "}", "\"id\""},
        {"{" A ",\"id\":\"\"}", "\"id\""},
        {"{" A ",\"id\":1}", "\"id\""},
        {"{" A ",\"id\":\"a\\nb\"}", "\"id\""},
        {"{" A ",\"id\":\"a\\u007fb\"}", "\"id\""},
        {"{" A ",\"id\":\"\x80\"}", "\"id\""},
        {"{" A ",\"id\":\"0123456789012345678901234567890123456789012345678901234567890123\"}",
         "1 to 63 bytes"},
        {"{" A ",\"id\":\"x\",\"group\":[]}", "\"group\""},
        {"{" A ",\"id\":\"x\",\"version\":\"01234567890123456789012345678901\"}", "\"version\""},
        {"{\"id\":\"x\"}", "\"address\""},
        {"{\"id\":\"x\",\"address\":\"10.0.0.1\"}", "\"address\""},
        {"{\"id\":\"x\",\"address\":\"attic:18080\"}", "\"address\""},
        {"{\"id\":\"x\",\"address\":\"10.0.0.1:018080\"}", "\"address\""},
        {"{\"id\":\"x\",\"address\":\"0.0.0.0:18080\"}", "\"address\""},
        {"{\"id\":\"x\",\"address\":\"[::]:18080\"}", "\"address\""},
        {"{\"id\":\"x\",\"address\":7}", "\"address\""},
        {"{" A ",\"id\":\"x\",\"slots\":-1}", "\"slots\""},
        {"{" A ",\"id\":\"x\",\"slots\":1e9}", "\"slots\""},
        {"{" A ",\"id\":\"x\",\"slots\":\"4\"}", "\"slots\""},
        {"{" A ",\"id\":\"x\",\"functions\":{}}", "\"functions\""},
        {"{" A ",\"id\":\"x\",\"functions\":[1]}", "\"functions\""},
        {"{" A ",\"id\":\"x\",\"functions\":[\"a\",\"\"]}", "\"functions\""},
        {"{" A ",\"id\":\"x\",\"functions\":[\"a/b\"]}", "\"functions\""},
        {"{" A ",\"id\":\"x\",\"functions\":"
         "[\"0123456789012345678901234567890123456789012345678901234567890123\"]}",
         "\"functions\""},
    };
#undef A

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct etcd_value v;
        char err[P2P_ERRLEN] = "";

        if (etcd_value_read(&v, bad[i][0], strlen(bad[i][0]), err) != -1)
            fail_msg("taken: %s", bad[i][0]);
        if (!strstr(err, bad[i][1]))
            fail_msg("%s: %s", bad[i][0], err);
        assert_null(v.functions);
    }
}

static void what_is_cut_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < strlen(full); n++) {
        char err[P2P_ERRLEN], *text = malloc(n + 1);
        struct etcd_value v;

        assert_non_null(text);
        memcpy(text, full, n);
        assert_int_equal(etcd_value_read(&v, text, n, err), -1);
        free(text);
    }
}

static void zero_bytes_hide_nothing(void **state)
{
    static const char hidden[] = "{\"id\":\"x\",\"address\":\"10.0.0.1:1\"}\0more";
    struct etcd_value v;
    char err[P2P_ERRLEN];

    (void)state;
    assert_int_equal(etcd_value_read(&v, hidden, sizeof(hidden) - 1, err), -1);
}

/* As large as a node can be, and one more. */
static void sizes_have_limits(void **state)
{
    static char names[CONFIG_MAX_FUNCTIONS + 1][64];
    const char *list[CONFIG_MAX_FUNCTIONS + 1];
    struct etcd_value v = {.id = "x", .knows_functions = true, .functions = list}, out;
    char err[P2P_ERRLEN], *text;

    (void)state;
    assert_int_equal(endpoint_parse(&v.endpoint, "10.0.0.1:1", 1, err), 0);
    for (unsigned i = 0; i <= CONFIG_MAX_FUNCTIONS; i++) {
        snprintf(names[i], sizeof(names[i]), "%063u", i);
        list[i] = names[i];
    }
    v.n_functions = CONFIG_MAX_FUNCTIONS;
    text = etcd_value_write(&v);
    assert_int_equal(etcd_value_read(&out, text, strlen(text), err), 0);
    assert_int_equal(out.n_functions, CONFIG_MAX_FUNCTIONS);
    assert_string_equal(out.functions[CONFIG_MAX_FUNCTIONS - 1], names[CONFIG_MAX_FUNCTIONS - 1]);
    etcd_value_release(&out);
    free(text);
    v.n_functions++;
    text = etcd_value_write(&v);
    assert_int_equal(etcd_value_read(&out, text, strlen(text), err), -1);
    free(text);
    text = calloc(1, ETCD_MOST_VALUE + 1);
    assert_non_null(text);
    assert_int_equal(etcd_value_read(&out, text, ETCD_MOST_VALUE + 1, err), -1);
    assert_non_null(strstr(err, "at most 98304 are read"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(little_is_enough_and_more_is_passed_over),
        cmocka_unit_test(bad_values_are_refused_with_a_reason),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(zero_bytes_hide_nothing),
        cmocka_unit_test(sizes_have_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
