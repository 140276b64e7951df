#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/csv.h"

static char path[32], err[P2P_ERRLEN];
static int fd = -1;

static void given_bytes(const void *bytes, size_t n)
{
    if (fd >= 0)
        close(fd);
    fd = memfd_create("table.csv", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
}

static void given(struct csv *c, const char *text, unsigned flags)
{
    given_bytes(text, strlen(text));
    assert_int_equal(csv_open(c, path, flags, err), 0);
}

static void says(const char *what)
{
    char wanted[P2P_ERRLEN];

    snprintf(wanted, sizeof(wanted), "%s%s", path, what);
    assert_string_equal(err, wanted);
}

static void rows_and_fields(void **state)
{
    struct csv c;

    (void)state;
    given(&c,
          "\xef\xbb\xbf"
          "a, b\t,c\r\n\n1,,  3\r\n \t\r\nlast",
          0);
    assert_int_equal(csv_row(&c, err), 1);
    assert_int_equal(c.n_fields, 3);
    assert_string_equal(c.field[0], "a");
    assert_string_equal(c.field[1], "b");
    assert_string_equal(c.field[2], "c");
    assert_int_equal(csv_row(&c, err), 1);
    assert_int_equal(c.line, 3);
    assert_string_equal(c.field[1], "");
    assert_string_equal(c.field[2], "3");
    assert_int_equal(csv_row(&c, err), 1);
    assert_int_equal(c.line, 5);
    assert_int_equal(c.n_fields, 1);
    assert_string_equal(c.field[0], "last");
    assert_int_equal(csv_row(&c, err), 0);
    assert_int_equal(csv_row(&c, err), 0);
    csv_close(&c);
}

static void comments_only_where_asked_for(void **state)
{
    struct csv c;

    (void)state;
    given(&c, "# x\n  # y\n1\n", CSV_COMMENTS);
    assert_int_equal(csv_row(&c, err), 1);
    assert_string_equal(c.field[0], "1");
    csv_close(&c);
    given(&c, "# x\n", 0);
    assert_int_equal(csv_row(&c, err), 1);
    assert_string_equal(c.field[0], "# x");
    csv_close(&c);
}

static void a_header_names_the_columns(void **state)
{
    struct csv c;

    (void)state;
    given(&c, "app,func,duration\nx,y,2\nx,y\n", 0);
    assert_int_equal(csv_read_header(&c, err), 0);
    assert_int_equal(csv_find(&c, "duration", err), 2);
    assert_int_equal(csv_find(&c, "end", err), -1);
    says(":1: no column end in the header; it has: app, func, duration");
    assert_int_equal(csv_row(&c, err), 1);
    assert_int_equal(csv_row(&c, err), -1);
    says(":3: 2 fields; the header has 3");
    csv_close(&c);
    given(&c, "\r\n\n", 0);
    assert_int_equal(csv_read_header(&c, err), -1);
    says(":2: empty; its first line has the names of the columns");
    csv_close(&c);
}

static void numbers(void **state)
{
    static const char *const wrong[] = {"",    "nan", "inf", "-inf", "0x10", "1e",
                                        "1,5", "1 2", "--1", "1s",   "e5",   "."};
    char text[32];
    struct csv c;
    double x;

    (void)state;
    given(&c, "-2.5,1e3\n1e400,0\n", 0);
    csv_name(&c, (const char *const[]){"low"}, 1);
    assert_int_equal(csv_row(&c, err), 1);
    assert_int_equal(csv_number(&c, 0, -10, 10, &x, err), 0);
    assert_true(x == -2.5);
    assert_int_equal(csv_number(&c, 1, 0, 1e6, &x, err), 0);
    assert_true(x == 1000);
    assert_int_equal(csv_number(&c, 0, 0, 10, &x, err), -1);
    says(":1: column low: '-2.5' is not in range; allowed: a number from 0 to 10");
    assert_int_equal(csv_number(&c, 1, 0, 10, &x, err), -1);
    says(":1: column 2: '1e3' is not in range; allowed: a number from 0 to 10");
    assert_int_equal(csv_row(&c, err), 1);
    assert_int_equal(csv_number(&c, 0, 0, 1e308, &x, err), -1);
    csv_close(&c);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        snprintf(text, sizeof(text), "x,%s\n", wrong[i]);
        given(&c, text, 0);
        assert_int_equal(csv_row(&c, err), 1);
        if (c.n_fields == 2)
            assert_int_equal(csv_number(&c, 1, -1e9, 1e9, &x, err), -1);
        csv_close(&c);
    }
}

static void whole_numbers(void **state)
{
    struct csv c;
    uint32_t n;

    (void)state;
    given(&c, "4294967295,4294967296,-1,1.0,99999999999999999999999999,007\n", 0);
    assert_int_equal(csv_row(&c, err), 1);
    assert_int_equal(csv_whole(&c, 0, UINT32_MAX, &n, err), 0);
    assert_true(n == UINT32_MAX);
    assert_int_equal(csv_whole(&c, 1, UINT32_MAX, &n, err), -1);
    says(":1: column 2: '4294967296' is not in range; allowed: a whole number from 0 to "
         "4294967295");
    assert_int_equal(csv_whole(&c, 2, 9, &n, err), -1);
    says(":1: column 3: '-1' is not a whole number; allowed: a whole number from 0 to 9");
    assert_int_equal(csv_whole(&c, 3, 9, &n, err), -1);
    assert_int_equal(csv_whole(&c, 4, UINT32_MAX, &n, err), -1);
    assert_int_equal(csv_whole(&c, 5, 9, &n, err), 0);
    assert_int_equal(n, 7);
    csv_close(&c);
}

