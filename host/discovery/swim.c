/*
 * swim.c - life of the detector, its ticks, and questions about members.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "host/discovery/swim_private.h"

/* ---- addresses and names */

bool swim_address_equal(const struct swim_address *a, const struct swim_address *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}
_Static_assert(sizeof(struct swim_address) == 18, "compared and hashed as bytes");

const char *swim_address_text(const struct swim_address *a, char text[SWIM_ADDRESS_TEXT])
{
    static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
    char ip[INET6_ADDRSTRLEN];

    if (memcmp(a->ip, v4, sizeof(v4)) == 0)
        snprintf(text, SWIM_ADDRESS_TEXT, "%s:%u", inet_ntop(AF_INET, a->ip + 12, ip, sizeof(ip)),
                 a->port);
    else
        snprintf(text, SWIM_ADDRESS_TEXT, "[%s]:%u", inet_ntop(AF_INET6, a->ip, ip, sizeof(ip)),
                 a->port);
    return text;
}

const char *swim_state_name(enum swim_state state)
{
    static const char *const names[] = {"alive", "suspect", "dead", "left", "unknown"};

    return names[state];
}

/* ---- chance: splitmix64 */

uint64_t swim_rand64(struct swim *s)
{
    uint64_t z = s->random += 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

uint32_t swim_below(struct swim *s, uint32_t n)
{
    return (uint32_t)((swim_rand64(s) >> 32) * n >> 32);
}

uint64_t swim_jitter(struct swim *s, uint64_t ns)
{
    return ns / 2 + (uint64_t)((double)(swim_rand64(s) >> 11) * 0x1p-53 * (double)ns);
}

/* ---- callbacks */

void swim_call_changed(struct swim *s, const struct swim_entry *e, enum swim_state old_state)
{
    if (!s->calls.changed)
        return;
    s->inside = true;
    s->calls.changed(s->ctx, &e->m, old_state);
    s->inside = false;
}

void swim_call_heard(struct swim *s, const struct swim_entry *e)
{
    if (!s->calls.heard)
        return;
    s->inside = true;
    s->calls.heard(s->ctx, &e->m);
    s->inside = false;
}

void swim_call_send(struct swim *s, const struct swim_address *to, const void *data, size_t len)
{
    s->inside = true;
    s->calls.send(s->ctx, to, data, len);
    s->inside = false;
}

/* Whoever was stopped for a while, or could not keep up, has answers waiting unread: what
 * ran out meanwhile runs on by as much. */
static void make_up_for_delay(struct swim *s, uint64_t now)
{
    uint64_t late = now > s->tick_due_ns ? now - s->tick_due_ns : 0;

    if (late <= s->settings.probe_timeout_ms * SWIM_MS / 2)
        return;
    swim_probes_delay(s, late);
    swim_suspicions_delay(s, late);
    swim_health(s, 1);
    s->tick_due_ns = now;
}

void swim_enter(struct swim *s, uint64_t now)
{
    assert(!s->inside);
    make_up_for_delay(s, now);
    s->misjudged = false;
    if (now > s->now)
        s->now = now;
}

/* ---- life */

void swim_defaults(struct swim_settings *settings)
{
    *settings = (struct swim_settings){
        .probe_interval_ms = 500,
        .probe_timeout_ms = 500,
        .indirect = 3,
        .retransmit_mult = 4,
        .suspicion_mult = 4,
        .suspicion_max_mult = 6,
        .gossip_interval_ms = 200,
        .gossip_nodes = 3,
        .gossip_to_dead_ms = 30000,
        .exchange_interval_ms = 30000,
        .exchange_timeout_ms = 10000,
        .retry_first_ms = 1000,
        .retry_most_ms = 60000,
        .health_most = 8,
        .datagram = SWIM_DATAGRAM_MOST - SWIM_SEAL_ROOM,
        .loads = 16,
        .members_most = 4096,
        .state_most = 4 << 20,
    };
}

static int check_settings(const struct swim_settings *settings, char err[P2P_ERRLEN])
{
    const struct {
        const char *name;
        uint32_t value, least, most;
    } rules[] = {
        {"probe_interval_ms", settings->probe_interval_ms, 1, 3600000},
        {"probe_timeout_ms", settings->probe_timeout_ms, 1, 3600000},
        {"indirect", settings->indirect, 0, SWIM_CHOSEN_MOST},
        {"retransmit_mult", settings->retransmit_mult, 1, SWIM_TRANSMITS_MOST},
        {"suspicion_mult", settings->suspicion_mult, 1, SWIM_ACCUSERS_MOST + 1},
        {"suspicion_max_mult", settings->suspicion_max_mult, 1, 100},
        {"gossip_interval_ms", settings->gossip_interval_ms, 1, 3600000},
        {"gossip_nodes", settings->gossip_nodes, 1, SWIM_CHOSEN_MOST},
        {"gossip_to_dead_ms", settings->gossip_to_dead_ms, 0, 3600000},
        {"exchange_interval_ms", settings->exchange_interval_ms, 1, 86400000},
        {"exchange_timeout_ms", settings->exchange_timeout_ms, 1, 3600000},
        {"retry_first_ms", settings->retry_first_ms, 1, 3600000},
        {"retry_most_ms", settings->retry_most_ms, 1, 86400000},
        {"health_most", settings->health_most, 1, 100},
        {"datagram", settings->datagram, 2 * SWIM_RECORD_MOST, SWIM_DATAGRAM_MOST},
        {"loads", settings->loads, 0, 1000},
        {"members_most", settings->members_most, 1, 1000000},
        {"state_most", settings->state_most, 128 << 10, 1 << 30},
    };

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].value < rules[i].least || rules[i].value > rules[i].most) {
            snprintf(err, P2P_ERRLEN, "discovery: %s is %u; it may be %u to %u", rules[i].name,
                     rules[i].value, rules[i].least, rules[i].most);
            return -1;
        }
    return 0;
}

