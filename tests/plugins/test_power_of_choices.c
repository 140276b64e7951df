#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module power_of_choices_plugin;

enum { FIRST = 50, JOBS = 12000 };
#define MS UINT64_C(1000000)

static struct mock *make(const char *settings, uint32_t peers)
{
    struct mock *m = mock_new(&power_of_choices_plugin, settings);

    mock_peers(m, FIRST, peers);
    return m;
}

/* A job at a node with that load; it must ask n peers, all of them, for as long as
 * the host sees fit. */
static void asks(struct mock *m, uint32_t load, uint32_t n)
{
    mock_load(m, load, 0);
    mock_is(mock_job(m, 0), p2p_ask(n, 0, 0));
}

/* All peers in the slots answer with the load given for them. */
static struct p2p_action answered(struct mock *m, const uint32_t *loads)
{
    for (uint32_t i = 0; i < m->rq.n_probe; i++)
        mock_answer(m, i, loads[i], 0);
    return mock_decide(m, P2P_EV_PROBED);
}

static void forwards_to_slot(const struct mock *m, struct p2p_action a, uint32_t slot)
{
    mock_is(a, p2p_forward(m->rq.probe[slot].peer));
}

/* ---- when it asks, and whom ---- */

static void below_the_threshold_nobody_is_asked(void **state)
{
    struct mock *m = make("threshold=5", 10);

    (void)state;
    for (uint32_t load = 0; load < 5; load++) {
        mock_load(m, load, 0);
        mock_is(mock_job(m, 0), p2p_local());
    }
    mock_free(m);
}

static void from_the_threshold_on_peers_are_asked(void **state)
{
    struct mock *m = make("threshold=5 fanout=3", 10);

    (void)state;
    asks(m, 5, 3);
    asks(m, 6, 3);
    asks(m, UINT32_MAX, 3);
    mock_free(m);
}

static void waiting_jobs_are_load(void **state)
{
    struct mock *m = make("threshold=5", 10);

    (void)state;
    mock_load(m, 2, 2);
    mock_is(mock_job(m, 0), p2p_local());
    mock_load(m, 2, 3);
    mock_is(mock_job(m, 0), p2p_ask(1, 0, 0));
    mock_load(m, 0, 5);
    mock_is(mock_job(m, 0), p2p_ask(1, 0, 0));
    mock_load(m, UINT32_MAX, UINT32_MAX);
    mock_is(mock_job(m, 0), p2p_ask(1, 0, 0));
    mock_free(m);
}

static void with_threshold_zero_every_job_asks(void **state)
{
    struct mock *m = make("threshold=0", 10);

    (void)state;
    asks(m, 0, 1);
    mock_free(m);
}

static void the_peers_asked_are_distinct(void **state)
{
    struct mock *m = make("fanout=5", 7);

    (void)state;
    for (int i = 0; i < 500; i++) {
        bool asked[7] = {false};

        asks(m, 9, 5);
        for (uint32_t k = 0; k < 5; k++) {
            assert_false(asked[m->rq.probe[k].peer - FIRST]);
            asked[m->rq.probe[k].peer - FIRST] = true;
        }
    }
    mock_free(m);
}

static void every_set_of_peers_is_equally_likely(void **state)
{
    static const char pair_of[6][6] = {{0, 0, 1, 2, 3, 4},    {0, 0, 5, 6, 7, 8},
                                       {1, 5, 0, 9, 10, 11},  {2, 6, 9, 0, 12, 13},
                                       {3, 7, 10, 12, 0, 14}, {4, 8, 11, 13, 14, 0}};
    struct mock *m = make("fanout=2", 6);
    unsigned counts[15] = {0};

    (void)state;
    for (int i = 0; i < JOBS; i++) {
        asks(m, 9, 2);
        counts[(int)pair_of[m->rq.probe[0].peer - FIRST][m->rq.probe[1].peer - FIRST]]++;
    }
    mock_uniform(counts, 15);
    mock_free(m);
}

