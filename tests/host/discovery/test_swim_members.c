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

/* ---- which of two accounts wins */

static void put_in_state(struct one *o, enum swim_state state, uint32_t incarnation)
{
    one_hear_of(o, 1, 2, SWIM_ALIVE, incarnation, NOBODY);
    if (state != SWIM_ALIVE)
        one_hear_of(o, 1, 2, state, incarnation, 1);
    assert_int_equal(one_sees(o, 2), state);
}

static void test_the_higher_incarnation_wins_then_the_worse_state(void **state)
{
    enum { A = SWIM_ALIVE, S = SWIM_SUSPECT, D = SWIM_DEAD, L = SWIM_LEFT };
    /* [state held][state heard], at the same incarnation */
    static const int same[4][4] = {{A, S, D, L}, {S, S, D, L}, {D, D, D, L}, {L, L, L, L}};
    struct one *o = *state;

    for (unsigned held = 0; held < 4; held++) {
        for (unsigned heard = 0; heard < 4; heard++) {
            for (unsigned incarnation = 4; incarnation <= 6; incarnation++) {
                unsigned want = incarnation < 5   ? held
                                : incarnation > 5 ? heard
                                                  : (unsigned)same[held][heard];
                const struct swim_member *m;
                struct swim_address a = net_address(2);

                one_start(o, 1);
                one_meet(o, 9);
                put_in_state(o, (enum swim_state)held, 5);
                one_hear_of(o, 3, 2, (enum swim_state)heard, incarnation, NOBODY);
                m = swim_find(o->s, &a);
                assert_int_equal(m->state, want);
                assert_int_equal(m->incarnation, incarnation > 5 ? incarnation : 5);
                swim_free(o->s);
                o->s = NULL;
                one_forget_sent(o);
            }
        }
    }
}

static void test_a_full_account_makes_suspects_of_those_it_calls_dead(void **state)
{
    struct swim_entry dead[] = {one_entry(2, SWIM_DEAD, 1), one_entry(3, SWIM_DEAD, 2),
                                one_entry(4, SWIM_LEFT, 1), one_entry(20, SWIM_DEAD, 7)};
    struct swim_address from = net_address(1);
    struct one *o = *state;
    struct buf body;

    one_start(o, 1);
    one_meet(o, 9);
    buf_init(&body, 8 << 20);
    one_state(&body, 1, dead, 4);
    assert_int_equal(swim_merge_state(o->s, &from, body.data, body.len, o->now, o->err), 0);
    assert_int_equal(one_sees(o, 2), SWIM_SUSPECT);
    assert_int_equal(one_sees(o, 3), SWIM_SUSPECT);
    assert_int_equal(one_sees(o, 4), SWIM_LEFT);
    assert_int_equal(one_sees(o, 20), SWIM_DEAD); /* never met: nothing to lose */
    /* It may be long gone: three accounts of it are no confirmations. */
    assert_int_equal(swim_merge_state(o->s, &from, body.data, body.len, o->now, o->err), 0);
    one_run(o, 4 * SECOND);
    assert_int_equal(one_sees(o, 3), SWIM_SUSPECT);
    buf_release(&body);
}

static void test_changes_are_reported_with_the_state_before(void **state)
{
    struct swim_entry e = one_entry(2, SWIM_ALIVE, 2);
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 1);
    one_hear_of(o, 1, 2, SWIM_ALIVE, 1, NOBODY);
    assert_int_equal(o->n_changes, 1);
    assert_int_equal(o->changes[0].about, 2);
    assert_int_equal(o->changes[0].old_state, SWIM_UNKNOWN);
    one_hear_of(o, 1, 2, SWIM_ALIVE, 1, NOBODY);
    assert_int_equal(o->n_changes, 1);
    one_hear_of(o, 1, 2, SWIM_SUSPECT, 1, 1);
    assert_int_equal(o->changes[1].old_state, SWIM_ALIVE);
    assert_int_equal(o->changes[1].m.state, SWIM_SUSPECT);
    snprintf(e.m.id, sizeof(e.m.id), "new name");
    snprintf(e.m.group, sizeof(e.m.group), "new group");
    e.m.slots = 77;
    e.m.http_port = 99;
    e.m.functions_hash = 5;
    one_hear(o, 1, &e);
    assert_int_equal(o->n_changes, 3);
    assert_int_equal(o->changes[2].old_state, SWIM_SUSPECT);
    assert_true(swim_same_description(&o->changes[2].m, &e.m));
}

