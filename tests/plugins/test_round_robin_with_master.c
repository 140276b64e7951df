#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module round_robin_with_master_plugin;
#define MODULE (&round_robin_with_master_plugin)

/* A job with those hops, from that peer unless it has none. */
static struct p2p_action job(struct mock *m, uint32_t hops, uint32_t from)
{
    mock_arrive(m);
    m->rq.hops = hops;
    m->rq.from = from;
    m->rq.flags = hops ? P2P_RQ_EXTERNAL : 0;
    return mock_decide(m, P2P_EV_ARRIVAL);
}

/* Jobs with those hops from that peer; who got them, "." for this node. */
static const char *deal(struct mock *m, unsigned n, uint32_t hops, uint32_t from)
{
    static char text[64];
    unsigned i;

    assert_true(n < sizeof(text));
    for (i = 0; i < n; i++) {
        struct p2p_action a = job(m, hops, from);

        text[i] = a.kind == P2P_FORWARD ? (char)('0' + a.a) : '.';
    }
    text[i] = '\0';
    return text;
}

/* ---- not the master ---- */

static void a_clients_job_goes_to_the_master(void **state)
{
    struct mock *m = mock_new(MODULE, "master_ip=peer2");

    (void)state;
    mock_peers(m, 1, 3);
    assert_string_equal(deal(m, 5, 0, P2P_NONE), "22222");
    mock_free(m);
}

static void a_job_from_a_peer_runs_here(void **state)
{
    struct mock *m = mock_new(MODULE, "master_ip=peer2");

    (void)state;
    mock_peers(m, 1, 3);
    assert_string_equal(deal(m, 2, 2, 2), "..");
    assert_string_equal(deal(m, 2, 1, 2), "..");
    assert_string_equal(deal(m, 2, 1, 1), "..");
    assert_string_equal(deal(m, 2, 1, P2P_NONE), "..");
    mock_free(m);
}

static void without_the_master_it_runs_here_or_is_lost(void **state)
{
    for (int loss = 0; loss < 2; loss++) {
        struct mock *m = mock_new(MODULE, loss ? "master_ip=peer2 loss=true" : "master_ip=peer2");
        struct p2p_action here = loss ? p2p_local_or_lose() : p2p_local();

        (void)state;
        mock_is(job(m, 0, P2P_NONE), here); /* nobody is up */
        mock_peers(m, 3, 2);
        mock_is(job(m, 0, P2P_NONE), here); /* the master is not */
        mock_peers(m, 1, 3);
        mock_is(job(m, 0, P2P_NONE), p2p_forward(2));
        mock_is(mock_decide(m, P2P_EV_REFUSED), here);
        mock_free(m);
    }
}

static void a_master_that_nobody_knows_is_no_peer(void **state)
{
    struct mock *m = mock_new(MODULE, "master_ip=10.0.0.9");

    (void)state;
    mock_peers(m, 1, 3);
    mock_is(job(m, 0, P2P_NONE), p2p_local());
    mock_free(m);
}

/* ---- the master ---- */

static void the_master_deals_in_turn_to_the_others(void **state)
{
    struct mock *m = mock_new(MODULE, "is_master=true");

    (void)state;
    mock_peers(m, 1, 3);
    assert_string_equal(deal(m, 7, 1, P2P_NONE), "1231231");
    mock_free(m);
}

static void a_clients_call_of_the_master_is_dealt_too(void **state)
{
    struct mock *m = mock_new(MODULE, "is_master=true");

    (void)state;
    mock_peers(m, 1, 3);
    assert_string_equal(deal(m, 4, 0, P2P_NONE), "1231");
    mock_free(m);
}

static void a_job_does_not_go_back_where_it_came_from(void **state)
{
    struct mock *m = mock_new(MODULE, "is_master=true");

    (void)state;
    mock_peers(m, 1, 3);
    assert_string_equal(deal(m, 6, 1, 2), "131313");
    assert_string_equal(deal(m, 3, 1, 3), "121");
    mock_free(m);
}

static void it_goes_back_when_there_is_nobody_else(void **state)
{
    struct mock *m = mock_new(MODULE, "is_master=true");

    (void)state;
    mock_peers(m, 4, 1);
    assert_string_equal(deal(m, 3, 1, 4), "444");
    mock_free(m);
}

