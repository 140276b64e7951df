/* What functions write, as GET /system/logs tells it. */
#include <cjson/cJSON.h>
#include <math.h>
#include <signal.h>
#include <unistd.h>

#include "tests/cluster/support_follow.h"

#define TEN "0123456789"
#define LINE TEN TEN TEN TEN TEN TEN TEN TEN TEN

enum { FOLLOWERS = 50, MOST = 128 };

static const char functions[] =
    "functions:\n"
    "  say: {command: [sh, -c, 'cat >&2; echo done']}\n"
    "  flood: {command: [sh, -c, 'yes $0 | head -c 3000000 >&2', '" LINE "'], timeout: 20s}\n"
    "  talk: {mode: http, command: ['${BIN}/functions/misbehave']}\n"
    "  idle: {mode: http, command: ['${BIN}/functions/misbehave']}\n"
    "  quiet: {command: [cat]}\n"
    "  missing: {command: [/nonexistent/program]}\n";
static const char *const settings[] = {"discovery.source=none", "limits.idle_timeout=2s", NULL};

static int begin(void **state)
{
    (void)state;
    fixture_start(1, functions, settings);
    return 0;
}

static int end(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static void say(const char *text)
{
    expect(post_text(0, "/function/say", text), 200, "done");
}

/* Writes more than what the kernel keeps for one who does not read. */
static void fill_sockets(void)
{
    for (int i = 0; i < 3; i++)
        expect(post_text(0, "/function/flood", "x"), 200, "");
}

/* ---- what there is ---- */

static void lines_of_forked_programs(void **state)
{
    struct reply r;
    cJSON *json;
    const char *end;

    (void)state;
    say("first\nsecond \\ \"\xff\"\n");
    say("third, without an end");
    r = get(0, "/system/logs?name=say");
    assert_int_equal(r.status, 200);
    assert_string_equal(header(&r, "Content-Type"), "application/x-ndjson");
    json = cJSON_ParseWithOpts(r.body, &end, false);
    assert_non_null(json);
    assert_string_equal(cJSON_GetObjectItem(json, "name")->valuestring, "say");
    assert_string_equal(cJSON_GetObjectItem(json, "namespace")->valuestring, "openfaas-fn");
    assert_string_equal(cJSON_GetObjectItem(json, "text")->valuestring, "first");
    assert_true(atoi(cJSON_GetObjectItem(json, "instance")->valuestring) > 1);
    assert_int_equal(strlen(cJSON_GetObjectItem(json, "timestamp")->valuestring), 30);
    assert_int_equal(*end, '\n');
    cJSON_Delete(json);
    json = cJSON_ParseWithOpts(end, &end, false);
    assert_string_equal(cJSON_GetObjectItem(json, "text")->valuestring, "second \\ \"?\"");
    cJSON_Delete(json);
    json = cJSON_Parse(end);
    assert_string_equal(cJSON_GetObjectItem(json, "text")->valuestring, "third, without an end");
    cJSON_Delete(json);
    reply_free(&r);
}

static void lines_of_a_program_that_serves(void **state)
{
    (void)state;
    expect(get(0, "/function/talk?do=exit"), 502, NULL);
    wait_log(0, "function says");
    expect(get(0, "/system/logs?name=talk.openfaas-fn"), 200, "\"text\":\"this is why\"}\n");
}

static void query_chooses(void **state)
{
    char path[160], since[40];
    struct reply r;
    cJSON *json;

    (void)state;
    say("one\ntwo\nthree\n");
    r = get(0, "/system/logs?name=say&tail=2&namespace=openfaas-fn");
    assert_null(strstr(r.body, "\"one\""));
    assert_non_null(strstr(r.body, "\"two\""));
    json = cJSON_Parse(strchr(r.body, '\n'));
    snprintf(since, sizeof(since), "%s", cJSON_GetObjectItem(json, "timestamp")->valuestring);
    snprintf(path, sizeof(path), "/system/logs?name=say&instance=%s&tail=-1",
             cJSON_GetObjectItem(json, "instance")->valuestring);
    cJSON_Delete(json);
    reply_free(&r);
    r = get(0, path);
    assert_non_null(strstr(r.body, "\"one\""));
    assert_null(strstr(r.body, "\"first\""));
    reply_free(&r);
    snprintf(path, sizeof(path), "/system/logs?name=say&since=%s", since);
    r = get(0, path);
    assert_null(strstr(r.body, "\"two\""));
    assert_non_null(strstr(r.body, "\"three\""));
    reply_free(&r);
    r = get(0, "/system/logs?name=quiet");
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "");
    reply_free(&r);
}

static void garbage_is_refused(void **state)
{
    static const struct {
        const char *query, *part;
        long status;
    } bad[] = {{"", "?name=", 422},
               {"?name=", "?name=", 422},
               {"?name=say&tail=ten", "tail 'ten'", 422},
               {"?name=say&since=yesterday", "since 'yesterday'", 422},
               {"?name=say&follow=perhaps", "follow 'perhaps'", 422},
               {"?name=say&tail=%00%ff", NULL, 200},
               {"?name=nobody", "no function 'nobody'; there are: ", 404},
               {"?name=say&namespace=elsewhere", "namespace: 'elsewhere' is not of this node", 400},
               {"?name=say.elsewhere", "no function", 404},
               {"?name=missing", "missing", 503}};
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(path, sizeof(path), "/system/logs%s", bad[i].query);
        expect(get(0, path), bad[i].status, bad[i].part);
    }
    expect(post_text(0, "/system/logs?name=say", "x"), 405, "GET");
    expect_streams(0);
}

