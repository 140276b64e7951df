#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module prequal_plugin;

enum { LENGTH = 16, ASK = 1, ANSWER = 2, FIRST = 50 };
#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

static struct mock *make(const char *settings, uint32_t peers)
{
    struct mock *m = mock_new(&prequal_plugin, settings);

    m->first_id = FIRST;
    mock_peers(m, FIRST, peers);
    return m;
}

static void message(unsigned char *bytes, unsigned kind, uint32_t rif, uint64_t latency)
{
    memset(bytes, 0, LENGTH);
    bytes[0] = 1;
    bytes[1] = (unsigned char)kind;
    for (unsigned i = 0; i < 4; i++)
        bytes[4 + i] = (unsigned char)(rif >> 8 * i);
    for (unsigned i = 0; i < 8; i++)
        bytes[8 + i] = (unsigned char)(latency >> 8 * i);
}

static void answer(struct mock *m, uint32_t peer, uint32_t rif, uint64_t latency)
{
    unsigned char bytes[LENGTH];

    message(bytes, ANSWER, rif, latency);
    mock_hear(m, peer, bytes, LENGTH);
}

/* A job that is decided; what it asks is forgotten. */
static struct p2p_action job(struct mock *m)
{
    struct p2p_action a = mock_job(m, 0);

    mock_forget(m);
    return a;
}

static void goes_to(struct mock *m, uint32_t peer)
{
    mock_is(job(m), p2p_forward(peer));
}

/* Jobs that found `rif` here took so long. */
static void took(struct mock *m, uint32_t rif, uint64_t ns, unsigned jobs)
{
    for (unsigned i = 0; i < jobs; i++) {
        mock_load(m, rif, 0);
        mock_is(mock_job(m, 1), p2p_local());
        mock_outcome(m, P2P_OUT_RAN, ns / 4, ns - ns / 4);
    }
}

/* What it answers a peer. */
static void answers(struct mock *m, uint32_t rif, uint64_t latency)
{
    unsigned char bytes[LENGTH], wanted[LENGTH];

    mock_forget(m);
    message(bytes, ASK, 0, 0);
    message(wanted, ANSWER, rif, latency);
    mock_hear(m, FIRST + 1, bytes, LENGTH);
    assert_int_equal(m->n_told, 1);
    assert_int_equal(m->told[0].peer, FIRST + 1);
    assert_int_equal(m->told[0].len, LENGTH);
    assert_memory_equal(m->told[0].bytes, wanted, LENGTH);
    mock_forget(m);
}

/* ---- questions ---- */

static void each_job_asks_distinct_peers(void **state)
{
    struct mock *m = make("probes_per_job=3", 5);
    unsigned counts[5] = {0};

    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        mock_is(mock_job(m, 0), p2p_local());
        assert_int_equal(m->n_told, 3);
        assert_true(m->told[0].peer != m->told[1].peer && m->told[0].peer != m->told[2].peer &&
                    m->told[1].peer != m->told[2].peer);
        for (unsigned k = 0; k < 3; k++)
            counts[m->told[k].peer - FIRST]++;
        mock_forget(m);
    }
    mock_uniform(counts, 5);
    mock_free(m);
}

static void a_fraction_is_asked_now_and_then(void **state)
{
    struct mock *m = make("probes_per_job=0.25", 5);
    unsigned asked = 0;

    (void)state;
    assert_int_equal(m->n_probes, 1);
    for (unsigned i = 0; i < 100; i++) {
        mock_job(m, 0);
        asked += m->n_told;
        mock_forget(m);
    }
    assert_int_equal(asked, 25);
    mock_free(m);
}

static void as_many_slots_as_are_asked(void **state)
{
    static const struct {
        const char *settings;
        uint32_t slots;
    } cases[] = {{"probes_per_job=0", 0},
                 {"probes_per_job=1", 1},
                 {"probes_per_job=2.5", 3},
                 {"probes_per_job=16", 16}};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct mock *m = make(cases[i].settings, 20);

        assert_int_equal(m->n_probes, cases[i].slots);
        for (unsigned k = 0; k < 9; k++)
            job(m);
        mock_free(m);
    }
}

static void a_job_that_stays_asks_nobody(void **state)
{
    struct mock *m = make("", 5);

    (void)state;
    answer(m, FIRST, 0, 0);
    mock_load(m, 9, 9);
    mock_is(mock_job(m, 1), p2p_local());
    assert_int_equal(m->n_told, 0);
    mock_peers(m, FIRST, 0);
    mock_is(mock_job(m, 0), p2p_local());
    assert_int_equal(m->n_told, 0);
    mock_free(m);
}

