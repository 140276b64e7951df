#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/teacher.h"

enum { FIRST = TEACHER_FIRST, REJECT = 0, HERE = 1, PROBE = 2, PEER_0 = 3 };
#define MS UINT64_C(1000000)
#define BIT(a) (UINT64_C(1) << (a))

static uint64_t count(const struct mock *m, const char *name)
{
    for (unsigned i = 0; i < m->n_metrics; i++)
        if (strcmp(m->metric[i].name, name) == 0)
            return m->metric[i].counter;
    fail_msg("no metric %s", name);
    return 0;
}

/* ---- actions ---- */

static void each_action_is_done(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("", &t, 3);

    (void)state;
    mock_load(m, 2, 1);
    mock_is(teacher_does(m, REJECT), p2p_reject(0));
    mock_is(teacher_does(m, HERE), p2p_local());
    for (uint32_t i = 0; i < 3; i++)
        mock_is(teacher_does(m, PEER_0 + i), p2p_forward(FIRST + i));
    mock_is(teacher_does(m, PROBE), p2p_ask(1, 0, 0));
    assert_int_equal(t.asked, 6);
    assert_true(t.state[0] == 0 && t.state[1] == 2 && t.state[2] == 1);
    assert_int_equal(count(m, "refused_total"), 1);
    assert_int_equal(count(m, "here_total"), 1);
    assert_int_equal(count(m, "sent_total"), 3);
    assert_int_equal(count(m, "probed_total"), 1);
    mock_free(m);
}

static void a_probed_peer_is_taken_if_it_has_less(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("", &t, 3);

    (void)state;
    mock_load(m, 3, 1);
    teacher_does(m, PROBE);
    mock_answer(m, 0, 3, 0);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_forward(m->rq.probe[0].peer));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    teacher_does(m, PROBE);
    mock_answer(m, 0, 2, 2);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local());
    teacher_does(m, PROBE);
    mock_no_answer(m, 0, P2P_PROBE_TIMEOUT);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local());
    teacher_does(m, PROBE);
    mock_no_answer(m, 0, P2P_PROBE_GONE);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local());
    assert_int_equal(t.asked, 4); /* once a job */
    mock_free(m);
}

static void what_a_peer_refused_runs_here(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("loss=true", &t, 3);

    (void)state;
    teacher_does(m, PEER_0 + 1);
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local_or_lose());
    mock_is(teacher_does(m, HERE), p2p_local_or_lose());
    mock_free(m);
}

static void without_a_learner_all_runs_here(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("", &t, 3);

    (void)state;
    t.silent = true;
    mock_is(teacher_does(m, REJECT), p2p_local());
    teacher_ends(m, P2P_OUT_RAN, 200, 1);
    assert_int_equal(t.rewarded, 0);
    mock_free(m);
}

static void a_learner_may_be_waited_for(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("", &t, 3);

    (void)state;
    assert_true(m->ops->flags & P2P_SCHED_AWAITS_LEARNER);
    t.thinks = true;
    mock_is(teacher_does(m, PEER_0 + 1), p2p_await());
    t.thinks = false;
    mock_is(mock_decide(m, P2P_EV_TIMER), p2p_forward(FIRST + 1));
    teacher_ends(m, P2P_OUT_FORWARDED, 200, 1);
    assert_int_equal(t.rewarded, 1);
    /* None came. */
    t.thinks = true;
    mock_is(teacher_does(m, REJECT), p2p_await());
    t.thinks = false;
    t.silent = true;
    mock_is(mock_decide(m, P2P_EV_TIMER), p2p_local());
    teacher_ends(m, P2P_OUT_RAN, 200, 1);
    assert_int_equal(t.rewarded, 1);
    assert_int_equal(count(m, "refused_total"), 0);
    /* The job was cancelled meanwhile. */
    t.thinks = true;
    t.silent = false;
    mock_is(teacher_does(m, REJECT), p2p_await());
    teacher_ends(m, P2P_OUT_CANCELLED, 0, 1);
    assert_int_equal(t.rewarded, 1);
    mock_free(m);
}