/* ---- accusations of the own self */

static void test_whoever_is_accused_refutes_with_a_higher_incarnation(void **state)
{
    static const enum swim_state as[] = {SWIM_SUSPECT, SWIM_DEAD, SWIM_LEFT};
    struct swim_record record;
    struct one *o = *state;

    one_start(o, 10);
    one_meet(o, 3);
    for (unsigned i = 0; i < 3; i++) {
        uint32_t own = swim_self(o->s)->incarnation;

        one_forget_sent(o);
        one_hear_of(o, 1, 0, as[i], own, 2);
        assert_int_equal(swim_self(o->s)->state, SWIM_ALIVE);
        assert_int_equal(swim_self(o->s)->incarnation, own + 1);
        assert_int_equal(one_stats(o).refutations, i + 1);
        assert_int_equal(one_stats(o).health, i + 1);
        /* Whoever said it hears it at once. */
        assert_true(one_told(o, 1, 0, &record));
        assert_int_equal(record.m.incarnation, own + 1);
        assert_true(record.refutes);
        assert_false(record.accused);
        one_forget_sent(o);
        one_run(o, SECOND);
        assert_true(one_count_told(o, 0) > 0);
    }
}

static void test_an_old_accusation_is_answered_without_a_new_incarnation(void **state)
{
    struct swim_record record;
    struct one *o = *state;

    one_start(o, 10);
    one_meet(o, 3);
    one_hear_of(o, 1, 0, SWIM_DEAD, 9, NOBODY);
    assert_int_equal(swim_self(o->s)->incarnation, 10);
    assert_int_equal(one_stats(o).refutations, 0);
    assert_true(one_told(o, 1, 0, &record));
    assert_int_equal(record.m.incarnation, 10);
    one_forget_sent(o);
    one_hear_of(o, 1, 0, SWIM_ALIVE, 9, NOBODY);
    assert_int_equal(one_count(o, 1, MESSAGE_MEMBER), 0);
}

static void test_a_life_with_a_lower_incarnation_goes_above_the_last(void **state)
{
    struct one *o = *state;
    struct swim_entry mine;

    one_start(o, 3);
    one_meet(o, 3);
    one_hear_of(o, 1, 0, SWIM_ALIVE, 500, NOBODY);
    assert_int_equal(swim_self(o->s)->incarnation, 501);
    one_hear_of(o, 1, 0, SWIM_DEAD, 700, NOBODY);
    assert_int_equal(swim_self(o->s)->incarnation, 701);
    /* What was believed of an earlier life says nothing about this one. */
    assert_int_equal(one_stats(o).health, 0);
    /* The same incarnation, but of a life with another name. */
    mine = one_entry(0, SWIM_ALIVE, 701);
    one_hear(o, 1, &mine);
    assert_int_equal(swim_self(o->s)->incarnation, 702);
}

static void test_the_highest_incarnation_can_be_refuted_and_a_higher_is_malformed(void **state)
{
    struct one *o = *state;

    one_start(o, UINT32_MAX);
    assert_int_equal(swim_self(o->s)->incarnation, SWIM_INCARNATION_MOST);
    one_meet(o, 1);
    one_hear_of(o, 1, 0, SWIM_DEAD, SWIM_INCARNATION_MOST - 1, NOBODY);
    assert_int_equal(swim_self(o->s)->incarnation, SWIM_INCARNATION_MOST);
    one_hear_of(o, 1, 2, SWIM_ALIVE, UINT32_MAX, NOBODY);
    assert_int_equal(one_sees(o, 2), SWIM_UNKNOWN);
    assert_int_equal(one_stats(o).malformed, 1);
}

