#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module least_connections_plugin;

enum { FIRST = 50, JOBS = 12000 };

static struct mock *make(const char *settings, uint32_t peers)
{
    struct mock *m = mock_new(&least_connections_plugin, settings);

    mock_peers(m, FIRST, peers);
    return m;
}

static void sent(struct mock *m, const uint32_t *inflight)
{
    for (uint32_t i = 0; i < m->rq.n_peers; i++)
        m->peers[i].inflight = inflight[i];
}

static void the_peer_with_the_fewest_of_our_jobs_gets_it(void **state)
{
    static const uint32_t inflight[4] = {3, 5, 2, 4};
    struct mock *m = make("", 4);

    (void)state;
    sent(m, inflight);
    mock_load(m, 9, 0);
    mock_is(mock_job(m, 0), p2p_forward(FIRST + 2));
    m->peers[2].inflight = UINT32_MAX;
    mock_is(mock_job(m, 0), p2p_forward(FIRST));
    assert_int_equal(m->rq.probe_cap, 0);
    mock_free(m);
}

static void what_peers_say_of_themselves_does_not_matter(void **state)
{
    static const uint32_t inflight[2] = {1, 2};
    struct mock *m = make("", 2);

    (void)state;
    sent(m, inflight);
    m->peers[0].load = m->peers[0].queue = 1000;
    m->peers[0].heard_ns = 1;
    mock_load(m, 9, 0);
    mock_is(mock_job(m, 0), p2p_forward(FIRST));
    mock_free(m);
}

static void this_node_is_compared_by_running_and_waiting_jobs(void **state)
{
    static const uint32_t inflight[2] = {4, 6};
    struct mock *m = make("", 2);

    (void)state;
    sent(m, inflight);
    mock_load(m, 2, 1);
    mock_is(mock_job(m, 0), p2p_local());
    mock_load(m, 2, 2); /* equal: stays */
    mock_is(mock_job(m, 0), p2p_local());
    mock_load(m, 2, 3);
    mock_is(mock_job(m, 0), p2p_forward(FIRST));
    mock_load(m, UINT32_MAX, UINT32_MAX);
    mock_is(mock_job(m, 0), p2p_forward(FIRST));
    mock_free(m);
}

static void below_the_threshold_a_job_stays(void **state)
{
    struct mock *m = make("threshold=5", 3);

    (void)state;
    for (uint32_t load = 1; load < 8; load++) {
        mock_load(m, load / 2, load - load / 2);
        assert_int_equal(mock_job(m, 0).kind, load < 5 ? P2P_LOCAL : P2P_FORWARD);
    }
    mock_free(m);
}

static void equal_peers_are_drawn(void **state)
{
    static const uint32_t inflight[6] = {1, 2, 1, 1, 7, 1};
    static const unsigned place[6] = {0, 9, 1, 2, 9, 3};
    struct mock *m = make("", 6);
    unsigned counts[4] = {0};

    (void)state;
    sent(m, inflight);
    mock_load(m, 9, 0);
    for (int i = 0; i < JOBS; i++) {
        struct p2p_action a = mock_job(m, 0);

        assert_int_equal(a.kind, P2P_FORWARD);
        assert_in_range(place[a.a - FIRST], 0, 3);
        counts[place[a.a - FIRST]]++;
    }
    mock_uniform(counts, 4);
    mock_free(m);
}

static void jobs_spread_evenly_over_idle_peers(void **state)
{
    struct mock *m = make("", 7);

    (void)state;
    mock_load(m, 1000, 0);
    for (int i = 0; i < 7 * 30; i++)
        m->peers[mock_job(m, 0).a - FIRST].inflight++;
    for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(m->peers[i].inflight, 30);
    mock_free(m);
}

static void by_slots_a_big_peer_gets_more(void **state)
{
    static const uint32_t slots[3] = {1, 2, 5};
    struct mock *m = make("per_slot=true", 3);

    (void)state;
    mock_load(m, 1000, 0);
    for (uint32_t i = 0; i < 3; i++)
        m->peers[i].slots = slots[i];
    for (int i = 0; i < 8 * 10; i++)
        m->peers[mock_job(m, 0).a - FIRST].inflight++;
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(m->peers[i].inflight, slots[i] * 10);
    mock_free(m);
}

static void else_slots_do_not_matter(void **state)
{
    static const uint32_t inflight[2] = {3, 2};
    struct mock *m = make("", 2);

    (void)state;
    sent(m, inflight);
    m->peers[0].slots = 100;
    m->node.slots = 1;
    mock_load(m, 2, 0);
    mock_is(mock_job(m, 0), p2p_local());
    mock_load(m, 3, 0);
    mock_is(mock_job(m, 0), p2p_forward(FIRST + 1));
    mock_free(m);
}

