/* Choices of a learner outside of the node: awaited, made, late, and gone. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/support_learner.h"

enum { NOTHING = 0, NO_NUMBER = 100, CHOOSES = 200 };

/* The answer to request k, counted from the first. */
static bool answer(struct fake *f, unsigned k, uint32_t status)
{
    struct p2p_http_answer a = {
        .size = sizeof(a), .status = status, .tag = f->sent[k].tag, .error = "", .headers = ""};

    return engine_answered(f->engine, f->sent[k].by, &a);
}

static void begin_waiting(struct fake *f, struct fake_job *j)
{
    unsigned sent = f->n_sent;

    memset(j->memory, 0, sizeof(j->memory));
    fake_begin(f, j, 0);
    assert_string_equal(j->trace, "timer+5000 ");
    assert_int_equal(f->n_sent, sent + 1);
}

static uint64_t ended(struct fake *f, enum pending_end end)
{
    return pupil_stats(f).pending[end];
}

static uint64_t all_ended(struct fake *f)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < PENDING_ENDS; i++)
        sum += ended(f, (enum pending_end)i);
    return sum;
}

static void start(struct fake *f, const char *way)
{
    pupil_select(f, "outsider");
    fake_select(f, "patient", "way", way);
}

/* ---- it comes ---- */

static void the_decision_waits_for_the_choice(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    start(f, "await");
    begin_waiting(f, &j);
    assert_int_equal(pupil_stats(f).awaited, 1);
    assert_int_equal(pupil_stats(f).choices, 0);
    assert_int_equal(j.wakes, 0);
    assert_true(answer(f, 0, CHOOSES + 3));
    assert_int_equal(j.wakes, 1);
    assert_string_equal(j.trace, "timer+5000 ");
    fake_woken(&j);
    assert_string_equal(j.trace, "timer+5000 stop refuse403 ");
    assert_int_equal(fake_said(f, "chose 3 explored 0 epsilon 0.25\n"), 1);
    assert_int_equal(pupil_stats(f).awaited, 0);
    assert_int_equal(pupil_stats(f).open, 1);
    assert_int_equal(ended(f, PENDING_CHOSEN), 1);
    fake_end(&j, P2P_OUT_REJECTED);
    pupil_learn(f);
    /* What was learned of is the state that the learner saw. */
    assert_int_equal(fake_said(f, "learns 1, first of state 0\n"), 1);
    assert_int_equal(all_ended(f), 1);
}

static void choices_come_in_any_order(void **state)
{
    struct fake *f = *state;
    struct fake_job j[5];

    start(f, "await");
    for (unsigned i = 0; i < 5; i++)
        begin_waiting(f, &j[i]);
    for (unsigned i = 5; i-- > 0;) {
        answer(f, i, CHOOSES + i % 4);
        fake_woken(&j[i]);
        assert_int_equal(j[i].final_calls, 1);
    }
    for (unsigned i = 0; i < 5; i++)
        fake_end(&j[i], P2P_OUT_REJECTED);
    pupil_learn(f);
    assert_int_equal(fake_said(f, "learns 5,"), 1);
    assert_int_equal(pupil_stats(f).rewards[REWARD_TAKEN], 5);
    assert_int_equal(ended(f, PENDING_CHOSEN), 5);
}

static void a_choice_may_come_before_the_wait(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    start(f, "later");
    fake_begin(f, &j, 0);
    assert_string_equal(j.trace, "timer+7 ");
    answer(f, 0, CHOOSES + 1);
    assert_int_equal(j.wakes, 0);
    f->now += 7;
    decision_timer(&j.decision, j.round);
    assert_string_equal(j.trace, "timer+7 stop refuse401 ");
    fake_end(&j, P2P_OUT_REJECTED);
    fake_begin(f, &j, 0);
    f->now += 7;
    decision_timer(&j.decision, j.round);
    assert_string_equal(j.trace, "timer+7 stop timer+5000 ");
    answer(f, 1, CHOOSES + 2);
    fake_woken(&j);
    assert_string_equal(j.trace, "timer+7 stop timer+5000 stop refuse402 ");
    fake_end(&j, P2P_OUT_REJECTED);
    assert_int_equal(ended(f, PENDING_CHOSEN), 2);
}

