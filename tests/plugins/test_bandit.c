#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/arms.h"
#include "tests/plugins/mdp.h"

static const double fair[9] = {0.5, 0.6, 0.4, 0.7, 0.3, 0.5, 0.6, 0.4, 0.5};

/* ---- which arm ---- */

static void each_choice_of_ucb1_is_what_its_formula_says(void **state)
{
    double tries[5] = {0}, wins[5] = {0}, exploration = 0.7;
    struct mock *m = arms_new(UCB1, "exploration=0.7", 4);
    uint64_t rng = 1;

    (void)state;
    for (unsigned n = 0; n < 3000; n++) {
        uint32_t arm = arms_job(m);
        double index[5], most = 0;
        bool won = mdp_unit(&rng) < fair[arm];

        for (uint32_t k = 0; k < 5; k++) {
            index[k] =
                tries[k] > 0 ? wins[k] / tries[k] + exploration * sqrt(2 * log(n) / tries[k]) : 1e9;
            most = fmax(most, index[k]);
        }
        assert_true(index[arm] >= most - 1e-9);
        arms_end(m, arm, won);
        tries[arm]++;
        wins[arm] += won;
    }
    for (uint32_t k = 0; k < 5; k++) {
        assert_true(arms_tries(m, k) == tries[k]);
        assert_true(arms_wins(m, k) == wins[k]);
    }
    mock_free(m);
}

static void equal_arms_are_drawn(void **state)
{
    (void)state;
    for (unsigned which = 0; which < ARMS_POLICIES; which++) {
        unsigned counts[5] = {0};
        struct mock *m = arms_new(which, "", 4);

        for (unsigned i = 0; i < 5000; i++) {
            uint32_t arm = arms_job(m);

            counts[arm]++;
            arms_outcome(m, (struct p2p_outcome){.status = P2P_OUT_CANCELLED, .peer = P2P_NONE});
        }
        mock_uniform(counts, 5);
        mock_free(m);
    }
}

/* Of which nothing came back yet. */
static void jobs_of_one_moment_go_to_different_arms(void **state)
{
    static const unsigned spread[] = {UCB1, LINUCB};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct mock *m = arms_new(spread[i], "", 7);
        void *open[16];
        unsigned counts[8] = {0};

        for (unsigned n = 0; n < 16; n++) {
            uint32_t arm = arms_job(m);

            counts[arm]++;
            open[n] = mock_goes_on(m);
        }
        for (uint32_t k = 0; k < 8; k++)
            assert_int_equal(counts[k], 2);
        for (unsigned n = 0; n < 16; n++)
            mock_ended(m, open[n], 0, P2P_OUT_CANCELLED, 0);
        for (uint32_t k = 0; k < 8; k++)
            assert_int_equal(((struct bandit *)m->self)->arms.arm[k].under_way, 0);
        mock_free(m);
    }
}

/* ---- what wins ---- */

static void won(struct mock *m, struct p2p_outcome out, bool wanted)
{
    uint64_t before = arms_counter(m, "won_total"), lost = arms_counter(m, "lost_total");

    arms_outcome(m, out);
    assert_int_equal(arms_counter(m, "won_total") - before, wanted);
    assert_int_equal(arms_counter(m, "lost_total") - lost, !wanted);
}

