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

/* ---- probes */

/* The next to be pinged; the clock stands at that moment. */
static unsigned next_pinged(struct one *o)
{
    one_forget_sent(o);
    for (unsigned i = 0; i < 1000; i++) {
        one_run(o, 10 * MS);
        for (unsigned j = 0; j < o->n_sent; j++)
            if (one_count(o, (int)o->sent[j].to, MESSAGE_PING))
                return o->sent[j].to;
    }
    fail_msg("nobody was pinged");
    return 0;
}

static void answer_all_pings(struct one *o)
{
    unsigned n = o->n_sent;

    for (unsigned i = 0; i < n; i++) {
        unsigned to = o->sent[i].to;

        if (one_count(o, (int)to, MESSAGE_PING))
            one_ack(o, to, one_last_seq(o, (int)to, MESSAGE_PING));
    }
}

static void test_each_has_its_turn_once_in_a_round(void **state)
{
    enum { N = 9, ROUNDS = 20 };
    unsigned turns[N + 1] = {0}, last[N + 1] = {0}, orders = 0, first = 0;
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, N);
    for (unsigned i = 0; i < N * ROUNDS; i++) {
        unsigned who = next_pinged(o);

        answer_all_pings(o);
        assert_true(who >= 1 && who <= N);
        assert_true(turns[who] == 0 || i - last[who] <= 2 * N - 1);
        last[who] = i;
        turns[who]++;
        if (i % N == 0)
            orders += who != first;
        if (i % N == 0)
            first = who;
    }
    for (unsigned i = 1; i <= N; i++)
        assert_int_equal(turns[i], ROUNDS);
    assert_true(orders > ROUNDS / 2);
    assert_int_equal(one_stats(o).probes_ok, N * ROUNDS);
    assert_int_equal(one_stats(o).suspicions, 0);
}

static void test_an_answer_gives_the_round_trip(void **state)
{
    struct one *o = *state;
    struct swim_address a;
    unsigned who;

    one_start(o, 1);
    one_meet(o, 1);
    who = next_pinged(o);
    a = net_address(who);
    o->now += 8 * MS;
    answer_all_pings(o);
    assert_true(swim_find(o->s, &a)->rtt_ns >= 8 * MS);
    assert_true(swim_find(o->s, &a)->rtt_ns <= 18 * MS);
    assert_int_equal(o->n_heard, 1);
    one_ack(o, who, one_last_seq(o, (int)who, MESSAGE_PING));
    assert_int_equal(one_stats(o).probes_ok, 1);
}

static void test_a_silent_member_is_asked_for_through_three_others(void **state)
{
    struct swim_reader body;
    struct swim_address target;
    struct one *o = *state;
    unsigned who, asked = 0;

    one_start(o, 1);
    one_meet(o, 9);
    who = next_pinged(o);
    one_run(o, 480 * MS);
    assert_int_equal(one_count(o, NOBODY, MESSAGE_ASK), 0);
    one_run(o, 20 * MS);
    assert_int_equal(one_count(o, NOBODY, MESSAGE_ASK), 3);
    for (unsigned i = 1; i <= 9; i++) {
        if (!one_count(o, (int)i, MESSAGE_ASK))
            continue;
        assert_int_not_equal(i, who);
        assert_int_equal(one_count(o, (int)i, MESSAGE_ASK), 1);
        body = one_last(o, (int)i, MESSAGE_ASK);
        assert_int_equal(swim_get_u32(&body), one_last_seq(o, NOBODY, MESSAGE_ASK));
        swim_get_address(&body, &target);
        assert_int_equal(net_index(&target), who);
        asked = i;
    }
    one_ack(o, asked, one_last_seq(o, NOBODY, MESSAGE_ASK));
    assert_int_equal(one_stats(o).probes_indirect, 1);
    assert_int_equal(one_stats(o).probes_ok, 1);
    target = net_address(who);
    assert_int_equal(swim_find(o->s, &target)->rtt_ns, 0);
}

