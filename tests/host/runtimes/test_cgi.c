#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/runtimes/cgi.h"

static const struct http_limits roomy = {.headers = 1 << 20, .body = 1 << 20};
static struct function_config function;
static struct http_request request;
static struct cgi_environment environment;
static struct http_response response;

static int setup(void **state)
{
    (void)state;
    function = (struct function_config){.name = "f"};
    http_request_init(&request, &roomy);
    http_response_init(&response, &roomy);
    environment = (struct cgi_environment){{0}, {0}};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cgi_release(&environment);
    http_request_release(&request);
    http_response_release(&response);
    return 0;
}

/* ---- the environment ---- */

static void target_is(const char *text)
{
    buf_clear(&request.target);
    assert_int_equal(buf_puts(&request.target, text), 0);
    assert_non_null(buf_text(&request.target));
}

static void build(void)
{
    cgi_release(&environment);
    assert_int_equal(cgi_build(&environment, &function, &request), 0);
}

static unsigned times(const char *name)
{
    size_t n = strlen(name);
    unsigned count = 0;

    for (const char *const *e = cgi_list(&environment); *e; e++)
        count += strncmp(*e, name, n) == 0 && (*e)[n] == '=';
    return count;
}

static const char *variable(const char *name)
{
    size_t n = strlen(name);

    for (const char *const *e = cgi_list(&environment); *e; e++)
        if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
            return *e + n + 1;
    return "(not there)";
}

static void request_is_told(void **state)
{
    (void)state;
    request.method = "PUT";
    headers_add(&request.headers, "content-type", "text/plain");
    buf_puts(&request.body, "12345");
    target_is("/a/b?x=1&y=%20");
    build();
    assert_string_equal(variable("REQUEST_METHOD"), "PUT");
    assert_string_equal(variable("PATH_INFO"), "/a/b");
    assert_string_equal(variable("QUERY_STRING"), "x=1&y=%20");
    assert_string_equal(variable("CONTENT_TYPE"), "text/plain");
    assert_string_equal(variable("CONTENT_LENGTH"), "5");
    assert_string_equal(variable("SCRIPT_NAME"), "/function/f");
    assert_string_equal(variable("FUNCTION_NAME"), "f");
    assert_string_equal(variable("GATEWAY_INTERFACE"), "CGI/1.1");
    assert_string_equal(variable("SERVER_PROTOCOL"), "HTTP/1.1");
    assert_memory_equal(variable("SERVER_SOFTWARE"), "p2pfaas/", 8);
    assert_string_equal(variable("REMOTE_ADDR"), "");
}

static void bare_request_has_what_the_standard_demands(void **state)
{
    (void)state;
    build();
    assert_string_equal(variable("REQUEST_METHOD"), "GET");
    assert_string_equal(variable("PATH_INFO"), "");
    assert_string_equal(variable("QUERY_STRING"), "");
    assert_string_equal(variable("CONTENT_LENGTH"), "0");
    assert_int_equal(times("CONTENT_TYPE"), 0);
}

