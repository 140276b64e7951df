/*
 * swim_member.c - the table of members, and what is believed when two accounts differ.
 */

#include <stdlib.h>
#include <string.h>

#include "host/discovery/swim_private.h"

struct swim_entry *swim_entry_find(const struct swim *s, const struct swim_address *a)
{
    struct swim_entry *e;

    HASH_FIND(hh, s->by_address, a, sizeof(*a), e);
    return e;
}

/* ---- ids: the table has the living member that was there first */

static void leave_id(struct swim *s, struct swim_entry *e)
{
    if (e->holds_id)
        HASH_DELETE(hh_id, s->by_id, e); /* NOLINT(clang-analyzer-unix.Malloc): lost in uthash */
    e->holds_id = false;
}

static void check_id(struct swim *s, struct swim_entry *e)
{
    struct swim_entry *other;
    size_t len = strlen(e->m.id);

    if (!swim_is_live(e) || e->holds_id || len == 0)
        return;
    HASH_FIND(hh_id, s->by_id, e->m.id, len, other);
    if (!other) {
        HASH_ADD_KEYPTR(hh_id, s->by_id, e->m.id, len, e);
        e->holds_id = e->hh_id.tbl != NULL;
        if (strcmp(e->m.id, s->self.m.id) != 0)
            return;
        other = &s->self;
    }
    if (e->conflict)
        return;
    e->conflict = true;
    s->stats.conflicts++;
    if (s->calls.conflict) {
        s->inside = true;
        s->calls.conflict(s->ctx, &other->m, &e->m);
        s->inside = false;
    }
}

/* ---- the table */

/* Room for one more in every array, so that nothing that follows can fail. */
static bool make_room(struct swim *s)
{
    uint32_t room = s->room ? s->room * 2 : 16;
    struct swim_entry ***arrays[] = {&s->all, &s->live, &s->suspects.all, &s->dead.all};

    if (s->n_all < s->room)
        return true;
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
        struct swim_entry **grown = realloc(*arrays[i], room * sizeof(struct swim_entry *));

        if (!grown)
            return false;
        *arrays[i] = grown;
    }
    s->room = room;
    return true;
}

static void forget(struct swim *s, struct swim_entry *e)
{
    s->all[e->all_at] = s->all[--s->n_all];
    s->all[e->all_at]->all_at = e->all_at;
    swim_probe_cancel(s, e);
    swim_untell(s, e);
    swim_set_assign(s, e, 0);
    leave_id(s, e);
    HASH_DEL(s->by_address, e); /* NOLINT(clang-analyzer-unix.Malloc): lost in uthash */
    free(e);
}

static void call_gone(struct swim *s, struct swim_entry *e)
{
    if (!s->calls.gone)
        return;
    s->inside = true;
    s->calls.gone(s->ctx, &e->m);
    s->inside = false;
}

static bool forget_oldest(struct swim *s, enum swim_state state)
{
    struct swim_entry *oldest = NULL;

    for (uint32_t i = 0; i < s->n_all; i++) {
        struct swim_entry *e = s->all[i];

        if (e->m.state == state && (!oldest || e->m.since_ns < oldest->m.since_ns))
            oldest = e;
    }
    if (!oldest)
        return false;
    call_gone(s, oldest);
    if (state == SWIM_DEAD)
        swim_retry_end(s, oldest);
    *(state == SWIM_LEFT ? &s->stats.left : &s->stats.dead) -= 1;
    forget(s, oldest);
    return true;
}

/* To make room for a member of that state. */
static bool forget_one(struct swim *s, enum swim_state state)
{
    if (state == SWIM_LEFT)
        return false;
    return (s->stats.left > 0 && forget_oldest(s, SWIM_LEFT)) ||
           (state == SWIM_ALIVE && s->stats.dead > 0 && forget_oldest(s, SWIM_DEAD));
}

static void refuse(struct swim *s, const struct swim_address *who)
{
    s->stats.refused++;
    if (s->told_full)
        return;
    s->told_full = true;
    if (s->calls.full) {
        s->inside = true;
        s->calls.full(s->ctx, who);
        s->inside = false;
    }
}

static struct swim_entry *new_entry(struct swim *s, const struct swim_address *a)
{
    struct swim_entry *e;

    if (!make_room(s))
        return NULL;
    e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->m.address = *a;
    e->m.state = SWIM_UNKNOWN;
    e->live_at = e->heap_at = SWIM_NEVER_AT;
    HASH_ADD(hh, s->by_address, m.address, sizeof(e->m.address), e);
    if (!e->hh.tbl) {
        free(e);
        return NULL;
    }
    e->all_at = s->n_all;
    s->all[s->n_all++] = e;
    return e;
}