/* One probe fails, of which so many say that they tried. */
static void fail_a_probe_with(struct one *o, unsigned nacks)
{
    unsigned who = next_pinged(o), said = 0;

    one_run(o, 510 * MS);
    for (unsigned i = 1; i <= 9 && said < nacks; i++) {
        if (i == who || !one_count(o, (int)i, MESSAGE_ASK))
            continue;
        one_begin(o, i);
        swim_put_number(&o->out.w, MESSAGE_NACK, one_last_seq(o, (int)i, MESSAGE_ASK));
        one_end(o);
        said++;
    }
    assert_int_equal(said, nacks);
    assert_int_equal(one_stats(o).probes_failed, 0);
    one_run(o, 500 * MS);
    assert_int_equal(one_stats(o).probes_failed, 1);
    assert_int_equal(one_sees(o, who), SWIM_SUSPECT);
}

static void test_nacks_that_are_missing_tell_of_the_own_health(void **state)
{
    struct one *o = *state;

    /* Only one probe is looked at. */
    o->settings.probe_interval_ms = 1400;
    for (unsigned nacks = 0; nacks <= 3; nacks++) {
        one_start(o, 1);
        one_meet(o, 9);
        fail_a_probe_with(o, nacks);
        assert_int_equal(one_stats(o).health, 3 - nacks);
        if (nacks < 3)
            swim_free(o->s);
    }
}

static void test_without_others_a_failure_counts_against_the_own_health(void **state)
{
    struct one *o = *state;
    unsigned pings;
    uint64_t since;

    one_start(o, 1);
    one_meet(o, 1);
    next_pinged(o);
    one_run(o, 1010 * MS);
    assert_int_equal(one_sees(o, 1), SWIM_SUSPECT);
    assert_true(one_stats(o).health >= 1);
    one_run(o, 4 * SECOND);
    assert_true(one_stats(o).health >= 2);
    /* The worse it is the slower it probes; at worst 8 times. */
    for (unsigned i = 0; i < 10; i++)
        swim_health(o->s, 1);
    assert_int_equal(one_stats(o).health, 7);
    one_hear_of(o, 1, 1, SWIM_ALIVE, 9, NOBODY);
    since = o->now;
    for (pings = 0; pings < 7; pings++) {
        next_pinged(o);
        answer_all_pings(o);
    }
    assert_int_equal(one_stats(o).health, 0);
    assert_true(o->now - since > (7 + 6 + 5 + 4 + 3 + 2) * SECOND / 2);
    swim_health(o->s, -5);
    assert_int_equal(one_stats(o).health, 0);
}

static void test_a_probe_for_another_is_answered_with_ack_or_nack(void **state)
{
    struct swim_address target = net_address(2), unknown = net_address(77);
    struct one *o = *state;
    uint32_t seq;

    one_start(o, 1);
    one_meet(o, 3);
    one_forget_sent(o);
    one_begin(o, 1);
    swim_put_target(&o->out.w, MESSAGE_ASK, 4711, &target);
    swim_put_target(&o->out.w, MESSAGE_ASK, 4712, &unknown);
    one_end(o);
    assert_int_equal(one_count(o, 2, MESSAGE_PING), 1);
    assert_int_equal(one_count(o, 77, MESSAGE_PING), 0);
    seq = one_last_seq(o, 2, MESSAGE_PING);
    one_ack(o, 2, seq);
    assert_int_equal(one_count(o, 1, MESSAGE_ACK), 1);
    assert_int_equal(one_last_seq(o, 1, MESSAGE_ACK), 4711);
    one_run(o, SECOND);
    assert_int_equal(one_count(o, 1, MESSAGE_NACK), 0);

    one_begin(o, 1);
    swim_put_target(&o->out.w, MESSAGE_ASK, 4713, &target);
    one_end(o);
    one_run(o, 390 * MS);
    assert_int_equal(one_count(o, 1, MESSAGE_NACK), 0);
    one_run(o, 20 * MS); /* sooner than the asker gives up */
    assert_int_equal(one_count(o, 1, MESSAGE_NACK), 1);
    assert_int_equal(one_last_seq(o, 1, MESSAGE_NACK), 4713);
    /* A stranger gets nothing done. */
    one_forget_sent(o);
    one_begin(o, 50);
    swim_put_target(&o->out.w, MESSAGE_ASK, 1, &target);
    one_end(o);
    assert_int_equal(o->n_sent, 0);
}

