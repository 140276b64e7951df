/* A node that runs functions in containers of a real Docker daemon, started here. */
#include "tests/cluster/support_docker.h"

static const char *settings[] = {
    "node.slots=16",       "node.queue=64", "node.stop_timeout=5s",   "discovery.source=none",
    "node.id=docker-test", docker_socket,   "docker.pull_timeout=5s", NULL};

static const char functions[] =
    "functions:\n"
    "  one: {runtime: docker, image: 'p2pfaas-test:1', idle_timeout: 10m}\n"
    "  many: {runtime: docker, image: 'p2pfaas-test:1', replicas_max: 3, concurrency: 2,"
    " idle_timeout: 1s}\n"
    "  again: {runtime: docker, image: 'p2pfaas-test:1', replicas_max: 2, concurrency: 4,"
    " idempotent: true, idle_timeout: 10m}\n"
    "  scaled: {runtime: docker, image: 'p2pfaas-test:1', replicas_max: 3, concurrency: 4,"
    " idle_timeout: 10m}\n"
    "  small: {runtime: docker, image: 'p2pfaas-test:1', memory: 16MB, idle_timeout: 10m}\n"
    "  missing: {runtime: docker, image: '127.0.0.1:9/nowhere:1'}\n"
    "  wrong: {runtime: docker, image: 'p2pfaas-test:1', network: nowhere}\n";

static int begin(void **state)
{
    (void)state;
    fixture_init(1, functions);
    docker_node(settings, "p2pfaas-test:1");
    return 0;
}

/* ---- what there is ---- */

struct wanted {
    const char *function, *filter;
    unsigned n;
};

static unsigned containers(const char *function, const char *filter)
{
    const char *list = shell("docker ps -q %s --filter label=p2pfaas.node=docker-test --filter "
                             "label=p2pfaas.function=%s",
                             filter, function);
    unsigned n = 0;

    for (; (list = strchr(list, '\n')); list++)
        n++;
    return n;
}

static bool there_are(void *arg)
{
    const struct wanted *w = arg;

    return containers(w->function, w->filter) == w->n;
}

static void wait_containers(const char *function, unsigned n)
{
    struct wanted w = {function, "-a", n};

    if (!wait_until(there_are, &w, PATIENCE))
        fail_msg("%s has %u containers, wanted %u", function, containers(function, "-a"), n);
}

static void host_of(const char *function, char out[64])
{
    char path[64];
    struct reply r;

    snprintf(path, sizeof(path), "/function/%s/host", function);
    r = post_text(0, path, "x");
    assert_int_equal(r.status, 200);
    snprintf(out, 64, "%s", r.body);
    reply_free(&r);
}

/* ---- calls ---- */

static void first_call_starts_a_container(void **state)
{
    struct reply r;
    double phase[4];

    (void)state;
    need_docker();
    assert_int_equal(containers("one", "-a"), 0);
    r = post_text(0, "/function/one", "hello");
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "hello");
    assert_int_equal(sscanf(header(&r, "X-P2pfaas-Timing-Cold-Start-Seconds-List"),
                            "[%lf,%lf,%lf,%lf]", &phase[0], &phase[1], &phase[2], &phase[3]),
                     4);
    for (unsigned i = 0; i < 4; i++)
        assert_true(phase[i] > 0);
    reply_free(&r);
    r = post_text(0, "/function/one", "again");
    assert_string_equal(r.body, "again");
    assert_string_equal(header(&r, "X-P2pfaas-Timing-Cold-Start-Seconds-List"), "");
    reply_free(&r);
    assert_int_equal(containers("one", "-a"), 1);
    assert_true(metric(0, "p2pfaas_cold_start_seconds_count{function=\"one\",phase=\"create\"") ==
                1);
    assert_true(metric(0, "p2pfaas_cold_start_seconds_sum{function=\"one\",phase=\"start\"") > 0);
}

static void container_has_no_more_than_it_needs(void **state)
{
    const char *text;

    (void)state;
    need_docker();
    expect(post_text(0, "/function/one/write", "x"), 200, "root no, tmp yes");
    text = shell("docker ps -q --filter label=p2pfaas.function=one | xargs docker inspect");
    assert_non_null(strstr(text, "\"no-new-privileges\""));
    assert_non_null(strstr(text, "\"HostIp\": \"127.0.0.1\""));
    assert_non_null(strstr(text, "\"PidsLimit\": 1024"));
}

static bool is_hello(const struct reply *r)
{
    return r->status == 200 && strcmp(r->body, "hello") == 0;
}

static void more_start_under_load_and_none_is_left_after(void **state)
{
    char why[256];
    unsigned right, wrong;
    struct load *l;

    (void)state;
    need_docker();
    l = load_start(0, 12, "/function/many/sleep?20", "hello", is_hello);
    wait_containers("many", 3);
    wait_metric(0, "p2pfaas_requests_total{function=\"many\",code=\"200\"", 200, PATIENCE);
    right = load_stop(l, &wrong, why);
    if (wrong)
        fail_msg("%u of %u wrong: %s", wrong, right + wrong, why);
    wait_containers("many", 0);
    expect(post_text(0, "/function/many", "hello"), 200, "hello");
}

