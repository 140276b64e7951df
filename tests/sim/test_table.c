#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/table.h"

static char path[] = "/tmp/p2pfaas-table-XXXXXX";

static int setup(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    if (fd >= 0)
        close(fd);
    return fd < 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const char *text)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void what_is_written_is_read(void **state)
{
    static const char *const texts[] = {"plain", "", "a,b", "say \"so\"", "two\nlines", "\"", "µ"};
    enum { N = sizeof(texts) / sizeof(texts[0]) };
    FILE *f = fopen(path, "we");
    struct table t;
    char err[P2P_ERRLEN];

    (void)state;
    assert_non_null(f);
    fputs("text,number\n", f);
    for (unsigned i = 0; i < N; i++) {
        table_text(f, texts[i]);
        putc(',', f);
        table_number(f, i ? 1.0 / i : NAN);
        putc('\n', f);
    }
    assert_int_equal(fclose(f), 0);
    assert_int_equal(table_read(&t, path, err), 0);
    assert_int_equal(t.n_rows, N + 1);
    assert_int_equal(table_column(&t, 0, "number"), 1);
    assert_int_equal(table_column(&t, 0, "none"), 2);
    assert_int_equal(table_column(&t, 1, "text"), 2);
    for (unsigned i = 0; i < N; i++)
        assert_string_equal(table_cell(&t, i + 1, 0), texts[i]);
    assert_string_equal(table_cell(&t, 1, 1), "");
    assert_string_equal(table_cell(&t, 4, 1), "0.333333");
    table_release(&t);
}

static void other_line_ends_are_read_too(void **state)
{
    struct table t;
    char err[P2P_ERRLEN];

    (void)state;
    write_file("a,b\r\n1,\"2\"\r\n3,");
    assert_int_equal(table_read(&t, path, err), 0);
    assert_int_equal(t.n_rows, 3);
    assert_string_equal(table_cell(&t, 0, 1), "b");
    assert_string_equal(table_cell(&t, 1, 1), "2");
    assert_string_equal(table_cell(&t, 2, 1), "");
    table_release(&t);
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", ": empty; a header was expected"},
        {"a,b\n1,2\n1\n", ":3: 1 cells, and the header has 2"},
        {"a,b\n1,2,3\n", ":2: 3 cells, and the header has 2"},
        {"a,b\n1,\"2\n", ":2: a quote that is not closed, or text behind it"},
        {"a,b\n\"1\"x,2\n", ":2: a quote that is not closed, or text behind it"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct table t;
        char err[P2P_ERRLEN] = "";

        write_file(bad[i].text);
        if (!table_read(&t, path, err))
            fail_msg("'%s' was taken", bad[i].text);
        assert_memory_equal(err, path, strlen(path));
        assert_string_equal(err + strlen(path), bad[i].says);
    }
}

static void a_file_that_is_not_there_is_told(void **state)
{
    struct table t;
    char err[P2P_ERRLEN];

    (void)state;
    assert_int_equal(table_read(&t, "/nowhere/points.csv", err), -1);
    assert_string_equal(err, "/nowhere/points.csv: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(other_line_ends_are_read_too),
        cmocka_unit_test(what_is_wrong_is_told_with_its_line),
        cmocka_unit_test(a_file_that_is_not_there_is_told),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
