/*
 * swim_receive.c - what a datagram says is done in order; it is answered once, at its end,
 * so that a small one cannot set off many.
 */
#include "host/discovery/swim_private.h"

struct incoming {
    const struct swim_address *from;
    struct swim_address who;   /* as it calls itself */
    struct swim_entry *sender; /* NULL: no member (yet) */
    bool pinged;
    uint32_t seq;
};

static void hear_load(struct swim *s, struct swim_entry *e, struct swim_load load)
{
    if (load.heard_ns < e->m.load.heard_ns || !swim_is_live(e))
        return;
    e->m.load = load;
    swim_call_heard(s, e);
}

static bool take_own_load(struct swim *s, struct swim_reader *body, struct swim_entry *sender)
{
    struct swim_load load = {.heard_ns = s->now};

    swim_get_load(body, &load);
    if (body->bad)
        return false;
    if (sender)
        hear_load(s, sender, load);
    return true;
}

/* The way here took time too: half the sender's round trip, or an echo of an old load
 * would seem younger with each hop. */
static bool take_load(struct swim *s, struct swim_reader *body, const struct swim_entry *sender)
{
    struct swim_address about;
    struct swim_load load;
    struct swim_entry *e;
    uint64_t age;

    swim_get_address(body, &about);
    age = swim_get_var(body) * SWIM_MS + (sender ? sender->m.rtt_ns / 2 : 0);
    swim_get_load(body, &load);
    if (body->bad)
        return false;
    e = swim_entry_find(s, &about);
    if (e && age < s->now && age < SWIM_LOAD_NS) {
        load.heard_ns = s->now - age;
        hear_load(s, e, load);
    }
    return true;
}

bool swim_take(struct swim *s, unsigned type, struct swim_reader *body, struct swim_entry *sender,
               enum swim_source how)
{
    struct swim_record record;

    switch (type) {
    case MESSAGE_MEMBER:
        swim_get_record(body, &record);
        if (body->bad)
            return false;
        swim_apply(s, &record, how);
        return true;
    case MESSAGE_OWN_LOAD:
        return take_own_load(s, body, sender);
    case MESSAGE_LOAD:
        return take_load(s, body, sender);
    default:
        return true;
    }
}

static bool take_ping(struct swim *s, struct swim_reader *body, struct incoming *in, bool relay)
{
    struct swim_address target;
    uint32_t seq = swim_get_u32(body);
    struct swim_entry *e;

    swim_get_address(body, &target);
    if (body->bad)
        return false;
    if (!relay) {
        if (swim_address_equal(&target, &s->self.m.address)) {
            in->pinged = true;
            in->seq = seq;
        } else {
            s->stats.stray++;
        }
        return true;
    }
    e = swim_entry_find(s, &target);
    if (e && in->sender)
        swim_relay_start(s, in->from, seq, e);
    return true;
}

static bool take_number(struct swim *s, struct swim_reader *body, const struct incoming *in,
                        unsigned type)
{
    uint32_t seq = swim_get_u32(body);

    if (body->bad)
        return false;
    if (type == MESSAGE_ACK)
        swim_on_ack(s, in->sender, seq);
    else
        swim_on_nack(s, seq);
    return true;
}

static bool dispatch(struct swim *s, unsigned type, struct swim_reader *body, struct incoming *in)
{
    switch (type) {
    case MESSAGE_PING:
    case MESSAGE_ASK:
        return take_ping(s, body, in, type == MESSAGE_ASK);
    case MESSAGE_ACK:
    case MESSAGE_NACK:
        return take_number(s, body, in, type);
    default:
        return swim_take(s, type, body, in->sender, SWIM_BY_GOSSIP);
    }
}

/* A stranger gets no more than it needs: what it asked, and what it has wrong of us. */
static void answer(struct swim *s, const struct incoming *in)
{
    struct swim_packet p;

    swim_packet_begin(s, &p, in->sender);
    if (in->pinged)
        swim_put_number(&p.w, MESSAGE_ACK, in->seq);
    if (s->misjudged || s->leaving)
        swim_put_record(&p.w, &s->self);
    if (in->sender)
        swim_packet_fill(s, &p, in->sender);
    swim_packet_send(s, &p, in->from);
}

void swim_receive(struct swim *s, const struct swim_address *from, const void *data, size_t len,
                  uint64_t now)
{
    struct swim_reader r = {.at = data, .end = (const uint8_t *)data + len};
    struct swim_reader body;
    struct incoming in = {.from = from};
    unsigned type;

    swim_enter(s, now);
    s->stats.datagrams_in++;
    s->stats.bytes_in += len;
    swim_get_head(&r, false, &in.who);
    if (!r.bad && swim_address_equal(&in.who, &s->self.m.address)) {
        s->stats.stray++;
        return;
    }
    if (!r.bad)
        in.sender = swim_entry_find(s, &in.who);
    while ((type = swim_get_message(&r, &body)) != 0) {
        if (!dispatch(s, type, &body, &in)) {
            r.bad = true;
            break;
        }
        /* The sender's own may have come, or one that pushed the sender out. */
        if (type == MESSAGE_MEMBER)
            in.sender = swim_entry_find(s, &in.who);
    }
    if (r.bad)
        s->stats.malformed++;
    if (in.pinged || s->misjudged)
        answer(s, &in);
    if (in.pinged && !in.sender && !s->leaving)
        swim_stranger(s, &in.who);
}
