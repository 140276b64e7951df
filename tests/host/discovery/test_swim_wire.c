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

/* A datagram that has everything once, as node 1 would send it. */
static void write_all(struct one *o)
{
    struct swim_address target = net_address(0), other = net_address(3);
    struct swim_entry accused = one_entry(2, SWIM_SUSPECT, 3), six = one_entry(4, SWIM_ALIVE, 1);
    struct swim_load load = {.load = 1, .queue = 300, .slots = 70000, .heard_ns = 1};
    struct swim_member m = {.address = net_address(3), .load = load};

    m.load.heard_ns = o->now - SECOND;
    accused.accusers[0] = net_address(3);
    accused.n_accusers = 1;
    memset(accused.m.id, 'i', SWIM_TEXT_MOST);
    memset(accused.m.group, 'g', SWIM_TEXT_MOST);
    six.m.address.ip[0] = 0x20;
    one_begin(o, 1);
    assert_true(swim_put_own_load(&o->out.w, &load));
    assert_true(swim_put_record(&o->out.w, &accused));
    assert_true(swim_put_record(&o->out.w, &six));
    assert_true(swim_put_load(&o->out.w, &m, o->now));
    assert_true(swim_put_target(&o->out.w, MESSAGE_PING, 1, &target));
    assert_true(swim_put_target(&o->out.w, MESSAGE_ASK, 2, &other));
    assert_true(swim_put_number(&o->out.w, MESSAGE_ACK, 3));
    assert_true(swim_put_number(&o->out.w, MESSAGE_NACK, 4));
}

static void start_with_three(struct one *o)
{
    if (o->s)
        swim_free(o->s);
    one_start(o, 1);
    one_meet(o, 3);
    one_forget_sent(o);
}

static void test_records_come_out_as_they_went_in(void **state)
{
    struct swim_entry in = one_entry(2, SWIM_SUSPECT, 0xfffffffe);
    struct swim_reader r, body;
    struct swim_record out;
    struct one *o = *state;

    one_start(o, 1);
    in.refutes = true;
    in.accusers[0] = net_address(9);
    in.n_accusers = 1;
    in.m.http_port = 65535;
    in.m.slots = UINT32_MAX;
    in.m.functions_hash = 0x01020304;
    memset(in.m.id, 'i', SWIM_TEXT_MOST);
    memset(in.m.group, 'g', SWIM_TEXT_MOST);
    for (unsigned family = 4; family <= 6; family += 2) {
        if (family == 6)
            in.m.address.ip[0] = in.accusers[0].ip[0] = 0xfe;
        one_begin(o, 1);
        assert_true(swim_put_record(&o->out.w, &in));
        assert_true(o->out.w.len <= SWIM_RECORD_MOST);
        r = (struct swim_reader){.at = o->out.bytes, .end = o->out.bytes + o->out.w.len};
        swim_get_head(&r, false, &out.m.address);
        assert_int_equal(swim_get_message(&r, &body), MESSAGE_MEMBER);
        swim_get_record(&body, &out);
        assert_false(body.bad);
        assert_ptr_equal(body.at, body.end);
        assert_true(swim_address_equal(&out.m.address, &in.m.address));
        assert_true(swim_address_equal(&out.accuser, &in.accusers[0]));
        assert_true(swim_same_description(&out.m, &in.m));
        assert_int_equal(out.m.state, SWIM_SUSPECT);
        assert_int_equal(out.m.incarnation, in.m.incarnation);
        assert_true(out.refutes && out.accused);
        assert_int_equal(swim_get_message(&r, &body), 0);
        assert_false(r.bad);
    }
}

