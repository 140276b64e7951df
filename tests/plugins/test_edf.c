#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module edf_plugin;

enum { FIRST = 50 };
#define MS UINT64_C(1000000)
#define RANK_LATE (UINT64_MAX - 1)
#define RANK_NONE UINT64_MAX

/* A node with that many slots; a run is expected to take 100 ms at first. */
static struct mock *make(const char *settings, uint32_t slots, uint32_t peers)
{
    struct mock *m = mock_new(&edf_plugin, settings);

    m->node.slots = slots;
    mock_peers(m, FIRST, peers);
    return m;
}

static struct p2p_action job_of(struct mock *m, uint32_t function, uint64_t within_ms)
{
    mock_arrive(m);
    m->rq.function = function;
    m->rq.deadline_ns = within_ms ? m->now_ns + within_ms * MS : 0;
    return mock_decide(m, P2P_EV_ARRIVAL);
}

static struct p2p_action job(struct mock *m, uint64_t within_ms)
{
    return job_of(m, 0, within_ms);
}

/* It is admitted, and runs or waits from now on. */
static void *admitted_of(struct mock *m, uint32_t function, uint64_t within_ms)
{
    uint64_t rank = within_ms ? m->now_ns + within_ms * MS : RANK_NONE;

    mock_is(job_of(m, function, within_ms), p2p_local_at(rank));
    if (m->node.load < m->node.slots)
        m->node.load++;
    else
        m->node.queue++;
    return mock_goes_on(m);
}

static void *admitted(struct mock *m, uint64_t within_ms)
{
    return admitted_of(m, 0, within_ms);
}

static void refused(struct mock *m, uint64_t within_ms)
{
    mock_is(job(m, within_ms), p2p_reject(0));
}

/* Runs of a function take so long. */
static void takes(struct mock *m, uint32_t function, uint64_t ms)
{
    mock_arrive(m);
    m->rq.function = function;
    mock_outcome(m, P2P_OUT_RAN, 0, ms * MS);
}

/* ---- admission ---- */

static void an_idle_node_admits_what_can_be_in_time(void **state)
{
    struct mock *m = make("", 1, 0);

    (void)state;
    mock_is(job(m, 100), p2p_local_at(m->now_ns + 100 * MS));
    mock_free(m);
    m = make("", 1, 0);
    refused(m, 99);
    mock_free(m);
}

static void a_job_must_be_in_time_after_those_before_it(void **state)
{
    struct mock *m = make("", 1, 0);
    void *runs = admitted(m, 100), *waits;

    (void)state;
    refused(m, 199);
    waits = admitted(m, 200);
    refused(m, 250);
    refused(m, 299);
    mock_is(job(m, 300), p2p_local_at(m->now_ns + 300 * MS));
    free(runs);
    free(waits);
    mock_free(m);
}

static void what_has_run_of_a_job_is_done(void **state)
{
    struct mock *m = make("", 1, 0);
    void *runs = admitted(m, 100);

    (void)state;
    m->now_ns += 60 * MS;
    refused(m, 139);
    mock_is(job(m, 140), p2p_local_at(m->now_ns + 140 * MS));
    free(runs);
    mock_free(m);
    m = make("", 1, 0);
    runs = admitted(m, 100);
    m->now_ns += 500 * MS; /* longer than expected: it ends at once */
    mock_is(job(m, 100), p2p_local_at(m->now_ns + 100 * MS));
    free(runs);
    mock_free(m);
}

static void slots_are_given_on_one_by_one(void **state)
{
    struct mock *m = make("", 2, 0);
    void *jobs[4];

    (void)state;
    jobs[0] = admitted(m, 100);
    m->now_ns += 50 * MS;
    jobs[1] = admitted(m, 100);
    jobs[2] = admitted(m, 150); /* in the slot that is free in 50 ms */
    refused(m, 199);
    jobs[3] = admitted(m, 200); /* in the one that is free in 100 ms */
    refused(m, 249);
    for (unsigned i = 0; i < 4; i++)
        free(jobs[i]);
    mock_free(m);
}

static void none_makes_an_admitted_one_late(void **state)
{
    struct mock *m = make("", 1, 0);
    void *runs, *waits;

    (void)state;
    takes(m, 1, 100);
    takes(m, 2, 10);
    runs = admitted_of(m, 1, 100);
    waits = admitted_of(m, 1, 205);
    mock_is(job_of(m, 2, 150), p2p_reject(0)); /* the other would end after 210 */
    m->now_ns += 5 * MS;
    free(waits);
    free(runs);
    mock_free(m);
}