/* ---- what it uses ---- */

static double used(const char *name, const char *what)
{
    char path[128];
    struct reply r;
    cJSON *json;
    double value;

    snprintf(path, sizeof(path), "/system/function/%s?usage=1", name);
    r = get(0, path);
    assert_int_equal(r.status, 200);
    json = cJSON_Parse(r.body);
    value = cJSON_GetNumberValue(cJSON_GetObjectItem(cJSON_GetObjectItem(json, "usage"), what));
    cJSON_Delete(json);
    reply_free(&r);
    return value;
}

static void usage_is_measured_when_it_is_asked_for(void **state)
{
    (void)state;
    assert_true(used("idle", "cpu") == 0 && used("idle", "totalMemoryBytes") == 0);
    expect(get(0, "/function/idle"), 200, "well behaved");
    assert_true(used("idle", "totalMemoryBytes") > 100000);
    assert_true(used("idle", "cpu") >= 0);
    assert_true(isnan(used("say", "cpu"))); /* a program a call */
    expect(get(0, "/system/function/nobody?usage=1"), 404, NULL);
}

/* ---- what comes ---- */

static void follower_sees_lines_as_they_come(void **state)
{
    struct follower f;

    (void)state;
    follow(&f, "name=quiet&follow=1", 0);
    wait_text(&f, "\r\n\r\n"); /* the head, without a line */
    close(f.fd);
    follow(&f, "name=say&follow=true&tail=1", 0);
    wait_text(&f, "\"text\":");
    say("here it comes");
    wait_text(&f, "here it comes");
    say("and more");
    wait_text(&f, "and more");
    expect_streams(1);
    close(f.fd);
    expect_streams(0);
    say("nobody listens");
}

static void many_follow_at_once(void **state)
{
    struct follower *f = calloc(FOLLOWERS, sizeof(*f));

    (void)state;
    assert_non_null(f);
    for (int i = 0; i < FOLLOWERS; i++)
        follow(&f[i], "name=say&follow=1", 0);
    expect_streams(FOLLOWERS);
    say("to all of you");
    for (int i = 0; i < FOLLOWERS; i++) {
        wait_text(&f[i], "to all of you");
        close(f[i].fd);
    }
    expect_streams(0);
    free(f);
}

static void too_many_are_refused(void **state)
{
    static int fd[MOST];
    struct follower *f = calloc(1, sizeof(*f));

    (void)state;
    assert_non_null(f);
    for (int i = 0; i < MOST; i++) {
        follow(f, "name=say&follow=1", 0);
        fd[i] = f->fd;
    }
    expect_streams(MOST);
    expect(get(0, "/system/logs?name=say"), 503, "logs are being read already");
    for (int i = 0; i < MOST; i++)
        close(fd[i]);
    expect_streams(0);
    expect(get(0, "/system/logs?name=say&tail=1"), 200, "\"text\"");
    free(f);
}

/* It takes a little, then nothing while much is written, then all. */
static void slow_reader_is_told_what_it_missed(void **state)
{
    struct follower f;

    (void)state;
    follow(&f, "name=flood&follow=1", 64 << 10);
    wait_text(&f, "\r\n\r\n");
    fill_sockets();
    wait_text(&f, "lines are missing here");
    close(f.fd);
    expect_streams(0);
}

static void who_reads_nothing_is_cut_off(void **state)
{
    struct follower f;

    (void)state;
    follow(&f, "name=flood&follow=1", 4096);
    expect_streams(1);
    fill_sockets();
    expect_streams(0);
    close(f.fd);
}

static void reload_without_the_function_ends_it(void **state)
{
    char command[256];
    struct follower f;

    (void)state;
    follow(&f, "name=quiet&follow=1", 0);
    wait_text(&f, "\r\n\r\n");
    snprintf(command, sizeof(command), "sed -i '/quiet:/d' %s", cluster.config);
    assert_int_equal(system(command), 0);
    kill(cluster.node[0].pid, SIGHUP);
    wait_text(&f, "\r\n0\r\n\r\n"); /* the last chunk */
    close(f.fd);
    expect(get(0, "/system/logs?name=quiet"), 404, NULL);
}

static void stop_ends_all_at_once(void **state)
{
    struct follower *f = calloc(3, sizeof(*f));
    double began;

    (void)state;
    assert_non_null(f);
    follow(&f[0], "name=say&follow=1", 0);
    follow(&f[1], "name=talk&follow=1&tail=1", 0);
    follow(&f[2], "name=flood&follow=1", 4096); /* it will not read */
    expect_streams(3);
    fill_sockets();
    began = seconds_now();
    assert_true(stop_node(0));
    assert_true(seconds_now() - began < 4);
    wait_text(&f[0], "\r\n0\r\n\r\n");
    wait_text(&f[1], "\r\n0\r\n\r\n");
    for (int i = 0; i < 3; i++)
        assert_true(wait_end(&f[i], 10));
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_forked_programs),
        cmocka_unit_test(lines_of_a_program_that_serves),
        cmocka_unit_test(query_chooses),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(usage_is_measured_when_it_is_asked_for),
        cmocka_unit_test(follower_sees_lines_as_they_come),
        cmocka_unit_test(many_follow_at_once),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(slow_reader_is_told_what_it_missed),
        cmocka_unit_test(who_reads_nothing_is_cut_off),
        cmocka_unit_test(reload_without_the_function_ends_it),
        cmocka_unit_test(stop_ends_all_at_once),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
