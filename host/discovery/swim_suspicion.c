/*
 * swim_suspicion.c - how long a suspect has to refute, and how often the dead are tried.
 */
#include <math.h>
#include <string.h>

#include "host/discovery/swim_private.h"

/* ---- formulas */

void swim_suspicion_bounds(const struct swim_settings *settings, uint32_t members, uint32_t *k,
                           uint64_t *shortest_ns, uint64_t *longest_ns)
{
    double scale = fmax(1, log10(fmax(1, members)));

    *k = settings->suspicion_mult > 2 ? settings->suspicion_mult - 2 : 0;
    /* Too few others to wait for. */
    if (members < *k + 2)
        *k = 0;
    *shortest_ns =
        (uint64_t)(settings->suspicion_mult * scale * settings->probe_interval_ms) * SWIM_MS;
    *longest_ns = *shortest_ns * settings->suspicion_max_mult;
}

uint64_t swim_suspicion_length(uint32_t confirmations, uint32_t k, uint64_t shortest_ns,
                               uint64_t longest_ns)
{
    double part, length;

    if (k == 0 || confirmations >= k)
        return shortest_ns;
    part = log(confirmations + 1.0) / log(k + 1.0);
    length = (double)longest_ns - part * (double)(longest_ns - shortest_ns);
    return (uint64_t)fmax(length, (double)shortest_ns);
}

/* As a cluster grows each member holds full exchanges more rarely. */
uint32_t swim_exchange_scale(uint32_t members)
{
    if (members <= 32)
        return 1;
    return (uint32_t)ceil(log2(members) - 5) + 1;
}

/* ---- a heap by due_ns; an entry is in one at most, and there is room for all */

static void place(struct swim_heap *h, uint32_t at, struct swim_entry *e)
{
    h->all[at] = e;
    e->heap_at = at;
}

