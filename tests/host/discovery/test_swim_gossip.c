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

static void test_the_transmit_limit_follows_the_table(void **state)
{
    static const uint32_t table[][2] = {{1, 4},    {8, 4},    {9, 4},     {10, 8},   {99, 8},
                                        {100, 12}, {999, 12}, {1000, 16}, {9999, 16}};
    struct one *o = *state;

    one_start(o, 1);
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        assert_int_equal(swim_transmit_limit(4, table[i][0]), table[i][1]);
    assert_int_equal(swim_transmit_limit(64, 1000000), SWIM_TRANSMITS_MOST);
}

static void test_news_are_told_as_often_as_the_limit_and_then_no_more(void **state)
{
    struct one *o = *state;

    for (unsigned n = 3; n <= 30; n += 27) {
        o->settings.probe_interval_ms = 3600000;
        one_start(o, 1);
        one_meet(o, n);
        one_forget_sent(o);
        one_hear_of(o, 1, 2, SWIM_ALIVE, 5, NOBODY);
        one_run(o, 5 * SECOND);
        assert_int_equal(one_count_told(o, 2), swim_transmit_limit(4, n + 1));
        swim_free(o->s);
        o->s = NULL;
    }
}

static void test_what_is_told_to_a_suspect_does_not_count(void **state)
{
    struct one *o = *state;
    unsigned told;

    o->settings.probe_timeout_ms = 60000;
    one_start(o, 1);
    one_meet(o, 1);
    one_hear_of(o, 1, 1, SWIM_SUSPECT, 1, NOBODY);
    one_forget_sent(o);
    one_run(o, SECOND);
    assert_true(one_count_told(o, 1) > swim_transmit_limit(4, 2));
    one_hear_of(o, 1, 1, SWIM_ALIVE, 2, NOBODY);
    one_forget_sent(o);
    one_run(o, 5 * SECOND);
    told = one_count_told(o, 1);
    assert_int_equal(told, swim_transmit_limit(4, 2));
    /* A goodbye does not wait for better times. */
    one_hear_of(o, 1, 1, SWIM_SUSPECT, 2, NOBODY);
    swim_leave(o->s, o->now);
    one_run(o, 2 * SECOND);
    assert_true(swim_gone(o->s));
}

static void test_newer_news_of_a_member_replace_what_is_being_told(void **state)
{
    struct swim_record record;
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 30);
    for (uint32_t incarnation = 2; incarnation < 50; incarnation++)
        one_hear_of(o, 1, 2, SWIM_ALIVE, incarnation, NOBODY);
    one_forget_sent(o);
    one_run(o, 300 * MS);
    assert_true(one_told(o, NOBODY, 2, &record));
    assert_int_equal(record.m.incarnation, 49);
    assert_true(one_count_told(o, 2) <= 8);
}

static void test_what_was_told_least_goes_first(void **state)
{
    struct one *o = *state;
    struct swim_packet p;

    one_start(o, 1);
    one_meet(o, 30);
    one_hear_of(o, 1, 2, SWIM_ALIVE, 5, NOBODY);
    swim_packet_begin(o->s, &p, NULL);
    swim_packet_fill(o->s, &p, NULL);
    one_hear_of(o, 1, 3, SWIM_ALIVE, 5, NOBODY);
    assert_int_equal(o->s->queue[1]->m.address.ip[15], 3);
    assert_int_equal(o->s->queue[0]->m.address.ip[15], 4);
    assert_int_equal(o->s->n_queued, 2);
}

/* The heads and the records of others, in datagrams of any size. */
static void test_more_news_than_a_datagram_holds_go_into_several(void **state)
{
    struct one *o = *state;

    o->settings.datagram = 2 * SWIM_RECORD_MOST;
    o->settings.probe_interval_ms = 3600000;
    one_start(o, 1);
    one_meet(o, 99);
    one_forget_sent(o);
    for (unsigned i = 1; i <= 99; i++)
        one_hear_of(o, 1, i, SWIM_ALIVE, 2, NOBODY);
    one_run(o, 60 * SECOND);
    assert_int_equal(o->s->n_queued, 0);
    for (unsigned i = 1; i <= 99; i++)
        assert_true(one_count_told(o, i) > 0);
}

