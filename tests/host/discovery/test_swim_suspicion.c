#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/discovery/support_one.h"

static int setup(void **state)
{
    struct one *o = malloc(sizeof(*o));

    if (!o)
        return -1;
    one_init(o);
    *state = o;
    return 0;
}

static int teardown(void **state)
{
    one_release(*state);
    free(*state);
    return 0;
}

/* ---- formulas, against values worked out by hand from memberlist's */

static void test_suspicion_bounds_follow_the_table(void **state)
{
    /* members, k, shortest in ms at mult 4 and 1 s */
    static const struct {
        uint32_t members, k, shortest_ms;
    } table[] = {{1, 0, 4000},  {2, 0, 4000},  {3, 0, 4000},   {4, 2, 4000},    {8, 2, 4000},
                 {10, 2, 4000}, {50, 2, 6795}, {100, 2, 8000}, {500, 2, 10795}, {1000, 2, 12000}};
    struct one *o = *state;
    struct swim_settings s = o->settings;

    one_start(o, 1);
    s.probe_interval_ms = 1000;
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        uint64_t shortest, longest;
        uint32_t k;

        swim_suspicion_bounds(&s, table[i].members, &k, &shortest, &longest);
        assert_int_equal(k, table[i].k);
        assert_int_equal(shortest / MS, table[i].shortest_ms);
        assert_int_equal(longest, 6 * shortest);
    }
    s.suspicion_mult = 2;
    for (uint32_t n = 1; n < 100; n++) {
        uint64_t shortest, longest;
        uint32_t k;

        swim_suspicion_bounds(&s, n, &k, &shortest, &longest);
        assert_int_equal(k, 0);
    }
}

static void test_suspicion_shrinks_with_confirmations(void **state)
{
    /* k = 3, from 2 s to 30 s: 30 - log(c + 1) / log(4) * 28 */
    static const uint64_t k3[] = {30000, 16000, 7810, 2000, 2000};
    /* k = 2, from 2 s to 12 s: the defaults at up to 10 members */
    static const uint64_t k2[] = {12000, 5690, 2000};
    struct one *o = *state;

    one_start(o, 1);
    for (uint32_t c = 0; c < 5; c++)
        assert_int_equal(swim_suspicion_length(c, 3, 2 * SECOND, 30 * SECOND) / MS, k3[c]);
    for (uint32_t c = 0; c < 3; c++)
        assert_int_equal(swim_suspicion_length(c, 2, 2 * SECOND, 12 * SECOND) / MS, k2[c]);
    assert_int_equal(swim_suspicion_length(0, 0, 2 * SECOND, 30 * SECOND), 2 * SECOND);
}

static void test_full_exchanges_get_rarer_above_32_members(void **state)
{
    static const uint32_t table[][2] = {{1, 1},  {32, 1},  {33, 2},   {64, 2},
                                        {65, 3}, {128, 3}, {1000, 6}, {1024, 6}};
    struct one *o = *state;

    one_start(o, 1);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(swim_exchange_scale(table[i][0]), table[i][1]);
}

/* ---- suspicion */

static uint64_t until_dead(struct one *o, unsigned node)
{
    uint64_t since = o->now;

    while (one_sees(o, node) == SWIM_SUSPECT)
        one_run(o, 10 * MS);
    assert_int_equal(one_sees(o, node), SWIM_DEAD);
    return (o->now - since) / MS;
}

static void test_confirmations_of_different_members_shorten_a_suspicion(void **state)
{
    static const uint64_t want_ms[] = {12000, 5690, 2000, 2000};
    struct one *o = *state;

    /* Own probes do not come between. */
    o->settings.probe_timeout_ms = 60000;
    for (unsigned confirmations = 0; confirmations < 4; confirmations++) {
        uint64_t took;

        one_start(o, 1);
        one_meet(o, 8);
        one_hear_of(o, 1, 2, SWIM_SUSPECT, 1, 3);
        for (unsigned i = 0; i < confirmations; i++) {
            one_hear_of(o, 1, 2, SWIM_SUSPECT, 1, 4 + (int)i);
            one_hear_of(o, 1, 2, SWIM_SUSPECT, 1, 4 + (int)i); /* again: counts once */
            one_hear_of(o, 1, 2, SWIM_SUSPECT, 1, NOBODY);
        }
        took = until_dead(o, 2);
        assert_true(took >= want_ms[confirmations] && took <= want_ms[confirmations] + 20);
        assert_int_equal(one_stats(o).deaths, 1);
        swim_free(o->s);
        o->s = NULL;
        one_forget_sent(o);
    }
}

