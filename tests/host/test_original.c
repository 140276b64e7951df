/* A job in the JSON of the original P2PFaaS: every field, both ways, and whatever else may
 * come. */
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
static const char call_text[] =
    "{\"service_id_request\":50,\"service_id_tracing\":\"trace-77\",\"function_name\":\"echo\","
    "\"hops\":1,\"peers_list\":null,\"payload\":\"aGVsbG8gcGF5bG9hZA==\","
    "\"content_type\":\"text/x-demo\",\"headers\":null}";

static enum original_result read_call(const char *text, struct original_call *call,
                                      struct buf *payload)
{
    struct buf json = bytes(text);
    enum original_result result;

    buf_init(payload, LIMIT);
    result = original_read_call(&json, call, payload);
    buf_release(&json);
    return result;
}

static void payload_is(const char *json, const char *wanted)
{
    struct original_call call;
    struct buf payload;

    assert_int_equal(read_call(json, &call, &payload), ORIGINAL_OK);
    is_text(&payload, wanted);
    buf_release(&payload);
}

static void test_a_call_is_read(void **state)
{
    struct original_call call;
    struct buf payload;

    (void)state;
    assert_int_equal(read_call(call_text, &call, &payload), ORIGINAL_OK);
    is_text(&payload, "hello payload");
    assert_string_equal(call.content_type, "text/x-demo");
    assert_int_equal(call.hops, 1);
    buf_release(&payload);
}

static void test_a_call_is_written_byte_for_byte(void **state)
{
    struct original_call call = {.id = 50,
                                 .tracing_id = "trace-77",
                                 .function = "echo",
                                 .hops = 1,
                                 .content_type = "text/x-demo"};
    struct buf payload = bytes("hello payload"), json;

    (void)state;
    buf_init(&json, LIMIT);
    assert_int_equal(original_write_call(&json, &call, &payload), 0);
    is_text(&json, call_text);
    buf_release(&json);
    buf_release(&payload);
}

static void test_an_empty_call_is_written_with_all_its_keys(void **state)
{
    struct original_call call = {.id = UINT64_MAX, .tracing_id = "", .function = "f", .hops = 7};
    struct buf nothing = {.limit = LIMIT}, json = {.limit = LIMIT};

    (void)state;
    assert_int_equal(original_write_call(&json, &call, &nothing), 0);
    is_text(&json, "{\"service_id_request\":18446744073709551615,\"service_id_tracing\":\"\","
                   "\"function_name\":\"f\",\"hops\":7,\"peers_list\":null,\"payload\":\"\","
                   "\"content_type\":\"\",\"headers\":null}");
    buf_release(&json);
}

static void test_texts_are_quoted_and_made_utf8(void **state)
{
    struct original_call call = {
        .tracing_id = "a\"b\\c\x01\xff é", .function = "f", .hops = 1, .content_type = "t\"x"};
    struct buf nothing = {.limit = LIMIT}, json = {.limit = LIMIT};

    (void)state;
    assert_int_equal(original_write_call(&json, &call, &nothing), 0);
    is_text(&json, "{\"service_id_request\":0,\"service_id_tracing\":\"a\\\"b\\\\c\\u0001? é\","
                   "\"function_name\":\"f\",\"hops\":1,\"peers_list\":null,\"payload\":\"\","
                   "\"content_type\":\"t\\\"x\",\"headers\":null}");
    buf_release(&json);
}

static void test_an_empty_object_and_null_are_calls_without_payload(void **state)
{
    static const char *const texts[] = {
        "{}",
        "null",
        " {} \n",
        "\tnull\r\n",
        "{\"payload\":null,\"content_type\":null,\"hops\":null,\"service_id_request\":null,"
        "\"service_id_tracing\":null,\"function_name\":null,\"peers_list\":null,\"headers\":null}",
        "{\"payload\":\"\"}",
        "{\"unknown\":[{}]}"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct original_call call;
        struct buf payload;

        assert_int_equal(read_call(texts[i], &call, &payload), ORIGINAL_OK);
        is_text(&payload, "");
        assert_string_equal(call.content_type, "");
        assert_int_equal(call.hops, 1);
        buf_release(&payload);
    }
}