static void path_is_decoded_and_the_query_is_not(void **state)
{
    static const char *const table[][3] = {
        {"?q", "", "q"},        {"/?", "/", ""},        {"/a%20b%2fc", "/a b/c", ""},
        {"/%", "/%", ""},       {"/%4", "/%4", ""},     {"/%zz", "/%zz", ""},
        {"/%41%4", "/A%4", ""}, {"/%00x", "/%00x", ""}, {"/a?b?c%41", "/a", "b?c%41"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        target_is(table[i][0]);
        build();
        assert_string_equal(variable("PATH_INFO"), table[i][1]);
        assert_string_equal(variable("QUERY_STRING"), table[i][2]);
    }
}

static void headers_become_variables(void **state)
{
    (void)state;
    headers_add(&request.headers, "X-Request-Id", "7");
    headers_add(&request.headers, "accept", "a=b");
    headers_add(&request.headers, "X-Empty", "");
    build();
    assert_string_equal(variable("HTTP_X_REQUEST_ID"), "7");
    assert_string_equal(variable("HTTP_ACCEPT"), "a=b");
    assert_string_equal(variable("HTTP_X_EMPTY"), "");
}

static void repeated_headers_are_joined(void **state)
{
    (void)state;
    headers_add(&request.headers, "X-Test", "1");
    headers_add(&request.headers, "Y", "y");
    headers_add(&request.headers, "x-test", "2");
    headers_add(&request.headers, "Y", "");
    headers_add(&request.headers, "X-TEST", "3");
    build();
    assert_int_equal(times("HTTP_X_TEST"), 1);
    assert_int_equal(times("HTTP_Y"), 1);
    assert_string_equal(variable("HTTP_X_TEST"), "1, 2, 3");
    assert_string_equal(variable("HTTP_Y"), "y, ");
}

static void proxy_header_does_not_become_a_setting(void **state)
{
    (void)state;
    headers_add(&request.headers, "Proxy", "http://evil");
    headers_add(&request.headers, "pROXY", "http://evil");
    headers_add(&request.headers, "Content-Type", "text/x");
    build();
    assert_int_equal(times("HTTP_PROXY"), 0);
    assert_int_equal(times("HTTP_CONTENT_TYPE"), 0);
}

static void header_names_are_made_harmless(void **state)
{
    char name[1000];

    (void)state;
    headers_add(&request.headers, "a+b.c!d", "1");
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    headers_add(&request.headers, name, "long");
    build();
    assert_string_equal(variable("HTTP_A_B_C_D"), "1");
    for (const char *const *e = cgi_list(&environment); *e; e++)
        assert_non_null(strchr(*e, '='));
}

static void environment_of_the_function_is_added(void **state)
{
    char first[] = "GREETING=hello", second[] = "EMPTY=";
    char *own[] = {first, second, NULL};

    (void)state;
    function.environment = own;
    build();
    assert_string_equal(variable("GREETING"), "hello");
    assert_string_equal(variable("EMPTY"), "");
}

static void configured_names_replace_others(void **state)
{
    char *own[] = {"PATH=/only/here", "HTTP_X_FOO=mine", "REMOTE_ADDR=nobody", "X_FOO=too", NULL};

    (void)state;
    setenv("PATH", "/usr/bin:/bin", 1);
    headers_add(&request.headers, "X-Foo", "from the client");
    headers_add(&request.headers, "X-Foobar", "another");
    function.environment = own;
    build();
    for (char **s = own; *s; s++) {
        char name[16];

        snprintf(name, sizeof(name), "%.*s", (int)strcspn(*s, "="), *s);
        assert_int_equal(times(name), 1);
        assert_string_equal(variable(name), *s + strlen(name) + 1);
    }
    assert_string_equal(variable("HTTP_X_FOOBAR"), "another");
}

static void little_of_the_nodes_environment_is_inherited(void **state)
{
    (void)state;
    setenv("P2P_TEST_SECRET", "s", 1);
    setenv("TZ", "UTC", 1);
    build();
    assert_int_equal(times("P2P_TEST_SECRET"), 0);
    assert_string_equal(variable("TZ"), "UTC");
    assert_string_equal(variable("PATH"), getenv("PATH"));
    unsetenv("TZ");
    build();
    assert_int_equal(times("TZ"), 0);
}

static void environment_has_a_cap(void **state)
{
    char value[4000];

    (void)state;
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (int i = 0; i < 200; i++) {
        char name[16];

        snprintf(name, sizeof(name), "X-%d", i);
        headers_add(&request.headers, name, value);
    }
    assert_int_equal(cgi_build(&environment, &function, &request), -1);
    assert_null(environment.text.data);
    assert_null(environment.pointers.data);
}

/* ---- the answer ---- */

static void fill(const char *text)
{
    buf_puts(&response.body, text);
    assert_non_null(buf_text(&response.body));
}

static void parses(const char *text, int status, const char *rest)
{
    char err[P2P_ERRLEN] = "";

    http_response_clear(&response);
    fill(text);
    if (cgi_parse(&response, err))
        fail_msg("'%s' was refused: %s", text, err);
    assert_int_equal(response.status, status);
    assert_int_equal(response.body.len, strlen(rest));
    assert_memory_equal(response.body.data, rest, strlen(rest));
}

static void is_wrong(const char *text, const char *why)
{
    char err[P2P_ERRLEN] = "";

    http_response_clear(&response);
    fill(text);
    assert_int_equal(cgi_parse(&response, err), -1);
    if (!strstr(err, why))
        fail_msg("'%s' is wrong because: %s", text, err);
}

static void answer_has_status_type_and_body(void **state)
{
    (void)state;
    parses("Status: 404 Not Found\r\nContent-Type: text/x\r\n\r\nbody\n\nmore", 404,
           "body\n\nmore");
    assert_string_equal(headers_get(&response.headers, "Content-Type"), "text/x");
    assert_int_equal(response.headers.count, 1);
}

static void answer_may_be_short(void **state)
{
    (void)state;
    parses("\n", 200, "");
    parses("\r\n", 200, "");
    parses("\nbody", 200, "body");
    parses("Status:201\n\n", 201, "");
    parses("status:\t 299\n\nx", 299, "x");
    parses("X-A:\nX-B: b\n\n", 200, "");
    assert_string_equal(headers_get(&response.headers, "X-A"), "");
    assert_string_equal(headers_get(&response.headers, "X-B"), "b");
}

static void headers_of_the_connection_are_left_out(void **state)
{
    (void)state;
    parses("Content-Length: 99\nTransfer-Encoding: chunked\nConnection: close\nX-Kept: 1\n\nbody",
           200, "body");
    assert_int_equal(response.headers.count, 1);
}

static void wrong_status_is_told(void **state)
{
    static const char *const values[] = {"", "x", "99", "199", "600", "2", "-200", "20 0"};
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        snprintf(text, sizeof(text), "Status: %s\n\n", values[i]);
        is_wrong(text, "from 200 to 599");
    }
    is_wrong("Status:\n200\n\n", "from 200 to 599");
}

