#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/socket.h>

#include "host/http.h"

enum { LIMIT = 256 };

static int setup(void **state)
{
    struct headers *h = malloc(sizeof(*h));

    if (!h)
        return -1;
    headers_init(h, LIMIT);
    *state = h;
    return 0;
}

static int teardown(void **state)
{
    headers_release(*state);
    free(*state);
    return 0;
}

static unsigned walked(const struct headers *h)
{
    const char *name, *value;
    unsigned n = 0;
    size_t at = 0;

    while (headers_next(h, &at, &name, &value))
        n++;
    return n;
}

/* Must be refused and leave no trace. */
static void refuses(struct headers *h, const char *name, size_t name_len, const char *value,
                    size_t value_len)
{
    unsigned count = h->count;
    size_t len = h->text.len;

    if (headers_addn(h, name, name_len, value, value_len) == 0)
        fail_msg("'%.*s: %.*s' was taken", (int)name_len, name, (int)value_len, value);
    assert_int_equal(h->count, count);
    assert_int_equal(h->text.len, len);
    assert_int_equal(walked(h), count);
}

static void test_no_headers_have_no_value(void **state)
{
    struct headers *h = *state;

    assert_null(headers_get(h, "Host"));
    assert_null(headers_get(h, ""));
    assert_int_equal(walked(h), 0);
}

static void test_headers_are_walked_in_order(void **state)
{
    static const char *const expected[] = {"Accept", "*/*", "x-empty", "", "Accept", "text/plain"};
    struct headers *h = *state;
    const char *name, *value;
    size_t at = 0;

    for (unsigned i = 0; i < 6; i += 2)
        assert_int_equal(headers_add(h, expected[i], expected[i + 1]), 0);
    assert_int_equal(h->count, 3);
    for (unsigned i = 0; i < 6; i += 2) {
        assert_true(headers_next(h, &at, &name, &value));
        assert_string_equal(name, expected[i]);
        assert_string_equal(value, expected[i + 1]);
    }
    assert_false(headers_next(h, &at, &name, &value));
    assert_false(headers_next(h, &at, &name, &value));
}

static void test_get_ignores_case_and_returns_the_first(void **state)
{
    struct headers *h = *state;

    headers_add(h, "X-One", "1");
    headers_add(h, "x-one", "2");
    assert_string_equal(headers_get(h, "X-ONE"), "1");
    assert_null(headers_get(h, "X-On"));
    assert_null(headers_get(h, "X-One1"));
}

/* A walk that lost step would take the value for a name. */
static void test_get_does_not_find_values(void **state)
{
    struct headers *h = *state;

    headers_add(h, "A", "B");
    headers_add(h, "C", "");
    headers_add(h, "D", "E");
    assert_null(headers_get(h, "B"));
    assert_null(headers_get(h, ""));
    assert_string_equal(headers_get(h, "C"), "");
    assert_string_equal(headers_get(h, "D"), "E");
}

static void test_lengths_count_not_zeros(void **state)
{
    struct headers *h = *state;

    assert_int_equal(headers_addn(h, "NameAndMore", 4, "valueAndMore", 5), 0);
    assert_string_equal(headers_get(h, "Name"), "value");
    assert_int_equal(headers_addn(h, "Empty", 5, NULL, 0), 0);
    assert_string_equal(headers_get(h, "Empty"), "");
}

static void test_line_breaks_cannot_be_injected(void **state)
{
    struct headers *h = *state;

    headers_add(h, "Before", "1");
    refuses(h, "X", 1, "a\r\nSet-Cookie: b", 16);
    refuses(h, "X", 1, "a\nb", 3);
    refuses(h, "X", 1, "a\rb", 3);
    refuses(h, "X", 1, "\r\n\r\nbody", 8);
    refuses(h, "X", 1, "a\r\n", 3);
    refuses(h, "X\r\nY", 4, "a", 1);
    refuses(h, "X\n", 2, "a", 1);
    refuses(h, "\rX", 2, "a", 1);
    assert_string_equal(headers_get(h, "Before"), "1");
}

static void test_zero_bytes_cannot_shift_the_walk(void **state)
{
    struct headers *h = *state;

    refuses(h, "X\0Y", 3, "a", 1);
    refuses(h, "X", 1, "a\0Y\0b", 5);
    refuses(h, "X", 1, "\0", 1);
    refuses(h, "\0", 1, "a", 1);
}

static void test_control_characters_are_refused(void **state)
{
    struct headers *h = *state;

    for (int c = 0; c < 0x20; c++) {
        char value[3] = {'a', (char)c, 'b'};

        if (c != '\t')
            refuses(h, "X", 1, value, 3);
    }
    refuses(h, "X", 1, "\x7f", 1);
    refuses(h, "X\x7f", 2, "a", 1);
    refuses(h, "X\x1b", 2, "a", 1);
}

