/*
 * Eight nodes, each a host of its own in a network namespace, that know one seed:
 * joining, dying, leaving, coming back, and networks that lose, part and delay.
 * The times are those of the default settings.
 *
 * P2P_LONG_TESTS=1 (make long) watches the lossy network for five minutes.
 */
#include <signal.h>
#include <sys/stat.h>

#include "bench/netns.h"
#include "tests/cluster/fixture.h"
#include "tests/cluster/support_slow_wire.h"

enum { NODES = 8, ALL = (1 << NODES) - 1, LATE = 7, PATIENCE = 60 };
static const double JOIN_SECONDS = 3, CRASH_SECONDS = 6, LEAVE_SECONDS = 2;
static const double LOSSY_SECONDS = 20, LOSSY_SECONDS_LONG = 300, SLOW_SECONDS = 5;
/* The times are those of a node, not of a node in a sanitizer. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const double SLOWER = 4;
#else
static const double SLOWER = 1;
#endif

static const char config[] =
    "functions: {echo: {mode: http, command: ['${BIN}/functions/echo']}}\n";
static const char *const settings[] = {"discovery.seeds=10.77.0.1", "security.trust_network=true",
                                       "node.threads=1", "node.pin=false", NULL};

static struct netns net;
static char why_not[CLUSTER_ERRLEN]; /* namespaces cannot be made */

/* ---- set up ---- */

static int init(void **state)
{
    (void)state;
    fixture_init(NODES, config);
    cluster.strangers = true;
    cluster.settings = settings;
    if (netns_init(&net, NODES, why_not) || netns_enter(&net, why_not)) {
        print_message("no network namespaces: %s\n", why_not);
        return 0;
    }
    netns_settle(&net, &cluster);
    return 0;
}

static int release(void **state)
{
    (void)state;
    fixture_stop();
    netns_release(&net);
    return 0;
}

/* Skipped where there are no namespaces, except where tests have to count. */
static void need_network(void)
{
    const char *ci = getenv("CI");

    if (!why_not[0])
        return;
    if (ci && strcmp(ci, "true") == 0)
        fail_msg("network namespaces: %s", why_not);
    skip();
}

/* Every node must still be there, and end by itself. */
static int stop_all(void **state)
{
    char err[CLUSTER_ERRLEN];
    bool well = true;

    (void)state;
    if (why_not[0])
        return 0;
    for (unsigned i = 0; i < NODES; i++)
        if (cluster.node[i].pid)
            kill(cluster.node[i].pid, SIGTERM);
    for (unsigned i = 0; i < NODES; i++)
        well = (!cluster.node[i].pid || stop_node(i)) && well;
    return netns_heal(&net, err) || !well ? -1 : 0;
}

static void do_or_fail(int rc, const char *err)
{
    if (rc)
        fail_msg("%s", err);
}

/* ---- what nodes see ---- */

struct view {
    unsigned node, up;
};

static bool sees(void *arg)
{
    const struct view *v = arg;

    return metric(v->node, "p2pfaas_peers{state=\"up\"}") == v->up;
}

/* Until each node of the mask has `up` peers that are up; returns the time of the last. */
static double wait_all_see(unsigned mask, unsigned up, double seconds)
{
    double end = seconds_now() + seconds;

    for (unsigned i = 0; i < NODES; i++) {
        struct view v = {i, up};

        if (mask & 1u << i && !wait_until(sees, &v, end - seconds_now())) {
            struct reply r = get(i, "/cluster");

            fail_msg("n%u sees %g peers up, not %u, after %g s: %s", i + 1,
                     metric(i, "p2pfaas_peers{state=\"up\"}"), up, seconds, r.body);
        }
    }
    return seconds_now();
}

struct turns {
    unsigned next;
};

/* Asks one node a call. */
static bool somebody_misses_one(void *arg)
{
    struct turns *t = arg;
    struct view v = {t->next++ % NODES, NODES - 1};

    return !sees(&v);
}

/* All see all, the whole time. */
static void watch_for(double seconds)
{
    struct turns t = {0};

    if (wait_until(somebody_misses_one, &t, seconds))
        wait_all_see(ALL, NODES - 1, 0); /* says who */
}

static double sum(const char *name)
{
    double total = 0;

    for (unsigned i = 0; i < NODES; i++)
        total += metric(i, name);
    return total;
}

/* All at once. */
static void start_all(unsigned mask, const char *const *more)
{
    char err[CLUSTER_ERRLEN] = "";

    for (unsigned i = 0; i < NODES; i++)
        if (mask & 1u << i)
            do_or_fail(cluster_launch(&cluster, i, more, err), err);
    for (unsigned i = 0; i < NODES; i++)
        if (mask & 1u << i)
            do_or_fail(cluster_await(&cluster, i, err), err);
}

