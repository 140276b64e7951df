#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/arms.h"
#include "tests/plugins/mdp.h"

/* Where things stand; the first arm has no address. */
enum { VERSION = 4, KIND = 8, NUMBERS = 12, ARMS = 16, RIDGE = 20, HERE = 28, SUM_BYTES = 8 };

static const double odds[5] = {0.3, 0.8, 0.5, 0.6, 0.1};

static struct mock *learned(unsigned which, const char *settings, unsigned jobs)
{
    struct mock *m = arms_new(which, settings, 4);
    uint64_t rng = 6;

    for (unsigned i = 0; i < jobs; i++)
        arms_play(m, odds, &rng);
    return m;
}

static void save(const struct mock *m, struct bytes *b)
{
    struct p2p_stream out = bytes_writer(b);

    assert_true(m->ops->save(m->self, &out));
}

static bool load(struct mock *m, struct bytes *b)
{
    struct p2p_stream in = bytes_reader(b);

    return m->ops->load(m->self, &in);
}

static bool same(const struct bytes *a, const struct bytes *b)
{
    return a->n == b->n && memcmp(a->data, b->data, a->n) == 0;
}

/* It must not be taken, and nothing of it either. */
static void refuses(struct mock *m, struct bytes *bad)
{
    struct bytes before = {0}, after = {0};

    save(m, &before);
    assert_false(load(m, bad));
    save(m, &after);
    assert_true(same(&before, &after));
    bytes_free(&before);
    bytes_free(&after);
}

/* The sum at the end is that of what is before it. */
static void seal(struct bytes *b)
{
    uint64_t fnv = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < b->n - SUM_BYTES; i++)
        fnv = (fnv ^ b->data[i]) * UINT64_C(0x100000001b3);
    for (unsigned i = 0; i < SUM_BYTES; i++)
        b->data[b->n - SUM_BYTES + i] = (unsigned char)(fnv >> 8 * i);
}

/* ---- there and back ---- */

static void what_was_learned_goes_over(void **state)
{
    static const char *const settings[] = {"", "forget=0.99"};

    (void)state;
    for (unsigned i = 0; i < 2 * ARMS_POLICIES; i++) {
        struct mock *old = learned(i / 2, settings[i % 2], 500);
        struct mock *next = learned(i / 2, settings[i % 2], 0);
        struct bytes a = {0}, b = {0};
        uint64_t of_old = 7, of_next = 7;

        save(old, &a);
        assert_true(load(next, &a));
        save(next, &b);
        assert_true(same(&a, &b));
        next->rng = old->rng;
        for (uint32_t k = 0; i / 2 == UCB1 && k < 300; k++) /* next drew a number more */
            assert_int_equal(arms_play(old, odds, &of_old), arms_play(next, odds, &of_next));
        bytes_free(&a);
        bytes_free(&b);
        mock_free(old);
        mock_free(next);
    }
}

static void saving_leaves_no_trace(void **state)
{
    (void)state;
    for (unsigned which = 0; which < ARMS_POLICIES; which++) {
        struct mock *a = learned(which, "forget=0.99", 0), *b = learned(which, "forget=0.99", 0);
        uint64_t of_a = 7, of_b = 7;

        for (unsigned i = 0; i < 500; i++) {
            struct bytes saved = {0};

            save(a, &saved);
            assert_int_equal(arms_play(a, odds, &of_a), arms_play(b, odds, &of_b));
            bytes_free(&saved);
        }
        mock_free(a);
        mock_free(b);
    }
}

static void it_knows_its_peers_by_their_addresses(void **state)
{
    struct mock *old = arms_new(UCB1, "", 4), *next = arms_new(UCB1, "", 4);
    struct bytes b = {0};
    uint64_t rng = 6, hits = 0;

    (void)state;
    old->first_id = ARMS_FIRST;
    for (unsigned i = 0; i < 1000; i++)
        arms_play(old, odds, &rng);
    save(old, &b);
    next->first_id = 900;
    mock_peers(next, 900, 4);
    assert_true(load(next, &b));
    for (unsigned i = 0; i < 20; i++) {
        hits += mock_job(next, 0).a == 900;
        arms_outcome(next, (struct p2p_outcome){
                               .status = P2P_OUT_FORWARDED, .http_status = 200, .peer = 900});
    }
    assert_true(hits == 20);
    bytes_free(&b);
    mock_free(old);
    mock_free(next);
}