static void test_a_message_that_does_not_fit_leaves_nothing(void **state)
{
    struct swim_entry e = one_entry(2, SWIM_ALIVE, 1);
    struct one *o = *state;
    size_t head, whole;

    one_start(o, 1);
    one_begin(o, 1);
    head = o->out.w.len;
    assert_true(swim_put_record(&o->out.w, &e));
    whole = o->out.w.len;
    for (size_t size = head; size < whole; size++) {
        one_begin(o, 1);
        o->out.w.size = size;
        assert_false(swim_put_record(&o->out.w, &e));
        assert_int_equal(o->out.w.len, head);
        /* A smaller one may still fit. */
        if (size >= head + 6)
            assert_true(swim_put_number(&o->out.w, MESSAGE_ACK, 1));
    }
    one_begin(o, 1);
    o->out.w.size = whole;
    assert_true(swim_put_record(&o->out.w, &e));
}

static void test_a_whole_datagram_is_taken(void **state)
{
    struct one *o = *state;

    start_with_three(o);
    write_all(o);
    one_end(o);
    assert_int_equal(one_stats(o).malformed, 0);
    assert_int_equal(one_sees(o, 2), SWIM_SUSPECT);
    assert_int_equal(one_stats(o).alive, 3);
    assert_int_equal(one_count(o, 1, MESSAGE_ACK), 1);
    assert_int_equal(one_count(o, 3, MESSAGE_PING), 1);
    assert_int_equal(o->n_heard, 2);
}

/* Cut anywhere it is taken up to the cut, and counted unless that is between messages. */
static void test_a_datagram_cut_at_any_byte_is_taken_up_to_there(void **state)
{
    struct one *o = *state;
    unsigned whole = 0;
    size_t len;

    o->now += SECOND;
    write_all(o);
    len = o->out.w.len;
    for (size_t cut = 0; cut < len; cut++) {
        start_with_three(o);
        write_all(o);
        o->out.w.len = cut;
        one_end(o);
        assert_true(one_stats(o).malformed <= 1);
        whole += one_stats(o).malformed == 0;
        assert_int_equal(one_stats(o).datagrams_in, 1);
        assert_int_equal(one_count(o, 3, MESSAGE_PING) > 0, cut >= len - 12);
    }
    assert_int_equal(whole, 8); /* after the head, and after each message but the last */
}

/* Whatever one byte becomes, nothing worse than a member too many comes of it. */
static void test_a_datagram_with_any_byte_changed_does_no_harm(void **state)
{
    static const uint8_t flips[] = {0x01, 0x80, 0xff};
    struct one *o = *state;
    size_t len;

    o->now += SECOND;
    write_all(o);
    len = o->out.w.len;
    for (size_t at = 0; at < len; at++) {
        for (unsigned i = 0; i < sizeof(flips); i++) {
            start_with_three(o);
            write_all(o);
            o->out.bytes[at] ^= flips[i];
            one_end(o);
            assert_int_equal(swim_self(o->s)->state, SWIM_ALIVE);
            assert_true(one_stats(o).malformed <= 1);
            assert_true(one_stats(o).dead <= 1);
            assert_true(one_stats(o).alive + one_stats(o).suspect <= 6);
            if (at < 4)
                assert_int_equal(one_stats(o).malformed, 1);
            one_run(o, 100 * MS);
        }
    }
}

static void test_garbage_is_counted(void **state)
{
    struct swim_address from = net_address(1);
    struct one *o = *state;
    uint8_t bytes[2000];

    start_with_three(o);
    for (unsigned i = 0; i < 2000; i++) {
        size_t len = swim_below(o->s, sizeof(bytes));

        for (size_t j = 0; j < len; j++)
            bytes[j] = (uint8_t)swim_rand64(o->s);
        swim_receive(o->s, &from, bytes, len, o->now);
    }
    assert_int_equal(one_stats(o).malformed, 2000);
    assert_int_equal(o->n_sent, 0);
}