static int check_text(const char *what, const char *text, char err[P2P_ERRLEN])
{
    if (swim_text_valid(text, strnlen(text, SWIM_TEXT_MOST + 1)))
        return 0;
    snprintf(err, P2P_ERRLEN, "discovery: %s '%.*s': at most %d bytes, no control characters", what,
             SWIM_TEXT_MOST, text, SWIM_TEXT_MOST);
    return -1;
}

static int describe(struct swim_member *m, const struct swim_self *self, char err[P2P_ERRLEN])
{
    if (check_text("id", self->id, err) || check_text("group", self->group, err))
        return -1;
    snprintf(m->id, sizeof(m->id), "%s", self->id);
    snprintf(m->group, sizeof(m->group), "%s", self->group);
    m->http_port = self->http_port;
    m->slots = self->slots;
    return 0;
}

struct swim *swim_new(const struct swim_settings *settings, const struct swim_self *self,
                      const struct swim_callbacks *callbacks, void *ctx, uint64_t seed,
                      uint64_t now, char err[P2P_ERRLEN])
{
    char text[SWIM_ADDRESS_TEXT];
    struct swim *s = NULL;

    if (check_settings(settings, err))
        return NULL;
    if (!swim_address_valid(&self->address)) {
        snprintf(err, P2P_ERRLEN,
                 "discovery: own address %s: others need one that they can reach, and its port",
                 swim_address_text(&self->address, text));
        return NULL;
    }
    s = calloc(1, sizeof(*s));
    if (!s) {
        snprintf(err, P2P_ERRLEN, "discovery: no memory");
        return NULL;
    }
    if (describe(&s->self.m, self, err))
        goto fail;
    s->settings = *settings;
    s->calls = *callbacks;
    s->ctx = ctx;
    s->random = seed;
    s->now = now;
    s->self.m.address = self->address;
    s->self.m.state = SWIM_ALIVE;
    s->self.m.since_ns = now;
    s->self.m.incarnation =
        self->incarnation < SWIM_INCARNATION_MOST ? self->incarnation : SWIM_INCARNATION_MOST;
    s->self.live_at = s->self.heap_at = SWIM_NEVER_AT;
    s->seq = (uint32_t)swim_rand64(s);
    s->probe_due_ns = now + swim_jitter(s, settings->probe_interval_ms * SWIM_MS);
    s->exchange_due_ns = now + swim_jitter(s, settings->exchange_interval_ms * SWIM_MS);
    s->seeds_due_ns = s->functions_due_ns = s->tick_due_ns = SWIM_NEVER;
    return s;
fail:
    free(s);
    return NULL;
}