static void start_cluster(void)
{
    start_all(ALL, NULL);
    wait_all_see(ALL, NODES - 1, PATIENCE);
}

static void expect_within(double took, double bound, const char *what)
{
    print_message("| %s: %.2f s\n", what, took);
    if (took >= bound * SLOWER)
        fail_msg("%s: %.2f s, not under %g", what, took, bound * SLOWER);
}

/* ---- the tests ---- */

static void test_eight_nodes_find_each_other_through_one_seed(void **state)
{
    double start;

    (void)state;
    need_network();
    start = seconds_now();
    start_all(ALL, NULL);
    expect_within(wait_all_see(ALL, NODES - 1, PATIENCE) - start, JOIN_SECONDS,
                  "8 nodes started at once, each sees 7");
    assert_int_equal(stop_all(state), 0);
    start_all(ALL & ~(1 << LATE), NULL);
    wait_all_see(ALL & ~(1 << LATE), NODES - 2, PATIENCE);
    start = seconds_now();
    start_all(1 << LATE, NULL);
    expect_within(wait_all_see(ALL, NODES - 1, PATIENCE) - start, JOIN_SECONDS,
                  "one more joins 7, each sees 7");
}

static void test_a_crash_is_noticed_by_all(void **state)
{
    static const unsigned victims[] = {LATE, 0 /* the seed */};
    unsigned left = ALL;

    (void)state;
    need_network();
    start_cluster();
    for (unsigned k = 0; k < 2; k++) {
        double start = seconds_now();
        char what[64];

        assert_int_equal(cluster_stop(&cluster, victims[k], SIGKILL, 10), SIGKILL);
        left &= ~(1u << victims[k]);
        snprintf(what, sizeof(what), "n%u is killed, all others know it", victims[k] + 1);
        expect_within(wait_all_see(left, NODES - 2 - k, PATIENCE) - start, CRASH_SECONDS, what);
    }
    /* The same address, another process. */
    for (unsigned k = 0; k < 2; k++) {
        double start = seconds_now();

        start_all(1u << victims[k], NULL);
        left |= 1u << victims[k];
        print_message("| n%u is back, all see it: %.2f s\n", victims[k] + 1,
                      wait_all_see(left, NODES - 2 + k, PATIENCE) - start);
    }
}

static void test_a_host_that_falls_silent_is_noticed_by_all(void **state)
{
    char err[CLUSTER_ERRLEN];
    double start;

    (void)state;
    need_network();
    start_cluster();
    start = seconds_now();
    /* No packet of it, and no refusal in its name either. */
    do_or_fail(netns_part(&net, 1, err), err);
    expect_within(wait_all_see(ALL & ~1, NODES - 2, PATIENCE) - start, CRASH_SECONDS,
                  "a host without a network, all others know it");
}

static void test_a_node_that_leaves_is_gone_at_once(void **state)
{
    double start;

    (void)state;
    need_network();
    start_cluster();
    start = seconds_now();
    kill(cluster.node[LATE].pid, SIGTERM);
    expect_within(wait_all_see(ALL & ~(1 << LATE), NODES - 2, PATIENCE) - start, LEAVE_SECONDS,
                  "a node leaves, all others know it");
    assert_int_equal(cluster_stop(&cluster, LATE, 0, 30), 0);
    for (unsigned i = 0; i < LATE; i++)
        assert_true(metric(i, "p2pfaas_peers{state=\"down\"}") == 0);
    start_all(1 << LATE, NULL);
    wait_all_see(ALL, NODES - 1, PATIENCE);
}

static void test_no_live_node_is_declared_dead_at_5_percent_loss(void **state)
{
    double seconds = getenv("P2P_LONG_TESTS") ? LOSSY_SECONDS_LONG : LOSSY_SECONDS;
    char err[CLUSTER_ERRLEN];

    (void)state;
    need_network();
    start_cluster();
    do_or_fail(netns_lose(&net, 5, err), err);
    watch_for(seconds);
    print_message("| 5 %% loss for %g s: %g probes, %g suspicions, %g declared dead\n", seconds,
                  sum("p2pfaas_discovery_probes"), sum("p2pfaas_discovery_suspicions"),
                  sum("p2pfaas_discovery_deaths"));
    assert_true(sum("p2pfaas_discovery_deaths") == 0);
}