/* ---- answers ---- */

static void it_answers_the_median_at_its_load(void **state)
{
    struct mock *m = make("", 5);

    (void)state;
    mock_load(m, 3, 2);
    answers(m, 5, 0);
    took(m, 5, 10 * MS, 3);
    took(m, 5, 90 * MS, 2);
    took(m, 2, 4 * MS, 5);
    mock_load(m, 4, 1);
    answers(m, 5, 10 * MS);
    mock_load(m, 2, 0);
    answers(m, 2, 4 * MS);
    took(m, 5, 10 * MS, 16);
    took(m, 5, 70 * MS, 9); /* of the last 16 */
    mock_load(m, 5, 0);
    answers(m, 5, 70 * MS);
    mock_free(m);
}

static void without_jobs_at_its_load_that_of_the_nearest(void **state)
{
    struct mock *m = make("", 5);

    (void)state;
    took(m, 4, 40 * MS, 3);
    took(m, 8, 80 * MS, 3);
    mock_load(m, 0, 0);
    answers(m, 0, 40 * MS);
    mock_load(m, 5, 0);
    answers(m, 5, 40 * MS);
    mock_load(m, 6, 0);
    answers(m, 6, 80 * MS);
    mock_load(m, 100000, 0);
    answers(m, 100000, 80 * MS);
    mock_load(m, UINT32_MAX, UINT32_MAX);
    answers(m, 1000000, 80 * MS);
    took(m, UINT32_MAX, 3 * MS, 1);
    mock_free(m);
}

static void only_jobs_that_ran_here_count(void **state)
{
    struct mock *m = make("remove_per_job=0", 5);

    (void)state;
    answer(m, FIRST, 0, 0);
    mock_load(m, 5, 0);
    goes_to(m, FIRST);
    mock_outcome(m, P2P_OUT_FORWARDED, 0, S);
    goes_to(m, FIRST);
    mock_outcome(m, P2P_OUT_RAN, 0, S); /* by the host's fallback, at a load that is not known */
    mock_job(m, 1);
    mock_outcome(m, P2P_OUT_FAILED, 0, S);
    mock_job(m, 1);
    mock_outcome(m, P2P_OUT_FULL, 0, S);
    answers(m, 5, 0);
    mock_free(m);
}

/* ---- the rule ---- */

/* What it heard lately: n answers of that RIF, of which none stays. */
static void heard_lately(struct mock *m, uint32_t rif, unsigned n)
{
    while (n-- > 0)
        answer(m, FIRST, rif, 0);
    m->now_ns += 10 * S;
}

static void of_the_cold_the_fastest(void **state)
{
    struct mock *m = make("q_rif=0.5 remove_per_job=0", 5);

    (void)state;
    heard_lately(m, 5, 50);
    took(m, 4, 50 * MS, 3);
    mock_load(m, 4, 0);
    answer(m, FIRST, 5, 30 * MS);
    answer(m, FIRST + 1, 3, 40 * MS);
    answer(m, FIRST + 2, 6, 10 * MS); /* fastest, but hot */
    goes_to(m, FIRST);
    goes_to(m, FIRST + 1); /* as that one is hot now, by the job it was sent */
    mock_free(m);
}

static void of_the_hot_the_one_with_fewest_jobs(void **state)
{
    struct mock *m = make("q_rif=0.5 remove_per_job=0", 5);

    (void)state;
    heard_lately(m, 2, 50);
    mock_load(m, 9, 0);
    answer(m, FIRST, 8, 10 * MS);
    answer(m, FIRST + 1, 6, 90 * MS);
    answer(m, FIRST + 2, 7, 10 * MS);
    goes_to(m, FIRST + 1);
    mock_load(m, 5, 0);
    mock_is(job(m), p2p_local());
    mock_free(m);
}

static void with_quantile_one_none_is_hot(void **state)
{
    struct mock *m = make("q_rif=1 remove_per_job=0", 5);

    (void)state;
    heard_lately(m, 0, 50);
    took(m, 1, 50 * MS, 1);
    answer(m, FIRST, 1000, 10 * MS);
    goes_to(m, FIRST);
    mock_free(m);
}

static void with_quantile_zero_only_jobs_count(void **state)
{
    struct mock *m = make("q_rif=0 remove_per_job=0", 5);

    (void)state;
    mock_load(m, 9, 0);
    answer(m, FIRST, 1, 90 * MS);
    answer(m, FIRST + 1, 2, 1 * MS);
    goes_to(m, FIRST);
    mock_free(m);
}

