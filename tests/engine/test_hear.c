/* What schedulers tell each other, and what an instance asks of its node. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/support_world.h"

static const char bytes[P2P_MESSAGE_MAX + 8] = "x";

/* ---- heard ---- */

static void who_has_the_same_name_hears(void **state)
{
    struct fake *f = *state;

    fake_select(f, "talker", "mark", "3");
    assert_true(engine_hear(f->engine, 2, "talker", "a to z", 6));
    assert_int_equal(fake_said(f, "3 heard 6 bytes 'a'-'z' of 2, sees 3 peers at 1000000\n"), 1);
    f->now += 500;
    fake_peers(f, 2, 1);
    assert_true(engine_hear(f->engine, 2, "talker", "z", 1));
    assert_int_equal(fake_said(f, "3 heard 1 bytes 'z'-'z' of 2, sees 1 peers at 1000500\n"), 1);
}

static void another_name_is_not_heard(void **state)
{
    static const char *const names[] = {"scripted", "talke", "talkers", "Talker", ""};
    struct fake *f = *state;

    fake_select(f, "talker");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_false(engine_hear(f->engine, 1, names[i], "x", 1));
    assert_int_equal(f->heard, 0);
}

static void who_does_not_listen_hears_nothing(void **state)
{
    struct fake *f = *state;

    assert_false(engine_hear(f->engine, 1, "talker", "x", 1)); /* nothing is selected */
    fake_select(f, "scripted");
    assert_false(engine_hear(f->engine, 1, "scripted", "x", 1));
    assert_int_equal(f->heard, 0);
}

static void a_message_has_1_to_1024_bytes(void **state)
{
    struct fake *f = *state;

    fake_select(f, "talker");
    assert_false(engine_hear(f->engine, 1, "talker", bytes, 0));
    assert_false(engine_hear(f->engine, 1, "talker", NULL, 0));
    assert_false(engine_hear(f->engine, 1, "talker", bytes, P2P_MESSAGE_MAX + 1));
    assert_false(engine_hear(f->engine, 1, "talker", bytes, UINT32_MAX));
    assert_int_equal(f->heard, 0);
    assert_true(engine_hear(f->engine, 1, "talker", bytes, P2P_MESSAGE_MAX));
    assert_true(engine_hear(f->engine, 1, "talker", bytes, 1));
    assert_int_equal(fake_said(f, "0 heard 1024 bytes"), 1);
    assert_int_equal(f->heard, 2);
}

/* Wherever its bytes lay before. */
static void it_is_aligned_and_there_is_no_job(void **state)
{
    _Alignas(8) char memory[16] = "abcdefghijklmno";
    struct fake *f = *state;

    fake_select(f, "talker");
    for (unsigned shift = 0; shift < 8; shift++)
        assert_true(engine_hear(f->engine, 1, "talker", memory + shift, 8));
    assert_int_equal(fake_said(f, "'h'-'o' of 1, sees"), 1);
    assert_int_equal(fake_said(f, "WRONG"), 0);
}

static void it_may_answer_at_once(void **state)
{
    struct fake *f = *state;

    fake_select(f, "talker");
    assert_true(engine_hear(f->engine, 3, "talker", "!?", 2));
    assert_string_equal(f->told, "3 of talker: 4 bytes, first 0");
}

/* Only the current instance hears, not one that ends its decisions. */
static void a_message_is_for_who_decides_now(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "talker", "script", "F1 L", "mark", "1");
    fake_begin(f, &j, 0);
    fake_select(f, "talker", "mark", "2");
    assert_true(engine_hear(f->engine, 1, "talker", "x", 1));
    assert_int_equal(fake_said(f, "1 heard"), 0);
    assert_int_equal(fake_said(f, "2 heard"), 1);
    fake_select(f, "scripted");
    assert_false(engine_hear(f->engine, 1, "talker", "x", 1));
    decision_refused(&j.decision);
    fake_end(&j, P2P_OUT_RAN);
    assert_int_equal(f->heard, 1);
}

enum { HEARERS = 3, MESSAGES = 2000 };

struct hearer {
    pthread_t thread;
    struct engine *engine;
    unsigned heard;
};

static void *hear_many(void *arg)
{
    struct hearer *h = arg;

    for (unsigned i = 0; i < MESSAGES; i++)
        h->heard += engine_hear(h->engine, 1, "talker", bytes, 1 + i % P2P_MESSAGE_MAX);
    return NULL;
}

static void what_was_heard_was_heard_whatever_is_selected_meanwhile(void **state)
{
    struct fake *f = *state;
    struct hearer hearers[HEARERS];
    unsigned heard = 0;

    fake_select(f, "talker");
    for (int i = 0; i < HEARERS; i++) {
        hearers[i] = (struct hearer){.engine = f->engine};
        assert_int_equal(pthread_create(&hearers[i].thread, NULL, hear_many, &hearers[i]), 0);
    }
    for (int i = 0; i < 100; i++) {
        fake_select(f, i % 2 ? "talker" : "scripted");
        sched_yield();
    }
    for (int i = 0; i < HEARERS; i++) {
        pthread_join(hearers[i].thread, NULL);
        heard += hearers[i].heard;
    }
    assert_int_equal(f->heard, heard);
}