static void ucb1_and_thompson_take_over_from_each_other(void **state)
{
    (void)state;
    for (unsigned which = UCB1; which <= THOMPSON; which++) {
        struct mock *old = learned(which, "", 500), *next = learned(1 - which, "", 0);
        struct mock *linear = learned(LINUCB, "", 20);
        struct bytes a = {0}, b = {0};

        save(old, &a);
        assert_string_equal(old->ops->state_format, next->ops->state_format);
        assert_string_not_equal(old->ops->state_format, linear->ops->state_format);
        assert_true(load(next, &a));
        save(next, &b);
        assert_true(same(&a, &b));
        refuses(linear, &a);
        bytes_free(&a);
        bytes_free(&b);
        mock_free(old);
        mock_free(next);
        mock_free(linear);
    }
}

static void fewer_arms_take_the_first_ones(void **state)
{
    struct mock *old = learned(UCB1, "", 500), *next = learned(UCB1, "most_peers=2", 0);
    struct bytes a = {0}, b = {0};

    (void)state;
    save(old, &a);
    assert_true(load(next, &a));
    save(next, &b);
    assert_int_equal(b.data[ARMS], 3);
    assert_memory_equal(a.data + RIDGE, b.data + RIDGE, b.n - RIDGE - SUM_BYTES);
    bytes_free(&a);
    bytes_free(&b);
    mock_free(old);
    mock_free(next);
}

static const char *no_address(const struct p2p_host *h, uint32_t peer)
{
    (void)h;
    (void)peer;
    return "";
}

static void who_has_no_address_is_not_saved(void **state)
{
    struct mock *m = arms_new(UCB1, "", 4);
    struct bytes b = {0};

    (void)state;
    m->host.address = no_address;
    for (unsigned i = 0; i < 20; i++)
        arms_end(m, arms_job(m), true);
    save(m, &b);
    assert_int_equal(b.data[ARMS], 1);
    assert_true(load(m, &b));
    bytes_free(&b);
    mock_free(m);
}

/* ---- what must not be taken ---- */