static void test_a_change_of_the_own_description_is_told(void **state)
{
    struct swim_self self = {.id = "self", .group = "other", .http_port = 8080, .slots = 4};
    struct swim_record record;
    struct one *o = *state;
    char longest[66];

    one_start(o, 3);
    one_meet(o, 3);
    assert_int_equal(swim_set_self(o->s, &self, o->err), 0);
    assert_int_equal(swim_self(o->s)->incarnation, 4);
    assert_int_equal(swim_set_self(o->s, &self, o->err), 0);
    assert_int_equal(swim_self(o->s)->incarnation, 4);
    one_run(o, SECOND);
    assert_true(one_told(o, NOBODY, 0, &record));
    assert_string_equal(record.m.group, "other");
    memset(longest, 'x', 64);
    longest[64] = '\0';
    self.id = longest;
    assert_int_equal(swim_set_self(o->s, &self, o->err), -1);
    assert_non_null(strstr(o->err, "63"));
    self.id = "a\nb";
    assert_int_equal(swim_set_self(o->s, &self, o->err), -1);
    assert_string_equal(swim_self(o->s)->id, "self");
}

/* ---- ids */

static void test_two_members_of_one_id_are_reported_once(void **state)
{
    struct swim_entry twin = one_entry(3, SWIM_ALIVE, 1);
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 2);
    snprintf(twin.m.id, sizeof(twin.m.id), "node-2");
    one_hear(o, 1, &twin);
    assert_int_equal(o->n_conflicts, 1);
    assert_int_equal(o->conflict[0], 2);
    assert_int_equal(o->conflict[1], 3);
    assert_int_equal(one_sees(o, 2), SWIM_ALIVE);
    assert_int_equal(one_sees(o, 3), SWIM_ALIVE);
    twin.m.incarnation = 2;
    one_hear(o, 1, &twin);
    assert_int_equal(o->n_conflicts, 1);
    assert_int_equal(one_stats(o).conflicts, 1);
    /* Renamed and back: that is another one. */
    twin.m.incarnation = 3;
    snprintf(twin.m.id, sizeof(twin.m.id), "node-3");
    one_hear(o, 1, &twin);
    twin.m.incarnation = 4;
    snprintf(twin.m.id, sizeof(twin.m.id), "node-2");
    one_hear(o, 1, &twin);
    assert_int_equal(o->n_conflicts, 2);
}

static void test_the_own_id_counts_and_that_of_the_dead_does_not(void **state)
{
    struct swim_entry twin = one_entry(3, SWIM_ALIVE, 1);
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 2);
    one_hear_of(o, 1, 2, SWIM_DEAD, 1, NOBODY);
    snprintf(twin.m.id, sizeof(twin.m.id), "node-2");
    one_hear(o, 1, &twin);
    assert_int_equal(o->n_conflicts, 0);
    /* The first owner comes back. */
    one_hear_of(o, 1, 2, SWIM_ALIVE, 2, NOBODY);
    assert_int_equal(o->n_conflicts, 1);
    twin = one_entry(4, SWIM_ALIVE, 1);
    snprintf(twin.m.id, sizeof(twin.m.id), "self");
    one_hear(o, 1, &twin);
    assert_int_equal(o->n_conflicts, 2);
    assert_int_equal(o->conflict[0], 0);
    assert_int_equal(o->conflict[1], 4);
}

/* ---- the cap */

