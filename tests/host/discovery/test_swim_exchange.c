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

#define STATE_MOST ((size_t)8 << 20)

/* ---- joining */

static void test_a_seed_is_tried_until_it_answers(void **state)
{
    struct swim_address seed = net_address(5);
    struct one *o = *state;
    struct buf body;
    unsigned tries;

    one_start(o, 1);
    assert_int_equal(swim_join(o->s, &seed, o->err), 0);
    assert_int_equal(swim_join(o->s, &seed, o->err), 0);
    one_run(o, MS);
    assert_int_equal(o->n_exchanges, 1);
    assert_int_equal(o->exchanges[0].to, 5);
    assert_int_equal(o->exchanges[0].want, SWIM_WANT_STATE);
    for (unsigned i = 0; i < 60; i++) {
        swim_exchange_failed(o->s, &seed, o->now);
        one_run(o, SECOND);
    }
    tries = o->n_exchanges;
    assert_true(tries >= 5 && tries <= 9); /* doubling */
    o->n_exchanges = 0;
    for (unsigned i = 0; i < 600; i++) {
        swim_exchange_failed(o->s, &seed, o->now);
        one_run(o, SECOND);
    }
    assert_true(o->n_exchanges >= 6 && o->n_exchanges <= 20); /* never less than each 90 s */

    buf_init(&body, STATE_MOST);
    one_state(&body, 5, NULL, 0);
    assert_int_equal(swim_merge_state(o->s, &seed, body.data, body.len, o->now, o->err), 0);
    assert_int_equal(one_sees(o, 5), SWIM_ALIVE);
    o->n_exchanges = 0;
    /* Once more, for those who joined in the same moment. */
    one_run(o, 2 * SECOND);
    assert_int_equal(o->n_exchanges, 1);
    assert_int_equal(swim_merge_state(o->s, &seed, body.data, body.len, o->now, o->err), 0);
    one_run(o, 3 * SECOND);
    assert_int_equal(o->n_exchanges, 1);
    buf_release(&body);
}

static void test_a_seed_may_answer_by_another_address(void **state)
{
    struct swim_address seed = net_address(5);
    struct one *o = *state;
    struct buf body;

    o->settings.exchange_interval_ms = 86400000;
    one_start(o, 1);
    assert_int_equal(swim_join(o->s, &seed, o->err), 0);
    buf_init(&body, STATE_MOST);
    one_state(&body, 6, NULL, 0);
    for (unsigned i = 0; i < 2; i++) {
        one_run(o, 2 * SECOND);
        assert_int_equal(o->n_exchanges, i + 1);
        assert_int_equal(swim_merge_state(o->s, &seed, body.data, body.len, o->now, o->err), 0);
    }
    assert_int_equal(one_sees(o, 5), SWIM_UNKNOWN);
    one_hear_of(o, 6, 6, SWIM_DEAD, 1, NOBODY); /* then it is tried as a member */
    one_run(o, 300 * SECOND);
    assert_int_equal(o->n_exchanges, 2);
    /* Who left may come back knowing nobody. */
    one_hear_of(o, 6, 6, SWIM_LEFT, 1, NOBODY);
    one_run(o, 300 * SECOND);
    assert_true(o->n_exchanges > 2);
    buf_release(&body);
}

static void test_the_own_address_among_the_seeds_does_no_harm(void **state)
{
    struct swim_address own = net_address(0), other = net_address(5);
    struct one *o = *state;
    struct buf body;

    one_start(o, 1);
    assert_int_equal(swim_join(o->s, &own, o->err), 0);
    one_run(o, 10 * SECOND);
    assert_int_equal(o->n_exchanges, 0);
    /* Another name for it. */
    assert_int_equal(swim_join(o->s, &other, o->err), 0);
    buf_init(&body, STATE_MOST);
    for (unsigned i = 0; i < 2; i++) {
        one_run(o, 2 * SECOND);
        assert_int_equal(swim_write_state(o->s, SWIM_WANT_STATE, &body), 0);
        assert_int_equal(swim_merge_state(o->s, &other, body.data, body.len, o->now, o->err), 0);
        buf_clear(&body);
    }
    o->n_exchanges = 0;
    one_run(o, 300 * SECOND);
    assert_int_equal(o->n_exchanges, 0);
    assert_int_equal(swim_self(o->s)->incarnation, 1);
    buf_release(&body);
}

