#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module adaptive_threshold_plugin;

enum { FIRST = 50, JOBS = 12000 };

static struct mock *make(const char *settings, uint32_t peers)
{
    char all[200];
    struct mock *m;

    snprintf(all, sizeof(all), "min_threshold=0.25 %s", settings);
    m = mock_new(&adaptive_threshold_plugin, all);
    mock_peers(m, FIRST, peers);
    return m;
}

/* A node of 4 slots, where nothing is explored unless a test says so. */
static struct p2p_action arrives(struct mock *m, uint32_t load)
{
    mock_load(m, load, 0);
    return mock_job(m, 0);
}

static struct p2p_action say(struct mock *m, uint32_t slot, uint32_t load, uint32_t slots)
{
    mock_answer(m, slot, load, 0);
    m->rq.probe[slot].slots = slots;
    return mock_decide(m, P2P_EV_PROBED);
}

static const struct mock_metric *metric(const struct mock *m, const char *name)
{
    for (unsigned i = 0; i < m->n_metrics; i++)
        if (strcmp(m->metric[i].name, name) == 0)
            return &m->metric[i];
    fail_msg("no metric %s", name);
    return NULL;
}

static void threshold_is(const struct mock *m, double wanted)
{
    double t = metric(m, "threshold")->gauge;

    if (fabs(t - wanted) > 1e-9)
        fail_msg("the threshold is %g, not %g", t, wanted);
}

/* ---- asking and going ---- */

static void loads_are_for_each_slot(void **state)
{
    struct mock *m = make("threshold=1.5 explore=0", 3);

    (void)state;
    mock_is(arrives(m, 5), p2p_local());
    mock_is(arrives(m, 6), p2p_ask(1, 0, 0));
    mock_load(m, 3, 3);
    mock_is(mock_job(m, 0), p2p_ask(1, 0, 0));
    m->node.slots = 8;
    mock_is(arrives(m, 11), p2p_local());
    mock_is(arrives(m, 12), p2p_ask(1, 0, 0));
    m->node.slots = 0; /* as one */
    mock_is(arrives(m, 1), p2p_local());
    mock_is(arrives(m, 2), p2p_ask(1, 0, 0));
    mock_load(m, UINT32_MAX, UINT32_MAX);
    mock_is(mock_job(m, 0), p2p_ask(1, 0, 0));
    mock_free(m);
}

static void a_big_and_a_small_peer_compare(void **state)
{
    struct mock *m = make("fanout=2 explore=0", 2);

    (void)state;
    mock_is(arrives(m, 8), p2p_ask(2, 0, 0));
    mock_answer(m, 0, 3, 0); /* of 4: 0.75 */
    mock_is(say(m, 1, 5, 8), p2p_forward(m->rq.probe[1].peer));
    arrives(m, 8);
    mock_answer(m, 0, 3, 0);
    mock_is(say(m, 1, 7, 8), p2p_forward(m->rq.probe[0].peer));
    arrives(m, 8); /* 2 for each slot */
    mock_answer(m, 0, 4, 4);
    mock_is(say(m, 1, 2, 0), p2p_local());
    mock_free(m);
}

static void equal_peers_are_drawn(void **state)
{
    struct mock *m = make("fanout=3 explore=0 step=0", 3);
    unsigned counts[3] = {0};

    (void)state;
    for (int i = 0; i < JOBS; i++) {
        arrives(m, 8);
        mock_answer(m, 0, 1, 1);
        mock_answer(m, 1, 2, 0);
        counts[say(m, 2, 4, 8).a - FIRST]++;
    }
    mock_uniform(counts, 3);
    mock_free(m);
}

static void by_default_a_node_with_a_free_slot_asks_nobody(void **state)
{
    struct mock *m = mock_new(&adaptive_threshold_plugin, "explore=1");

    (void)state;
    mock_peers(m, FIRST, 3);
    for (int i = 0; i < 50; i++) {
        for (uint32_t load = 0; load < 4; load++)
            mock_is(arrives(m, load), p2p_local());
        mock_is(arrives(m, 4), p2p_ask(1, 0, 0));
        assert_int_equal(say(m, 0, 0, 4).kind, P2P_FORWARD);
        threshold_is(m, 1);
    }
    mock_free(m);
}