static void fewer_peers_than_fanout_are_all_asked(void **state)
{
    struct mock *m = make("fanout=8", 3);
    uint32_t sum = 0;

    (void)state;
    asks(m, 9, 3);
    for (uint32_t i = 0; i < 3; i++)
        sum += m->rq.probe[i].peer - FIRST;
    assert_int_equal(sum, 0 + 1 + 2);
    mock_peers(m, FIRST, 1);
    asks(m, 9, 1);
    assert_int_equal(m->rq.probe[0].peer, FIRST);
    mock_free(m);
}

static void it_has_as_many_probe_slots_as_its_fanout(void **state)
{
    struct mock *m = make("fanout=2", 10), *most = make("fanout=64", 100);

    (void)state;
    assert_int_equal(m->rq.probe_cap, 2);
    assert_int_equal(most->rq.probe_cap, 64);
    asks(most, 9, 64);
    mock_free(m);
    mock_free(most);
}

static void without_peers_it_runs_here(void **state)
{
    struct mock *m = make("fanout=8", 0);

    (void)state;
    mock_load(m, 100, 0);
    mock_is(mock_job(m, 0), p2p_local());
    mock_free(m);
}

static void a_job_that_made_its_hops_runs_here(void **state)
{
    struct mock *m = make("max_hops=2", 4), *none = make("max_hops=0", 4);

    (void)state;
    mock_load(m, 100, 0);
    mock_load(none, 100, 0);
    mock_is(mock_job(m, 1), p2p_ask(1, 0, 0));
    mock_is(mock_job(m, 2), p2p_local());
    mock_is(mock_job(m, 3), p2p_local());
    mock_is(mock_job(none, 0), p2p_local());
    mock_free(m);
    mock_free(none);
}

/* ---- where it goes ---- */

static void the_least_loaded_gets_the_job(void **state)
{
    struct mock *m = make("fanout=4", 4);

    (void)state;
    for (uint32_t best = 0; best < 4; best++) {
        uint32_t loads[4] = {5, 5, 5, 5};

        loads[best] = 4;
        asks(m, 9, 4);
        forwards_to_slot(m, answered(m, loads), best);
    }
    mock_free(m);
}

static void waiting_jobs_of_a_peer_are_load(void **state)
{
    struct mock *m = make("fanout=2", 2);

    (void)state;
    asks(m, 9, 2);
    mock_answer(m, 0, 0, 5);
    mock_answer(m, 1, 4, 0);
    forwards_to_slot(m, mock_decide(m, P2P_EV_PROBED), 1);
    asks(m, 9, 2);
    mock_answer(m, 0, UINT32_MAX, UINT32_MAX);
    mock_answer(m, 1, 4, 4);
    forwards_to_slot(m, mock_decide(m, P2P_EV_PROBED), 1);
    mock_free(m);
}

static void a_peer_must_be_less_loaded_than_this_node(void **state)
{
    struct mock *m = make("", 1);

    (void)state;
    for (uint32_t load = 5; load < 12; load++) {
        asks(m, 8, 1);
        if (load < 8)
            mock_is(answered(m, &load), p2p_forward(FIRST));
        else
            mock_is(answered(m, &load), p2p_local());
    }
    mock_free(m);
}

static void what_counts_is_this_nodes_load_when_the_answers_are_in(void **state)
{
    struct mock *m = make("", 1);
    const uint32_t five = 5;

    (void)state;
    asks(m, 9, 1);
    mock_load(m, 3, 2);
    mock_is(answered(m, &five), p2p_local());
    asks(m, 3, 1);
    mock_load(m, 3, 3);
    mock_is(answered(m, &five), p2p_forward(FIRST));
    mock_free(m);
}