void swim_free(struct swim *s)
{
    if (!s)
        return;
    swim_members_free(s);
    swim_functions_free(s);
    free(s->seeds);
    free(s);
}

void swim_leave(struct swim *s, uint64_t now)
{
    swim_enter(s, now);
    if (s->leaving)
        return;
    s->leaving = true;
    s->self.m.state = SWIM_LEFT;
    s->self.m.since_ns = s->now;
    swim_probes_drop(s);
    swim_tell(s, &s->self);
    swim_call_changed(s, &s->self, SWIM_ALIVE);
}

bool swim_gone(const struct swim *s)
{
    return s->leaving && (!s->self.queued || s->n_live == 0);
}

/* ---- time */

uint64_t swim_next(const struct swim *s)
{
    const uint64_t all[] = {swim_probe_next(s), swim_suspicion_next(s), swim_exchange_next(s),
                            swim_gossip_next(s)};
    uint64_t next = all[0];

    for (size_t i = 1; i < sizeof(all) / sizeof(all[0]); i++)
        next = all[i] < next ? all[i] : next;
    return next;
}

uint64_t swim_tick(struct swim *s, uint64_t now)
{
    swim_enter(s, now);
    swim_probe_tick(s);
    swim_suspicion_tick(s);
    swim_exchange_tick(s);
    swim_gossip_tick(s); /* last: it tells what the others found */
    s->tick_due_ns = swim_next(s);
    return s->tick_due_ns;
}

/* ---- what the host knows */

void swim_evidence(struct swim *s, const struct swim_address *about, enum swim_evidence what,
                   uint64_t now)
{
    struct swim_entry *e;

    swim_enter(s, now);
    e = swim_entry_find(s, about);
    if (!e || s->leaving)
        return;
    if (what == SWIM_FAILED) {
        if (swim_is_live(e))
            swim_probe_start(s, e, PROBE_EVIDENCE);
        return;
    }
    swim_probe_cancel(s, e);
    if (e->m.state == SWIM_SUSPECT)
        swim_suspicion_restart(s, e);
    if (e->m.state != SWIM_ALIVE)
        swim_nudge(s, e);
}

void swim_set_load(struct swim *s, uint32_t load, uint32_t queue, uint32_t slots)
{
    struct swim_load *own = &s->self.m.load;

    swim_enter(s, s->now);
    if (own->heard_ns && own->load == load && own->queue == queue && own->slots == slots)
        return;
    *own = (struct swim_load){.load = load, .queue = queue, .slots = slots, .heard_ns = s->now};
    s->load_changed = true;
}

int swim_set_self(struct swim *s, const struct swim_self *self, char err[P2P_ERRLEN])
{
    struct swim_member m = s->self.m;

    swim_enter(s, s->now);
    if (describe(&m, self, err))
        return -1;
    if (swim_same_description(&m, &s->self.m))
        return 0;
    s->self.m = m;
    swim_renew(s, 0, false);
    return 0;
}

/* ---- questions */

const struct swim_member *swim_self(const struct swim *s)
{
    return &s->self.m;
}

const struct swim_member *swim_find(const struct swim *s, const struct swim_address *address)
{
    const struct swim_entry *e = swim_entry_find(s, address);

    return e ? &e->m : NULL;
}

void swim_each(const struct swim *s, bool (*f)(void *ctx, const struct swim_member *m), void *ctx)
{
    for (uint32_t i = 0; i < s->n_all; i++)
        if (!f(ctx, &s->all[i]->m))
            return;
}

void swim_stats(const struct swim *s, struct swim_stats *stats)
{
    *stats = s->stats;
}