void swim_members_free(struct swim *s)
{
    HASH_CLEAR(hh_id, s->by_id);
    HASH_CLEAR(hh, s->by_address);
    for (uint32_t i = 0; i < s->n_all; i++)
        free(s->all[i]);
    free(s->all);
    free(s->live);
    free(s->suspects.all);
    free(s->dead.all);
}

/* ---- states */

static uint32_t *counter(struct swim *s, enum swim_state state)
{
    switch (state) {
    case SWIM_ALIVE:
        return &s->stats.alive;
    case SWIM_SUSPECT:
        return &s->stats.suspect;
    case SWIM_DEAD:
        return &s->stats.dead;
    case SWIM_LEFT:
        return &s->stats.left;
    case SWIM_UNKNOWN:
        break;
    }
    return NULL;
}

static void leave_state(struct swim *s, struct swim_entry *e)
{
    if (e->m.state == SWIM_UNKNOWN)
        return;
    --*counter(s, e->m.state);
    if (e->m.state == SWIM_SUSPECT)
        swim_suspicion_end(s, e);
    else if (e->m.state == SWIM_DEAD)
        swim_retry_end(s, e);
}

/* A refutation that took long is remembered: the next suspicion waits as long.  One that
 * took longer than any suspicion is of a member that was gone and came back. */
static void note_refutation(struct swim *s, struct swim_entry *e)
{
    uint64_t took = s->now - e->suspect_ns;
    bool stale = s->now - e->refuted_ns >= SWIM_FORGIVE_NS;

    if (e->m.state == SWIM_SUSPECT)
        s->stats.false_suspicions++;
    else
        s->stats.false_deaths++;
    if (took <= e->longest_ns && (took >= e->refuted_in_ns || stale)) {
        e->refuted_in_ns = took;
        e->refuted_ns = s->now;
    }
}

static void enter_state(struct swim *s, struct swim_entry *e, enum swim_state state,
                        const struct swim_address *accuser)
{
    enum swim_state old = e->m.state;

    leave_state(s, e);
    e->m.state = state;
    if (state != old)
        e->m.since_ns = s->now;
    ++*counter(s, state);
    if (swim_is_live(e)) {
        if (e->live_at == SWIM_NEVER_AT)
            swim_live_add(s, e);
    } else {
        if (e->live_at != SWIM_NEVER_AT)
            swim_live_remove(s, e);
        swim_probe_cancel(s, e);
        leave_id(s, e);
    }
    if (state == SWIM_SUSPECT) {
        swim_suspicion_begin(s, e, accuser);
    } else if (state == SWIM_DEAD) {
        if (old != SWIM_SUSPECT && old != SWIM_DEAD)
            e->suspect_ns = s->now;
        s->stats.deaths += old != SWIM_DEAD && old != SWIM_UNKNOWN;
        swim_retry_begin(s, e);
    }
}

static void take_description(struct swim *s, struct swim_entry *e, const struct swim_record *r)
{
    if (strcmp(e->m.id, r->m.id) != 0) {
        leave_id(s, e);
        e->conflict = false;
        memcpy(e->m.id, r->m.id, sizeof(e->m.id));
    }
    memcpy(e->m.group, r->m.group, sizeof(e->m.group));
    e->m.http_port = r->m.http_port;
    e->m.slots = r->m.slots;
    e->m.incarnation = r->m.incarnation;
    e->refutes = r->refutes;
    swim_set_assign(s, e, r->m.functions_hash);
}

/* ---- what is said of others */

/* Whoever hears of it first may say it to everyone at once, so only a share looks. */
static void verify(struct swim *s, struct swim_entry *e)
{
    uint32_t k = s->settings.suspicion_mult > 3 ? s->settings.suspicion_mult - 2 : 1;

    if (!s->leaving && swim_below(s, s->n_live) < 3 * k)
        swim_probe_start(s, e, PROBE_VERIFY);
}

static void meet(struct swim *s, const struct swim_record *r, enum swim_source how)
{
    struct swim_entry *e;

    if (s->n_all >= s->settings.members_most && !forget_one(s, r->m.state)) {
        refuse(s, &r->m.address);
        return;
    }
    e = new_entry(s, &r->m.address);
    if (!e) {
        refuse(s, &r->m.address);
        return;
    }
    s->told_full = false;
    take_description(s, e, r);
    enter_state(s, e, r->m.state, r->accused ? &r->accuser : NULL);
    /* Who gives a full account told everyone of the dead long ago. */
    if (how == SWIM_BY_GOSSIP || (swim_is_live(e) && !s->quiet))
        swim_tell(s, e);
    swim_call_changed(s, e, SWIM_UNKNOWN);
    check_id(s, e);
    if (e->m.state == SWIM_SUSPECT)
        verify(s, e);
}

