/* Calls that are accepted now and run later: over restarts, at a peer, with a bad disk. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/async/store.h"
#include "tests/cluster/fixture.h"
#include "tests/cluster/support_async.h"
#include "tests/cluster/support_hooks.h"

static int setup(void **state)
{
    (void)state;
    async_start_node(NODE, NULL);
    return 0;
}

static void test_a_call_may_run_at_a_peer(void **state)
{
    char peers[64];
    const char *const more[] = {peers, NULL};
    const char *id;
    struct reply r;

    (void)state;
    snprintf(peers, sizeof(peers), "peers.nodes=%s", cluster.node[PEER].address);
    async_start_node(PEER, NULL);
    async_start_node(NODE, more);
    wait_metric(NODE, "p2pfaas_peers{state=\"up\"}", 1, 20);
    select_scheduler(NODE, "{\"name\":\"forward\"}");
    id = async_call("/async-function/record", "far", NULL);
    wait_state(id, "\"state\":\"done\"");
    r = async_result(id);
    assert_string_equal(r.body, "far");
    assert_string_equal(header(&r, "X-P2pfaas-Externally-Executed"), "True");
    reply_free(&r);
}

static void test_what_a_stop_interrupts_runs_after_the_start(void **state)
{
    static const char *const hurry[] = {"node.stop_timeout=100ms", NULL};
    const char *waits, *runs;

    (void)state;
    async_start_node(NODE, hurry);
    runs = async_call("/async-function/hold", "x", NULL);
    wait_metric(NODE, "p2pfaas_slots_running", 1, 20);
    let_nothing_run();
    waits = async_call("/async-function/record", "waits", NULL);
    assert_true(stop_node(NODE));
    async_start_node(NODE, NULL);
    wait_log(NODE, "kept calls go on");
    wait_state(waits, "\"state\":\"done\",\"attempts\":1");
    wait_state(runs, "\"state\":\"done\",\"attempts\":1");
    assert_int_equal(hooks_runs(async_notes, "waits"), 1);
}

static void write_config(const char *text)
{
    FILE *f = fopen(cluster.config, "we");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_a_reload_changes_the_settings(void **state)
{
    char text[2000];

    (void)state;
    let_nothing_run();
    async_call("/async-function/record", "one", NULL);
    snprintf(text, sizeof(text), "%sasync: {queue: 1}\n", async_config);
    write_config(text);
    kill(cluster.node[NODE].pid, SIGHUP);
    wait_log(NODE, "reloaded");
    expect(post_text(NODE, "/async-function/record", "two"), 429, "1 are not over");
    write_config(async_config);
}

/* As while it is deployed anew, or the gateway that has it starts. */
static void test_a_call_whose_function_is_not_there_waits_for_it(void **state)
{
    const char *id, *other;

    (void)state;
    let_nothing_run();
    id = async_call("/async-function/record", "patient", NULL);
    assert_true(stop_node(NODE));
    write_config("functions:\n  other: {command: [cat]}\n");
    async_start_node(NODE, NULL);
    wait_metric(NODE, "p2pfaas_async_no_room_total", 2, 20);
    other = async_call("/async-function/other", "meanwhile", NULL);
    wait_state(other, "\"state\":\"done\"");
    wait_state(id, "\"state\":\"queued\"");
    write_config(async_config);
    kill(cluster.node[NODE].pid, SIGHUP);
    wait_state(id, "\"state\":\"done\",\"attempts\":1");
    assert_int_equal(hooks_runs(async_notes, "patient"), 1);
}

static void test_two_nodes_do_not_share_a_folder(void **state)
{
    const char *id = async_call("/async-function/record", "mine", NULL);
    const char *const same[] = {async_data[NODE], NULL};
    char err[CLUSTER_ERRLEN];

    (void)state;
    assert_int_equal(cluster_start(&cluster, BARE, same, err), -1);
    wait_log(BARE, "node.data_dir: another node has");
    wait_state(id, "\"state\":\"done\"");
    wait_state(async_call("/async-function/record", "still mine", NULL), "\"state\":\"done\"");
}

static void test_a_broken_file_is_kept_aside(void **state)
{
    char file[160];
    FILE *f;

    (void)state;
    snprintf(file, sizeof(file), "%s/data0/async.db", cluster.dir);
    f = fopen(file, "we");
    assert_non_null(f);
    for (int i = 0; i < 4096; i++)
        fputs("this is no database ", f);
    fclose(f);
    async_start_node(NODE, NULL);
    wait_log(NODE, "kept beside");
    wait_state(async_call("/async-function/record", "x", NULL), "\"state\":\"done\"");
}

