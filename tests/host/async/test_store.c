/* The accepted calls on the disk: what is kept of them, and broken files. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/host/async/support_store.h"

static int64_t add(const char *id, const char *callback)
{
    const struct store_call c = {.id = id,
                                 .function = "echo",
                                 .target = "/function/echo?q",
                                 .headers = &headers,
                                 .body = &body,
                                 .callback = callback,
                                 .accepted_ms = 1000};
    int64_t row = 0;

    if (store_begin(store) || store_add(store, &c, &row) || store_commit(store))
        fail_msg("%s", store_why(store));
    return row;
}

static int64_t finish(int64_t row, int64_t when_ms, const char *text, size_t keep)
{
    struct store_result r = {.state = STORE_DONE,
                             .attempts = 2,
                             .finished_ms = when_ms,
                             .duration_us = 1500,
                             .status = 201,
                             .headers = &headers};
    int64_t callback_bytes;
    struct buf answer;

    buf_init(&answer, 1 << 20);
    buf_puts(&answer, text);
    r.body = &answer;
    if (store_begin(store) || store_finish(store, row, &r, keep, &callback_bytes) ||
        store_commit(store))
        fail_msg("%s", store_why(store));
    buf_release(&answer);
    return callback_bytes;
}

static void test_a_call_is_read_as_it_was_accepted(void **state)
{
    int64_t row = add("a", NULL);
    struct headers h;
    struct buf target, b;

    (void)state;
    reopen();
    headers_init(&h, 8192);
    buf_init(&target, 100);
    buf_init(&b, 100);
    assert_int_equal(store_read_request(store, row, &target, &h, &b), 0);
    assert_string_equal(target.data, "/function/echo?q");
    assert_int_equal(h.count, 2);
    assert_string_equal(headers_get(&h, "x-one"), "1");
    assert_string_equal(headers_get(&h, "x-two"), "");
    assert_int_equal(b.len, 5);
    assert_memory_equal(b.data, "hello", 5);
    assert_int_equal(store_read_request(store, row + 1, &target, &h, &b), -1);
    b.limit = 4;
    assert_int_equal(store_read_request(store, row, &target, &h, &b), -1);
    assert_false(store_may_recover(store));
    headers_release(&h);
    buf_release(&target);
    buf_release(&b);
}

static void test_a_result_is_kept_and_its_request_dropped(void **state)
{
    int64_t row = add("a", NULL);
    struct store_texts texts;
    struct store_found f;
    struct headers h;
    struct buf b, target;
    bool there;

    (void)state;
    assert_int_equal(n_open(), 1);
    assert_int_equal(finish(row, 2000, "the answer", 3), 0);
    assert_int_equal(n_open(), 0);
    assert_true(store_kept(store) > 0);
    reopen();
    assert_true(store_kept(store) > 0);
    headers_init(&h, 8192);
    buf_init(&b, 100);
    buf_init(&target, 100);
    texts = (struct store_texts){.headers = &h, .body = &b};
    assert_int_equal(store_find(store, "a", &f, &texts, &there), 0);
    assert_true(there);
    assert_int_equal(f.state, STORE_DONE);
    assert_int_equal(f.status, 201);
    assert_int_equal(f.attempts, 2);
    assert_int_equal(f.size, 10);
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.data, "the", 3);
    assert_string_equal(headers_get(&h, "X-One"), "1");
    assert_int_equal(store_read_request(store, row, &target, &h, &b), -1);
    headers_release(&h);
    buf_release(&b);
    buf_release(&target);
}

static void test_a_result_stays_whole_until_its_callback_is_told(void **state)
{
    int64_t row = add("a", "http://127.0.0.1/"), bytes;
    struct store_found f;
    struct buf b, url;
    const struct store_texts texts = {.body = &b, .callback = &url};
    bool there;

    (void)state;
    bytes = finish(row, 2000, "the answer", 3);
    assert_true(bytes > 10);
    reopen();
    assert_int_equal(n_open(), 1);
    assert_int_equal(store_kept(store), 0);
    buf_init(&b, 100);
    buf_init(&url, 100);
    assert_int_equal(store_find_row(store, row, &f, &texts, &there), 0);
    assert_int_equal(b.len, 10);
    assert_string_equal(url.data, "http://127.0.0.1/");
    assert_int_equal(store_callback(store, row, CALLBACK_OPEN, 1, 3000, 3), 0);
    assert_int_equal(found("a").callback_attempts, 1);
    assert_int_equal(n_open(), 1);
    assert_int_equal(store_callback(store, row, CALLBACK_TOLD, 2, 3000, 3), 0);
    assert_int_equal(n_open(), 0);
    assert_int_equal(store_find_row(store, row, &f, &texts, &there), 0);
    assert_int_equal(f.callback, CALLBACK_TOLD);
    assert_int_equal(b.len, 3);
    assert_int_equal(store_kept(store), bytes - 7);
    buf_release(&b);
    buf_release(&url);
}

static void test_of_two_calls_with_an_id_the_last_is_found(void **state)
{
    (void)state;
    add("same", NULL);
    assert_int_equal(found("same").row, 1);
    finish(add("same", NULL), 2000, "", 0);
    assert_int_equal(found("same").row, 2);
    assert_int_equal(found("same").state, STORE_DONE);
}

static void test_what_was_put_back_or_cancelled_is_so_after_a_restart(void **state)
{
    int64_t row = add("a", NULL), gone = add("b", "http://127.0.0.1/");

    (void)state;
    assert_int_equal(store_put_back(store, row, 3, 9000), 0);
    assert_int_equal(store_cancel(store, gone, 5000), 0);
    reopen();
    assert_int_equal(n_open(), 1);
    assert_int_equal(found("a").attempts, 3);
    assert_int_equal(found("a").due_ms, 9000);
    assert_int_equal(found("b").state, STORE_CANCELLED);
    /* A result that comes too late changes nothing. */
    finish(gone, 6000, "late", 100);
    assert_int_equal(found("b").state, STORE_CANCELLED);
}