static void test_malformed_json_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "{",
                                        "}",
                                        "[",
                                        "nul",
                                        "hello",
                                        "{\"a\":}",
                                        "{}x",
                                        "{} {}",
                                        "null,",
                                        "{\"a\" 1}",
                                        "\xff",
                                        "{\"payload\":\"",
                                        "{\"payload\":\"aGVs",
                                        "{'payload':1}",
                                        "{\"payload\":\"\\u12\"}",
                                        "{\"payload\":\"\\x\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct original_call call;
        struct buf payload;

        if (read_call(texts[i], &call, &payload) != ORIGINAL_MALFORMED)
            fail_msg("'%s' was read", texts[i]);
        assert_int_equal(payload.len, 0);
        buf_release(&payload);
    }
}

static void test_wrong_types_are_refused(void **state)
{
    static const char *const texts[] = {"[]",
                                        "1",
                                        "\"text\"",
                                        "true",
                                        "{\"service_id_request\":\"50\"}",
                                        "{\"service_id_request\":1.5}",
                                        "{\"service_id_request\":-1}",
                                        "{\"service_id_request\":1e999}",
                                        "{\"service_id_tracing\":7}",
                                        "{\"function_name\":[]}",
                                        "{\"hops\":\"1\"}",
                                        "{\"hops\":0.5}",
                                        "{\"hops\":true}",
                                        "{\"peers_list\":{}}",
                                        "{\"peers_list\":\"x\"}",
                                        "{\"payload\":5}",
                                        "{\"payload\":[104,105]}",
                                        "{\"payload\":{}}",
                                        "{\"content_type\":false}",
                                        "{\"headers\":\"x\"}",
                                        "{\"headers\":3}"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct original_call call;
        struct buf payload;

        if (read_call(texts[i], &call, &payload) != ORIGINAL_MALFORMED)
            fail_msg("'%s' was read", texts[i]);
        buf_release(&payload);
    }
}

static void test_a_payload_is_decoded_up_to_the_first_bad_character(void **state)
{
    static const char *const cases[][2] = {{"Zm9vYmE=", "fooba"},
                                           {"Zm9vYmE", "foo"},
                                           {"Zm9v!G8=", "foo"},
                                           {"!", ""},
                                           {"a", ""},
                                           {"aG", ""},
                                           {"aG==", "h"},
                                           {"aG=", ""},
                                           {"=aGV", ""},
                                           {"====", ""},
                                           {"Zm9vYmE=Zm9v", "fooba"},
                                           {"Zm9v YmE=", "foo"},
                                           {"Zm9v\\nYmE=\\r\\n", "fooba"},
                                           {"Zm\\n9v", "foo"},
                                           {"Zm9vYmE=\\n=", "fooba"},
                                           {"Zm9vYmE-", "foo"},
                                           {"Zm9v\\u0000YmE=", "foo"},
                                           {"AAA==", "\0"},
                                           {"Zm9vZm9v", "foofoo"},
                                           {"é", ""},
                                           {"Zm9vb===", "foo"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct original_call call;
        struct buf payload;
        char json[128];

        snprintf(json, sizeof(json), "{\"payload\":\"%s\"}", cases[i][0]);
        assert_int_equal(read_call(json, &call, &payload), ORIGINAL_OK);
        if (strcmp(cases[i][0], "AAA==") == 0) {
            assert_int_equal(payload.len, 2);
            assert_memory_equal(payload.data, "\0\0", 2);
        } else if (payload.len != strlen(cases[i][1]) ||
                   (payload.len && memcmp(payload.data, cases[i][1], payload.len) != 0)) {
            fail_msg("'%s' gave '%.*s'", cases[i][0], (int)payload.len, payload.data);
        }
        buf_release(&payload);
    }
}

static void test_names_of_keys_may_have_any_case(void **state)
{
    (void)state;
    payload_is("{\"Payload\":\"Zm9v\"}", "foo");
}

static void test_hops_are_taken_as_they_are(void **state)
{
    static const struct {
        const char *json;
        uint32_t hops;
    } cases[] = {{"{\"hops\":0}", 1},
                 {"{\"hops\":-3}", 1},
                 {"{\"hops\":2}", 2},
                 {"{\"hops\":99999999999}", 1000000}};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct original_call call;
        struct buf payload;

        assert_int_equal(read_call(cases[i].json, &call, &payload), ORIGINAL_OK);
        assert_int_equal(call.hops, cases[i].hops);
        buf_release(&payload);
    }
}