static void an_idle_node_asks_nobody(void **state)
{
    struct mock *m = make("threshold=0 min_threshold=0 explore=1", 3);

    (void)state;
    mock_is(arrives(m, 0), p2p_local());
    mock_is(arrives(m, 1), p2p_ask(1, 0, 0));
    mock_free(m);
}

/* ---- learning ---- */

static void a_find_lowers_it_and_asking_in_vain_raises_it(void **state)
{
    struct mock *m = make("threshold=1 step=0.1 target=0.3 explore=0", 3);

    (void)state;
    arrives(m, 8);
    assert_int_equal(say(m, 0, 0, 4).kind, P2P_FORWARD);
    threshold_is(m, 1 - 0.1 * 0.7);
    arrives(m, 8);
    mock_is(say(m, 0, 8, 4), p2p_local());
    threshold_is(m, 1 - 0.1 * 0.7 + 0.1 * 0.3);
    assert_int_equal(metric(m, "finds_total")->counter, 1);
    assert_int_equal(metric(m, "vain_total")->counter, 1);
    mock_free(m);
}

static void silence_is_no_news(void **state)
{
    struct mock *m = make("fanout=2 explore=0", 3);

    (void)state;
    arrives(m, 8);
    mock_no_answer(m, 0, P2P_PROBE_TIMEOUT); /* with a load of zero */
    mock_no_answer(m, 1, P2P_PROBE_GONE);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local());
    threshold_is(m, 1);
    arrives(m, 8);
    mock_no_answer(m, 0, P2P_PROBE_TIMEOUT);
    mock_is(say(m, 1, 9, 4), p2p_local());
    threshold_is(m, 1.025);
    mock_free(m);
}

static void refusals_teach_nothing(void **state)
{
    struct mock *m = make("fanout=3 explore=0", 3);

    (void)state;
    arrives(m, 8);
    mock_answer(m, 0, 3, 0);
    mock_answer(m, 1, 1, 0);
    mock_is(say(m, 2, 2, 4), p2p_forward(m->rq.probe[1].peer));
    threshold_is(m, 0.975);
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(m->rq.probe[2].peer));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(m->rq.probe[0].peer));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    threshold_is(m, 0.975);
    mock_free(m);
}

static void it_stays_within_its_bounds(void **state)
{
    struct mock *m = make("min_threshold=0.5 max_threshold=1.25 explore=0", 1);

    (void)state;
    for (int i = 0; i < 100; i++) {
        arrives(m, 8);
        say(m, 0, 8, 4);
    }
    threshold_is(m, 1.25);
    mock_is(arrives(m, 4), p2p_local());
    for (int i = 0; i < 100; i++) {
        arrives(m, 8);
        say(m, 0, 0, 4);
    }
    threshold_is(m, 0.5);
    mock_is(arrives(m, 2), p2p_ask(1, 0, 0));
    mock_is(arrives(m, 1), p2p_local());
    mock_free(m);
}

/* Jobs find 0 to 19 here, equally likely; the peer has 2 for each slot.  The share of
 * the rounds that find it is 3/(5-T) for T <= 2, so that 0.8 is met at T = 1.25. */
static void it_rests_where_the_target_is_met(void **state)
{
    struct mock *m = make("target=0.8 step=0.02 threshold=3 explore=0.05", 1);
    double sum = 0;

    (void)state;
    for (int i = 0; i < JOBS; i++) {
        if (arrives(m, (uint32_t)p2p_rand_below(&m->host, 20)).kind == P2P_PROBE)
            say(m, 0, 8, 4);
        if (i >= JOBS / 2)
            sum += metric(m, "threshold")->gauge;
    }
    sum /= JOBS / 2.0;
    if (sum < 1.0 || sum > 1.5)
        fail_msg("it rests at %g", sum);
    mock_free(m);
}

