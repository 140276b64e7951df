#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module gossip_average_plugin;

enum { NODES = 300, CYCLES = 8, RUNS = 60 };
enum { LENGTH = 24, PUSH = 1, PULL = 2 };

static double estimate_of(const struct mock *m)
{
    assert_string_equal(m->metric[0].name, "estimate");
    return m->metric[0].gauge;
}

static void message(unsigned char *bytes, unsigned kind, uint32_t epoch, uint32_t cycle,
                    double value)
{
    int64_t fixed = (int64_t)(value * 4294967296.0);

    memset(bytes, 0, LENGTH);
    bytes[0] = 1;
    bytes[1] = (unsigned char)kind;
    for (unsigned i = 0; i < 4; i++) {
        bytes[4 + i] = (unsigned char)(epoch >> 8 * i);
        bytes[8 + i] = (unsigned char)(cycle >> 8 * i);
    }
    for (unsigned i = 0; i < 8; i++)
        bytes[16 + i] = (unsigned char)((uint64_t)fixed >> 8 * i);
}

static uint32_t number(const unsigned char *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static double value_in(const struct mock_message *t)
{
    const unsigned char *bytes = t->bytes;
    uint64_t fixed = number(bytes + 16) | (uint64_t)number(bytes + 20) << 32;

    assert_int_equal(t->len, LENGTH);
    return (double)(int64_t)fixed / 4294967296.0;
}

/* One that is alone for an epoch has its own load as the estimate. */
static struct mock *estimating(const char *settings, uint32_t load, uint32_t peers)
{
    struct mock *m = mock_new(&gossip_average_plugin, settings);

    mock_load(m, load, 0);
    mock_tick(m);
    mock_tick(m);
    assert_true(estimate_of(m) * 4 == load);
    mock_peers(m, 50, peers);
    return m;
}

/* ---- the average ---- */

/* In another order each time: in one that stays the variance falls a little faster. */
static void cycle(struct mock **nodes, unsigned n)
{
    unsigned order[NODES];

    for (unsigned i = 0; i < n; i++) {
        unsigned k = (unsigned)p2p_rand_below(&nodes[0]->host, i + 1);

        order[i] = order[k];
        order[k] = i;
    }
    for (unsigned i = 0; i < n; i++) {
        mock_tick(nodes[order[i]]);
        mock_deliver(nodes, n);
    }
}

/* What a node would push now: asked by an exchange that changes nothing. */
static double value_of(struct mock *m, uint32_t epoch)
{
    unsigned char bytes[LENGTH];
    double value;

    message(bytes, PUSH, epoch, 0, 0);
    m->tell_fails = true; /* so it keeps its value */
    mock_hear(m, m->first_id + (m->number ? 0 : 1), bytes, LENGTH);
    m->tell_fails = false;
    mock_tick(m);
    assert_int_equal(m->n_told, 1);
    value = value_in(&m->told[0]);
    mock_forget(m);
    return value;
}

static double variance(const double *v, unsigned n, double mean)
{
    double sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum += (v[i] - mean) * (v[i] - mean);
    return sum / (n - 1);
}

/* By how much the variance of an epoch's values falls in CYCLES. */
static double fall(unsigned run)
{
    struct mock *nodes[NODES];
    double load[NODES], estimate[NODES], mean = 0, kept = 0, factor;

    mock_network(nodes, NODES, &gossip_average_plugin, "cycles=8");
    for (unsigned i = 0; i < NODES; i++) {
        nodes[i]->rng += run * UINT64_C(1000003);
        mock_load(nodes[i], (uint32_t)p2p_rand_below(&nodes[0]->host, 400), 0);
        load[i] = nodes[i]->node.load / 4.0;
        mean += load[i] / NODES;
    }
    for (unsigned i = 0; i < CYCLES; i++)
        cycle(nodes, NODES);
    for (unsigned i = 0; i < NODES; i++) {
        nodes[i]->tell_fails = true;
        mock_tick(nodes[i]);
        estimate[i] = estimate_of(nodes[i]);
        kept += estimate[i] / NODES;
    }
    assert_true(fabs(kept - mean) < 1e-6 * mean);
    factor = variance(estimate, NODES, mean) / variance(load, NODES, mean);
    for (unsigned i = 0; i < NODES; i++)
        mock_free(nodes[i]);
    return factor;
}

static void the_variance_falls_as_the_paper_says(void **state)
{
    double factor = 0;

    (void)state;
    for (unsigned run = 0; run < RUNS; run++)
        factor += fall(run) / RUNS;
    factor = pow(factor, 1.0 / CYCLES);
    print_message("variance falls by %.4f a cycle; 1/(2 sqrt e) is %.4f\n", factor,
                  1 / (2 * sqrt(exp(1))));
    assert_true(factor > 0.29 && factor < 0.32);
}

static void the_estimate_follows_the_load(void **state)
{
    struct mock *nodes[20];

    (void)state;
    mock_network(nodes, 20, &gossip_average_plugin, "cycles=20");
    for (uint32_t load = 40; load > 0; load -= 20) {
        for (unsigned i = 0; i < 20; i++)
            mock_load(nodes[i], i < 10 ? load : 0, 0);
        for (unsigned c = 0; c < 42; c++)
            cycle(nodes, 20);
        for (unsigned i = 0; i < 20; i++)
            assert_true(fabs(estimate_of(nodes[i]) - load / 8.0) < 1e-3);
    }
    for (unsigned i = 0; i < 20; i++)
        mock_free(nodes[i]);
}

static void both_ends_go_on_with_the_mean(void **state)
{
    struct mock *nodes[2];

    (void)state;
    mock_network(nodes, 2, &gossip_average_plugin, "");
    mock_load(nodes[0], 8, 4);
    mock_load(nodes[1], 4, 0);
    mock_tick(nodes[0]);
    assert_int_equal(mock_deliver(nodes, 2), 2);
    assert_true(value_of(nodes[0], 0) == 2);
    assert_true(value_of(nodes[1], 0) == 2);
    mock_free(nodes[0]);
    mock_free(nodes[1]);
}

static void exchanges_that_overlap_keep_the_sum(void **state)
{
    struct mock *nodes[3];
    double sum = 0;

    (void)state;
    mock_network(nodes, 3, &gossip_average_plugin, "");
    for (unsigned i = 0; i < 3; i++)
        mock_load(nodes[i], 4 + 7 * i, i);
    for (unsigned i = 0; i < 3; i++)
        mock_tick(nodes[i]); /* all have pushed before the first hears anything */
    mock_deliver(nodes, 3);
    for (unsigned i = 0; i < 3; i++)
        sum += value_of(nodes[i], 0);
    assert_true(fabs(sum - (12 + 21 + 3) / 4.0) < 1e-6);
    for (unsigned i = 0; i < 3; i++)
        mock_free(nodes[i]);
}

static void an_answer_counts_once_and_only_from_the_one_that_was_asked(void **state)
{
    struct mock *m = mock_new(&gossip_average_plugin, "");
    unsigned char bytes[LENGTH];
    uint32_t asked, sent;

    (void)state;
    m->first_id = 50;
    mock_peers(m, 50, 3);
    mock_load(m, 4, 0);
    mock_tick(m);
    asked = m->told[0].peer;
    sent = number((const unsigned char *)m->told[0].bytes + 8);
    mock_forget(m);
    message(bytes, PULL, 0, sent, 3);
    mock_hear(m, asked == 50 ? 51 : 50, bytes, LENGTH);
    message(bytes, PULL, 0, sent + 1, 3);
    mock_hear(m, asked, bytes, LENGTH);
    assert_true(value_of(m, 0) == 1);
    message(bytes, PULL, 0, sent, 3);
    mock_hear(m, asked, bytes, LENGTH);
    mock_hear(m, asked, bytes, LENGTH);
    assert_true(value_of(m, 0) == 4);
    mock_free(m);
}

static void a_later_epoch_is_joined(void **state)
{
    struct mock *m = mock_new(&gossip_average_plugin, "cycles=2");
    unsigned char bytes[LENGTH];

    (void)state;
    mock_peers(m, 50, 1);
    mock_load(m, 4, 0);
    mock_tick(m);
    mock_forget(m);
    message(bytes, PUSH, 41, 7, 3);
    mock_hear(m, 50, bytes, LENGTH);
    assert_int_equal(m->n_told, 1);
    assert_int_equal(number((const unsigned char *)m->told[0].bytes + 4), 41);
    assert_int_equal(number((const unsigned char *)m->told[0].bytes + 8), 7);
    assert_true(value_in(&m->told[0]) == -1);
    assert_true(estimate_of(m) == 1);
    mock_free(m);
}

static void one_that_joins_early_has_no_estimate_yet(void **state)
{
    struct mock *m = mock_new(&gossip_average_plugin, "cycles=9 margin=0 to=random");
    unsigned char bytes[LENGTH];

    (void)state;
    mock_peers(m, 50, 1);
    mock_load(m, 4, 0);
    for (unsigned i = 0; i < 4; i++)
        mock_tick(m);
    message(bytes, PUSH, 41, 7, 3);
    mock_hear(m, 50, bytes, LENGTH);
    mock_load(m, 40, 0);
    mock_is(mock_job(m, 0), p2p_local());
    mock_free(m);
}

static void one_that_is_behind_learns_of_our_epoch(void **state)
{
    struct mock *nodes[2];

    (void)state;
    mock_network(nodes, 2, &gossip_average_plugin, "cycles=3");
    for (unsigned i = 0; i < 2; i++)
        mock_load(nodes[i], 4 + 4 * i, 0);
    for (unsigned i = 0; i < 5; i++)
        mock_tick(nodes[0]);
    mock_forget(nodes[0]);
    mock_tick(nodes[1]);
    assert_int_equal(mock_deliver(nodes, 2), 2);
    assert_true(value_of(nodes[0], 1) == 1); /* nothing was exchanged */
    assert_true(value_of(nodes[1], 1) == 2);
    mock_free(nodes[0]);
    mock_free(nodes[1]);
}

static void the_epoch_after_the_highest_is_zero(void **state)
{
    struct mock *m = mock_new(&gossip_average_plugin, "");
    unsigned char bytes[LENGTH];

    (void)state;
    mock_peers(m, 50, 1);
    message(bytes, PUSH, UINT32_MAX, 7, 0);
    mock_hear(m, 50, bytes, LENGTH);
    message(bytes, PUSH, 0, 8, 0);
    mock_hear(m, 50, bytes, LENGTH);
    assert_int_equal(number((const unsigned char *)m->told[1].bytes + 4), 0);
    mock_free(m);
}

static void garbage_is_ignored(void **state)
{
    struct mock *m = estimating("cycles=1", 8, 3);
    unsigned char bytes[LENGTH + 1] = {0};

    (void)state;
    for (uint32_t len = 1; len <= LENGTH + 1; len++) {
        message(bytes, PUSH, 9, 0, 1);
        if (len == LENGTH)
            bytes[0] = 2;
        mock_hear(m, 50, bytes, len);
    }
    message(bytes, PUSH, 9, 0, -1);
    mock_hear(m, 50, bytes, LENGTH);
    message(bytes, PUSH, 9, 0, 2e6);
    mock_hear(m, 50, bytes, LENGTH);
    message(bytes, 3, 9, 0, 1);
    mock_hear(m, 50, bytes, LENGTH);
    message(bytes, PUSH, 9, 0, 1);
    bytes[3] = 1;
    mock_hear(m, 50, bytes, LENGTH);
    assert_int_equal(m->n_told, 0);
    assert_true(estimate_of(m) == 2);
    mock_hear_garbage(m, 51);
    assert_true(estimate_of(m) >= 0);
    mock_free(m);
}

/* ---- decisions ---- */

static void without_an_estimate_jobs_stay(void **state)
{
    struct mock *m = mock_new(&gossip_average_plugin, "margin=0");

    (void)state;
    mock_peers(m, 50, 3);
    mock_load(m, 100, 0);
    mock_is(mock_job(m, 0), p2p_local());
    mock_free(m);
}

static void only_beyond_the_margin_jobs_leave(void **state)
{
    struct mock *m = estimating("cycles=1 margin=0.5 to=random", 4, 3);

    (void)state;
    mock_load(m, 6, 0);
    mock_is(mock_job(m, 0), p2p_local());
    mock_load(m, 6, 1);
    assert_int_equal(mock_job(m, 0).kind, P2P_FORWARD);
    mock_is(mock_job(m, 1), p2p_local());
    mock_peers(m, 50, 0);
    mock_is(mock_job(m, 0), p2p_local());
    mock_free(m);
}

static void random_peers_are_equally_likely(void **state)
{
    struct mock *m = estimating("cycles=1 to=random", 4, 5);
    unsigned counts[5] = {0};

    (void)state;
    mock_load(m, 8, 0);
    for (unsigned i = 0; i < 5000; i++)
        counts[mock_job(m, 0).a - 50]++;
    mock_uniform(counts, 5);
    mock_free(m);
}

static void the_peer_heard_last_below_the_mean_is_taken(void **state)
{
    struct mock *m = estimating("cycles=1", 8, 4);

    (void)state;
    mock_load(m, 20, 0);
    mock_is(mock_job(m, 0), p2p_local()); /* none was ever heard */
    for (uint32_t i = 0; i < 4; i++)
        m->peers[i].heard_ns = 100 + i;
    m->peers[3].load = 4;
    m->peers[3].queue = 4; /* at the mean */
    m->peers[2].inflight = 8;
    mock_is(mock_job(m, 0), p2p_forward(51));
    m->peers[1].load = 9;
    mock_is(mock_job(m, 0), p2p_forward(50));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    m->peers[0].load = 9;
    mock_is(mock_job(m, 0), p2p_local());
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_variance_falls_as_the_paper_says),
        cmocka_unit_test(the_estimate_follows_the_load),
        cmocka_unit_test(both_ends_go_on_with_the_mean),
        cmocka_unit_test(exchanges_that_overlap_keep_the_sum),
        cmocka_unit_test(an_answer_counts_once_and_only_from_the_one_that_was_asked),
        cmocka_unit_test(a_later_epoch_is_joined),
        cmocka_unit_test(one_that_joins_early_has_no_estimate_yet),
        cmocka_unit_test(one_that_is_behind_learns_of_our_epoch),
        cmocka_unit_test(the_epoch_after_the_highest_is_zero),
        cmocka_unit_test(garbage_is_ignored),
        cmocka_unit_test(without_an_estimate_jobs_stay),
        cmocka_unit_test(only_beyond_the_margin_jobs_leave),
        cmocka_unit_test(random_peers_are_equally_likely),
        cmocka_unit_test(the_peer_heard_last_below_the_mean_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
