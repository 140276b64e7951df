#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/support_world.h"

/* ---- the actions ---- */

static void each_action_reaches_the_world(void **state)
{
    static const char *const cases[][2] = {{"L", "run "},          {"L1", "run_now "},
                                           {"F3", "forward3 "},    {"R", "refuse0 "},
                                           {"R400", "refuse400 "}, {"R599", "refuse599 "}};
    struct fake *f = *state;
    struct fake_job j;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_select(f, "scripted", "script", cases[i][0]);
        assert_string_equal(fake_run(f, &j), cases[i][1]);
        assert_int_equal(j.final_calls, 1);
    }
    assert_int_equal(fake_stats(f).decisions[P2P_LOCAL], 2);
    assert_int_equal(fake_stats(f).decisions[P2P_FORWARD], 1);
    assert_int_equal(fake_stats(f).decisions[P2P_REJECT], 3);
    assert_int_equal(fake_stats(f).fallbacks, 0);
}

static void without_a_scheduler_the_fallback_decides(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    assert_string_equal(fake_run(f, &j), "run ");
    assert_string_equal(decision_scheduler(&j.decision), "");
    fake_settings(f, ENGINE_FALLBACK_REJECT, 0);
    assert_string_equal(fake_run(f, &j), "refuse0 ");
    assert_int_equal(fake_stats(f).fallbacks, 2);
}

static void the_scheduler_sees_the_job_and_the_world(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P1");
    fake_begin(f, &j, 9000000);
    assert_int_equal(j.decision.rq.arrival_ns, 1000000);
    assert_int_equal(j.decision.rq.deadline_ns, 9000000);
    assert_int_equal(j.decision.rq.payload_len, 10);
    assert_int_equal(j.decision.rq.function, 2);
    assert_int_equal(j.decision.rq.hops, 1);
    assert_int_equal(j.decision.rq.from, 3);
    assert_int_equal(j.decision.rq.flags, P2P_RQ_EXTERNAL);
    assert_int_equal(j.decision.rq.n_peers, 3);
    assert_int_equal(j.decision.rq.probe_cap, 8);
    assert_true(j.decision.rq.now_ns == 1000000);
    f->now += 10;
    fake_peers(f, 1, 2);
    fake_answer(&j, 0, 0);
    assert_true(j.decision.rq.now_ns == 1000010);
    assert_int_equal(j.decision.rq.n_peers, 2);
    fake_end(&j, P2P_OUT_CANCELLED);
}

static void it_is_known_by_the_scheduler_that_it_began_with(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "ScriptedScheduler", "", "P1 L", "", "7");
    fake_begin(f, &j, 0);
    fake_select(f, "scripted");
    assert_string_equal(decision_scheduler(&j.decision), "ScriptedScheduler(P1 L, 7)");
    fake_answer(&j, 0, 0);
    fake_end(&j, P2P_OUT_RAN);
    assert_string_equal(decision_scheduler(&j.decision), "ScriptedScheduler(P1 L, 7)");
}

/* ---- misbehaviour ---- */

struct offence {
    const char *script;
    enum misbehaviour kind;
};

static const struct offence offences[] = {
    {"X6", MISBEHAVED_ACTION},
    {"X4294967295", MISBEHAVED_ACTION},
    {"D", MISBEHAVED_ACTION},
    {"L2", MISBEHAVED_ACTION},
    {"L4294967295", MISBEHAVED_ACTION},
    {"R1", MISBEHAVED_ACTION},
    {"R200", MISBEHAVED_ACTION},
    {"R399", MISBEHAVED_ACTION},
    {"R600", MISBEHAVED_ACTION},
    {"F0", MISBEHAVED_PEER},
    {"F4", MISBEHAVED_PEER},
    {"F4294967295", MISBEHAVED_PEER},
    {"P0", MISBEHAVED_PROBES},
    {"P9", MISBEHAVED_PROBES},
    {"P65535", MISBEHAVED_PROBES},
    {"P2/3", MISBEHAVED_PROBES},
    {"W0", MISBEHAVED_STEPS},
    {"A0", MISBEHAVED_STEPS},
    {"P2/0/0/70", MISBEHAVED_STEPS},
    {"W100", MISBEHAVED_DEADLINE},
    {"A18446744073709551615", MISBEHAVED_DEADLINE},
};

