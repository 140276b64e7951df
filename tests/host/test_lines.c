#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <p2pfaas/plugin.h>

#include "host/lines.h"

static struct reactor reactor;
static unsigned n_ready;

static int begin(void **state)
{
    char err[P2P_ERRLEN];

    (void)state;
    n_ready = 0;
    return reactor_init(&reactor, err);
}

static int end(void **state)
{
    (void)state;
    reactor_release(&reactor);
    return 0;
}

static void on_ready(void *owner)
{
    (void)owner;
    n_ready++;
}

static struct lines_reader *open_reader(struct lines *l, struct lines_wanted w)
{
    struct lines_reader *r = lines_open(l, &w, &reactor, on_ready, NULL);

    assert_non_null(r);
    return r;
}

static void put(struct lines *l, int64_t when, const char *instance, const char *text)
{
    lines_put(l, when, instance, text, strlen(text));
}

static void expect_line(struct lines_reader *r, const char *text)
{
    struct line line;
    uint64_t missed;

    assert_int_equal(lines_next(r, &line, &missed), LINES_LINE);
    assert_string_equal(line.text, text);
}

static void expect_nothing(struct lines_reader *r, enum lines_result what)
{
    struct line line;
    uint64_t missed;

    assert_int_equal(lines_next(r, &line, &missed), what);
}

/* ---- what is kept ---- */

static void reader_gets_what_is_there_and_ends(void **state)
{
    struct lines *l = lines_new(NULL);
    struct lines_reader *r;

    (void)state;
    put(l, 1, "a", "one");
    put(l, 2, "b", "");
    r = open_reader(l, (struct lines_wanted){0});
    put(l, 3, "a", "too late");
    expect_line(r, "one");
    expect_line(r, "");
    expect_nothing(r, LINES_OVER);
    lines_close(r);
    lines_unref(l);
}

static void follower_is_told_of_more(void **state)
{
    struct lines *l = lines_new(NULL);
    struct lines_reader *r = open_reader(l, (struct lines_wanted){.follow = true});

    (void)state;
    put(l, 1, "a", "one");
    reactor_run_posted(&reactor);
    assert_int_equal(n_ready, 0); /* it does not wait yet */
    expect_line(r, "one");
    expect_nothing(r, LINES_NONE);
    put(l, 2, "a", "two");
    put(l, 3, "a", "three");
    reactor_run_posted(&reactor);
    assert_int_equal(n_ready, 1);
    expect_line(r, "two");
    expect_line(r, "three");
    expect_nothing(r, LINES_NONE);
    assert_false(lines_end(l));
    reactor_run_posted(&reactor);
    assert_int_equal(n_ready, 2);
    expect_nothing(r, LINES_OVER);
    lines_close(r);
    lines_unref(l);
}

static void reader_may_leave_while_it_is_called(void **state)
{
    struct lines *l = lines_new(NULL);
    struct lines_reader *r = open_reader(l, (struct lines_wanted){.follow = true});

    (void)state;
    expect_nothing(r, LINES_NONE);
    put(l, 1, "a", "one");
    lines_unref(l);
    lines_close(r);
    reactor_run_posted(&reactor);
    assert_int_equal(n_ready, 0);
}

static void tail_since_and_instance_choose(void **state)
{
    struct lines *l = lines_new(NULL);
    struct lines_reader *r;
    char text[16];

    (void)state;
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof(text), "%d", i);
        put(l, i, i % 2 ? "odd" : "even", text);
    }
    r = open_reader(l, (struct lines_wanted){.tail = 2});
    expect_line(r, "8");
    expect_line(r, "9");
    expect_nothing(r, LINES_OVER);
    lines_close(r);
    r = open_reader(l, (struct lines_wanted){.since_ns = 8});
    expect_line(r, "8");
    expect_line(r, "9");
    expect_nothing(r, LINES_OVER);
    lines_close(r);
    r = open_reader(l, (struct lines_wanted){.tail = 2, .since_ns = 3, .instance = "even"});
    expect_line(r, "6");
    expect_line(r, "8");
    expect_nothing(r, LINES_OVER);
    lines_close(r);
    r = open_reader(l, (struct lines_wanted){.tail = 1000, .instance = "none"});
    expect_nothing(r, LINES_OVER);
    lines_close(r);
    lines_unref(l);
}

static void too_many_lines_push_the_oldest_out(void **state)
{
    struct lines *l = lines_new(NULL);
    struct lines_reader *r = open_reader(l, (struct lines_wanted){.follow = true});
    struct line line;
    uint64_t missed = 0, n = 0;

    (void)state;
    for (int i = 0; i < LINES_MOST + 10; i++)
        put(l, i, "a", "x");
    assert_int_equal(lines_next(r, &line, &missed), LINES_MISSED);
    assert_int_equal(missed, 10);
    while (lines_next(r, &line, &missed) == LINES_LINE)
        n++;
    assert_int_equal(n, LINES_MOST);
    lines_close(r);
    lines_unref(l);
}