static void test_a_refutation_clears_and_is_counted(void **state)
{
    struct swim_entry alive = one_entry(2, SWIM_ALIVE, 2);
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 8);
    one_hear_of(o, 1, 2, SWIM_SUSPECT, 1, 3);
    alive.refutes = true;
    one_hear(o, 2, &alive);
    assert_int_equal(one_sees(o, 2), SWIM_ALIVE);
    assert_int_equal(one_stats(o).false_suspicions, 1);
    /* A new life is no refutation. */
    one_hear_of(o, 1, 2, SWIM_DEAD, 2, NOBODY);
    one_hear_of(o, 1, 2, SWIM_ALIVE, 3, NOBODY);
    assert_int_equal(one_stats(o).false_deaths, 0);
    one_hear_of(o, 1, 2, SWIM_DEAD, 3, NOBODY);
    alive.m.incarnation = 4;
    one_hear(o, 2, &alive);
    assert_int_equal(one_stats(o).false_deaths, 1);
}

static void test_who_was_slow_to_refute_gets_more_time_for_a_while(void **state)
{
    struct swim_entry alive = one_entry(2, SWIM_ALIVE, 2);
    struct one *o = *state;
    uint64_t took;

    o->settings.probe_timeout_ms = 60000;
    one_start(o, 1);
    one_meet(o, 8);
    for (unsigned i = 3; i <= 5; i++)
        one_hear_of(o, 1, 2, SWIM_SUSPECT, 1, (int)i);
    took = until_dead(o, 2);
    assert_true(took <= 2020);
    one_run(o, SECOND);
    alive.refutes = true;
    one_hear(o, 2, &alive);
    for (unsigned i = 3; i <= 5; i++)
        one_hear_of(o, 1, 2, SWIM_SUSPECT, 2, (int)i);
    took = until_dead(o, 2);
    assert_true(took >= 4500 && took <= 4560); /* one and a half times 3 s */
    alive.m.incarnation = 3;
    alive.refutes = false;
    one_hear(o, 2, &alive);
    o->now += SWIM_FORGIVE_NS;
    for (unsigned i = 3; i <= 5; i++)
        one_hear_of(o, 1, 2, SWIM_SUSPECT, 3, (int)i);
    took = until_dead(o, 2);
    assert_true(took <= 2020);
}

static void test_who_was_stopped_for_a_while_buries_nobody_for_that(void **state)
{
    struct one *o = *state;
    uint64_t took;

    one_start(o, 1);
    one_meet(o, 8);
    for (unsigned i = 3; i <= 5; i++)
        one_hear_of(o, 1, 2, SWIM_SUSPECT, 1, (int)i);
    one_run(o, 600 * MS);
    o->now += 3600 * SECOND;
    one_hear_of(o, 1, 3, SWIM_SUSPECT, 1, 4); /* begun after the gap: not shifted */
    assert_true(o->s->suspects.all[1]->counted_ns <= o->now);
    one_run(o, MS);
    assert_int_equal(one_sees(o, 2), SWIM_SUSPECT);
    assert_int_equal(one_stats(o).probes_failed, 0);
    assert_int_equal(one_stats(o).health, 1);
    took = until_dead(o, 2);
    assert_true(took >= 900 && took <= 1420);
}

static void test_a_late_answer_starts_the_suspicion_anew(void **state)
{
    struct one *o = *state;
    uint32_t seq;
    uint64_t took;

    one_start(o, 1);
    one_meet(o, 8);
    one_hear_of(o, 1, 2, SWIM_SUSPECT, 1, 3);
    one_hear_of(o, 1, 2, SWIM_SUSPECT, 1, 4);
    one_hear_of(o, 1, 2, SWIM_SUSPECT, 1, 5);
    while (one_count(o, 2, MESSAGE_PING) == 0)
        one_run(o, 10 * MS);
    seq = one_last_seq(o, 2, MESSAGE_PING);
    one_run(o, 1010 * MS); /* it failed */
    assert_int_equal(one_sees(o, 2), SWIM_SUSPECT);
    one_ack(o, 2, seq);
    one_ack(o, 3, seq - 5000); /* not one of ours: nothing */
    took = until_dead(o, 2);
    assert_true(took > 1900);
}

