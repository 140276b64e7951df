#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module jsq_plugin;

enum { FIRST = 50, JOBS = 12000 };

static struct mock *make(const char *settings, uint32_t peers)
{
    struct mock *m = mock_new(&jsq_plugin, settings);

    mock_peers(m, FIRST, peers);
    return m;
}

static void asks(struct mock *m, uint32_t load, uint32_t n)
{
    mock_load(m, load, 0);
    mock_is(mock_job(m, 0), p2p_ask(n, 0, 0));
}

/* The peer with id FIRST + i answers with loads[i], wherever it was asked. */
static struct p2p_action answered(struct mock *m, const uint32_t *loads)
{
    for (uint32_t i = 0; i < m->rq.n_probe; i++)
        mock_answer(m, i, loads[m->rq.probe[i].peer - FIRST], 0);
    return mock_decide(m, P2P_EV_PROBED);
}

static void hear(struct mock *m, uint32_t i, uint32_t load, uint32_t queue, uint32_t inflight)
{
    m->peers[i].load = load;
    m->peers[i].queue = queue;
    m->peers[i].inflight = inflight;
    m->peers[i].heard_ns = m->now_ns;
}

/* ---- asking ---- */

static void every_job_asks_all_peers(void **state)
{
    struct mock *m = make("", 5);
    unsigned asked = 0;

    (void)state;
    asks(m, 0, 5);
    for (uint32_t i = 0; i < 5; i++)
        asked |= 1u << (m->rq.probe[i].peer - FIRST);
    assert_int_equal(asked, 31);
    asks(m, UINT32_MAX, 5);
    mock_free(m);
}

static void of_more_peers_than_can_be_asked_a_random_lot_is(void **state)
{
    struct mock *m = make("", 80);
    unsigned counts[80] = {0};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        bool seen[80] = {false};

        asks(m, 9, 64);
        for (uint32_t k = 0; k < 64; k++) {
            assert_false(seen[m->rq.probe[k].peer - FIRST]);
            seen[m->rq.probe[k].peer - FIRST] = true;
            counts[m->rq.probe[k].peer - FIRST]++;
        }
    }
    mock_uniform(counts, 80);
    mock_free(m);
}

static void the_shortest_of_all_gets_the_job(void **state)
{
    struct mock *m = make("", 6);

    (void)state;
    for (uint32_t best = 0; best < 6; best++) {
        uint32_t loads[6] = {5, 5, 5, 5, 5, 5};

        loads[best] = 4;
        asks(m, 5, 6);
        mock_is(answered(m, loads), p2p_forward(FIRST + best));
    }
    mock_free(m);
}

static void waiting_jobs_count(void **state)
{
    struct mock *m = make("", 1);

    (void)state;
    mock_load(m, 2, 3);
    mock_is(mock_job(m, 0), p2p_ask(1, 0, 0));
    mock_answer(m, 0, 1, 3);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_forward(FIRST));
    mock_is(mock_job(m, 0), p2p_ask(1, 0, 0));
    mock_answer(m, 0, 1, 5);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local());
    mock_is(mock_job(m, 0), p2p_ask(1, 0, 0));
    mock_answer(m, 0, UINT32_MAX, UINT32_MAX);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local());
    mock_free(m);
}

static void this_node_is_one_of_the_equals(void **state)
{
    static const uint32_t loads[4] = {2, 3, 2, 2};
    struct mock *m = make("", 4);
    unsigned counts[4] = {0};

    (void)state;
    for (int i = 0; i < JOBS; i++) {
        struct p2p_action a;

        asks(m, 2, 4);
        a = answered(m, loads);
        if (a.kind == P2P_LOCAL)
            counts[1]++;
        else
            counts[a.a - FIRST]++;
        assert_int_not_equal(a.a, FIRST + 1);
    }
    mock_uniform(counts, 4);
    mock_free(m);
}

