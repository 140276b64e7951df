#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/buf.h"

enum { LIMIT = 1000 };

static int setup(void **state)
{
    struct buf *b = malloc(sizeof(*b));

    if (!b)
        return -1;
    buf_init(b, LIMIT);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    buf_release(*state);
    free(*state);
    return 0;
}

static void is_sound(const struct buf *b)
{
    assert_true(b->len <= b->cap);
    assert_true(b->cap <= b->limit);
    assert_true(b->data || b->cap == 0);
}

/* The alphabet, again and again, a byte at a time. */
static void fill(struct buf *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = (char)('a' + i % 26);

        assert_int_equal(buf_append(b, &c, 1), 0);
        is_sound(b);
    }
}

static void test_a_new_buffer_is_empty_and_owns_nothing(void **state)
{
    struct buf *b = *state;

    assert_null(b->data);
    assert_int_equal(b->len, 0);
    assert_int_equal(b->cap, 0);
    assert_int_equal(b->limit, LIMIT);
}

static void test_append_keeps_bytes_and_their_order(void **state)
{
    struct buf *b = *state;

    assert_int_equal(buf_append(b, "a\0b", 3), 0);
    assert_int_equal(buf_puts(b, "cd"), 0);
    assert_int_equal(b->len, 5);
    assert_memory_equal(b->data, "a\0bcd", 5);
    is_sound(b);
}

static void test_append_of_nothing_takes_no_pointer_and_no_memory(void **state)
{
    struct buf *b = *state;

    assert_int_equal(buf_append(b, NULL, 0), 0);
    assert_int_equal(buf_puts(b, ""), 0);
    assert_null(b->data);
    fill(b, LIMIT);
    assert_int_equal(buf_append(b, NULL, 0), 0);
}

static void test_growing_keeps_what_was_there(void **state)
{
    struct buf *b = *state;

    fill(b, LIMIT);
    for (size_t i = 0; i < LIMIT; i++)
        assert_int_equal(b->data[i], 'a' + i % 26);
}

static void test_append_fits_the_limit_exactly(void **state)
{
    static const char bytes[LIMIT];
    struct buf *b = *state;

    assert_int_equal(buf_append(b, bytes, LIMIT), 0);
    assert_int_equal(b->len, LIMIT);
    assert_int_equal(b->cap, LIMIT);
}

static void test_append_past_the_limit_changes_nothing(void **state)
{
    static const char bytes[LIMIT + 1];
    struct buf *b = *state, before;

    assert_int_equal(buf_append(b, bytes, LIMIT + 1), -1);
    assert_null(b->data);
    fill(b, LIMIT - 1);
    before = *b;
    assert_int_equal(buf_append(b, bytes, 2), -1);
    assert_int_equal(buf_puts(b, "xy"), -1);
    assert_memory_equal(b, &before, sizeof(before));
    assert_int_equal(b->data[LIMIT - 2], 'a' + (LIMIT - 2) % 26);
    assert_int_equal(buf_append(b, "z", 1), 0);
    assert_int_equal(buf_append(b, "z", 1), -1);
}

static void test_reserve_does_not_wrap(void **state)
{
    struct buf *b = *state;

    fill(b, 10);
    assert_int_equal(buf_reserve(b, SIZE_MAX), -1);
    assert_int_equal(buf_reserve(b, SIZE_MAX - 5), -1);
    assert_int_equal(buf_reserve(b, LIMIT - 10), 0);
    assert_int_equal(buf_reserve(b, LIMIT - 9), -1);
    assert_int_equal(b->len, 10);
}

static void test_a_limit_of_nothing_takes_nothing(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 0);
    assert_int_equal(buf_append(&b, "a", 1), -1);
    assert_int_equal(buf_reserve(&b, 0), 0);
    assert_int_equal(buf_append(&b, "", 0), 0);
    assert_null(buf_text(&b));
    buf_release(&b);
}