static void test_those_who_hear_of_a_suspect_look_for_themselves(void **state)
{
    struct swim_record record;
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 5); /* few: each of them looks */
    one_forget_sent(o);
    one_hear_of(o, 1, 2, SWIM_SUSPECT, 1, 3);
    assert_int_equal(one_count(o, 2, MESSAGE_PING), 1);
    assert_true(one_told(o, 2, 2, &record)); /* so it learns what it is accused of */
    assert_int_equal(record.m.state, SWIM_SUSPECT);
    assert_int_equal(net_index(&record.accuser), 3);
    one_run(o, 1010 * MS);
    assert_true(one_told(o, NOBODY, 2, &record));
    assert_int_equal(net_index(&record.accuser), 0); /* its own finding goes round */
}

static void test_of_many_only_a_few_look(void **state)
{
    struct one *o = *state;
    unsigned looked = 0;

    o->settings.probe_interval_ms = 3600000;
    one_start(o, 1);
    one_meet(o, 600);
    one_forget_sent(o);
    for (unsigned i = 2; i < 600; i++) {
        one_hear_of(o, 1, i, SWIM_SUSPECT, 1, 1);
        looked += one_count(o, (int)i, MESSAGE_PING) > 0;
    }
    assert_true(looked > 0 && looked < 25); /* 6 of 600 each time */
}

/* ---- the dead */

static void test_the_dead_are_tried_forever_at_a_falling_rate(void **state)
{
    struct swim_record record;
    struct one *o = *state;
    unsigned first_minute, later;

    one_start(o, 1);
    one_meet(o, 1);
    one_hear_of(o, 1, 1, SWIM_DEAD, 1, NOBODY);
    one_forget_sent(o);
    one_run(o, 60 * SECOND);
    first_minute = one_count(o, 1, MESSAGE_PING);
    assert_true(first_minute >= 5 && first_minute <= 8); /* 1, 2, 4, …: doubling */
    assert_true(one_told(o, 1, 1, &record));
    assert_int_equal(record.m.state, SWIM_DEAD);
    one_run(o, 3600 * SECOND);
    one_forget_sent(o);
    one_run(o, 3600 * SECOND);
    later = one_count(o, 1, MESSAGE_PING);
    assert_true(later >= 50 && later <= 72);
    assert_int_equal(one_sees(o, 1), SWIM_DEAD);
    one_forget_sent(o);
    one_hear_of(o, 1, 1, SWIM_ALIVE, 2, NOBODY);
    assert_int_equal(one_sees(o, 1), SWIM_ALIVE);
    one_run(o, SECOND);
    assert_int_equal(o->n_exchanges, 1); /* it missed what was said meanwhile */
    assert_int_equal(o->exchanges[0].to, 1);
}

static void test_many_dead_are_no_burst(void **state)
{
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 500);
    for (unsigned i = 1; i <= 500; i++)
        one_hear_of(o, 1, i, SWIM_DEAD, 1, NOBODY);
    one_forget_sent(o);
    one_run(o, 10 * SECOND);
    assert_true(one_count(o, NOBODY, MESSAGE_PING) <= 101);
    assert_true(one_count(o, NOBODY, MESSAGE_PING) >= 90);
}

static void test_who_left_is_not_tried(void **state)
{
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 1);
    one_hear_of(o, 1, 1, SWIM_LEFT, 1, NOBODY);
    one_forget_sent(o);
    one_run(o, 600 * SECOND);
    assert_int_equal(o->n_sent, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
        T(test_suspicion_bounds_follow_the_table),
        T(test_suspicion_shrinks_with_confirmations),
        T(test_full_exchanges_get_rarer_above_32_members),
        T(test_confirmations_of_different_members_shorten_a_suspicion),
        T(test_a_refutation_clears_and_is_counted),
        T(test_who_was_slow_to_refute_gets_more_time_for_a_while),
        T(test_who_was_stopped_for_a_while_buries_nobody_for_that),
        T(test_a_late_answer_starts_the_suspicion_anew),
        T(test_those_who_hear_of_a_suspect_look_for_themselves),
        T(test_of_many_only_a_few_look),
        T(test_the_dead_are_tried_forever_at_a_falling_rate),
        T(test_many_dead_are_no_burst),
        T(test_who_left_is_not_tried),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
