/* Peers that come, go, and come back: whose numbers are whose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/arms.h"
#include "tests/plugins/mdp.h"

static uint32_t n_arms(const struct mock *m)
{
    return ((const struct bandit *)m->self)->arms.n;
}

static bool has_arm(const struct mock *m, uint32_t id)
{
    const struct bandit_arms *a = &((const struct bandit *)m->self)->arms;

    return bandit_arms_find(a, id) < a->n;
}

static void play(struct mock *m, const double *odds, unsigned jobs)
{
    uint64_t rng = 2;

    for (unsigned i = 0; i < jobs; i++)
        arms_play(m, odds, &rng);
}

static void a_peer_that_is_gone_gets_nothing_and_keeps_its_numbers(void **state)
{
    static const double odds[] = {0.2, 0.4, 0.9};

    (void)state;
    for (unsigned which = 0; which < ARMS_POLICIES; which++) {
        struct mock *m = arms_new(which, "", 2);
        double kept, hits = 0;
        uint64_t rng = 9;

        play(m, odds, 3000);
        kept = arms_numbers(m, 2)[0];
        mock_peers(m, ARMS_FIRST, 1); /* mock_decide fails a forward to who is gone */
        play(m, odds, 1000);
        assert_int_equal(n_arms(m), 3);
        assert_true(arms_numbers(m, 2)[0] == kept);
        mock_peers(m, ARMS_FIRST, 2);
        for (unsigned i = 0; i < 100; i++)
            hits += arms_play(m, odds, &rng) == 2;
        assert_true(hits > 80); /* it is known to be the best */
        mock_free(m);
    }
}

static void a_peer_that_is_new_is_tried(void **state)
{
    static const double odds[] = {0.5, 0.5, 0.95};
    struct mock *m = arms_new(UCB1, "", 1);

    (void)state;
    play(m, odds, 2000);
    mock_peers(m, ARMS_FIRST, 2);
    assert_int_equal(arms_job(m), 2);
    arms_end(m, 2, true);
    play(m, odds, 2000);
    assert_true(arms_tries(m, 2) > 1500);
    mock_free(m);
}

static void under_another_id_it_is_known_by_its_address(void **state)
{
    static const double odds[] = {0.2, 0.4, 0.9};
    struct mock *m = arms_new(UCB1, "most_peers=2", 2);
    const struct bandit *b = m->self;
    double tries;

    (void)state;
    m->first_id = ARMS_FIRST;
    play(m, odds, 1000);
    tries = arms_tries(m, 2);
    m->first_id = 7000; /* 7000 has the address that ARMS_FIRST had */
    mock_peers(m, 7000, 9);
    mock_is(mock_job(m, 0), p2p_forward(7001));
    assert_int_equal(n_arms(m), 3);
    assert_false(has_arm(m, ARMS_FIRST + 1));
    arms_outcome(
        m, (struct p2p_outcome){.status = P2P_OUT_FORWARDED, .http_status = 200, .peer = 7001});
    assert_true(*bandit_arms_numbers(&b->arms, bandit_arms_find(&b->arms, 7001)) == tries + 1);
    mock_free(m);
}

static const char *no_address(const struct p2p_host *h, uint32_t peer)
{
    (void)h;
    return peer % 2 ? NULL : "";
}

static void without_an_address_it_is_known_by_its_id(void **state)
{
    static const double odds[] = {0.5, 0.9, 0.4};
    struct mock *m = arms_new(THOMPSON, "", 2);

    (void)state;
    m->host.address = no_address;
    play(m, odds, 500);
    assert_int_equal(n_arms(m), 3);
    assert_true(arms_tries(m, 1) > arms_tries(m, 2));
    mock_free(m);
}

/* ---- more peers than arms ---- */

static void of_too_many_peers_some_are_drawn_and_stay(void **state)
{
    unsigned met[300] = {0}, total = 0;

    (void)state;
    for (unsigned run = 0; run < 200; run++) {
        struct mock *m = arms_new(UCB1, "most_peers=30", 300);
        unsigned now = 0;

        m->rng += run;
        for (unsigned i = 0; i < 40; i++)
            arms_end(m, arms_job(m), false);
        assert_int_equal(n_arms(m), 31);
        for (uint32_t i = 0; i < 300; i++) {
            now += has_arm(m, ARMS_FIRST + i);
            met[i] += has_arm(m, ARMS_FIRST + i);
        }
        assert_int_equal(now, 30);
        total += now;
        mock_free(m);
    }
    assert_int_equal(total, 6000);
    for (uint32_t i = 0; i < 300; i++) /* 20 expected; those side by side come together */
        assert_in_range(met[i], 1, 60);
}

