#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_learner.h"
#include "tests/plugins/teacher.h"

extern const struct p2p_module rl_double_plugin;

enum { FIRST = TEACHER_FIRST, RUN = 0, REFUSE = 1, PEER_0 = 2 };
enum { DECISION, TYPE, LEFT, RUNNING, WAITING };
#define MS UINT64_C(1000000)
#define BIT(a) (UINT64_C(1) << (a))

static struct mock *make(const char *settings, struct teacher *t, uint32_t peers)
{
    struct mock *m = teacher_of(&rl_double_plugin, settings, t, peers);

    t->action = RUN;
    return m;
}

/* What is done with a new job of a peer when the learner answers that. */
static struct p2p_action of_peer(struct mock *m, uint32_t action)
{
    struct teacher *t = m->learner;

    t->action = action;
    return mock_job(m, 1);
}

static uint64_t count(const struct mock *m, const char *name)
{
    for (unsigned i = 0; i < m->n_metrics; i++)
        if (strcmp(m->metric[i].name, name) == 0)
            return m->metric[i].counter;
    fail_msg("no metric %s", name);
    return 0;
}

/* ---- both decisions ---- */

static void a_job_of_a_client_is_placed(void **state)
{
    struct teacher t;
    struct mock *m = make("", &t, 3);

    (void)state;
    mock_load(m, 2, 1);
    mock_is(teacher_does(m, RUN), p2p_local());
    for (uint32_t i = 0; i < 3; i++)
        mock_is(teacher_does(m, PEER_0 + i), p2p_forward(FIRST + i));
    assert_true(t.mask == (BIT(RUN) | BIT(PEER_0) * 7));
    assert_true(t.state[DECISION] == 0 && t.state[RUNNING] == 2 && t.state[WAITING] == 1);
    assert_int_equal(t.asked, 4);
    assert_int_equal(count(m, "here_total"), 1);
    assert_int_equal(count(m, "sent_total"), 3);
    mock_free(m);
}

static void a_job_of_a_peer_is_taken_or_not(void **state)
{
    struct teacher t;
    struct mock *m = make("", &t, 3);

    (void)state;
    mock_load(m, 2, 1);
    mock_is(of_peer(m, RUN), p2p_local());
    mock_is(of_peer(m, REFUSE), p2p_reject(0));
    assert_true(t.mask == (BIT(RUN) | BIT(REFUSE)));
    assert_true(t.state[DECISION] == 1 && t.state[RUNNING] == 2 && t.state[WAITING] == 1);
    assert_int_equal(count(m, "accepted_total"), 1);
    assert_int_equal(count(m, "refused_total"), 1);
    assert_int_equal(count(m, "here_total"), 0);
    mock_free(m);
}

static void what_is_not_possible_is_not_done(void **state)
{
    const uint32_t bad[] = {REFUSE, PEER_0 + 3, 63, 64, 1000, P2P_PENDING - 1};
    struct teacher t;
    struct mock *m = make("", &t, 3);

    (void)state;
    for (unsigned i = 0; i < 6; i++)
        mock_is(teacher_does(m, bad[i]), p2p_local());
    mock_is(of_peer(m, PEER_0), p2p_local());
    assert_int_equal(count(m, "unheeded_total"), 7);
    mock_free(m);
}

static void the_only_possibility_is_not_asked_for(void **state)
{
    struct teacher t;
    struct mock *m = make("loss=true", &t, 1);

    (void)state;
    mock_load(m, 4, 0);
    mock_is(of_peer(m, RUN), p2p_reject(0));
    teacher_ends(m, P2P_OUT_REJECTED, 503, 0);
    mock_is(teacher_does(m, RUN), p2p_forward(FIRST));
    teacher_ends(m, P2P_OUT_FORWARDED, 200, 1);
    mock_peers(m, FIRST, 0);
    mock_is(teacher_does(m, RUN), p2p_local_or_lose()); /* nothing is */
    mock_load(m, 3, 0);
    mock_is(teacher_does(m, REFUSE), p2p_local_or_lose());
    assert_int_equal(t.asked + t.rewarded, 0);
    mock_free(m);
}