static void sift(struct swim_heap *h, uint32_t at)
{
    struct swim_entry *e = h->all[at];

    while (at > 0 && h->all[(at - 1) / 2]->due_ns > e->due_ns) {
        place(h, at, h->all[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child + 1 < h->n && h->all[child + 1]->due_ns < h->all[child]->due_ns)
            child++;
        if (child >= h->n || h->all[child]->due_ns >= e->due_ns)
            break;
        place(h, at, h->all[child]);
        at = child;
    }
    place(h, at, e);
}

static void heap_set(struct swim_heap *h, struct swim_entry *e, uint64_t due_ns)
{
    e->due_ns = due_ns;
    if (e->heap_at == SWIM_NEVER_AT)
        place(h, h->n++, e);
    sift(h, e->heap_at);
}

static void heap_remove(struct swim_heap *h, struct swim_entry *e)
{
    uint32_t at = e->heap_at;
    struct swim_entry *last = h->all[--h->n];

    e->heap_at = SWIM_NEVER_AT;
    if (last == e)
        return;
    place(h, at, last);
    sift(h, at);
}

/* ---- suspects */

static void set_verdict(struct swim *s, struct swim_entry *e)
{
    heap_set(&s->suspects, e,
             e->counted_ns + swim_suspicion_length(e->confirmations, e->confirmations_needed,
                                                   e->shortest_ns, e->longest_ns));
}

static void begin_counting(struct swim *s, struct swim_entry *e)
{
    uint32_t k;

    swim_suspicion_bounds(&s->settings, swim_size(s), &k, &e->shortest_ns, &e->longest_ns);
    if (e->refuted_in_ns && s->now - e->refuted_ns < SWIM_FORGIVE_NS) {
        uint64_t patience = e->refuted_in_ns + e->refuted_in_ns / 2;

        if (patience > e->shortest_ns)
            e->shortest_ns = patience < e->longest_ns ? patience : e->longest_ns;
    }
    e->counted_ns = s->now;
    e->confirmations = 0;
    e->confirmations_needed = (uint8_t)k;
    e->n_accusers = 0;
}

void swim_suspicion_begin(struct swim *s, struct swim_entry *e, const struct swim_address *from)
{
    e->suspect_ns = s->now;
    begin_counting(s, e);
    if (from)
        e->accusers[e->n_accusers++] = *from;
    set_verdict(s, e);
    s->stats.suspicions++;
}

void swim_suspicion_end(struct swim *s, struct swim_entry *e)
{
    if (e->heap_at != SWIM_NEVER_AT)
        heap_remove(&s->suspects, e);
}

bool swim_suspicion_confirm(struct swim *s, struct swim_entry *e, const struct swim_address *from)
{
    if (e->confirmations >= e->confirmations_needed)
        return false;
    for (unsigned i = 0; i < e->n_accusers; i++)
        if (swim_address_equal(&e->accusers[i], from))
            return false;
    /* The first accuser of a suspicion that came by an exchange confirms nothing. */
    if (e->n_accusers)
        e->confirmations++;
    e->accusers[e->n_accusers++] = *from;
    set_verdict(s, e);
    return true;
}

void swim_suspicion_restart(struct swim *s, struct swim_entry *e)
{
    begin_counting(s, e);
    set_verdict(s, e);
}

void swim_suspicions_delay(struct swim *s, uint64_t ns)
{
    for (uint32_t i = 0; i < s->suspects.n; i++) {
        s->suspects.all[i]->counted_ns += ns;
        s->suspects.all[i]->due_ns += ns;
    }
}

/* ---- the dead */

static uint64_t scaled_ms(struct swim *s, uint32_t ms)
{
    return swim_jitter(s, ms * SWIM_MS * swim_exchange_scale(swim_size(s)));
}

void swim_retry_begin(struct swim *s, struct swim_entry *e)
{
    e->retry_ms = s->settings.retry_first_ms;
    heap_set(&s->dead, e, s->now + scaled_ms(s, e->retry_ms));
    s->recent_dead[s->recent_at++ % SWIM_RECENT_DEAD] = e;
}

void swim_retry_end(struct swim *s, struct swim_entry *e)
{
    if (e->heap_at != SWIM_NEVER_AT)
        heap_remove(&s->dead, e);
    for (unsigned i = 0; i < SWIM_RECENT_DEAD; i++)
        if (s->recent_dead[i] == e)
            s->recent_dead[i] = NULL;
}

static void ping_accused(struct swim *s, struct swim_entry *e)
{
    struct swim_packet p;

    e->nudged_ns = s->now;
    swim_packet_begin(s, &p, e);
    swim_put_target(&p.w, MESSAGE_PING, ++s->seq, &e->m.address);
    swim_packet_fill(s, &p, e);
    swim_packet_send(s, &p, &e->m.address);
}

void swim_nudge(struct swim *s, struct swim_entry *e)
{
    if (e->nudged_ns && s->now - e->nudged_ns < s->settings.probe_timeout_ms * SWIM_MS)
        return;
    ping_accused(s, e);
}

/* Its answer comes with a record that refutes its death; nothing waits for it here. */
static void retry(struct swim *s, struct swim_entry *e)
{
    uint32_t most = s->settings.retry_most_ms;

    s->stats.retries++;
    ping_accused(s, e);
    e->retry_ms = e->retry_ms > most / 2 ? most : e->retry_ms * 2;
    heap_set(&s->dead, e, s->now + scaled_ms(s, e->retry_ms));
    /* Half a cluster behind a broken link must not be a burst. */
    s->retry_gate_ns = s->now + s->settings.gossip_interval_ms * SWIM_MS / 2;
}

/* Who leaves judges nobody any more. */
void swim_suspicion_tick(struct swim *s)
{
    if (s->leaving)
        return;
    while (s->suspects.n && s->suspects.all[0]->due_ns <= s->now)
        swim_bury(s, s->suspects.all[0]);
    if (s->dead.n && s->dead.all[0]->due_ns <= s->now && s->retry_gate_ns <= s->now)
        retry(s, s->dead.all[0]);
}

uint64_t swim_suspicion_next(const struct swim *s)
{
    uint64_t next = s->suspects.n ? s->suspects.all[0]->due_ns : SWIM_NEVER;

    if (s->leaving)
        return SWIM_NEVER;
    if (s->dead.n) {
        uint64_t due = s->dead.all[0]->due_ns;

        due = due > s->retry_gate_ns ? due : s->retry_gate_ns;
        next = due < next ? due : next;
    }
    return next;
}
