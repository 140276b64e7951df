/* A function's request and answer pass through whole: here, and over a forward. */
#include "tests/cluster/fixture.h"

enum { HERE, FORWARDING };

/* Node 1 forwards everything to node 2; node 2 runs what it gets. */
static int start(void **state)
{
    (void)state;
    fixture_start(2, fixture_functions, NULL);
    select_scheduler(FORWARDING, "{\"name\":\"forward\"}");
    select_scheduler(HERE, "{\"name\":\"local\"}");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static void each_way(void (*check)(unsigned node))
{
    check(HERE);
    check(FORWARDING);
}

static void check_methods(unsigned node)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "PATCH"};

    for (size_t i = 0; i < 5; i++) {
        char part[64];

        snprintf(part, sizeof(part), "\"method\":\"%s\"", methods[i]);
        expect(send_method(methods[i], node, "/function/echo/info", NULL, 0, NULL), 200, part);
    }
}

static void test_methods_reach_the_function(void **state)
{
    (void)state;
    each_way(check_methods);
}

static void check_target(unsigned node)
{
    expect(get(node, "/function/echo/info?a=1&b=%20x"), 200, "\"query\":\"a=1&b=%20x\"");
    expect(get(node, "/function/cgi/a%2Fb/c?q"), 200, NULL);
    expect(get(node, "/function/echo/info"), 200, "\"path\":\"/info\"");
}

static void test_path_and_query_reach_the_function(void **state)
{
    (void)state;
    each_way(check_target);
}

static void check_headers(unsigned node)
{
    static const char *const headers[] = {"X-Test: one",         "Content-Type: text/x-demo",
                                          "Connection: X-Other", "X-Other: of this connection",
                                          "X-P2pfaas-Hops: 7",   NULL};
    struct reply r = send_method("POST", node, "/function/echo/info", "body", 4, headers);

    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "\"X-Test\":\"one\""));
    assert_non_null(strstr(r.body, "\"Content-Type\":\"text/x-demo\""));
    assert_non_null(strstr(r.body, "\"length\":4"));
    assert_null(strstr(r.body, "X-P2pfaas-Hops"));
    assert_null(strstr(r.body, "X-Other"));
    reply_free(&r);
}

static void test_headers_reach_the_function_but_those_of_one_connection(void **state)
{
    (void)state;
    each_way(check_headers);
}

static void check_answer(unsigned node)
{
    static const char *const headers[] = {"Content-Type: text/x-demo", NULL};
    struct reply r =
        send_method("POST", node, "/function/echo?status=418&header=X-Mine:yes", "tea", 3, headers);

    assert_int_equal(r.status, 418);
    assert_string_equal(r.body, "tea");
    assert_string_equal(header(&r, "Content-Type"), "text/x-demo");
    assert_string_equal(header(&r, "X-Mine"), "yes");
    reply_free(&r);
    r = send_method("POST", node, "/function/cgi?status=404&header=X-Mine:cgi", "tea", 3, headers);
    assert_int_equal(r.status, 404);
    assert_string_equal(header(&r, "X-Mine"), "cgi");
    reply_free(&r);
}

static void test_status_type_and_headers_of_the_answer_come_back(void **state)
{
    (void)state;
    each_way(check_answer);
}

static void check_large_body(unsigned node)
{
    enum { SIZE = 16 << 20 };
    unsigned char *data = malloc(SIZE);
    static const char *const paths[] = {"/function/echo", "/function/cat"};
    uint32_t x = 1;

    assert_non_null(data);
    for (size_t i = 0; i < SIZE; i++) {
        x = x * 1664525u + 1013904223u;
        data[i] = (unsigned char)(x >> 24);
    }
    for (size_t i = 0; i < 2; i++) {
        struct reply r = post(node, paths[i], data, SIZE);

        assert_int_equal(r.status, 200);
        assert_int_equal(r.len, SIZE);
        assert_memory_equal(r.body, data, SIZE);
        reply_free(&r);
    }
    free(data);
}

static void test_sixteen_megabytes_of_anything_pass_both_ways(void **state)
{
    (void)state;
    each_way(check_large_body);
}

static void check_programs(unsigned node)
{
    struct reply r = post_text(node, "/function/gzip", "hello hello hello");

    assert_int_equal(r.status, 200);
    assert_true(r.len > 18 && (unsigned char)r.body[0] == 0x1f);
    assert_string_equal(header(&r, "Content-Type"), "application/gzip");
    reply_free(&r);
    expect(post_text(node, "/function/sha256sum", "abc"), 200,
           "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(post_text(node, "/function/wordcount", "one two two\n"), 200, "\"two\":2");
    expect(post_text(node, "/function/burn?ms=5", ""), 200, "\"turns\"");
}