static void room_is_a_slot_or_a_place_to_wait(void **state)
{
    struct teacher t;
    struct mock *m = make("", &t, 2);

    (void)state;
    m->node.queue_limit = 5;
    assert_true(teacher_mask_at(m, 4, 4, 0) & BIT(RUN));
    assert_false(teacher_mask_at(m, 4, 5, 0) & BIT(RUN));
    assert_true(teacher_mask_at(m, 3, 5, 0) & BIT(RUN));
    assert_true(teacher_mask_at(m, 4, 4, 1) == (BIT(RUN) | BIT(REFUSE)));
    mock_free(m);
}

static void without_a_learner_all_runs_here(void **state)
{
    struct teacher t;
    struct mock *m = make("", &t, 3);

    (void)state;
    t.silent = true;
    mock_is(teacher_does(m, PEER_0), p2p_local());
    teacher_ends(m, P2P_OUT_RAN, 200, 1);
    mock_is(of_peer(m, REFUSE), p2p_local());
    teacher_ends(m, P2P_OUT_RAN, 200, 1);
    assert_int_equal(t.rewarded, 0);
    mock_free(m);
}

static void a_learner_that_takes_its_time_is_waited_for(void **state)
{
    struct teacher t;
    struct mock *m = make("", &t, 3);

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
    mock_is(teacher_does(m, PEER_0), p2p_await());
    t.thinks = false;
    t.silent = true;
    mock_is(mock_decide(m, P2P_EV_TIMER), p2p_local());
    teacher_ends(m, P2P_OUT_RAN, 200, 1);
    assert_int_equal(t.rewarded, 1);
    mock_free(m);
}

static void an_event_that_is_not_for_it_runs_the_job_here(void **state)
{
    const uint32_t events[] = {P2P_EV_PROBED, P2P_EV_TIMER, 77};
    struct teacher t;
    struct mock *m = make("", &t, 3);

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        mock_arrive(m);
        mock_is(mock_decide(m, events[i]), p2p_local());
    }
    mock_tick(m);
    assert_int_equal(t.asked, 0);
    mock_free(m);
}

/* ---- refused ---- */

static void a_refused_job_is_decided_again_without_that_peer(void **state)
{
    struct teacher t;
    struct mock *m = make("attempts=2", &t, 3);

    (void)state;
    mock_is(teacher_does(m, PEER_0 + 1), p2p_forward(FIRST + 1));
    t.action = PEER_0 + 2;
    mock_load(m, 3, 0);
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(FIRST + 2));
    assert_true(t.mask == (BIT(RUN) | BIT(PEER_0) | BIT(PEER_0 + 2)));
    assert_int_equal(t.rewarded, 1); /* as a job that was lost, with the state of now */
    assert_true(t.reward == 0 && t.next[RUNNING] == 3 && t.next[DECISION] == 0);
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    assert_int_equal(t.asked, 2); /* the third was the only possibility */
    assert_int_equal(t.rewarded, 2);
    teacher_ends(m, P2P_OUT_RAN, 200, 1);
    assert_int_equal(t.rewarded, 2);
    assert_int_equal(count(m, "sent_back_total"), 2);
    mock_is(teacher_does(m, PEER_0 + 1), p2p_forward(FIRST + 1)); /* the next job may again */
    mock_free(m);
}

static void it_may_be_kept_after_a_refusal(void **state)
{
    struct teacher t;
    struct mock *m = make("reward=latency lost=3s", &t, 3);

    (void)state;
    teacher_does(m, PEER_0);
    t.action = RUN;
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    assert_true(t.reward == -3);
    teacher_ends(m, P2P_OUT_RAN, 200, 250 * MS);
    assert_true(t.reward == -0.25F);
    assert_int_equal(t.rewarded, 2);
    mock_free(m);
}

static void no_peers_are_tried_at_all(void **state)
{
    struct teacher t;
    struct mock *m = make("attempts=0", &t, 3);

    (void)state;
    mock_is(teacher_does(m, PEER_0), p2p_local());
    assert_int_equal(t.asked, 0);
    mock_free(m);
}