/* ---- told ---- */

static void a_scheduler_tells_under_its_own_name(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "ScriptedScheduler", "", "T2/5", "", "0");
    assert_string_equal(fake_run(f, &j), "run ");
    assert_string_equal(f->told, "2 of scripted: 5 bytes, first 104");
    assert_int_equal(fake_said(f, "told 2: yes\n"), 1);
}

static void only_1_to_1024_bytes_can_be_told(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "T1/0");
    fake_run(f, &j);
    fake_select(f, "scripted", "script", "T1/1025");
    fake_run(f, &j);
    assert_int_equal(fake_said(f, "told 1: no\n"), 2);
    assert_int_equal(f->n_told, 0);
    fake_select(f, "scripted", "script", "T1/1024");
    fake_run(f, &j);
    assert_int_equal(fake_said(f, "told 1: yes\n"), 1);
    assert_int_equal(f->n_told, 1);
}

static void a_scheduler_learns_that_it_was_not_told(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    f->deaf = true;
    fake_select(f, "scripted", "script", "T1/4");
    assert_string_equal(fake_run(f, &j), "run ");
    assert_int_equal(fake_said(f, "told 1: no\n"), 1);
}

/* Every instance here tries it: the world would see that the lock is not held. */
static void nothing_is_told_in_init_and_fini(void **state)
{
    struct fake *f = *state;

    fake_select(f, "talker");
    fake_select(f, "scripted");
    assert_int_equal(f->finis, 1);
    assert_int_equal(fake_said(f, "told in"), 0);
    assert_int_equal(f->n_told, 0);
}

/* ---- names ---- */

static void names_come_from_the_world(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "N");
    fake_run(f, &j);
    assert_int_equal(fake_said(f, "function resize, none NULL; here 192.0.2.100:18080, "
                                  "peer 192.0.2.1:18080, none NULL\n"),
                     1);
}

/* ---- probe slots ---- */

static uint32_t slots_of(struct fake *f, const char *wants)
{
    struct fake_job j;
    uint32_t slots;

    if (wants)
        fake_select(f, "talker", "script", "F1", "wants", wants);
    else
        fake_select(f, "scripted", "script", "F1");
    fake_begin(f, &j, 0);
    slots = j.decision.rq.probe_cap;
    fake_end(&j, P2P_OUT_FORWARDED);
    return slots;
}

static void an_instance_has_the_probe_slots_that_it_wants(void **state)
{
    struct fake *f = *state;

    assert_int_equal(slots_of(f, "0"), 0);
    assert_int_equal(slots_of(f, "1"), 1);
    assert_int_equal(slots_of(f, "8"), 8);
    assert_int_equal(slots_of(f, "9"), 8); /* no more than its table says */
    assert_int_equal(slots_of(f, "100"), 8);
    assert_int_equal(slots_of(f, NULL), 8); /* nobody asks it */
}

static void more_probes_than_slots_are_misbehaviour(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "talker", "script", "P2 L", "wants", "2");
    fake_begin(f, &j, 0);
    assert_string_equal(j.trace, "timer+5000 probe2 ");
    fake_answer(&j, 0, 1);
    fake_answer(&j, 1, 1);
    fake_end(&j, P2P_OUT_RAN);
    fake_select(f, "talker", "script", "P3 R", "wants", "2");
    assert_string_equal(fake_run(f, &j), "run ");
    assert_int_equal(fake_stats(f).misbehaved[MISBEHAVED_PROBES], 1);
}

/* ---- ranks ---- */

static void the_rank_goes_through(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "scripted", "script", "X0/0/7");
    assert_string_equal(fake_run(f, &j), "run@7 ");
    fake_select(f, "scripted", "script", "X0/0/18446744073709551615");
    assert_string_equal(fake_run(f, &j), "run@18446744073709551615 ");
    fake_select(f, "scripted", "script", "X0/1/5");
    assert_string_equal(fake_run(f, &j), "run_now@5 ");
    fake_select(f, "scripted", "script", "X0/2/5");
    assert_string_equal(fake_run(f, &j), "run "); /* no such flag: the fallback has no rank */
    fake_select(f, "scripted", "script", "L");
    assert_string_equal(fake_run(f, &j), "run ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup_teardown(t, fake_setup, fake_teardown)
        T(who_has_the_same_name_hears),
        T(another_name_is_not_heard),
        T(who_does_not_listen_hears_nothing),
        T(a_message_has_1_to_1024_bytes),
        T(it_is_aligned_and_there_is_no_job),
        T(it_may_answer_at_once),
        T(a_message_is_for_who_decides_now),
        T(what_was_heard_was_heard_whatever_is_selected_meanwhile),
        T(a_scheduler_tells_under_its_own_name),
        T(only_1_to_1024_bytes_can_be_told),
        T(a_scheduler_learns_that_it_was_not_told),
        T(nothing_is_told_in_init_and_fini),
        T(names_come_from_the_world),
        T(an_instance_has_the_probe_slots_that_it_wants),
        T(more_probes_than_slots_are_misbehaviour),
        T(the_rank_goes_through),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