static void what_is_not_possible_is_not_done(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("reject=false", &t, 2);
    const uint32_t bad[] = {REJECT, PEER_0 + 2, 63, 64, 1000, P2P_PENDING - 1};

    (void)state;
    for (unsigned i = 0; i < 6; i++)
        mock_is(teacher_does(m, bad[i]), p2p_local());
    assert_int_equal(count(m, "unheeded_total"), 6);
    assert_int_equal(count(m, "here_total"), 0);
    mock_free(m);
}

/* ---- what is possible ---- */

static void the_mask_has_what_is_possible(void **state)
{
    const uint64_t peers = BIT(PEER_0) | BIT(PEER_0 + 1), all = 7 | peers;
    struct teacher t;
    struct mock *m = teacher_new("", &t, 2);

    (void)state;
    m->node.queue_limit = 5;
    assert_true(teacher_mask_at(m, 0, 0, 0) == all);
    assert_true(teacher_mask_at(m, 4, 4, 0) == all);
    assert_true(teacher_mask_at(m, 4, 5, 0) == (all & ~BIT(HERE)));
    assert_true(teacher_mask_at(m, 3, 5, 0) == all);
    mock_peers(m, FIRST, 0);
    assert_true(teacher_mask_at(m, 0, 0, 0) == 3);
    assert_true(teacher_mask_at(m, 4, 5, 0) == BIT(REJECT));
    mock_free(m);

    m = teacher_new("loss=true reject=false", &t, 2);
    assert_true(teacher_mask_at(m, 3, 0, 0) == (all & ~BIT(REJECT)));
    assert_true(teacher_mask_at(m, 4, 0, 0) == (peers | BIT(PROBE)));
    mock_peers(m, FIRST, 0);
    assert_true(teacher_mask_at(m, 4, 0, 0) == BIT(HERE)); /* something has to be */
    mock_free(m);
}

static void hops_are_kept(void **state)
{
    const uint64_t none = BIT(REJECT) | BIT(HERE);
    struct teacher t;
    struct mock *m = teacher_new("max_hops=0", &t, 2);

    (void)state;
    assert_true(teacher_mask_at(m, 0, 0, 0) == none);
    mock_free(m);

    m = teacher_new("max_hops=2", &t, 2);
    assert_true(teacher_mask_at(m, 0, 0, 1) & BIT(PEER_0));
    t.action = REJECT;
    mock_is(mock_job(m, 1), p2p_reject(0));
    t.asked = 0;
    mock_is(mock_job(m, 2), p2p_local());
    assert_int_equal(t.asked, 0); /* a job from a peer, at its last hop: as the original */
    teacher_ends(m, P2P_OUT_RAN, 200, 1);
    assert_int_equal(t.rewarded, 0);
    mock_free(m);
}

/* ---- who action i is ---- */

static void peers_are_numbered_by_address(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("", &t, 12);

    (void)state;
    m->peers[0].id = FIRST + 11; /* whatever the order of the list */
    m->peers[11].id = FIRST;
    for (uint32_t i = 0; i < 12; i++)
        mock_is(teacher_does(m, PEER_0 + i), p2p_forward(FIRST + i));
    mock_free(m);
}