static void test_gossip_goes_to_three_and_only_with_something_to_say(void **state)
{
    struct one *o = *state;

    o->settings.probe_interval_ms = 3600000;
    one_start(o, 1);
    one_meet(o, 9);
    one_run(o, 10 * SECOND);
    one_forget_sent(o);
    one_run(o, 10 * SECOND);
    assert_int_equal(o->n_sent, 0);
    swim_set_load(o->s, 1, 0, 4);
    one_run(o, MS);
    assert_int_equal(o->n_sent, 3);
    assert_true(o->sent[0].to != o->sent[1].to && o->sent[1].to != o->sent[2].to &&
                o->sent[0].to != o->sent[2].to);
    assert_int_equal(one_count(o, NOBODY, MESSAGE_OWN_LOAD), 3);
    swim_set_load(o->s, 1, 0, 4);
    one_run(o, SECOND);
    assert_int_equal(o->n_sent, 3);
    swim_set_load(o->s, 2, 0, 4);
    swim_set_load(o->s, 3, 0, 4);
    one_run(o, SECOND);
    assert_int_equal(o->n_sent, 6);
}

static void test_the_recently_dead_are_told_too(void **state)
{
    struct swim_record record;
    struct one *o = *state;

    o->settings.probe_interval_ms = 3600000;
    o->settings.retry_first_ms = 3600000;
    o->settings.retry_most_ms = 3600000;
    one_start(o, 1);
    one_meet(o, 3);
    one_hear_of(o, 1, 2, SWIM_DEAD, 1, NOBODY);
    one_forget_sent(o);
    for (unsigned i = 0; i < 50; i++) {
        swim_set_load(o->s, i, 0, 4);
        one_run(o, 200 * MS);
    }
    assert_true(one_told(o, 2, 2, &record));
    assert_int_equal(record.m.state, SWIM_DEAD);
    one_run(o, 30 * SECOND);
    one_forget_sent(o);
    for (unsigned i = 100; i < 150; i++) {
        swim_set_load(o->s, i, 0, 4);
        one_run(o, 200 * MS);
    }
    assert_false(one_told(o, 2, 2, &record));
}

/* ---- loads */

static struct swim_load load_of(const struct one *o, unsigned node)
{
    struct swim_address a = net_address(node);
    const struct swim_member *m = swim_find(o->s, &a);

    assert_non_null(m);
    return m->load;
}

static void hear_load(struct one *o, unsigned speaker, unsigned about, uint64_t age_ms,
                      uint32_t load)
{
    struct swim_member m = {.address = net_address(about),
                            .load = {.load = load, .queue = 2, .slots = 3}};

    m.load.heard_ns = o->now - age_ms * MS;
    one_begin(o, speaker);
    assert_true(swim_put_load(&o->out.w, &m, o->now));
    one_end(o);
}

static void test_loads_of_others_come_with_their_age(void **state)
{
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 9);
    assert_int_equal(load_of(o, 2).heard_ns, 0);
    hear_load(o, 1, 2, 500, 7);
    assert_int_equal(load_of(o, 2).load, 7);
    assert_int_equal(load_of(o, 2).queue, 2);
    assert_int_equal(load_of(o, 2).slots, 3);
    assert_int_equal(load_of(o, 2).heard_ns, o->now - 501 * MS);
    hear_load(o, 1, 2, 600, 8); /* older than what is held */
    assert_int_equal(load_of(o, 2).load, 7);
    hear_load(o, 1, 2, 100, 9);
    assert_int_equal(load_of(o, 2).load, 9);
    assert_int_equal(o->n_heard, 2);
    hear_load(o, 1, 2, SWIM_LOAD_NS / MS, 10);
    hear_load(o, 1, 88, 0, 10);
    hear_load(o, 1, 0, 0, 10);
    assert_int_equal(o->n_heard, 2);
    assert_int_equal(one_stats(o).malformed, 0);
}