static void probes_may_be_asked_meanwhile(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    start(f, "probe");
    fake_begin(f, &j, 0);
    answer(f, 0, CHOOSES + 2);
    assert_int_equal(j.wakes, 0);
    fake_answer(&j, 0, 1);
    assert_string_equal(j.trace, "timer+5000 probe1 stop refuse402 ");
    fake_end(&j, P2P_OUT_REJECTED);
}

static void a_learner_may_choose_from_inside_act(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    pupil_select(f, "outsider", "habit", "twice");
    fake_select(f, "patient");
    assert_string_equal(fake_run(f, &j), "refuse401 ");
    /* What it said is judged as any choice. */
    assert_int_equal(fake_said(f, "chose 1 explored 1 epsilon 0\n"), 1);
    fake_select(f, "hasty");
    assert_string_equal(fake_run(f, &j), "refuse401 ");
    pupil_select(f, "outsider", "habit", "chooses_none");
    assert_string_equal(fake_run(f, &j), "run ");
    assert_int_equal(ended(f, PENDING_NONE), 1);
    pupil_select(f, "outsider", "habit", "asks");
    f->deaf = true;
    assert_string_equal(fake_run(f, &j), "run ");
    assert_int_equal(ended(f, PENDING_NONE), 2);
    assert_int_equal(fake_said(f, "wrong"), 0);
    assert_int_equal(fake_said(f, "too early"), 0);
}

/* ---- it does not come ---- */

static void none_is_an_answer_too(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    start(f, "await");
    begin_waiting(f, &j);
    answer(f, 0, NOTHING);
    assert_int_equal(j.wakes, 1);
    fake_woken(&j);
    assert_string_equal(j.trace, "timer+5000 stop run ");
    assert_int_equal(fake_said(f, "no choice at 2\n"), 1);
    fake_end(&j, P2P_OUT_RAN);
    assert_int_equal(ended(f, PENDING_NONE), 1);
    assert_int_equal(pupil_stats(f).choices, 0);
    assert_int_equal(fake_stats(f).misbehaved[MISBEHAVED_LEARNER], 0);
}

static void the_wait_is_bounded(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    start(f, "await");
    begin_waiting(f, &j);
    f->now += 5000;
    decision_timer(&j.decision, j.round);
    assert_string_equal(j.trace, "timer+5000 stop run ");
    assert_int_equal(ended(f, PENDING_LATE), 1);
    /* Too late, and once more. */
    answer(f, 0, CHOOSES + 1);
    answer(f, 0, CHOOSES + 1);
    assert_int_equal(j.wakes, 0);
    fake_end(&j, P2P_OUT_RAN);
    answer(f, 0, CHOOSES + 1);
    /* The deadline of the job, when it has one; also one that is over. */
    fake_begin(f, &j, f->now + 123);
    assert_string_equal(j.trace, "timer+123 ");
    f->now += 123;
    decision_timer(&j.decision, j.round);
    assert_string_equal(j.trace, "timer+123 stop run ");
    fake_end(&j, P2P_OUT_RAN);
    fake_begin(f, &j, f->now - 5);
    assert_string_equal(j.trace, "timer+0 ");
    decision_timer(&j.decision, j.round);
    fake_end(&j, P2P_OUT_RAN);
    assert_int_equal(ended(f, PENDING_LATE), 3);
}

static void a_choice_and_the_timer_may_meet(void **state)
{
    struct fake *f = *state;
    struct fake_job j;
    uint32_t round;

    /* The choice is there, but the timer comes before the wake. */
    start(f, "await");
    begin_waiting(f, &j);
    round = j.round;
    answer(f, 0, CHOOSES + 2);
    decision_timer(&j.decision, round);
    assert_string_equal(j.trace, "timer+5000 stop refuse402 ");
    fake_woken(&j);
    decision_timer(&j.decision, round);
    assert_string_equal(j.trace, "timer+5000 stop refuse402 ");
    assert_int_equal(j.final_calls, 1);
    fake_end(&j, P2P_OUT_REJECTED);
    fake_woken(&j);
    assert_int_equal(ended(f, PENDING_CHOSEN), 1);
}