static void missing_empty_line_is_told(void **state)
{
    (void)state;
    is_wrong("", "no empty line");
    is_wrong("Status: 200", "no empty line");
    is_wrong("Status: 200\n", "no empty line");
    is_wrong("A: 1\r\nB: 2\r\n", "no empty line");
}

static void line_without_a_name_is_told(void **state)
{
    char text[4096];

    (void)state;
    is_wrong("hello\n\n", "begins with 'hello'");
    is_wrong(": value\n\n", "no CGI header line");
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text + sizeof(text) - 3, "\n\n", 3);
    is_wrong(text, "no CGI header line");
}

static void control_characters_in_headers_are_refused(void **state)
{
    (void)state;
    is_wrong("X: a\rb\n\n", "control characters");
    is_wrong("X\x01: a\n\n", "control characters");
    is_wrong("X: \x7f\n\n", "control characters");
}

static void headers_past_the_limit_are_refused(void **state)
{
    (void)state;
    headers_release(&response.headers);
    headers_init(&response.headers, 16);
    is_wrong("X: 0123456789abcdef\n\n", "too large");
    headers_release(&response.headers);
    headers_init(&response.headers, 64);
    is_wrong("X: 0123456789\nX: 0123456789\nX: 0123456789\nX: 0123456789\nX: 0123456789\n\n",
             "too large");
}

static void body_may_have_zero_bytes(void **state)
{
    static const char text[] = "A: 1\n\n\0\1\0end";
    char err[P2P_ERRLEN];

    (void)state;
    buf_append(&response.body, text, sizeof(text) - 1);
    assert_int_equal(cgi_parse(&response, err), 0);
    assert_int_equal(response.body.len, 6);
    assert_memory_equal(response.body.data, "\0\1\0end", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(request_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(bare_request_has_what_the_standard_demands, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(path_is_decoded_and_the_query_is_not, setup, teardown),
        cmocka_unit_test_setup_teardown(headers_become_variables, setup, teardown),
        cmocka_unit_test_setup_teardown(repeated_headers_are_joined, setup, teardown),
        cmocka_unit_test_setup_teardown(proxy_header_does_not_become_a_setting, setup, teardown),
        cmocka_unit_test_setup_teardown(header_names_are_made_harmless, setup, teardown),
        cmocka_unit_test_setup_teardown(environment_of_the_function_is_added, setup, teardown),
        cmocka_unit_test_setup_teardown(configured_names_replace_others, setup, teardown),
        cmocka_unit_test_setup_teardown(little_of_the_nodes_environment_is_inherited, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(environment_has_a_cap, setup, teardown),
        cmocka_unit_test_setup_teardown(answer_has_status_type_and_body, setup, teardown),
        cmocka_unit_test_setup_teardown(answer_may_be_short, setup, teardown),
        cmocka_unit_test_setup_teardown(headers_of_the_connection_are_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_status_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(missing_empty_line_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(line_without_a_name_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(control_characters_in_headers_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(headers_past_the_limit_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(body_may_have_zero_bytes, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