static void test_relays_are_bounded(void **state)
{
    struct swim_address target = net_address(2);
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 3);
    one_forget_sent(o);
    for (unsigned i = 0; i < 10; i++) {
        one_begin(o, 1);
        for (unsigned j = 0; j < 20; j++)
            swim_put_target(&o->out.w, MESSAGE_ASK, i * 20 + j, &target);
        one_end(o);
    }
    assert_int_equal(one_count(o, 2, MESSAGE_PING), SWIM_RELAYS);
}

/* ---- evidence */

static uint64_t until_dead(struct one *o, unsigned node)
{
    uint64_t since = o->now;

    while (one_sees(o, node) == SWIM_SUSPECT)
        one_run(o, 10 * MS);
    assert_int_equal(one_sees(o, node), SWIM_DEAD);
    return (o->now - since) / MS;
}

static void test_a_failed_call_is_looked_into_at_once(void **state)
{
    struct swim_address two = net_address(2), unknown = net_address(99);
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 8);
    one_forget_sent(o);
    swim_evidence(o->s, &unknown, SWIM_FAILED, o->now);
    assert_int_equal(o->n_sent, 0);
    swim_evidence(o->s, &two, SWIM_FAILED, o->now);
    assert_int_equal(one_count(o, 2, MESSAGE_PING), 1);
    assert_int_equal(one_count(o, NOBODY, MESSAGE_ASK), 3);
    swim_evidence(o->s, &two, SWIM_FAILED, o->now);
    assert_int_equal(one_count(o, 2, MESSAGE_PING), 1);
    one_run(o, 510 * MS);
    assert_int_equal(one_sees(o, 2), SWIM_SUSPECT);
}

static void test_an_answered_call_ends_the_doubt(void **state)
{
    struct swim_address two = net_address(2);
    struct one *o = *state;
    uint64_t took;

    o->settings.probe_timeout_ms = 60000;
    one_start(o, 1);
    one_meet(o, 8);
    swim_evidence(o->s, &two, SWIM_FAILED, o->now);
    swim_evidence(o->s, &two, SWIM_ANSWERED, o->now);
    one_run(o, 600 * MS);
    assert_int_equal(one_sees(o, 2), SWIM_ALIVE);
    for (unsigned i = 3; i <= 5; i++)
        one_hear_of(o, 1, 2, SWIM_SUSPECT, 1, (int)i);
    one_run(o, 1900 * MS);
    one_forget_sent(o);
    swim_evidence(o->s, &two, SWIM_ANSWERED, o->now);
    assert_int_equal(one_count(o, 2, MESSAGE_PING), 1); /* told, so that it can refute */
    swim_evidence(o->s, &two, SWIM_ANSWERED, o->now);
    assert_int_equal(one_count(o, 2, MESSAGE_PING), 1);
    took = until_dead(o, 2);
    assert_true(took > 11900);
}

static void test_a_dead_member_that_answered_is_asked_to_refute(void **state)
{
    struct swim_address two = net_address(2);
    struct swim_record record;
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 8);
    one_hear_of(o, 1, 2, SWIM_DEAD, 1, NOBODY);
    one_forget_sent(o);
    swim_evidence(o->s, &two, SWIM_FAILED, o->now);
    assert_int_equal(o->n_sent, 0);
    swim_evidence(o->s, &two, SWIM_ANSWERED, o->now);
    assert_int_equal(one_count(o, 2, MESSAGE_PING), 1);
    assert_true(one_told(o, 2, 2, &record));
    assert_int_equal(record.m.state, SWIM_DEAD);
    assert_int_equal(one_sees(o, 2), SWIM_DEAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
        T(test_each_has_its_turn_once_in_a_round),
        T(test_an_answer_gives_the_round_trip),
        T(test_a_silent_member_is_asked_for_through_three_others),
        T(test_nacks_that_are_missing_tell_of_the_own_health),
        T(test_without_others_a_failure_counts_against_the_own_health),
        T(test_a_probe_for_another_is_answered_with_ack_or_nack),
        T(test_relays_are_bounded),
        T(test_a_failed_call_is_looked_into_at_once),
        T(test_an_answered_call_ends_the_doubt),
        T(test_a_dead_member_that_answered_is_asked_to_refute),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
