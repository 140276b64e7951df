/*
 * swim_exchange.c - full exchanges: to join, now and then, and after a gap; and the seeds.
 *
 * A state is the own record, load and functions, then those of all others.  One that asks
 * for functions has the own record and the hashes that are wanted.
 */
#include <stdlib.h>
#include <string.h>

#include "host/discovery/swim_private.h"

enum { WANTS_IN_ONE_MOST = 64, STRANGER_MS = 1000, SEED_FIRST_MS = 500, SEED_AGAIN_MS = 1000 };

/* ---- out */

enum { FITS = 0, FULL = -1 };

/* A writer on the buffer's free end. */
static int reserve(const struct swim *s, struct buf *out, struct swim_writer *w, size_t room)
{
    if (out->len + room > s->settings.state_most || buf_reserve(out, room))
        return FULL;
    *w = (struct swim_writer){.data = (uint8_t *)out->data + out->len, .size = room};
    return FITS;
}

static int write_head(const struct swim *s, struct buf *out)
{
    struct swim_writer w;

    if (reserve(s, out, &w, SWIM_RECORD_MOST))
        return FULL;
    swim_put_head(&w, true, &s->self.m.address);
    out->len += w.len;
    return FITS;
}

static int write_member(const struct swim *s, struct buf *out, const struct swim_entry *e)
{
    struct swim_writer w;

    if (reserve(s, out, &w, (size_t)2 * SWIM_RECORD_MOST))
        return FULL;
    swim_put_record(&w, e);
    if (e == &s->self && e->m.load.heard_ns)
        swim_put_own_load(&w, &e->m.load);
    else if (e != &s->self && swim_is_live(e) && swim_load_fresh(s, e))
        swim_put_load(&w, &e->m, s->now);
    out->len += w.len;
    return FITS;
}

static int write_functions(const struct swim *s, struct buf *out, const struct swim_set *set)
{
    struct swim_writer w;

    if (reserve(s, out, &w, SWIM_RECORD_MOST + set->bytes))
        return FULL;
    swim_put_functions(&w, set);
    out->len += w.len;
    return FITS;
}

static void write_wants(const struct swim *s, struct buf *out)
{
    struct swim_writer w;
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->n_live && n < WANTS_IN_ONE_MOST; i++) {
        const struct swim_entry *e = s->live[i];

        if (!e->m.functions_hash || e->set)
            continue;
        if (reserve(s, out, &w, SWIM_RECORD_MOST))
            return;
        swim_put_number(&w, MESSAGE_WANT, e->m.functions_hash);
        out->len += w.len;
        n++;
    }
}

/* Whatever does not fit is told another day: the own side is first, names are last. */
static void write_others(const struct swim *s, struct buf *out)
{
    const struct swim_set *set, *next;

    for (uint32_t i = 0; i < s->n_all; i++)
        if (write_member(s, out, s->all[i]))
            return;
    HASH_ITER(hh, s->sets, set, next)
    {
        if (set != s->self.set && write_functions(s, out, set))
            return;
    }
}

static int write_own(const struct swim *s, struct buf *out, bool functions)
{
    if (write_head(s, out) || write_member(s, out, &s->self))
        return FULL;
    return functions && s->self.set ? write_functions(s, out, s->self.set) : FITS;
}

int swim_write_state(const struct swim *s, enum swim_want want, struct buf *out)
{
    if (write_own(s, out, want == SWIM_WANT_STATE))
        return -1;
    if (want == SWIM_WANT_STATE)
        write_others(s, out);
    else
        write_wants(s, out);
    return 0;
}

/* ---- in */

struct state_in {
    struct swim_address who;
    uint32_t wants[WANTS_IN_ONE_MOST];
    uint32_t n_wants;
};

static bool take(struct swim *s, unsigned type, struct swim_reader *body, struct state_in *in)
{
    uint32_t hash;

    switch (type) {
    case MESSAGE_OWN_LOAD:
        return swim_take(s, type, body, swim_entry_find(s, &in->who), SWIM_BY_EXCHANGE);
    case MESSAGE_FUNCTIONS:
        return swim_take_functions(s, body);
    case MESSAGE_WANT:
        hash = swim_get_u32(body);
        if (!body->bad && in->n_wants < WANTS_IN_ONE_MOST)
            in->wants[in->n_wants++] = hash;
        return !body->bad;
    default:
        return swim_take(s, type, body, NULL, SWIM_BY_EXCHANGE);
    }
}