static void the_way_to_a_peer_counts(void **state)
{
    struct mock *m = make("remove_per_job=0", 5);

    (void)state;
    took(m, 1, 50 * MS, 1);
    answer(m, FIRST, 0, 45 * MS);
    m->peers[0].rtt_ns = 6 * MS;
    mock_load(m, 0, 0);
    mock_is(job(m), p2p_local());
    m->peers[0].rtt_ns = 4 * MS;
    goes_to(m, FIRST);
    mock_free(m);
}

static void equal_ones_stay_here(void **state)
{
    struct mock *m = make("remove_per_job=0", 5);

    (void)state;
    answer(m, FIRST, 1, 0);
    answer(m, FIRST + 1, 2, 0);
    mock_load(m, 1, 0);
    mock_is(job(m), p2p_local());
    mock_load(m, 1, 1);
    goes_to(m, FIRST);
    mock_free(m);
}

/* ---- the pool ---- */

static void an_old_answer_is_not_used(void **state)
{
    struct mock *m = make("age=1s remove_per_job=0", 5);

    (void)state;
    mock_load(m, 9, 0);
    answer(m, FIRST, 0, 0);
    m->now_ns += S - 1;
    goes_to(m, FIRST);
    m->now_ns += 1;
    mock_is(job(m), p2p_local());
    mock_free(m);
}

static void nor_that_of_one_that_has_gone(void **state)
{
    struct mock *m = make("remove_per_job=0", 5);

    (void)state;
    mock_load(m, 9, 0);
    answer(m, FIRST + 4, 0, 0);
    mock_peers(m, FIRST, 4);
    mock_is(job(m), p2p_local());
    answer(m, FIRST + 4, 0, 0);
    mock_is(job(m), p2p_local());
    mock_free(m);
}

static void the_newest_of_a_peer_counts(void **state)
{
    struct mock *m = make("remove_per_job=0 q_rif=1", 5);

    (void)state;
    mock_load(m, 9, 0);
    answer(m, FIRST, 0, 0);
    answer(m, FIRST, 20, 0);
    mock_is(job(m), p2p_local());
    mock_free(m);
}

static void the_oldest_makes_room(void **state)
{
    struct mock *m = make("pool_size=2 remove_per_job=0 q_rif=0", 5);

    (void)state;
    mock_load(m, 9, 0);
    answer(m, FIRST, 0, 0);
    answer(m, FIRST + 1, 5, 0);
    answer(m, FIRST + 2, 6, 0);
    goes_to(m, FIRST + 1);
    mock_free(m);
}

/* 40 peers, a pool of 20: (1 + 1) / ((1 - 20/40) * 3 - 1) is 4 uses. */
static void an_answer_is_used_so_many_times(void **state)
{
    struct mock *m = make("pool_size=20 probes_per_job=3 remove_per_job=1 q_rif=1", 40);

    (void)state;
    mock_load(m, 100, 0);
    for (unsigned k = 0; k < 3; k++) {
        m->now_ns += 10 * S; /* what else there is has expired */
        for (uint32_t i = 0; i < 20; i++)
            answer(m, FIRST + i, 50, i == 10 ? 0 : S);
        took(m, 100, 2 * S, 1);
        for (unsigned use = 0; use < 4; use++)
            goes_to(m, FIRST + 10);
        assert_true(job(m).a != FIRST + 10);
    }
    mock_free(m);
}

/* ... and with delta 1.5 it is 5, with 1.25 it is 4 or 5. */
static void a_fraction_of_uses_is_drawn(void **state)
{
    struct mock *m = make("pool_size=20 remove_per_job=1 q_rif=1 delta=1.25", 40);
    unsigned uses = 0;

    (void)state;
    mock_load(m, 1000, 0);
    for (unsigned k = 0; k < 1000; k++) {
        m->now_ns += 10 * S;
        for (uint32_t i = 0; i < 8; i++)
            answer(m, FIRST + i, 50, i == 7 ? 0 : S);
        while (job(m).a == FIRST + 7)
            uses++;
    }
    assert_in_range(uses, 4420, 4580);
    mock_free(m);
}

static void with_few_peers_only_age_ends_its_use(void **state)
{
    struct mock *m = make("remove_per_job=0.01 q_rif=1", 5);

    (void)state;
    mock_load(m, 1000, 0);
    answer(m, FIRST, 0, 0);
    for (unsigned use = 0; use < 50; use++)
        goes_to(m, FIRST);
    mock_free(m);
}

