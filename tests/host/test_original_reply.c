/* The answer to a job in the JSON of the original P2PFaaS, both ways, and whatever else
 * may come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/original.h"
#include "tests/host/support_bytes.h"

enum { LIMIT = 1 << 20 };

/* As it stands in the facts of the wire. */
static const char reply_text[] =
    "{\"peers_list\":[{\"machine_id\":\"node-p1\",\"machine_ip\":\"10.99.0.11\",\"timings\":{"
    "\"execution_time\":0.0014,\"total_time\":0.0015,\"scheduling_time\":6.53e-7}}],"
    "\"body\":\"aGVsbG8=\",\"status_code\":200}";

static int read_reply(const char *text, struct original_reply *reply, struct buf *body, char *err)
{
    struct buf json = bytes(text);
    int rc;

    buf_init(body, LIMIT);
    rc = original_read_reply(&json, reply, body, err);
    buf_release(&json);
    return rc;
}

static void test_a_reply_is_read(void **state)
{
    struct original_reply reply;
    char err[P2P_ERRLEN];
    struct buf body;

    (void)state;
    assert_int_equal(read_reply(reply_text, &reply, &body, err), 0);
    is_text(&body, "hello");
    assert_int_equal(reply.n_peers, 1);
    assert_string_equal(reply.peer[0].id, "node-p1");
    assert_string_equal(reply.peer[0].ip, "10.99.0.11");
    assert_true(reply.peer[0].times.execution == 0.0014);
    assert_true(reply.peer[0].times.total == 0.0015);
    assert_true(reply.peer[0].times.scheduling == 6.53e-7);
    assert_true(reply.peer[0].times.probing < 0);
    buf_release(&body);
}

static void test_a_reply_is_written_byte_for_byte(void **state)
{
    struct original_reply reply = {
        .n_peers = 2,
        .peer = {{"node-p1", "10.99.0.11", {0.0014, 0.0015, 6.53e-7, -1}},
                 {"node-p2", "10.99.0.12", {-1, 12, 0, 0.25}}}};
    struct buf body = bytes("hello"), json = {.limit = LIMIT};

    (void)state;
    assert_int_equal(original_write_reply(&json, &reply, &body, 200), 0);
    is_text(&json, "{\"peers_list\":[{\"machine_id\":\"node-p1\",\"machine_ip\":\"10.99.0.11\","
                   "\"timings\":{\"execution_time\":0.0014,\"total_time\":0.0015,"
                   "\"scheduling_time\":0.000000653}},{\"machine_id\":\"node-p2\",\"machine_ip\":"
                   "\"10.99.0.12\",\"timings\":{\"total_time\":12,\"scheduling_time\":0,"
                   "\"probing_time\":0.25}}],\"body\":\"aGVsbG8=\",\"status_code\":200}");
    buf_release(&json);
    reply.n_peers = 1;
    reply.peer[0] = (struct original_peer){"a\"b", "", {-1, -1, -1, -1}};
    buf_clear(&body);
    assert_int_equal(original_write_reply(&json, &reply, &body, 503), 0);
    is_text(&json,
            "{\"peers_list\":[{\"machine_id\":\"a\\\"b\",\"machine_ip\":\"\",\"timings\":{}}],"
            "\"body\":\"\",\"status_code\":503}");
    buf_release(&json);
    buf_release(&body);
}

static void test_a_longer_way_is_read_in_its_order(void **state)
{
    struct original_reply reply;
    char err[P2P_ERRLEN];
    struct buf body;

    (void)state;
    assert_int_equal(
        read_reply("{\"peers_list\":[{\"machine_id\":\"c\",\"machine_ip\":\"3\",\"timings\":"
                   "{\"execution_time\":1}},{\"machine_id\":\"b\",\"machine_ip\":\"2\","
                   "\"timings\":{\"probing_time\":0.5}}],\"body\":\"\"}",
                   &reply, &body, err),
        0);
    assert_int_equal(reply.n_peers, 2);
    assert_string_equal(reply.peer[0].id, "c");
    assert_string_equal(reply.peer[1].id, "b");
    assert_true(reply.peer[0].times.execution == 1 && reply.peer[0].times.probing < 0);
    assert_true(reply.peer[1].times.execution < 0 && reply.peer[1].times.probing == 0.5);
    buf_release(&body);
}