static void a_full_node_whose_peers_refused_loses_the_job(void **state)
{
    struct teacher t;
    struct mock *m = make("attempts=16", &t, 2);

    (void)state;
    mock_load(m, 4, 100);
    teacher_does(m, PEER_0);
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(FIRST + 1));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    teacher_ends(m, P2P_OUT_FULL, 500, 0);
    assert_int_equal(t.rewarded, 1);
    mock_free(m);
}

/* ---- rewards ---- */

static void the_deadline_makes_the_reward_at_both_nodes(void **state)
{
    struct teacher t;
    struct mock *m = make("", &t, 2);

    (void)state;
    for (uint32_t hops = 0; hops < 2; hops++) {
        for (uint64_t took = 100; took <= 101; took++) {
            mock_arrive(m);
            m->rq.hops = hops;
            m->rq.flags = hops ? P2P_RQ_EXTERNAL : 0;
            m->rq.deadline_ns = m->now_ns + 100 * MS;
            mock_decide(m, P2P_EV_ARRIVAL);
            teacher_ends(m, P2P_OUT_RAN, 200, took * MS);
            assert_true(t.reward == (took == 100));
            assert_true(t.next[DECISION] == (float)hops);
        }
    }
    teacher_does(m, PEER_0);
    teacher_ends(m, P2P_OUT_FORWARDED, 500, MS);
    assert_true(t.reward == 0);
    mock_free(m);
}

static void a_refusal_has_the_reward_that_is_set(void **state)
{
    static const struct {
        const char *settings;
        float worth;
    } cases[] = {{"", 0.5F}, {"refusal=0.25", 0.25F}, {"reward=latency refusal=2", -2}};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct teacher t;
        struct mock *m = make(cases[i].settings, &t, 2);

        of_peer(m, REFUSE);
        teacher_ends(m, P2P_OUT_REJECTED, 503, 0);
        assert_int_equal(t.rewarded, 1);
        assert_true(t.reward == cases[i].worth);
        of_peer(m, RUN); /* accepted, and it found no room */
        teacher_ends(m, P2P_OUT_FULL, 500, 0);
        assert_true(t.reward == (i == 2 ? -1 : 0));
        mock_free(m);
    }
}

static void what_was_cancelled_is_not_rewarded(void **state)
{
    struct teacher t;
    struct mock *m = make("", &t, 2);

    (void)state;
    teacher_does(m, PEER_0);
    teacher_ends(m, P2P_OUT_CANCELLED, 0, 5);
    of_peer(m, RUN);
    teacher_ends(m, P2P_OUT_CANCELLED, 0, 5);
    assert_int_equal(t.rewarded, 0);
    mock_free(m);
}

/* ---- the state ---- */

static float left_of(struct mock *m, uint64_t deadline_ms)
{
    struct teacher *t = m->learner;

    mock_arrive(m);
    m->rq.deadline_ns = deadline_ms ? m->now_ns - 100 * MS + deadline_ms * MS : 0;
    mock_decide(m, P2P_EV_ARRIVAL);
    return t->state[LEFT];
}

static void the_deadline_is_seen_in_steps(void **state)
{
    struct teacher t;
    struct mock *m = make("deadline_steps=3 deadline_step=20ms", &t, 2);

    (void)state;
    assert_true(left_of(m, 50) == 0); /* it is over */
    assert_true(left_of(m, 100) == 0);
    assert_true(left_of(m, 119) == 0);
    assert_true(left_of(m, 120) == 1);
    assert_true(left_of(m, 160) == 3);
    assert_true(left_of(m, 100000) == 3);
    assert_true(left_of(m, 0) == 3); /* none is as far away as can be */
    mock_free(m);
    m = make("", &t, 2);
    assert_true(left_of(m, 50) == 0 && left_of(m, 100000) == 0 && left_of(m, 0) == 0);
    mock_free(m);
}