static void confirm(struct swim *s, struct swim_entry *e, const struct swim_record *r)
{
    if (r->accused && swim_suspicion_confirm(s, e, &r->accuser))
        swim_tell(s, e);
}

static void apply_to(struct swim *s, struct swim_entry *e, const struct swim_record *r,
                     enum swim_source how)
{
    enum swim_state state = r->m.state, old = e->m.state;
    bool newer = r->m.incarnation > e->m.incarnation;

    if (r->m.incarnation < e->m.incarnation)
        return;
    /* A full account can be old: who lives here may refute before it is buried. */
    if (how == SWIM_BY_EXCHANGE && state == SWIM_DEAD && swim_is_live(e))
        state = SWIM_SUSPECT;
    if (!newer && state == SWIM_SUSPECT && old == SWIM_SUSPECT) {
        confirm(s, e, r);
        return;
    }
    if (!newer && state <= old)
        return;
    if (newer) {
        if (r->refutes && state == SWIM_ALIVE && (old == SWIM_SUSPECT || old == SWIM_DEAD))
            note_refutation(s, e);
        if (r->m.http_port != e->m.http_port)
            call_gone(s, e);
        take_description(s, e, r);
    }
    enter_state(s, e, state, r->accused ? &r->accuser : NULL);
    swim_tell(s, e);
    swim_call_changed(s, e, old);
    check_id(s, e);
    if (state == SWIM_SUSPECT)
        verify(s, e);
    /* One that was cut off missed what was said meanwhile, and has its own to tell. */
    if (old == SWIM_DEAD && state == SWIM_ALIVE && how == SWIM_BY_GOSSIP &&
        swim_below(s, s->n_live) < 3)
        swim_want_exchange(s, &e->m.address);
}

/* ---- what is said of this node */

void swim_renew(struct swim *s, uint32_t above, bool refutes)
{
    struct swim_member *m = &s->self.m;

    if (above > m->incarnation)
        m->incarnation = above;
    if (m->incarnation < SWIM_INCARNATION_MOST)
        m->incarnation++;
    s->self.refutes = refutes;
    swim_tell(s, &s->self);
    swim_call_changed(s, &s->self, m->state);
}

bool swim_same_description(const struct swim_member *a, const struct swim_member *b)
{
    return a->http_port == b->http_port && a->slots == b->slots &&
           a->functions_hash == b->functions_hash && strcmp(a->id, b->id) == 0 &&
           strcmp(a->group, b->group) == 0;
}

static void about_self(struct swim *s, const struct swim_record *r)
{
    uint32_t own = s->self.m.incarnation;
    bool accused = r->m.state != SWIM_ALIVE;

    if (r->m.incarnation < own || s->leaving) {
        s->misjudged |= accused || s->leaving;
        return;
    }
    if (!accused && r->m.incarnation == own && swim_same_description(&r->m, &s->self.m))
        return;
    if (accused) {
        s->stats.refutations++;
        /* Of a life before this one it says nothing about the health of this one. */
        if (r->m.incarnation == own)
            swim_health(s, 1);
        s->misjudged = true;
    }
    swim_renew(s, r->m.incarnation, accused);
}

void swim_apply(struct swim *s, const struct swim_record *r, enum swim_source how)
{
    struct swim_entry *e;

    if (swim_address_equal(&r->m.address, &s->self.m.address)) {
        about_self(s, r);
        return;
    }
    e = swim_entry_find(s, &r->m.address);
    if (e)
        apply_to(s, e, r, how);
    else
        meet(s, r, how);
}

/* ---- own verdicts */

static void judge(struct swim *s, struct swim_entry *e, enum swim_state state)
{
    enum swim_state old = e->m.state;

    enter_state(s, e, state, &s->self.m.address);
    swim_tell(s, e);
    swim_call_changed(s, e, old);
}

void swim_accuse(struct swim *s, struct swim_entry *e)
{
    if (e->m.state == SWIM_ALIVE)
        judge(s, e, SWIM_SUSPECT);
    else if (e->m.state == SWIM_SUSPECT && swim_suspicion_confirm(s, e, &s->self.m.address))
        swim_tell(s, e);
}

void swim_bury(struct swim *s, struct swim_entry *e)
{
    judge(s, e, SWIM_DEAD);
}