static void a_silent_peer_is_never_chosen(void **state)
{
    static const uint32_t silent[] = {P2P_PROBE_TIMEOUT, P2P_PROBE_GONE, P2P_PROBE_PENDING};
    struct mock *m = make("", 2);

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        asks(m, 9, 2);
        mock_no_answer(m, 0, silent[i]); /* with a load of zero */
        mock_answer(m, 1, 8, 0);
        mock_is(mock_decide(m, P2P_EV_PROBED), p2p_forward(m->rq.probe[1].peer));
        asks(m, 9, 2);
        mock_no_answer(m, 0, silent[i]);
        mock_no_answer(m, 1, silent[i]);
        mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local());
    }
    mock_free(m);
}

/* ---- by what was heard ---- */

static void what_was_heard_needs_no_asking(void **state)
{
    struct mock *m = make("information=heard", 3);

    (void)state;
    assert_int_equal(m->rq.probe_cap, 0);
    mock_load(m, 9, 0);
    hear(m, 0, 4, 1, 0);
    hear(m, 1, 2, 2, 0);
    hear(m, 2, 0, 5, 0);
    mock_is(mock_job(m, 0), p2p_forward(FIRST + 1));
    mock_load(m, 3, 0);
    mock_is(mock_job(m, 0), p2p_local());
    mock_free(m);
}

static void jobs_under_way_count(void **state)
{
    struct mock *m = make("information=heard", 2);

    (void)state;
    mock_load(m, 9, 0);
    hear(m, 0, 1, 0, 4);
    hear(m, 1, 3, 0, 0);
    mock_is(mock_job(m, 0), p2p_forward(FIRST + 1));
    hear(m, 1, 3, 0, 3);
    mock_is(mock_job(m, 0), p2p_forward(FIRST));
    hear(m, 0, UINT32_MAX, UINT32_MAX, UINT32_MAX);
    hear(m, 1, UINT32_MAX, UINT32_MAX, UINT32_MAX);
    mock_is(mock_job(m, 0), p2p_local());
    mock_free(m);
}

static void of_a_peer_never_heard_only_our_jobs_count(void **state)
{
    struct mock *m = make("information=heard", 2);

    (void)state;
    mock_load(m, 9, 0);
    hear(m, 0, 2, 0, 0);
    hear(m, 1, 7, 7, 1);
    m->peers[1].heard_ns = 0;
    mock_is(mock_job(m, 0), p2p_forward(FIRST + 1));
    m->peers[1].inflight = 3;
    mock_is(mock_job(m, 0), p2p_forward(FIRST));
    mock_free(m);
}

static void more_than_64_peers_are_all_considered(void **state)
{
    struct mock *m = make("information=heard", 900);

    (void)state;
    mock_load(m, 5, 0);
    for (uint32_t i = 0; i < 900; i++)
        hear(m, i, 5, 0, 0);
    hear(m, 871, 4, 0, 0);
    for (int i = 0; i < 20; i++)
        mock_is(mock_job(m, 0), p2p_forward(FIRST + 871));
    mock_free(m);
}

static void equals_that_were_heard_are_drawn(void **state)
{
    struct mock *m = make("information=heard", 5);
    unsigned counts[6] = {0};

    (void)state;
    for (int i = 0; i < JOBS; i++) {
        struct p2p_action a = mock_job(m, 0);

        counts[a.kind == P2P_LOCAL ? 5 : a.a - FIRST]++;
    }
    mock_uniform(counts, 6);
    mock_free(m);
}

/* ---- refusals, and jobs that stay ---- */

static void a_refused_job_goes_to_the_next_shortest(void **state)
{
    static const uint32_t loads[3] = {3, 1, 2};
    static const char *const settings[] = {"", "information=heard"};

    (void)state;
    for (int k = 0; k < 2; k++) {
        struct mock *m = make(settings[k], 3);

        mock_load(m, 3, 1);
        for (uint32_t i = 0; i < 3; i++)
            hear(m, i, loads[i], 0, 0);
        if (k == 0)
            asks(m, 4, 3);
        mock_is(k ? mock_job(m, 0) : answered(m, loads), p2p_forward(FIRST + 1));
        mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(FIRST + 2));
        mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(FIRST));
        mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
        mock_free(m);
    }
}