static off_t file_size(void)
{
    char path[128];
    struct stat st;

    snprintf(path, sizeof(path), "%s/async.db", folder);
    return stat(path, &st) ? 0 : st.st_size;
}

static void purge(int64_t before_ms, int64_t most)
{
    bool more = true;

    while (more)
        assert_int_equal(store_purge(store, before_ms, most, &more), 0);
}

static void test_old_results_go_and_so_does_the_room_they_took(void **state)
{
    static char text[64 << 10];
    int64_t open_row = add("open", NULL);
    off_t full;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    for (int i = 0; i < 40; i++)
        finish(add("old", NULL), 1000 + i, text, sizeof(text));
    reopen();
    full = file_size();
    purge(1020, INT64_MAX);
    assert_in_range(store_kept(store), 20 * 65000, 20 * 67000);
    purge(0, 10 * 67000); /* the oldest of the rest */
    assert_in_range(store_kept(store), 1, 10 * 67000);
    assert_int_equal(found("old").finished_ms, 1039);
    purge(1100, INT64_MAX);
    assert_int_equal(store_kept(store), 0);
    assert_int_equal(n_open(), 1);
    assert_int_equal(found("open").row, open_row);
    reopen();
    assert_true(file_size() < full / 4);
}

/* So that calls that come meanwhile do not wait for all of it. */
static void test_old_results_go_in_small_pieces(void **state)
{
    enum { MB = 1 << 20, RESULTS = 12 };
    static char text[MB];
    int64_t before;
    bool more;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    for (int i = 0; i < RESULTS; i++)
        finish(add("large", NULL), 1000, text, sizeof(text));
    before = store_kept(store);
    assert_int_equal(store_purge(store, 2000, INT64_MAX, &more), 0);
    assert_true(more);
    assert_in_range(before - store_kept(store), MB, 6 * MB);
    purge(2000, INT64_MAX);
    assert_int_equal(store_kept(store), 0);
}

