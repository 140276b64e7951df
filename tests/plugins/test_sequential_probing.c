#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module sequential_probing_plugin;

enum { FIRST = 50, JOBS = 12000, SILENT = 1000000 };
#define MS UINT64_C(1000000)

static struct mock *make(const char *settings, uint32_t peers)
{
    struct mock *m = mock_new(&sequential_probing_plugin, settings);

    mock_peers(m, FIRST, peers);
    return m;
}

static struct p2p_action arrives(struct mock *m, uint32_t load)
{
    mock_load(m, load, 0);
    return mock_job(m, 0);
}

/* The peer that was asked answers, or SILENT; it must have been asked alone. */
static struct p2p_action says(struct mock *m, uint32_t load)
{
    assert_int_equal(m->rq.n_probe, 1);
    if (load == SILENT)
        mock_no_answer(m, 0, P2P_PROBE_TIMEOUT);
    else
        mock_answer(m, 0, load, 0);
    return mock_decide(m, P2P_EV_PROBED);
}

static uint32_t asked(const struct mock *m)
{
    return m->rq.probe[0].peer;
}

static const struct p2p_action one = {P2P_PROBE, 1, 0};

/* ---- whom it asks ---- */

static void below_the_threshold_nobody_is_asked(void **state)
{
    struct mock *m = make("threshold=5", 10);

    (void)state;
    for (uint32_t load = 0; load < 8; load++)
        mock_is(arrives(m, load), load < 5 ? p2p_local() : one);
    mock_load(m, 2, 2);
    mock_is(mock_job(m, 0), p2p_local());
    mock_load(m, UINT32_MAX, UINT32_MAX);
    mock_is(mock_job(m, 0), one);
    mock_free(m);
}

static void at_most_fanout_peers_are_asked_and_none_twice(void **state)
{
    struct mock *m = make("fanout=5 threshold=2", 9);

    (void)state;
    assert_int_equal(m->rq.probe_cap, 5);
    for (int i = 0; i < 200; i++) {
        bool seen[9] = {false};
        struct p2p_action a = arrives(m, 9);
        unsigned n = 0;

        for (; a.kind == P2P_PROBE; a = says(m, 9)) {
            mock_is(a, one);
            assert_false(seen[asked(m) - FIRST]);
            seen[asked(m) - FIRST] = true;
            n++;
        }
        mock_is(a, p2p_local());
        assert_int_equal(n, 5);
    }
    mock_free(m);
}

static void the_first_and_the_second_to_be_asked_are_uniform(void **state)
{
    struct mock *m = make("fanout=2", 6);
    unsigned pairs[36] = {0}, ordered[30], n = 0;

    (void)state;
    for (int i = 0; i < JOBS; i++) {
        uint32_t first;

        mock_is(arrives(m, 9), one);
        first = asked(m) - FIRST;
        mock_is(says(m, 9), one);
        pairs[first * 6 + asked(m) - FIRST]++;
    }
    for (unsigned i = 0; i < 36; i++)
        if (i / 6 != i % 6)
            ordered[n++] = pairs[i];
    mock_uniform(ordered, 30);
    mock_free(m);
}

static void fewer_peers_than_fanout_are_all_asked(void **state)
{
    struct mock *m = make("fanout=9", 2);

    (void)state;
    mock_is(arrives(m, 9), one);
    mock_is(says(m, 9), one);
    mock_is(says(m, 9), p2p_local());
    mock_free(m);
}

static void each_answer_has_its_own_timeout(void **state)
{
    struct mock *m = make("timeout=20ms", 3);

    (void)state;
    mock_is(arrives(m, 9), p2p_ask(1, 0, 20 * MS));
    mock_is(says(m, SILENT), p2p_ask(1, 0, 20 * MS));
    mock_free(m);
}

/* ---- where it goes ---- */