static void a_peer_keeps_its_number(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("", &t, 4);

    (void)state;
    assert_true(teacher_mask_at(m, 0, 0, 0) == 0x7f);
    memmove(&m->peers[1], &m->peers[2], 2 * sizeof(*m->peers)); /* the second goes */
    m->rq.n_peers = 3;
    assert_true(teacher_mask_at(m, 0, 0, 0) == (0x7f & ~BIT(PEER_0 + 1)));
    mock_is(teacher_does(m, PEER_0 + 2), p2p_forward(FIRST + 2));
    mock_peers(m, FIRST, 6); /* it comes back, and with it two that are new */
    assert_true(teacher_mask_at(m, 0, 0, 0) == 0x1ff);
    mock_is(teacher_does(m, PEER_0 + 1), p2p_forward(FIRST + 1));
    mock_is(teacher_does(m, PEER_0 + 5), p2p_forward(FIRST + 5));
    /* All of them under other ids, at the same addresses. */
    m->first_id = 9000;
    mock_peers(m, 9000, 6);
    for (uint32_t i = 0; i < 6; i++)
        mock_is(teacher_does(m, PEER_0 + i), p2p_forward(9000 + i));
    /* Others at other addresses are others. */
    mock_peers(m, 9003, 5);
    assert_true(teacher_mask_at(m, 0, 0, 0) == (7 | 0x38 << PEER_0 | 0xc0 << PEER_0));
    mock_is(teacher_does(m, PEER_0 + 6), p2p_forward(9006));
    mock_free(m);
}

static void a_big_cluster_has_61_numbers(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("", &t, 200);
    uint64_t seen = 0;

    (void)state;
    assert_true(teacher_mask_at(m, 0, 0, 0) == UINT64_MAX);
    mock_is(teacher_does(m, 63), p2p_forward(FIRST + 60));
    for (int i = 0; i < 3000; i++) {
        teacher_does(m, PROBE);
        if (m->rq.probe[0].peer >= FIRST + 160)
            seen |= BIT(m->rq.probe[0].peer - FIRST - 160);
    }
    assert_true(seen == BIT(40) - 1); /* those without a number can be asked */
    mock_peers(m, FIRST + 40, 160);
    assert_true(teacher_mask_at(m, 0, 0, 0) == (7 | UINT64_MAX << (PEER_0 + 40)));
    mock_is(teacher_does(m, 63), p2p_forward(FIRST + 60));
    mock_peers(m, FIRST, 201);
    assert_true(teacher_mask_at(m, 0, 0, 0) == UINT64_MAX);
    mock_is(teacher_does(m, 63), p2p_forward(FIRST + 60));
    mock_free(m);
}

static void fewer_numbers_can_be_had(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("peers=2", &t, 5);
    struct p2p_space space = {.size = sizeof(space)};

    (void)state;
    m->ops->space(m->self, &space);
    assert_int_equal(space.n_actions, 5);
    assert_true(teacher_mask_at(m, 0, 0, 0) == 0x1f);
    mock_free(m);

    m = teacher_new("peers=0", &t, 5);
    assert_true(teacher_mask_at(m, 0, 0, 0) == 7);
    mock_free(m);
}

/* ---- rewards ---- */

static float rewarded(struct mock *m, uint32_t status, uint32_t http, uint64_t within_ms,
                      uint64_t took_ms)
{
    struct teacher *t = m->learner;
    unsigned before = t->rewarded;

    mock_arrive(m);
    m->rq.deadline_ns = within_ms ? m->now_ns + within_ms * MS : 0;
    mock_decide(m, P2P_EV_ARRIVAL);
    teacher_ends(m, status, http, took_ms * MS);
    if (t->rewarded == before)
        return NAN;
    assert_int_equal(t->rewarded, before + 1);
    return t->reward;
}

static void the_deadline_makes_the_reward(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("", &t, 2);

    (void)state;
    assert_true(rewarded(m, P2P_OUT_RAN, 200, 100, 100) == 1);
    assert_true(rewarded(m, P2P_OUT_RAN, 200, 100, 101) == 0);
    assert_true(rewarded(m, P2P_OUT_FORWARDED, 204, 100, 50) == 1);
    assert_true(rewarded(m, P2P_OUT_FORWARDED, 503, 100, 50) == 0);
    assert_true(rewarded(m, P2P_OUT_RAN, 500, 100, 50) == 0);
    assert_true(rewarded(m, P2P_OUT_RAN, 199, 100, 50) == 0);
    assert_true(rewarded(m, P2P_OUT_RAN, 300, 100, 50) == 0);
    assert_true(rewarded(m, P2P_OUT_REJECTED, 200, 100, 0) == 0);
    assert_true(rewarded(m, P2P_OUT_FULL, 500, 100, 0) == 0);
    assert_true(rewarded(m, P2P_OUT_FAILED, 502, 100, 5) == 0);
    assert_true(rewarded(m, P2P_OUT_RAN, 200, 0, 1000000) == 1); /* it has none */
    assert_true(isnan(rewarded(m, P2P_OUT_CANCELLED, 200, 100, 5)));
    mock_free(m);
}

