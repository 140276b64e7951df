/* What is said to etcd, and what a server may say: right, wrong, cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/discovery/etcd_wire.h"

enum { MOST_KEYS = 8 };

static struct {
    char name[64], value[64];
    int64_t revision;
    bool gone;
} told[MOST_KEYS];
static unsigned n_told;

static void note(void *ctx, const struct etcd_key *k)
{
    assert_ptr_equal(ctx, told);
    assert_true(n_told < MOST_KEYS);
    assert_int_equal(k->name[k->name_len], '\0');
    assert_int_equal(k->value[k->value_len], '\0');
    snprintf(told[n_told].name, sizeof(told[0].name), "%s", k->name);
    snprintf(told[n_told].value, sizeof(told[0].value), "%s", k->value);
    told[n_told].revision = k->revision;
    told[n_told++].gone = k->gone;
}

static int reset(void **state)
{
    (void)state;
    n_told = 0;
    memset(told, 0, sizeof(told));
    return 0;
}

/* A copy that ends where a page of memory checks it, without a zero. */
static char *exact(const char *text, size_t n)
{
    char *copy = malloc(n ? n : 1);

    assert_non_null(copy);
    memcpy(copy, text, n);
    return copy;
}

/* ---- requests ---- */

static void is_text(char *text, const char *expected)
{
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void requests_are_what_the_gateway_takes(void **state)
{
    (void)state;
    is_text(etcd_write_login("me", "a\"b\\"), "{\"name\":\"me\",\"password\":\"a\\\"b\\\\\"}");
    is_text(etcd_write_grant(10000000000u), "{\"TTL\":\"10\"}");
    is_text(etcd_write_grant(2500000000u), "{\"TTL\":\"3\"}");
    is_text(etcd_write_lease("7587"), "{\"ID\":\"7587\"}");
    is_text(etcd_write_put("/p/a", "hello", "12"),
            "{\"key\":\"L3AvYQ==\",\"value\":\"aGVsbG8=\",\"lease\":\"12\"}");
    is_text(etcd_write_range("/p/", NULL, 0),
            "{\"key\":\"L3Av\",\"range_end\":\"L3Aw\",\"limit\":\"16\",\"revision\":\"0\"}");
    is_text(etcd_write_range("/p/", "/p/a", 7),
            "{\"key\":\"L3AvYQA=\",\"range_end\":\"L3Aw\",\"limit\":\"16\",\"revision\":\"7\"}");
    is_text(etcd_write_watch("/p/", 8), "{\"create_request\":{\"key\":\"L3Av\",\"range_end\":"
                                        "\"L3Aw\",\"start_revision\":\"8\",\"fragment\":true}}");
}

static void prefix_of_last_bytes_has_an_end(void **state)
{
    (void)state;
    is_text(etcd_write_range("a\xff", NULL, 0),
            "{\"key\":\"Yf8=\",\"range_end\":\"Yg==\",\"limit\":\"16\",\"revision\":\"0\"}");
    is_text(etcd_write_range("\xff", NULL, 0),
            "{\"key\":\"/w==\",\"range_end\":\"AA==\",\"limit\":\"16\",\"revision\":\"0\"}");
}

/* ---- answers ---- */

#define HEADER                                                                                     \
    "\"header\":{\"cluster_id\":\"6012025715201963436\",\"member_id\":\"6662698563040693991\","    \
    "\"revision\":\"5\",\"raft_term\":\"2\"}"

static const char grant[] = "{" HEADER ",\"ID\":\"5685691228289228293\",\"TTL\":\"2\"}";
static const char alive[] = "{\"result\":{" HEADER ",\"ID\":\"123\",\"TTL\":\"5\"}}";
static const char dead[] = "{\"result\":{" HEADER ",\"ID\":\"123\"}}";
static const char login[] = "{" HEADER ",\"token\":\"HjxaZceSjEFCNLOS.23\"}";
static const char range[] =
    "{" HEADER ",\"kvs\":[{\"key\":\"L3AvYQ==\",\"create_revision\":\"2\",\"mod_revision\":\"3\","
    "\"version\":\"1\",\"value\":\"aGVsbG8=\",\"lease\":\"56\"},{\"key\":\"L3AvYg==\","
    "\"mod_revision\":\"4\"}],\"more\":true,\"count\":\"3\"}";
static const char events[] =
    "{\"result\":{" HEADER ",\"events\":[{\"kv\":{\"key\":\"L3AvYQ==\",\"mod_revision\":\"6\","
    "\"value\":\"dHdv\"}},{\"type\":\"DELETE\",\"kv\":{\"key\":\"L3AvYg==\",\"mod_revision\":"
    "\"7\"}}]}}";

static void answers_are_read(void **state)
{
    char err[P2P_ERRLEN], token[512];
    struct etcd_lease lease;
    bool is_alive;

    (void)state;
    assert_int_equal(etcd_read_grant(grant, strlen(grant), &lease, err), 0);
    assert_string_equal(lease.id, "5685691228289228293");
    assert_true(lease.ttl_ns == 2000000000u);
    assert_int_equal(etcd_read_keepalive(alive, strlen(alive), &is_alive, err), 0);
    assert_true(is_alive);
    assert_int_equal(etcd_read_keepalive(dead, strlen(dead), &is_alive, err), 0);
    assert_false(is_alive);
    assert_int_equal(etcd_read_login(login, strlen(login), token, err), 0);
    assert_string_equal(token, "HjxaZceSjEFCNLOS.23");
}

static void list_is_read(void **state)
{
    static const char empty[] = "{" HEADER "}";
    char err[P2P_ERRLEN];
    struct etcd_page page;

    (void)state;
    assert_int_equal(etcd_read_range(range, strlen(range), note, told, &page, err), 0);
    assert_int_equal(page.revision, 5);
    assert_true(page.more);
    assert_string_equal(page.last, "/p/b");
    free(page.last);
    assert_int_equal(n_told, 2);
    assert_string_equal(told[0].name, "/p/a");
    assert_string_equal(told[0].value, "hello");
    assert_int_equal(told[0].revision, 3);
    assert_false(told[0].gone);
    assert_string_equal(told[1].value, "");
    assert_int_equal(etcd_read_range(empty, strlen(empty), note, told, &page, err), 0);
    assert_false(page.more);
    assert_null(page.last);
    assert_int_equal(n_told, 2);
}

static void events_are_read(void **state)
{
    static const char created[] = "{\"result\":{" HEADER ",\"created\":true}}";
    char err[P2P_ERRLEN];
    bool watching = false;

    (void)state;
    assert_int_equal(etcd_read_watch(events, strlen(events), note, told, &watching, err), 0);
    assert_false(watching);
    assert_int_equal(n_told, 2);
    assert_string_equal(told[0].value, "two");
    assert_false(told[0].gone);
    assert_string_equal(told[1].name, "/p/b");
    assert_true(told[1].gone);
    assert_int_equal(told[1].revision, 7);
    assert_int_equal(etcd_read_watch(created, strlen(created), note, told, &watching, err), 0);
    assert_true(watching);
    assert_int_equal(n_told, 2);
}

static void watch_that_ended_says_why(void **state)
{
    static const char *const ends[][2] = {
        {"{\"result\":{" HEADER ",\"canceled\":true,\"compact_revision\":\"3\"}}", "compacted"},
        {"{\"result\":{" HEADER ",\"watch_id\":\"-1\",\"created\":true,\"canceled\":true,"
         "\"cancel_reason\":\"invalid auth\\ntoken\"}}",
         "invalid auth token"},
        {"{\"result\":{" HEADER ",\"canceled\":true}}", "the server ended the watch"},
        {"{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":\"transport is closing\"}}",
         "transport is closing (HTTP 200)"},
        {"{\"result\":{\"events\":[{\"kv\":{\"key\":\"!\"}}]}}", "is no watch"},
        {"{\"result\":{\"events\":{}}}", "is no watch"},
        {"{\"result\":[]}", "is no watch"},
        {"{}", "is no watch"},
        {"[]", "is no watch"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        char err[P2P_ERRLEN] = "";
        bool watching = false;

        assert_int_equal(
            etcd_read_watch(ends[i][0], strlen(ends[i][0]), note, told, &watching, err), -1);
        if (!strstr(err, ends[i][1]))
            fail_msg("%s: %s", ends[i][0], err);
        assert_false(watching);
    }
    assert_int_equal(n_told, 0);
}

static void errors_are_short_and_fit_for_a_log(void **state)
{
    char err[P2P_ERRLEN], long_one[4096];
    static const char refused[] = "{\"error\":\"etcdserver: permission denied\",\"code\":7}";

    (void)state;
    etcd_read_error(403, refused, strlen(refused), err);
    assert_string_equal(err, "etcdserver: permission denied (HTTP 403)");
    etcd_read_error(404, "Not Found\n", 10, err);
    assert_string_equal(err, "Not Found  (HTTP 404)");
    etcd_read_error(500, "", 0, err);
    assert_string_equal(err, " (HTTP 500)");
    memset(long_one, '\x1b', sizeof(long_one));
    etcd_read_error(500, long_one, sizeof(long_one), err);
    assert_true(strlen(err) < 150);
    assert_null(strchr(err, '\x1b'));
}

/* Each reader, for the tests of bad input. */
static int read_with(unsigned reader, const char *text, size_t n)
{
    char err[P2P_ERRLEN] = "", token[512];
    struct etcd_lease lease;
    struct etcd_page page = {0};
    bool flag = false;
    int rc;

    switch (reader) {
    case 0:
        rc = etcd_read_grant(text, n, &lease, err);
        break;
    case 1:
        rc = etcd_read_keepalive(text, n, &flag, err);
        break;
    case 2:
        rc = etcd_read_login(text, n, token, err);
        break;
    case 3:
        rc = etcd_read_range(text, n, note, told, &page, err);
        free(page.last);
        break;
    default:
        rc = etcd_read_watch(text, n, note, told, &flag, err);
    }
    n_told = 0;
    assert_true((rc == 0) == (err[0] == '\0'));
    return rc;
}

static void what_is_cut_is_not_read(void **state)
{
    static const char *const whole[] = {grant, alive, login, range, events};

    (void)state;
    for (unsigned reader = 0; reader < 5; reader++)
        for (size_t n = 0; n <= strlen(whole[reader]); n++) {
            char *text = exact(whole[reader], n);

            assert_int_equal(read_with(reader, text, n), n == strlen(whole[reader]) ? 0 : -1);
            free(text);
        }
}

static void garbage_is_refused(void **state)
{
    static const char *const garbage[] = {
        "",
        "null",
        "0",
        "\"\"",
        "[]",
        "{}",
        "{\"result\":0}",
        "{\"header\":0}",
        "\x80\xff",
        "{\"ID\":\"\",\"TTL\":\"5\"}",
        "{\"ID\":\"1;2\",\"TTL\":\"5\"}",
        "{\"ID\":\"1\"}",
        "{\"ID\":\"1\",\"TTL\":\"0\"}",
        "{\"ID\":\"1\",\"TTL\":\"-3\"}",
        "{\"ID\":\"1\",\"TTL\":\"99999999999999999999\"}",
        "{\"ID\":\"123456789012345678901234567890\",\"TTL\":\"5\"}",
        "{\"ID\":1,\"TTL\":5}",
        "{\"token\":\"\"}",
        "{\"token\":\"a\\r\\nHost: b\"}",
        "{\"token\":7}",
        "{" HEADER ",\"kvs\":{}}",
        "{" HEADER ",\"kvs\":[0]}",
        "{" HEADER ",\"kvs\":[{}]}",
        "{" HEADER ",\"kvs\":[{\"key\":\"%%%\"}]}",
        "{" HEADER ",\"kvs\":[{\"key\":\"L3Av\",\"value\":\"%\"}]}",
        "{\"kvs\":[]}",
        "{\"header\":{\"revision\":\"-1\"}}",
        "{" HEADER ",\"more\":true}"};

    (void)state;
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++)
        for (unsigned reader = 0; reader < 5; reader++) {
            size_t n = strlen(garbage[i]);
            char *text = exact(garbage[i], n);
            bool is_empty_list = reader == 3 && strncmp(garbage[i], "{\"header\":{\"c", 13) == 0 &&
                                 !strstr(garbage[i], "kvs") && !strstr(garbage[i], "more");

            if (read_with(reader, text, n) != (is_empty_list ? 0 : -1))
                fail_msg("reader %u takes %s", reader, garbage[i]);
            free(text);
        }
}

static void deep_nesting_is_refused(void **state)
{
    enum { DEPTH = 100000 };
    char *text = malloc(DEPTH);

    (void)state;
    assert_non_null(text);
    memset(text, '[', DEPTH);
    for (unsigned reader = 0; reader < 5; reader++)
        assert_int_equal(read_with(reader, text, DEPTH), -1);
    free(text);
}

/* ---- a stream of objects ---- */

static const char objects[] = "{\"a\":\"}{\\\"}\"}\n{}\r\n {\"b\":{\"c\":[{}]}}{\"d\\\\\":1}\n";
static const char *const cut[] = {"{\"a\":\"}{\\\"}\"}", "{}", "{\"b\":{\"c\":[{}]}}",
                                  "{\"d\\\\\":1}"};

static void feed(struct etcd_cutter *c, const char *bytes, size_t n, unsigned *seen)
{
    char err[P2P_ERRLEN];

    while (n > 0) {
        int64_t taken = etcd_cut(c, bytes, n, err);

        assert_true(taken > 0 && (size_t)taken <= n);
        bytes += taken;
        n -= (size_t)taken;
        if (!c->whole)
            continue;
        assert_true(*seen < 4);
        assert_int_equal(c->text.len, strlen(cut[*seen]));
        assert_memory_equal(c->text.data, cut[*seen], c->text.len);
        ++*seen;
    }
}

static void stream_may_be_cut_anywhere(void **state)
{
    size_t n = strlen(objects);

    (void)state;
    for (size_t i = 0; i <= n; i++)
        for (size_t k = i; k <= n; k++) {
            struct etcd_cutter c = {0};
            unsigned seen = 0;

            buf_init(&c.text, 64);
            feed(&c, objects, i, &seen);
            feed(&c, objects + i, k - i, &seen);
            feed(&c, objects + k, n - k, &seen);
            assert_int_equal(seen, 4);
            buf_release(&c.text);
        }
}

static void no_stream_of_objects_is_refused(void **state)
{
    static const char *const bad[] = {"x", "[]", "}", "\"a\"", "1", "Not Found\n", "<html>"};
    char err[P2P_ERRLEN];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct etcd_cutter c = {0};

        buf_init(&c.text, 64);
        assert_int_equal(etcd_cut(&c, bad[i], strlen(bad[i]), err), -1);
        assert_int_equal(etcd_cut(&c, "{}", 2, err), 2);
        assert_true(c.whole);
        assert_int_equal(etcd_cut(&c, bad[i], strlen(bad[i]), err), -1);
        assert_int_equal(etcd_cut(&c, "\0{}", 3, err), -1);
        buf_release(&c.text);
    }
}

static void object_has_a_limit(void **state)
{
    struct etcd_cutter c = {0};
    char err[P2P_ERRLEN];

    (void)state;
    buf_init(&c.text, 16);
    assert_int_equal(etcd_cut(&c, "{\"a\":\"01234567\"}", 16, err), 16);
    assert_true(c.whole);
    assert_int_equal(etcd_cut(&c, "{\"a\":\"0123", 10, err), 10);
    assert_int_equal(etcd_cut(&c, "45678\"}", 7, err), -1);
    assert_non_null(strstr(err, "larger than 16 bytes"));
    buf_release(&c.text);
}

#define TEST(f) cmocka_unit_test_setup(f, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_are_what_the_gateway_takes),
        TEST(prefix_of_last_bytes_has_an_end),
        TEST(answers_are_read),
        TEST(list_is_read),
        TEST(events_are_read),
        TEST(watch_that_ended_says_why),
        TEST(errors_are_short_and_fit_for_a_log),
        TEST(what_is_cut_is_not_read),
        TEST(garbage_is_refused),
        TEST(deep_nesting_is_refused),
        TEST(stream_may_be_cut_anywhere),
        TEST(no_stream_of_objects_is_refused),
        TEST(object_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