static void it_stops_at_the_first_below_the_threshold(void **state)
{
    static const char *const settings[] = {"policy=threshold threshold=4 fanout=5",
                                           "policy=best threshold=4 fanout=5"};

    (void)state;
    for (int k = 0; k < 2; k++) {
        struct mock *m = make(settings[k], 9);

        mock_is(arrives(m, 9), one);
        mock_is(says(m, 4), one);
        mock_is(says(m, 3), p2p_forward(asked(m)));
        mock_is(arrives(m, 9), one);
        mock_answer(m, 0, 2, 2); /* waiting jobs count */
        mock_is(mock_decide(m, P2P_EV_PROBED), one);
        mock_answer(m, 0, UINT32_MAX, UINT32_MAX);
        mock_is(mock_decide(m, P2P_EV_PROBED), one);
        mock_free(m);
    }
}

static void with_less_it_stops_at_the_first_below_this_node(void **state)
{
    struct mock *m = make("policy=less threshold=4 fanout=5", 9);

    (void)state;
    mock_is(arrives(m, 9), one);
    mock_is(says(m, 9), one);
    mock_is(says(m, 8), p2p_forward(asked(m)));
    mock_is(arrives(m, 9), one);
    mock_load(m, 8, 0); /* what counts is the load now */
    mock_is(says(m, 8), one);
    mock_free(m);
}

static void when_none_will_do_the_policies_differ(void **state)
{
    static const uint32_t loads[3] = {8, 5, 7};
    struct mock *strict = make("policy=threshold threshold=4", 3);
    struct mock *best = make("policy=best threshold=4", 3);
    uint32_t second = 0;

    (void)state;
    arrives(strict, 9);
    arrives(best, 9);
    for (int i = 0; i < 2; i++) {
        if (i == 1)
            second = asked(best);
        mock_is(says(strict, loads[i]), one);
        mock_is(says(best, loads[i]), one);
    }
    mock_is(says(strict, loads[2]), p2p_local());
    mock_is(says(best, loads[2]), p2p_forward(second));
    mock_free(strict);
    mock_free(best);
}

static void the_best_of_all_must_be_better_than_this_node(void **state)
{
    struct mock *m = make("policy=best threshold=4 fanout=2", 2);

    (void)state;
    arrives(m, 9);
    mock_is(says(m, 9), one);
    mock_is(says(m, 10), p2p_local());
    arrives(m, 9);
    mock_is(says(m, 7), one);
    mock_load(m, 5, 2);
    mock_is(says(m, 8), p2p_local());
    mock_free(m);
}

static void equal_peers_get_the_same_share(void **state)
{
    struct mock *m = make("policy=best threshold=4 fanout=5", 5);
    unsigned counts[5] = {0};

    (void)state;
    for (int i = 0; i < JOBS; i++) {
        struct p2p_action a = arrives(m, 9);

        while (a.kind == P2P_PROBE)
            a = says(m, 6);
        assert_int_equal(a.kind, P2P_FORWARD);
        counts[a.a - FIRST]++;
    }
    mock_uniform(counts, 5);
    mock_free(m);
}

static void a_search_asks_as_many_as_theory_says(void **state)
{
    /* 3 of 10 peers are idle; drawn without replacement the mean is
     * 1 + 7/10 + (7*6)/(10*9) + (7*6*5)/(10*9*8) = 2.4583 of at most 4. */
    struct mock *m = make("policy=threshold threshold=4 fanout=4", 10);
    unsigned probes = 0;

    (void)state;
    for (int i = 0; i < JOBS; i++) {
        struct p2p_action a = arrives(m, 9);

        for (; a.kind == P2P_PROBE; a = says(m, asked(m) < FIRST + 3 ? 0 : 9))
            probes++;
    }
    assert_in_range(probes, JOBS * 2.42, JOBS * 2.50);
    mock_free(m);
}

/* ---- what goes wrong ---- */