static void types_are_told_apart(void **state)
{
    struct teacher t;
    struct mock *m = make("task_types=2 functions=function8", &t, 2);
    void *job;

    (void)state;
    mock_load(m, 1, 0);
    mock_arrive(m);
    m->rq.function = 3;
    mock_decide(m, P2P_EV_ARRIVAL);
    assert_true(t.state[TYPE] == 1);
    job = mock_goes_on(m);
    of_peer(m, REFUSE);
    assert_true(t.state[RUNNING] == 0 && t.state[RUNNING + 1] == 1);
    mock_ended(m, job, 3, P2P_OUT_RAN, 1);
    assert_true(t.next[TYPE] == 1);
    mock_free(m);
}

static void the_space_is_bounded(void **state)
{
    struct teacher t;
    struct mock *m = make("task_types=16 deadline_steps=9 most_running=8 most_waiting=50", &t, 2);
    struct p2p_space space = {.size = sizeof(space)};

    (void)state;
    m->ops->space(m->self, &space);
    assert_int_equal(space.n_dims, 35);
    assert_int_equal(space.n_actions, 63);
    assert_true(space.hi[DECISION] == 1 && space.hi[TYPE] == 15 && space.hi[LEFT] == 9);
    for (int i = 0; i < 16; i++)
        assert_true(space.hi[RUNNING + i] == 8 && space.hi[RUNNING + 16 + i] == 50);
    for (int i = 0; i < 35; i++)
        assert_true(space.lo[i] == 0);
    assert_true(m->ops->flags & P2P_SCHED_NEEDS_LEARNER);
    mock_free(m);
}

static void numbers_go_over_to_the_next_instance(void **state)
{
    struct teacher t, u;
    struct mock *old = make("", &t, 4), *fresh = make("", &u, 0);
    struct bytes b = {0};
    struct p2p_stream out, in;

    (void)state;
    teacher_does(old, RUN);
    out = bytes_writer(&b);
    assert_true(old->ops->save(old->self, &out));
    b.n--; /* an end inside of it */
    in = bytes_reader(&b);
    assert_false(fresh->ops->load(fresh->self, &in));
    b.n++;
    in = bytes_reader(&b);
    assert_true(fresh->ops->load(fresh->self, &in));
    mock_peers(fresh, FIRST + 3, 2); /* the first three are away, one is new */
    mock_is(teacher_does(fresh, PEER_0 + 3), p2p_forward(FIRST + 3));
    mock_is(teacher_does(fresh, PEER_0 + 4), p2p_forward(FIRST + 4));
    assert_true(u.mask == (BIT(RUN) | BIT(PEER_0 + 3) | BIT(PEER_0 + 4)));
    bytes_free(&b);
    mock_free(old);
    mock_free(fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_of_a_client_is_placed),
        cmocka_unit_test(a_job_of_a_peer_is_taken_or_not),
        cmocka_unit_test(what_is_not_possible_is_not_done),
        cmocka_unit_test(the_only_possibility_is_not_asked_for),
        cmocka_unit_test(room_is_a_slot_or_a_place_to_wait),
        cmocka_unit_test(without_a_learner_all_runs_here),
        cmocka_unit_test(a_learner_that_takes_its_time_is_waited_for),
        cmocka_unit_test(an_event_that_is_not_for_it_runs_the_job_here),
        cmocka_unit_test(a_refused_job_is_decided_again_without_that_peer),
        cmocka_unit_test(it_may_be_kept_after_a_refusal),
        cmocka_unit_test(no_peers_are_tried_at_all),
        cmocka_unit_test(a_full_node_whose_peers_refused_loses_the_job),
        cmocka_unit_test(the_deadline_makes_the_reward_at_both_nodes),
        cmocka_unit_test(a_refusal_has_the_reward_that_is_set),
        cmocka_unit_test(what_was_cancelled_is_not_rewarded),
        cmocka_unit_test(the_deadline_is_seen_in_steps),
        cmocka_unit_test(types_are_told_apart),
        cmocka_unit_test(the_space_is_bounded),
        cmocka_unit_test(numbers_go_over_to_the_next_instance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