static void test_a_load_that_went_round_does_not_replace_its_origin(void **state)
{
    struct swim_load own = {.load = 1, .slots = 4};
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 9);
    one_begin(o, 2);
    swim_put_own_load(&o->out.w, &own);
    one_end(o);
    hear_load(o, 3, 2, 0, 5); /* heard a moment before, by another's account */
    assert_int_equal(load_of(o, 2).load, 1);
    assert_int_equal(load_of(o, 2).heard_ns, o->now);
}

static void test_loads_of_the_dead_and_of_strangers_are_not_taken(void **state)
{
    struct swim_load own = {.load = 1, .slots = 4};
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 9);
    one_hear_of(o, 1, 2, SWIM_DEAD, 1, NOBODY);
    hear_load(o, 1, 2, 0, 5);
    assert_int_equal(load_of(o, 2).heard_ns, 0);
    one_begin(o, 77);
    swim_put_own_load(&o->out.w, &own);
    one_end(o);
    assert_int_equal(o->n_heard, 0);
}

static void test_every_load_is_passed_on_in_turn(void **state)
{
    struct one *o = *state;
    struct swim_reader body;
    struct swim_address about;
    bool seen[31] = {false};

    one_start(o, 1);
    one_meet(o, 30);
    for (unsigned i = 1; i <= 30; i++)
        hear_load(o, 1, i, 10, i);
    for (unsigned i = 0; i < 3; i++) {
        struct swim_packet p;
        struct swim_reader r;
        unsigned type, n = 0;

        swim_packet_begin(o->s, &p, NULL);
        swim_packet_fill(o->s, &p, NULL);
        r = (struct swim_reader){.at = p.bytes, .end = p.bytes + p.w.len};
        swim_get_head(&r, false, &about);
        while ((type = swim_get_message(&r, &body)) != 0) {
            if (type != MESSAGE_LOAD)
                continue;
            swim_get_address(&body, &about);
            seen[net_index(&about)] = true;
            n++;
        }
        assert_int_equal(n, o->settings.loads);
    }
    for (unsigned i = 1; i <= 30; i++)
        assert_true(seen[i]);
}

/* ---- pings from others */

static void ping_from(struct one *o, unsigned speaker, unsigned target, uint32_t seq)
{
    struct swim_address a = net_address(target);

    one_begin(o, speaker);
    swim_put_target(&o->out.w, MESSAGE_PING, seq, &a);
    one_end(o);
}

static void test_pings_are_answered_and_strays_are_not(void **state)
{
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 9);
    one_forget_sent(o);
    ping_from(o, 3, 0, 4711);
    assert_int_equal(one_count(o, 3, MESSAGE_ACK), 1);
    assert_int_equal(one_last_seq(o, 3, MESSAGE_ACK), 4711);
    ping_from(o, 3, 5, 4711);
    ping_from(o, 0, 0, 4711);
    assert_int_equal(o->n_sent, 1);
    assert_int_equal(one_stats(o).stray, 2);
}

static void test_a_stranger_gets_its_answer_and_no_more_and_is_asked_who_it_is(void **state)
{
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 9);
    one_run(o, SECOND);
    o->n_exchanges = 0;
    one_hear_of(o, 1, 2, SWIM_ALIVE, 2, NOBODY);
    one_forget_sent(o);
    ping_from(o, 50, 0, 1);
    assert_int_equal(one_count(o, 50, MESSAGE_ACK), 1);
    assert_int_equal(one_count(o, 50, MESSAGE_MEMBER), 0);
    for (unsigned i = 51; i < 60; i++)
        ping_from(o, i, 0, 1);
    swim_tick(o->s, o->now);
    assert_int_equal(o->n_exchanges, 1); /* one a second */
    assert_int_equal(o->exchanges[0].to, 50);
}