static void worst_and_oldest_leave_in_turn(void **state)
{
    struct mock *m = make("remove_per_job=2 q_rif=1 probes_per_job=0", 5);

    (void)state;
    mock_load(m, 90, 0);
    answer(m, FIRST, 1, 1 * MS); /* the oldest */
    answer(m, FIRST + 1, 1, 10 * MS);
    answer(m, FIRST + 2, 1, 90 * MS); /* the worst */
    answer(m, FIRST + 3, 1, 2 * MS);
    took(m, 90, S, 1);
    goes_to(m, FIRST); /* of four, two stay */
    goes_to(m, FIRST + 3);
    mock_is(job(m), p2p_local());
    mock_free(m);
}

static void one_that_refused_leaves_the_pool(void **state)
{
    struct mock *m = make("remove_per_job=0", 5);

    (void)state;
    mock_load(m, 9, 0);
    answer(m, FIRST, 0, 0);
    answer(m, FIRST + 1, 1, 0);
    goes_to(m, FIRST);
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(FIRST + 1));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    assert_int_equal(m->n_told, 0); /* a job asks once */
    mock_is(job(m), p2p_local());
    mock_free(m);
}

/* ---- all together ---- */

static void a_loaded_node_finds_the_idle_ones(void **state)
{
    struct mock *nodes[10];
    unsigned here = 0, loaded = 0, idle = 0;

    (void)state;
    mock_network(nodes, 10, &prequal_plugin, "");
    for (unsigned i = 0; i < 10; i++)
        mock_load(nodes[i], i < 5 ? 6 : 0, 0);
    for (unsigned i = 0; i < 1000; i++) {
        struct p2p_action a = mock_job(nodes[0], 0);

        if (a.kind == P2P_LOCAL)
            here++;
        else if (a.a - nodes[0]->first_id < 5)
            loaded++;
        else
            idle++;
        mock_deliver(nodes, 10);
    }
    assert_in_range(idle, 950, 1000);
    assert_in_range(here + loaded, 0, 50);
    for (unsigned i = 0; i < 10; i++)
        mock_free(nodes[i]);
}

static void garbage_is_ignored(void **state)
{
    struct mock *m = make("", 3);
    unsigned char bytes[LENGTH + 1] = {0};

    (void)state;
    mock_load(m, 9, 0);
    for (uint32_t len = 1; len <= LENGTH + 1; len++) {
        message(bytes, ANSWER, 0, 0);
        if (len == LENGTH)
            bytes[0] = 2;
        mock_hear(m, FIRST, bytes, len);
    }
    answer(m, FIRST, 1000001, 0);
    answer(m, FIRST, 0, 3601 * S);
    message(bytes, 3, 0, 0);
    mock_hear(m, FIRST, bytes, LENGTH);
    message(bytes, ASK, 0, 1);
    mock_hear(m, FIRST, bytes, LENGTH);
    message(bytes, ANSWER, 0, 0);
    bytes[2] = 1;
    mock_hear(m, FIRST, bytes, LENGTH);
    mock_hear(m, P2P_NONE, bytes, LENGTH);
    assert_int_equal(m->n_told, 0);
    mock_is(job(m), p2p_local());
    mock_hear_garbage(m, FIRST);
    job(m);
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_job_asks_distinct_peers),
        cmocka_unit_test(a_fraction_is_asked_now_and_then),
        cmocka_unit_test(as_many_slots_as_are_asked),
        cmocka_unit_test(a_job_that_stays_asks_nobody),
        cmocka_unit_test(it_answers_the_median_at_its_load),
        cmocka_unit_test(without_jobs_at_its_load_that_of_the_nearest),
        cmocka_unit_test(only_jobs_that_ran_here_count),
        cmocka_unit_test(of_the_cold_the_fastest),
        cmocka_unit_test(of_the_hot_the_one_with_fewest_jobs),
        cmocka_unit_test(with_quantile_one_none_is_hot),
        cmocka_unit_test(with_quantile_zero_only_jobs_count),
        cmocka_unit_test(the_way_to_a_peer_counts),
        cmocka_unit_test(equal_ones_stay_here),
        cmocka_unit_test(an_old_answer_is_not_used),
        cmocka_unit_test(nor_that_of_one_that_has_gone),
        cmocka_unit_test(the_newest_of_a_peer_counts),
        cmocka_unit_test(the_oldest_makes_room),
        cmocka_unit_test(an_answer_is_used_so_many_times),
        cmocka_unit_test(a_fraction_of_uses_is_drawn),
        cmocka_unit_test(with_few_peers_only_age_ends_its_use),
        cmocka_unit_test(worst_and_oldest_leave_in_turn),
        cmocka_unit_test(one_that_refused_leaves_the_pool),
        cmocka_unit_test(a_loaded_node_finds_the_idle_ones),
        cmocka_unit_test(garbage_is_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