static void durations(void **state)
{
    struct csv c;
    int64_t ns;

    (void)state;
    given(&c, "12.5ms,0.0125,1m30s,0,2h,-1,-1s,nan,3601\n", 0);
    csv_name(&c, (const char *const[]){"value"}, 1);
    assert_int_equal(csv_row(&c, err), 1);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(csv_duration(&c, i, INT64_MAX, &ns, err), 0);
        assert_true(ns == 12500000);
    }
    assert_int_equal(csv_duration(&c, 2, INT64_MAX, &ns, err), 0);
    assert_true(ns == 90000000000);
    assert_int_equal(csv_duration(&c, 3, INT64_MAX, &ns, err), 0);
    assert_true(ns == 0);
    for (unsigned i = 4; i < 9; i++)
        assert_int_equal(csv_duration(&c, i, 3600000000000, &ns, err), -1);
    says(":1: column 9: '3601' is not in range; allowed: from 0s to 1h, as in 12.5ms, or seconds");
    assert_int_equal(csv_duration(&c, 7, 3600000000000, &ns, err), -1);
    says(":1: column 8: 'nan' is not a time; allowed: from 0s to 1h, as in 12.5ms, or seconds");
    csv_close(&c);
    given(&c, "9223372036.854775808,9223372036.8,1e300\n", 0);
    assert_int_equal(csv_row(&c, err), 1);
    assert_int_equal(csv_duration(&c, 0, INT64_MAX, &ns, err), -1);
    assert_int_equal(csv_duration(&c, 1, INT64_MAX, &ns, err), 0);
    assert_int_equal(csv_duration(&c, 2, INT64_MAX, &ns, err), -1);
    csv_close(&c);
}

static void what_is_no_table(void **state)
{
    struct csv c;

    (void)state;
    assert_int_equal(csv_open(&c, "/nowhere/at.csv", 0, err), -1);
    assert_string_equal(err, "/nowhere/at.csv: No such file or directory");
    assert_int_equal(csv_open(&c, "/", 0, err), 0);
    assert_int_equal(csv_row(&c, err), -1);
    assert_string_equal(err, "/: Is a directory");
    csv_close(&c);
    given_bytes("a\nb\0c\n", 6);
    assert_int_equal(csv_open(&c, path, 0, err), 0);
    assert_int_equal(csv_row(&c, err), 1);
    assert_int_equal(csv_row(&c, err), -1);
    says(":2: there is a zero byte; is it text?");
    csv_close(&c);
    given(&c, "\"a\",b\n", 0);
    assert_int_equal(csv_row(&c, err), -1);
    says(":1: there is a quote; fields are written without");
    csv_close(&c);
    given(&c, "\x1b[2J,1\n", 0);
    assert_int_equal(csv_row(&c, err), 1);
    assert_int_equal(csv_refuse(&c, 0, "right", "text", err), -1);
    says(":1: column 1: '?[2J' is not right; allowed: text");
    csv_close(&c);
}

static void lines_have_a_limit(void **state)
{
    size_t n = CSV_MAX_LINE + 4;
    char *text = malloc(n);
    struct csv c;

    (void)state;
    assert_non_null(text);
    memset(text, '1', n);
    text[1] = '\n';
    given_bytes(text, n);
    assert_int_equal(csv_open(&c, path, 0, err), 0);
    assert_int_equal(csv_row(&c, err), 1);
    assert_int_equal(csv_row(&c, err), -1);
    says(":2: longer than 1048576 bytes");
    csv_close(&c);
    given_bytes(text, CSV_MAX_LINE + 1); /* the last line is just short enough */
    assert_int_equal(csv_open(&c, path, 0, err), 0);
    assert_int_equal(csv_row(&c, err), 1);
    assert_int_equal(csv_row(&c, err), 1);
    assert_int_equal(strlen(c.field[0]), CSV_MAX_LINE - 1);
    assert_int_equal(csv_row(&c, err), 0);
    csv_close(&c);
    memset(text, ',', n);
    given_bytes(text, CSV_MAX_FIELDS);
    assert_int_equal(csv_open(&c, path, 0, err), 0);
    assert_int_equal(csv_row(&c, err), -1);
    says(":1: more than 32768 fields");
    csv_close(&c);
    free(text);
}

/* Rows lie across the ends of what one read() brings. */
static void many_rows(void **state)
{
    enum { ROWS = 200000 };
    FILE *f;
    struct csv c;
    uint32_t n;

    (void)state;
    given_bytes("", 0);
    f = fopen(path, "w");
    assert_non_null(f);
    for (unsigned i = 0; i < ROWS; i++)
        fprintf(f, "%u,x%s", i, i % 2 ? "\n" : "\r\n");
    assert_int_equal(fclose(f), 0);
    assert_int_equal(csv_open(&c, path, 0, err), 0);
    for (unsigned i = 0; i < ROWS; i++) {
        assert_int_equal(csv_row(&c, err), 1);
        assert_int_equal(c.n_fields, 2);
        assert_int_equal(csv_whole(&c, 0, ROWS, &n, err), 0);
        assert_int_equal(n, i);
        assert_string_equal(c.field[1], "x");
    }
    assert_int_equal(csv_row(&c, err), 0);
    assert_int_equal(c.line, ROWS);
    csv_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_fields),
        cmocka_unit_test(comments_only_where_asked_for),
        cmocka_unit_test(a_header_names_the_columns),
        cmocka_unit_test(numbers),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(durations),
        cmocka_unit_test(what_is_no_table),
        cmocka_unit_test(lines_have_a_limit),
        cmocka_unit_test(many_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