static void one_that_has_time_lets_others_by(void **state)
{
    struct mock *m = make("", 1, 0);
    void *runs, *waits;

    (void)state;
    takes(m, 1, 100);
    takes(m, 2, 10);
    runs = admitted_of(m, 1, 100);
    waits = admitted_of(m, 1, 210);
    mock_is(job_of(m, 2, 150), p2p_local_at(m->now_ns + 150 * MS));
    free(waits);
    free(runs);
    mock_free(m);
}

static void one_that_is_late_anyway_is_in_nobodys_way(void **state)
{
    struct mock *m = make("", 1, 0);
    void *runs, *waits;

    (void)state;
    takes(m, 1, 100);
    takes(m, 2, 10);
    runs = admitted_of(m, 1, 100);
    waits = admitted_of(m, 1, 200);
    m->now_ns += 150 * MS; /* and the first still runs */
    mock_is(job_of(m, 2, 20), p2p_local_at(m->now_ns + 20 * MS));
    free(waits);
    free(runs);
    mock_free(m);
}

static void jobs_without_a_deadline_come_last(void **state)
{
    struct mock *m = make("", 1, 0);
    void *jobs[4];

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        jobs[i] = admitted(m, 0);
    jobs[3] = admitted(m, 200);
    refused(m, 299);
    for (unsigned i = 0; i < 4; i++)
        free(jobs[i]);
    mock_free(m);
}

static void the_first_in_rank_gets_the_slot(void **state)
{
    struct mock *m = make("", 1, 0);
    void *runs, *second, *first;

    (void)state;
    runs = admitted(m, 0);
    second = admitted(m, 1000);
    first = admitted(m, 500);
    m->now_ns += 100 * MS;
    m->node.queue--; /* the slot was given on */
    mock_ended(m, runs, 0, P2P_OUT_RAN, 100 * MS);
    m->now_ns += 50 * MS;
    mock_ended(m, mock_goes_on(m), 0, P2P_OUT_CANCELLED, 0); /* of nobody in the book */
    /* If the one of deadline 500 runs, 50 ms are left of it, and then 100 of the other. */
    refused(m, 149);
    m->node.queue--;
    mock_ended(m, first, 0, P2P_OUT_RAN, 100 * MS);
    mock_is(job(m, 200), p2p_local_at(m->now_ns + 200 * MS));
    free(second);
    mock_free(m);
}

static void one_that_went_away_makes_room(void **state)
{
    struct mock *m = make("", 1, 0);
    void *runs = admitted(m, 100), *waits = admitted(m, 200);

    (void)state;
    refused(m, 200);
    m->node.queue--;
    mock_ended(m, waits, 0, P2P_OUT_CANCELLED, 0);
    mock_is(job(m, 200), p2p_local_at(m->now_ns + 200 * MS));
    free(runs);
    mock_free(m);
}

static void jobs_of_another_scheduler_count_as_average(void **state)
{
    struct mock *m = make("", 2, 0);

    (void)state;
    takes(m, 1, 40);
    mock_load(m, 2, 2);
    mock_is(job_of(m, 1, 119), p2p_reject(0));
    mock_is(job_of(m, 1, 120), p2p_local_at(m->now_ns + 120 * MS));
    mock_free(m);
}

static void slots_that_were_taken_away_are_not_given_on(void **state)
{
    struct mock *m = make("", 3, 0);
    void *jobs[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        jobs[i] = admitted(m, 100);
        m->now_ns += 10 * MS;
    }
    m->node.slots = 1;
    m->node.queue = 0;
    refused(m, 189);
    mock_is(job(m, 190), p2p_local_at(m->now_ns + 190 * MS));
    for (unsigned i = 0; i < 3; i++)
        free(jobs[i]);
    mock_free(m);
}

static void a_full_book_admits_no_deadline(void **state)
{
    struct mock *m = make("room=2", 8, 0);
    void *jobs[2];

    (void)state;
    jobs[0] = admitted(m, 100);
    jobs[1] = admitted(m, 0);
    refused(m, 5000);
    mock_is(job(m, 0), p2p_local_at(RANK_NONE));
    mock_ended(m, mock_goes_on(m), 0, P2P_OUT_RAN, 100 * MS);
    mock_ended(m, jobs[0], 0, P2P_OUT_RAN, 100 * MS);
    mock_is(job(m, 5000), p2p_local_at(m->now_ns + 5000 * MS));
    free(jobs[1]);
    mock_free(m);
}

/* ---- what is expected ---- */

static void a_function_is_expected_to_take_its_average(void **state)
{
    struct mock *m = make("weight=0.5", 4, 0);

    (void)state;
    takes(m, 1, 100);
    takes(m, 1, 200);
    mock_is(job_of(m, 1, 149), p2p_reject(0));
    mock_is(job_of(m, 1, 150), p2p_local_at(m->now_ns + 150 * MS));
    takes(m, 257, 10); /* has the same place as 1 */
    mock_is(job_of(m, 257, 10), p2p_local_at(m->now_ns + 10 * MS));
    mock_is(job_of(m, 1, 149), p2p_reject(0));
    mock_free(m);
}

