/* Files that are there whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/whole_file.h"

static char folder[] = "/tmp/whole_file.XXXXXX";
static char err[P2P_ERRLEN];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/whole_file.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static const char *in(const char *name)
{
    static char path[4][128];
    static unsigned next;
    char *to = path[next++ % 4];

    snprintf(to, sizeof(path[0]), "%s/%s", folder, name);
    return to;
}

static void holds(const char *path, const char *text)
{
    size_t n;
    char *got = whole_file_read(path, 100, &n, err);

    assert_non_null(got);
    assert_int_equal(n, strlen(text));
    assert_string_equal(got, text);
    free(got);
}

static void test_written_read_and_removed(void **state)
{
    struct stat st;
    size_t n;

    (void)state;
    assert_int_equal(whole_file_write(in("a"), "one", 3, 0600, err), 0);
    holds(in("a"), "one");
    assert_int_equal(whole_file_write(in("a"), "", 0, 0444, err), 0);
    holds(in("a"), "");
    assert_int_equal(stat(in("a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0444);
    assert_int_equal(whole_file_write(in("a"), "three", 5, 0444, err), 0);
    holds(in("a"), "three");
    assert_int_not_equal(access(in("a.new"), F_OK), 0);
    assert_int_equal(whole_file_remove(in("a"), err), 0);
    assert_int_equal(whole_file_remove(in("a"), err), 0);
    assert_null(whole_file_read(in("a"), 100, &n, err));
    assert_non_null(strstr(err, "No such file"));
}

static void test_parts_stand_one_behind_the_other(void **state)
{
    char one[] = "one", two[] = "two";
    const struct iovec parts[] = {{one, 3}, {NULL, 0}, {two, 3}};

    (void)state;
    assert_int_equal(whole_file_write_parts(in("a"), parts, 3, 0600, err), 0);
    holds(in("a"), "onetwo");
}

static void test_what_a_crash_left_is_in_nobodys_way(void **state)
{
    FILE *f = fopen(in("a.new"), "we");

    (void)state;
    assert_non_null(f);
    fputs("half", f);
    fclose(f);
    assert_int_equal(chmod(in("a.new"), 0444), 0);
    assert_int_equal(whole_file_write(in("a"), "whole", 5, 0600, err), 0);
    holds(in("a"), "whole");
}

static void test_what_cannot_be_written_leaves_the_old(void **state)
{
    (void)state;
    assert_int_equal(whole_file_write(in("a"), "old", 3, 0600, err), 0);
    assert_int_equal(mkdir(in("a.new"), 0700), 0);
    assert_int_equal(whole_file_write(in("a"), "new", 3, 0600, err), -1);
    assert_non_null(strstr(err, "a.new: Is a directory"));
    holds(in("a"), "old");
    assert_int_equal(whole_file_write(in("gone/a"), "new", 3, 0600, err), -1);
    assert_non_null(strstr(err, "gone/a.new: No such file"));
}

static void test_what_is_no_small_plain_file_is_not_read(void **state)
{
    size_t n;

    (void)state;
    assert_int_equal(whole_file_write(in("a"), "12345", 5, 0600, err), 0);
    assert_null(whole_file_read(in("a"), 4, &n, err));
    assert_non_null(strstr(err, "no plain file of 4 bytes at most"));
    assert_null(whole_file_read(folder, 4, &n, err));
    assert_int_equal(mkfifo(in("fifo"), 0600), 0);
    assert_null(whole_file_read(in("fifo"), 4, &n, err));
    assert_int_equal(symlink(in("a"), in("link")), 0);
    assert_null(whole_file_read(in("link"), 100, &n, err));
    free(whole_file_read_linked(in("link"), 100, &n, err));
    assert_int_equal(n, 5);
}

static void test_folders(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(whole_file_folder(in("x/y/z"), err), 0);
    assert_int_equal(whole_file_folder(in("x/y/z"), err), 0);
    assert_int_equal(stat(in("x/y"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(whole_file_write(in("a"), "", 0, 0600, err), 0);
    assert_int_equal(whole_file_folder(in("a/b"), err), -1);
    assert_non_null(strstr(err, "a/b: Not a directory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_written_read_and_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parts_stand_one_behind_the_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_a_crash_left_is_in_nobodys_way, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_written_leaves_the_old, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_small_plain_file_is_not_read, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_folders, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