static void equal_peers_are_drawn(void **state)
{
    static const uint32_t loads[5] = {2, 1, 1, 4, 1};
    static const unsigned place[5] = {9, 0, 1, 9, 2};
    struct mock *m = make("fanout=5", 5);
    unsigned counts[3] = {0};

    (void)state;
    for (int i = 0; i < JOBS; i++) {
        struct p2p_action a;
        uint32_t slot = 0;

        asks(m, 9, 5);
        a = answered(m, loads);
        while (m->rq.probe[slot].peer != a.a)
            slot++;
        assert_in_range(place[slot], 0, 2);
        counts[place[slot]]++;
    }
    mock_uniform(counts, 3);
    mock_free(m);
}

static void peers_equal_to_this_node_are_not_drawn(void **state)
{
    static const uint32_t loads[3] = {9, 9, 9};
    struct mock *m = make("fanout=3", 3);

    (void)state;
    for (int i = 0; i < 100; i++) {
        asks(m, 9, 3);
        mock_is(answered(m, loads), p2p_local());
    }
    mock_free(m);
}

static void a_silent_peer_is_never_chosen(void **state)
{
    static const uint32_t silent[] = {P2P_PROBE_TIMEOUT, P2P_PROBE_GONE, P2P_PROBE_PENDING};
    struct mock *m = make("fanout=2", 2);

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        asks(m, 9, 2);
        mock_no_answer(m, 0, silent[i]); /* with a load of zero */
        mock_answer(m, 1, 8, 0);
        forwards_to_slot(m, mock_decide(m, P2P_EV_PROBED), 1);
    }
    mock_free(m);
}

static void with_all_silent_it_runs_here(void **state)
{
    struct mock *m = make("fanout=3", 3);

    (void)state;
    asks(m, 9, 3);
    mock_no_answer(m, 0, P2P_PROBE_TIMEOUT);
    mock_no_answer(m, 1, P2P_PROBE_GONE);
    mock_no_answer(m, 2, P2P_PROBE_TIMEOUT);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local());
    mock_free(m);
}

static void with_loss_a_job_that_stays_does_not_wait(void **state)
{
    struct mock *m = make("loss=true fanout=1", 1);
    const uint32_t high = 99;

    (void)state;
    mock_is(mock_job(m, 0), p2p_local_or_lose());
    mock_is(mock_job(m, 1), p2p_local_or_lose());
    asks(m, 9, 1);
    mock_is(answered(m, &high), p2p_local_or_lose());
    asks(m, 9, 1);
    mock_no_answer(m, 0, P2P_PROBE_TIMEOUT);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local_or_lose());
    mock_free(m);
}

/* ---- refusals ---- */

static void a_refused_job_goes_to_the_next_best(void **state)
{
    static const uint32_t loads[4] = {3, 1, 9, 2};
    struct mock *m = make("fanout=4", 4);

    (void)state;
    asks(m, 9, 4);
    forwards_to_slot(m, answered(m, loads), 1);
    forwards_to_slot(m, mock_decide(m, P2P_EV_REFUSED), 3);
    forwards_to_slot(m, mock_decide(m, P2P_EV_REFUSED), 0);
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    mock_free(m);
}

static void eight_are_tried_and_nobody_twice(void **state)
{
    static const uint32_t loads[64];
    struct mock *m = make("fanout=64", 100);
    bool tried[100] = {false};
    struct p2p_action a;
    unsigned n = 0;

    (void)state;
    asks(m, 9, 64);
    for (a = answered(m, loads); a.kind == P2P_FORWARD; a = mock_decide(m, P2P_EV_REFUSED)) {
        assert_false(tried[a.a - FIRST]);
        tried[a.a - FIRST] = true; /* which also ends this loop */
        n++;
    }
    assert_int_equal(n, 8);
    mock_is(a, p2p_local());
    mock_free(m);
}

static void a_refused_job_stays_when_this_node_got_better(void **state)
{
    static const uint32_t loads[2] = {1, 2};
    struct mock *m = make("fanout=2", 2);

    (void)state;
    asks(m, 9, 2);
    forwards_to_slot(m, answered(m, loads), 0);
    mock_load(m, 2, 0);
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    mock_free(m);
}