static void too_many_bytes_push_the_oldest_out(void **state)
{
    struct lines *l = lines_new(NULL);
    struct lines_reader *r = open_reader(l, (struct lines_wanted){.follow = true});
    struct line line;
    uint64_t missed = 0, bytes = 0, n = 0;
    char text[2000];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < 1000; i++)
        lines_put(l, i, "a", text, sizeof(text));
    assert_int_equal(lines_next(r, &line, &missed), LINES_MISSED);
    while (lines_next(r, &line, &(uint64_t){0}) == LINES_LINE) {
        bytes += strlen(line.text);
        n++;
    }
    assert_int_equal(n + missed, 1000);
    assert_true(bytes <= LINES_BYTES && bytes > LINES_BYTES - 4 * sizeof(text));
    lines_close(r);
    lines_unref(l);
}

/* ---- what comes in ---- */

static void bytes_become_lines_however_they_are_cut(void **state)
{
    static const char bytes[] = "one\n\ntwo\r\nthree \xff\0 \xc3\xa9\nlast";

    (void)state;
    for (size_t piece = 1; piece < sizeof(bytes); piece++) {
        struct lines *l = lines_new(NULL);
        struct lines_writer w;
        struct lines_reader *r;

        lines_writer_init(&w, l);
        for (size_t at = 0; at < sizeof(bytes) - 1; at += piece)
            lines_feed(&w, bytes + at,
                       sizeof(bytes) - 1 - at < piece ? sizeof(bytes) - 1 - at : piece);
        lines_writer_end(&w);
        r = open_reader(l, (struct lines_wanted){0});
        expect_line(r, "one");
        expect_line(r, "");
        expect_line(r, "two");
        expect_line(r, "three ?? \xc3\xa9");
        expect_line(r, "last");
        expect_nothing(r, LINES_OVER);
        lines_close(r);
        lines_unref(l);
    }
}

static void long_lines_are_cut(void **state)
{
    struct lines *l = lines_new(NULL);
    struct lines_writer w;
    struct lines_reader *r;
    struct line line;
    char chunk[1000];

    (void)state;
    memset(chunk, 'x', sizeof(chunk));
    lines_writer_init(&w, l);
    for (int i = 0; i < 100; i++)
        lines_feed(&w, chunk, sizeof(chunk));
    lines_feed(&w, "\nnext\n", 6);
    lines_writer_end(&w);
    r = open_reader(l, (struct lines_wanted){0});
    assert_int_equal(lines_next(r, &line, &(uint64_t){0}), LINES_LINE);
    assert_int_equal(strlen(line.text), LINES_TEXT + strlen("…"));
    assert_string_equal(line.text + LINES_TEXT, "…");
    expect_line(r, "next");
    lines_close(r);
    lines_unref(l);
}

/* ---- a source that can wait ---- */

static unsigned n_turns;

static void on_turn(struct lines_feeder *f)
{
    (void)f;
    n_turns++;
}

static void feeder_waits_for_room(void **state)
{
    struct lines_feeder f = {.home = &reactor, .turn = on_turn};
    struct lines *l = lines_new(&f);
    struct lines_reader *r = open_reader(l, (struct lines_wanted){.follow = true});
    struct line line;
    int n = 0;

    (void)state;
    n_turns = 0;
    for (; !lines_wait(l); n++)
        put(l, 0, "a", "some text of a line");
    assert_true(n > LINES_MOST / 4 && n < LINES_MOST);
    for (int i = 0; i < n / 4; i++)
        assert_int_equal(lines_next(r, &line, &(uint64_t){0}), LINES_LINE);
    reactor_run_posted(&reactor);
    assert_int_equal(n_turns, 0);
    for (int i = 0; i < n / 2; i++)
        assert_int_equal(lines_next(r, &line, &(uint64_t){0}), LINES_LINE);
    reactor_run_posted(&reactor);
    assert_int_equal(n_turns, 1);
    assert_false(lines_are_left(l));
    lines_close(r);
    assert_true(lines_are_left(l));
    assert_true(lines_end(l)); /* that it left is on its way */
    lines_unref(l);
    reactor_run_posted(&reactor);
    assert_int_equal(n_turns, 2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(reader_gets_what_is_there_and_ends),
        TEST(follower_is_told_of_more),
        TEST(reader_may_leave_while_it_is_called),
        TEST(tail_since_and_instance_choose),
        TEST(too_many_lines_push_the_oldest_out),
        TEST(too_many_bytes_push_the_oldest_out),
        TEST(bytes_become_lines_however_they_are_cut),
        TEST(long_lines_are_cut),
        TEST(feeder_waits_for_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