static void a_job_wins_that_succeeds_within_target_or_deadline(void **state)
{
    struct p2p_outcome ran = {.status = P2P_OUT_RAN, .http_status = 200, .peer = P2P_NONE};
    struct mock *m = arms_new(UCB1, "target=20ms max_hops=1 most_peers=0", 3);

    (void)state;
    assert_int_equal(arms_job(m), 0);
    ran.total_ns = 20000000;
    won(m, ran, true);
    arms_job(m);
    ran.total_ns++;
    won(m, ran, false);
    for (uint64_t total = 49; total <= 51; total++) {
        mock_arrive(m);
        m->rq.deadline_ns = m->rq.arrival_ns + 50;
        mock_is(mock_decide(m, P2P_EV_ARRIVAL), p2p_local());
        ran.total_ns = total;
        won(m, ran, total <= 50);
    }
    mock_arrive(m);
    m->rq.deadline_ns = m->rq.arrival_ns - 50; /* it came too late */
    mock_decide(m, P2P_EV_ARRIVAL);
    ran.total_ns = 1;
    won(m, ran, false);
    for (uint32_t http = 100; http < 600; http += 50) {
        arms_job(m);
        ran.http_status = http;
        won(m, ran, http >= 200 && http < 400);
    }
    arms_job(m);
    won(m, (struct p2p_outcome){.status = P2P_OUT_FULL, .peer = P2P_NONE}, false);
    arms_job(m);
    won(m, (struct p2p_outcome){.status = P2P_OUT_FAILED, .http_status = 502, .peer = P2P_NONE},
        false);
    mock_free(m);
}

static uint32_t job_at_a_peer(struct mock *m)
{
    uint32_t arm;

    while ((arm = arms_job(m)) == 0)
        arms_end(m, 0, false);
    return arm;
}

static void what_failed_at_a_peer_is_lost(void **state)
{
    struct mock *m = arms_new(UCB1, "", 1);

    (void)state;
    job_at_a_peer(m);
    won(m, (struct p2p_outcome){.status = P2P_OUT_FAILED, .http_status = 502, .peer = P2P_NONE},
        false);
    job_at_a_peer(m);
    won(m,
        (struct p2p_outcome){.status = P2P_OUT_FORWARDED, .http_status = 404, .peer = ARMS_FIRST},
        false);
    job_at_a_peer(m);
    won(m,
        (struct p2p_outcome){.status = P2P_OUT_FORWARDED, .http_status = 200, .peer = ARMS_FIRST},
        true);
    assert_true(arms_tries(m, 1) == 3 && arms_wins(m, 1) == 1);
    mock_free(m);
}

static void some_outcomes_teach_nothing(void **state)
{
    static const struct p2p_outcome useless[] = {
        {.status = P2P_OUT_CANCELLED, .peer = P2P_NONE},
        {.status = P2P_OUT_CANCELLED, .peer = ARMS_FIRST},
        {.status = P2P_OUT_REJECTED, .http_status = 503, .peer = P2P_NONE},
        {.status = P2P_OUT_RAN, .http_status = 200, .peer = P2P_NONE}, /* the host's fallback */
        {.status = P2P_OUT_FULL, .http_status = 500, .peer = P2P_NONE},
        {.status = P2P_OUT_FORWARDED, .http_status = 200, .peer = ARMS_FIRST + 1},
        {.status = P2P_OUT_FORWARDED, .http_status = 200, .peer = P2P_NONE},
        {.status = P2P_OUT_FAILED, .http_status = 502, .peer = ARMS_FIRST + 1},
        {.status = 77, .http_status = 200, .peer = ARMS_FIRST},
    };
    struct mock *m = arms_new(UCB1, "", 1);
    const struct bandit *b = m->self;

    (void)state;
    for (unsigned i = 0; i < sizeof(useless) / sizeof(useless[0]); i++) {
        uint64_t before;

        job_at_a_peer(m);
        before = b->outcomes;
        arms_outcome(m, useless[i]);
        assert_true(b->outcomes == before);
        assert_int_equal(b->arms.arm[1].under_way, 0);
    }
    mock_free(m);
}

/* It made max_hops, or there is nobody. */
static void a_job_without_a_choice_runs_here_and_teaches_nothing(void **state)
{
    (void)state;
    for (unsigned which = 0; which < ARMS_POLICIES; which++) {
        struct mock *m = arms_new(which, "max_hops=2", 4);
        const struct bandit *b = m->self;

        for (unsigned i = 0; i < 500; i++) {
            mock_is(mock_job(m, 2 + i % 3), p2p_local());
            arms_end(m, 0, true);
        }
        mock_peers(m, ARMS_FIRST, 0);
        for (unsigned i = 0; i < 500; i++) {
            assert_int_equal(arms_job(m), 0);
            arms_end(m, 0, true);
        }
        for (uint32_t event = P2P_EV_PROBED; event < 40; event++) {
            mock_arrive(m);
            if (event != P2P_EV_REFUSED)
                mock_is(mock_decide(m, event), p2p_local());
        }
        assert_true(b->outcomes == 0);
        mock_peers(m, ARMS_FIRST, 4);
        for (unsigned i = 0; i < 100; i++)
            arms_end(m, arms_of(mock_job(m, 1)), true);
        assert_true(b->outcomes == 100);
        mock_free(m);
    }
}