static void test_tabs_blanks_and_bytes_above_ascii_are_values(void **state)
{
    struct headers *h = *state;

    assert_int_equal(headers_add(h, "X", "a\tb c"), 0);
    assert_int_equal(headers_add(h, "Y", "gr\xc3\xbc\xc3\x9f"), 0);
    assert_int_equal(headers_add(h, "Z", "\xff"), 0);
    assert_string_equal(headers_get(h, "X"), "a\tb c");
    assert_string_equal(headers_get(h, "Y"), "gr\xc3\xbc\xc3\x9f");
    assert_string_equal(headers_get(h, "Z"), "\xff");
}

static void test_a_name_is_needed(void **state)
{
    refuses(*state, "", 0, "a", 1);
}

/* Name and value take two bytes more than they have. */
static void test_the_limit_is_met_exactly_and_not_passed(void **state)
{
    struct headers *h = *state;
    char value[LIMIT];

    memset(value, 'v', sizeof(value));
    refuses(h, "Name", 4, value, LIMIT - 5);
    assert_int_equal(headers_addn(h, "Name", 4, value, LIMIT - 6), 0);
    assert_int_equal(h->text.len, LIMIT);
    assert_int_equal(strlen(headers_get(h, "name")), LIMIT - 6);
    refuses(h, "A", 1, "", 0);
}

static void test_the_limit_is_for_all_headers_together(void **state)
{
    struct headers *h = *state;

    for (int i = 0; i < LIMIT / 4; i++)
        assert_int_equal(headers_add(h, "A", "b"), 0);
    refuses(h, "A", 1, "b", 1);
    assert_int_equal(h->count, LIMIT / 4);
}

static void test_clear_and_release_leave_none(void **state)
{
    struct headers *h = *state;

    headers_add(h, "A", "b");
    headers_clear(h);
    assert_int_equal(h->count, 0);
    assert_null(headers_get(h, "A"));
    headers_add(h, "C", "d");
    assert_int_equal(walked(h), 1);
    headers_release(h);
    assert_null(headers_get(h, "C"));
}

static void test_fields_are_taken_out_by_name(void **state)
{
    struct headers *h = *state;

    headers_add(h, "X-One", "1");
    headers_add(h, "X-Two", "2");
    headers_add(h, "x-one", "3");
    headers_add(h, "X-One-More", "4");
    headers_remove(h, "X-ONE", 5);
    assert_int_equal(h->count, 2);
    assert_int_equal(walked(h), 2);
    assert_null(headers_get(h, "X-One"));
    assert_string_equal(headers_get(h, "X-Two"), "2");
    assert_string_equal(headers_get(h, "X-One-More"), "4");
    headers_remove(h, "", 0);
    headers_remove(h, "X-Nobody", 8);
    assert_int_equal(walked(h), 2);
}

static void test_fields_named_by_connection_are_taken_out(void **state)
{
    struct headers *h = *state;

    headers_add(h, "X-One", "1");
    headers_add(h, "X-Two", "2");
    headers_add(h, "X-Three", "3");
    headers_remove_nominated(h, " keep-alive ,,X-Two,\tx-three, X-On");
    assert_int_equal(walked(h), 1);
    assert_string_equal(headers_get(h, "X-One"), "1");
    headers_remove_nominated(h, "");
    headers_remove_nominated(h, "x-one");
    assert_int_equal(h->count, 0);
    assert_int_equal(h->text.len, 0);
}

static void test_headers_of_one_hop_are_known_in_any_case(void **state)
{
    static const char *const hops[] = {"Connection",
                                       "connection",
                                       "KEEP-ALIVE",
                                       "Transfer-Encoding",
                                       "Trailer",
                                       "transfer-encoding",
                                       "Content-Length",
                                       "TE",
                                       "te",
                                       "Upgrade",
                                       "Expect",
                                       "Proxy-Authenticate",
                                       "content-length",
                                       "Proxy-Authorization",
                                       "proxy-connection"};

    (void)state;
    for (size_t i = 0; i < sizeof(hops) / sizeof(hops[0]); i++)
        if (!header_is_hop_by_hop(hops[i], strlen(hops[i])))
            fail_msg("%s would be passed on", hops[i]);
}

static void test_other_headers_are_end_to_end(void **state)
{
    static const char *const ends[] = {
        "Content-Type", "Host",   "T",        "TEE", "Connections",
        "Connectio",    "Cookie", "Trailers", "",    "Content-Encoding"};

    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (header_is_hop_by_hop(ends[i], strlen(ends[i])))
            fail_msg("%s would be dropped", ends[i]);
}