static void call_each_within(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        for (int k = 0; k < 4; k++)
            expect(post_text(i, "/function/echo", "x"), 200, "x");
}

static void test_a_partition_heals(void **state)
{
    char err[CLUSTER_ERRLEN];
    double start;

    (void)state;
    need_network();
    start_cluster();
    for (unsigned i = 0; i < NODES; i++)
        select_scheduler(i, "{\"name\":\"round_robin\"}");
    start = seconds_now();
    do_or_fail(netns_part(&net, 4, err), err);
    print_message("| parted 4 and 4, each sees 3: %.2f s\n",
                  wait_all_see(ALL, 3, PATIENCE) - start);
    call_each_within(0, NODES);
    for (unsigned i = 0; i < NODES; i++)
        assert_true(metric(i, "p2pfaas_peer_requests_total") > 0);
    start = seconds_now();
    do_or_fail(netns_heal(&net, err), err);
    print_message("| healed, each sees 7: %.2f s\n",
                  wait_all_see(ALL, NODES - 1, PATIENCE) - start);
    call_each_within(0, NODES);
}

static void test_a_seed_that_comes_late_is_found(void **state)
{
    double start;

    (void)state;
    need_network();
    start_all(ALL & ~1, NULL);
    for (unsigned i = 1; i < NODES; i++)
        assert_true(metric(i, "p2pfaas_peers{state=\"up\"}") == 0);
    start = seconds_now();
    start_all(1, NULL);
    print_message("| the seed comes last, each sees 7: %.2f s\n",
                  wait_all_see(ALL, NODES - 1, PATIENCE) - start);
}

static void test_all_nodes_restart_without_a_seed(void **state)
{
    char data[NODES][160];

    (void)state;
    need_network();
    for (int round = 0; round < 2; round++) {
        char err[CLUSTER_ERRLEN];

        for (unsigned i = 0; i < NODES; i++) {
            const char *const more[] = {data[i], round ? "discovery.seeds=" : NULL, NULL};

            snprintf(data[i], sizeof(data[i]), "node.data_dir=%s/data%u", cluster.dir, i);
            if (!round)
                assert_int_equal(mkdir(strchr(data[i], '=') + 1, 0700), 0);
            do_or_fail(cluster_launch(&cluster, i, more, err), err);
        }
        for (unsigned i = 0; i < NODES; i++)
            do_or_fail(cluster_await(&cluster, i, err), err);
        wait_all_see(ALL, NODES - 1, PATIENCE);
        /* Some say goodbye, some do not. */
        for (unsigned i = 0; i < NODES; i++)
            cluster_stop(&cluster, i, i % 2 ? SIGTERM : SIGKILL, 30);
    }
}

/* The last: the host keeps the slow wire. */
static void test_a_slow_wire_makes_nobody_dead(void **state)
{
    static const unsigned delays[] = {100, 250};
    char err[CLUSTER_ERRLEN];
    struct slow_wire *wire;

    (void)state;
    need_network();
    wire = slow_wire_new(&net, LATE, err);
    if (!wire)
        fail_msg("%s", err);
    start_cluster();
    for (unsigned k = 0; k < 2; k++) {
        slow_wire_delay(wire, delays[k]);
        watch_for(SLOW_SECONDS);
        print_message("| n8 at the end of a wire of %u ms for %g s: %g suspicions, %g deaths\n",
                      delays[k], SLOW_SECONDS, sum("p2pfaas_discovery_suspicions"),
                      sum("p2pfaas_discovery_deaths"));
        assert_true(sum("p2pfaas_discovery_deaths") == 0);
    }
    slow_wire_delay(wire, 0);
    assert_int_equal(stop_all(state), 0);
    slow_wire_free(wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_eight_nodes_find_each_other_through_one_seed, stop_all),
        cmocka_unit_test_teardown(test_a_crash_is_noticed_by_all, stop_all),
        cmocka_unit_test_teardown(test_a_host_that_falls_silent_is_noticed_by_all, stop_all),
        cmocka_unit_test_teardown(test_a_node_that_leaves_is_gone_at_once, stop_all),
        cmocka_unit_test_teardown(test_no_live_node_is_declared_dead_at_5_percent_loss, stop_all),
        cmocka_unit_test_teardown(test_a_partition_heals, stop_all),
        cmocka_unit_test_teardown(test_a_seed_that_comes_late_is_found, stop_all),
        cmocka_unit_test_teardown(test_all_nodes_restart_without_a_seed, stop_all),
        cmocka_unit_test_teardown(test_a_slow_wire_makes_nobody_dead, stop_all),
    };

    return cmocka_run_group_tests(tests, init, release);
}
