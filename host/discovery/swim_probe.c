/*
 * swim_probe.c - probes, direct and through others, and what they say of this node itself.
 */
#include <string.h>

#include "host/discovery/swim_private.h"

/* ---- whose turn it is: a shuffled round, so that two turns of one member are at most
 * 2n - 1 probes apart */

static void put_live(struct swim *s, uint32_t at, struct swim_entry *e)
{
    s->live[at] = e;
    e->live_at = at;
}

/* Somewhere among those that still have their turn in this round. */
void swim_live_add(struct swim *s, struct swim_entry *e)
{
    uint32_t at = s->probed + swim_below(s, s->n_live - s->probed + 1);

    if (at < s->n_live)
        put_live(s, s->n_live, s->live[at]);
    put_live(s, at, e);
    s->n_live++;
}

void swim_live_remove(struct swim *s, struct swim_entry *e)
{
    uint32_t hole = e->live_at;

    if (hole < s->probed) {
        s->probed--;
        put_live(s, hole, s->live[s->probed]);
        hole = s->probed;
    }
    s->n_live--;
    if (hole < s->n_live)
        put_live(s, hole, s->live[s->n_live]);
    e->live_at = SWIM_NEVER_AT; /* last: it may have been moved into its own place */
}

static void shuffle(struct swim *s)
{
    for (uint32_t i = s->n_live; i > 1; i--) {
        uint32_t j = swim_below(s, i);
        struct swim_entry *e = s->live[j];

        put_live(s, j, s->live[i - 1]);
        put_live(s, i - 1, e);
    }
    s->probed = 0;
}

/* ---- local health */

void swim_health(struct swim *s, int change)
{
    int64_t health = (int64_t)s->stats.health + change, most = s->settings.health_most - 1;

    health = health < 0 ? 0 : health;
    s->stats.health = (uint32_t)(health > most ? most : health);
}

static uint64_t timeout_ns(const struct swim *s)
{
    return s->settings.probe_timeout_ms * SWIM_MS * (s->stats.health + 1);
}

/* ---- a probe's way */

static struct swim_probe *find_probe(struct swim *s, const struct swim_entry *target)
{
    for (unsigned i = 0; i < SWIM_PROBES; i++)
        if (s->probes[i].target == target)
            return &s->probes[i];
    return NULL;
}

static void ping(struct swim *s, const struct swim_entry *e, uint32_t seq)
{
    struct swim_packet p;

    swim_packet_begin(s, &p, e);
    swim_put_target(&p.w, MESSAGE_PING, seq, &e->m.address);
    swim_packet_fill(s, &p, e);
    swim_packet_send(s, &p, &e->m.address);
}

/* Others that are believed to be well, at random, each once. */
static void ask_others(struct swim *s, struct swim_probe *probe)
{
    uint32_t most = s->settings.indirect;
    uint32_t chosen[SWIM_CHOSEN_MOST], n = 0;

    probe->relay_ns = SWIM_NEVER;
    for (uint32_t tries = 0; tries < 4 * most && n < most && s->n_live > 1; tries++) {
        uint32_t at = swim_below(s, s->n_live);
        const struct swim_entry *e = s->live[at];
        struct swim_packet p;
        bool again = e == probe->target || e->m.state != SWIM_ALIVE;

        for (uint32_t i = 0; i < n; i++)
            again |= chosen[i] == at;
        if (again)
            continue;
        chosen[n++] = at;
        swim_packet_begin(s, &p, e);
        swim_put_target(&p.w, MESSAGE_ASK, probe->seq, &probe->target->m.address);
        swim_packet_fill(s, &p, e);
        swim_packet_send(s, &p, &e->m.address);
    }
    probe->asked = n;
}

void swim_probe_start(struct swim *s, struct swim_entry *e, enum swim_probe_kind kind)
{
    struct swim_probe *probe = find_probe(s, e);
    uint64_t timeout = timeout_ns(s);

    if (!probe) {
        probe = find_probe(s, NULL);
        if (!probe)
            return;
        *probe = (struct swim_probe){.target = e,
                                     .kind = kind,
                                     .seq = ++s->seq,
                                     .sent_ns = s->now,
                                     .relay_ns = s->now + timeout,
                                     .deadline_ns = s->now + 2 * timeout};
        ping(s, e, probe->seq);
    }
    if (kind == PROBE_EVIDENCE && probe->relay_ns != SWIM_NEVER) {
        probe->deadline_ns = s->now + timeout;
        ask_others(s, probe);
    }
}

static void release(struct swim_probe *probe)
{
    probe->target = NULL;
}

void swim_probe_cancel(struct swim *s, const struct swim_entry *e)
{
    struct swim_probe *probe = find_probe(s, e);

    if (probe)
        release(probe);
}

void swim_probes_drop(struct swim *s)
{
    memset(s->probes, 0, sizeof(s->probes));
    memset(s->relays, 0, sizeof(s->relays));
}

void swim_probes_delay(struct swim *s, uint64_t ns)
{
    for (unsigned i = 0; i < SWIM_PROBES; i++) {
        s->probes[i].deadline_ns += ns;
        if (s->probes[i].relay_ns != SWIM_NEVER)
            s->probes[i].relay_ns += ns;
    }
}