static void it_follows_a_world_that_changes(void **state)
{
    struct mock *m = make("", 1);

    (void)state;
    for (int i = 0; i < 2000; i++) /* all are as busy as this node: asking is vain */
        if (arrives(m, 18).kind == P2P_PROBE)
            say(m, 0, 18, 4);
    threshold_is(m, 4);
    for (int i = 0; i < JOBS; i++) /* never at T, which only exploring can tell */
        if (arrives(m, 8).kind == P2P_PROBE)
            say(m, 0, 1, 4);
    assert_true(metric(m, "threshold")->gauge <= 2);
    mock_free(m);
}

static void exploring_is_as_rare_as_told_and_only_finds_count(void **state)
{
    struct mock *m = make("threshold=2 explore=0.1 min_threshold=0.5", 1);
    unsigned asked = 0;

    (void)state;
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(arrives(m, 1).kind, P2P_LOCAL); /* below the least that T may be */
        if (arrives(m, 4).kind == P2P_PROBE) {
            asked++;
            mock_is(say(m, 0, 4, 4), p2p_local());
        }
    }
    assert_in_range(asked, JOBS * 9 / 100, JOBS * 11 / 100);
    threshold_is(m, 2);
    while (arrives(m, 4).kind != P2P_PROBE)
        ;
    mock_is(say(m, 0, 0, 4), p2p_forward(FIRST));
    threshold_is(m, 1.975);
    mock_free(m);
}

/* ---- its life ---- */

struct tape {
    char data[32];
    uint64_t len, at;
};

static int64_t tape_write(struct p2p_stream *s, const void *data, uint64_t n)
{
    struct tape *t = s->ctx;

    if (n > sizeof(t->data) - t->len)
        return -1;
    memcpy(t->data + t->len, data, n);
    t->len += n;
    return (int64_t)n;
}

static int64_t tape_read(struct p2p_stream *s, void *to, uint64_t n)
{
    struct tape *t = s->ctx;

    if (n > t->len - t->at)
        n = t->len - t->at;
    memcpy(to, t->data + t->at, n);
    t->at += n;
    return (int64_t)n;
}

static bool loads(struct mock *m, const void *data, uint64_t len)
{
    struct tape t = {.len = len};
    struct p2p_stream in = {.ctx = &t, .read = tape_read};

    memcpy(t.data, data, len);
    return m->ops->load(m->self, &in);
}

static void what_it_learned_goes_to_the_next(void **state)
{
    struct mock *old = make("explore=0", 1), *next = make("explore=0 max_threshold=1.5", 1);
    struct tape t = {.len = 0};
    struct p2p_stream out = {.ctx = &t, .write = tape_write};

    (void)state;
    arrives(old, 8);
    say(old, 0, 0, 4);
    assert_true(old->ops->save(old->self, &out));
    assert_true(loads(next, t.data, t.len));
    threshold_is(next, 0.975);
    t.len = sizeof(t.data);
    assert_false(old->ops->save(old->self, &out));
    mock_free(old);
    mock_free(next);
}

/* What save() writes, with another threshold at its end. */
static uint64_t saved_as(char data[32], double threshold)
{
    struct mock *m = make("", 1);
    struct tape t = {.len = 0};
    struct p2p_stream out = {.ctx = &t, .write = tape_write};

    assert_true(m->ops->save(m->self, &out));
    memcpy(data, t.data, t.len);
    memcpy(data + t.len - sizeof(threshold), &threshold, sizeof(threshold));
    mock_free(m);
    return t.len;
}