static void test_unknown_messages_and_longer_bodies_are_skipped(void **state)
{
    /* Type 200, 3 bytes; an acknowledgement with 2 bytes more than today's. */
    static const uint8_t later[] = {200, 3, 1, 2, 3, MESSAGE_ACK, 6, 0, 0, 0, 9, 7, 7};
    struct one *o = *state;

    start_with_three(o);
    one_begin(o, 1);
    memcpy(o->out.bytes + o->out.w.len, later, sizeof(later));
    o->out.w.len += sizeof(later);
    swim_put_number(&o->out.w, MESSAGE_WANT, 5);
    swim_put_record(&o->out.w, &(struct swim_entry){.m = {.address = net_address(9)}});
    one_end(o);
    assert_int_equal(one_stats(o).malformed, 0);
    assert_int_equal(one_sees(o, 9), SWIM_ALIVE);
}

static void malformed(struct one *o, const uint8_t *bytes, size_t n)
{
    uint64_t before = one_stats(o).malformed;

    one_begin(o, 1);
    memcpy(o->out.bytes + o->out.w.len, bytes, n);
    o->out.w.len += n;
    one_end(o);
    assert_int_equal(one_stats(o).malformed, before + 1);
}

static void test_numbers_texts_and_addresses_are_strict(void **state)
{
    static const uint8_t type_zero[] = {0, 0};
    static const uint8_t length_endless[] = {2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80};
    static const uint8_t length_large[] = {2, 0xff, 0xff, 0xff, 0xff, 0x1f, 0};
    static const uint8_t length_past[] = {2, 5, 0, 0, 0, 1};
    static const uint8_t port_zero[] = {1, 11, 0, 0, 0, 1, 4, 10, 0, 0, 1, 0, 0};
    static const uint8_t family_five[] = {1, 11, 0, 0, 0, 1, 5, 10, 0, 0, 1, 0, 9};
    static const uint8_t multicast[] = {1, 11, 0, 0, 0, 1, 4, 224, 0, 0, 1, 0, 9};
    static const uint8_t anywhere[] = {1, 11, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 9};
    struct swim_entry e = one_entry(9, SWIM_ALIVE, 1);
    struct one *o = *state;

    start_with_three(o);
    malformed(o, type_zero, sizeof(type_zero));
    malformed(o, length_endless, sizeof(length_endless));
    malformed(o, length_large, sizeof(length_large));
    malformed(o, length_past, sizeof(length_past));
    malformed(o, port_zero, sizeof(port_zero));
    malformed(o, family_five, sizeof(family_five));
    malformed(o, multicast, sizeof(multicast));
    malformed(o, anywhere, sizeof(anywhere));
    e.m.id[2] = '\n';
    one_hear(o, 1, &e);
    e.m.id[2] = 0x7f;
    one_hear(o, 1, &e);
    assert_int_equal(one_sees(o, 9), SWIM_UNKNOWN);
    assert_int_equal(one_stats(o).malformed, 10);
    e.m.id[2] = (char)0xc3;
    one_hear(o, 1, &e);
    assert_int_equal(one_sees(o, 9), SWIM_ALIVE);
}

static void test_addresses_have_a_text(void **state)
{
    struct swim_address a = net_address(258);
    char text[SWIM_ADDRESS_TEXT];
    struct one *o = *state;

    one_start(o, 1);
    assert_string_equal(swim_address_text(&a, text), "10.0.1.3:7000");
    memset(a.ip, 0, 16);
    a.ip[15] = 1;
    assert_string_equal(swim_address_text(&a, text), "[::1]:7000");
    memset(a.ip, 0xab, 16);
    a.port = 65535;
    assert_string_equal(swim_address_text(&a, text),
                        "[abab:abab:abab:abab:abab:abab:abab:abab]:65535");
    assert_string_equal(swim_state_name(SWIM_SUSPECT), "suspect");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
        T(test_records_come_out_as_they_went_in),
        T(test_a_message_that_does_not_fit_leaves_nothing),
        T(test_a_whole_datagram_is_taken),
        T(test_a_datagram_cut_at_any_byte_is_taken_up_to_there),
        T(test_a_datagram_with_any_byte_changed_does_no_harm),
        T(test_garbage_is_counted),
        T(test_unknown_messages_and_longer_bodies_are_skipped),
        T(test_numbers_texts_and_addresses_are_strict),
        T(test_addresses_have_a_text),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