static void who_is_gone_the_longest_makes_room(void **state)
{
    static const uint32_t first[] = {50, 51, 52, 53}; /* three peers at a time */
    struct mock *m = arms_new(UCB1, "most_peers=4", 3);

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        mock_peers(m, first[i], 3);
        arms_end(m, arms_job(m), true);
    }
    /* 50 went first, then 51; 54 came when there was no room, 55 after it. */
    assert_false(has_arm(m, 50));
    assert_false(has_arm(m, 51));
    for (uint32_t id = 52; id < 56; id++)
        assert_true(has_arm(m, id));
    assert_int_equal(n_arms(m), 5);
    mock_free(m);
}

static void what_comes_of_an_arm_that_made_room_is_dropped(void **state)
{
    struct mock *m = arms_new(UCB1, "most_peers=1", 1);
    const struct bandit *b = m->self;
    void *open;

    (void)state;
    while (arms_job(m) == 0)
        arms_end(m, 0, false);
    open = mock_goes_on(m);
    mock_peers(m, ARMS_FIRST + 9, 1);
    mock_job(m, 0);
    assert_false(has_arm(m, ARMS_FIRST));
    free(m->rq.state);
    m->rq.state = open;
    uint64_t before = b->outcomes;
    arms_end(m, 1, true);
    assert_true(b->outcomes == before);
    mock_free(m);
}

static void with_no_arms_for_peers_all_runs_here(void **state)
{
    (void)state;
    for (unsigned which = 0; which < ARMS_POLICIES; which++) {
        struct mock *m = arms_new(which, "most_peers=0", 5);

        for (unsigned i = 0; i < 300; i++) {
            assert_int_equal(arms_job(m), 0);
            arms_end(m, 0, false);
        }
        mock_free(m);
    }
}

/* Under a sanitizer: whatever comes and goes, with jobs under way. */
static void anything_may_come_and_go(void **state)
{
    (void)state;
    for (unsigned which = 0; which < ARMS_POLICIES; which++) {
        struct mock *m = arms_new(which, "most_peers=20 forget=0.9", 0);
        const struct bandit *b = m->self;
        void *open[8] = {NULL};
        struct p2p_action went[8];
        uint64_t rng = 4;

        for (unsigned i = 0; i < 4000; i++) {
            unsigned k = (unsigned)(mdp_bits(&rng) % 8);

            if (mdp_bits(&rng) % 4 == 0)
                mock_peers(m, 1 + (uint32_t)(mdp_bits(&rng) % 60), (uint32_t)(mdp_bits(&rng) % 30));
            if (open[k]) {
                free(m->rq.state);
                m->rq.state = open[k];
                open[k] = NULL;
                if (mdp_bits(&rng) % 3 == 0)
                    went[k] = mock_decide(m, P2P_EV_REFUSED);
                arms_outcome(m, (struct p2p_outcome){
                                    .status = (uint32_t)(mdp_bits(&rng) % 6),
                                    .http_status = 200,
                                    .peer = went[k].kind == P2P_FORWARD ? went[k].a : P2P_NONE});
            } else {
                went[k] = mock_job(m, 0);
                open[k] = mock_goes_on(m);
            }
        }
        assert_in_range(b->arms.n, 2, 21);
        for (unsigned k = 0; k < 8; k++)
            free(open[k]);
        mock_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_is_gone_gets_nothing_and_keeps_its_numbers),
        cmocka_unit_test(a_peer_that_is_new_is_tried),
        cmocka_unit_test(under_another_id_it_is_known_by_its_address),
        cmocka_unit_test(without_an_address_it_is_known_by_its_id),
        cmocka_unit_test(of_too_many_peers_some_are_drawn_and_stay),
        cmocka_unit_test(who_is_gone_the_longest_makes_room),
        cmocka_unit_test(what_comes_of_an_arm_that_made_room_is_dropped),
        cmocka_unit_test(with_no_arms_for_peers_all_runs_here),
        cmocka_unit_test(anything_may_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
