#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/engine/support_world.h"

/* ---- one scheduler takes over from another ---- */

static void a_decision_keeps_the_instance_that_it_began_with(void **state)
{
    struct fake *f = *state;
    struct fake_job old, new;

    fake_select(f, "scripted", "script", "P1 W9 F1 R", "mark", "1");
    fake_begin(f, &old, 0);
    fake_select(f, "scripted", "script", "L", "mark", "2");
    assert_string_equal(fake_run(f, &new), "run ");
    fake_answer(&old, 0, 5);
    decision_timer(&old.decision, old.round);
    decision_refused(&old.decision);
    assert_string_equal(old.trace, "timer+5000 probe1 stop timer+9 stop forward1 refuse0 ");
    assert_int_equal(fake_said(f, "1 probed 1:ok/5\n"), 1);
    assert_int_equal(fake_said(f, "1 timer\n"), 1);
    assert_int_equal(fake_said(f, "1 refused 1\n"), 1);
    assert_int_equal(fake_said(f, "1 fini\n"), 0);
    fake_end(&old, P2P_OUT_REJECTED);
    assert_int_equal(fake_said(f, "1 outcome rejected"), 1);
    assert_int_equal(fake_said(f, "1 fini\n"), 1);
}

static void an_instance_ends_with_its_last_decision(void **state)
{
    struct fake *f = *state;
    struct fake_job jobs[5];

    fake_select(f, "scripted", "script", "F1");
    for (int i = 0; i < 5; i++)
        fake_begin(f, &jobs[i], 0);
    fake_select(f, "scripted");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(fake_stats(f).instances, 2);
        assert_int_equal(f->finis, 0);
        fake_end(&jobs[i * 2 % 5], P2P_OUT_FORWARDED);
    }
    assert_int_equal(fake_stats(f).instances, 1);
    assert_int_equal(f->finis, 1);
}

static void without_decisions_an_instance_ends_at_once(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted");
    fake_run(f, &j);
    fake_select(f, "scripted");
    assert_int_equal(f->finis, 1);
    assert_int_equal(fake_stats(f).instances, 1);
}

static void who_hears_no_outcome_is_done_with_the_last_action(void **state)
{
    static const char *const scripts[] = {"L", "R", "X9"};
    struct fake *f = *state;
    struct fake_job j;

    for (unsigned i = 0; i < 3; i++) {
        fake_select(f, "quiet", "script", scripts[i]);
        fake_begin(f, &j, 0);
        fake_select(f, "quiet");
        assert_int_equal(fake_stats(f).instances, 1);
        fake_end(&j, P2P_OUT_RAN);
        assert_int_equal(fake_stats(f).instances, 1);
    }
}

static void the_last_action_may_end_its_instance(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "quiet", "script", "P1 L");
    fake_begin(f, &j, 0);
    fake_select(f, "quiet");
    assert_int_equal(f->finis, 0);
    fake_answer(&j, 0, 0);
    assert_int_equal(f->finis, 1);
    assert_string_equal(j.trace, "timer+5000 probe1 stop run ");
    fake_end(&j, P2P_OUT_RAN);
}

static void a_forward_may_be_refused_so_it_keeps_its_instance(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "quiet", "script", "F1 F2 L", "mark", "1");
    fake_begin(f, &j, 0);
    fake_select(f, "quiet", "mark", "2");
    decision_refused(&j.decision);
    assert_int_equal(fake_said(f, "1 refused 1\n"), 1);
    assert_int_equal(fake_stats(f).instances, 2);
    fake_end(&j, P2P_OUT_FORWARDED);
    assert_int_equal(fake_stats(f).instances, 1);
}

static void many_retired_instances_end_in_any_order(void **state)
{
    static const int order[6] = {3, 0, 5, 1, 4, 2};
    struct fake *f = *state;
    struct fake_job jobs[6];

    for (int i = 0; i < 6; i++) {
        fake_select(f, "scripted", "script", "F1");
        fake_begin(f, &jobs[i], 0);
    }
    fake_select(f, "scripted");
    assert_int_equal(fake_stats(f).instances, 7);
    for (unsigned i = 0; i < 6; i++) {
        fake_end(&jobs[order[i]], P2P_OUT_FORWARDED);
        assert_int_equal(fake_stats(f).instances, 6 - i);
    }
}