static void test_a_seed_that_is_no_address_is_refused(void **state)
{
    struct swim_address bad[3] = {net_address(5), net_address(5), net_address(5)};
    struct one *o = *state;

    o->settings.members_most = 2;
    one_start(o, 1);
    bad[0].port = 0;
    memset(bad[1].ip, 0, 16);
    bad[2].ip[12] = 239;
    for (unsigned i = 0; i < 3; i++) {
        o->err[0] = '\0';
        assert_int_equal(swim_join(o->s, &bad[i], o->err), -1);
        assert_non_null(strstr(o->err, "seed "));
    }
    for (unsigned i = 1; i <= 3; i++) {
        struct swim_address a = net_address(i);

        assert_int_equal(swim_join(o->s, &a, o->err), i <= 2 ? 0 : -1);
    }
    assert_non_null(strstr(o->err, "2 already"));
}

static void test_an_exchange_without_an_end_is_given_up(void **state)
{
    struct one *o = *state;

    one_start(o, 1);
    for (unsigned i = 1; i <= 9; i++) {
        struct swim_address a = net_address(i);

        assert_int_equal(swim_join(o->s, &a, o->err), 0);
    }
    one_run(o, SECOND);
    assert_int_equal(o->n_exchanges, SWIM_EXCHANGES);
    assert_int_equal(o->exchanges[0].to, 1);
    assert_int_equal(o->exchanges[3].to, 4);
    one_run(o, 10 * SECOND);
    assert_int_equal(one_stats(o).exchanges_failed, SWIM_EXCHANGES);
    assert_int_equal(o->n_exchanges, 2 * SWIM_EXCHANGES);
}

static void test_full_exchanges_go_on_in_good_times(void **state)
{
    struct one *o = *state;

    o->settings.probe_interval_ms = 3600000;
    one_start(o, 1);
    one_meet(o, 3);
    for (unsigned i = 0; i < 600; i++) {
        struct swim_address a;

        one_run(o, SECOND);
        if (o->n_exchanges == 0)
            continue;
        a = net_address(o->exchanges[o->n_exchanges - 1].to);
        swim_exchange_failed(o->s, &a, o->now);
    }
    assert_true(o->n_exchanges >= 16 && o->n_exchanges <= 24); /* each 30 s on average */
}

/* ---- what a state holds */

static void test_each_side_of_an_exchange_knows_what_both_knew(void **state)
{
    struct one *a = *state, *b = malloc(sizeof(*b));
    struct swim_address from = net_address(0);
    struct buf asked, answered;

    assert_non_null(b);
    one_init(b);
    one_start(a, 1);
    one_start(b, 5);
    b->s->self.m.address = net_address(70);
    one_meet(a, 5);
    for (unsigned i = 10; i < 15; i++)
        one_hear_of(b, 10, i, SWIM_ALIVE, i, NOBODY);
    one_hear_of(b, 10, 14, SWIM_LEFT, 14, NOBODY);
    swim_set_load(b->s, 3, 2, 1);
    buf_init(&asked, STATE_MOST);
    buf_init(&answered, STATE_MOST);
    assert_int_equal(swim_write_state(a->s, SWIM_WANT_STATE, &asked), 0);
    assert_int_equal(swim_answer(b->s, asked.data, asked.len, &answered, b->now, b->err), 0);
    assert_int_equal(swim_merge_state(a->s, &from, answered.data, answered.len, a->now, a->err), 0);
    for (unsigned i = 1; i <= 5; i++)
        assert_int_equal(one_sees(b, i), SWIM_ALIVE);
    for (unsigned i = 10; i < 14; i++)
        assert_int_equal(one_sees(a, i), SWIM_ALIVE);
    assert_int_equal(one_sees(a, 14), SWIM_LEFT);
    from = net_address(70);
    assert_int_equal(swim_find(a->s, &from)->load.load, 3);
    assert_int_equal(swim_find(a->s, &from)->incarnation, 5);
    one_release(b);
    free(b);
    buf_release(&asked);
    buf_release(&answered);
}

