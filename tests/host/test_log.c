#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "host/log.h"

/* Lines go into a socket that keeps the bounds of each write. */
static int ends[2];
static char line[8192];

static int setup(void **state)
{
    static const struct timeval limit = {.tv_sec = 30};

    (void)state;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) ||
        setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
        return -1;
    log_configure(LOG_DEBUG, LOG_FORMAT_TEXT, "");
    log_to(ends[1]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_configure(LOG_INFO, LOG_FORMAT_TEXT, "");
    log_to(-1);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* What one write wrote, without its newline; NULL when there was none. */
static const char *next_line(void)
{
    ssize_t n = recv(ends[0], line, sizeof(line) - 1, MSG_DONTWAIT);

    if (n <= 0)
        return NULL;
    assert_int_equal(line[n - 1], '\n');
    line[n - 1] = '\0';
    assert_int_equal(strlen(line), n - 1);
    assert_null(strchr(line, '\n'));
    return line;
}

/* The line after its time: "info  event key=value". */
static const char *next_text(void)
{
    const char *text = next_line();

    assert_non_null(text);
    assert_true(strlen(text) > 25);
    return text + 25;
}

static cJSON *next_json(void)
{
    const char *text = next_line();
    cJSON *json;

    assert_non_null(text);
    json = cJSON_Parse(text);
    if (!json)
        fail_msg("not JSON: %s", text);
    return json;
}

static void has(const cJSON *json, const char *key, const char *text)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));

    if (!value)
        fail_msg("no text '%s'", key);
    assert_string_equal(value, text);
}

static void test_a_line_is_time_level_event_and_fields(void **state)
{
    (void)state;
    log_event(LOG_INFO, "scheduler selected", LOG_STR("plugin", "random"), LOG_INT("instances", 2));
    assert_string_equal(next_text(), "info  scheduler selected plugin=random instances=2");
    assert_null(next_line());
}

static void test_the_time_is_utc_with_milliseconds(void **state)
{
    static const char *const form = "dddd-dd-ddTdd:dd:dd.dddZ ";
    const char *text;

    (void)state;
    log_event(LOG_INFO, "now");
    text = next_line();
    assert_non_null(text);
    for (size_t i = 0; form[i]; i++)
        if (form[i] == 'd')
            assert_in_range(text[i], '0', '9');
        else
            assert_int_equal(text[i], form[i]);
}

static void test_levels_have_names_of_one_width(void **state)
{
    static const char *const expected[] = {"debug e", "info  e", "warn  e", "error e"};

    (void)state;
    for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
        log_event((enum log_level)level, "e");
        assert_string_equal(next_text(), expected[level]);
    }
}

static void test_levels_below_the_least_are_not_written(void **state)
{
    (void)state;
    for (int least = LOG_DEBUG; least <= LOG_ERROR; least++) {
        log_configure((enum log_level)least, LOG_FORMAT_TEXT, "");
        for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
            assert_int_equal(log_wanted((enum log_level)level), level >= least);
            log_event((enum log_level)level, "e");
            assert_int_equal(next_line() != NULL, level >= least);
        }
    }
}

static int evaluations;

static const char *evaluated(void)
{
    evaluations++;
    return "x";
}

static void test_fields_of_an_unwanted_line_are_not_evaluated(void **state)
{
    (void)state;
    evaluations = 0;
    log_configure(LOG_WARN, LOG_FORMAT_TEXT, "");
    log_event(LOG_INFO, "e", LOG_STR("k", evaluated()));
    assert_int_equal(evaluations, 0);
    log_event(LOG_WARN, "e", LOG_STR("k", evaluated()));
    assert_int_equal(evaluations, 1);
}

static void test_the_node_stands_before_the_event(void **state)
{
    cJSON *json;

    (void)state;
    log_configure(LOG_INFO, LOG_FORMAT_TEXT, "n1");
    log_event(LOG_INFO, "e");
    assert_string_equal(next_text(), "info  n1 e");
    log_configure(LOG_INFO, LOG_FORMAT_JSON, "n1");
    log_event(LOG_INFO, "e");
    json = next_json();
    has(json, "node", "n1");
    cJSON_Delete(json);
}

