#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/lines.h"
#include "host/runtimes/docker_frames.h"

#define TIME "2026-11-27T01:02:03.000000004Z "
enum { TIME_LENGTH = sizeof(TIME) - 1 };

static char said[64 << 10];
static size_t said_len;
static int64_t last_ns;

static void on_line(void *ctx, int64_t when_ns, const char *text, size_t len)
{
    (void)ctx;
    said_len += (size_t)snprintf(said + said_len, sizeof(said) - said_len, "%.*s|", (int)len, text);
    last_ns = when_ns;
}

struct bytes {
    char text[64 << 10];
    size_t len;
};

static void frame(struct bytes *b, int output, const char *text, size_t len)
{
    const char head[DOCKER_FRAME_HEAD] = {(char)output,      0, 0, 0, 0, 0, (char)(len >> 8),
                                          (char)(len & 0xff)};

    memcpy(b->text + b->len, head, sizeof(head));
    memcpy(b->text + b->len + sizeof(head), text, len);
    b->len += sizeof(head) + len;
}

static int feed(const struct bytes *b, size_t piece)
{
    struct docker_frames f;
    int rc = 0;

    said_len = 0;
    said[0] = '\0';
    docker_frames_init(&f, on_line, NULL);
    for (size_t at = 0; at < b->len && rc == 0; at += piece)
        rc = docker_frames_feed(&f, b->text + at, b->len - at < piece ? b->len - at : piece);
    if (rc == 0)
        docker_frames_end(&f);
    docker_frames_release(&f);
    return rc;
}

static void frames_become_lines_however_they_are_cut(void **state)
{
    static const char one[] = TIME "one\n", two[] = TIME "two\n" TIME "three\n", part[] = TIME "be";
    static struct bytes b;

    (void)state;
    b.len = 0;
    frame(&b, 1, one, strlen(one));
    frame(&b, 2, part, strlen(part));
    frame(&b, 1, two, strlen(two));
    frame(&b, 1, "", 0);
    frame(&b, 2, "gun\n", 4);
    frame(&b, 1, TIME "\n", TIME_LENGTH + 1);
    frame(&b, 3, "the daemon itself", 17);
    for (size_t piece = 1; piece <= b.len; piece++) {
        assert_int_equal(feed(&b, piece), 0);
        assert_string_equal(said, "one|two|three|begun||the daemon itself|");
        assert_true(last_ns == 0);
    }
    b.len = 0;
    frame(&b, 1, one, strlen(one));
    assert_int_equal(feed(&b, 1000), 0);
    assert_true(last_ns == 1795741323000000004);
}

static void long_lines_are_cut(void **state)
{
    static struct bytes b;
    static char text[LINES_TEXT * 4];

    (void)state;
    b.len = 0;
    memset(text, 'x', sizeof(text));
    memcpy(text, TIME, TIME_LENGTH);
    frame(&b, 1, text, sizeof(text));
    frame(&b, 1, text, sizeof(text));
    frame(&b, 1, "\n" TIME "next\n", TIME_LENGTH + 6);
    assert_int_equal(feed(&b, 1000), 0);
    assert_true(said_len > LINES_TEXT + 5 && said_len < LINES_TEXT + 64);
    assert_string_equal(said + said_len - 6, "|next|");
}

static void other_bytes_are_no_frames(void **state)
{
    static struct bytes b;

    (void)state;
    b.len = (size_t)snprintf(b.text, sizeof(b.text), "{\"message\":\"no\"}");
    assert_int_equal(feed(&b, 3), -1);
    b.len = 0;
    frame(&b, 1, "ok\n", 3);
    frame(&b, 4, "x", 1);
    assert_int_equal(feed(&b, 1), -1);
    assert_string_equal(said, "ok|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(frames_become_lines_however_they_are_cut),
                                       cmocka_unit_test(long_lines_are_cut),
                                       cmocka_unit_test(other_bytes_are_no_frames)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