static void test_a_second_process_is_told_who_has_it(void **state)
{
    bool aside;
    pid_t child;
    int status;

    (void)state;
    add("a", NULL);
    child = fork();
    if (child == 0) {
        struct async_store *other = store_open(folder, &aside, err);

        _exit(other || aside || !strstr(err, "another process has it") ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    reopen();
    assert_int_equal(n_open(), 1);
}

/* ---- broken files ---- */

static unsigned n_aside(void)
{
    const struct dirent *e;
    DIR *list = opendir(folder);
    unsigned n = 0;

    while (list && (e = readdir(list)))
        n += strstr(e->d_name, "async.db.broken-") != NULL;
    closedir(list);
    return n;
}

static void scribble(off_t at, const void *bytes, size_t n)
{
    char path[128];
    int fd;

    snprintf(path, sizeof(path), "%s/async.db", folder);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, bytes, n, at), n);
    close(fd);
}

static void check_put_aside(void)
{
    bool aside;

    store = store_open(folder, &aside, err);
    assert_non_null(store);
    assert_true(aside);
    assert_int_equal(n_aside(), 1);
    assert_int_equal(n_open(), 0);
    add("new", NULL);
    reopen();
    assert_int_equal(n_open(), 1);
}

static void test_a_file_that_is_no_database_is_kept_aside(void **state)
{
    static char garbage[8192];

    (void)state;
    add("a", NULL);
    store_close(store);
    memset(garbage, 'g', sizeof(garbage));
    scribble(0, garbage, sizeof(garbage));
    check_put_aside();
}

static void test_a_file_with_a_broken_page_is_kept_aside(void **state)
{
    static char garbage[4096 * 3];

    (void)state;
    for (int i = 0; i < 50; i++)
        add("a", NULL);
    store_close(store);
    memset(garbage, 0xff, sizeof(garbage));
    scribble(4096 * 3, garbage, sizeof(garbage));
    check_put_aside();
}

/* Bytes that SQLite cannot know to be wrong. */
static void test_header_lines_that_were_damaged_are_not_taken(void **state)
{
    static const char *const damaged[] = {"x'41'",           /* a name without its end */
                                          "x'4100'",         /* without its value */
                                          "x'410042'",       /* whose end is missing */
                                          "x'410042004300'", /* a name too many */
                                          "x'410d0a00420000'",
                                          "x'41000d0a4200'" /* lines that would smuggle others */};
    struct headers h;
    struct buf target, b;
    char path[128], sql[160];
    sqlite3 *db;

    (void)state;
    headers_init(&h, 8192);
    buf_init(&target, 100);
    buf_init(&b, 100);
    add("a", NULL);
    snprintf(path, sizeof(path), "%s/async.db", folder);
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        store_close(store);
        store = NULL;
        snprintf(sql, sizeof(sql), "UPDATE call SET headers = %s", damaged[i]);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        open_store();
        if (store_read_request(store, 1, &target, &h, &b) == 0)
            fail_msg("%s was taken", damaged[i]);
        assert_false(store_may_recover(store));
    }
    headers_release(&h);
    buf_release(&target);
    buf_release(&b);
}

static void test_a_newer_file_is_left_alone(void **state)
{
    static const unsigned char version[4] = {0, 0, 0, 2};
    bool aside;

    (void)state;
    store_close(store);
    scribble(60, version, sizeof(version));
    store = store_open(folder, &aside, err);
    assert_null(store);
    assert_false(aside);
    assert_non_null(strstr(err, "newer"));
    assert_int_equal(n_aside(), 0);
}

static void test_a_folder_that_is_not_there_is_told(void **state)
{
    bool aside;

    (void)state;
    assert_null(store_open("/nonexistent/folder", &aside, err));
    assert_non_null(strstr(err, "node.data_dir"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_call_is_read_as_it_was_accepted),
        TEST(test_a_result_is_kept_and_its_request_dropped),
        TEST(test_a_result_stays_whole_until_its_callback_is_told),
        TEST(test_of_two_calls_with_an_id_the_last_is_found),
        TEST(test_what_was_put_back_or_cancelled_is_so_after_a_restart),
        TEST(test_old_results_go_and_so_does_the_room_they_took),
        TEST(test_old_results_go_in_small_pieces),
        TEST(test_a_second_process_is_told_who_has_it),
        TEST(test_a_file_that_is_no_database_is_kept_aside),
        TEST(test_a_file_with_a_broken_page_is_kept_aside),
        TEST(test_header_lines_that_were_damaged_are_not_taken),
        TEST(test_a_newer_file_is_left_alone),
        TEST(test_a_folder_that_is_not_there_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
