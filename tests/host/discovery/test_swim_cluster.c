/*
 * test_swim_cluster.c - many detectors under virtual time: how fast they agree, whom they
 * bury wrongly, and what it costs.  The figures are printed; the bounds are asserted.
 *
 * An argument is how many crashes are looked at in place of ten, for a finer distribution.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/discovery/swim_private.h"
#include "tests/host/discovery/support_net.h"

/* A thousand nodes that know each other are 600 MB.  The sanitizers see all there is to see
 * with fewer. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { NODES_MOST = 200, SEEDS = 1 };
#else
enum { NODES_MOST = 1000, SEEDS = 3 };
#endif

static unsigned crashes = 10;

/* A time that is no multiple of any interval. */
static uint64_t some_time(uint64_t seed)
{
    return 10 * SECOND + seed * 37 % 1009 * MS;
}

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

/* ---- agreement */

static double rounds(const struct net *net, uint64_t ns)
{
    return ceil((double)ns / (double)(net->settings.gossip_interval_ms * MS));
}

/* Of an epidemic in which each of those who know tells three others a round. */
static double theory(unsigned n)
{
    return log(n) / log(4) + log(n) / 3;
}

/* All but the last join through the first at once; then the last one does. */
static void join_all(unsigned n, uint64_t seed, double *all, double *one)
{
    struct net net;
    uint64_t took;

    net_init(&net, n, seed);
    for (unsigned i = 0; i < n - 1; i++)
        net_start(&net, i);
    for (unsigned i = 1; i < n - 1; i++)
        net_join(&net, i, 0);
    took = net_run_until(&net, net_converged, 30 * SECOND, 20 * MS);
    assert_true(took < 3 * SECOND);
    *all = fmax(*all, rounds(&net, took));

    net_run(&net, net.now + some_time(seed));
    net_start(&net, n - 1);
    net_join(&net, n - 1, 0);
    took = net_run_until(&net, net_converged, 30 * SECOND, 20 * MS);
    assert_true(took < 3 * SECOND);
    *one = fmax(*one, rounds(&net, took));
    net_release(&net);
}

static void test_all_know_all_after_logarithmic_rounds(void **state)
{
    static const unsigned sizes[] = {10, 32, 100};

    (void)state;
    print_message("rounds of gossip (200 ms) until everyone knows everyone, worst of %d seeds\n"
                  "     n  theory  one newcomer  all join one seed  bound 3 log2 n\n",
                  SEEDS);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        double all = 0, one = 0, bound = 3 * log2(sizes[i]);

        for (uint64_t seed = 1; seed <= SEEDS; seed++)
            join_all(sizes[i], seed, &all, &one);
        print_message("  %4u  %6.1f  %12.0f  %17.0f  %14.1f\n", sizes[i], theory(sizes[i]), one,
                      all, bound);
        assert_true(one <= bound && all <= bound);
    }
}

/* ---- crashes */

static bool all_buried_the_first(struct net *net)
{
    for (unsigned i = 1; i < net->n; i++)
        if (net_state(net, i, 0) != SWIM_DEAD)
            return false;
    return true;
}

static uint64_t detection(uint64_t seed, unsigned n, double loss, const struct swim_settings *how)
{
    struct net net;
    uint64_t took;

    net_init(&net, n, seed);
    net.loss = loss;
    net.settings = *how;
    net_introduce(&net);
    net_run(&net, net.now + some_time(seed));
    net_crash(&net, 0);
    took = net_run_until(&net, all_buried_the_first, 120 * SECOND, 10 * MS);
    net_release(&net);
    return took;
}