static void test_a_content_type_too_long_is_refused(void **state)
{
    char json[ORIGINAL_TYPE + 64];
    struct original_call call;
    struct buf payload;

    (void)state;
    for (int over = 0; over < 2; over++) {
        snprintf(json, sizeof(json), "{\"content_type\":\"%0*d\"}", ORIGINAL_TYPE - 1 + over, 0);
        assert_int_equal(read_call(json, &call, &payload), over ? ORIGINAL_MALFORMED : ORIGINAL_OK);
        buf_release(&payload);
    }
}

static void test_a_payload_over_the_limit_is_refused(void **state)
{
    struct buf json = bytes("{\"payload\":\"aGVsbG8=\"}"), payload;
    struct original_call call;

    (void)state;
    for (size_t limit = 0; limit < 8; limit++) {
        buf_init(&payload, limit);
        assert_int_equal(original_read_call(&json, &call, &payload),
                         limit < 5 ? ORIGINAL_TOO_LARGE : ORIGINAL_OK);
        assert_int_equal(payload.len, limit < 5 ? 0 : 5);
        buf_release(&payload);
    }
    buf_release(&json);
}

static void test_a_call_cut_at_any_byte_is_malformed(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof(call_text) - 1; n++) {
        struct buf json = bytes_n(call_text, n), payload = {.limit = LIMIT};
        struct original_call call;

        assert_int_equal(original_read_call(&json, &call, &payload), ORIGINAL_MALFORMED);
        assert_int_equal(payload.len, 0);
        buf_release(&json);
        buf_release(&payload);
    }
}

/* Every length around a group and around a piece of the encoder. */
static void test_any_payload_survives_the_way(void **state)
{
    static const size_t lengths[] = {0,     1,     2,     3,     4,     5,     255,   256,
                                     49151, 49152, 49153, 98303, 98304, 98305, 200000};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct buf payload = {.limit = LIMIT}, json = {.limit = original_limit(LIMIT)};
        struct buf back = {.limit = lengths[i]};
        struct original_call call = {.tracing_id = "", .function = "f", .hops = 3}, read;

        for (size_t k = 0; k < lengths[i]; k++) {
            char byte = (char)(k * 131 + k / 256 + i);

            assert_int_equal(buf_append(&payload, &byte, 1), 0);
        }
        assert_int_equal(original_write_call(&json, &call, &payload), 0);
        assert_true(json.len <= original_limit(lengths[i]));
        assert_int_equal(original_read_call(&json, &read, &back), ORIGINAL_OK);
        assert_int_equal(back.len, lengths[i]);
        if (back.len)
            assert_memory_equal(back.data, payload.data, back.len);
        assert_int_equal(read.hops, 3);
        buf_release(&payload);
        buf_release(&json);
        buf_release(&back);
    }
}

static void test_writing_stops_at_every_limit(void **state)
{
    struct original_call call = {.tracing_id = "t", .function = "f", .hops = 1};
    struct original_reply reply = {.n_peers = 2};
    struct buf body = bytes("hello");

    (void)state;
    for (int what = 0; what < 2; what++) {
        int done = 0;

        for (size_t limit = 0; limit < 400; limit++) {
            struct buf json = {.limit = limit};
            int rc = what ? original_write_reply(&json, &reply, &body, 200)
                          : original_write_call(&json, &call, &body);

            assert_true(json.len <= limit);
            assert_true(rc == 0 || !done);
            done |= rc == 0;
            buf_release(&json);
        }
        assert_true(done);
    }
    buf_release(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_is_read),
        cmocka_unit_test(test_a_call_is_written_byte_for_byte),
        cmocka_unit_test(test_an_empty_call_is_written_with_all_its_keys),
        cmocka_unit_test(test_texts_are_quoted_and_made_utf8),
        cmocka_unit_test(test_an_empty_object_and_null_are_calls_without_payload),
        cmocka_unit_test(test_malformed_json_is_refused),
        cmocka_unit_test(test_wrong_types_are_refused),
        cmocka_unit_test(test_a_payload_is_decoded_up_to_the_first_bad_character),
        cmocka_unit_test(test_names_of_keys_may_have_any_case),
        cmocka_unit_test(test_hops_are_taken_as_they_are),
        cmocka_unit_test(test_a_content_type_too_long_is_refused),
        cmocka_unit_test(test_a_payload_over_the_limit_is_refused),
        cmocka_unit_test(test_a_call_cut_at_any_byte_is_malformed),
        cmocka_unit_test(test_any_payload_survives_the_way),
        cmocka_unit_test(test_writing_stops_at_every_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