static void by_slots_equal_peers_are_drawn_by_their_size(void **state)
{
    struct mock *m = make("per_slot=true", 2);
    unsigned counts[2] = {0};

    (void)state;
    m->node.slots = 3;
    mock_load(m, 9, 0);
    m->peers[0].slots = 3;
    m->peers[0].inflight = 1;
    m->peers[1].slots = 9;
    m->peers[1].inflight = 3;
    for (int i = 0; i < JOBS; i++)
        counts[mock_job(m, 0).a - FIRST]++;
    assert_in_range(counts[1], JOBS * 73 / 100, JOBS * 77 / 100);
    m->peers[0].slots = 0; /* as one */
    m->peers[0].inflight = m->peers[1].inflight = 0;
    counts[1] = 0;
    for (int i = 0; i < JOBS; i++)
        counts[1] += mock_job(m, 0).a == FIRST + 1;
    assert_in_range(counts[1], JOBS * 88 / 100, JOBS * 92 / 100);
    m->peers[0].slots = 3;
    m->peers[0].inflight = 1;
    m->peers[1].inflight = 3;
    mock_load(m, 1, 0); /* equal to both: stays */
    mock_is(mock_job(m, 0), p2p_local());
    mock_free(m);
}

static void unknown_slots_are_one(void **state)
{
    struct mock *m = make("per_slot=true", 2);

    (void)state;
    m->node.slots = 0;
    mock_load(m, 9, 0);
    m->peers[0].slots = 0;
    m->peers[0].inflight = 2;
    m->peers[1].slots = 4;
    m->peers[1].inflight = 7;
    mock_is(mock_job(m, 0), p2p_forward(FIRST + 1));
    m->peers[1].inflight = 9;
    mock_is(mock_job(m, 0), p2p_forward(FIRST));
    mock_free(m);
}

static void a_refused_job_goes_to_the_next(void **state)
{
    static const uint32_t inflight[3] = {0, 3, 1};
    struct mock *m = make("", 3);

    (void)state;
    sent(m, inflight);
    mock_load(m, 4, 0);
    mock_is(mock_job(m, 0), p2p_forward(FIRST));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(FIRST + 2));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(FIRST + 1));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    mock_is(mock_job(m, 0), p2p_forward(FIRST)); /* the next job knows nothing of it */
    mock_load(m, 0, 0);
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    mock_free(m);
}

static void after_eight_refusals_it_runs_here(void **state)
{
    struct mock *m = make("loss=true", 30);
    bool tried[30] = {false};
    struct p2p_action a;
    unsigned n = 0;

    (void)state;
    mock_load(m, 9, 0);
    for (a = mock_job(m, 0); a.kind == P2P_FORWARD; a = mock_decide(m, P2P_EV_REFUSED)) {
        assert_false(tried[a.a - FIRST]);
        tried[a.a - FIRST] = true;
        n++;
    }
    assert_int_equal(n, 8);
    mock_is(a, p2p_local_or_lose());
    mock_free(m);
}

static void hops_no_peers_and_odd_events_run_here(void **state)
{
    struct mock *m = make("max_hops=2", 3);

    (void)state;
    mock_load(m, 9, 0);
    assert_int_equal(mock_job(m, 1).kind, P2P_FORWARD);
    mock_is(mock_job(m, 2), p2p_local());
    for (uint32_t event = 0; event < 40; event++) {
        if (event == P2P_EV_ARRIVAL || event == P2P_EV_REFUSED)
            continue;
        mock_arrive(m);
        mock_is(mock_decide(m, event), p2p_local());
    }
    assert_int_equal(mock_job(m, 0).kind, P2P_FORWARD);
    mock_peers(m, FIRST, 0); /* all left meanwhile */
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    mock_is(mock_job(m, 0), p2p_local());
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_peer_with_the_fewest_of_our_jobs_gets_it),
        cmocka_unit_test(what_peers_say_of_themselves_does_not_matter),
        cmocka_unit_test(this_node_is_compared_by_running_and_waiting_jobs),
        cmocka_unit_test(below_the_threshold_a_job_stays),
        cmocka_unit_test(equal_peers_are_drawn),
        cmocka_unit_test(jobs_spread_evenly_over_idle_peers),
        cmocka_unit_test(by_slots_a_big_peer_gets_more),
        cmocka_unit_test(else_slots_do_not_matter),
        cmocka_unit_test(by_slots_equal_peers_are_drawn_by_their_size),
        cmocka_unit_test(unknown_slots_are_one),
        cmocka_unit_test(a_refused_job_goes_to_the_next),
        cmocka_unit_test(after_eight_refusals_it_runs_here),
        cmocka_unit_test(hops_no_peers_and_odd_events_run_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