static void the_master_alone_runs_it_or_loses_it(void **state)
{
    for (int loss = 0; loss < 2; loss++) {
        struct mock *m = mock_new(MODULE, loss ? "is_master=true loss=true" : "is_master=true");
        struct p2p_action here = loss ? p2p_local_or_lose() : p2p_local();

        (void)state;
        mock_is(job(m, 1, 3), here);
        mock_is(job(m, 0, P2P_NONE), here);
        mock_free(m);
    }
}

static void who_refuses_is_passed_over_then_the_master_runs_it(void **state)
{
    struct mock *m = mock_new(MODULE, "is_master=true");

    (void)state;
    mock_peers(m, 1, 4);
    mock_is(job(m, 1, 2), p2p_forward(1));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(3));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(4));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    mock_is(job(m, 1, 2), p2p_forward(1));
    mock_free(m);
}

static void a_refusal_of_the_only_one_ends_here(void **state)
{
    struct mock *m = mock_new(MODULE, "is_master=true");

    (void)state;
    mock_peers(m, 2, 1);
    mock_is(job(m, 1, 2), p2p_forward(2));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    mock_free(m);
}

static void of_many_it_tries_a_few(void **state)
{
    struct mock *m = mock_new(MODULE, "is_master=true");
    struct p2p_action a = {0};
    int tries = 0;

    (void)state;
    mock_peers(m, 1, 100);
    for (a = job(m, 1, P2P_NONE); a.kind == P2P_FORWARD; a = mock_decide(m, P2P_EV_REFUSED))
        tries++;
    assert_int_equal(tries, 8);
    mock_free(m);
}

static void who_comes_and_goes_moves_nobody_elses_turn(void **state)
{
    struct mock *m = mock_new(MODULE, "is_master=true");

    (void)state;
    mock_peers(m, 1, 4);
    assert_string_equal(deal(m, 2, 1, P2P_NONE), "12");
    m->rq.n_peers = 3;
    assert_string_equal(deal(m, 2, 1, P2P_NONE), "31");
    m->rq.n_peers = 4;
    assert_string_equal(deal(m, 4, 1, P2P_NONE), "2341");
    mock_free(m);
}

static void two_masters_do_not_play_ball(void **state)
{
    struct mock *m = mock_new(MODULE, "is_master=true");

    (void)state;
    mock_peers(m, 1, 3);
    mock_is(job(m, 2, 1), p2p_local());
    mock_is(job(m, 16, 1), p2p_local());
    mock_free(m);
}

static void any_ids_are_dealt_to(void **state)
{
    struct mock *m = mock_new(MODULE, "is_master=true");

    (void)state;
    mock_peers(m, 0, 2);
    m->peers[1].id = P2P_NONE - 1;
    for (int i = 0; i < 3; i++) {
        mock_is(job(m, 1, P2P_NONE), p2p_forward(0));
        mock_is(job(m, 1, P2P_NONE), p2p_forward(P2P_NONE - 1));
    }
    mock_free(m);
}

static void it_has_the_originals_name_and_list(void **state)
{
    struct mock *m = mock_new(MODULE, "is_master=true");
    const struct p2p_alias *a = mock_alias(m, "RoundRobinWithMasterScheduler");

    (void)state;
    assert_non_null(a);
    assert_int_equal(a->n_params, 3);
    assert_int_equal(a->flags, 0);
    assert_string_equal(m->ops->params[0].name, "is_master");
    assert_string_equal(m->ops->params[1].name, "master_ip");
    assert_string_equal(m->ops->params[2].name, "loss");
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clients_job_goes_to_the_master),
        cmocka_unit_test(a_job_from_a_peer_runs_here),
        cmocka_unit_test(without_the_master_it_runs_here_or_is_lost),
        cmocka_unit_test(a_master_that_nobody_knows_is_no_peer),
        cmocka_unit_test(the_master_deals_in_turn_to_the_others),
        cmocka_unit_test(a_clients_call_of_the_master_is_dealt_too),
        cmocka_unit_test(a_job_does_not_go_back_where_it_came_from),
        cmocka_unit_test(it_goes_back_when_there_is_nobody_else),
        cmocka_unit_test(the_master_alone_runs_it_or_loses_it),
        cmocka_unit_test(who_refuses_is_passed_over_then_the_master_runs_it),
        cmocka_unit_test(a_refusal_of_the_only_one_ends_here),
        cmocka_unit_test(of_many_it_tries_a_few),
        cmocka_unit_test(who_comes_and_goes_moves_nobody_elses_turn),
        cmocka_unit_test(two_masters_do_not_play_ball),
        cmocka_unit_test(any_ids_are_dealt_to),
        cmocka_unit_test(it_has_the_originals_name_and_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
