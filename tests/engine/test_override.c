#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/support_world.h"

static int setup(void **state)
{
    int rc = fake_setup(state);

    if (rc == 0)
        ((struct fake *)*state)->hops = 0;
    return rc;
}

static const char *run(struct fake *f, struct fake_job *j, enum override o)
{
    f->override = o;
    return fake_run(f, j);
}

static void each_override_decides_in_place_of_the_scheduler(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P2");
    assert_string_equal(run(f, &j, OVERRIDE_BYPASS), "run_now ");
    assert_string_equal(decision_scheduler(&j.decision), "NoScheduler");
    assert_string_equal(run(f, &j, OVERRIDE_REJECT), "refuse0 ");
    assert_string_equal(decision_scheduler(&j.decision), "RejectScheduler");
    fake_peers(f, 2, 1);
    assert_string_equal(run(f, &j, OVERRIDE_FORWARD), "forward2 ");
    assert_string_equal(decision_scheduler(&j.decision), "ForwardScheduler(1)");
    assert_int_equal(j.final_calls, 1);
    /* The scheduler neither saw them nor hears how they ended. */
    assert_int_equal(f->outcomes, 0);
    assert_int_equal(fake_stats(f).fallbacks, 0);
    assert_string_equal(run(f, &j, OVERRIDE_NONE), "timer+5000 probe2 stop ");
    assert_int_equal(f->outcomes, 1);
}

static void they_need_no_scheduler(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_settings(f, ENGINE_FALLBACK_REJECT, 0);
    assert_string_equal(run(f, &j, OVERRIDE_BYPASS), "run_now ");
    assert_string_equal(run(f, &j, OVERRIDE_NONE), "refuse0 ");
    assert_int_equal(fake_stats(f).fallbacks, 1);
}

static void forward_draws_all_peers_alike(void **state)
{
    unsigned counts[4] = {0};
    struct fake *f = *state;

    for (int i = 0; i < 3000; i++) {
        /* The fake's bits count up from 1; spread, as those of a real world are. */
        uint64_t bits = ((uint64_t)i + 1) * 0x9e3779b97f4a7c15u;
        struct p2p_request rq = {.event = P2P_EV_ARRIVAL, .peers = f->up, .n_peers = f->n_up};
        struct p2p_action a = override_decide(OVERRIDE_FORWARD, &rq, bits);

        assert_int_equal(a.kind, P2P_FORWARD);
        assert_in_range(a.a, 1, 3);
        counts[a.a]++;
    }
    for (int i = 1; i <= 3; i++)
        assert_in_range(counts[i], 900, 1100);
}

static void forward_takes_the_first_and_the_last_peer(void **state)
{
    struct fake *f = *state;
    struct p2p_request rq = {.event = P2P_EV_ARRIVAL, .peers = f->up, .n_peers = f->n_up};

    assert_int_equal(override_decide(OVERRIDE_FORWARD, &rq, 0).a, 1);
    assert_int_equal(override_decide(OVERRIDE_FORWARD, &rq, UINT64_MAX).a, 3);
}

static void a_forward_that_is_refused_runs_here(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_peers(f, 3, 1);
    f->override = OVERRIDE_FORWARD;
    fake_begin(f, &j, 0);
    decision_refused(&j.decision);
    fake_end(&j, P2P_OUT_RAN);
    assert_string_equal(j.trace, "forward3 run ");
    f->at_once = true;
    assert_string_equal(run(f, &j, OVERRIDE_FORWARD), "forward3 run ");
}

static void forward_with_nobody_known_runs_here(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_peers(f, 1, 0);
    assert_string_equal(run(f, &j, OVERRIDE_FORWARD), "run ");
}

static void forward_is_one_hop(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    f->hops = 1;
    assert_string_equal(run(f, &j, OVERRIDE_FORWARD), "run ");
}

static void a_change_of_the_scheduler_does_not_touch_them(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "L");
    fake_peers(f, 3, 1);
    f->override = OVERRIDE_FORWARD;
    fake_begin(f, &j, 0);
    fake_select(f, "scripted", "script", "R");
    f->now += 10000000;
    engine_drain(f->engine);
    decision_refused(&j.decision);
    assert_string_equal(decision_scheduler(&j.decision), "ForwardScheduler(1)");
    fake_end(&j, P2P_OUT_RAN);
    assert_string_equal(j.trace, "forward3 run ");
    assert_int_equal(fake_stats(f).outcomes_dropped, 0);
    assert_int_equal(fake_stats(f).instances, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_override_decides_in_place_of_the_scheduler),
        TEST(they_need_no_scheduler),
        TEST(forward_draws_all_peers_alike),
        TEST(forward_takes_the_first_and_the_last_peer),
        TEST(a_forward_that_is_refused_runs_here),
        TEST(forward_with_nobody_known_runs_here),
        TEST(forward_is_one_hop),
        TEST(a_change_of_the_scheduler_does_not_touch_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