static void test_ordinary_programs_are_functions(void **state)
{
    (void)state;
    each_way(check_programs);
}

static void test_the_function_is_told_on_whose_behalf_it_runs(void **state)
{
    static const char *const headers[] = {"X-Forwarded-For: 192.0.2.1",
                                          "X-Forwarded-For: 192.0.2.2", NULL};

    (void)state;
    expect(get(HERE, "/function/echo/info"), 200, "\"X-Forwarded-For\":\"127.0.0.1\"");
    expect(get(FORWARDING, "/function/echo/info"), 200,
           "\"X-Forwarded-For\":\"127.0.0.1, 127.0.0.1\"");
    expect(send_method("GET", HERE, "/function/echo/info", NULL, 0, headers), 200,
           "\"X-Forwarded-For\":\"192.0.2.1, 192.0.2.2, 127.0.0.1\"");
}

static void test_the_answer_says_how_the_job_went_here(void **state)
{
    struct reply r = post_text(HERE, "/function/echo", "x");

    (void)state;
    assert_string_equal(header(&r, "X-P2pfaas-Scheduler"), "local(false)");
    assert_true(strtod(header(&r, "X-P2pfaas-Timing-Execution-Time-Seconds"), NULL) > 0);
    assert_int_equal(header(&r, "X-P2pfaas-Timing-Total-Seconds-List")[0], '[');
    assert_int_equal(header(&r, "X-P2pfaas-Timing-Scheduling-Seconds-List")[0], '[');
    assert_true(strtod(header(&r, "X-P2pfaas-Timing-Scheduling-Seconds-List") + 1, NULL) > 0);
    assert_string_equal(header(&r, "X-P2pfaas-Externally-Executed"), "");
    assert_string_equal(header(&r, "X-P2pfaas-Hops"), "");
    assert_string_equal(header(&r, "X-P2pfaas-Outcome"), "");
    reply_free(&r);
}

static void test_the_answer_says_how_the_job_went_at_a_peer(void **state)
{
    struct reply r = post_text(FORWARDING, "/function/echo", "x");

    (void)state;
    assert_string_equal(header(&r, "X-P2pfaas-Scheduler"), "forward(1)");
    assert_string_equal(header(&r, "X-P2pfaas-Externally-Executed"), "True");
    assert_string_equal(header(&r, "X-P2pfaas-Hops"), "1");
    assert_string_equal(header(&r, "X-P2pfaas-Peers-List-Id"), "[\"n2\",\"n1\"]");
    assert_string_equal(header(&r, "X-P2pfaas-Peers-List-Ip"), "[\"127.0.0.2\",\"127.0.0.1\"]");
    assert_non_null(strchr(header(&r, "X-P2pfaas-Timing-Total-Seconds-List"), ','));
    assert_true(strtod(header(&r, "X-P2pfaas-Timing-Execution-Time-Seconds"), NULL) > 0);
    reply_free(&r);
}

static void test_a_function_cannot_set_our_headers(void **state)
{
    struct reply r = post_text(FORWARDING, "/function/echo?header=X-P2pfaas-Outcome:refused", "x");

    (void)state;
    assert_int_equal(r.status, 200);
    assert_string_equal(header(&r, "X-P2pfaas-Outcome"), "");
    reply_free(&r);
}

static void test_many_calls_share_a_connection(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++)
        expect(post_text(FORWARDING, "/function/echo", "again"), 200, "again");
    assert_true(metric(FORWARDING, "p2pfaas_forwards_total{what=\"sent\"}") >= 200);
    assert_true(metric(FORWARDING, "p2pfaas_forwards_total{what=\"failed\"}") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods_reach_the_function),
        cmocka_unit_test(test_path_and_query_reach_the_function),
        cmocka_unit_test(test_headers_reach_the_function_but_those_of_one_connection),
        cmocka_unit_test(test_status_type_and_headers_of_the_answer_come_back),
        cmocka_unit_test(test_sixteen_megabytes_of_anything_pass_both_ways),
        cmocka_unit_test(test_ordinary_programs_are_functions),
        cmocka_unit_test(test_the_function_is_told_on_whose_behalf_it_runs),
        cmocka_unit_test(test_the_answer_says_how_the_job_went_here),
        cmocka_unit_test(test_the_answer_says_how_the_job_went_at_a_peer),
        cmocka_unit_test(test_a_function_cannot_set_our_headers),
        cmocka_unit_test(test_many_calls_share_a_connection),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