static void an_unknown_one_that_of_all(void **state)
{
    struct mock *m = make("weight=0.5 first_run=1s", 4, 0);

    (void)state;
    mock_is(job_of(m, 9, 999), p2p_reject(0));
    takes(m, 1, 100);
    takes(m, 2, 20);
    mock_is(job_of(m, 9, 59), p2p_reject(0));
    mock_is(job_of(m, 9, 60), p2p_local_at(m->now_ns + 60 * MS));
    mock_free(m);
}

static void more_functions_than_there_is_room_for_are_average_ones(void **state)
{
    struct mock *m = make("weight=0.001", 4, 0);

    (void)state;
    for (uint32_t f = 0; f < 256; f++)
        takes(m, f, 100);
    takes(m, 1000, 1);
    mock_is(job_of(m, 1000, 50), p2p_reject(0));
    mock_is(job_of(m, 1000, 100), p2p_local_at(m->now_ns + 100 * MS));
    mock_free(m);
}

static void runs_that_failed_teach_nothing(void **state)
{
    struct mock *m = make("", 4, 0);

    (void)state;
    mock_is(job(m, 100), p2p_local_at(m->now_ns + 100 * MS));
    mock_ended(m, mock_goes_on(m), 0, P2P_OUT_FAILED, 1);
    refused(m, 99);
    mock_free(m);
}

static void safety_makes_runs_longer(void **state)
{
    struct mock *m = make("safety=1.5", 4, 0);

    (void)state;
    refused(m, 149);
    mock_is(job(m, 150), p2p_local_at(m->now_ns + 150 * MS));
    mock_free(m);
}

/* ---- elsewhere ---- */

/* A node with one slot, which is taken for long. */
static struct mock *busy(const char *settings, uint32_t peers)
{
    struct mock *m = make(settings, 1, peers);

    mock_load(m, 1, 50);
    return m;
}

static void asks(struct mock *m, uint64_t within_ms, uint32_t n)
{
    mock_is(job(m, within_ms), p2p_ask(n, 0, 0));
}

static void it_goes_where_it_waits_least(void **state)
{
    struct mock *m = busy("fanout=3", 3);

    (void)state;
    assert_int_equal(m->n_probes, 3);
    asks(m, 1000, 3);
    mock_answer(m, 0, 4, 7); /* 8 jobs before, on 4 slots: 200 ms */
    mock_answer(m, 1, 4, 1); /* 2: 50 ms */
    mock_answer(m, 2, 4, 3);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_forward(m->rq.probe[1].peer));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(m->rq.probe[2].peer));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(m->rq.probe[0].peer));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_reject(0));
    mock_free(m);
}

static void refusals_come_to_an_end(void **state)
{
    struct mock *m = busy("fanout=64", 64);
    struct p2p_action a;
    unsigned n = 0;

    (void)state;
    asks(m, 1000, 64);
    for (uint32_t i = 0; i < 64; i++)
        mock_answer(m, i, 0, 0);
    for (a = mock_decide(m, P2P_EV_PROBED); a.kind == P2P_FORWARD; n++)
        a = mock_decide(m, P2P_EV_REFUSED);
    mock_is(a, p2p_reject(0));
    assert_in_range(n, 2, 20);
    mock_free(m);
}

static void the_way_there_counts(void **state)
{
    struct mock *m = busy("", 2);

    (void)state;
    asks(m, 1000, 2);
    mock_answer(m, 0, 0, 0);
    mock_answer(m, 1, 4, 0);
    m->rq.probe[0].rtt_ns = 26 * MS;
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_forward(m->rq.probe[1].peer));
    mock_free(m);
}

static void equal_ones_are_drawn(void **state)
{
    struct mock *m = busy("fanout=3", 3);
    unsigned counts[3] = {0};

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        struct p2p_action a;

        asks(m, 1000, 3);
        for (uint32_t k = 0; k < 3; k++)
            mock_answer(m, k, 0, 0);
        a = mock_decide(m, P2P_EV_PROBED);
        for (uint32_t k = 0; k < 3; k++)
            counts[k] += m->rq.probe[k].peer == a.a;
    }
    mock_uniform(counts, 3);
    mock_free(m);
}