static int by_time(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Returns the slowest. */
static uint64_t detections(const char *what, unsigned n, unsigned runs, double loss,
                           const struct swim_settings *how)
{
    uint64_t *took = malloc(runs * sizeof(*took)), most;

    assert_non_null(took);
    for (unsigned i = 0; i < runs; i++)
        took[i] = detection(i + 1, n, loss, how);
    qsort(took, runs, sizeof(*took), by_time);
    most = took[runs - 1];
    print_message("  %-30s %5.2f %7.2f %6.2f %6.2f %6.2f\n", what, seconds(took[0]),
                  seconds(took[runs / 2]), seconds(took[runs * 9 / 10]),
                  seconds(took[runs * 99 / 100]), seconds(most));
    free(took);
    return most;
}

static void test_a_crash_among_8_is_known_by_all_within_6_seconds(void **state)
{
    struct swim_settings own, memberlist;

    (void)state;
    swim_defaults(&own);
    memberlist = own;
    memberlist.probe_interval_ms = 1000;
    print_message("seconds until all know of a crash, %u runs\n"
                  "                                 least  median    p90    p99   most\n",
                  crashes);
    assert_true(detections("8 members", 8, crashes, 0, &own) < 6 * SECOND);
    detections("8 members, 5 % loss", 8, crashes, 0.05, &own);
    detections("8 members, probes each second", 8, crashes, 0, &memberlist);
    assert_true(detections("2 members", 2, crashes, 0, &own) < 6 * SECOND);
    assert_true(detections("3 members", 3, crashes, 0, &own) < 6 * SECOND);
    detections("100 members", 100, (crashes + 9) / 10, 0, &own);
}

/* ---- verdicts on the living */

struct verdicts {
    unsigned wrong, of_slow, own;
};

static void on_changed(struct net *net, unsigned node, const struct swim_member *m,
                       enum swim_state old_state)
{
    struct verdicts *v = net->ctx;
    unsigned about = net_index(&m->address);

    if (m->state != SWIM_DEAD || old_state == SWIM_DEAD || !net->nodes[about].up)
        return;
    v->wrong++;
    v->of_slow += net->nodes[about].slow_ns > 0;
    v->own += net->nodes[node].slow_ns > 0;
}

static void sum_up(const struct net *net, struct swim_stats *sum)
{
    memset(sum, 0, sizeof(*sum));
    for (unsigned i = 0; i < net->n; i++) {
        struct swim_stats one;

        swim_stats(net->nodes[i].swim, &one);
        sum->probes_ok += one.probes_ok;
        sum->probes_indirect += one.probes_indirect;
        sum->probes_failed += one.probes_failed;
        sum->false_suspicions += one.false_suspicions;
        sum->malformed += one.malformed;
        sum->refutations += one.refutations;
    }
}

static void test_loss_of_5_percent_buries_nobody(void **state)
{
    static const unsigned sizes[] = {8, 30};

    (void)state;
    print_message("5 minutes at 5 %% loss, all nodes together\n"
                  "     n  seed  probes  indirect  failed  refuted  buried alive\n");
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct verdicts v = {0};
            struct swim_stats sum;
            struct net net;

            net_init(&net, sizes[i], seed);
            net.loss = 0.05;
            net.changed = on_changed;
            net.ctx = &v;
            net_introduce(&net);
            net_run(&net, net.now + 300 * SECOND);
            sum_up(&net, &sum);
            print_message("  %4u  %4u  %6u  %8u  %6u  %7u  %12u\n", sizes[i], (unsigned)seed,
                          (unsigned)sum.probes_ok, (unsigned)sum.probes_indirect,
                          (unsigned)sum.probes_failed, (unsigned)sum.refutations, v.wrong);
            assert_int_equal(v.wrong, 0);
            assert_int_equal(sum.malformed, 0);
            assert_true(net_run_until(&net, net_converged, 10 * SECOND, 50 * MS) != UINT64_MAX);
            net_release(&net);
        }
    }
}

static struct verdicts with_a_slow_one(uint64_t seed, const struct swim_settings *how)
{
    struct verdicts v = {0};
    struct net net;

    net_init(&net, 8, seed);
    net.settings = *how;
    net.changed = on_changed;
    net.ctx = &v;
    net_introduce(&net);
    net_run(&net, net.now + 10 * SECOND);
    net.nodes[3].slow_ns = 3 * SECOND;
    net_run(&net, net.now + 300 * SECOND);
    net_release(&net);
    return v;
}

/* It is dead to some for a moment before they learn how slow it is. */
static void test_a_slow_member_is_told_from_a_dead_one(void **state)
{
    struct swim_settings own, plain;
    unsigned healthy = 0, slow = 0, plain_healthy = 0, plain_slow = 0;

    (void)state;
    swim_defaults(&own);
    plain = own;
    plain.health_most = 1;
    plain.suspicion_max_mult = 1;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct verdicts v = with_a_slow_one(seed, &own);

        slow += v.of_slow;
        healthy += v.wrong - v.of_slow;
        v = with_a_slow_one(seed, &plain);
        plain_slow += v.of_slow;
        plain_healthy += v.wrong - v.of_slow;
    }
    print_message(
        "one of 8 members takes 3 s for each datagram, %d times 5 minutes: wrong verdicts\n"
        "                                 of healthy ones   of the slow one\n"
        "  as it is                       %15u   %15u\n"
        "  no health, no long suspicion   %15u   %15u\n",
        SEEDS, healthy, slow, plain_healthy, plain_slow);
    assert_int_equal(healthy, 0);
    assert_true(slow <= SEEDS * 2 * 7);
}