static void scale(unsigned replicas)
{
    char json[64];

    snprintf(json, sizeof(json), "{\"serviceName\":\"scaled\",\"replicas\":%u}", replicas);
    expect(post_text(0, "/system/scale-function/scaled", json), 202, "");
}

static void as_many_run_as_are_wanted(void **state)
{
    (void)state;
    need_docker();
    scale(3);
    wait_containers("scaled", 3);
    expect(post_text(0, "/system/scale-function/scaled", "{\"replicas\":4}"), 400,
           "function 'scaled' can have 3 replicas at most, its replicas_max");
    scale(1);
    wait_containers("scaled", 1);
    scale(0);
    wait_containers("scaled", 0);
    expect(post_text(0, "/function/scaled", "hello"), 200, "hello");
    wait_containers("scaled", 1);
}

static void scaling_under_load_fails_no_call(void **state)
{
    static const unsigned steps[] = {3, 0, 1, 0};
    unsigned right, wrong;
    char why[256];
    struct load *l;

    (void)state;
    need_docker();
    l = load_start(0, 3, "/function/scaled/sleep?5", "hello", is_hello);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        unsigned before = load_right(l);

        scale(steps[i]);
        for (double end = seconds_now() + PATIENCE; load_right(l) < before + 30;)
            assert_true(seconds_now() < end);
    }
    right = load_stop(l, &wrong, why);
    if (wrong)
        fail_msg("%u of %u wrong: %s", wrong, right + wrong, why);
    scale(0);
    wait_containers("scaled", 0);
}

static void delay_of_a_start_is_measured(void **state)
{
    double delay, create, start, ready;
    struct reply r;

    (void)state;
    need_docker();
    scale(2);
    wait_containers("scaled", 2);
    expect(post_text(0, "/function/scaled", "hello"), 200, "hello");
    r = get(0, "/monitoring/scale-delay/scaled");
    if (r.status != 200 ||
        sscanf(r.body,
               "{\"name\":\"scaled\",\"delay_seconds\":%lf,\"phases\":{\"create\":%lf,"
               "\"start\":%lf,\"ready\":%lf}",
               &delay, &create, &start, &ready) != 4)
        fail_msg("%ld %s", r.status, r.body);
    assert_true(create > 0 && start > 0 && ready > 0 && delay >= create + start + ready);
    reply_free(&r);
    expect(get(0, "/monitoring/scale-delay/missing?timeout=0.5"), 504, "cannot be fetched");
    scale(0);
    wait_containers("scaled", 0);
}

/* ---- what goes wrong ---- */

static void what_ran_in_a_container_that_ends_is_told(void **state)
{
    (void)state;
    need_docker();
    expect(post_text(0, "/function/one/exit?3", "x"), 502, "closed the connection");
    expect(post_text(0, "/function/one", "hello"), 200, "hello");
    wait_log(0, "its container ended while it served: exit code 3");
}

static void killed_container_under_load_loses_no_idempotent_job(void **state)
{
    char why[256];
    unsigned right, wrong;
    struct load *l;

    (void)state;
    need_docker();
    expect(post_text(0, "/function/again", "hello"), 200, "hello");
    l = load_start(0, 8, "/function/again/sleep?10", "hello", is_hello);
    wait_metric(0, "p2pfaas_requests_total{function=\"again\",code=\"200\"", 50, PATIENCE);
    wait_containers("again", 2);
    wait_metric(0, "p2pfaas_requests_total{function=\"again\",code=\"200\"", 200, PATIENCE);
    shell("docker kill $(docker ps -q -n 1 --filter label=p2pfaas.function=again)");
    wait_log(0, "function=again why=\"its container ended while it served: exit code 137\"");
    wait_metric(0, "p2pfaas_requests_total{function=\"again\",code=\"200\"", 600, PATIENCE);
    right = load_stop(l, &wrong, why);
    if (wrong)
        fail_msg("%u of %u wrong: %s", wrong, right + wrong, why);
}

static void memory_limit_ends_it_and_is_named(void **state)
{
    (void)state;
    need_docker();
    expect(post_text(0, "/function/small", "hello"), 200, "hello");
    expect(post_text(0, "/function/small/eat?64", "x"), 502, "closed the connection");
    wait_log(0, "it needed more than its memory of 16 MB");
    expect(post_text(0, "/function/small", "hello"), 200, "hello");
}

static void image_that_is_not_is_named(void **state)
{
    (void)state;
    need_docker();
    expect(post_text(0, "/function/missing", "x"), 502,
           "its image '127.0.0.1:9/nowhere:1' cannot be fetched");
}

static void network_that_is_not_is_named(void **state)
{
    (void)state;
    need_docker();
    expect(post_text(0, "/function/wrong", "x"), 502, "network nowhere not found");
    wait_containers("wrong", 0);
}

/* ---- the node and the daemon come and go ---- */