static void test_one_datagram_is_answered_once(void **state)
{
    struct swim_address a = net_address(0);
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 9);
    one_forget_sent(o);
    one_begin(o, 3);
    for (unsigned i = 0; i < 50; i++)
        swim_put_target(&o->out.w, MESSAGE_PING, i, &a);
    one_end(o);
    assert_int_equal(o->n_sent, 1);
}

static void test_whoever_is_believed_dead_and_asks_is_told_so(void **state)
{
    struct swim_record record;
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 9);
    one_hear_of(o, 1, 2, SWIM_LEFT, 1, NOBODY);
    one_forget_sent(o);
    ping_from(o, 2, 0, 1);
    assert_true(one_told(o, 2, 2, &record));
    assert_int_equal(record.m.state, SWIM_LEFT);
}

/* ---- leaving */

static void test_a_goodbye_is_told_and_then_nothing(void **state)
{
    struct swim_record record;
    struct one *o = *state;

    one_start(o, 7);
    one_meet(o, 9);
    one_run(o, SECOND);
    one_forget_sent(o);
    assert_false(swim_gone(o->s));
    swim_leave(o->s, o->now);
    swim_leave(o->s, o->now);
    assert_false(swim_gone(o->s));
    one_run(o, SECOND);
    assert_true(swim_gone(o->s));
    assert_true(one_told(o, NOBODY, 0, &record));
    assert_int_equal(record.m.state, SWIM_LEFT);
    assert_int_equal(record.m.incarnation, 7);
    assert_int_equal(one_count_told(o, 0), 8);
    one_forget_sent(o);
    one_run(o, 600 * SECOND);
    assert_int_equal(o->n_sent, 0);
    /* It is not called back, and says again that it left. */
    one_hear_of(o, 1, 0, SWIM_LEFT, 7, NOBODY);
    one_hear_of(o, 1, 0, SWIM_SUSPECT, 7, NOBODY);
    assert_int_equal(swim_self(o->s)->incarnation, 7);
    one_forget_sent(o);
    ping_from(o, 3, 0, 1);
    assert_true(one_told(o, 3, 0, &record));
    assert_int_equal(record.m.state, SWIM_LEFT);
}

static void test_alone_there_is_nobody_to_say_goodbye_to(void **state)
{
    struct one *o = *state;

    one_start(o, 7);
    swim_leave(o->s, o->now);
    assert_true(swim_gone(o->s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
        T(test_the_transmit_limit_follows_the_table),
        T(test_news_are_told_as_often_as_the_limit_and_then_no_more),
        T(test_what_is_told_to_a_suspect_does_not_count),
        T(test_newer_news_of_a_member_replace_what_is_being_told),
        T(test_what_was_told_least_goes_first),
        T(test_more_news_than_a_datagram_holds_go_into_several),
        T(test_gossip_goes_to_three_and_only_with_something_to_say),
        T(test_the_recently_dead_are_told_too),
        T(test_loads_of_others_come_with_their_age),
        T(test_a_load_that_went_round_does_not_replace_its_origin),
        T(test_loads_of_the_dead_and_of_strangers_are_not_taken),
        T(test_every_load_is_passed_on_in_turn),
        T(test_pings_are_answered_and_strays_are_not),
        T(test_a_stranger_gets_its_answer_and_no_more_and_is_asked_who_it_is),
        T(test_one_datagram_is_answered_once),
        T(test_whoever_is_believed_dead_and_asks_is_told_so),
        T(test_a_goodbye_is_told_and_then_nothing),
        T(test_alone_there_is_nobody_to_say_goodbye_to),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
