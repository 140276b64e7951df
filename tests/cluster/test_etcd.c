/* Three nodes that know nothing but an etcd server: Debian's, started here. */
#include <signal.h>

#include "tests/cluster/support_etcd.h"

enum { N = 3 };

static char etcd_setting[64];
static const char *const settings[] = {"discovery.source=etcd", etcd_setting,
                                       "discovery.etcd_ttl=2s", "peers.retry=100ms", NULL};

/* ---- what the nodes see ---- */

static unsigned count_in(const char *text, const char *part)
{
    unsigned n = 0;

    for (const char *at = text; at && (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

struct seen {
    unsigned node, least, most;
    const char *text;
};

static bool cluster_has(void *arg)
{
    const struct seen *s = arg;
    struct reply r = get(s->node, "/cluster");
    unsigned n = count_in(r.body, s->text);

    reply_free(&r);
    return n >= s->least && n <= s->most;
}

/* Until the text is so often in the node's answer to GET /cluster. */
static void wait_cluster(unsigned i, const char *text, unsigned times)
{
    struct seen s = {i, times, times, text};

    if (!wait_until(cluster_has, &s, PATIENCE)) {
        struct reply r = get(i, "/cluster");

        fail_msg("n%u: not %u times %s: %s", i + 1, times, text, r.body);
    }
}

static void wait_members(unsigned i, unsigned n)
{
    wait_cluster(i, "\"state\":\"alive\"", n);
}

static void wait_all(void)
{
    for (unsigned i = 0; i < N; i++) {
        wait_members(i, N - 1);
        wait_cluster(i, "\"state\":\"registered\"", 1);
    }
}

static unsigned logged(unsigned i, const char *text)
{
    char *log = cluster_log(&cluster, i);
    unsigned n = count_in(log, text);

    free(log);
    return n;
}

struct line {
    unsigned node, least;
    const char *text;
};

static bool is_logged(void *arg)
{
    const struct line *l = arg;

    return logged(l->node, l->text) >= l->least;
}

static void wait_logged(unsigned i, const char *text, unsigned times)
{
    struct line l = {i, times, text};

    if (!wait_until(is_logged, &l, PATIENCE))
        fail_msg("n%u did not log \"%s\" %u times", i + 1, text, times);
}

/* A job from n1 to another node and back. */
static void jobs_go_around(void)
{
    select_scheduler(0, "{\"name\":\"forward\",\"parameters\":{\"max_hops\":1}}");
    for (unsigned i = 0; i < 10; i++) {
        struct reply r = post_text(0, "/function/echo", "x");

        assert_int_equal(r.status, 200);
        assert_non_null(strstr(header(&r, "X-P2pfaas-Peers-List-Id"), ",\"n"));
        reply_free(&r);
    }
}

/* ---- the tests' frame ---- */

static void need_etcd(void)
{
    const char *ci = getenv("CI");

    if (etcd.is_here)
        return;
    if (ci && strcmp(ci, "true") == 0)
        fail_msg("there is no etcd here: install Debian's etcd-server");
    skip();
}

static int start(void **state)
{
    (void)state;
    fixture_init(N, fixture_functions);
    cluster.strangers = true;
    cluster.settings = settings;
    etcd.is_here = is_installed();
    if (!etcd.is_here)
        return 0;
    etcd.port = free_port(FIRST_PORT);
    etcd.peer_port = free_port(etcd.port + 1);
    snprintf(etcd_setting, sizeof(etcd_setting), "discovery.etcd=http://127.0.0.1:%d", etcd.port);
    start_etcd();
    for (unsigned i = 0; i < N; i++)
        start_node(i, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    kill_etcd();
    return 0;
}

/* Each test begins with all nodes that see each other. */
static int begin(void **state)
{
    (void)state;
    if (!etcd.is_here)
        return 0;
    if (!etcd.pid)
        start_etcd();
    for (unsigned i = 0; i < N; i++)
        if (!cluster.node[i].pid)
            start_node(i, NULL);
    wait_all();
    return 0;
}

/* ---- nodes come and go ---- */

static void test_nodes_that_know_only_etcd_find_each_other(void **state)
{
    (void)state;
    need_etcd();
    for (unsigned i = 0; i < N; i++) {
        char self[64];

        snprintf(self, sizeof(self), "{\"self\":{\"id\":\"n%u\",\"address\":\"%s\"", i + 1,
                 cluster.node[i].address);
        expect(get(i, "/cluster"), 200, self);
        expect(get(i, "/cluster"), 200, "\"source\":\"etcd\"");
        for (unsigned k = 0; k < N; k++) {
            char member[64];

            snprintf(member, sizeof(member), "\"address\":\"%s\"", cluster.node[k].address);
            wait_cluster(i, member, 1);
        }
        assert_true(metric(i, "p2pfaas_peers{state=\"up\"}") == N - 1);
    }
    jobs_go_around();
}

static void test_killed_node_is_gone_after_its_lease_and_comes_back(void **state)
{
    double began;

    (void)state;
    need_etcd();
    cluster_stop(&cluster, 2, SIGKILL, 5);
    began = seconds_now();
    for (unsigned i = 0; i < 2; i++)
        wait_members(i, 1);
    print_message("a killed node was gone after %.1f s, its lease lasts 2 s\n",
                  seconds_now() - began);
    assert_true(metric(0, "p2pfaas_peers{state=\"up\"}") == 1);
    jobs_go_around();
    start_node(2, NULL);
    began = seconds_now();
    wait_all();
    print_message("a started node was seen by all after %.2f s\n", seconds_now() - began);
    assert_true(metric(0, "p2pfaas_peers{state=\"up\"}") == 2);
}

static void test_stopped_node_is_gone_at_once(void **state)
{
    double began;

    (void)state;
    need_etcd();
    began = seconds_now();
    assert_true(stop_node(2));
    for (unsigned i = 0; i < 2; i++)
        wait_members(i, 1);
    print_message("a stopped node was gone after %.2f s\n", seconds_now() - began);
    assert_true(seconds_now() - began < 2); /* before its lease would end */
}

static void test_node_that_hung_is_back(void **state)
{
    (void)state;
    need_etcd();
    kill(cluster.node[2].pid, SIGSTOP);
    for (unsigned i = 0; i < 2; i++)
        wait_members(i, 1);
    kill(cluster.node[2].pid, SIGCONT);
    wait_all();
}

/* ---- the server comes and goes ---- */

/* What the nodes do while there is none, and that they lose nobody. */
static void without_etcd(unsigned gone[N])
{
    unsigned trouble[N];

    for (unsigned i = 0; i < N; i++) {
        trouble[i] = logged(i, "out of touch with etcd");
        gone[i] = logged(i, "a peer left") + logged(i, "did not come back");
    }
    kill_etcd();
    for (unsigned i = 0; i < N; i++) {
        wait_logged(i, "out of touch with etcd", trouble[i] + 1);
        assert_true(metric(i, "p2pfaas_peers{state=\"up\"}") == N - 1);
    }
    jobs_go_around();
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(logged(i, "out of touch with etcd"), trouble[i] + 1);
}

static void nobody_is_lost(const unsigned gone[N])
{
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(logged(i, "a peer left") + logged(i, "did not come back"), gone[i]);
    jobs_go_around();
}

static void test_server_that_restarts_loses_nobody(void **state)
{
    unsigned gone[N];

    (void)state;
    need_etcd();
    without_etcd(gone);
    start_etcd();
    wait_all();
    nobody_is_lost(gone);
}

static void test_server_that_forgot_all_is_told_again(void **state)
{
    unsigned gone[N];

    (void)state;
    need_etcd();
    without_etcd(gone);
    etcd.folder++;
    start_etcd();
    wait_all();
    nobody_is_lost(gone);
}

static void test_what_happened_in_an_outage_is_made_good(void **state)
{
    unsigned gone[N];

    (void)state;
    need_etcd();
    etcd_put("/p2pfaas/10.9.9.9:1", "{\"id\":\"ghost\",\"address\":\"10.9.9.9:1\"}");
    wait_cluster(0, "\"id\":\"ghost\"", 1);
    wait_cluster(1, "\"id\":\"ghost\"", 1);
    wait_cluster(2, "\"id\":\"ghost\"", 1);
    for (unsigned i = 0; i < N; i++)
        gone[i] = logged(i, "out of touch with etcd");
    kill_etcd();
    for (unsigned i = 0; i < N; i++)
        wait_logged(i, "out of touch with etcd", gone[i] + 1);
    start_etcd();
    /* The history that a watch could have gone on with is thrown away. */
    etcd_delete("/p2pfaas/10.9.9.9:1");
    etcd_put("/elsewhere", "1");
    etcd_put("/elsewhere", "2");
    etcd_call("kv/compaction", "{\"revision\":\"5\",\"physical\":true}");
    for (unsigned i = 0; i < N; i++)
        wait_cluster(i, "\"id\":\"ghost\"", 0);
    wait_all();
}

static void test_node_starts_before_its_server(void **state)
{
    (void)state;
    need_etcd();
    assert_true(stop_node(2));
    kill_etcd();
    start_node(2, NULL);
    expect(post_text(2, "/function/echo", "x"), 200, "x");
    wait_cluster(2, "Couldn't connect to server", 1);
    start_etcd();
    wait_all();
}

/* Nobody answers the farewell. */
static void test_node_stops_without_its_server(void **state)
{
    double began;

    (void)state;
    need_etcd();
    kill(etcd.pid, SIGSTOP);
    began = seconds_now();
    assert_true(stop_node(2));
    print_message("a node stopped after %.2f s, its server hung\n", seconds_now() - began);
    assert_true(seconds_now() - began < 10);
    kill(etcd.pid, SIGCONT);
}

/* ---- what the keys say ---- */

static void write_config(const char *more)
{
    FILE *f = fopen(cluster.config, "we");

    assert_non_null(f);
    fprintf(f, "%s%s", fixture_functions, more);
    fclose(f);
}

static void test_other_functions_and_slots_are_told(void **state)
{
    (void)state;
    need_etcd();
    write_config("  fresh: {command: [cat]}\n");
    kill(cluster.node[1].pid, SIGHUP);
    wait_cluster(0, "\"fresh\"", 1);
    wait_cluster(2, "\"fresh\"", 1);
    write_config("");
    kill(cluster.node[1].pid, SIGHUP);
    wait_cluster(0, "\"fresh\"", 0);
    expect(post_text(1, "/configuration", "{\"parallel_running_functions_max\":77}"), 200, NULL);
    wait_cluster(0, "\"slots\":77", 1);
    wait_cluster(2, "\"slots\":77", 1);
}

static void test_keys_of_others_do_no_harm(void **state)
{
    static const char *const bad[][2] = {
        {"/p2pfaas/10.9.9.1:1", "garbage"},
        {"/p2pfaas/10.9.9.2:1", "{\"id\":\"x\",\"address\":\"10.9.9.3:1\"}"},
        {"/p2pfaas/attic", "{\"id\":\"x\",\"address\":\"attic\"}"},
        {"/p2pfaas/10.9.9.4:1", "{\"id\":\"\\u001b[31m\",\"address\":\"10.9.9.4:1\"}"}};
    enum { BAD = sizeof(bad) / sizeof(bad[0]), HUGE_VALUE = 1000000 };
    unsigned before[N];
    char *huge;

    (void)state;
    need_etcd();
    huge = malloc(HUGE_VALUE + 1);
    assert_non_null(huge);
    memset(huge, 'x', HUGE_VALUE);
    huge[HUGE_VALUE] = '\0';
    for (unsigned i = 0; i < N; i++)
        before[i] = logged(i, "a key in etcd is ignored");
    for (unsigned i = 0; i < BAD; i++)
        etcd_put(bad[i][0], bad[i][1]);
    etcd_put("/p2pfaas/10.9.9.5:1", huge);
    free(huge);
    for (unsigned i = 0; i < N; i++) {
        wait_cluster(i, "its value has 1000000 bytes", 1);
        wait_members(i, N - 1);
        assert_int_equal(logged(i, "a key in etcd is ignored"), before[i] + BAD + 1);
        assert_false(log_has(i, "\x1b"));
    }
    /* A new list says nothing twice. */
    etcd_delete("/p2pfaas/127.0.0.1:1");
    kill_etcd();
    wait_cluster(0, "\"state\":\"registered\"", 0);
    start_etcd();
    wait_all();
    assert_int_equal(logged(0, "a key in etcd is ignored"), before[0] + BAD + 1);
    for (unsigned i = 0; i < BAD; i++)
        etcd_delete(bad[i][0]);
    etcd_delete("/p2pfaas/10.9.9.5:1");
    for (unsigned i = 0; i < N; i++)
        wait_cluster(i, "\"ignored\":[]", 1);
}

static void test_key_that_others_took_comes_back(void **state)
{
    unsigned before[N];
    char key[64];

    (void)state;
    need_etcd();
    snprintf(key, sizeof(key), "/p2pfaas/%s", cluster.node[1].address);
    etcd_delete(key);
    wait_logged(1, "this node's key was deleted", 1);
    wait_all();
    for (unsigned i = 0; i < N; i++)
        before[i] = logged(i, "its value is no JSON object");
    etcd_put(key, "garbage");
    for (unsigned i = 0; i < N; i++)
        wait_logged(i, "its value is no JSON object", before[i] + 1);
    for (unsigned i = 0; i < N; i++)
        wait_cluster(i, "\"ignored\":[]", 1);
    wait_all();
}

/* More than one page of a list. */
static void test_many_keys_are_listed(void **state)
{
    enum { MORE = 50 };

    (void)state;
    need_etcd();
    assert_true(stop_node(2));
    for (unsigned i = 0; i < MORE; i++) {
        char key[64], value[96];

        snprintf(key, sizeof(key), "/p2pfaas/127.9.0.%u:1", i);
        snprintf(value, sizeof(value), "{\"id\":\"m%u\",\"address\":\"127.9.0.%u:1\"}", i, i);
        etcd_put(key, value);
    }
    start_node(2, NULL);
    for (unsigned i = 0; i < N; i++)
        wait_members(i, N - 1 + MORE);
    for (unsigned i = 0; i < MORE; i++) {
        char key[64];

        snprintf(key, sizeof(key), "/p2pfaas/127.9.0.%u:1", i);
        etcd_delete(key);
    }
    wait_all();
}

/* ---- login; the last, for it leaves a server that asks for it ---- */

static void test_login(void **state)
{
    static const char *const wrong[] = {"discovery.etcd_user=node",
                                        "discovery.etcd_password=wr\"ong", NULL};
    static const char *const right[] = {"discovery.etcd_user=node",
                                        "discovery.etcd_password=se\"cret", NULL};
    char *from, *to;

    (void)state;
    need_etcd();
    from = encoded("/p2pfaas/");
    to = encoded("/p2pfaas0");
    for (unsigned i = 0; i < N; i++)
        assert_true(stop_node(i));
    etcd_call("auth/user/add", "{\"name\":\"root\",\"password\":\"r\"}");
    etcd_call("auth/role/add", "{\"name\":\"root\"}");
    etcd_call("auth/user/grant", "{\"user\":\"root\",\"role\":\"root\"}");
    etcd_call("auth/user/add", "{\"name\":\"node\",\"password\":\"se\\\"cret\"}");
    etcd_call("auth/role/add", "{\"name\":\"nodes\"}");
    etcd_call("auth/role/grant",
              "{\"name\":\"nodes\",\"perm\":{\"permType\":\"READWRITE\",\"key\":\"%s\","
              "\"range_end\":\"%s\"}}",
              from, to);
    etcd_call("auth/user/grant", "{\"user\":\"node\",\"role\":\"nodes\"}");
    etcd_call("auth/enable", "{}");
    free(from);
    free(to);
    start_node(0, NULL);
    wait_cluster(0, "user name is empty", 1);
    assert_true(stop_node(0));
    start_node(0, wrong);
    wait_cluster(0, "authentication failed, invalid user ID or password", 1);
    assert_true(stop_node(0));
    assert_false(log_has(0, "wr\"ong"));
    for (unsigned i = 0; i < N; i++)
        start_node(i, right);
    wait_all();
    /* A server that restarts does not know the logins of before. */
    kill_etcd();
    for (unsigned i = 0; i < N; i++)
        wait_cluster(i, "\"state\":\"registered\"", 0);
    start_etcd();
    wait_all();
    jobs_go_around();
    for (unsigned i = 0; i < N; i++)
        assert_false(log_has(i, "se\"cret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nodes_that_know_only_etcd_find_each_other, begin),
        cmocka_unit_test_setup(test_killed_node_is_gone_after_its_lease_and_comes_back, begin),
        cmocka_unit_test_setup(test_stopped_node_is_gone_at_once, begin),
        cmocka_unit_test_setup(test_node_that_hung_is_back, begin),
        cmocka_unit_test_setup(test_server_that_restarts_loses_nobody, begin),
        cmocka_unit_test_setup(test_server_that_forgot_all_is_told_again, begin),
        cmocka_unit_test_setup(test_what_happened_in_an_outage_is_made_good, begin),
        cmocka_unit_test_setup(test_node_starts_before_its_server, begin),
        cmocka_unit_test_setup(test_node_stops_without_its_server, begin),
        cmocka_unit_test_setup(test_other_functions_and_slots_are_told, begin),
        cmocka_unit_test_setup(test_keys_of_others_do_no_harm, begin),
        cmocka_unit_test_setup(test_key_that_others_took_comes_back, begin),
        cmocka_unit_test_setup(test_many_keys_are_listed, begin),
        cmocka_unit_test_setup(test_login, begin),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