static int merge(struct swim *s, const void *data, size_t len, struct state_in *in,
                 char err[P2P_ERRLEN])
{
    struct swim_reader r = {.at = data, .end = (const uint8_t *)data + len};
    struct swim_reader body;
    unsigned type;

    memset(in, 0, sizeof(*in));
    swim_get_head(&r, true, &in->who);
    if (r.bad) {
        snprintf(err, P2P_ERRLEN, "discovery: %zu bytes that are no state of this version", len);
        goto bad;
    }
    /* One that knew nobody has nobody to tell what it learns. */
    s->quiet = s->n_live == 0;
    while ((type = swim_get_message(&r, &body)) != 0) {
        if (!take(s, type, &body, in)) {
            r.bad = true;
            break;
        }
    }
    s->quiet = false;
    if (!r.bad)
        return 0;
    snprintf(err, P2P_ERRLEN, "discovery: a state of %zu bytes is broken at byte %zu", len,
             (size_t)(r.at - (const uint8_t *)data));
bad:
    s->stats.malformed++;
    return -1;
}

/* ---- exchanges under way */

static struct swim_open_exchange *find_open(struct swim *s, const struct swim_address *to)
{
    for (unsigned i = 0; i < SWIM_EXCHANGES; i++)
        if (s->exchanges[i].deadline_ns && swim_address_equal(&s->exchanges[i].to, to))
            return &s->exchanges[i];
    return NULL;
}

static struct swim_open_exchange *find_free(struct swim *s)
{
    for (unsigned i = 0; i < SWIM_EXCHANGES; i++)
        if (!s->exchanges[i].deadline_ns)
            return &s->exchanges[i];
    return NULL;
}

bool swim_exchange_start(struct swim *s, const struct swim_address *to, enum swim_want want)
{
    struct swim_open_exchange *x = find_free(s);

    if (!x || s->leaving || find_open(s, to))
        return false;
    x->to = *to;
    x->deadline_ns = s->now + s->settings.exchange_timeout_ms * SWIM_MS;
    s->inside = true;
    s->calls.exchange(s->ctx, to, want);
    s->inside = false;
    return true;
}

static struct swim_seed *find_seed(struct swim *s, const struct swim_address *a)
{
    for (uint32_t i = 0; i < s->n_seeds; i++)
        if (swim_address_equal(&s->seeds[i].address, a))
            return &s->seeds[i];
    return NULL;
}

static void close_exchange(struct swim *s, const struct swim_address *to,
                           const struct swim_address *answered)
{
    struct swim_open_exchange *x = find_open(s, to);
    struct swim_seed *seed = find_seed(s, to);

    if (x)
        x->deadline_ns = 0;
    if (answered)
        s->stats.exchanges_ok++;
    else
        s->stats.exchanges_failed++;
    if (!answered || !seed)
        return;
    seed->answered_as = *answered;
    if (!seed->trying)
        return;
    seed->trying = false;
    seed->again = !seed->again;
    seed->delay_ms = SEED_FIRST_MS;
    seed->due_ns = s->now + swim_jitter(s, SEED_AGAIN_MS * SWIM_MS);
    if (seed->due_ns < s->seeds_due_ns)
        s->seeds_due_ns = seed->due_ns;
}

int swim_merge_state(struct swim *s, const struct swim_address *from, const void *data, size_t len,
                     uint64_t now, char err[P2P_ERRLEN])
{
    struct state_in in;
    int rc;

    swim_enter(s, now);
    rc = merge(s, data, len, &in, err);
    close_exchange(s, from, rc ? NULL : &in.who);
    return rc;
}

void swim_exchange_failed(struct swim *s, const struct swim_address *to, uint64_t now)
{
    swim_enter(s, now);
    close_exchange(s, to, NULL);
}

int swim_answer(struct swim *s, const void *data, size_t len, struct buf *out, uint64_t now,
                char err[P2P_ERRLEN])
{
    struct state_in in;

    swim_enter(s, now);
    if (merge(s, data, len, &in, err))
        return -1;
    if (in.n_wants == 0) {
        if (swim_write_state(s, SWIM_WANT_STATE, out) == 0)
            return 0;
    } else if (write_own(s, out, false) == 0) {
        for (uint32_t i = 0; i < in.n_wants; i++) {
            const struct swim_set *set = swim_set_find(s, in.wants[i]);

            if (set && write_functions(s, out, set))
                break;
        }
        return 0;
    }
    snprintf(err, P2P_ERRLEN, "discovery: no room for the answer of an exchange");
    return -1;
}

/* ---- seeds */