static void each_offence(struct fake *f, const char *name, const char *ends_as)
{
    for (size_t i = 0; i < sizeof(offences) / sizeof(offences[0]); i++) {
        struct engine_stats before = fake_stats(f), after;
        struct fake_job j;

        fake_select(f, name, "script", offences[i].script);
        fake_begin(f, &j, f->now + 99);
        fake_end(&j, P2P_OUT_RAN);
        after = fake_stats(f);
        for (unsigned k = 0; k < MISBEHAVED_KINDS; k++)
            if (after.misbehaved[k] - before.misbehaved[k] != (k == offences[i].kind))
                fail_msg("%s: %s counted %lu times", offences[i].script, misbehaviour_name(k),
                         (unsigned long)(after.misbehaved[k] - before.misbehaved[k]));
        assert_int_equal(after.fallbacks - before.fallbacks, 1);
        assert_string_equal(j.trace, ends_as);
    }
}

static void an_offence_is_counted_and_the_job_runs_here(void **state)
{
    each_offence(*state, "scripted", "run ");
    each_offence(*state, "quiet", "run ");
}

static void an_offence_is_counted_and_the_job_is_refused(void **state)
{
    fake_settings(*state, ENGINE_FALLBACK_REJECT, 1000000);
    each_offence(*state, "scripted", "refuse0 ");
    each_offence(*state, "quiet", "refuse0 ");
}

static void every_kind_of_offence_has_a_name(void **state)
{
    (void)state;
    for (unsigned a = 0; a < MISBEHAVED_KINDS; a++)
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(misbehaviour_name(a), misbehaviour_name(b));
}

static void a_decision_takes_32_steps_at_most(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P1");
    fake_begin(f, &j, 0);
    for (int i = 0; i < ENGINE_MAX_STEPS; i++) {
        assert_int_equal(j.final_calls, 0);
        fake_answer(&j, 0, 0);
    }
    assert_int_equal(j.final_calls, 1);
    fake_end(&j, P2P_OUT_RAN);
    assert_int_equal(fake_stats(f).misbehaved[MISBEHAVED_STEPS], 1);
    assert_int_equal(fake_said(f, "0 probed"), ENGINE_MAX_STEPS - 1);
    assert_int_equal(fake_said(f, "steps=32"), 1);
}

static void refusals_are_steps_too(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "F1");
    f->at_once = true;
    fake_begin(f, &j, 0);
    fake_end(&j, P2P_OUT_RAN);
    assert_int_equal(fake_stats(f).misbehaved[MISBEHAVED_STEPS], 1);
    assert_int_equal(fake_stats(f).decisions[P2P_FORWARD], ENGINE_MAX_STEPS);
    assert_int_equal(j.final_calls, ENGINE_MAX_STEPS + 1);
}

static void an_offence_after_the_first_call_counts(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P1 F77");
    fake_begin(f, &j, 0);
    fake_answer(&j, 0, 0);
    assert_string_equal(j.trace, "timer+5000 probe1 stop run ");
    fake_end(&j, P2P_OUT_RAN);
    assert_int_equal(fake_stats(f).misbehaved[MISBEHAVED_PEER], 1);
}

static void a_peer_that_went_meanwhile_has_refused(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P1 F1 L");
    fake_begin(f, &j, 0);
    fake_peers(f, 2, 2);
    fake_answer(&j, 0, 0);
    fake_end(&j, P2P_OUT_RAN);
    assert_string_equal(j.trace, "timer+5000 probe1 stop run ");
    assert_int_equal(j.decision.rq.attempts, 1);
    assert_int_equal(fake_stats(f).misbehaved[MISBEHAVED_PEER], 0);
    assert_int_equal(fake_stats(f).fallbacks, 0);
}

/* ---- waiting ---- */

static void a_wait_ends_with_its_timer(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "W100 L");
    fake_begin(f, &j, 0);
    assert_string_equal(j.trace, "timer+100 ");
    decision_timer(&j.decision, j.round + 1);
    decision_timer(&j.decision, j.round - 1);
    fake_answer(&j, 0, 0);
    decision_refused(&j.decision);
    assert_string_equal(j.trace, "timer+100 ");
    f->now += 100;
    decision_timer(&j.decision, j.round);
    decision_timer(&j.decision, j.round);
    fake_end(&j, P2P_OUT_RAN);
    assert_string_equal(j.trace, "timer+100 stop run ");
    assert_int_equal(fake_said(f, "0 timer\n"), 1);
}

static void a_wait_until_now_is_over_at_once(void **state)
{
    static const char *const scripts[] = {"W0 L", "A5 L", "A1000000 L"};
    struct fake *f = *state;
    struct fake_job j;

    for (unsigned i = 0; i < 3; i++) {
        fake_select(f, "scripted", "script", scripts[i]);
        assert_string_equal(fake_run(f, &j), "run ");
        assert_int_equal(fake_said(f, "0 timer\n"), i + 1);
    }
}

