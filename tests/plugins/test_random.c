#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module random_plugin;

enum { PEERS = 9, NODES = PEERS + 1, JOBS = 20000, FIRST = 100 };

/* Which of the nodes it went to; the last one is this. */
static unsigned node_of(struct p2p_action a)
{
    assert_true(a.kind == P2P_FORWARD || (a.kind == P2P_LOCAL && a.a == 0));
    return a.kind == P2P_LOCAL ? PEERS : a.a - FIRST;
}

static void every_node_is_equally_likely(void **state)
{
    struct mock *m = mock_new(&random_plugin, "");
    unsigned counts[NODES] = {0};

    (void)state;
    mock_peers(m, FIRST, PEERS);
    for (int i = 0; i < JOBS; i++)
        counts[node_of(mock_job(m, 0))]++;
    mock_uniform(counts, NODES);
    mock_free(m);
}

static void load_does_not_matter(void **state)
{
    struct mock *m = mock_new(&random_plugin, "");
    unsigned counts[NODES] = {0};

    (void)state;
    mock_peers(m, FIRST, PEERS);
    for (uint32_t i = 0; i < PEERS; i++)
        m->peers[i].load = i * 100;
    mock_load(m, 1000, 1000);
    for (int i = 0; i < JOBS; i++)
        counts[node_of(mock_job(m, 0))]++;
    mock_uniform(counts, NODES);
    mock_free(m);
}

static void successive_jobs_are_independent(void **state)
{
    struct mock *m = mock_new(&random_plugin, "");
    unsigned pairs[NODES * NODES] = {0}, last = 0;

    (void)state;
    mock_peers(m, FIRST, PEERS);
    for (int i = 0; i < JOBS; i++) {
        unsigned next = node_of(mock_job(m, 0));

        pairs[last * NODES + next]++;
        last = next;
    }
    mock_uniform(pairs, NODES * NODES);
    mock_free(m);
}

static void after_a_refusal_all_are_equally_likely_again(void **state)
{
    struct mock *m = mock_new(&random_plugin, "");
    unsigned counts[NODES] = {0};

    (void)state;
    mock_peers(m, FIRST, PEERS);
    for (int i = 0; i < JOBS; i++) {
        mock_arrive(m);
        counts[node_of(mock_decide(m, P2P_EV_REFUSED))]++;
    }
    mock_uniform(counts, NODES);
    mock_free(m);
}

static void refusals_come_to_an_end(void **state)
{
    struct mock *m = mock_new(&random_plugin, "");
    unsigned longest = 0;

    (void)state;
    mock_peers(m, FIRST, 1);
    for (int i = 0; i < 1000; i++) {
        unsigned tries = 0;

        for (struct p2p_action a = mock_job(m, 0); a.kind == P2P_FORWARD && tries < 100;
             a = mock_decide(m, P2P_EV_REFUSED))
            tries++;
        longest = tries > longest ? tries : longest;
    }
    assert_in_range(longest, 5, 32);
    mock_free(m);
}

static void a_peer_that_went_is_not_drawn(void **state)
{
    struct mock *m = mock_new(&random_plugin, "");
    unsigned counts[3] = {0};

    (void)state;
    mock_peers(m, FIRST, 3);
    mock_job(m, 0);
    mock_peers(m, FIRST + 1, 2);
    for (int i = 0; i < JOBS; i++) {
        struct p2p_action a = mock_job(m, 0);

        counts[a.kind == P2P_LOCAL ? 0 : a.a - FIRST]++;
    }
    mock_uniform(counts, 3);
    mock_free(m);
}

static void a_job_that_made_its_hops_stays(void **state)
{
    struct mock *m = mock_new(&random_plugin, "max_hops=2");
    unsigned forwarded[4] = {0};

    (void)state;
    mock_peers(m, FIRST, PEERS);
    for (uint32_t i = 0; i < 400; i++)
        forwarded[i % 4] += mock_job(m, i % 4).kind == P2P_FORWARD;
    assert_true(forwarded[0] > 50 && forwarded[1] > 50);
    assert_int_equal(forwarded[2] + forwarded[3], 0);
    mock_free(m);
}

static void with_no_hops_every_job_stays(void **state)
{
    struct mock *m = mock_new(&random_plugin, "max_hops=0");

    (void)state;
    mock_peers(m, FIRST, PEERS);
    for (int i = 0; i < 100; i++)
        mock_is(mock_job(m, 0), p2p_local());
    mock_free(m);
}

static void alone_every_job_stays(void **state)
{
    struct mock *m = mock_new(&random_plugin, "");

    (void)state;
    mock_peers(m, FIRST, 0);
    for (int i = 0; i < 100; i++)
        mock_is(mock_job(m, 0), p2p_local());
    mock_free(m);
}

static void with_one_peer_half_of_the_jobs_stay(void **state)
{
    struct mock *m = mock_new(&random_plugin, "");
    unsigned counts[2] = {0};

    (void)state;
    mock_peers(m, FIRST, 1);
    for (int i = 0; i < JOBS; i++)
        counts[mock_job(m, 0).kind == P2P_FORWARD]++;
    mock_uniform(counts, 2);
    mock_free(m);
}

static void the_same_seed_gives_the_same_choices(void **state)
{
    struct mock *a = mock_new(&random_plugin, ""), *b = mock_new(&random_plugin, "");

    (void)state;
    mock_peers(a, FIRST, PEERS);
    mock_peers(b, FIRST, PEERS);
    for (int i = 0; i < 200; i++)
        mock_is(mock_job(a, 0), mock_job(b, 0));
    mock_free(a);
    mock_free(b);
}

static void it_has_no_original_name(void **state)
{
    struct mock *m = mock_new(&random_plugin, "");

    (void)state;
    assert_string_equal(m->ops->name, "random");
    assert_null(m->ops->aliases);
    assert_string_equal(m->ops->params[0].name, "max_hops");
    assert_null(m->ops->params[1].name);
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_is_equally_likely),
        cmocka_unit_test(load_does_not_matter),
        cmocka_unit_test(successive_jobs_are_independent),
        cmocka_unit_test(after_a_refusal_all_are_equally_likely_again),
        cmocka_unit_test(refusals_come_to_an_end),
        cmocka_unit_test(a_peer_that_went_is_not_drawn),
        cmocka_unit_test(a_job_that_made_its_hops_stays),
        cmocka_unit_test(with_no_hops_every_job_stays),
        cmocka_unit_test(alone_every_job_stays),
        cmocka_unit_test(with_one_peer_half_of_the_jobs_stay),
        cmocka_unit_test(the_same_seed_gives_the_same_choices),
        cmocka_unit_test(it_has_no_original_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