static void test_a_long_node_name_is_cut(void **state)
{
    char id[200];

    (void)state;
    memset(id, 'n', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    log_configure(LOG_INFO, LOG_FORMAT_TEXT, id);
    log_event(LOG_INFO, "e");
    assert_int_equal(strlen(next_text()), strlen("info  ") + 63 + strlen(" e"));
}

static void writes(const char *value, const char *expected)
{
    log_event(LOG_INFO, "e", LOG_STR("k", value), LOG_INT("after", 1));
    assert_non_null(next_line());
    if (!strstr(line, expected))
        fail_msg("expected %s in %s", expected, line);
    assert_non_null(strstr(line, " after=1"));
}

static void test_text_that_could_be_misread_is_quoted(void **state)
{
    (void)state;
    writes("plain/1.2:3", " k=plain/1.2:3 ");
    writes("gr\xc3\xbc\xc3\x9f", " k=gr\xc3\xbc\xc3\x9f ");
    writes("", " k=\"\" ");
    writes(NULL, " k=\"\" ");
    writes("two words", " k=\"two words\" ");
    writes("a=b", " k=\"a=b\" ");
    writes("say \"no\"", " k=\"say \\\"no\\\"\" ");
    writes("a\\b", " k=\"a\\\\b\" ");
}

static void test_a_value_cannot_forge_a_line(void **state)
{
    (void)state;
    writes("a\n2026-01-01T00:00:00.000Z error forged", "k=\"a\\n2026");
    writes("\r", " k=\"\\x0d\" ");
    writes("\x1b[2J", " k=\"\\x1b[2J\" ");
    writes("\x7f", " k=\"\\x7f\" ");
    writes("\t", " k=\"\\x09\" ");
}

static void test_an_event_cannot_forge_a_line(void **state)
{
    (void)state;
    log_event(LOG_INFO, "of a plugin\nwarn  forged=\"1\"\r\x7f");
    assert_string_equal(next_text(), "info  of a plugin\\nwarn  forged=\"1\"\\x0d\\x7f");
    assert_null(next_line());
}

static void test_whole_numbers_are_written_in_full(void **state)
{
    (void)state;
    log_event(LOG_INFO, "e", LOG_INT("a", INT64_MIN), LOG_INT("b", INT64_MAX), LOG_INT("c", 0));
    assert_string_equal(next_text(), "info  e a=-9223372036854775808 b=9223372036854775807 c=0");
}

static void test_sixteen_fields_fit(void **state)
{
    (void)state;
#define FOUR LOG_INT("a", 1), LOG_INT("b", 2), LOG_STR("c", "3"), LOG_INT("d", 4)
    log_event(LOG_INFO, "e", FOUR, FOUR, FOUR, FOUR);
#undef FOUR
    assert_string_equal(next_text(), "info  e a=1 b=2 c=3 d=4 a=1 b=2 c=3 d=4 a=1 b=2 c=3 d=4 "
                                     "a=1 b=2 c=3 d=4");
}

static void test_a_line_too_long_is_cut_and_marked(void **state)
{
    static char text[20000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    log_event(LOG_INFO, "e", LOG_STR("k", text), LOG_STR("after", "lost"));
    assert_non_null(next_line());
    assert_in_range(strlen(line), 4000, 4095);
    assert_string_equal(line + strlen(line) - strlen("…"), "…");
    assert_null(strstr(line, "after"));
    memset(text, '\n', sizeof(text) - 1);
    log_event(LOG_INFO, "e", LOG_STR("k", text));
    assert_non_null(next_line());
    assert_string_equal(line + strlen(line) - strlen("…"), "…");
}

static void test_each_length_around_the_limit_is_one_line(void **state)
{
    static char text[4200];

    (void)state;
    memset(text, 'x', 3900);
    for (size_t n = 3900; n < sizeof(text) - 1; n++) {
        text[n] = 'x';
        for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
            log_configure(LOG_INFO, (enum log_format)format, "");
            log_event(LOG_INFO, "e", LOG_STR("k", text));
            assert_non_null(next_line());
            assert_true(strlen(line) < 4096);
            assert_null(next_line());
        }
    }
}

static void test_json_has_the_same_parts(void **state)
{
    cJSON *json;

    (void)state;
    log_configure(LOG_DEBUG, LOG_FORMAT_JSON, "");
    log_event(LOG_WARN, "peer down", LOG_STR("peer", "n2"), LOG_INT("failures", -3));
    json = next_json();
    has(json, "level", "warn");
    has(json, "event", "peer down");
    has(json, "peer", "n2");
    assert_true(cJSON_GetObjectItem(json, "failures")->valuedouble == -3);
    assert_int_equal(strlen(cJSON_GetObjectItem(json, "time")->valuestring), 24);
    assert_null(cJSON_GetObjectItem(json, "node"));
    cJSON_Delete(json);
}

static void test_json_keeps_any_text_on_one_line(void **state)
{
    static const char *const texts[] = {"a\nb\r\n\t", "\"}\\", "\x01\x1f\x7f", "", "gr\xc3\xbc"};
    cJSON *json;

    (void)state;
    log_configure(LOG_DEBUG, LOG_FORMAT_JSON, "");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        log_event(LOG_INFO, "e", LOG_STR("k", texts[i]));
        json = next_json();
        has(json, "k", texts[i]);
        cJSON_Delete(json);
    }
}