/* A parser hands out names without a zero at their end. */
static void test_hop_by_hop_reads_no_further_than_the_length(void **state)
{
    (void)state;
    assert_true(header_is_hop_by_hop("TE: trailers", 2));
    assert_true(header_is_hop_by_hop("Upgrade-Insecure-Requests", 7));
    assert_false(header_is_hop_by_hop("Upgrade-Insecure-Requests", 8));
    assert_false(header_is_hop_by_hop("Connection", 9));
}

static const struct http_limits limits = {.headers = 64, .body = 128 << 10};

static void test_a_request_begins_empty_and_bounded(void **state)
{
    struct http_request r;

    (void)state;
    http_request_init(&r, &limits);
    assert_string_equal(r.method, "GET");
    assert_null(r.client);
    assert_int_equal(r.body.limit, limits.body);
    assert_int_equal(r.headers.text.limit, limits.headers);
    assert_true(r.target.limit > 0);
    assert_int_equal(buf_reserve(&r.body, limits.body + 1), -1);
    http_request_release(&r);
}

static void test_a_cleared_request_keeps_nothing_of_the_last_one(void **state)
{
    struct sockaddr someone = {.sa_family = AF_INET};
    struct http_request r;

    (void)state;
    http_request_init(&r, &limits);
    r.method = "POST";
    r.client = &someone;
    buf_puts(&r.target, "/secret");
    headers_add(&r.headers, "Cookie", "secret");
    buf_puts(&r.body, "secret");
    http_request_clear(&r);
    assert_string_equal(r.method, "GET");
    assert_null(r.client);
    assert_string_equal(buf_text(&r.target), "");
    assert_null(headers_get(&r.headers, "Cookie"));
    assert_int_equal(r.body.len, 0);
    http_request_release(&r);
}

static void test_clear_keeps_small_bodies_and_frees_large_ones(void **state)
{
    struct http_response r;

    (void)state;
    http_response_init(&r, &limits);
    r.status = 200;
    headers_add(&r.headers, "A", "b");
    assert_int_equal(buf_reserve(&r.body, 1000), 0);
    http_response_clear(&r);
    assert_true(r.body.cap >= 1000);
    assert_int_equal(r.status, 0);
    assert_int_equal(r.headers.count, 0);
    assert_int_equal(buf_reserve(&r.body, limits.body), 0);
    http_response_clear(&r);
    assert_int_equal(r.body.cap, 0);
    http_response_release(&r);
}

static void test_methods_are_the_five_in_capitals(void **state)
{
    static const char *const taken[] = {"GET", "POST", "PUT", "DELETE", "PATCH"};
    static const char *const refused[] = {"HEAD", "OPTIONS", "CONNECT", "TRACE", "get",
                                          "GETS", "GE",      "",        "POST ", " GET"};

    (void)state;
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        assert_string_equal(http_method(taken[i]), taken[i]);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_null(http_method(refused[i]));
}

static void test_a_method_outlives_the_text_it_was_read_from(void **state)
{
    char text[] = "POST";
    const char *method = http_method(text);

    (void)state;
    text[0] = 'X';
    assert_string_equal(method, "POST");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
        T(test_no_headers_have_no_value),
        T(test_headers_are_walked_in_order),
        T(test_get_ignores_case_and_returns_the_first),
        T(test_get_does_not_find_values),
        T(test_lengths_count_not_zeros),
        T(test_line_breaks_cannot_be_injected),
        T(test_zero_bytes_cannot_shift_the_walk),
        T(test_control_characters_are_refused),
        T(test_tabs_blanks_and_bytes_above_ascii_are_values),
        T(test_a_name_is_needed),
        T(test_the_limit_is_met_exactly_and_not_passed),
        T(test_the_limit_is_for_all_headers_together),
        T(test_clear_and_release_leave_none),

        cmocka_unit_test_setup_teardown(test_fields_are_taken_out_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fields_named_by_connection_are_taken_out, setup,
                                        teardown),
        cmocka_unit_test(test_headers_of_one_hop_are_known_in_any_case),
        cmocka_unit_test(test_other_headers_are_end_to_end),
        cmocka_unit_test(test_hop_by_hop_reads_no_further_than_the_length),
        cmocka_unit_test(test_a_request_begins_empty_and_bounded),
        cmocka_unit_test(test_a_cleared_request_keeps_nothing_of_the_last_one),
        cmocka_unit_test(test_clear_keeps_small_bodies_and_frees_large_ones),
        cmocka_unit_test(test_methods_are_the_five_in_capitals),
        cmocka_unit_test(test_a_method_outlives_the_text_it_was_read_from),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