static void damage_is_seen(void **state)
{
    (void)state;
    for (unsigned which = 0; which < ARMS_POLICIES; which++) {
        struct mock *old = learned(which, "", 100), *m = learned(which, "", 30);
        struct bytes b = {0};
        size_t whole;

        save(old, &b);
        whole = b.n;
        for (b.n = 0; b.n < whole; b.n++)
            refuses(m, &b);
        for (size_t bit = 0; bit < 8 * whole; bit += 5) {
            b.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
            refuses(m, &b);
            b.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
        b.data = realloc(b.data, whole + 1);
        assert_non_null(b.data);
        b.data[whole] = 0;
        b.n = whole + 1;
        refuses(m, &b);
        seal(&b);
        refuses(m, &b);
        b.n = whole;
        seal(&b);
        assert_true(load(m, &b));
        bytes_free(&b);
        mock_free(old);
        mock_free(m);
    }
}

static void of_another_kind(unsigned which, size_t at, unsigned char xor)
{
    struct mock *old = learned(which, "", 100), *m = learned(which, "", 30);
    struct bytes b = {0};

    save(old, &b);
    b.data[at] ^= xor;
    seal(&b);
    refuses(m, &b);
    bytes_free(&b);
    mock_free(old);
    mock_free(m);
}

static void what_is_of_another_kind_is_not_taken(void **state)
{
    (void)state;
    for (unsigned which = 0; which < ARMS_POLICIES; which++) {
        of_another_kind(which, 0, 1);
        of_another_kind(which, VERSION, 3);
        of_another_kind(which, KIND, 1);
        of_another_kind(which, NUMBERS, 4);
        of_another_kind(which, NUMBERS + 3, 0x80);
        of_another_kind(which, ARMS, 1);        /* 4 of 5 */
        of_another_kind(which, ARMS, 5);        /* none */
        of_another_kind(which, ARMS + 3, 0x7f); /* more than there can be */
        of_another_kind(which, RIDGE + 6, 1);
        of_another_kind(which, HERE, 1);
    }
}

static void another_ridge_learns_anew_and_says_so(void **state)
{
    struct mock *old = learned(LINUCB, "ridge=2", 100), *m = learned(LINUCB, "", 0);
    struct bytes b = {0};

    (void)state;
    save(old, &b);
    refuses(m, &b);
    assert_non_null(strstr(m->log, "a ridge of 2"));
    assert_non_null(strstr(m->log, "`ridge` is 1 here"));
    bytes_free(&b);
    mock_free(old);
    mock_free(m);
}

/* Puts a number of this node's arm into a state that is right otherwise. */
static void refuses_number(unsigned which, unsigned number, double x)
{
    struct mock *old = learned(which, "", 100), *m = learned(which, "", 30);
    struct bytes b = {0};
    uint64_t bits;

    save(old, &b);
    memcpy(&bits, &x, sizeof(bits));
    for (unsigned i = 0; i < 8; i++)
        b.data[HERE + 1 + 8 * number + i] = (unsigned char)(bits >> 8 * i);
    seal(&b);
    refuses(m, &b);
    bytes_free(&b);
    mock_free(old);
    mock_free(m);
}

static void numbers_that_cannot_be_are_not_taken(void **state)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY, -1, DBL_MAX};
    enum { D = BANDIT_FEATURES };

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (unsigned number = 0; number < 2; number++) {
            refuses_number(UCB1, number, bad[i]);
            refuses_number(THOMPSON, number, bad[i]);
        }
        refuses_number(LINUCB, D, bad[i]);                /* on the diagonal */
        refuses_number(LINUCB, D + 1, bad[i]);            /* beside it */
        refuses_number(LINUCB, D + D * D, bad[i]);        /* tries */
        refuses_number(LINUCB, 2, i == 3 ? 1e9 : bad[i]); /* b */
    }
    refuses_number(UCB1, 1, 101); /* more wins than tries */
    refuses_number(LINUCB, D, 0); /* an inverse has none */
}

static void two_arms_of_one_address_are_not_taken(void **state)
{
    struct mock *old = learned(UCB1, "", 100), *m = learned(UCB1, "", 30);
    struct bytes b = {0};
    size_t second = HERE + 1 + 16, bytes;

    (void)state;
    save(old, &b);
    bytes = 1 + b.data[second] + 16;
    assert_int_equal(b.data[second], b.data[second + bytes]);
    memcpy(b.data + second + bytes, b.data + second, bytes - 16);
    seal(&b);
    refuses(m, &b);
    b.data[second + 3] = '\0'; /* a text that ends before its end */
    seal(&b);
    refuses(m, &b);
    bytes_free(&b);
    mock_free(old);
    mock_free(m);
}

static void a_write_that_fails_is_told(void **state)
{
    struct mock *m = learned(LINUCB, "", 100);
    struct bytes whole = {0};

    (void)state;
    save(m, &whole);
    for (size_t at = 1; at < whole.n; at += 7) {
        struct bytes b = {.fails_at = at};
        struct p2p_stream out = bytes_writer(&b);

        assert_false(m->ops->save(m->self, &out));
        bytes_free(&b);
    }
    bytes_free(&whole);
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_learned_goes_over),
        cmocka_unit_test(saving_leaves_no_trace),
        cmocka_unit_test(it_knows_its_peers_by_their_addresses),
        cmocka_unit_test(ucb1_and_thompson_take_over_from_each_other),
        cmocka_unit_test(fewer_arms_take_the_first_ones),
        cmocka_unit_test(who_has_no_address_is_not_saved),
        cmocka_unit_test(damage_is_seen),
        cmocka_unit_test(what_is_of_another_kind_is_not_taken),
        cmocka_unit_test(another_ridge_learns_anew_and_says_so),
        cmocka_unit_test(numbers_that_cannot_be_are_not_taken),
        cmocka_unit_test(two_arms_of_one_address_are_not_taken),
        cmocka_unit_test(a_write_that_fails_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
