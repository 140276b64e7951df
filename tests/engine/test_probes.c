#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/support_world.h"

static void all_answers_are_awaited(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P3 L");
    fake_begin(f, &j, 0);
    assert_string_equal(j.trace, "timer+5000 probe3 ");
    fake_answer(&j, 2, 30);
    fake_answer(&j, 0, 10);
    assert_int_equal(j.final_calls, 0);
    fake_answer(&j, 1, 20);
    fake_end(&j, P2P_OUT_RAN);
    assert_string_equal(j.trace, "timer+5000 probe3 stop run ");
    assert_int_equal(fake_said(f, "0 probed 1:ok/10 2:ok/20 3:ok/30\n"), 1);
}

static void so_many_answers_are_enough(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P3/2 L");
    fake_begin(f, &j, 0);
    fake_answer(&j, 2, 30);
    assert_int_equal(j.final_calls, 0);
    fake_answer(&j, 0, 10);
    fake_end(&j, P2P_OUT_RAN);
    assert_int_equal(fake_said(f, "0 probed 1:ok/10 2:pending 3:ok/30\n"), 1);
}

static void silence_is_no_answer(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P3/1 L");
    fake_begin(f, &j, 0);
    decision_probed(&j.decision, j.round, 0, P2P_PROBE_TIMEOUT, 9, 9, 9, 9);
    decision_probed(&j.decision, j.round, 1, P2P_PROBE_GONE, 9, 9, 9, 9);
    assert_int_equal(j.final_calls, 0);
    fake_answer(&j, 2, 30);
    fake_end(&j, P2P_OUT_RAN);
    assert_int_equal(fake_said(f, "0 probed 1:timeout 2:gone 3:ok/30\n"), 1);
    assert_int_equal(j.decision.rq.probe[0].load + j.decision.rq.probe[0].slots, 0);
}

static void when_nobody_can_answer_any_more_it_goes_on(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P2/2 L");
    fake_begin(f, &j, 0);
    fake_answer(&j, 0, 10);
    decision_probed(&j.decision, j.round, 1, P2P_PROBE_GONE, 0, 0, 0, 0);
    fake_end(&j, P2P_OUT_RAN);
    assert_int_equal(fake_said(f, "0 probed 1:ok/10 2:gone\n"), 1);
}

static void the_first_answer_of_a_peer_counts(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P2 L");
    fake_begin(f, &j, 0);
    fake_answer(&j, 0, 10);
    fake_answer(&j, 0, 99);
    decision_probed(&j.decision, j.round, 0, P2P_PROBE_GONE, 0, 0, 0, 0);
    assert_int_equal(j.final_calls, 0);
    fake_answer(&j, 1, 20);
    fake_end(&j, P2P_OUT_RAN);
    assert_int_equal(fake_said(f, "0 probed 1:ok/10 2:ok/20\n"), 1);
}

static void answers_to_slots_that_were_not_asked_are_ignored(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P2 L");
    fake_begin(f, &j, 0);
    fake_answer(&j, 2, 1);
    fake_answer(&j, 8, 1);
    fake_answer(&j, UINT32_MAX, 1);
    assert_int_equal(j.final_calls, 0);
    fake_end(&j, P2P_OUT_CANCELLED);
}

static void late_answers_of_an_old_round_are_ignored(void **state)
{
    struct fake *f = *state;
    struct fake_job j;
    uint32_t old;

    fake_select(f, "scripted", "script", "P2/1 P2 L");
    fake_begin(f, &j, 0);
    old = j.round;
    fake_answer(&j, 0, 10);
    assert_string_equal(j.trace, "timer+5000 probe2 stop timer+5000 probe2 ");
    assert_int_not_equal(j.round, old);
    decision_probed(&j.decision, old, 0, P2P_PROBE_OK, 77, 0, 4, 1);
    decision_probed(&j.decision, old, 1, P2P_PROBE_OK, 77, 0, 4, 1);
    decision_timer(&j.decision, old);
    assert_int_equal(j.final_calls, 0);
    fake_answer(&j, 0, 11);
    fake_answer(&j, 1, 12);
    fake_end(&j, P2P_OUT_RAN);
    assert_int_equal(fake_said(f, "0 probed 1:ok/11 2:ok/12\n"), 1);
}

static void answers_after_the_last_one_needed_are_ignored(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P3/1 F1 L");
    fake_begin(f, &j, 0);
    fake_answer(&j, 0, 10);
    fake_answer(&j, 1, 20);
    decision_timer(&j.decision, j.round);
    assert_string_equal(j.trace, "timer+5000 probe3 stop forward1 ");
    assert_int_equal(j.decision.rq.probe[1].status, P2P_PROBE_PENDING);
    fake_end(&j, P2P_OUT_FORWARDED);
    assert_int_equal(fake_said(f, "probed"), 1);
}