int swim_join(struct swim *s, const struct swim_address *seed, char err[P2P_ERRLEN])
{
    char text[SWIM_ADDRESS_TEXT];

    swim_enter(s, s->now);
    if (!swim_address_valid(seed)) {
        snprintf(err, P2P_ERRLEN, "discovery: seed %s: no address of one node and its port",
                 swim_address_text(seed, text));
        return -1;
    }
    if (swim_address_equal(seed, &s->self.m.address) || find_seed(s, seed))
        return 0;
    if (s->n_seeds >= s->settings.members_most) {
        snprintf(err, P2P_ERRLEN, "discovery: seed %s: there are %u already, which is the most",
                 swim_address_text(seed, text), s->n_seeds);
        return -1;
    }
    if (s->n_seeds == s->seeds_room) {
        uint32_t room = s->seeds_room ? s->seeds_room * 2 : 8;
        struct swim_seed *grown = realloc(s->seeds, room * sizeof(*grown));

        if (!grown) {
            snprintf(err, P2P_ERRLEN, "discovery: no memory for seed %s",
                     swim_address_text(seed, text));
            return -1;
        }
        s->seeds = grown;
        s->seeds_room = room;
    }
    s->seeds[s->n_seeds++] =
        (struct swim_seed){.address = *seed, .due_ns = s->now, .delay_ms = SEED_FIRST_MS};
    s->seeds_due_ns = s->now;
    return 0;
}

/* Members are looked after as such, but for those that left: they may come back without
 * knowing anyone. */
static bool is_settled(const struct swim *s, const struct swim_seed *seed)
{
    const struct swim_address *known = seed->answered_as.port ? &seed->answered_as : &seed->address;
    const struct swim_entry *e = swim_entry_find(s, known);

    return swim_address_equal(known, &s->self.m.address) || (e && e->m.state != SWIM_LEFT);
}

static void try_seed(struct swim *s, struct swim_seed *seed)
{
    uint32_t most = s->settings.retry_most_ms;

    if (is_settled(s, seed) && !seed->again) {
        seed->trying = false;
        seed->delay_ms = SEED_FIRST_MS;
        seed->due_ns = s->now + swim_jitter(s, most * SWIM_MS);
    } else if (swim_exchange_start(s, &seed->address, SWIM_WANT_STATE)) {
        seed->trying = true;
        seed->due_ns = s->now + swim_jitter(s, seed->delay_ms * SWIM_MS);
        seed->delay_ms = seed->delay_ms > most / 2 ? most : seed->delay_ms * 2;
    } else {
        seed->due_ns = s->now + SEED_FIRST_MS * SWIM_MS;
    }
}

static void seeds_tick(struct swim *s)
{
    if (s->seeds_due_ns > s->now)
        return;
    s->seeds_due_ns = SWIM_NEVER;
    for (uint32_t i = 0; i < s->n_seeds; i++) {
        struct swim_seed *seed = &s->seeds[i];

        if (seed->due_ns <= s->now)
            try_seed(s, seed);
        if (seed->due_ns < s->seeds_due_ns)
            s->seeds_due_ns = seed->due_ns;
    }
}

/* ---- time */

void swim_want_exchange(struct swim *s, const struct swim_address *with)
{
    for (uint32_t i = 0; i < s->n_wanted; i++)
        if (swim_address_equal(&s->wanted[i], with))
            return;
    if (s->n_wanted < SWIM_WANTED)
        s->wanted[s->n_wanted++] = *with;
}

void swim_stranger(struct swim *s, const struct swim_address *who)
{
    if (s->stranger_ns && s->now - s->stranger_ns < STRANGER_MS * SWIM_MS)
        return;
    s->stranger_ns = s->now;
    swim_want_exchange(s, who);
}

static void periodic_tick(struct swim *s)
{
    if (s->exchange_due_ns > s->now)
        return;
    s->exchange_due_ns = s->now + swim_jitter(s, s->settings.exchange_interval_ms * SWIM_MS *
                                                     swim_exchange_scale(swim_size(s)));
    if (s->n_live)
        swim_exchange_start(s, &s->live[swim_below(s, s->n_live)]->m.address, SWIM_WANT_STATE);
}

void swim_exchange_tick(struct swim *s)
{
    for (unsigned i = 0; i < SWIM_EXCHANGES; i++)
        if (s->exchanges[i].deadline_ns && s->exchanges[i].deadline_ns <= s->now)
            close_exchange(s, &s->exchanges[i].to, NULL);
    if (s->leaving)
        return;
    seeds_tick(s);
    while (s->n_wanted && find_free(s)) {
        swim_exchange_start(s, &s->wanted[0], SWIM_WANT_STATE);
        memmove(s->wanted, s->wanted + 1, --s->n_wanted * sizeof(s->wanted[0]));
    }
    swim_functions_tick(s);
    periodic_tick(s);
}

uint64_t swim_exchange_next(const struct swim *s)
{
    uint64_t next = SWIM_NEVER;
    bool free_one = false;

    for (unsigned i = 0; i < SWIM_EXCHANGES; i++) {
        uint64_t deadline = s->exchanges[i].deadline_ns;

        free_one |= !deadline;
        if (deadline && deadline < next)
            next = deadline;
    }
    if (s->leaving)
        return next;
    if (s->n_wanted && free_one)
        return s->now;
    next = s->seeds_due_ns < next ? s->seeds_due_ns : next;
    next = s->functions_due_ns < next ? s->functions_due_ns : next;
    return s->exchange_due_ns < next ? s->exchange_due_ns : next;
}