static void killed_node_takes_its_containers_up_again(void **state)
{
    static const char *const other[] = {"node.slots=8", NULL};
    char before[64], after[64];

    (void)state;
    need_docker();
    host_of("one", before);
    cluster_stop(&cluster, 0, SIGKILL, 10);
    assert_int_equal(containers("one", ""), 1);
    start_node(0, other);
    host_of("one", after);
    assert_string_equal(before, after);
    assert_int_equal(containers("one", "-a"), 1);
    wait_log(0, "container is taken up again function=one");
}

static void containers_of_nobody_are_removed(void **state)
{
    (void)state;
    need_docker();
    cluster_stop(&cluster, 0, SIGKILL, 10);
    shell("docker run -d --label p2pfaas.node=docker-test --label p2pfaas.function=one --label "
          "p2pfaas.settings=other p2pfaas-test:1");
    shell("docker run -d --label p2pfaas.node=docker-test --label p2pfaas.function=nobody "
          "p2pfaas-test:1");
    shell("docker run -d --label p2pfaas.node=another --label p2pfaas.function=one p2pfaas-test:1");
    start_node(0, NULL);
    wait_containers("nobody", 0);
    wait_containers("one", 1);
    assert_non_null(strstr(shell("docker ps -q --filter label=p2pfaas.node=another"), "\n"));
    expect(post_text(0, "/function/one", "hello"), 200, "hello");
}

static void reload(const char *text)
{
    FILE *f = fopen(cluster.config, "we");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    kill(cluster.node[0].pid, SIGHUP);
}

static void reload_replaces_what_changed_and_removes_what_is_gone(void **state)
{
    (void)state;
    need_docker();
    expect(post_text(0, "/function/one", "hello"), 200, "hello");
    expect(post_text(0, "/function/again", "hello"), 200, "hello");
    reload("functions:\n  one: {runtime: docker, image: 'p2pfaas-test:1', memory: 48MB}\n");
    wait_log(0, "reloaded");
    wait_containers("again", 0);
    expect(post_text(0, "/function/one", "hello"), 200, "hello");
    wait_containers("one", 1);
    assert_non_null(strstr(shell("docker ps -q --filter label=p2pfaas.function=one | xargs docker "
                                 "inspect"),
                           "\"Memory\": 50331648"));
    reload(functions);
    wait_containers("one", 0);
}

static bool is_told(void *arg)
{
    struct reply r = post_text(0, "/function/one", "hello");
    bool told = r.status == 503 && strstr(r.body, arg);

    reply_free(&r);
    return told;
}

static bool is_back(void *arg)
{
    struct reply r = post_text(0, "/function/one", "hello");
    bool back = is_hello(&r);

    (void)arg;
    reply_free(&r);
    return back;
}

static void daemon_that_stops_is_told_and_missed_no_longer_than_it_is_away(void **state)
{
    (void)state;
    need_docker();
    expect(post_text(0, "/function/one", "hello"), 200, "hello");
    stop_dockerd();
    assert_true(wait_until(is_told, (void *)(uintptr_t) "Docker is not there", PATIENCE));
    assert_true(start_dockerd());
    assert_true(wait_until(is_back, NULL, PATIENCE));
    wait_log(0, "Docker is back");
}

static void stopped_node_leaves_containers_only_when_told_to(void **state)
{
    static const char *const keep[] = {"docker.keep=true", NULL};
    char before[64], after[64];

    (void)state;
    need_docker();
    expect(post_text(0, "/function/one", "hello"), 200, "hello");
    assert_true(stop_node(0));
    assert_int_equal(containers("one", "-a"), 0);
    start_node(0, keep);
    host_of("one", before);
    assert_true(stop_node(0));
    assert_int_equal(containers("one", ""), 1);
    start_node(0, NULL);
    host_of("one", after);
    assert_string_equal(before, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_call_starts_a_container),
        cmocka_unit_test(container_has_no_more_than_it_needs),
        cmocka_unit_test(more_start_under_load_and_none_is_left_after),
        cmocka_unit_test(as_many_run_as_are_wanted),
        cmocka_unit_test(scaling_under_load_fails_no_call),
        cmocka_unit_test(delay_of_a_start_is_measured),
        cmocka_unit_test(what_ran_in_a_container_that_ends_is_told),
        cmocka_unit_test(killed_container_under_load_loses_no_idempotent_job),
        cmocka_unit_test(memory_limit_ends_it_and_is_named),
        cmocka_unit_test(image_that_is_not_is_named),
        cmocka_unit_test(network_that_is_not_is_named),
        cmocka_unit_test(killed_node_takes_its_containers_up_again),
        cmocka_unit_test(containers_of_nobody_are_removed),
        cmocka_unit_test(reload_replaces_what_changed_and_removes_what_is_gone),
        cmocka_unit_test(daemon_that_stops_is_told_and_missed_no_longer_than_it_is_away),
        cmocka_unit_test(stopped_node_leaves_containers_only_when_told_to),
    };

    return cmocka_run_group_tests(tests, begin, docker_end);
}
