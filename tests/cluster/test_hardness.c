/* What a fresh pair of eyes broke once: starts and stops under load, limits of one
 * node that others meet, programs that hang. */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/cluster/fixture.h"

static const char config[] =
    "functions:\n"
    "  echo: {mode: http, command: ['${BIN}/functions/echo']}\n"
    "  cat: {command: [cat]}\n"
    "  cores: {command: [nproc]}\n"
    "  files: {command: [sh, -c, 'ulimit -n']}\n"
    "  stuck: {mode: http, command: ['${BIN}/functions/misbehave'], timeout: 200ms}\n"
    "  stays: {mode: http, command: [sh, -c, 'trap \"\" TERM; ${BIN}/functions/echo & wait; "
    "wait']}\n";

static int init(void **state)
{
    (void)state;
    fixture_init(2, config);
    return 0;
}

static int stop_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++)
        assert_true(stop_node(i));
    return 0;
}

static int release(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

/* ---- what a program is given ---- */

static void test_a_program_gets_all_cores_and_the_usual_descriptors(void **state)
{
    char cores[32], files[32];
    struct rlimit limit;

    (void)state;
    start_node(0, NULL);
    snprintf(cores, sizeof(cores), "%ld\n", sysconf(_SC_NPROCESSORS_ONLN));
    getrlimit(RLIMIT_NOFILE, &limit);
    snprintf(files, sizeof(files), "%llu\n", (unsigned long long)limit.rlim_cur);
    expect(get(0, "/function/cores"), 200, cores);
    if (limit.rlim_cur != RLIM_INFINITY)
        expect(get(0, "/function/files"), 200, files);
}

/* ---- start and stop under load ---- */

static bool is_x_or_nobody(const struct reply *r)
{
    return r->status == 0 || r->status == 503 || (r->status == 200 && strcmp(r->body, "x") == 0);
}

static void test_a_node_starts_and_stops_while_clients_call(void **state)
{
    struct load *load = load_start(0, 6, "/function/cat", "x", is_x_or_nobody);
    unsigned wrong;
    char why[256];

    (void)state;
    for (int i = 0; i < 8; i++) {
        start_node(0, NULL);
        assert_true(stop_node(0));
    }
    load_stop(load, &wrong, why);
    if (wrong)
        fail_msg("%u wrong answers, the first: %s", wrong, why);
}

static bool takes_no_more(void *arg)
{
    struct reply r = get(0, "/readyz");
    bool no_more = r.status != 200;

    (void)arg;
    reply_free(&r);
    return no_more;
}

static void *ask_configuration(void *arg)
{
    _Atomic bool *over = arg;

    while (!*over) {
        struct reply r = get(0, "/configuration");

        reply_free(&r);
    }
    return NULL;
}

static void test_a_stopping_node_answers_and_takes_no_reload(void **state)
{
    _Atomic bool over = false;
    pthread_t thread;
    pid_t pid;

    (void)state;
    start_node(0, NULL);
    expect(post_text(0, "/function/stays", "x"), 200, "x");
    assert_int_equal(pthread_create(&thread, NULL, ask_configuration, &over), 0);
    pid = cluster.node[0].pid;
    kill(pid, SIGTERM);
    assert_true(wait_until(takes_no_more, NULL, 10));
    kill(pid, SIGHUP);
    assert_int_equal(cluster_stop(&cluster, 0, 0, 20), 0);
    over = true;
    pthread_join(thread, NULL);
}

static bool log_says_cancelled(void *arg)
{
    (void)arg;
    return log_has(0, "jobs that are still open are cancelled");
}

static void *call_stuck(void *arg)
{
    struct reply r = get(0, arg);

    reply_free(&r);
    return NULL;
}

static void test_a_second_sigterm_cancels_what_is_open(void **state)
{
    static const char *const more[] = {"node.stop_timeout=1h", NULL};
    static char path[] = "/function/echo-slowly";
    pthread_t thread;
    double before;
    FILE *f = fopen(cluster.config, "ae");

    (void)state;
    fputs("  echo-slowly: {command: [sleep, '30']}\n", f);
    fclose(f);
    start_node(0, more);
    assert_int_equal(pthread_create(&thread, NULL, call_stuck, path), 0);
    wait_metric(0, "p2pfaas_slots_running", 1, 10);
    before = seconds_now();
    kill(cluster.node[0].pid, SIGTERM);
    assert_true(wait_until(takes_no_more, NULL, 10));
    kill(cluster.node[0].pid, SIGTERM);
    assert_true(wait_until(log_says_cancelled, NULL, 10));
    assert_int_equal(cluster_stop(&cluster, 0, 0, 10), 0);
    assert_true(seconds_now() - before < 20);
    pthread_join(thread, NULL);
}

static bool is_x(const struct reply *r)
{
    return r->status == 200 && strcmp(r->body, "x") == 0;
}

static void test_reloads_under_load_lose_nothing(void **state)
{
    struct load *load;
    unsigned wrong;
    char why[256];

    (void)state;
    start_node(0, NULL);
    load = load_start(0, 4, "/function/echo", "x", is_x);
    for (int i = 0; i < 20; i++) {
        kill(cluster.node[0].pid, SIGHUP);
        wait_metric(0, "p2pfaas_reloads_total", i + 1, 10);
    }
    assert_true(load_stop(load, &wrong, why) > 0);
    if (wrong)
        fail_msg("%u wrong answers, the first: %s", wrong, why);
}

/* ---- limits of one node that others meet ---- */

static void test_a_job_that_a_peer_is_too_small_for_runs_here(void **state)
{
    static const char *const small[] = {"limits.body=1KB", NULL};
    enum { SIZE = 300000 };
    char *body = calloc(1, SIZE);
    struct reply r;

    (void)state;
    start_node(0, NULL);
    start_node(1, small);
    select_scheduler(0, "{\"name\":\"forward\"}");
    wait_metric(0, "p2pfaas_peers{state=\"up\"}", 1, 10);
    for (int i = 0; i < 3; i++) {
        r = post(0, "/function/echo", body, SIZE);
        assert_int_equal(r.status, 200);
        assert_int_equal(r.len, SIZE);
        reply_free(&r);
    }
    assert_true(metric(0, "p2pfaas_peers{state=\"up\"}") == 1);
    expect(post_text(0, "/function/echo", "small"), 200, "small");
    free(body);
}

static void test_a_client_cannot_make_a_peer_look_down(void **state)
{
    (void)state;
    start_node(0, NULL);
    start_node(1, NULL);
    select_scheduler(0, "{\"name\":\"forward\"}");
    wait_metric(0, "p2pfaas_peers{state=\"up\"}", 1, 10);
    for (int i = 0; i < 5; i++) {
        struct reply r = get(0, "/function/stuck?do=hang");

        /* 502 while the peer starts its program again. */
        assert_true(r.status == 504 || r.status == 502);
        reply_free(&r);
    }
    assert_true(metric(0, "p2pfaas_peers{state=\"up\"}") == 1);
}

static void test_large_headers_get_an_answer_whatever_their_size(void **state)
{
    (void)state;
    start_node(0, NULL);
    for (size_t size = 3000; size < 16000; size += 100) {
        /* The HTTP library cannot answer what fills its memory to the last bytes. */
        static const size_t almost_full = 11500, over = 12500;
        static char line[20000], path[20000];
        const char *const headers[] = {line, NULL};
        struct reply r;

        if (size > almost_full && size < over)
            continue;
        snprintf(line, sizeof(line), "X-Large: %0*d", (int)size, 7);
        r = send_method("POST", 0, "/function/echo", "x", 1, headers);
        if (r.status != 200 && r.status != 431)
            fail_msg("a header of %zu bytes: %ld %s", size, r.status, r.error);
        reply_free(&r);
        snprintf(path, sizeof(path), "/function/echo?%0*d", (int)size, 7);
        r = get(0, path);
        if (r.status != 200 && r.status != 414 && r.status != 431)
            fail_msg("a target of %zu bytes: %ld %s", size, r.status, r.error);
        reply_free(&r);
    }
}

static void test_own_answers_are_not_held_to_the_limit_of_bodies(void **state)
{
    static const char *const small[] = {"limits.body=100", NULL};

    (void)state;
    start_node(0, small);
    expect(get(0, "/configuration"), 200, "\"functions\"");
    expect(get(0, "/plugins"), 200, "power_of_choices");
    expect(get(0, "/metrics"), 200, "p2pfaas_peers{state=\"down\"}");
}

static void test_a_body_far_over_the_limit_is_still_413(void **state)
{
    static const char *const small[] = {"limits.body=64KB", NULL};
    enum { SIZE = 20 << 20 };
    char *body = calloc(1, SIZE);

    (void)state;
    start_node(0, small);
    expect(post(0, "/function/echo", body, SIZE), 413, "limits.body");
    free(body);
}

/* ---- programs that hang ---- */

static bool is_well_behaved(void *arg)
{
    struct reply r = get(0, "/function/stuck");
    bool well = r.status == 200;

    (void)arg;
    reply_free(&r);
    return well;
}

static void test_a_program_that_hangs_is_started_again(void **state)
{
    (void)state;
    start_node(0, NULL);
    assert_true(wait_until(is_well_behaved, NULL, 20)); /* its start may take longer than a call */
    for (int i = 0; i < 3; i++)
        expect(get(0, "/function/stuck?do=hang"), 504, NULL);
    wait_log(0, "hangs and is killed");
    assert_true(wait_until(is_well_behaved, NULL, 20));
}

/* ---- configurations ---- */

static int run_check(const char *setting, char *said, size_t size)
{
    char command[600];
    size_t n;
    FILE *p;

    snprintf(command, sizeof(command), "timeout 20 %s --check --config %s --set '%s' 2>&1",
             cluster.binary, cluster.config, setting);
    p = popen(command, "re");
    n = fread(said, 1, size - 1, p);
    said[n] = '\0';
    return WEXITSTATUS(pclose(p));
}

static void test_check_finds_what_a_start_would(void **state)
{
    char said[1024];

    (void)state;
    assert_int_equal(run_check("node.slots=3", said, sizeof(said)), 0);
    if (!strstr(said, "is right: 6 functions, 0 peers"))
        fail_msg("%s", said);
    assert_int_equal(run_check("scheduler.plugin=nobody", said, sizeof(said)), 1);
    assert_non_null(strstr(
        said, "p2pfaas: --set scheduler.plugin: no scheduler 'nobody'; known: adaptive_threshold"));
    assert_int_equal(run_check("scheduler.parameters.fanout=65", said, sizeof(said)), 1);
    assert_non_null(strstr(said, "--set scheduler.parameters: fanout: '65'"));
    assert_non_null(strstr(said, "from 1 to 64"));
    assert_int_equal(run_check("plugins.folder=/nonexistent", said, sizeof(said)), 1);
}

static void add_to_config(const char *text)
{
    FILE *f = fopen(cluster.config, "ae");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_check_tells_the_line_of_the_scheduler(void **state)
{
    long size;
    char said[1024];
    FILE *f = fopen(cluster.config, "re");

    (void)state;
    fseek(f, 0, SEEK_END);
    size = ftell(f);
    fclose(f);
    add_to_config("scheduler:\n  plugin: random\n  parameters:\n    max_hops: 1\n    fanout: 2\n");
    assert_int_equal(run_check("node.slots=3", said, sizeof(said)), 1);
    if (!strstr(said, "plugins.yaml:12: scheduler.parameters: random: no parameter 'fanout'"))
        fail_msg("%s", said);
    assert_int_equal(truncate(cluster.config, size), 0);
    add_to_config("scheduler:\n  plugin: nobody\n");
    assert_int_equal(run_check("node.slots=3", said, sizeof(said)), 1);
    if (!strstr(said, "plugins.yaml:9: scheduler.plugin: no scheduler 'nobody'"))
        fail_msg("%s", said);
    assert_int_equal(truncate(cluster.config, size), 0);
}

static void test_check_finds_functions_that_cannot_run(void **state)
{
    static const char *const wrong[][2] = {
        {"  f: {command: [/nosuch/program]}\n", "cannot run '/nosuch/program'"},
        {"  f: {command: [nosuchprogram]}\n", "cannot run 'nosuchprogram'"},
        {"  f: {command: [nosuchprogram], mode: http}\n", "cannot run 'nosuchprogram'"},
        {"  f: {command: [cat], directory: /nonexistent}\n", "in '/nonexistent'"}};
    char said[1024];
    FILE *f = fopen(cluster.config, "re");
    long size;

    (void)state;
    fseek(f, 0, SEEK_END);
    size = ftell(f);
    fclose(f);
    for (size_t i = 0; i < 4; i++) {
        add_to_config(wrong[i][0]);
        assert_int_equal(run_check("node.slots=3", said, sizeof(said)), 1);
        if (!strstr(said, wrong[i][1]))
            fail_msg("wanted \"%s\" in: %s", wrong[i][1], said);
        assert_int_equal(truncate(cluster.config, size), 0);
    }
}

static void test_a_wildcard_needs_an_address_that_peers_can_use(void **state)
{
    static const char *const more[] = {"node.listen=0.0.0.0", "node.advertise=127.0.0.1",
                                       "security.trust_network=true", NULL};
    char said[1024];

    (void)state;
    assert_int_equal(
        run_check("node.listen=0.0.0.0' --set 'peers.nodes=127.0.0.9", said, sizeof(said)), 1);
    assert_non_null(strstr(said, "node.advertise must be the address"));
    start_node(0, more);
    expect(get(0, "/configuration"), 200, "\"address\":\"127.0.0.1:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_program_gets_all_cores_and_the_usual_descriptors,
                                  stop_all),
        cmocka_unit_test_teardown(test_a_node_starts_and_stops_while_clients_call, stop_all),
        cmocka_unit_test_teardown(test_a_stopping_node_answers_and_takes_no_reload, stop_all),
        cmocka_unit_test(test_check_finds_what_a_start_would),
        cmocka_unit_test(test_check_tells_the_line_of_the_scheduler),
        cmocka_unit_test(test_check_finds_functions_that_cannot_run),
        cmocka_unit_test_teardown(test_a_second_sigterm_cancels_what_is_open, stop_all),
        cmocka_unit_test_teardown(test_reloads_under_load_lose_nothing, stop_all),
        cmocka_unit_test_teardown(test_a_job_that_a_peer_is_too_small_for_runs_here, stop_all),
        cmocka_unit_test_teardown(test_a_client_cannot_make_a_peer_look_down, stop_all),
        cmocka_unit_test_teardown(test_large_headers_get_an_answer_whatever_their_size, stop_all),
        cmocka_unit_test_teardown(test_own_answers_are_not_held_to_the_limit_of_bodies, stop_all),
        cmocka_unit_test_teardown(test_a_body_far_over_the_limit_is_still_413, stop_all),
        cmocka_unit_test_teardown(test_a_program_that_hangs_is_started_again, stop_all),
        cmocka_unit_test_teardown(test_a_wildcard_needs_an_address_that_peers_can_use, stop_all),
    };

    return cmocka_run_group_tests(tests, init, release);
}
