#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module round_robin_plugin;

/* The remainder is the largest by all numbers up to six. */
static uint64_t last_of_few(const struct p2p_host *h)
{
    (void)h;
    return 59;
}

/* Whose first turn is that of the first of at most five peers. */
static struct mock *dealer(const char *settings)
{
    struct mock *m = mock_new(&round_robin_plugin, settings);

    m->host.rand = last_of_few;
    return m;
}

/* Deals n jobs and writes who got them: a digit for a peer, "." for this node. */
static const char *deal(struct mock *m, unsigned n)
{
    static char text[64];
    unsigned i;

    assert_true(n < sizeof(text));
    for (i = 0; i < n; i++) {
        struct p2p_action a = mock_job(m, 0);

        text[i] = a.kind == P2P_FORWARD ? (char)('0' + a.a) : '.';
    }
    text[i] = '\0';
    return text;
}

static void jobs_go_in_turn_to_peers_and_this_node(void **state)
{
    struct mock *m = dealer("");

    (void)state;
    mock_peers(m, 1, 3);
    assert_string_equal(deal(m, 12), "123.123.123.");
    mock_free(m);
}

static void the_order_is_by_id_not_by_place(void **state)
{
    struct mock *m = dealer("");

    (void)state;
    mock_peers(m, 1, 3);
    m->peers[0].id = 3;
    m->peers[2].id = 1;
    assert_string_equal(deal(m, 5), "123.1");
    m->peers[0].id = 2;
    m->peers[1].id = 3;
    assert_string_equal(deal(m, 4), "23.1");
    mock_free(m);
}

static void a_peer_that_goes_moves_nobody_elses_turn(void **state)
{
    struct mock *m = dealer("");

    (void)state;
    mock_peers(m, 1, 4);
    assert_string_equal(deal(m, 2), "12");
    mock_peers(m, 3, 2); /* 1 and 2 went */
    assert_string_equal(deal(m, 4), "34.3");
    mock_peers(m, 4, 1); /* so did the last one dealt to */
    assert_string_equal(deal(m, 3), "4.4");
    mock_free(m);
}

static void a_peer_that_comes_waits_for_its_turn(void **state)
{
    struct mock *m = dealer("");

    (void)state;
    mock_peers(m, 3, 2);
    assert_string_equal(deal(m, 1), "3");
    mock_peers(m, 2, 4);
    assert_string_equal(deal(m, 6), "45.234");
    mock_free(m);
}

static void a_job_that_made_its_hops_takes_no_turn(void **state)
{
    struct mock *m = dealer("max_hops=2");

    (void)state;
    mock_peers(m, 1, 3);
    mock_is(mock_job(m, 1), p2p_forward(1));
    mock_is(mock_job(m, 2), p2p_local());
    mock_is(mock_job(m, 3), p2p_local());
    mock_is(mock_job(m, 0), p2p_forward(2));
    mock_free(m);
}

static void with_no_hops_every_job_stays(void **state)
{
    struct mock *m = dealer("max_hops=0");

    (void)state;
    mock_peers(m, 1, 3);
    assert_string_equal(deal(m, 4), "....");
    mock_free(m);
}

static void alone_every_job_stays(void **state)
{
    struct mock *m = dealer("");

    (void)state;
    mock_peers(m, 1, 0);
    assert_string_equal(deal(m, 4), "....");
    mock_peers(m, 1, 1);
    assert_string_equal(deal(m, 4), "1.1.");
    mock_free(m);
}

static void a_refused_job_goes_to_the_next_in_turn(void **state)
{
    struct mock *m = dealer("");

    (void)state;
    mock_peers(m, 1, 3);
    mock_is(mock_job(m, 0), p2p_forward(1));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(2));
    mock_is(mock_job(m, 0), p2p_forward(3));
    mock_free(m);
}

static void a_job_refused_by_all_runs_here(void **state)
{
    struct mock *m = dealer("");
    unsigned tries = 1;

    (void)state;
    mock_peers(m, 1, 4);
    deal(m, 2);
    mock_is(mock_job(m, 0), p2p_forward(3));
    while (tries < 100 && mock_decide(m, P2P_EV_REFUSED).kind == P2P_FORWARD)
        tries++;
    assert_in_range(tries, 1, 4);
    mock_free(m);
}

