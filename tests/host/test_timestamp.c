#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/timestamp.h"
#include "host/utf8.h"

static int64_t time_of(const char *text)
{
    int64_t ns = -1;

    if (timestamp_parse(text, &ns) != strlen(text))
        fail_msg("'%s' is not taken", text);
    return ns;
}

static void what_is_written_is_read(void **state)
{
    static const int64_t times[] = {0, 1, 999999999, 1764205323000000004, 951782400000000000};
    char text[TIMESTAMP];

    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        timestamp_format(times[i], 9, text);
        assert_true(time_of(text) == times[i]);
    }
    timestamp_format(1764205323000000004, 9, text);
    assert_string_equal(text, "2025-11-27T01:02:03.000000004Z");
}

static void it_has_so_many_digits(void **state)
{
    static const char *const expected[] = {[0] = "2025-11-27T01:02:03Z",
                                           [1] = "2025-11-27T01:02:03.9Z",
                                           [3] = "2025-11-27T01:02:03.987Z",
                                           [9] = "2025-11-27T01:02:03.987654321Z"};
    char text[TIMESTAMP];

    (void)state;
    for (unsigned digits = 0; digits < 10; digits++) {
        timestamp_format(1764205323987654321, digits, text);
        if (expected[digits])
            assert_string_equal(text, expected[digits]);
    }
}

static void offsets_and_fractions(void **state)
{
    (void)state;
    assert_true(time_of("1970-01-01T00:00:01Z") == 1000000000);
    assert_true(time_of("1970-01-01t02:00:01.5+02:00") == 1500000000);
    assert_true(time_of("1970-01-01T00:00:00-00:30") == 1800000000000);
}

static void others_are_none(void **state)
{
    static const char *const bad[] = {"",
                                      "now",
                                      "2026-11-27",
                                      "2026-11-27 01:02:03Z",
                                      "2026-11-27T01:02:03",
                                      "2026-11-27T01:02:03+2:00",
                                      "2026-11-27T01:02:03+24:00",
                                      "2026-13-27T01:02:03Z",
                                      "2026-02-30T01:02:03Z",
                                      "2026-11-00T01:02:03Z",
                                      "2026-11-27T24:02:03Z",
                                      "2026-11-27T01:60:03Z",
                                      "2026-11-27T01:02:61Z",
                                      "2300-11-27T01:02:03Z",
                                      "0000-00-00T00:00:00Z",
                                      "1969-12-31T23:59:59Z",
                                      "-026-11-27T01:02:03Z",
                                      "2026-11-27T01:02:03.Z"};
    int64_t ns;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (timestamp_parse(bad[i], &ns))
            fail_msg("'%s' is taken", bad[i]);
    assert_int_equal(timestamp_parse("2026-12-31T23:59:60Z and more", &ns), 20);
}

static void only_characters_are_text(void **state)
{
    static const char *const cases[][2] = {
        {"plain", "plain"},           {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", NULL},
        {"\xff\xfe", "??"},           {"\xc0\xaf", "??"},
        {"\xe0\x80\x80", "???"},      {"\xed\xa0\x80", "???"},
        {"\xf0\x80\x80\x80", "????"}, {"\xf4\x90\x80\x80", "????"},
        {"a\xe2\x82", "a??"}};
    char out[64];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        utf8_clean(out, sizeof(out), cases[i][0]);
        assert_string_equal(out, cases[i][1] ? cases[i][1] : cases[i][0]);
    }
    utf8_clean(out, 4, "ab\xe2\x82\xac");
    assert_string_equal(out, "ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read), cmocka_unit_test(it_has_so_many_digits),
        cmocka_unit_test(offsets_and_fractions), cmocka_unit_test(others_are_none),
        cmocka_unit_test(only_characters_are_text)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