static void a_rebuilt_plugin_is_another_module(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "F1 R", "mark", "1");
    fake_begin(f, &j, 0);
    fake_rebuild(f, 1);
    fake_select(f, "scripted", "mark", "2");
    assert_int_equal(module_count(), 2);
    decision_refused(&j.decision);
    assert_int_equal(fake_said(f, "1 refused 1\n"), 1);
    fake_end(&j, P2P_OUT_REJECTED);
    assert_int_equal(module_count(), 1);
}

/* ---- draining ---- */

static void draining_waits_for_its_time(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "F1");
    fake_begin(f, &j, 0);
    f->now += 77000000;
    fake_select(f, "scripted");
    f->now += 999999;
    engine_drain(f->engine);
    assert_int_equal(f->finis, 0);
    f->now += 1;
    engine_drain(f->engine);
    assert_int_equal(f->finis, 1);
    assert_int_equal(fake_stats(f).instances, 1);
    fake_end(&j, P2P_OUT_FORWARDED);
}

static void the_current_instance_is_not_drained(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_settings(f, ENGINE_FALLBACK_LOCAL, 0);
    fake_select(f, "scripted", "script", "F1");
    fake_begin(f, &j, 0);
    f->now += 77000000;
    engine_drain(f->engine);
    assert_int_equal(f->finis, 0);
    fake_end(&j, P2P_OUT_FORWARDED);
    assert_int_equal(f->outcomes, 1);
}

static void only_those_that_took_too_long_are_drained(void **state)
{
    struct fake *f = *state;
    struct fake_job jobs[3];

    for (int i = 0; i < 3; i++) {
        fake_select(f, "scripted", "script", "F1");
        fake_begin(f, &jobs[i], 0);
        f->now += 600000;
    }
    fake_select(f, "scripted");
    assert_int_equal(fake_stats(f).instances, 4);
    engine_drain(f->engine);
    assert_int_equal(fake_stats(f).instances, 3);
    f->now += 600000;
    engine_drain(f->engine);
    assert_int_equal(fake_stats(f).instances, 2);
    for (int i = 0; i < 3; i++)
        fake_end(&jobs[i], P2P_OUT_FORWARDED);
    assert_int_equal(fake_stats(f).instances, 1);
    assert_int_equal(f->outcomes, 1);
    assert_int_equal(fake_stats(f).outcomes_dropped, 2);
}

/* Begins a decision, and takes it away from its instance. */
static void drained(struct fake *f, struct fake_job *j, const char *name, const char *script)
{
    fake_select(f, name, "script", script);
    fake_begin(f, j, 0);
    fake_select(f, name);
    engine_drain(f->engine);
    assert_int_equal(fake_stats(f).instances, 1);
}

static void decisions_that_were_taken_away_fall_back(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_settings(f, ENGINE_FALLBACK_LOCAL, 0);
    drained(f, &j, "scripted", "P1");
    fake_answer(&j, 0, 0);
    assert_string_equal(j.trace, "timer+5000 probe1 stop run ");
    fake_end(&j, P2P_OUT_RAN);
    fake_settings(f, ENGINE_FALLBACK_REJECT, 0);
    drained(f, &j, "scripted", "W100");
    decision_timer(&j.decision, j.round);
    assert_string_equal(j.trace, "timer+100 stop refuse0 ");
    fake_end(&j, P2P_OUT_REJECTED);
    drained(f, &j, "roomy", "F1");
    decision_refused(&j.decision);
    assert_string_equal(j.trace, "forward1 refuse0 ");
    fake_end(&j, P2P_OUT_REJECTED);
    assert_int_equal(fake_stats(f).fallbacks, 3);
    assert_int_equal(fake_stats(f).outcomes_dropped, 3);
    assert_int_equal(f->outcomes, 0);
}