/* Another job takes this node's turn each time. */
static void jobs_that_interleave_still_come_to_an_end(void **state)
{
    struct mock *m = dealer("");
    unsigned tries = 1;

    (void)state;
    mock_peers(m, 1, 1);
    mock_is(mock_job(m, 0), p2p_forward(1));
    do {
        uint32_t attempts = m->rq.attempts;

        mock_is(mock_job(m, 0), p2p_local());
        m->rq.attempts = attempts;
    } while (mock_decide(m, P2P_EV_REFUSED).kind == P2P_FORWARD && tries++ < 100);
    assert_in_range(tries, 1, 2);
    mock_free(m);
}

static void with_loss_it_does_not_wait_for_a_slot(void **state)
{
    struct mock *m = dealer("loss=true");

    (void)state;
    mock_peers(m, 1, 1);
    mock_is(mock_job(m, 0), p2p_forward(1));
    mock_is(mock_job(m, 0), p2p_local_or_lose());
    mock_is(mock_job(m, 1), p2p_local_or_lose());
    mock_free(m);
}

static void instances_take_turns_of_their_own(void **state)
{
    struct mock *a = dealer("");
    struct mock *b = dealer("");

    (void)state;
    mock_peers(a, 1, 3);
    mock_peers(b, 1, 3);
    assert_string_equal(deal(a, 2), "12");
    assert_string_equal(deal(b, 2), "12");
    assert_string_equal(deal(a, 2), "3.");
    mock_free(a);
    mock_free(b);
}

/* Nodes that all began with the same peer would all deal to it at a time. */
static void the_first_turn_is_anyones(void **state)
{
    unsigned counts[4] = {0};

    (void)state;
    for (unsigned i = 0; i < 4000; i++) {
        struct mock *m = mock_new(&round_robin_plugin, "");
        const char *dealt;
        char first;

        m->rng += i;
        mock_peers(m, 1, 3);
        dealt = deal(m, 5);
        first = dealt[0];
        assert_non_null(strstr("123.123.", dealt));
        counts[first == '.' ? 0 : first - '0']++;
        mock_free(m);
    }
    mock_uniform(counts, 4);
}

/* Nor does it begin before there is a peer to begin with. */
static void the_first_turn_waits_for_peers(void **state)
{
    unsigned counts[4] = {0};

    (void)state;
    for (unsigned i = 0; i < 4000; i++) {
        struct mock *m = mock_new(&round_robin_plugin, "");
        char first;

        m->rng += i;
        mock_peers(m, 1, 0);
        assert_string_equal(deal(m, 3), "...");
        mock_peers(m, 1, 3);
        first = deal(m, 1)[0];
        counts[first == '.' ? 0 : first - '0']++;
        mock_free(m);
    }
    mock_uniform(counts, 4);
}

static void any_ids_are_dealt_to(void **state)
{
    struct mock *m = dealer("");

    (void)state;
    mock_peers(m, 0, 2);
    m->peers[1].id = P2P_NONE - 1;
    for (int i = 0; i < 3; i++) {
        mock_is(mock_job(m, 0), p2p_forward(0));
        mock_is(mock_job(m, 0), p2p_forward(P2P_NONE - 1));
        mock_is(mock_job(m, 0), p2p_local());
    }
    mock_free(m);
}

static void it_has_no_original_name(void **state)
{
    struct mock *m = dealer("");

    (void)state;
    assert_string_equal(m->ops->name, "round_robin");
    assert_null(m->ops->aliases);
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_go_in_turn_to_peers_and_this_node),
        cmocka_unit_test(the_order_is_by_id_not_by_place),
        cmocka_unit_test(a_peer_that_goes_moves_nobody_elses_turn),
        cmocka_unit_test(a_peer_that_comes_waits_for_its_turn),
        cmocka_unit_test(a_job_that_made_its_hops_takes_no_turn),
        cmocka_unit_test(with_no_hops_every_job_stays),
        cmocka_unit_test(alone_every_job_stays),
        cmocka_unit_test(a_refused_job_goes_to_the_next_in_turn),
        cmocka_unit_test(a_job_refused_by_all_runs_here),
        cmocka_unit_test(jobs_that_interleave_still_come_to_an_end),
        cmocka_unit_test(with_loss_it_does_not_wait_for_a_slot),
        cmocka_unit_test(instances_take_turns_of_their_own),
        cmocka_unit_test(the_first_turn_is_anyones),
        cmocka_unit_test(the_first_turn_waits_for_peers),
        cmocka_unit_test(any_ids_are_dealt_to),
        cmocka_unit_test(it_has_no_original_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