static void a_scheduler_may_ask_anew(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    /* Without a pending choice p2p_await() is over at once. */
    pupil_select(f, "outsider", "habit", "chooses_none");
    fake_select(f, "patient", "way", "again");
    fake_begin(f, &j, 0);
    assert_string_equal(j.trace, "run ");
    assert_int_equal(fake_said(f, "no choice at 0\n"), 1);
    assert_int_equal(fake_said(f, "no choice at 2\n"), 1);
    fake_end(&j, P2P_OUT_RAN);
}

static void who_does_not_wait_has_no_choice(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    pupil_select(f, "outsider");
    fake_select(f, "hasty");
    assert_string_equal(fake_run(f, &j), "run ");
    assert_int_equal(ended(f, PENDING_UNAWAITED), 1);
    answer(f, 0, CHOOSES + 1);
    /* A TICK has no decision. */
    fake_select(f, "patient");
    engine_tick(f->engine);
    assert_int_equal(fake_said(f, "a tick has a choice"), 0);
    assert_int_equal(ended(f, PENDING_UNAWAITED), 2);
    /* One that runs the job meanwhile has left. */
    fake_select(f, "patient", "way", "run_at_once");
    assert_string_equal(fake_run(f, &j), "run ");
    assert_int_equal(ended(f, PENDING_LEFT), 1);
    answer(f, 2, CHOOSES + 1);
    assert_int_equal(j.wakes, 0);
    assert_int_equal(pupil_stats(f).awaited, 0);
}

/* ---- it is against the rules, or not possible any more ---- */

static void an_illegal_choice_is_replaced(void **state)
{
    struct fake *f = *state;
    struct fake_job j;
    const uint32_t bad[] = {CHOOSES + 2, CHOOSES + 4, CHOOSES + 63, CHOOSES + 64, 199, NO_NUMBER};

    pupil_select(f, "outsider");
    fake_select(f, "patient", "mask", "2", "mask_then", "2");
    for (unsigned i = 0; i < 6; i++) {
        begin_waiting(f, &j);
        answer(f, i, bad[i]);
        fake_woken(&j);
        assert_string_equal(j.trace, "timer+5000 stop refuse401 ");
        fake_end(&j, P2P_OUT_REJECTED);
        assert_int_equal(fake_stats(f).misbehaved[MISBEHAVED_LEARNER], i + 1);
    }
    assert_int_equal(fake_said(f, "chose 1 explored 1"), 6);
}

static void what_became_impossible_is_no_choice(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    pupil_select(f, "outsider");
    fake_select(f, "patient", "mask", "6", "mask_then", "4");
    begin_waiting(f, &j);
    answer(f, 0, CHOOSES + 1);
    fake_woken(&j);
    assert_string_equal(j.trace, "timer+5000 stop run ");
    fake_end(&j, P2P_OUT_RAN);
    assert_int_equal(ended(f, PENDING_STALE), 1);
    assert_int_equal(fake_stats(f).misbehaved[MISBEHAVED_LEARNER], 0);
    assert_int_equal(pupil_stats(f).choices, 0);
}

/* ---- somebody ends meanwhile ---- */

static void a_job_that_ends_waits_no_more(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    start(f, "await");
    begin_waiting(f, &j);
    fake_end(&j, P2P_OUT_CANCELLED);
    assert_string_equal(j.trace, "timer+5000 stop ");
    assert_int_equal(ended(f, PENDING_LEFT), 1);
    /* Its memory is another's now. */
    memset(&j, 0xa5, sizeof(j));
    assert_true(answer(f, 0, CHOOSES + 1));
    assert_int_equal(pupil_stats(f).awaited, 0);
    /* The choice came, but its job ended before it was woken. */
    begin_waiting(f, &j);
    answer(f, 1, CHOOSES + 1);
    fake_end(&j, P2P_OUT_CANCELLED);
    fake_woken(&j);
    assert_int_equal(j.final_calls, 0);
    assert_int_equal(ended(f, PENDING_LEFT), 2);
}

