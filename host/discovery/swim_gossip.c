/*
 * swim_gossip.c - what is told, how often, and what a datagram holds.
 *
 * What is told of a member is always its record of the moment, so each member stands in
 * the queue once; news of it start its count anew.  Told least goes first.
 */
#include <math.h>
#include <utlist.h>

#include "host/discovery/swim_private.h"

enum { TOLD_IN_ONE_MOST = 64, MISSES_MOST = 4 };

uint32_t swim_transmit_limit(uint32_t mult, uint32_t members)
{
    uint32_t limit = mult * (uint32_t)ceil(log10(members + 1.0));

    return limit < SWIM_TRANSMITS_MOST ? limit : SWIM_TRANSMITS_MOST;
}

/* ---- the queue */

static void enqueue(struct swim *s, struct swim_entry *e)
{
    DL_APPEND(s->queue[e->transmits], e);
}

void swim_tell(struct swim *s, struct swim_entry *e)
{
    swim_untell(s, e);
    e->transmits = 0;
    e->queued = true;
    s->n_queued++;
    enqueue(s, e);
}

void swim_untell(struct swim *s, struct swim_entry *e)
{
    if (!e->queued)
        return;
    DL_DELETE(s->queue[e->transmits], e);
    e->queued = false;
    s->n_queued--;
}

/* Who may not hear it is told, but that does not count. */
static void put_news(struct swim *s, struct swim_writer *w, bool counts)
{
    uint32_t limit = swim_transmit_limit(s->settings.retransmit_mult, swim_size(s));
    struct swim_entry *told[TOLD_IN_ONE_MOST];
    unsigned n = 0, misses = 0;

    for (uint32_t i = 0; i < SWIM_TRANSMITS_MOST && misses < MISSES_MOST && s->n_queued > n; i++) {
        struct swim_entry *e, *after;

        DL_FOREACH_SAFE(s->queue[i], e, after)
        {
            if (n == TOLD_IN_ONE_MOST || misses == MISSES_MOST)
                break;
            if (!swim_put_record(w, e)) {
                misses++;
                continue;
            }
            DL_DELETE(s->queue[i], e);
            told[n++] = e;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        told[i]->transmits += counts;
        if (told[i]->transmits < limit) {
            enqueue(s, told[i]);
        } else {
            told[i]->queued = false;
            s->n_queued--;
        }
    }
}

/* The loads of some others, in turn; who is told knows its own best. */
static void put_loads(struct swim *s, struct swim_writer *w, const struct swim_entry *to)
{
    uint32_t most = s->n_live < 2 * s->settings.loads ? s->n_live : 2 * s->settings.loads;
    uint32_t n = 0;

    for (uint32_t i = 0; i < most && n < s->settings.loads; i++) {
        const struct swim_entry *e;

        s->load_cursor = s->load_cursor + 1 < s->n_live ? s->load_cursor + 1 : 0;
        e = s->live[s->load_cursor];
        if (e == to || !swim_load_fresh(s, e))
            continue;
        if (!swim_put_load(w, &e->m, s->now))
            return;
        n++;
    }
}

/* ---- datagrams */

void swim_packet_begin(struct swim *s, struct swim_packet *p, const struct swim_entry *to)
{
    p->w = (struct swim_writer){.data = p->bytes, .size = s->settings.datagram};
    swim_put_head(&p->w, false, &s->self.m.address);
    if (s->self.m.load.heard_ns)
        swim_put_own_load(&p->w, &s->self.m.load);
    if (to && to->m.state != SWIM_ALIVE)
        swim_put_record(&p->w, to);
}

void swim_packet_fill(struct swim *s, struct swim_packet *p, const struct swim_entry *to)
{
    put_news(s, &p->w, s->leaving || !to || to->m.state == SWIM_ALIVE);
    put_loads(s, &p->w, to);
}

void swim_packet_send(struct swim *s, struct swim_packet *p, const struct swim_address *to)
{
    s->stats.datagrams_out++;
    s->stats.bytes_out += p->w.len;
    swim_call_send(s, to, p->bytes, p->w.len);
}

/* ---- gossip */

/* Those that died a moment ago: they may not know. */
static uint32_t recently_dead(struct swim *s, struct swim_entry *dead[SWIM_RECENT_DEAD])
{
    uint32_t n = 0;

    for (unsigned i = 0; i < SWIM_RECENT_DEAD; i++) {
        struct swim_entry *e = s->recent_dead[i];

        if (e && s->now - e->m.since_ns > s->settings.gossip_to_dead_ms * SWIM_MS)
            s->recent_dead[i] = e = NULL;
        if (e)
            dead[n++] = e;
    }
    return n;
}

static void gossip(struct swim *s)
{
    struct swim_entry *dead[SWIM_RECENT_DEAD], *told[SWIM_CHOSEN_MOST];
    uint32_t n_dead = recently_dead(s, dead), n = 0;

    for (uint32_t i = 0; i < 4 * s->settings.gossip_nodes && n < s->settings.gossip_nodes; i++) {
        uint32_t at = swim_below(s, s->n_live + n_dead);
        struct swim_entry *e = at < s->n_live ? s->live[at] : dead[at - s->n_live];
        struct swim_packet p;
        bool again = false;

        for (uint32_t j = 0; j < n; j++)
            again |= told[j] == e;
        if (again)
            continue;
        told[n++] = e;
        swim_packet_begin(s, &p, e);
        swim_packet_fill(s, &p, e);
        swim_packet_send(s, &p, &e->m.address);
    }
}

static bool has_news(const struct swim *s)
{
    if (s->leaving)
        return !swim_gone(s);
    return s->n_live > 0 && (s->n_queued > 0 || s->load_changed);
}

void swim_gossip_tick(struct swim *s)
{
    if (swim_gossip_next(s) > s->now)
        return;
    s->gossiped_ns = s->now;
    gossip(s);
    s->load_changed = false;
}

uint64_t swim_gossip_next(const struct swim *s)
{
    if (!has_news(s))
        return SWIM_NEVER;
    return s->gossiped_ns + s->settings.gossip_interval_ms * SWIM_MS;
}