static void where_it_would_be_late_it_does_not_go(void **state)
{
    struct mock *m = busy("", 2);

    (void)state;
    asks(m, 140, 2);
    mock_answer(m, 0, 4, 1); /* 50 ms of waiting and 100 of running */
    mock_no_answer(m, 1, P2P_PROBE_TIMEOUT);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_reject(0));
    asks(m, 160, 2);
    mock_no_answer(m, 0, P2P_PROBE_GONE);
    mock_answer(m, 1, 4, 1);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_forward(m->rq.probe[1].peer));
    mock_free(m);
}

static void what_can_be_in_time_nowhere_asks_nobody(void **state)
{
    struct mock *m = busy("", 2);

    (void)state;
    refused(m, 99);
    mock_arrive(m);
    m->rq.deadline_ns = m->now_ns - 1;
    mock_is(mock_decide(m, P2P_EV_ARRIVAL), p2p_reject(0));
    mock_free(m);
}

static void while_it_asked_there_may_be_room_here(void **state)
{
    struct mock *m = busy("", 2);

    (void)state;
    asks(m, 1000, 2);
    mock_answer(m, 0, 0, 0);
    mock_answer(m, 1, 0, 0);
    mock_load(m, 0, 0);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local_at(m->rq.deadline_ns));
    mock_free(m);
}

static void without_peers_or_hops_it_is_overload(void **state)
{
    struct mock *m = busy("", 0);

    (void)state;
    refused(m, 1000);
    mock_free(m);
    m = busy("fanout=0", 3);
    assert_int_equal(m->n_probes, 0);
    refused(m, 1000);
    mock_free(m);
    m = busy("", 3);
    mock_arrive(m);
    m->rq.deadline_ns = m->now_ns + 1000 * MS;
    m->rq.hops = 1;
    mock_is(mock_decide(m, P2P_EV_ARRIVAL), p2p_reject(0));
    mock_free(m);
}

static void overload_may_run_after_all_that_were_admitted(void **state)
{
    struct mock *m = make("overload=run", 1, 0);
    void *jobs[3];

    (void)state;
    jobs[0] = admitted(m, 100);
    mock_is(job(m, 150), p2p_local_at(RANK_LATE));
    m->node.queue++;
    jobs[1] = mock_goes_on(m);
    jobs[2] = admitted(m, 200); /* before that one */
    for (unsigned i = 0; i < 3; i++)
        free(jobs[i]);
    mock_free(m);
}

static void with_a_full_queue_jobs_leave(void **state)
{
    struct mock *m = make("", 1, 2);

    (void)state;
    mock_load(m, 1, 99);
    mock_is(job(m, 0), p2p_local_at(RANK_NONE));
    mock_load(m, 1, 100);
    asks(m, 0, 2);
    asks(m, 1000000, 2);
    mock_load(m, 0, 0);
    m->node.queue_limit = 0; /* no queue at all */
    mock_is(job(m, 0), p2p_local_at(RANK_NONE));
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_node_admits_what_can_be_in_time),
        cmocka_unit_test(a_job_must_be_in_time_after_those_before_it),
        cmocka_unit_test(what_has_run_of_a_job_is_done),
        cmocka_unit_test(slots_are_given_on_one_by_one),
        cmocka_unit_test(none_makes_an_admitted_one_late),
        cmocka_unit_test(one_that_has_time_lets_others_by),
        cmocka_unit_test(one_that_is_late_anyway_is_in_nobodys_way),
        cmocka_unit_test(jobs_without_a_deadline_come_last),
        cmocka_unit_test(the_first_in_rank_gets_the_slot),
        cmocka_unit_test(one_that_went_away_makes_room),
        cmocka_unit_test(jobs_of_another_scheduler_count_as_average),
        cmocka_unit_test(slots_that_were_taken_away_are_not_given_on),
        cmocka_unit_test(a_full_book_admits_no_deadline),
        cmocka_unit_test(a_function_is_expected_to_take_its_average),
        cmocka_unit_test(an_unknown_one_that_of_all),
        cmocka_unit_test(more_functions_than_there_is_room_for_are_average_ones),
        cmocka_unit_test(runs_that_failed_teach_nothing),
        cmocka_unit_test(safety_makes_runs_longer),
        cmocka_unit_test(it_goes_where_it_waits_least),
        cmocka_unit_test(refusals_come_to_an_end),
        cmocka_unit_test(the_way_there_counts),
        cmocka_unit_test(equal_ones_are_drawn),
        cmocka_unit_test(where_it_would_be_late_it_does_not_go),
        cmocka_unit_test(what_can_be_in_time_nowhere_asks_nobody),
        cmocka_unit_test(while_it_asked_there_may_be_room_here),
        cmocka_unit_test(without_peers_or_hops_it_is_overload),
        cmocka_unit_test(overload_may_run_after_all_that_were_admitted),
        cmocka_unit_test(with_a_full_queue_jobs_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