static void succeed(struct swim *s, struct swim_probe *probe, bool direct)
{
    struct swim_entry *e = probe->target;
    uint64_t rtt = s->now - probe->sent_ns;

    s->stats.probes_ok++;
    s->stats.probes_indirect += !direct;
    if (probe->kind == PROBE_ROUTINE)
        swim_health(s, -1);
    release(probe);
    if (!direct)
        return;
    rtt = rtt ? rtt : 1;
    e->m.rtt_ns = e->m.rtt_ns ? e->m.rtt_ns - e->m.rtt_ns / 8 + rtt / 8 : rtt;
    swim_call_heard(s, e);
}

/* Those that were asked and do not even say that they tried show that it is this node
 * that hears badly; without anyone to ask each failure counts against both. */
static void fail(struct swim *s, struct swim_probe *probe)
{
    struct swim_entry *e = probe->target;

    s->stats.probes_failed++;
    if (probe->kind == PROBE_ROUTINE)
        swim_health(s, probe->asked ? (int)probe->asked - (int)probe->nacks : 1);
    release(probe);
    swim_accuse(s, e);
}

/* ---- probes for others */

void swim_relay_start(struct swim *s, const struct swim_address *origin, uint32_t origin_seq,
                      struct swim_entry *target)
{
    /* Sooner than the asker gives up, or its health would suffer for the target's. */
    uint64_t patience = s->settings.probe_timeout_ms * SWIM_MS * 4 / 5;

    for (unsigned i = 0; i < SWIM_RELAYS; i++) {
        struct swim_relay *relay = &s->relays[i];

        if (relay->nack_ns)
            continue;
        *relay = (struct swim_relay){.origin = *origin,
                                     .origin_seq = origin_seq,
                                     .seq = ++s->seq,
                                     .nack_ns = s->now + patience};
        ping(s, target, relay->seq);
        return;
    }
}

static void tell_origin(struct swim *s, struct swim_relay *relay, enum swim_message what)
{
    struct swim_packet p;

    swim_packet_begin(s, &p, NULL);
    swim_put_number(&p.w, what, relay->origin_seq);
    swim_packet_send(s, &p, &relay->origin);
    relay->nack_ns = 0;
}

/* ---- answers */

static bool late(const struct swim *s, uint32_t seq)
{
    return s->seq - seq < 4096;
}

void swim_on_ack(struct swim *s, struct swim_entry *sender, uint32_t seq)
{
    for (unsigned i = 0; i < SWIM_PROBES; i++) {
        struct swim_probe *probe = &s->probes[i];

        if (probe->target && probe->seq == seq) {
            succeed(s, probe, probe->target == sender);
            return;
        }
    }
    for (unsigned i = 0; i < SWIM_RELAYS; i++) {
        struct swim_relay *relay = &s->relays[i];

        if (relay->nack_ns && relay->seq == seq) {
            tell_origin(s, relay, MESSAGE_ACK);
            return;
        }
    }
    if (sender && sender->m.state == SWIM_SUSPECT && late(s, seq))
        swim_suspicion_restart(s, sender);
}

void swim_on_nack(struct swim *s, uint32_t seq)
{
    for (unsigned i = 0; i < SWIM_PROBES; i++)
        if (s->probes[i].target && s->probes[i].seq == seq &&
            s->probes[i].nacks < s->probes[i].asked)
            s->probes[i].nacks++;
}

/* ---- time */

static void probe_next_member(struct swim *s)
{
    for (uint32_t tries = 0; tries < s->n_live; tries++) {
        struct swim_entry *e;

        if (s->probed >= s->n_live)
            shuffle(s);
        e = s->live[s->probed++];
        if (!find_probe(s, e)) {
            swim_probe_start(s, e, PROBE_ROUTINE);
            return;
        }
    }
}

void swim_probe_tick(struct swim *s)
{
    for (unsigned i = 0; i < SWIM_PROBES; i++) {
        struct swim_probe *probe = &s->probes[i];

        if (probe->target && probe->deadline_ns <= s->now)
            fail(s, probe);
        else if (probe->target && probe->relay_ns <= s->now)
            ask_others(s, probe);
    }
    for (unsigned i = 0; i < SWIM_RELAYS; i++)
        if (s->relays[i].nack_ns && s->relays[i].nack_ns <= s->now)
            tell_origin(s, &s->relays[i], MESSAGE_NACK);
    if (!s->leaving && s->probe_due_ns <= s->now) {
        s->probe_due_ns = s->now + s->settings.probe_interval_ms * SWIM_MS * (s->stats.health + 1);
        probe_next_member(s);
    }
}

uint64_t swim_probe_next(const struct swim *s)
{
    uint64_t next = s->leaving || s->n_live == 0 ? SWIM_NEVER : s->probe_due_ns;

    for (unsigned i = 0; i < SWIM_PROBES; i++) {
        const struct swim_probe *probe = &s->probes[i];

        if (!probe->target)
            continue;
        next = probe->deadline_ns < next ? probe->deadline_ns : next;
        next = probe->relay_ns < next ? probe->relay_ns : next;
    }
    for (unsigned i = 0; i < SWIM_RELAYS; i++)
        if (s->relays[i].nack_ns && s->relays[i].nack_ns < next)
            next = s->relays[i].nack_ns;
    return next;
}