static void decisions_that_were_taken_away_may_just_end(void **state)
{
    static const char *const scripts[] = {"P1", "W100", "F1", "L", "R"};
    struct fake *f = *state;
    struct fake_job j;

    fake_settings(f, ENGINE_FALLBACK_LOCAL, 0);
    for (unsigned i = 0; i < 5; i++) {
        drained(f, &j, "scripted", scripts[i]);
        fake_end(&j, P2P_OUT_CANCELLED);
    }
    assert_int_equal(f->outcomes, 0);
    assert_int_equal(fake_stats(f).outcomes_dropped, 5);
    assert_int_equal(fake_stats(f).fallbacks, 0);
}

static void nothing_is_dropped_for_who_hears_no_outcome(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_settings(f, ENGINE_FALLBACK_LOCAL, 0);
    drained(f, &j, "quiet", "F1");
    fake_end(&j, P2P_OUT_FORWARDED);
    assert_int_equal(fake_stats(f).outcomes_dropped, 0);
}

static void a_module_goes_with_its_drained_instance(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_settings(f, ENGINE_FALLBACK_LOCAL, 0);
    fake_select(f, "scripted", "script", "P1");
    fake_begin(f, &j, 0);
    fake_rebuild(f, 1);
    fake_select(f, "scripted");
    assert_int_equal(module_count(), 2);
    engine_drain(f->engine);
    assert_int_equal(module_count(), 1);
    fake_answer(&j, 0, 0);
    fake_end(&j, P2P_OUT_RAN);
}

/* ---- who looks at parameters holds the instance ---- */

struct visit {
    struct fake *fake;
    unsigned seen, finis_inside;
};

static void swap_while_looking(void *ctx, const struct p2p_param *p, const char *value)
{
    struct visit *v = ctx;

    assert_non_null(p->help);
    assert_non_null(value);
    if (v->seen++ == 0) {
        fake_select(v->fake, "quiet");
        engine_drain(v->fake->engine);
        v->finis_inside = v->fake->finis;
    }
}

static void an_instance_lives_while_somebody_looks_at_its_parameters(void **state)
{
    struct fake *f = *state;
    struct visit v = {.fake = f};

    fake_settings(f, ENGINE_FALLBACK_LOCAL, 0);
    fake_select(f, "scripted");
    engine_parameters(f->engine, swap_while_looking, &v);
    assert_int_equal(v.seen, 5);
    assert_int_equal(v.finis_inside, 0);
    assert_int_equal(f->finis, 1);
    assert_int_equal(fake_stats(f).instances, 1);
}

/* ---- swaps under load ---- */

enum { THREADS = 3, OPEN = 6, SWAPS = 200 };

struct worker {
    struct fake *fake;
    _Atomic bool *stop;
    _Atomic unsigned begun;
    unsigned ended;
};

/* One event for a job, or its end; true when it is over. */
static bool push(struct fake_job *j, unsigned n)
{
    switch (j->decision.state) {
    case DECISION_PROBING:
        if (n % 3)
            fake_answer(j, n % 2, n % 7);
        else
            decision_timer(&j->decision, j->round);
        return false;
    case DECISION_WAITING:
        decision_timer(&j->decision, j->round);
        return false;
    case DECISION_FORWARDED:
        if (n % 4 == 0) {
            decision_refused(&j->decision);
            return false;
        }
        fake_end(j, P2P_OUT_FORWARDED);
        return true;
    default:
        fake_end(j, P2P_OUT_RAN);
        return true;
    }
}

static void *work(void *ctx)
{
    struct worker *w = ctx;
    struct fake_job *jobs = calloc(OPEN, sizeof(*jobs));
    bool open[OPEN] = {false};
    unsigned n = 0;

    while (jobs && (!*w->stop || w->ended < w->begun)) {
        unsigned i = n % OPEN;

        if (open[i]) {
            open[i] = !push(&jobs[i], n / OPEN);
            w->ended += !open[i];
        } else if (!*w->stop) {
            fake_begin(w->fake, &jobs[i], 0);
            open[i] = true;
            w->begun++;
        }
        n++;
    }
    free(jobs);
    return NULL;
}

static void swap(struct fake *f, unsigned i)
{
    static const char *const scripts[] = {"P2 F1 L", "L",         "W5 F2 F3 R", "F1 F2",
                                          "X9",      "P2/1 P2 L", "R",          "F99"};

    if (i % 20 == 0)
        fake_rebuild(f, i + 1);
    fake_select(f, i % 7 ? "scripted" : "roomy", "script", scripts[i % 8]);
    engine_drain(f->engine);
}