/* Of long ago. */
static void keep_results(unsigned n)
{
    static const struct headers none;
    static const struct buf empty;
    struct store_call c = {"old", "record", "/function/record", &none, &empty, NULL, 1};
    struct store_result r = {.state = STORE_DONE, .finished_ms = 2, .status = 200};
    char err[P2P_ERRLEN];
    int64_t row, bytes;
    bool aside;
    struct async_store *s = store_open(async_data[NODE] + strlen("node.data_dir="), &aside, err);

    if (!s)
        fail_msg("%s", err);
    assert_int_equal(store_begin(s), 0);
    while (n-- > 0)
        if (store_add(s, &c, &row) || store_finish(s, row, &r, 0, &bytes))
            fail_msg("%s", store_why(s));
    assert_int_equal(store_commit(s), 0);
    store_close(s);
}

static bool some_have_gone(void *all)
{
    return metric(NODE, "p2pfaas_async_kept_bytes") < *(double *)all;
}

static bool file_is_small(void *arg)
{
    char file[160];
    struct stat st;

    (void)arg;
    snprintf(file, sizeof(file), "%s/data0/async.db", cluster.dir);
    assert_int_equal(stat(file, &st), 0);
    return st.st_size < 3 << 20;
}

static void test_calls_go_on_while_old_results_go(void **state)
{
    enum { OLD = 10000 };
    double all = (double)OLD * STORE_OVERHEAD;

    (void)state;
    keep_results(OLD);
    async_start_node(NODE, NULL);
    assert_true(wait_until(some_have_gone, &all, 20));
    wait_state(async_call("/async-function/record", "meanwhile", NULL), "\"state\":\"done\"");
    assert_true(metric(NODE, "p2pfaas_async_kept_bytes") > all / 10);
    wait_state("old", "404 ");
    assert_true(wait_until(file_is_small, NULL, 20));
}

static void limit_files(rlim_t bytes)
{
    const struct rlimit limit = {bytes, RLIM_INFINITY};

    assert_int_equal(prlimit(cluster.node[NODE].pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static bool takes_calls(void *id)
{
    static const char *const headers[] = {"X-Call-Id: after", NULL};
    struct reply r = send_method("POST", NODE, "/async-function/record", "after", 5, headers);
    bool taken = r.status == 202;

    (void)id;
    reply_free(&r);
    return taken;
}

static void test_a_full_disk_is_told_and_loses_nothing(void **state)
{
    const char *id;

    (void)state;
    id = async_call("/async-function/hold", "x", NULL);
    wait_metric(NODE, "p2pfaas_slots_running", 1, 20);
    limit_files(0);
    expect(post_text(NODE, "/async-function/record", "x"), 503, "not accepted");
    expect(post_text(NODE, "/async-function/record", "x"), 503, "not accepted");
    wait_metric(NODE, "p2pfaas_async_commits_failed_total", 1, 20); /* the log cannot grow */
    wait_state(id, "\"state\":\"running\"");
    wait_metric(NODE, "p2pfaas_requests_total{function=\"hold\"", 1, 20);
    limit_files(RLIM_INFINITY);
    wait_state(id, "\"state\":\"done\",\"attempts\":1"); /* not run again */
    if (!wait_until(takes_calls, NULL, 20))
        fail_msg("it takes no calls");
    wait_state("after", "\"state\":\"done\"");
    assert_true(metric(NODE, "p2pfaas_requests_total{function=\"hold\"") == 1);
}

static void test_nothing_is_begun_while_the_disk_is_full(void **state)
{
    (void)state;
    wait_state(async_call("/async-function/record", "it is there", NULL), "\"state\":\"done\"");
    let_nothing_run();
    async_call("/async-function/record", "waits", NULL);
    limit_files(0);
    expect(post_text(NODE, "/async-function/record", "x"), 503, "not accepted");
    let_run();
    wait_metric(NODE, "p2pfaas_async_commits_failed_total", 3, 20);
    assert_int_equal(hooks_runs(async_notes, "waits"), 0);
    limit_files(RLIM_INFINITY);
    wait_metric(NODE, "p2pfaas_async_done_total", 2, 20);
    assert_int_equal(hooks_runs(async_notes, "waits"), 1);
}

static int start_all(void **state)
{
    (void)state;
    async_init_nodes();
    return 0;
}

static int stop_all(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

#define RUNNING(f) cmocka_unit_test_setup_teardown(f, setup, async_teardown)
#define STOPPED(f) cmocka_unit_test_teardown(f, async_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        STOPPED(test_a_call_may_run_at_a_peer),
        STOPPED(test_what_a_stop_interrupts_runs_after_the_start),
        RUNNING(test_a_reload_changes_the_settings),
        RUNNING(test_a_call_whose_function_is_not_there_waits_for_it),
        RUNNING(test_two_nodes_do_not_share_a_folder),
        STOPPED(test_a_broken_file_is_kept_aside),
        STOPPED(test_calls_go_on_while_old_results_go),
        RUNNING(test_a_full_disk_is_told_and_loses_nothing),
        RUNNING(test_nothing_is_begun_while_the_disk_is_full),
    };

    hooks_serve_if_asked(argc, argv);
    return cmocka_run_group_tests(tests, start_all, stop_all);
}