static void garbage_is_not_loaded(void **state)
{
    static const double wrong[] = {NAN, -1, -1e-9, 1000001, 1e300, INFINITY};
    struct mock *m = make("max_threshold=3", 1);
    const double bare = 2;
    char data[32] = "";
    uint64_t n;

    (void)state;
    assert_false(loads(m, &bare, sizeof(bare)));
    assert_false(loads(m, data, sizeof(data)));
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        n = saved_as(data, wrong[i]);
        assert_false(loads(m, data, n));
    }
    n = saved_as(data, 2);
    for (uint64_t len = 0; len < n; len++)
        assert_false(loads(m, data, len));
    assert_false(loads(m, data, n + 1));
    for (uint64_t at = 0; at < n - sizeof(double); at++) {
        data[at] ^= 1;
        assert_false(loads(m, data, n));
        data[at] ^= 1;
    }
    threshold_is(m, 1);
    assert_true(loads(m, data, n));
    threshold_is(m, 2);
    n = saved_as(data, 1000000);
    assert_true(loads(m, data, n));
    threshold_is(m, 3); /* within its bounds */
    mock_free(m);
}

static void bounds_that_contradict_are_refused(void **state)
{
    struct mock *m = make("", 0);
    char err[P2P_ERRLEN] = "";
    double *threshold = (double *)(void *)((char *)m->self + m->ops->params[1].offset);

    (void)state;
    assert_string_equal(m->ops->params[1].name, "threshold");
    *threshold = 9;
    assert_int_equal(m->ops->init(m->self, &m->host, err), -1);
    assert_string_equal(err, "threshold is 9, with min_threshold 0.25 and max_threshold 4; "
                             "allowed: min_threshold <= threshold <= max_threshold");
    *threshold = 0.1;
    assert_int_equal(m->ops->init(m->self, &m->host, err), -1);
    mock_free(m);
}

static void after_eight_refusals_it_runs_here(void **state)
{
    struct mock *m = make("fanout=64 explore=0", 90);
    struct p2p_action a;
    unsigned n = 0;

    (void)state;
    mock_is(arrives(m, 8), p2p_ask(64, 0, 0));
    for (uint32_t i = 0; i < 64; i++)
        mock_answer(m, i, 0, 0);
    for (a = mock_decide(m, P2P_EV_PROBED); a.kind == P2P_FORWARD; n++)
        a = mock_decide(m, P2P_EV_REFUSED);
    assert_int_equal(n, 8);
    mock_is(a, p2p_local());
    mock_free(m);
}

static void hops_no_peers_and_odd_events_run_here(void **state)
{
    struct mock *m = make("max_hops=2 loss=true", 3);

    (void)state;
    mock_load(m, 9, 0);
    mock_is(mock_job(m, 1), p2p_ask(1, 0, 0));
    mock_is(mock_job(m, 2), p2p_local_or_lose());
    for (uint32_t event = P2P_EV_PROBED; event < 40; event++) {
        mock_arrive(m);
        mock_is(mock_decide(m, event), p2p_local_or_lose());
    }
    mock_peers(m, FIRST, 0);
    mock_is(arrives(m, 9), p2p_local_or_lose());
    threshold_is(m, 1);
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_are_for_each_slot),
        cmocka_unit_test(a_big_and_a_small_peer_compare),
        cmocka_unit_test(equal_peers_are_drawn),
        cmocka_unit_test(by_default_a_node_with_a_free_slot_asks_nobody),
        cmocka_unit_test(an_idle_node_asks_nobody),
        cmocka_unit_test(a_find_lowers_it_and_asking_in_vain_raises_it),
        cmocka_unit_test(silence_is_no_news),
        cmocka_unit_test(refusals_teach_nothing),
        cmocka_unit_test(it_stays_within_its_bounds),
        cmocka_unit_test(it_rests_where_the_target_is_met),
        cmocka_unit_test(it_follows_a_world_that_changes),
        cmocka_unit_test(exploring_is_as_rare_as_told_and_only_finds_count),
        cmocka_unit_test(what_it_learned_goes_to_the_next),
        cmocka_unit_test(garbage_is_not_loaded),
        cmocka_unit_test(bounds_that_contradict_are_refused),
        cmocka_unit_test(after_eight_refusals_it_runs_here),
        cmocka_unit_test(hops_no_peers_and_odd_events_run_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