static void a_silent_peer_is_passed_over(void **state)
{
    static const uint32_t silent[] = {P2P_PROBE_TIMEOUT, P2P_PROBE_GONE, P2P_PROBE_PENDING};
    struct mock *m = make("fanout=2", 2);

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        arrives(m, 9);
        mock_no_answer(m, 0, silent[i]); /* with a load of zero */
        mock_is(mock_decide(m, P2P_EV_PROBED), one);
        mock_no_answer(m, 0, silent[i]);
        mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local());
    }
    mock_free(m);
}

static void a_refusal_goes_on_with_the_search(void **state)
{
    struct mock *m = make("policy=best threshold=4 fanout=4", 4);
    uint32_t first, third;

    (void)state;
    arrives(m, 9);
    first = asked(m);
    mock_is(says(m, 6), one);
    mock_is(says(m, 1), p2p_forward(asked(m)));
    mock_is(mock_decide(m, P2P_EV_REFUSED), one);
    third = asked(m);
    mock_is(says(m, 5), one);
    mock_is(says(m, SILENT), p2p_forward(third));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(first));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    mock_free(m);
}

static void the_longest_search_ends_within_the_calls_that_a_job_has(void **state)
{
    struct mock *m = make("fanout=15 policy=less threshold=0", 40);
    struct p2p_action a = arrives(m, 9);
    unsigned calls = 1, forwards = 0;

    (void)state;
    for (; a.kind == P2P_PROBE || a.kind == P2P_FORWARD; calls++) {
        forwards += a.kind == P2P_FORWARD;
        a = a.kind == P2P_PROBE ? says(m, 0) : mock_decide(m, P2P_EV_REFUSED);
    }
    mock_is(a, p2p_local());
    assert_int_equal(forwards, 15);
    assert_in_range(calls, 1, 32);
    mock_free(m);
}

static void a_node_that_got_room_meanwhile_ends_the_search(void **state)
{
    struct mock *m = make("threshold=4", 9);

    (void)state;
    arrives(m, 9);
    mock_load(m, 3, 0);
    mock_is(says(m, 0), p2p_local());
    arrives(m, 9);
    assert_int_equal(says(m, 0).kind, P2P_FORWARD);
    mock_load(m, 3, 0);
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    mock_free(m);
}

static void hops_no_peers_and_odd_events_run_here(void **state)
{
    struct mock *m = make("max_hops=2 loss=true", 3);

    (void)state;
    mock_load(m, 9, 0);
    mock_is(mock_job(m, 1), one);
    mock_answer(m, 0, 8, 0);
    mock_is(mock_job(m, 2), p2p_local_or_lose());
    for (uint32_t event = P2P_EV_PROBED; event < 40; event++) {
        mock_arrive(m);
        mock_is(mock_decide(m, event), p2p_local_or_lose());
    }
    mock_is(arrives(m, 1), p2p_local_or_lose());
    mock_peers(m, FIRST, 0);
    mock_is(arrives(m, 9), p2p_local_or_lose());
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(below_the_threshold_nobody_is_asked),
        cmocka_unit_test(at_most_fanout_peers_are_asked_and_none_twice),
        cmocka_unit_test(the_first_and_the_second_to_be_asked_are_uniform),
        cmocka_unit_test(fewer_peers_than_fanout_are_all_asked),
        cmocka_unit_test(each_answer_has_its_own_timeout),
        cmocka_unit_test(it_stops_at_the_first_below_the_threshold),
        cmocka_unit_test(with_less_it_stops_at_the_first_below_this_node),
        cmocka_unit_test(when_none_will_do_the_policies_differ),
        cmocka_unit_test(the_best_of_all_must_be_better_than_this_node),
        cmocka_unit_test(equal_peers_get_the_same_share),
        cmocka_unit_test(a_search_asks_as_many_as_theory_says),
        cmocka_unit_test(a_silent_peer_is_passed_over),
        cmocka_unit_test(a_refusal_goes_on_with_the_search),
        cmocka_unit_test(the_longest_search_ends_within_the_calls_that_a_job_has),
        cmocka_unit_test(a_node_that_got_room_meanwhile_ends_the_search),
        cmocka_unit_test(hops_no_peers_and_odd_events_run_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