static void a_wait_may_last_until_the_deadline(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "W100 L");
    fake_begin(f, &j, f->now + 100);
    assert_string_equal(j.trace, "timer+100 ");
    fake_end(&j, P2P_OUT_CANCELLED);
    assert_int_equal(fake_stats(f).misbehaved[MISBEHAVED_DEADLINE], 0);
}

static void a_wait_may_follow_a_wait(void **state)
{
    struct fake *f = *state;
    struct fake_job j;
    uint32_t first;

    fake_select(f, "scripted", "script", "W100 W200 L");
    fake_begin(f, &j, 0);
    first = j.round;
    decision_timer(&j.decision, first);
    assert_string_equal(j.trace, "timer+100 stop timer+200 ");
    decision_timer(&j.decision, first);
    assert_int_equal(j.final_calls, 0);
    decision_timer(&j.decision, j.round);
    fake_end(&j, P2P_OUT_RAN);
    assert_string_equal(j.trace, "timer+100 stop timer+200 stop run ");
}

/* ---- forwards ---- */

static void a_refused_forward_asks_again_with_one_attempt_more(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "F1 F2 F3 L");
    fake_begin(f, &j, 0);
    for (int i = 0; i < 3; i++)
        decision_refused(&j.decision);
    fake_end(&j, P2P_OUT_RAN);
    assert_string_equal(j.trace, "forward1 forward2 forward3 run ");
    assert_int_equal(fake_said(f, "0 refused 1\n"), 1);
    assert_int_equal(fake_said(f, "0 refused 2\n"), 1);
    assert_int_equal(fake_said(f, "0 refused 3\n"), 1);
}

static void only_what_was_forwarded_can_be_refused(void **state)
{
    static const char *const scripts[] = {"L", "R", "P1", "W9"};
    struct fake *f = *state;
    struct fake_job j;

    for (unsigned i = 0; i < 4; i++) {
        fake_select(f, "scripted", "script", scripts[i]);
        fake_begin(f, &j, 0);
        decision_refused(&j.decision);
        fake_end(&j, P2P_OUT_CANCELLED);
        decision_refused(&j.decision);
    }
    assert_int_equal(fake_said(f, "refused"), 0);
}

static void refused_before_the_call_returns_is_fine(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    f->at_once = true;
    fake_select(f, "scripted", "script", "P2 F1 F2 R429");
    fake_begin(f, &j, 0);
    fake_end(&j, P2P_OUT_REJECTED);
    assert_string_equal(j.trace, "timer+5000 probe2 stop forward1 forward2 refuse429 ");
}

/* ---- the end ---- */

static void every_way_to_end_is_told_once(void **state)
{
    static const struct {
        const char *script, *told;
        uint32_t status;
    } ends[] = {{"L", "outcome ran probes=0/0 hops=1 ", P2P_OUT_RAN},
                {"L", "outcome full probes=0/0 hops=1 ", P2P_OUT_FULL},
                {"F1", "outcome forwarded probes=0/0 hops=2 ", P2P_OUT_FORWARDED},
                {"F1", "outcome failed probes=0/0 hops=1 ", P2P_OUT_FAILED},
                {"R", "outcome rejected probes=0/0 hops=1 ", P2P_OUT_REJECTED},
                {"P2", "outcome cancelled probes=2/0 hops=1 ", P2P_OUT_CANCELLED},
                {"W9", "outcome cancelled probes=0/0 hops=1 steps=1", P2P_OUT_CANCELLED},
                {"F99", "outcome ran probes=0/0 hops=1 steps=1", P2P_OUT_RAN}};
    struct fake *f = *state;

    for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct fake_job j;

        f->log[0] = '\0';
        fake_select(f, "scripted", "script", ends[i].script);
        fake_begin(f, &j, 0);
        assert_int_equal(f->outcomes, i);
        fake_end(&j, ends[i].status);
        assert_int_equal(f->outcomes, i + 1);
        if (!fake_said(f, ends[i].told))
            fail_msg("not '%s' but: %s", ends[i].told, f->log);
    }
}

static void a_decision_that_waits_and_ends_stops_waiting(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P2");
    fake_begin(f, &j, 0);
    fake_end(&j, P2P_OUT_CANCELLED);
    assert_string_equal(j.trace, "timer+5000 probe2 stop ");
    fake_select(f, "scripted", "script", "W9");
    fake_begin(f, &j, 0);
    fake_end(&j, P2P_OUT_CANCELLED);
    assert_string_equal(j.trace, "timer+9 stop ");
}