static void test_what_is_missing_in_a_reply_is_not_told(void **state)
{
    static const char *const texts[] = {
        "{\"peers_list\":[{}]}", "{\"peers_list\":[{\"timings\":null}],\"body\":null}",
        "{\"peers_list\":[{\"timings\":{\"total_time\":\"1\",\"execution_time\":-1,"
        "\"scheduling_time\":1e300,\"probing_time\":null}}],\"body\":\"\"}"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct original_reply reply;
        char err[P2P_ERRLEN];
        struct buf body;

        assert_int_equal(read_reply(texts[i], &reply, &body, err), 0);
        assert_int_equal(reply.n_peers, 1);
        assert_string_equal(reply.peer[0].id, "");
        assert_true(reply.peer[0].times.total < 0 && reply.peer[0].times.execution < 0);
        assert_true(reply.peer[0].times.scheduling < 0 && reply.peer[0].times.probing < 0);
        assert_int_equal(body.len, 0);
        buf_release(&body);
    }
}

static void test_a_wrong_reply_is_refused_with_its_reason(void **state)
{
    static const char *const cases[][2] = {
        {"", "not JSON"},
        {"<html>404</html>", "not JSON"},
        {"{\"code\":4,\"message\":\"x\"}", "no peers_list"},
        {"{\"peers_list\":null,\"body\":\"\"}", "no peers_list"},
        {"{\"peers_list\":[],\"body\":\"\"}", "no peers_list"},
        {"{\"peers_list\":{\"a\":{}},\"body\":\"\"}", "no peers_list"},
        {"{\"peers_list\":\"x\",\"body\":\"\"}", "no peers_list"},
        {"[]", "no peers_list"},
        {"null", "no peers_list"},
        {"7", "no peers_list"},
        {"{\"peers_list\":[1],\"body\":\"\"}", "something else"},
        {"{\"peers_list\":[null],\"body\":\"\"}", "something else"},
        {"{\"peers_list\":[{\"machine_id\":1}],\"body\":\"\"}", "something else"},
        {"{\"peers_list\":[{\"machine_ip\":[]}],\"body\":\"\"}", "something else"},
        {"{\"peers_list\":[{\"timings\":[]}],\"body\":\"\"}", "something else"},
        {"{\"peers_list\":[{}],\"body\":7}", "no text"},
        {"{\"peers_list\":[{}],\"body\":\"aGVsbG8\"}", "not base64"},
        {"{\"peers_list\":[{}],\"body\":\"aGV!\"}", "not base64"},
        {"{\"peers_list\":[{}],\"body\":\"aGVsbG8=x\"}", "not base64"},
        {"{\"peers_list\":[{}],\"body\":\"\"} x", "not JSON"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct original_reply reply;
        char err[P2P_ERRLEN] = "";
        struct buf body;

        if (read_reply(cases[i][0], &reply, &body, err) == 0 || !strstr(err, cases[i][1]))
            fail_msg("'%s': '%s'", cases[i][0], err);
        buf_release(&body);
    }
}

static void test_a_reply_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof(reply_text) - 1; n++) {
        struct buf json = bytes_n(reply_text, n), body = {.limit = LIMIT};
        struct original_reply reply;
        char err[P2P_ERRLEN] = "";

        assert_int_equal(original_read_reply(&json, &reply, &body, err), -1);
        assert_non_null(strstr(err, "not JSON, or cut"));
        buf_release(&json);
        buf_release(&body);
    }
}

