/* Proofs: what is taken, and that whatever is changed, late, foreign or seen before is
 * not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "host/auth.h"

enum { START = 1000000000, NOW = START + 100000, SKEW = 30000 };
static const char secret[] = "sixteen bytes ok";

static struct auth *node(const char *with, uint64_t session, unsigned sessions)
{
    const struct auth_settings s = {
        .skew_ms = SKEW, .start_ms = START, .session = session, .sessions = sessions};
    struct auth *a = auth_new(with, &s);

    assert_non_null(a);
    return a;
}

/* Two nodes of a cluster for each test. */
static struct auth *n1, *n2;
static struct auth_finding found;

static int setup(void **state)
{
    (void)state;
    n1 = node(secret, 1, 0);
    n2 = node(secret, 2, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    auth_free(n1);
    auth_free(n2);
    return 0;
}

#define FIELD(text)                                                                                \
    {                                                                                              \
        .data = (text), .len = sizeof(text) - 1                                                    \
    }
static const struct auth_field fields[] = {FIELD("10.0.0.2:18080"),
                                           FIELD("POST"),
                                           {"/peer/function/", 15, "echo?a=1", 8},
                                           {NULL, 0, NULL, 0},
                                           FIELD("2")};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

struct signed_text {
    char text[AUTH_TEXT];
    struct auth_proof proof;
};

static struct signed_text sign_at(struct auth *a, uint64_t now)
{
    struct signed_text s;

    assert_int_equal(auth_sign(a, AUTH_REQUEST, fields, FIELDS, "body", 4, now, s.text, &s.proof),
                     0);
    assert_int_equal(strlen(s.text), AUTH_TEXT - 1);
    return s;
}

static enum auth_verdict check_at(struct auth *a, const char *text, uint64_t now)
{
    return auth_check(a, AUTH_REQUEST, fields, FIELDS, text, now, &found);
}

static void explains(struct auth *a, const char *part)
{
    char why[P2P_ERRLEN];

    auth_explain(a, &found, why);
    if (!strstr(why, part))
        fail_msg("'%s' is not said in: %s", part, why);
}

/* ---- what is right, and what is changed ---- */

static void test_what_one_node_signs_the_other_takes(void **state)
{
    struct signed_text s = sign_at(n1, NOW);

    (void)state;
    assert_int_equal(check_at(n2, s.text, NOW), AUTH_OK);
    assert_memory_equal(&found.proof, &s.proof, sizeof(s.proof));
    assert_true(auth_body_is(&found.proof, "body", 4));
    assert_false(auth_body_is(&found.proof, "bode", 4));
    assert_false(auth_body_is(&found.proof, "body", 3));
    assert_false(auth_body_is(&found.proof, "body", 5)); /* with its zero */
    assert_false(auth_body_is(&found.proof, NULL, 0));
}

/* The form is fixed: computed by hand from its description with another program. */
static void test_the_form_is_the_one_that_is_described(void **state)
{
    static const char expected[] =
        "v1 000000003b9aca64 0000000000000001 0000000000000000 "
        "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5 "
        "3320220f8dff343da3f34895f73a7e8a4fa20037ec93d23176f53722e39cdbc0";
    const struct auth_field two[] = {FIELD("10.0.0.2:18080"), FIELD("GET")};
    struct signed_text s;

    (void)state;
    assert_int_equal(auth_sign(n1, AUTH_REQUEST, two, 2, "body", 4, START + 100, s.text, &s.proof),
                     0);
    assert_string_equal(s.text, expected);
}

static void test_no_header_is_unsigned(void **state)
{
    (void)state;
    assert_int_equal(check_at(n2, NULL, NOW), AUTH_UNSIGNED);
    explains(n2, "unsigned");
}

static void test_any_changed_character_is_forged(void **state)
{
    struct signed_text s = sign_at(n1, NOW);

    (void)state;
    for (size_t i = 0; i < AUTH_TEXT - 1; i++)
        for (int to = 1; to < 256; to++) {
            struct signed_text bad = s;

            if (bad.text[i] == (char)to || (to > '1' && to % 7)) /* a seventh of them will do */
                continue;
            bad.text[i] = (char)to;
            assert_int_equal(check_at(n2, bad.text, NOW), AUTH_FORGED);
        }
    explains(n2, "forged");
    assert_int_equal(check_at(n2, s.text, NOW), AUTH_OK);
}

static void test_a_text_of_another_length_is_forged(void **state)
{
    struct signed_text s = sign_at(n1, NOW);
    char longer[AUTH_TEXT + 2];

    (void)state;
    for (size_t n = 0; n < AUTH_TEXT - 1; n++) {
        char *cut = strndup(s.text, n); /* its own memory, so that a byte too far is seen */

        assert_int_equal(check_at(n2, cut, NOW), AUTH_FORGED);
        free(cut);
    }
    snprintf(longer, sizeof(longer), "%s ", s.text);
    assert_int_equal(check_at(n2, longer, NOW), AUTH_FORGED);
    snprintf(longer, sizeof(longer), " %s", s.text);
    assert_int_equal(check_at(n2, longer, NOW), AUTH_FORGED);
}

static void test_any_changed_field_is_forged(void **state)
{
    struct signed_text s = sign_at(n1, NOW);
    struct auth_field changed[FIELDS + 1];

    (void)state;
    for (unsigned i = 0; i < FIELDS; i++) {
        memcpy(changed, fields, sizeof(fields));
        changed[i] = (struct auth_field)FIELD("other");
        assert_int_equal(auth_check(n2, AUTH_REQUEST, changed, FIELDS, s.text, NOW, &found),
                         AUTH_FORGED);
    }
    /* Not there any more, one more, one less, and bytes that moved between two. */
    memcpy(changed, fields, sizeof(fields));
    changed[4] = (struct auth_field){NULL, 0, NULL, 0};
    assert_int_equal(auth_check(n2, AUTH_REQUEST, changed, FIELDS, s.text, NOW, &found),
                     AUTH_FORGED);
    memcpy(changed, fields, sizeof(fields));
    changed[FIELDS] = (struct auth_field){NULL, 0, NULL, 0};
    assert_int_equal(auth_check(n2, AUTH_REQUEST, changed, FIELDS + 1, s.text, NOW, &found),
                     AUTH_FORGED);
    assert_int_equal(auth_check(n2, AUTH_REQUEST, changed, FIELDS - 1, s.text, NOW, &found),
                     AUTH_FORGED);
    changed[1] = (struct auth_field)FIELD("POS");
    changed[2] = (struct auth_field)FIELD("T/peer/function/echo?a=1");
    assert_int_equal(auth_check(n2, AUTH_REQUEST, changed, FIELDS, s.text, NOW, &found),
                     AUTH_FORGED);
    /* Where a field is cut in two pieces does not count. */
    memcpy(changed, fields, sizeof(fields));
    changed[2] = (struct auth_field)FIELD("/peer/function/echo?a=1");
    assert_int_equal(auth_check(n2, AUTH_REQUEST, changed, FIELDS, s.text, NOW, &found), AUTH_OK);
}

static void test_a_proof_is_of_one_kind_only(void **state)
{
    struct signed_text s = sign_at(n1, NOW);

    (void)state;
    assert_int_equal(auth_check(n2, AUTH_ANSWER, fields, FIELDS, s.text, NOW, &found), AUTH_FORGED);
    assert_int_equal(auth_check(n2, AUTH_DATAGRAM, fields, FIELDS, s.text, NOW, &found),
                     AUTH_FORGED);
}

static void test_another_secret_is_forged(void **state)
{
    struct auth *stranger = node("sixteen bytes oK", 3, 0);
    struct signed_text s = sign_at(stranger, NOW);

    (void)state;
    assert_int_equal(check_at(n2, s.text, NOW), AUTH_FORGED);
    auth_free(stranger);
}

/* ---- time ---- */

static void test_clocks_may_differ_by_the_skew_and_no_more(void **state)
{
    (void)state;
    assert_int_equal(check_at(n2, sign_at(n1, NOW - SKEW).text, NOW), AUTH_OK);
    assert_int_equal(check_at(n2, sign_at(n1, NOW + SKEW).text, NOW), AUTH_OK);
    assert_int_equal(check_at(n2, sign_at(n1, NOW - SKEW - 1).text, NOW), AUTH_LATE);
    assert_int_equal(found.behind_ms, SKEW + 1);
    explains(n2, "late by 30.0 s, its clock is behind");
    assert_int_equal(check_at(n2, sign_at(n1, NOW + SKEW + 12300).text, NOW), AUTH_LATE);
    explains(n2, "late by 42.3 s, its clock is ahead of");
}

static void test_times_at_the_ends_of_their_range_are_late(void **state)
{
    (void)state;
    assert_int_equal(check_at(n2, sign_at(n1, 0).text, NOW), AUTH_LATE);
    assert_int_equal(check_at(n2, sign_at(n1, UINT64_MAX).text, NOW), AUTH_LATE);
    explains(n2, "late by");
}

static void test_what_is_older_than_the_start_is_late(void **state)
{
    (void)state;
    assert_int_equal(check_at(n2, sign_at(n1, START - 1).text, START + 10), AUTH_LATE);
    explains(n2, "before this node was started");
    assert_int_equal(check_at(n2, sign_at(n1, START).text, START + 10), AUTH_OK);
}

/* ---- replays ---- */

static void test_what_was_taken_is_not_taken_again(void **state)
{
    struct signed_text s = sign_at(n1, NOW), other = sign_at(n1, NOW);

    (void)state;
    assert_int_equal(check_at(n2, s.text, NOW), AUTH_OK);
    assert_int_equal(check_at(n2, s.text, NOW), AUTH_REPLAYED);
    assert_int_equal(check_at(n2, s.text, NOW + SKEW), AUTH_REPLAYED);
    explains(n2, "replayed");
    assert_int_equal(check_at(n2, s.text, NOW + SKEW + 1), AUTH_LATE);
    assert_int_equal(check_at(n2, other.text, NOW), AUTH_OK);
}

static void test_what_was_refused_uses_nothing_up(void **state)
{
    struct signed_text s = sign_at(n1, NOW);

    (void)state;
    assert_int_equal(check_at(n2, s.text, NOW + SKEW + 1), AUTH_LATE);
    assert_int_equal(auth_check(n2, AUTH_REQUEST, fields, 1, s.text, NOW, &found), AUTH_FORGED);
    assert_int_equal(auth_sessions(n2), 0);
    assert_int_equal(check_at(n2, s.text, NOW), AUTH_OK);
}

static void test_ones_own_words_are_not_taken(void **state)
{
    (void)state;
    assert_int_equal(check_at(n1, sign_at(n1, NOW).text, NOW), AUTH_REPLAYED);
}

static void test_answers_are_bound_by_their_request_alone(void **state)
{
    struct signed_text s = sign_at(n1, NOW), answer;
    struct auth_field of[] = {{.data = s.proof.mac, .len = AUTH_MAC}, FIELD("200")};

    (void)state;
    assert_int_equal(auth_sign(n2, AUTH_ANSWER, of, 2, "", 0, NOW, answer.text, &answer.proof), 0);
    assert_int_equal(auth_check(n1, AUTH_ANSWER, of, 2, answer.text, NOW + 10 * SKEW, &found),
                     AUTH_OK);
    s = sign_at(n1, NOW);
    assert_int_equal(auth_check(n1, AUTH_ANSWER, of, 2, answer.text, NOW, &found), AUTH_FORGED);
}

/* Deterministic, so that a failure can be seen again. */
static unsigned next_random(uint32_t *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 8;
}

static void test_messages_may_come_in_any_order(void **state)
{
    enum { N = 3000 };
    static struct signed_text s[N];
    static unsigned order[N];
    uint32_t seed = 1;

    (void)state;
    for (unsigned i = 0; i < N; i++) {
        s[i] = sign_at(n1, NOW);
        order[i] = i;
    }
    for (unsigned i = N - 1; i > 0; i--) {
        unsigned k = next_random(&seed) % (i + 1), was = order[i];

        order[i] = order[k];
        order[k] = was;
    }
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(check_at(n2, s[order[i]].text, NOW), AUTH_OK);
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(check_at(n2, s[i].text, NOW), AUTH_REPLAYED);
}

/* ---- sessions ---- */

static enum auth_verdict hear_from(struct auth *a, uint64_t session, uint64_t now)
{
    struct auth *sender = node(secret, session, 0);
    struct signed_text s = sign_at(sender, now);

    auth_free(sender);
    return check_at(a, s.text, now);
}

static void test_sessions_are_bounded_and_the_silent_ones_go(void **state)
{
    struct auth *small = node(secret, 99, 3);
    struct signed_text old = sign_at(n1, NOW);

    (void)state;
    assert_int_equal(check_at(small, old.text, NOW), AUTH_OK);
    assert_int_equal(hear_from(small, 11, NOW + 1), AUTH_OK);
    assert_int_equal(hear_from(small, 12, NOW + 2), AUTH_OK);
    assert_int_equal(hear_from(small, 13, NOW + 2), AUTH_FULL);
    explains(small, "3 senders");
    assert_int_equal(hear_from(small, 13, NOW + 2 * SKEW), AUTH_FULL);
    assert_int_equal(auth_sessions(small), 3);
    /* The oldest one goes, and with it what it said. */
    assert_int_equal(hear_from(small, 13, NOW + 2 * SKEW + 1), AUTH_OK);
    assert_int_equal(auth_sessions(small), 3);
    assert_int_equal(check_at(small, old.text, NOW + 2 * SKEW + 2), AUTH_LATE);
    /* It may come back as soon as another one can go. */
    assert_int_equal(check_at(small, sign_at(n1, NOW + 2 * SKEW + 2).text, NOW + 2 * SKEW + 2),
                     AUTH_OK);
    assert_int_equal(auth_sessions(small), 3);
    auth_free(small);
}

static void test_the_one_that_speaks_stays(void **state)
{
    struct auth *small = node(secret, 99, 2);

    (void)state;
    assert_int_equal(check_at(small, sign_at(n1, NOW).text, NOW), AUTH_OK);
    assert_int_equal(check_at(small, sign_at(n2, NOW + 1).text, NOW + 1), AUTH_OK);
    assert_int_equal(check_at(small, sign_at(n1, NOW + SKEW).text, NOW + SKEW), AUTH_OK);
    assert_int_equal(hear_from(small, 13, NOW + 2 * SKEW + 2), AUTH_OK);
    assert_int_equal(check_at(small, sign_at(n1, NOW + 2 * SKEW).text, NOW + 2 * SKEW), AUTH_OK);
    auth_free(small);
}

static void test_what_was_forgotten_is_late_even_when_the_clock_goes_back(void **state)
{
    struct auth *small = node(secret, 99, 1);
    struct signed_text old = sign_at(n1, NOW);

    (void)state;
    assert_int_equal(check_at(small, old.text, NOW), AUTH_OK);
    assert_int_equal(hear_from(small, 11, NOW + 2 * SKEW + 1), AUTH_OK);
    assert_int_equal(hear_from(small, 12, NOW + 10 * SKEW), AUTH_OK);
    assert_int_equal(check_at(small, old.text, NOW), AUTH_LATE);
    assert_true(found.below_floor);
    auth_free(small);
}

static void test_a_sender_that_is_started_again_is_another(void **state)
{
    struct signed_text old = sign_at(n1, NOW);

    (void)state;
    assert_int_equal(check_at(n2, old.text, NOW), AUTH_OK);
    auth_free(n1);
    n1 = node(secret, 17, 0);
    assert_int_equal(check_at(n2, sign_at(n1, NOW).text, NOW), AUTH_OK);
    assert_int_equal(check_at(n2, old.text, NOW), AUTH_REPLAYED);
    assert_int_equal(auth_sessions(n2), 2);
}

/* ---- datagrams ---- */

static const char content[] = "a ping";
enum { CONTENT = sizeof(content) - 1, SEALED = CONTENT + AUTH_ROOM };

static void seal_at(unsigned char out[SEALED], uint64_t now)
{
    memcpy(out, content, CONTENT);
    assert_int_equal(auth_seal(n1, "n2", out, CONTENT, SEALED, now), SEALED);
}

static void test_a_sealed_datagram_opens_once(void **state)
{
    unsigned char d[SEALED];

    (void)state;
    seal_at(d, NOW);
    assert_int_equal(auth_open(n2, "n3", d, SEALED, NOW, &found), -1);
    assert_int_equal(found.verdict, AUTH_FORGED);
    assert_int_equal(auth_open(n2, "n2", d, SEALED, NOW, &found), CONTENT);
    assert_int_equal(found.verdict, AUTH_OK);
    assert_memory_equal(d, content, CONTENT);
    assert_int_equal(auth_open(n2, "n2", d, SEALED, NOW, &found), -1);
    assert_int_equal(found.verdict, AUTH_REPLAYED);
    assert_int_equal(auth_open(n2, "n2", d, SEALED, NOW + SKEW + 1, &found), -1);
    assert_int_equal(found.verdict, AUTH_LATE);
}

static void test_a_seal_needs_its_room(void **state)
{
    unsigned char d[SEALED];

    (void)state;
    memcpy(d, content, CONTENT);
    for (size_t size = 0; size < SEALED; size++)
        assert_int_equal(auth_seal(n1, "n2", d, CONTENT, size, NOW), 0);
    assert_int_equal(auth_seal(n1, "n2", d, 0, AUTH_ROOM, NOW), AUTH_ROOM);
    assert_int_equal(auth_open(n2, "n2", d, AUTH_ROOM, NOW, &found), 0);
}

static void test_a_cut_or_longer_datagram_is_not_opened(void **state)
{
    unsigned char d[SEALED], longer[SEALED + 1];

    (void)state;
    seal_at(d, NOW);
    for (size_t n = 0; n < SEALED; n++) {
        unsigned char *cut = malloc(n ? n : 1);

        memcpy(cut, d, n);
        assert_int_equal(auth_open(n2, "n2", cut, n, NOW, &found), -1);
        assert_true(found.verdict == AUTH_UNSIGNED || found.verdict == AUTH_FORGED);
        free(cut);
        /* The front cut off: the seal is whole and does not fit. */
        assert_int_equal(auth_open(n2, "n2", d + SEALED - n, n, NOW, &found), -1);
        assert_int_equal(found.verdict, n < AUTH_ROOM ? AUTH_UNSIGNED : AUTH_FORGED);
    }
    memcpy(longer, d, SEALED);
    longer[SEALED] = 0;
    assert_int_equal(auth_open(n2, "n2", longer, sizeof(longer), NOW, &found), -1);
    longer[0] = 0;
    memcpy(longer + 1, d, SEALED);
    assert_int_equal(auth_open(n2, "n2", longer, sizeof(longer), NOW, &found), -1);
    assert_int_equal(found.verdict, AUTH_FORGED);
    assert_int_equal(auth_open(n2, "n2", d, SEALED, NOW, &found), CONTENT);
}

static void test_any_flipped_bit_of_a_datagram_is_seen(void **state)
{
    unsigned char d[SEALED];

    (void)state;
    seal_at(d, NOW);
    for (unsigned i = 0; i < SEALED * 8; i++) {
        d[i / 8] ^= (unsigned char)(1 << i % 8);
        assert_int_equal(auth_open(n2, "n2", d, SEALED, NOW, &found), -1);
        assert_int_equal(found.verdict,
                         i / 8 >= CONTENT && i / 8 < CONTENT + 8 ? AUTH_UNSIGNED : AUTH_FORGED);
        d[i / 8] ^= (unsigned char)(1 << i % 8);
    }
    assert_int_equal(auth_open(n2, "n2", d, SEALED, NOW, &found), CONTENT);
}

/* ---- threads ---- */

enum { THREADS = 4, EACH = 2000 };
static struct signed_text shared[EACH];

static void *take_all(void *arg)
{
    unsigned *taken = arg;
    struct auth_finding f;

    for (unsigned i = 0; i < EACH; i++) {
        struct signed_text own;

        *taken += auth_check(n2, AUTH_REQUEST, fields, FIELDS, shared[i].text, NOW, &f) == AUTH_OK;
        /* Signing on the other side meanwhile must not give a nonce twice. */
        if (auth_sign(n1, AUTH_REQUEST, fields, FIELDS, "", 0, NOW, own.text, &own.proof) ||
            auth_check(n2, AUTH_REQUEST, fields, FIELDS, own.text, NOW, &f) != AUTH_OK)
            *taken += THREADS * EACH;
    }
    return NULL;
}

static void test_threads_take_each_message_once(void **state)
{
    pthread_t thread[THREADS];
    unsigned taken[THREADS] = {0}, total = 0;

    (void)state;
    for (unsigned i = 0; i < EACH; i++)
        shared[i] = sign_at(n1, NOW);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, take_all, &taken[i]), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        total += taken[i];
    }
    assert_int_equal(total, EACH);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_one_node_signs_the_other_takes),
        TEST(test_the_form_is_the_one_that_is_described),
        TEST(test_no_header_is_unsigned),
        TEST(test_any_changed_character_is_forged),
        TEST(test_a_text_of_another_length_is_forged),
        TEST(test_any_changed_field_is_forged),
        TEST(test_a_proof_is_of_one_kind_only),
        TEST(test_another_secret_is_forged),
        TEST(test_clocks_may_differ_by_the_skew_and_no_more),
        TEST(test_times_at_the_ends_of_their_range_are_late),
        TEST(test_what_is_older_than_the_start_is_late),
        TEST(test_what_was_taken_is_not_taken_again),
        TEST(test_what_was_refused_uses_nothing_up),
        TEST(test_ones_own_words_are_not_taken),
        TEST(test_answers_are_bound_by_their_request_alone),
        TEST(test_messages_may_come_in_any_order),
        TEST(test_sessions_are_bounded_and_the_silent_ones_go),
        TEST(test_the_one_that_speaks_stays),
        TEST(test_what_was_forgotten_is_late_even_when_the_clock_goes_back),
        TEST(test_a_sender_that_is_started_again_is_another),
        TEST(test_a_sealed_datagram_opens_once),
        TEST(test_a_seal_needs_its_room),
        TEST(test_a_cut_or_longer_datagram_is_not_opened),
        TEST(test_any_flipped_bit_of_a_datagram_is_seen),
        TEST(test_threads_take_each_message_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