static void with_loss_nothing_waits(void **state)
{
    struct mock *m = arms_new(THOMPSON, "loss=true max_hops=0", 4);

    (void)state;
    mock_is(mock_job(m, 0), p2p_local_or_lose());
    mock_free(m);
}

/* ---- refusals ---- */

static void a_refusal_is_a_loss_and_the_next_best_gets_the_job(void **state)
{
    (void)state;
    for (unsigned which = 0; which < ARMS_POLICIES; which++) {
        struct mock *m = arms_new(which, "", 3);
        unsigned refused = 0, rounds = 60;

        for (unsigned i = 0; i < rounds; i++) {
            bool asked[4] = {false};
            struct p2p_action a = mock_job(m, 0);

            for (; a.kind == P2P_FORWARD; a = mock_decide(m, P2P_EV_REFUSED), refused++) {
                assert_false(asked[arms_of(a)]);
                asked[arms_of(a)] = true;
            }
            mock_is(a, p2p_local());
            arms_end(m, 0, true);
        }
        assert_int_equal(arms_counter(m, "refused_total"), refused);
        assert_int_equal(arms_counter(m, "lost_total"), refused);
        assert_int_equal(arms_counter(m, "won_total"), rounds);
        assert_true(refused < 2 * rounds); /* who always refuses is asked ever less */
        if (which != LINUCB)
            assert_true(arms_tries(m, 1) + arms_tries(m, 2) + arms_tries(m, 3) == refused);
        mock_free(m);
    }
}

static void after_eight_refusals_it_runs_here(void **state)
{
    (void)state;
    for (unsigned which = 0; which < ARMS_POLICIES; which++) {
        struct mock *m = arms_new(which, "", 40);
        struct p2p_action a;
        unsigned n, most = 0;

        for (unsigned i = 0; i < 200; i++) {
            a = mock_job(m, 0);
            for (n = 0; a.kind == P2P_FORWARD; n++)
                a = mock_decide(m, P2P_EV_REFUSED);
            mock_is(a, p2p_local());
            arms_end(m, 0, false);
            most = n > most ? n : most;
        }
        assert_int_equal(most, 8);
        mock_free(m);
    }
}

/* ---- the same again ---- */

static void the_same_chances_make_the_same_choices(void **state)
{
    (void)state;
    for (unsigned which = 0; which < ARMS_POLICIES; which++) {
        struct mock *a = arms_new(which, "forget=0.99", 8);
        struct mock *b = arms_new(which, "forget=0.99", 8);
        uint64_t of_a = 3, of_b = 3;

        for (unsigned i = 0; i < 3000; i++)
            assert_int_equal(arms_play(a, fair, &of_a), arms_play(b, fair, &of_b));
        mock_free(a);
        mock_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_choice_of_ucb1_is_what_its_formula_says),
        cmocka_unit_test(equal_arms_are_drawn),
        cmocka_unit_test(jobs_of_one_moment_go_to_different_arms),
        cmocka_unit_test(a_job_wins_that_succeeds_within_target_or_deadline),
        cmocka_unit_test(what_failed_at_a_peer_is_lost),
        cmocka_unit_test(some_outcomes_teach_nothing),
        cmocka_unit_test(a_job_without_a_choice_runs_here_and_teaches_nothing),
        cmocka_unit_test(with_loss_nothing_waits),
        cmocka_unit_test(a_refusal_is_a_loss_and_the_next_best_gets_the_job),
        cmocka_unit_test(after_eight_refusals_it_runs_here),
        cmocka_unit_test(the_same_chances_make_the_same_choices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