static void another_scheduler_lets_it_wait(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    start(f, "await");
    begin_waiting(f, &j);
    fake_select(f, "loner");
    assert_int_equal(fake_stats(f).instances, 2);
    answer(f, 0, CHOOSES + 1);
    fake_woken(&j);
    assert_string_equal(j.trace, "timer+5000 stop refuse401 ");
    fake_end(&j, P2P_OUT_REJECTED);
    assert_int_equal(fake_stats(f).instances, 1);
}

static void one_that_drains_by_force_is_woken(void **state)
{
    struct fake *f = *state;
    struct fake_job j, other;

    fake_settings(f, ENGINE_FALLBACK_REJECT, 1000);
    start(f, "await");
    begin_waiting(f, &j);
    begin_waiting(f, &other);
    answer(f, 1, CHOOSES + 1);
    assert_int_equal(other.wakes, 1);
    fake_select(f, "asker"); /* of another space: the learner goes with its scheduler */
    f->now += 1000;
    engine_drain(f->engine);
    assert_int_equal(j.wakes, 1);
    assert_int_equal(other.wakes, 1);
    assert_int_equal(pupil_stats(f).awaited, 0);
    fake_woken(&j);
    fake_woken(&other);
    assert_string_equal(j.trace, "timer+5000 stop refuse0 ");
    assert_string_equal(other.trace, "timer+5000 stop refuse0 ");
    fake_end(&j, P2P_OUT_REJECTED);
    fake_end(&other, P2P_OUT_REJECTED);
    answer(f, 0, CHOOSES + 1);
    assert_int_equal(fake_stats(f).instances, 1);
    assert_int_equal(ended(f, PENDING_LEFT), 2);
}

static void a_learner_that_ends_has_no_choice(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    /* Another one of the same space. */
    start(f, "await");
    begin_waiting(f, &j);
    pupil_select(f, "outsider", "habit", "mute");
    assert_int_equal(f->finis, 1);
    assert_int_equal(j.wakes, 1);
    assert_false(answer(f, 0, CHOOSES + 1));
    fake_woken(&j);
    assert_string_equal(j.trace, "timer+5000 stop run ");
    fake_end(&j, P2P_OUT_RAN);
    assert_int_equal(ended(f, PENDING_NONE), 1);
    /* None. */
    pupil_select(f, "outsider");
    begin_waiting(f, &j);
    assert_int_equal(engine_select_learner(f->engine, NULL, f->err), 0);
    assert_int_equal(j.wakes, 1);
    assert_false(answer(f, 1, CHOOSES + 1));
    fake_woken(&j);
    assert_string_equal(j.trace, "timer+5000 stop run ");
    fake_end(&j, P2P_OUT_RAN);
    /* One that only changes goes on. */
    pupil_select(f, "outsider");
    begin_waiting(f, &j);
    pupil_select(f, "outsider", "live", "2");
    assert_true(answer(f, 2, CHOOSES + 1));
    fake_woken(&j);
    assert_string_equal(j.trace, "timer+5000 stop refuse401 ");
    fake_end(&j, P2P_OUT_REJECTED);
    assert_int_equal(pupil_stats(f).awaited, 0);
}

static void a_choice_outlives_its_learner(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    start(f, "await");
    begin_waiting(f, &j);
    answer(f, 0, CHOOSES + 1);
    pupil_select(f, "outsider", "habit", "mute");
    fake_woken(&j);
    assert_string_equal(j.trace, "timer+5000 stop refuse401 ");
    fake_end(&j, P2P_OUT_REJECTED);
    pupil_learn(f);
    assert_int_equal(fake_said(f, "learns 1,"), 1);
}

static void each_end_has_a_name(void **state)
{
    (void)state;
    for (unsigned a = 0; a < PENDING_ENDS; a++)
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(pending_end_name(a), pending_end_name(b));
}

/* ---- all at once ---- */

enum { WORKERS = 3, JOBS = 1500 };

struct storm {
    struct fake *f;
    _Atomic bool over;
    unsigned answered;
};

static unsigned wakes_of(struct fake_job *j)
{
    unsigned wakes;

    pthread_mutex_lock(&j->fake->lock);
    wakes = j->wakes;
    pthread_mutex_unlock(&j->fake->lock);
    return wakes;
}