static void latency_makes_the_reward(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("reward=latency lost=2500ms", &t, 2);

    (void)state;
    assert_true(rewarded(m, P2P_OUT_RAN, 200, 0, 250) == -0.25F);
    assert_true(rewarded(m, P2P_OUT_FORWARDED, 200, 10, 250) == -0.25F);
    assert_true(rewarded(m, P2P_OUT_REJECTED, 503, 0, 0) == -2.5F);
    assert_true(rewarded(m, P2P_OUT_RAN, 500, 0, 5) == -2.5F);
    assert_true(isnan(rewarded(m, P2P_OUT_CANCELLED, 200, 100, 5)));
    mock_free(m);
}

static void the_next_state_is_that_of_the_end(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("", &t, 2);

    (void)state;
    mock_load(m, 1, 0);
    teacher_does(m, HERE);
    mock_load(m, 4, 7);
    teacher_ends(m, P2P_OUT_RAN, 200, 1);
    assert_true(t.state[1] == 1 && t.state[2] == 0);
    assert_true(t.next[0] == 0 && t.next[1] == 4 && t.next[2] == 7);
    mock_free(m);
}

/* ---- the space, the alias ---- */

static void the_space_is_bounded(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("task_types=3 most_running=8 most_waiting=50", &t, 2);
    struct p2p_space space = {.size = sizeof(space)};

    (void)state;
    m->ops->space(m->self, &space);
    assert_int_equal(space.n_dims, 7);
    assert_int_equal(space.n_actions, 64);
    assert_true(space.hi[0] == 2);
    for (int i = 0; i < 7; i++)
        assert_true(space.lo[i] == 0);
    for (int i = 1; i < 4; i++)
        assert_true(space.hi[i] == 8 && space.hi[i + 3] == 50);
    mock_free(m);
}

static void it_has_the_name_of_the_original(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("", &t, 0);
    const struct p2p_alias *a = mock_alias(m, "LearningScheduler");

    (void)state;
    assert_non_null(a);
    assert_int_equal(a->n_params, 1);
    assert_int_equal(a->flags, 0);
    assert_string_equal(m->ops->params[0].name, "task_types");
    assert_true(m->ops->flags & P2P_SCHED_NEEDS_LEARNER);
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_action_is_done),
        cmocka_unit_test(a_probed_peer_is_taken_if_it_has_less),
        cmocka_unit_test(what_a_peer_refused_runs_here),
        cmocka_unit_test(without_a_learner_all_runs_here),
        cmocka_unit_test(a_learner_may_be_waited_for),
        cmocka_unit_test(what_is_not_possible_is_not_done),
        cmocka_unit_test(the_mask_has_what_is_possible),
        cmocka_unit_test(hops_are_kept),
        cmocka_unit_test(peers_are_numbered_by_address),
        cmocka_unit_test(a_peer_keeps_its_number),
        cmocka_unit_test(a_big_cluster_has_61_numbers),
        cmocka_unit_test(fewer_numbers_can_be_had),
        cmocka_unit_test(the_deadline_makes_the_reward),
        cmocka_unit_test(latency_makes_the_reward),
        cmocka_unit_test(the_next_state_is_that_of_the_end),
        cmocka_unit_test(the_space_is_bounded),
        cmocka_unit_test(it_has_the_name_of_the_original),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