static unsigned all_begun(const struct worker *workers)
{
    unsigned n = 0;

    for (int i = 0; i < THREADS; i++)
        n += workers[i].begun;
    return n;
}

/* Waits until some decisions began with the scheduler of now. */
static void let_them_work(const struct worker *workers)
{
    unsigned enough = all_begun(workers) + OPEN;
    struct timespec now, start;

    clock_gettime(CLOCK_MONOTONIC, &start);
    while (all_begun(workers) < enough) {
        sched_yield();
        clock_gettime(CLOCK_MONOTONIC, &now);
        assert_true(now.tv_sec - start.tv_sec < 60);
    }
}

/* Returns how many decisions there were. */
static unsigned swaps_under_load(struct fake *f)
{
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    _Atomic bool stop = false;
    unsigned begun = 0, overlaps = 0;

    fake_select(f, "scripted");
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.fake = f, .stop = &stop};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < SWAPS; i++) {
        uint64_t dropped = fake_stats(f).outcomes_dropped;

        let_them_work(workers);
        swap(f, i);
        overlaps += fake_stats(f).instances > 1 || fake_stats(f).outcomes_dropped > dropped;
    }
    stop = true;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].begun, workers[i].ended);
        begun += workers[i].begun;
    }
    assert_true(overlaps > SWAPS / 4);
    assert_int_equal(fake_stats(f).selections, SWAPS + 1);
    assert_int_equal(fake_stats(f).instances, 1);
    assert_int_equal(f->finis, f->inits - 1);
    assert_int_equal(module_count(), 1);
    return begun;
}

static void no_outcome_is_lost_in_200_swaps(void **state)
{
    struct fake *f = *state;
    unsigned begun = swaps_under_load(f);

    assert_int_equal(fake_stats(f).outcomes_dropped, 0);
    assert_int_equal(f->outcomes, begun);
}

static void every_outcome_is_told_or_dropped_when_drained_by_force(void **state)
{
    struct fake *f = *state;
    unsigned begun;

    fake_settings(f, ENGINE_FALLBACK_REJECT, 0);
    begun = swaps_under_load(f);
    assert_int_equal(f->outcomes + fake_stats(f).outcomes_dropped, begun);
}

static void *select_often(void *ctx)
{
    struct fake *f = ctx;
    char err[P2P_ERRLEN];
    struct selection s = {.name = "quiet"};

    for (int i = 0; i < 50; i++)
        engine_select(f->engine, &s, err);
    return NULL;
}

static void any_thread_may_select(void **state)
{
    struct fake *f = *state;
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, select_often, f), 0);
    for (int i = 0; i < 50; i++) {
        struct engine_current c;

        engine_describe(f->engine, &c);
        engine_tick(f->engine);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(fake_stats(f).selections, 50 * THREADS);
    assert_int_equal(fake_stats(f).instances, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_decision_keeps_the_instance_that_it_began_with),
        TEST(an_instance_ends_with_its_last_decision),
        TEST(without_decisions_an_instance_ends_at_once),
        TEST(who_hears_no_outcome_is_done_with_the_last_action),
        TEST(the_last_action_may_end_its_instance),
        TEST(a_forward_may_be_refused_so_it_keeps_its_instance),
        TEST(many_retired_instances_end_in_any_order),
        TEST(a_rebuilt_plugin_is_another_module),
        TEST(draining_waits_for_its_time),
        TEST(the_current_instance_is_not_drained),
        TEST(only_those_that_took_too_long_are_drained),
        TEST(decisions_that_were_taken_away_fall_back),
        TEST(decisions_that_were_taken_away_may_just_end),
        TEST(nothing_is_dropped_for_who_hears_no_outcome),
        TEST(a_module_goes_with_its_drained_instance),
        TEST(an_instance_lives_while_somebody_looks_at_its_parameters),
        TEST(no_outcome_is_lost_in_200_swaps),
        TEST(every_outcome_is_told_or_dropped_when_drained_by_force),
        TEST(any_thread_may_select),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