static void test_json_too_long_says_so(void **state)
{
    static char text[20000];
    cJSON *json;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    log_configure(LOG_DEBUG, LOG_FORMAT_JSON, "");
    log_event(LOG_INFO, "e", LOG_STR("k", text));
    json = next_json();
    assert_non_null(strstr(cJSON_GetObjectItem(json, "event")->valuestring, "too long"));
    cJSON_Delete(json);
}

static void test_a_log_that_cannot_be_written_is_no_failure(void **state)
{
    int closed = dup(ends[0]);

    (void)state;
    close(closed);
    log_to(closed);
    log_event(LOG_INFO, "lost");
    log_to(ends[1]);
    log_event(LOG_INFO, "kept");
    assert_string_equal(next_text(), "info  kept");
}

enum { WRITERS = 4, LINES = 50 };

static void *write_lines(void *arg)
{
    for (int i = 0; i < LINES; i++)
        log_event(LOG_INFO, "e", LOG_INT("writer", *(const int *)arg), LOG_INT("i", i));
    return NULL;
}

static void test_lines_of_many_threads_are_whole_and_in_their_order(void **state)
{
    int ids[WRITERS], seen[WRITERS] = {0}, writer, i;
    pthread_t threads[WRITERS];

    (void)state;
    for (int t = 0; t < WRITERS; t++) {
        ids[t] = t;
        assert_int_equal(pthread_create(&threads[t], NULL, write_lines, &ids[t]), 0);
    }
    for (int n = 0; n < WRITERS * LINES; n++) {
        ssize_t size = recv(ends[0], line, sizeof(line) - 1, 0);

        assert_true(size > 25);
        line[size] = '\0';
        assert_int_equal(sscanf(line + 25, "info  e writer=%d i=%d\n", &writer, &i), 2);
        assert_in_range(writer, 0, WRITERS - 1);
        assert_int_equal(i, seen[writer]++);
    }
    for (int t = 0; t < WRITERS; t++)
        pthread_join(threads[t], NULL);
    assert_null(next_line());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
        T(test_a_line_is_time_level_event_and_fields),
        T(test_the_time_is_utc_with_milliseconds),
        T(test_levels_have_names_of_one_width),
        T(test_levels_below_the_least_are_not_written),
        T(test_fields_of_an_unwanted_line_are_not_evaluated),
        T(test_the_node_stands_before_the_event),
        T(test_a_long_node_name_is_cut),
        T(test_text_that_could_be_misread_is_quoted),
        T(test_a_value_cannot_forge_a_line),
        T(test_an_event_cannot_forge_a_line),
        T(test_whole_numbers_are_written_in_full),
        T(test_sixteen_fields_fit),
        T(test_a_line_too_long_is_cut_and_marked),
        T(test_each_length_around_the_limit_is_one_line),
        T(test_json_has_the_same_parts),
        T(test_json_keeps_any_text_on_one_line),
        T(test_json_too_long_says_so),
        T(test_a_log_that_cannot_be_written_is_no_failure),
        T(test_lines_of_many_threads_are_whole_and_in_their_order),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
