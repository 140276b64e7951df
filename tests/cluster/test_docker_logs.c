/* What functions in containers of a real Docker daemon write, as GET /system/logs tells it. */
#include "tests/cluster/support_docker.h"
#include "tests/cluster/support_follow.h"

static const char *settings[] = {"node.slots=16",
                                 "node.queue=64",
                                 "node.stop_timeout=5s",
                                 "discovery.source=none",
                                 "node.id=docker-logs",
                                 docker_socket,
                                 NULL};

static const char functions[] =
    "functions:\n"
    "  one: {runtime: docker, image: 'p2pfaas-logs:1', idle_timeout: 10m}\n"
    "  two: {runtime: docker, image: 'p2pfaas-logs:1', replicas_max: 2, idle_timeout: 10m}\n";

static int begin(void **state)
{
    (void)state;
    fixture_init(1, functions);
    docker_node(settings, "p2pfaas-logs:1");
    return 0;
}

static unsigned count(const char *text, const char *part)
{
    unsigned n = 0;

    for (; (text = strstr(text, part)); text++)
        n++;
    return n;
}

struct wanted {
    const char *path, *part;
    unsigned n;
};

/* What was written a moment ago may not be there yet. */
static bool are_told(void *arg)
{
    const struct wanted *w = arg;
    struct reply r = get(0, w->path);
    bool told = r.status == 200 && count(r.body, w->part) == w->n;

    reply_free(&r);
    return told;
}

static void wait_told(const char *path, const char *part, unsigned n)
{
    struct wanted w = {path, part, n};

    if (!wait_until(are_told, &w, PATIENCE))
        expect(get(0, path), 0, part);
}

static void lines_of_both_outputs(void **state)
{
    char part[64];

    (void)state;
    need_docker();
    wait_told("/system/logs?name=one", "\"text\"", 0); /* Docker was asked */
    expect(post_text(0, "/function/one/say?2", "hello"), 200, "hello");
    wait_told("/system/logs?name=one", "\"text\":\"out: hello\"", 2);
    wait_told("/system/logs?name=one", "\"text\":\"err: hello\"", 2);
    snprintf(part, sizeof(part), "\"instance\":\"%.12s\"",
             shell("docker ps -q --filter label=p2pfaas.function=one"));
    wait_told("/system/logs?name=one", part, 4);
}

static void query_goes_to_the_daemon(void **state)
{
    char path[128];

    (void)state;
    need_docker();
    wait_told("/system/logs?name=one&tail=1", "hello", 1);
    wait_told("/system/logs?name=one&since=2100-01-01T00:00:00Z", "hello", 0);
    wait_told("/system/logs?name=one&since=2001-01-01T00:00:00.5Z", "hello", 4);
    wait_told("/system/logs?name=one&instance=abcdefabcdef", "hello", 0);
    snprintf(path, sizeof(path), "/system/logs?name=one&instance=%.12s",
             shell("docker ps -q --filter label=p2pfaas.function=one"));
    wait_told(path, "hello", 4);
}

static void usage_is_measured_by_the_daemon(void **state)
{
    struct reply r;

    (void)state;
    need_docker();
    expect(post_text(0, "/function/one", "x"), 200, "x");
    r = get(0, "/system/function/one?usage=1");
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "\"usage\":{\"cpu\":"));
    assert_non_null(strstr(r.body, "\"totalMemoryBytes\":"));
    assert_null(strstr(r.body, "\"totalMemoryBytes\":0}"));
    reply_free(&r);
    expect(get(0, "/system/function/two?usage=1"), 200,
           "\"usage\":{\"cpu\":0,\"totalMemoryBytes\":0}");
}

/* More than the node keeps at once: the daemon has to wait for the reader. */
static void long_log_comes_whole(void **state)
{
    (void)state;
    need_docker();
    expect(post_text(0, "/function/one/say?6000", "many"), 200, "many");
    wait_told("/system/logs?name=one", "\"text\":\"out: many\"", 6000);
    expect_streams(0);
}

static void follower_gets_lines_of_containers_that_start_later(void **state)
{
    struct follower f;

    (void)state;
    need_docker();
    follow(&f, "name=two&follow=1", 0);
    wait_text(&f, "\r\n\r\n");
    expect(post_text(0, "/function/two/say?1", "from the first"), 200, "from");
    wait_text(&f, "err: from the first");
    expect(post_text(0, "/function/two/exit?1", "x"), 502, NULL);
    expect(post_text(0, "/function/two/say?1", "from another"), 200, "from");
    wait_text(&f, "err: from another");
    close(f.fd);
    expect_streams(0);
}

static void node_asks_the_daemon_no_longer_than_somebody_reads(void **state)
{
    struct follower f;

    (void)state;
    need_docker();
    for (int i = 0; i < 30; i++) {
        follow(&f, "name=one&follow=1&tail=1", 0);
        wait_text(&f, "\"text\"");
        close(f.fd);
    }
    expect_streams(0);
    expect(get(0, "/system/logs?name=one&tail=1"), 200, "\"text\"");
}

static void stop_ends_it_at_once(void **state)
{
    struct follower f;

    (void)state;
    need_docker();
    follow(&f, "name=one&follow=1&tail=1", 0);
    wait_text(&f, "\"text\"");
    assert_true(stop_node(0));
    wait_text(&f, "\r\n0\r\n\r\n");
    close(f.fd);
    start_node(0, NULL);
}

static void daemon_that_goes_ends_it_with_a_line(void **state)
{
    struct follower f;

    (void)state;
    need_docker();
    expect(post_text(0, "/function/one/say?1", "hello"), 200, "hello");
    follow(&f, "name=one&follow=1", 0);
    wait_text(&f, "err: hello");
    stop_dockerd();
    wait_text(&f, "Docker is not there: ");
    wait_text(&f, "\r\n0\r\n\r\n");
    close(f.fd);
    expect(get(0, "/system/logs?name=one"), 503, "Docker is not there");
    assert_true(start_dockerd());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_both_outputs),
        cmocka_unit_test(query_goes_to_the_daemon),
        cmocka_unit_test(usage_is_measured_by_the_daemon),
        cmocka_unit_test(long_log_comes_whole),
        cmocka_unit_test(follower_gets_lines_of_containers_that_start_later),
        cmocka_unit_test(node_asks_the_daemon_no_longer_than_somebody_reads),
        cmocka_unit_test(stop_ends_it_at_once),
        cmocka_unit_test(daemon_that_goes_ends_it_with_a_line),
    };

    return cmocka_run_group_tests(tests, begin, docker_end);
}