static void test_a_state_that_does_not_fit_is_cut_between_records(void **state)
{
    struct swim_entry *many = calloc(2000, sizeof(*many));
    struct swim_address from = net_address(1);
    struct one *o = *state;
    struct buf body;

    assert_non_null(many);
    o->settings.state_most = 128 << 10;
    one_start(o, 1);
    for (unsigned i = 0; i < 2000; i++) {
        many[i] = one_entry(i + 2, SWIM_ALIVE, 1);
        memset(many[i].m.group, 'g', SWIM_TEXT_MOST);
    }
    buf_init(&body, STATE_MOST);
    one_state(&body, 1, many, 2000);
    assert_int_equal(swim_merge_state(o->s, &from, body.data, body.len, o->now, o->err), 0);
    buf_clear(&body);
    assert_int_equal(swim_write_state(o->s, SWIM_WANT_STATE, &body), 0);
    assert_true(body.len <= 128 << 10 && body.len > 100 << 10);
    assert_int_equal(swim_merge_state(o->s, &from, body.data, body.len, o->now, o->err), 0);
    buf_release(&body);
    buf_init(&body, 10);
    assert_int_equal(swim_write_state(o->s, SWIM_WANT_STATE, &body), -1);
    buf_release(&body);
    free(many);
}

static void test_one_that_knew_nobody_does_not_spread_what_it_learns(void **state)
{
    struct one *o = *state;

    one_start(o, 1);
    one_meet(o, 50);
    assert_int_equal(o->s->n_queued, 0);
    one_meet(o, 60);
    assert_int_equal(o->s->n_queued, 10);
}

static void test_a_broken_state_is_taken_as_far_as_it_goes(void **state)
{
    struct swim_entry all[] = {one_entry(2, SWIM_ALIVE, 1), one_entry(3, SWIM_ALIVE, 1)};
    struct swim_address from = net_address(1);
    struct one *o = *state;
    struct buf body;

    buf_init(&body, STATE_MOST);
    one_state(&body, 1, all, 2);
    for (size_t len = 0; len < body.len; len++) {
        uint8_t *exact = malloc(len ? len : 1);
        int rc;

        assert_non_null(exact);
        memcpy(exact, body.data, len);
        one_start(o, 1);
        o->err[0] = '\0';
        rc = swim_merge_state(o->s, &from, exact, len, o->now, o->err);
        assert_true(rc == 0 || o->err[0]);
        assert_int_equal(one_stats(o).malformed, rc ? 1 : 0);
        assert_int_equal(one_stats(o).exchanges_failed, rc ? 1 : 0);
        assert_true(one_stats(o).alive <= 2);
        assert_int_equal(one_sees(o, 3), SWIM_UNKNOWN);
        swim_free(o->s);
        o->s = NULL;
        free(exact);
    }
    one_start(o, 1);
    assert_int_equal(swim_merge_state(o->s, &from, "<html>", 6, o->now, o->err), -1);
    assert_non_null(strstr(o->err, "6 bytes"));
    assert_int_equal(swim_answer(o->s, "", 0, &body, o->now, o->err), -1);
    buf_release(&body);
}

/* ---- functions */