static void after_eight_refusals_it_runs_here(void **state)
{
    static const uint32_t loads[64];
    static const char *const settings[] = {"", "information=heard"};

    (void)state;
    for (int k = 0; k < 2; k++) {
        struct mock *m = make(settings[k], 64);
        bool tried[64] = {false};
        struct p2p_action a;
        unsigned n = 0;

        if (k == 0)
            asks(m, 9, 64);
        mock_load(m, 9, 0);
        a = k ? mock_job(m, 0) : answered(m, loads);
        for (; a.kind == P2P_FORWARD; a = mock_decide(m, P2P_EV_REFUSED)) {
            assert_false(tried[a.a - FIRST]);
            tried[a.a - FIRST] = true;
            n++;
        }
        assert_int_equal(n, 8);
        mock_is(a, p2p_local());
        mock_free(m);
    }
}

static void peers_that_left_meanwhile_are_not_considered(void **state)
{
    struct mock *m = make("information=heard", 3);

    (void)state;
    mock_load(m, 9, 0);
    assert_int_equal(mock_job(m, 0).kind, P2P_FORWARD);
    mock_peers(m, FIRST, 0);
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    mock_free(m);
}

static void a_job_that_made_its_hops_or_has_no_peers_runs_here(void **state)
{
    static const char *const settings[] = {"max_hops=2 loss=true",
                                           "max_hops=2 loss=true information=heard"};

    (void)state;
    for (int k = 0; k < 2; k++) {
        struct mock *m = make(settings[k], 4);

        mock_load(m, 100, 0);
        assert_int_not_equal(mock_job(m, 1).kind, P2P_LOCAL);
        mock_is(mock_job(m, 2), p2p_local_or_lose());
        mock_is(mock_job(m, 3), p2p_local_or_lose());
        mock_peers(m, FIRST, 0);
        mock_is(mock_job(m, 0), p2p_local_or_lose());
        mock_free(m);
    }
}

static void an_event_it_does_not_know_runs_the_job_here(void **state)
{
    struct mock *m = make("", 3), *heard = make("information=heard loss=true", 3);

    (void)state;
    mock_load(m, 9, 0);
    mock_load(heard, 9, 0);
    for (uint32_t event = P2P_EV_TICK; event < 40; event++) {
        mock_arrive(m);
        mock_is(mock_decide(m, event), p2p_local());
        mock_arrive(heard);
        mock_is(mock_decide(heard, event), p2p_local_or_lose());
    }
    mock_arrive(m);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local());
    mock_free(m);
    mock_free(heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_asks_all_peers),
        cmocka_unit_test(of_more_peers_than_can_be_asked_a_random_lot_is),
        cmocka_unit_test(the_shortest_of_all_gets_the_job),
        cmocka_unit_test(waiting_jobs_count),
        cmocka_unit_test(this_node_is_one_of_the_equals),
        cmocka_unit_test(a_silent_peer_is_never_chosen),
        cmocka_unit_test(what_was_heard_needs_no_asking),
        cmocka_unit_test(jobs_under_way_count),
        cmocka_unit_test(of_a_peer_never_heard_only_our_jobs_count),
        cmocka_unit_test(more_than_64_peers_are_all_considered),
        cmocka_unit_test(equals_that_were_heard_are_drawn),
        cmocka_unit_test(a_refused_job_goes_to_the_next_shortest),
        cmocka_unit_test(after_eight_refusals_it_runs_here),
        cmocka_unit_test(peers_that_left_meanwhile_are_not_considered),
        cmocka_unit_test(a_job_that_made_its_hops_or_has_no_peers_runs_here),
        cmocka_unit_test(an_event_it_does_not_know_runs_the_job_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