static void test_members_past_the_cap_are_refused_unless_one_is_gone(void **state)
{
    struct one *o = *state;

    o->settings.members_most = 4;
    one_start(o, 1);
    one_meet(o, 4);
    one_hear_of(o, 1, 5, SWIM_ALIVE, 1, NOBODY);
    one_hear_of(o, 1, 6, SWIM_ALIVE, 1, NOBODY);
    assert_int_equal(one_sees(o, 5), SWIM_UNKNOWN);
    assert_int_equal(one_stats(o).refused, 2);
    assert_int_equal(o->n_full, 1);
    /* A dead one makes room for one that lives, not for another dead one. */
    one_hear_of(o, 1, 4, SWIM_DEAD, 1, NOBODY);
    one_hear_of(o, 1, 5, SWIM_ALIVE, 1, NOBODY);
    assert_int_equal(one_sees(o, 5), SWIM_ALIVE);
    assert_int_equal(one_sees(o, 4), SWIM_UNKNOWN);
    one_hear_of(o, 1, 5, SWIM_DEAD, 1, NOBODY);
    one_hear_of(o, 1, 6, SWIM_DEAD, 1, NOBODY);
    assert_int_equal(one_sees(o, 6), SWIM_UNKNOWN);
    assert_int_equal(o->n_full, 2);
    /* One who left does so first, the longest gone. */
    one_hear_of(o, 1, 3, SWIM_LEFT, 1, NOBODY);
    o->now += SECOND;
    one_hear_of(o, 1, 2, SWIM_LEFT, 1, NOBODY);
    one_hear_of(o, 1, 4, SWIM_ALIVE, 1, NOBODY);
    assert_int_equal(one_sees(o, 4), SWIM_ALIVE);
    assert_int_equal(one_sees(o, 3), SWIM_UNKNOWN);
    assert_int_equal(one_sees(o, 2), SWIM_LEFT);
    assert_int_equal(one_sees(o, 5), SWIM_DEAD);
    assert_int_equal(one_stats(o).left, 1);
    /* One who left is not worth the place of another. */
    one_hear_of(o, 1, 7, SWIM_LEFT, 1, NOBODY);
    assert_int_equal(one_sees(o, 2), SWIM_LEFT);
    assert_int_equal(one_sees(o, 7), SWIM_UNKNOWN);
    one_hear_of(o, 1, 6, SWIM_ALIVE, 1, NOBODY);
    one_hear_of(o, 1, 8, SWIM_ALIVE, 1, NOBODY);
    assert_int_equal(one_sees(o, 5), SWIM_UNKNOWN);
    one_hear_of(o, 1, 9, SWIM_ALIVE, 1, NOBODY);
    assert_int_equal(o->n_full, 4);
    one_run(o, 5 * SECOND);
}

static bool stop_at_two(void *ctx, const struct swim_member *m)
{
    unsigned *n = ctx;

    (void)m;
    return ++*n < 2;
}

static void test_members_are_walked_until_told_to_stop(void **state)
{
    struct one *o = *state;
    unsigned n = 0;

    one_start(o, 1);
    swim_each(o->s, stop_at_two, &n);
    assert_int_equal(n, 0);
    one_meet(o, 9);
    swim_each(o->s, stop_at_two, &n);
    assert_int_equal(n, 2);
    assert_int_equal(one_stats(o).alive, 9);
}

static void test_a_detector_that_cannot_be_is_refused_with_a_reason(void **state)
{
    struct swim_callbacks none = {0};
    struct swim_self self = {.address = net_address(0), .id = "a", .group = ""};
    struct one *o = *state;
    struct swim_settings bad = o->settings;

    one_start(o, 1);
    bad.gossip_nodes = 0;
    assert_null(swim_new(&bad, &self, &none, NULL, 1, 1, o->err));
    assert_non_null(strstr(o->err, "gossip_nodes is 0; it may be 1 to 16"));
    bad = o->settings;
    bad.datagram = 1401;
    assert_null(swim_new(&bad, &self, &none, NULL, 1, 1, o->err));
    self.address.port = 0;
    assert_null(swim_new(&o->settings, &self, &none, NULL, 1, 1, o->err));
    assert_non_null(strstr(o->err, "10.0.0.1:0"));
    self.address = net_address(0);
    memset(self.address.ip + 12, 0, 4);
    assert_null(swim_new(&o->settings, &self, &none, NULL, 1, 1, o->err));
    self.address = net_address(0);
    self.group = "tab\there";
    assert_null(swim_new(&o->settings, &self, &none, NULL, 1, 1, o->err));
    assert_non_null(strstr(o->err, "group"));
    swim_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
        T(test_the_higher_incarnation_wins_then_the_worse_state),
        T(test_a_full_account_makes_suspects_of_those_it_calls_dead),
        T(test_changes_are_reported_with_the_state_before),
        T(test_whoever_is_accused_refutes_with_a_higher_incarnation),
        T(test_an_old_accusation_is_answered_without_a_new_incarnation),
        T(test_a_life_with_a_lower_incarnation_goes_above_the_last),
        T(test_the_highest_incarnation_can_be_refuted_and_a_higher_is_malformed),
        T(test_a_change_of_the_own_description_is_told),
        T(test_two_members_of_one_id_are_reported_once),
        T(test_the_own_id_counts_and_that_of_the_dead_does_not),
        T(test_members_past_the_cap_are_refused_unless_one_is_gone),
        T(test_members_are_walked_until_told_to_stop),
        T(test_a_detector_that_cannot_be_is_refused_with_a_reason),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