static void what_comes_after_the_end_is_ignored(void **state)
{
    static const char *const scripts[] = {"L", "P2", "W9", "F1"};
    struct fake *f = *state;
    struct fake_job j;

    for (unsigned i = 0; i < 4; i++) {
        char before[sizeof(j.trace)];

        fake_select(f, "scripted", "script", scripts[i]);
        fake_begin(f, &j, 0);
        fake_end(&j, P2P_OUT_CANCELLED);
        memcpy(before, j.trace, sizeof(before));
        fake_answer(&j, 0, 0);
        fake_answer(&j, 1, 0);
        decision_timer(&j.decision, j.round);
        decision_refused(&j.decision);
        assert_string_equal(j.trace, before);
    }
    assert_int_equal(f->outcomes, 4);
}

static void a_scheduler_without_outcome_hears_of_none(void **state)
{
    static const char *const scripts[] = {"L", "R", "F1", "P1", "W9"};
    struct fake *f = *state;
    struct fake_job j;

    for (unsigned i = 0; i < 5; i++) {
        fake_select(f, "quiet", "script", scripts[i]);
        fake_begin(f, &j, 0);
        fake_end(&j, P2P_OUT_CANCELLED);
    }
    assert_int_equal(f->outcomes, 0);
    assert_int_equal(fake_stats(f).instances, 1);
}

static void time_is_measured(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P1 W100 P1 L");
    f->think_ns = 7;
    fake_begin(f, &j, 0);
    f->now += 30;
    fake_answer(&j, 0, 0);
    f->now += 100;
    decision_timer(&j.decision, j.round);
    f->now += 12;
    fake_answer(&j, 0, 0);
    assert_int_equal(j.decision.decide_ns, 4 * 7);
    assert_int_equal(j.decision.probe_ns, 42 + 2 * 7);
    fake_end(&j, P2P_OUT_RAN);
    assert_int_equal(fake_said(f, "probes=2/56 "), 1);
}

static void a_large_state_is_zero_at_each_arrival(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "roomy", "script", "P3 L");
    for (int i = 0; i < 3; i++) {
        fake_begin(f, &j, 0);
        assert_int_equal(j.decision.rq.probe_cap, 64);
        for (uint32_t k = 0; k < 3; k++)
            fake_answer(&j, k, k);
        fake_end(&j, P2P_OUT_RAN);
    }
    assert_int_equal(fake_said(f, "dirty"), 0);
    assert_int_equal(fake_said(f, "steps=2"), 3);
}

static void the_plugins_memory_is_aligned(void **state)
{
    static const char *const names[] = {"scripted", "roomy"};
    struct fake *f = *state;
    struct fake_job j;

    for (unsigned i = 0; i < 2; i++) {
        fake_select(f, names[i]);
        fake_begin(f, &j, 0);
        assert_int_equal((uintptr_t)j.decision.rq.state % 16, 0);
        assert_int_equal((uintptr_t)j.decision.rq.probe % 16, 0);
        fake_end(&j, P2P_OUT_RAN);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_action_reaches_the_world),
        TEST(without_a_scheduler_the_fallback_decides),
        TEST(the_scheduler_sees_the_job_and_the_world),
        TEST(it_is_known_by_the_scheduler_that_it_began_with),
        TEST(an_offence_is_counted_and_the_job_runs_here),
        TEST(an_offence_is_counted_and_the_job_is_refused),
        TEST(every_kind_of_offence_has_a_name),
        TEST(a_decision_takes_32_steps_at_most),
        TEST(refusals_are_steps_too),
        TEST(an_offence_after_the_first_call_counts),
        TEST(a_peer_that_went_meanwhile_has_refused),
        TEST(a_wait_ends_with_its_timer),
        TEST(a_wait_until_now_is_over_at_once),
        TEST(a_wait_may_last_until_the_deadline),
        TEST(a_wait_may_follow_a_wait),
        TEST(a_refused_forward_asks_again_with_one_attempt_more),
        TEST(only_what_was_forwarded_can_be_refused),
        TEST(refused_before_the_call_returns_is_fine),
        TEST(every_way_to_end_is_told_once),
        TEST(a_decision_that_waits_and_ends_stops_waiting),
        TEST(what_comes_after_the_end_is_ignored),
        TEST(a_scheduler_without_outcome_hears_of_none),
        TEST(time_is_measured),
        TEST(a_large_state_is_zero_at_each_arrival),
        TEST(the_plugins_memory_is_aligned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