static void decisions_know_nothing_of_each_other(void **state)
{
    static const uint32_t loads[1] = {1};
    struct mock *m = make("", 1);

    (void)state;
    for (int i = 0; i < 3; i++) {
        asks(m, 9, 1);
        mock_is(answered(m, loads), p2p_forward(FIRST));
    }
    mock_free(m);
}

/* ---- tau ---- */

static void a_job_does_not_start_before_tau(void **state)
{
    struct mock *m = make("tau=10ms threshold=5", 3);
    uint64_t arrival = m->now_ns;

    (void)state;
    mock_is(mock_job(m, 0), p2p_wait_until(arrival + 10 * MS));
    m->now_ns += 10 * MS;
    mock_is(mock_decide(m, P2P_EV_TIMER), p2p_local());
    mock_free(m);
}

static void a_job_is_not_forwarded_before_tau(void **state)
{
    struct mock *m = make("tau=10ms", 1);
    uint64_t arrival = m->now_ns;
    const uint32_t idle = 0;

    (void)state;
    asks(m, 9, 1);
    m->now_ns += 3 * MS;
    mock_is(answered(m, &idle), p2p_wait_until(arrival + 10 * MS));
    m->now_ns = arrival + 10 * MS;
    mock_is(mock_decide(m, P2P_EV_TIMER), p2p_forward(FIRST));
    mock_free(m);
}

static void time_spent_asking_is_part_of_tau(void **state)
{
    struct mock *m = make("tau=10ms", 1);
    const uint32_t idle = 0;

    (void)state;
    asks(m, 9, 1);
    m->now_ns += 10 * MS;
    mock_is(answered(m, &idle), p2p_forward(FIRST));
    mock_free(m);
}

static void after_tau_it_looks_at_its_own_load_again(void **state)
{
    struct mock *m = make("tau=10ms", 1);
    const uint32_t four = 4;

    (void)state;
    asks(m, 9, 1);
    assert_int_equal(answered(m, &four).kind, P2P_WAIT);
    mock_load(m, 4, 0);
    m->now_ns += 10 * MS;
    mock_is(mock_decide(m, P2P_EV_TIMER), p2p_local());
    mock_free(m);
}

static void tau_is_waited_for_once(void **state)
{
    static const uint32_t loads[2] = {1, 2};
    struct mock *m = make("tau=10ms fanout=2", 2);

    (void)state;
    asks(m, 9, 2);
    assert_int_equal(answered(m, loads).kind, P2P_WAIT);
    m->now_ns += 11 * MS;
    forwards_to_slot(m, mock_decide(m, P2P_EV_TIMER), 0);
    forwards_to_slot(m, mock_decide(m, P2P_EV_REFUSED), 1);
    mock_free(m);
}

static void tau_ends_at_the_deadline(void **state)
{
    struct mock *m = make("tau=10ms threshold=5", 3);
    uint64_t arrival = m->now_ns;

    (void)state;
    mock_arrive(m);
    m->rq.deadline_ns = arrival + 4 * MS;
    mock_is(mock_decide(m, P2P_EV_ARRIVAL), p2p_wait_until(arrival + 4 * MS));
    m->now_ns += 4 * MS;
    mock_is(mock_decide(m, P2P_EV_TIMER), p2p_local());
    mock_free(m);
}

static void a_deadline_after_tau_changes_nothing(void **state)
{
    struct mock *m = make("tau=10ms threshold=5", 3);
    uint64_t arrival = m->now_ns;

    (void)state;
    mock_arrive(m);
    m->rq.deadline_ns = arrival + 40 * MS;
    mock_is(mock_decide(m, P2P_EV_ARRIVAL), p2p_wait_until(arrival + 10 * MS));
    mock_free(m);
}

/* ---- the rest ---- */

static void an_event_it_does_not_know_runs_the_job_here(void **state)
{
    struct mock *m = make("", 3), *loss = make("loss=true", 3);

    (void)state;
    mock_load(m, 9, 0);
    mock_load(loss, 9, 0);
    for (uint32_t event = P2P_EV_TICK + 1; event < 40; event++) {
        mock_arrive(m);
        mock_is(mock_decide(m, event), p2p_local());
        mock_arrive(loss);
        mock_is(mock_decide(loss, event), p2p_local_or_lose());
    }
    mock_free(m);
    mock_free(loss);
}