static void test_own_functions_are_sorted_once_and_checked(void **state)
{
    static const char *const names[] = {"wordcount", "echo", "burn", "echo"};
    static const char *const again[] = {"burn", "echo", "wordcount"};
    const char *bad[] = {"fine", ""};
    const char *many[SWIM_FUNCTIONS_MOST + 1];
    const char *const *known;
    struct one *o = *state;
    char longest[66];
    uint32_t hash;
    unsigned n;

    one_start(o, 1);
    assert_int_equal(swim_self(o->s)->functions_hash, 0);
    assert_int_equal(swim_set_functions(o->s, names, 4, o->err), 0);
    hash = swim_self(o->s)->functions_hash;
    assert_int_not_equal(hash, 0);
    assert_int_equal(swim_self(o->s)->incarnation, 2);
    known = swim_functions(o->s, hash, &n);
    assert_int_equal(n, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(known[i], again[i]);
    assert_int_equal(swim_set_functions(o->s, again, 3, o->err), 0);
    assert_int_equal(swim_self(o->s)->incarnation, 2);

    assert_int_equal(swim_set_functions(o->s, bad, 2, o->err), -1);
    memset(longest, 'x', 64);
    longest[64] = '\0';
    bad[1] = longest;
    assert_int_equal(swim_set_functions(o->s, bad, 2, o->err), -1);
    longest[63] = '\0';
    assert_int_equal(swim_set_functions(o->s, bad, 2, o->err), 0);
    for (unsigned i = 0; i <= SWIM_FUNCTIONS_MOST; i++)
        many[i] = "f";
    assert_int_equal(swim_set_functions(o->s, many, SWIM_FUNCTIONS_MOST + 1, o->err), -1);
    assert_non_null(strstr(o->err, "1025"));
    assert_int_equal(swim_set_functions(o->s, many, SWIM_FUNCTIONS_MOST, o->err), 0);
    assert_null(swim_functions(o->s, hash, &n));
    assert_int_equal(n, 0);
    assert_int_equal(swim_set_functions(o->s, NULL, 0, o->err), 0);
    assert_non_null(swim_functions(o->s, swim_self(o->s)->functions_hash, &n));
    assert_int_equal(n, 0);
    assert_int_not_equal(swim_self(o->s)->functions_hash, 0);
}

/* Node 1 and 2 offer these. */
static void two_offer(struct one *o, uint32_t hash)
{
    for (unsigned i = 1; i <= 2; i++) {
        struct swim_entry e = one_entry(i, SWIM_ALIVE, 2);

        e.m.functions_hash = hash;
        one_hear(o, i, &e);
    }
}

static void test_unknown_functions_are_asked_for_once(void **state)
{
    static const char *const names[] = {"a", "b"};
    uint32_t hash = swim_functions_hash(names, 2);
    struct one *o = *state, *peer = malloc(sizeof(*peer));
    struct swim_address asked;
    struct buf question, answer;
    unsigned n;

    assert_non_null(peer);
    o->settings.exchange_interval_ms = 86400000;
    one_start(o, 1);
    one_meet(o, 9);
    two_offer(o, hash);
    assert_null(swim_functions(o->s, hash, &n));
    one_run(o, 350 * MS);
    assert_int_equal(o->n_exchanges, 1);
    assert_int_equal(o->exchanges[0].want, SWIM_WANT_FUNCTIONS);
    assert_true(o->exchanges[0].to == 1 || o->exchanges[0].to == 2);
    asked = net_address(o->exchanges[0].to);

    one_init(peer);
    one_start(peer, 1);
    peer->s->self.m.address = asked;
    assert_int_equal(swim_set_functions(peer->s, names, 2, peer->err), 0);
    buf_init(&question, STATE_MOST);
    buf_init(&answer, STATE_MOST);
    assert_int_equal(swim_write_state(o->s, SWIM_WANT_FUNCTIONS, &question), 0);
    assert_true(question.len < 128); /* not everything one knows */
    assert_int_equal(
        swim_answer(peer->s, question.data, question.len, &answer, peer->now, peer->err), 0);
    o->n_changes = 0;
    assert_int_equal(swim_merge_state(o->s, &asked, answer.data, answer.len, o->now, o->err), 0);
    assert_non_null(swim_functions(o->s, hash, &n));
    assert_int_equal(n, 2);
    assert_int_equal(o->n_changes, 2);
    one_run(o, 60 * SECOND);
    assert_int_equal(o->n_exchanges, 1);
    /* Forgotten with the last that offers them. */
    one_hear_of(o, 1, 1, SWIM_ALIVE, 9, NOBODY);
    assert_non_null(swim_functions(o->s, hash, &n));
    one_hear_of(o, 2, 2, SWIM_ALIVE, 9, NOBODY);
    assert_null(swim_functions(o->s, hash, &n));
    assert_int_equal(o->s->sets_bytes, 0);
    one_release(peer);
    free(peer);
    buf_release(&question);
    buf_release(&answer);
}

static void test_functions_that_did_not_come_are_asked_for_again(void **state)
{
    struct one *o = *state;

    o->settings.exchange_interval_ms = 86400000;
    o->settings.probe_interval_ms = 3600000;
    one_start(o, 1);
    one_meet(o, 9);
    two_offer(o, 77);
    for (unsigned i = 0; i < 60; i++) {
        struct swim_address a;

        one_run(o, SECOND);
        if (o->n_exchanges == 0)
            continue;
        a = net_address(o->exchanges[o->n_exchanges - 1].to);
        swim_exchange_failed(o->s, &a, o->now);
    }
    assert_true(o->n_exchanges >= 30 && o->n_exchanges < 60);
}

/* A message of functions as given, in a state of node 1. */
static int hear_functions(struct one *o, uint32_t hash, const char *const *names, unsigned n)
{
    struct swim_set *set = calloc(1, sizeof(*set) + n * sizeof(char *));
    struct swim_address from = net_address(1);
    struct swim_writer w;
    struct buf body;
    int rc;

    assert_non_null(set);
    buf_init(&body, STATE_MOST);
    one_state(&body, 1, NULL, 0);
    set->hash = hash;
    set->n = n;
    for (unsigned i = 0; i < n; i++)
        set->names[i] = names[i];
    assert_int_equal(buf_reserve(&body, 200000), 0);
    w = (struct swim_writer){.data = (uint8_t *)body.data + body.len, .size = 200000};
    assert_true(swim_put_functions(&w, set));
    body.len += w.len;
    rc = swim_merge_state(o->s, &from, body.data, body.len, o->now, o->err);
    buf_release(&body);
    free(set);
    return rc;
}

static void test_functions_must_fit_their_hash_and_stand_in_order(void **state)
{
    static const char *const good[] = {"a", "b"}, *const twice[] = {"a", "a"},
                             *const wrong[] = {"b", "a"}, *const empty[] = {"", "a"};
    uint32_t hash = swim_functions_hash(good, 2);
    const char *many[SWIM_FUNCTIONS_MOST + 1];
    struct one *o = *state;
    unsigned n;

    one_start(o, 1);
    one_meet(o, 9);
    assert_int_equal(hear_functions(o, hash, good, 2), 0);
    assert_null(swim_functions(o->s, hash, &n)); /* nobody offers them */
    two_offer(o, hash);
    assert_int_equal(hear_functions(o, hash + 1, good, 2), -1);
    assert_int_equal(hear_functions(o, swim_functions_hash(twice, 2), twice, 2), -1);
    assert_int_equal(hear_functions(o, swim_functions_hash(wrong, 2), wrong, 2), -1);
    assert_int_equal(hear_functions(o, swim_functions_hash(empty, 2), empty, 2), -1);
    for (unsigned i = 0; i <= SWIM_FUNCTIONS_MOST; i++)
        many[i] = "f";
    assert_int_equal(hear_functions(o, 1, many, SWIM_FUNCTIONS_MOST + 1), -1);
    assert_null(swim_functions(o->s, hash, &n));
    assert_int_equal(hear_functions(o, hash, good, 2), 0);
    assert_non_null(swim_functions(o->s, hash, &n));
    assert_int_equal(one_stats(o).malformed, 5);
}

static void test_functions_past_the_memory_for_them_are_not_kept(void **state)
{
    static char text[SWIM_FUNCTIONS_MOST][SWIM_TEXT_MOST + 1];
    const char *names[SWIM_FUNCTIONS_MOST];
    struct one *o = *state;
    unsigned kept = 0, n;

    o->settings.state_most = 256 << 10;
    one_start(o, 1);
    one_meet(o, 20);
    for (unsigned node = 1; node <= 20; node++) {
        struct swim_entry e = one_entry(node, SWIM_ALIVE, 2);

        for (unsigned i = 0; i < SWIM_FUNCTIONS_MOST; i++) {
            snprintf(text[i], sizeof(text[i]), "%02u-%058u", node, i);
            names[i] = text[i];
        }
        e.m.functions_hash = swim_functions_hash(names, SWIM_FUNCTIONS_MOST);
        one_hear(o, node, &e);
        assert_int_equal(hear_functions(o, e.m.functions_hash, names, SWIM_FUNCTIONS_MOST), 0);
        kept += swim_functions(o->s, e.m.functions_hash, &n) != NULL;
    }
    assert_true(kept >= 2 && kept <= 4);
    assert_true(o->s->sets_bytes <= o->settings.state_most);
    one_run(o, 20 * SECOND);
    assert_int_equal(o->s->functions_due_ns, SWIM_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
        T(test_a_seed_is_tried_until_it_answers),
        T(test_a_seed_may_answer_by_another_address),
        T(test_the_own_address_among_the_seeds_does_no_harm),
        T(test_a_seed_that_is_no_address_is_refused),
        T(test_an_exchange_without_an_end_is_given_up),
        T(test_full_exchanges_go_on_in_good_times),
        T(test_each_side_of_an_exchange_knows_what_both_knew),
        T(test_a_state_that_does_not_fit_is_cut_between_records),
        T(test_one_that_knew_nobody_does_not_spread_what_it_learns),
        T(test_a_broken_state_is_taken_as_far_as_it_goes),
        T(test_own_functions_are_sorted_once_and_checked),
        T(test_unknown_functions_are_asked_for_once),
        T(test_functions_that_did_not_come_are_asked_for_again),
        T(test_functions_must_fit_their_hash_and_stand_in_order),
        T(test_functions_past_the_memory_for_them_are_not_kept),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