/* ---- partitions */

static bool sides_are_apart(struct net *net)
{
    for (unsigned i = 0; i < net->n; i++)
        for (unsigned j = 0; j < net->n; j++)
            if (net->nodes[i].side != net->nodes[j].side && net_state(net, i, j) != SWIM_DEAD)
                return false;
    return true;
}

static void part(unsigned n, unsigned smaller, uint64_t apart_ns)
{
    struct verdicts v = {0};
    uint64_t noticed, healed;
    struct net net;

    net_init(&net, n, n + smaller);
    net_introduce(&net);
    net_run(&net, net.now + 5 * SECOND);
    for (unsigned i = 0; i < smaller; i++)
        net.nodes[i].side = 1;
    noticed = net_run_until(&net, sides_are_apart, 600 * SECOND, 50 * MS);
    assert_true(noticed != UINT64_MAX);
    net_run(&net, net.now + apart_ns);
    for (unsigned i = 0; i < smaller; i++)
        net.nodes[i].side = 0;
    net.changed = on_changed;
    net.ctx = &v;
    healed = net_run_until(&net, net_converged, 300 * SECOND, 50 * MS);
    print_message("  %4u | %-4u %7.0f %12.1f %10.1f %16u\n", n - smaller, smaller,
                  seconds(apart_ns), seconds(noticed), seconds(healed), v.wrong);
    assert_true(healed < 120 * SECOND);
    net_release(&net);
}

static void test_a_partition_heals(void **state)
{
    (void)state;
    print_message("partitions, seconds: apart, until noticed by all, until healed; and how many\n"
                  "were buried, as seen by one, while it healed\n");
    part(100, 50, 60 * SECOND);
    part(30, 3, 60 * SECOND);
    part(8, 4, 600 * SECOND);
    part(2, 1, 3600 * SECOND);
}

/* ---- cost */

/* What a node sends. */
struct traffic {
    double datagrams_s, bytes_s;
    double exchanges_mb_h; /* it begins one an interval and answers one */
};

static struct traffic idle(unsigned n, uint64_t time_ns)
{
    struct traffic t;
    struct buf all;
    struct net net;

    net_init(&net, n, 1);
    net_introduce(&net);
    net_run(&net, net.now + 4 * SECOND);
    net.datagrams = net.bytes = 0;
    net_run(&net, net.now + time_ns);
    t.datagrams_s = (double)net.datagrams / n / seconds(time_ns);
    t.bytes_s = (double)net.bytes / n / seconds(time_ns);
    buf_init(&all, net.settings.state_most);
    assert_int_equal(swim_write_state(net.nodes[0].swim, SWIM_WANT_STATE, &all), 0);
    t.exchanges_mb_h = 2 * (double)all.len * 3.6 /
                       (net.settings.exchange_interval_ms * (double)swim_exchange_scale(n));
    buf_release(&all);
    net_release(&net);
    return t;
}

static void test_idle_traffic_of_a_node_hardly_grows_with_the_cluster(void **state)
{
    static const unsigned sizes[] = {8, 100, NODES_MOST};
    struct traffic first = {0};

    (void)state;
    print_message(
        "what an idle node sends, MB an hour, with 28 bytes of UDP and IP and 64 of seal\n"
        "     n  datagrams/s  bytes each  datagrams  full exchanges  together\n");
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct traffic t = idle(sizes[i], (sizes[i] <= 100 ? 60 : 6) * SECOND);
        double datagrams = (t.bytes_s + 92 * t.datagrams_s) * 3600 / 1e6;

        print_message("  %4u  %11.2f  %10.0f  %9.1f  %14.1f  %8.1f\n", sizes[i], t.datagrams_s,
                      t.bytes_s / t.datagrams_s, datagrams, t.exchanges_mb_h,
                      datagrams + t.exchanges_mb_h);
        if (i == 0)
            first = t;
        assert_true(t.datagrams_s < 1.2 * first.datagrams_s);
        assert_true(t.bytes_s < 400 * t.datagrams_s);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_know_all_after_logarithmic_rounds),
        cmocka_unit_test(test_a_crash_among_8_is_known_by_all_within_6_seconds),
        cmocka_unit_test(test_loss_of_5_percent_buries_nobody),
        cmocka_unit_test(test_a_slow_member_is_told_from_a_dead_one),
        cmocka_unit_test(test_a_partition_heals),
        cmocka_unit_test(test_idle_traffic_of_a_node_hardly_grows_with_the_cluster),
    };

    if (argc > 1)
        crashes = (unsigned)strtoul(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
