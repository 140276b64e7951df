#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module forward_plugin;

enum { PEERS = 8, JOBS = 16000, FIRST = 30 };

static void every_peer_is_equally_likely(void **state)
{
    struct mock *m = mock_new(&forward_plugin, "");
    unsigned counts[PEERS] = {0};

    (void)state;
    mock_peers(m, FIRST, PEERS);
    for (int i = 0; i < JOBS; i++) {
        struct p2p_action a = mock_job(m, 0);

        assert_int_equal(a.kind, P2P_FORWARD);
        counts[a.a - FIRST]++;
    }
    mock_uniform(counts, PEERS);
    mock_free(m);
}

static void successive_jobs_are_independent(void **state)
{
    struct mock *m = mock_new(&forward_plugin, "");
    unsigned pairs[4 * 4] = {0};
    uint32_t last = 0;

    (void)state;
    mock_peers(m, 0, 4);
    for (int i = 0; i < JOBS; i++) {
        uint32_t next = mock_job(m, 0).a;

        pairs[last * 4 + next]++;
        last = next;
    }
    mock_uniform(pairs, 16);
    mock_free(m);
}

static void load_does_not_matter(void **state)
{
    struct mock *m = mock_new(&forward_plugin, "");

    (void)state;
    mock_peers(m, FIRST, 1);
    m->peers[0].load = 1000;
    mock_is(mock_job(m, 0), p2p_forward(FIRST));
    mock_load(m, 1000, 1000);
    mock_is(mock_job(m, 0), p2p_forward(FIRST));
    mock_free(m);
}

static void a_job_that_made_its_hops_runs(void **state)
{
    struct mock *m = mock_new(&forward_plugin, "max_hops=3");

    (void)state;
    mock_peers(m, FIRST, PEERS);
    for (uint32_t hops = 0; hops < 10; hops++)
        assert_int_equal(mock_job(m, hops).kind, hops < 3 ? P2P_FORWARD : P2P_LOCAL);
    mock_is(mock_job(m, UINT32_MAX), p2p_local());
    mock_free(m);
}

static void with_no_hops_every_job_stays(void **state)
{
    struct mock *m = mock_new(&forward_plugin, "max_hops=0");

    (void)state;
    mock_peers(m, FIRST, PEERS);
    mock_is(mock_job(m, 0), p2p_local());
    mock_free(m);
}

static void alone_it_runs_the_job(void **state)
{
    struct mock *m = mock_new(&forward_plugin, "");

    (void)state;
    mock_peers(m, FIRST, 0);
    mock_is(mock_job(m, 0), p2p_local());
    mock_free(m);
}

static void it_tries_as_often_as_there_are_peers(void **state)
{
    struct mock *m = mock_new(&forward_plugin, "");
    unsigned tries = 1;

    (void)state;
    mock_peers(m, FIRST, 3);
    assert_int_equal(mock_job(m, 0).kind, P2P_FORWARD);
    while (tries < 100 && mock_decide(m, P2P_EV_REFUSED).kind == P2P_FORWARD)
        tries++;
    assert_int_equal(tries, 3);
    mock_free(m);
}

static void the_last_peer_leaves_while_it_refuses(void **state)
{
    struct mock *m = mock_new(&forward_plugin, "");

    (void)state;
    mock_peers(m, FIRST, 1);
    mock_is(mock_job(m, 0), p2p_forward(FIRST));
    mock_peers(m, FIRST, 0);
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    mock_free(m);
}

static void the_original_name_takes_max_hops(void **state)
{
    struct mock *m = mock_new(&forward_plugin, "");

    (void)state;
    assert_string_equal(m->ops->name, "forward");
    assert_int_equal(mock_alias(m, "ForwardScheduler")->n_params, 1);
    assert_string_equal(m->ops->params[0].name, "max_hops");
    assert_true(m->ops->params[0].def == 1);
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_peer_is_equally_likely),
        cmocka_unit_test(successive_jobs_are_independent),
        cmocka_unit_test(load_does_not_matter),
        cmocka_unit_test(a_job_that_made_its_hops_runs),
        cmocka_unit_test(with_no_hops_every_job_stays),
        cmocka_unit_test(alone_it_runs_the_job),
        cmocka_unit_test(it_tries_as_often_as_there_are_peers),
        cmocka_unit_test(the_last_peer_leaves_while_it_refuses),
        cmocka_unit_test(the_original_name_takes_max_hops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