static void the_timeout_ends_a_round(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P3 L");
    fake_begin(f, &j, 0);
    fake_answer(&j, 1, 20);
    f->now += 5000;
    decision_timer(&j.decision, j.round);
    fake_answer(&j, 0, 10);
    fake_end(&j, P2P_OUT_RAN);
    assert_string_equal(j.trace, "timer+5000 probe3 stop run ");
    assert_int_equal(fake_said(f, "0 probed 1:timeout 2:ok/20 3:timeout\n"), 1);
    assert_int_equal(fake_said(f, "probes=3/5000 "), 1);
}

static void a_scheduler_may_ask_for_a_shorter_timeout(void **state)
{
    static const char *const cases[][2] = {
        {"P1/0/300", "timer+300 probe1 stop "},
        {"P1/0/5000", "timer+5000 probe1 stop "},
        {"P1/0/5001", "timer+5000 probe1 stop "},
        {"P1/0/18446744073709551615", "timer+5000 probe1 stop "}};
    struct fake *f = *state;
    struct fake_job j;

    for (unsigned i = 0; i < 4; i++) {
        fake_select(f, "scripted", "script", cases[i][0]);
        assert_string_equal(fake_run(f, &j), cases[i][1]);
    }
}

static void no_probe_lasts_past_the_deadline(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P1");
    fake_begin(f, &j, f->now + 70);
    assert_string_equal(j.trace, "timer+70 probe1 ");
    fake_end(&j, P2P_OUT_CANCELLED);
}

static void gone_peers_are_not_waited_for(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P3/0/0/3 L"); /* 3 is up, 4 and 5 are not */
    fake_begin(f, &j, 0);
    assert_string_equal(j.trace, "timer+5000 probe3 ");
    assert_int_equal(j.decision.rq.probe[1].status, P2P_PROBE_GONE);
    fake_answer(&j, 1, 9);
    assert_int_equal(j.final_calls, 0);
    fake_answer(&j, 0, 10);
    fake_end(&j, P2P_OUT_RAN);
    assert_int_equal(fake_said(f, "0 probed 3:ok/10 4:gone 5:gone\n"), 1);
}

static void when_all_have_gone_it_goes_on_at_once(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P2/0/0/7 F1");
    fake_begin(f, &j, 0);
    assert_string_equal(j.trace, "forward1 ");
    fake_end(&j, P2P_OUT_FORWARDED);
    assert_int_equal(fake_said(f, "0 probed 7:gone 8:gone\n"), 1);
}

static void every_slot_may_be_used(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_peers(f, 1, 8);
    fake_select(f, "scripted", "script", "P8/8 L");
    fake_begin(f, &j, 0);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(j.final_calls, 0);
        fake_answer(&j, i, i);
    }
    fake_end(&j, P2P_OUT_RAN);
    assert_string_equal(j.trace, "timer+5000 probe8 stop run ");
}

static void one_peer_may_be_asked_twice(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_peers(f, 1, 1);
    fake_select(f, "scripted", "script", "P1 P1 L");
    fake_begin(f, &j, 0);
    fake_answer(&j, 0, 1);
    fake_answer(&j, 0, 2);
    fake_end(&j, P2P_OUT_RAN);
    assert_int_equal(fake_said(f, "0 probed 1:ok/1\n"), 1);
    assert_int_equal(fake_said(f, "0 probed 1:ok/2\n"), 1);
}

static void answers_may_come_before_the_call_returns(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    f->at_once = true;
    fake_select(f, "scripted", "script", "P3/2 P3 L");
    fake_begin(f, &j, 0);
    fake_end(&j, P2P_OUT_RAN);
    assert_string_equal(j.trace, "timer+5000 probe3 stop timer+5000 probe3 stop run ");
}

static void a_new_probe_timeout_holds_for_the_next_round(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "P1 P1 L");
    fake_begin(f, &j, 0);
    f->settings.probe_timeout_ns = 700;
    engine_configure(f->engine, &f->settings);
    fake_answer(&j, 0, 1);
    assert_string_equal(j.trace, "timer+5000 probe1 stop timer+700 probe1 ");
    fake_end(&j, P2P_OUT_CANCELLED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_answers_are_awaited),
        TEST(so_many_answers_are_enough),
        TEST(silence_is_no_answer),
        TEST(when_nobody_can_answer_any_more_it_goes_on),
        TEST(the_first_answer_of_a_peer_counts),
        TEST(answers_to_slots_that_were_not_asked_are_ignored),
        TEST(late_answers_of_an_old_round_are_ignored),
        TEST(answers_after_the_last_one_needed_are_ignored),
        TEST(the_timeout_ends_a_round),
        TEST(a_scheduler_may_ask_for_a_shorter_timeout),
        TEST(no_probe_lasts_past_the_deadline),
        TEST(gone_peers_are_not_waited_for),
        TEST(when_all_have_gone_it_goes_on_at_once),
        TEST(every_slot_may_be_used),
        TEST(one_peer_may_be_asked_twice),
        TEST(answers_may_come_before_the_call_returns),
        TEST(a_new_probe_timeout_holds_for_the_next_round),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