static void test_a_peers_list_has_a_most(void **state)
{
    struct buf json = {.limit = LIMIT}, body = {.limit = LIMIT};
    struct original_reply reply;
    char err[P2P_ERRLEN];

    (void)state;
    for (int n = ORIGINAL_PEERS; n < ORIGINAL_PEERS + 2; n++) {
        buf_clear(&json);
        buf_puts(&json, "{\"peers_list\":[{}");
        for (int i = 1; i < n; i++)
            buf_puts(&json, ",{}");
        buf_puts(&json, "],\"body\":\"\"}");
        assert_int_equal(original_read_reply(&json, &reply, &body, err),
                         n > ORIGINAL_PEERS ? -1 : 0);
    }
    buf_release(&json);
    buf_release(&body);
}

static void test_a_body_over_the_limit_is_refused(void **state)
{
    struct buf json = bytes(reply_text), body = {.limit = 4};
    struct original_reply reply;
    char err[P2P_ERRLEN];

    (void)state;
    assert_int_equal(original_read_reply(&json, &reply, &body, err), -1);
    assert_non_null(strstr(err, "larger than the limit"));
    buf_release(&json);
    buf_release(&body);
}

static void test_long_names_are_cut_between_characters(void **state)
{
    struct original_reply reply;
    char json[1200], err[P2P_ERRLEN];
    struct buf body;

    (void)state;
    snprintf(json, sizeof(json),
             "{\"peers_list\":[{\"machine_id\":\"%0*dé\",\"machine_ip\":\"%0*d\"}]}",
             (int)sizeof(reply.peer[0].id) - 2, 0, 500, 0);
    assert_int_equal(read_reply(json, &reply, &body, err), 0);
    assert_int_equal(strlen(reply.peer[0].id), sizeof(reply.peer[0].id) - 2);
    assert_int_equal(strlen(reply.peer[0].ip), sizeof(reply.peer[0].ip) - 1);
    buf_release(&body);
}

static void test_only_a_job_that_nobody_ran_was_refused(void **state)
{
    static const struct {
        const char *body;
        double execution;
        bool is;
    } cases[] = {{"{\"code\":400,\"message\":\"Job cannot be scheduled: \"}", -1, true},
                 {"{\"code\":401,\"message\":\"Job has been deliberately rejected\"}", -1, true},
                 {"{\"code\":400,\"message\":\"Job cannot be scheduled: \"}", 0, false},
                 {"{\"code\":400,\"message\":\"Job cannot be scheduled: \"}", 0.1, false},
                 {"{\"code\":403,\"message\":\"x\"}", -1, false},
                 {"{\"code\":\"400\"}", -1, false},
                 {"400", -1, false},
                 {"", -1, false},
                 {"[]", -1, false},
                 {"hello", -1, false}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct original_reply reply = {
            .n_peers = 2, .peer = {{"", "", {-1, -1, -1, -1}}, {"", "", {-1, -1, -1, -1}}}};
        struct buf body = bytes(cases[i].body);

        reply.peer[i % 2].times.execution = cases[i].execution;
        assert_int_equal(original_is_refusal(&reply, &body), cases[i].is);
        buf_release(&body);
    }
}

static void test_seconds_are_short(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0, "0"},
                 {1, "1"},
                 {100, "100"},
                 {0.001272, "0.001272"},
                 {1e-9, "0.000000001"},
                 {1e-12, "0"},
                 {1e300, "1000000000"},
                 {30.5, "30.5"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[32];

        original_seconds(text, cases[i].seconds);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reply_is_read),
        cmocka_unit_test(test_a_reply_is_written_byte_for_byte),
        cmocka_unit_test(test_a_longer_way_is_read_in_its_order),
        cmocka_unit_test(test_what_is_missing_in_a_reply_is_not_told),
        cmocka_unit_test(test_a_wrong_reply_is_refused_with_its_reason),
        cmocka_unit_test(test_a_reply_cut_at_any_byte_is_refused),
        cmocka_unit_test(test_a_peers_list_has_a_most),
        cmocka_unit_test(test_a_body_over_the_limit_is_refused),
        cmocka_unit_test(test_long_names_are_cut_between_characters),
        cmocka_unit_test(test_only_a_job_that_nobody_ran_was_refused),
        cmocka_unit_test(test_seconds_are_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