static void the_original_names_take_their_lists(void **state)
{
    static const char *const names[] = {"fanout", "threshold", "loss", "max_hops", "tau"};
    struct mock *m = make("", 0);

    (void)state;
    assert_string_equal(m->ops->name, "power_of_choices");
    assert_int_equal(mock_alias(m, "PowerOfNScheduler")->n_params, 4);
    assert_int_equal(mock_alias(m, "PowerOfNSchedulerTau")->n_params, 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_string_equal(m->ops->params[i].name, names[i]);
    assert_null(m->ops->params[5].name);
    assert_null(m->ops->outcome);
    mock_free(m);
}

static void a_job_at_a_busy_node_finds_the_idle_peer_as_theory_says(void **state)
{
    /* One of 10 peers is idle: 3 distinct ones include it with probability 3/10. */
    struct mock *m = make("fanout=3", 10);
    unsigned found = 0;

    (void)state;
    for (int i = 0; i < JOBS; i++) {
        asks(m, 9, 3);
        for (uint32_t k = 0; k < 3; k++)
            mock_answer(m, k, m->rq.probe[k].peer == FIRST + 4 ? 0 : 9, 0);
        found += mock_decide(m, P2P_EV_PROBED).kind == P2P_FORWARD;
    }
    assert_in_range(found, JOBS * 27 / 100, JOBS * 33 / 100);
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(below_the_threshold_nobody_is_asked),
        cmocka_unit_test(from_the_threshold_on_peers_are_asked),
        cmocka_unit_test(waiting_jobs_are_load),
        cmocka_unit_test(with_threshold_zero_every_job_asks),
        cmocka_unit_test(the_peers_asked_are_distinct),
        cmocka_unit_test(every_set_of_peers_is_equally_likely),
        cmocka_unit_test(fewer_peers_than_fanout_are_all_asked),
        cmocka_unit_test(it_has_as_many_probe_slots_as_its_fanout),
        cmocka_unit_test(without_peers_it_runs_here),
        cmocka_unit_test(a_job_that_made_its_hops_runs_here),
        cmocka_unit_test(the_least_loaded_gets_the_job),
        cmocka_unit_test(waiting_jobs_of_a_peer_are_load),
        cmocka_unit_test(a_peer_must_be_less_loaded_than_this_node),
        cmocka_unit_test(what_counts_is_this_nodes_load_when_the_answers_are_in),
        cmocka_unit_test(equal_peers_are_drawn),
        cmocka_unit_test(peers_equal_to_this_node_are_not_drawn),
        cmocka_unit_test(a_silent_peer_is_never_chosen),
        cmocka_unit_test(with_all_silent_it_runs_here),
        cmocka_unit_test(with_loss_a_job_that_stays_does_not_wait),
        cmocka_unit_test(a_refused_job_goes_to_the_next_best),
        cmocka_unit_test(eight_are_tried_and_nobody_twice),
        cmocka_unit_test(a_refused_job_stays_when_this_node_got_better),
        cmocka_unit_test(decisions_know_nothing_of_each_other),
        cmocka_unit_test(a_job_does_not_start_before_tau),
        cmocka_unit_test(a_job_is_not_forwarded_before_tau),
        cmocka_unit_test(time_spent_asking_is_part_of_tau),
        cmocka_unit_test(after_tau_it_looks_at_its_own_load_again),
        cmocka_unit_test(tau_is_waited_for_once),
        cmocka_unit_test(tau_ends_at_the_deadline),
        cmocka_unit_test(a_deadline_after_tau_changes_nothing),
        cmocka_unit_test(an_event_it_does_not_know_runs_the_job_here),
        cmocka_unit_test(the_original_names_take_their_lists),
        cmocka_unit_test(a_job_at_a_busy_node_finds_the_idle_peer_as_theory_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