static void *work(void *arg)
{
    struct storm *s = arg;

    for (unsigned i = 0; i < JOBS; i++) {
        struct fake_job *j = calloc(1, sizeof(*j)); /* freed: a late wake would be seen */

        fake_begin(s->f, j, 0);
        if (j->final_calls == 0 && i % 5 == 0)
            decision_timer(&j->decision, j->round);
        for (unsigned k = 0; j->final_calls == 0 && i % 7 && k < 1000000; k++) {
            if (wakes_of(j))
                fake_woken(j);
            else
                sched_yield();
        }
        fake_end(j, j->final_calls ? P2P_OUT_REJECTED : P2P_OUT_CANCELLED);
        free(j);
    }
    return NULL;
}

static bool next_sent(struct storm *s, uint64_t *by, uint64_t *tag)
{
    struct fake *f = s->f;
    bool any;

    pthread_mutex_lock(&f->lock);
    any = s->answered < f->n_sent;
    if (any) {
        *by = f->sent[s->answered % FAKE_SENT].by;
        *tag = f->sent[s->answered++ % FAKE_SENT].tag;
    }
    pthread_mutex_unlock(&f->lock);
    return any;
}

static void *answer_all(void *arg)
{
    struct storm *s = arg;
    struct p2p_http_answer a = {.size = sizeof(a), .error = "", .headers = ""};
    uint64_t by;

    while (!s->over) {
        if (!next_sent(s, &by, &a.tag)) {
            sched_yield();
            continue;
        }
        a.status = s->answered % 6 == 0 ? NOTHING : CHOOSES + s->answered % 4;
        engine_answered(s->f->engine, by, &a);
    }
    return NULL;
}

static void *swap(void *arg)
{
    struct storm *s = arg;

    for (unsigned i = 0; !s->over; i++) {
        fake_try_select(s->f, "patient", "quiet", "true", "dims", i % 8 < 4 ? "2" : "3", NULL);
        pupil_try_select(s->f, "outsider", "live", i % 2 ? "2" : "3", NULL);
        if (i % 4 == 0)
            engine_drain(s->f->engine);
        sched_yield();
    }
    return NULL;
}

static void nothing_is_lost_or_touched_too_late(void **state)
{
    struct fake *f = *state;
    struct storm s = {.f = f};
    pthread_t workers[WORKERS], answerer, swapper;

    fake_settings(f, ENGINE_FALLBACK_LOCAL, 0);
    pupil_select(f, "outsider");
    fake_select(f, "patient", "quiet", "true");
    assert_int_equal(pthread_create(&answerer, NULL, answer_all, &s), 0);
    assert_int_equal(pthread_create(&swapper, NULL, swap, &s), 0);
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&workers[i], NULL, work, &s), 0);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(workers[i], NULL);
    s.over = true;
    pthread_join(answerer, NULL);
    pthread_join(swapper, NULL);
    assert_int_equal(pupil_stats(f).awaited, 0);
    assert_true(ended(f, PENDING_CHOSEN) > 0);
    assert_int_equal(ended(f, PENDING_CHOSEN), pupil_stats(f).choices);
    assert_true(all_ended(f) == (uint64_t)WORKERS * JOBS);
    assert_int_equal(fake_stats(f).misbehaved[MISBEHAVED_LEARNER], 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, pupil_setup, pupil_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_decision_waits_for_the_choice),
        T(choices_come_in_any_order),
        T(a_choice_may_come_before_the_wait),
        T(probes_may_be_asked_meanwhile),
        T(a_learner_may_choose_from_inside_act),
        T(none_is_an_answer_too),
        T(the_wait_is_bounded),
        T(a_choice_and_the_timer_may_meet),
        T(a_scheduler_may_ask_anew),
        T(who_does_not_wait_has_no_choice),
        T(an_illegal_choice_is_replaced),
        T(what_became_impossible_is_no_choice),
        T(a_job_that_ends_waits_no_more),
        T(another_scheduler_lets_it_wait),
        T(one_that_drains_by_force_is_woken),
        T(a_learner_that_ends_has_no_choice),
        T(a_choice_outlives_its_learner),
        T(each_end_has_a_name),
        T(nothing_is_lost_or_touched_too_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