static void test_printf_appends_without_a_zero(void **state)
{
    struct buf *b = *state;

    assert_int_equal(buf_puts(b, "n="), 0);
    assert_int_equal(buf_printf(b, "%d %s", 42, "ok"), 0);
    assert_int_equal(b->len, 7);
    assert_memory_equal(b->data, "n=42 ok", 7);
}

/* It writes a zero behind its text, so one byte of the limit stays unused. */
static void test_printf_past_the_limit_changes_nothing(void **state)
{
    struct buf *b = *state, before;

    fill(b, 10);
    before = *b;
    assert_int_equal(buf_printf(b, "%*s", LIMIT - 9, ""), -1);
    assert_int_equal(buf_printf(b, "%*s", LIMIT, ""), -1);
    assert_int_equal(b->len, before.len);
    assert_memory_equal(b->data, "abcdefghij", 10);
    assert_int_equal(buf_printf(b, "%*s", LIMIT - 11, ""), 0);
    assert_int_equal(b->len, LIMIT - 1);
}

static void test_printf_grows_for_a_long_text(void **state)
{
    struct buf *b = *state;

    assert_int_equal(buf_printf(b, "%0900d", 7), 0);
    assert_int_equal(b->len, 900);
    assert_int_equal(b->data[899], '7');
    is_sound(b);
}

static void test_text_ends_in_a_zero_that_is_not_counted(void **state)
{
    struct buf *b = *state;

    assert_string_equal(buf_text(b), "");
    assert_int_equal(buf_puts(b, "abc"), 0);
    assert_string_equal(buf_text(b), "abc");
    assert_int_equal(b->len, 3);
    assert_int_equal(buf_puts(b, "d"), 0);
    assert_string_equal(buf_text(b), "abcd");
}

static void test_text_of_a_full_buffer_is_refused(void **state)
{
    struct buf *b = *state;

    fill(b, LIMIT - 1);
    assert_int_equal(strlen(buf_text(b)), LIMIT - 1);
    fill(b, 1);
    assert_null(buf_text(b));
    assert_int_equal(b->len, LIMIT);
}

static void test_clear_keeps_the_memory(void **state)
{
    struct buf *b = *state;
    const char *data;

    fill(b, 300);
    data = b->data;
    buf_clear(b);
    assert_int_equal(b->len, 0);
    fill(b, 300);
    assert_ptr_equal(b->data, data);
}

static void test_release_keeps_the_limit_and_may_be_repeated(void **state)
{
    struct buf *b = *state;

    fill(b, 300);
    buf_release(b);
    buf_release(b);
    assert_null(b->data);
    assert_int_equal(b->len, 0);
    assert_int_equal(b->cap, 0);
    assert_int_equal(b->limit, LIMIT);
    fill(b, LIMIT);
}

static void test_trim_gives_back_only_what_is_above(void **state)
{
    struct buf *b = *state;
    size_t cap;

    fill(b, 300);
    cap = b->cap;
    buf_trim(b, cap);
    assert_int_equal(b->cap, cap);
    assert_int_equal(b->len, 300);
    buf_trim(b, cap - 1);
    assert_int_equal(b->cap, 0);
    assert_null(b->data);
    buf_trim(b, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
        T(test_a_new_buffer_is_empty_and_owns_nothing),
        T(test_append_keeps_bytes_and_their_order),
        T(test_append_of_nothing_takes_no_pointer_and_no_memory),
        T(test_growing_keeps_what_was_there),
        T(test_append_fits_the_limit_exactly),
        T(test_append_past_the_limit_changes_nothing),
        T(test_reserve_does_not_wrap),
        T(test_a_limit_of_nothing_takes_nothing),
        T(test_printf_appends_without_a_zero),
        T(test_printf_past_the_limit_changes_nothing),
        T(test_printf_grows_for_a_long_text),
        T(test_text_ends_in_a_zero_that_is_not_counted),
        T(test_text_of_a_full_buffer_is_refused),
        T(test_clear_keeps_the_memory),
        T(test_release_keeps_the_limit_and_may_be_repeated),
        T(test_trim_gives_back_only_what_is_above),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
