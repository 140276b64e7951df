/*
 * swim_functions.c - the names that members offer.
 *
 * A record has only a hash of them; the names travel in full exchanges, each set once.
 * Whoever sees a hash without a set asks a member that has it, after a time that grows
 * with the cluster: one member's new function must not have all others call it at once.
 */
#include <stdlib.h>
#include <string.h>

#include "host/discovery/swim_private.h"

enum {
    SET_BYTES_MOST =
        sizeof(struct swim_set) + SWIM_FUNCTIONS_MOST * (sizeof(char *) + SWIM_TEXT_MOST + 1)
};
#define ASK_NS_PER_MEMBER (20 * SWIM_MS)
#define ASK_AGAIN_NS (1000 * SWIM_MS)

/* FNV-1a. */
static const uint32_t fnv_start = 0x811c9dc5u, fnv_prime = 0x01000193u;

uint32_t swim_functions_hash(const char *const *sorted, unsigned n)
{
    uint32_t hash = fnv_start;

    for (unsigned i = 0; i < n; i++) {
        const char *p = sorted[i];

        do
            hash = (hash ^ (uint8_t)*p) * fnv_prime;
        while (*p++);
    }
    return hash ? hash : 1;
}

struct swim_set *swim_set_find(const struct swim *s, uint32_t hash)
{
    struct swim_set *set;

    HASH_FIND(hh, s->sets, &hash, sizeof(hash), set);
    return set;
}

const char *const *swim_functions(const struct swim *s, uint32_t hash, unsigned *n)
{
    const struct swim_set *set = swim_set_find(s, hash);

    *n = set ? set->n : 0;
    return set ? set->names : NULL;
}

static void drop_use(struct swim *s, struct swim_entry *e)
{
    struct swim_set *set = e->set;

    e->set = NULL;
    if (!set || --set->uses > 0)
        return;
    s->sets_bytes -= set->bytes;
    HASH_DEL(s->sets, set); /* NOLINT(clang-analyzer-unix.Malloc): lost in uthash */
    free(set);
}

void swim_set_assign(struct swim *s, struct swim_entry *e, uint32_t hash)
{
    struct swim_set *set = hash ? swim_set_find(s, hash) : NULL;

    if (set)
        set->uses++;
    drop_use(s, e);
    e->set = set;
    e->m.functions_hash = hash;
    if (hash && !set && s->functions_due_ns == SWIM_NEVER)
        s->functions_due_ns = s->now + swim_jitter(s, swim_size(s) * ASK_NS_PER_MEMBER);
}

/* Of sorted names; not in the table yet. */
static struct swim_set *make_set(const char *const *sorted, unsigned n)
{
    size_t head = sizeof(struct swim_set) + n * sizeof(char *), text = 0;
    struct swim_set *set;
    char *at;

    for (unsigned i = 0; i < n; i++)
        text += strlen(sorted[i]) + 1;
    set = calloc(1, head + text);
    if (!set)
        return NULL;
    set->n = n;
    set->bytes = head + text;
    set->hash = swim_functions_hash(sorted, n);
    at = (char *)set + head;
    for (unsigned i = 0; i < n; i++) {
        size_t len = strlen(sorted[i]) + 1;

        set->names[i] = memcpy(at, sorted[i], len);
        at += len;
    }
    return set;
}

static bool add_set(struct swim *s, struct swim_set *set)
{
    HASH_ADD(hh, s->sets, hash, sizeof(set->hash), set);
    if (!set->hh.tbl)
        return false;
    s->sets_bytes += set->bytes;
    return true;
}

/* ---- own */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_name(const char *name, char err[P2P_ERRLEN])
{
    size_t len = strnlen(name, SWIM_TEXT_MOST + 1);

    if (len > 0 && swim_text_valid(name, len))
        return 0;
    snprintf(err, P2P_ERRLEN,
             "discovery: function '%.*s': a name has 1 to %d bytes, no control characters",
             SWIM_TEXT_MOST, name, SWIM_TEXT_MOST);
    return -1;
}

int swim_set_functions(struct swim *s, const char *const *names, unsigned n, char err[P2P_ERRLEN])
{
    const char *sorted[SWIM_FUNCTIONS_MOST];
    struct swim_set *set;
    unsigned unique = 0;

    swim_enter(s, s->now);
    if (n > SWIM_FUNCTIONS_MOST) {
        snprintf(err, P2P_ERRLEN, "discovery: %u functions; a node offers at most %d", n,
                 SWIM_FUNCTIONS_MOST);
        return -1;
    }
    for (unsigned i = 0; i < n; i++) {
        if (check_name(names[i], err))
            return -1;
        sorted[i] = names[i];
    }
    qsort(sorted, n, sizeof(sorted[0]), by_name);
    for (unsigned i = 0; i < n; i++)
        if (unique == 0 || strcmp(sorted[unique - 1], sorted[i]) != 0)
            sorted[unique++] = sorted[i];
    set = make_set(sorted, unique);
    if (!set)
        goto no_memory;
    if (s->self.m.functions_hash == set->hash) {
        free(set);
        return 0;
    }
    if (swim_set_find(s, set->hash)) {
        uint32_t hash = set->hash;

        free(set);
        swim_set_assign(s, &s->self, hash);
    } else {
        if (!add_set(s, set)) {
            free(set);
            goto no_memory;
        }
        swim_set_assign(s, &s->self, set->hash);
    }
    swim_renew(s, 0, false);
    return 0;
no_memory:
    snprintf(err, P2P_ERRLEN, "discovery: no memory for %u names of functions", n);
    return -1;
}

/* ---- others' */

/* Gives the set to all that wait for it. */
static void hand_out(struct swim *s, struct swim_set *set)
{
    for (uint32_t i = 0; i < s->n_all; i++) {
        struct swim_entry *e = s->all[i];

        if (e->m.functions_hash != set->hash || e->set)
            continue;
        e->set = set;
        set->uses++;
        swim_call_changed(s, e, e->m.state);
    }
}

static bool is_wanted(const struct swim *s, uint32_t hash)
{
    for (uint32_t i = 0; i < s->n_all; i++)
        if (s->all[i]->m.functions_hash == hash)
            return true;
    return false;
}

bool swim_take_functions(struct swim *s, struct swim_reader *body)
{
    char text[SWIM_FUNCTIONS_MOST][SWIM_TEXT_MOST + 1];
    const char *names[SWIM_FUNCTIONS_MOST];
    uint32_t hash = swim_get_u32(body), n = swim_get_var(body);
    struct swim_set *set;

    if (body->bad || n > SWIM_FUNCTIONS_MOST)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        swim_get_text(body, text[i]);
        names[i] = text[i];
        if (body->bad || !text[i][0] || (i > 0 && strcmp(text[i - 1], text[i]) >= 0))
            return false;
    }
    if (hash != swim_functions_hash(names, n))
        return false;
    if (swim_set_find(s, hash) || !is_wanted(s, hash) ||
        s->sets_bytes + SET_BYTES_MOST > s->settings.state_most)
        return true;
    set = make_set(names, n);
    if (set && !add_set(s, set)) {
        free(set);
        set = NULL;
    }
    if (set)
        hand_out(s, set);
    return true;
}

void swim_functions_tick(struct swim *s)
{
    uint32_t start;

    if (s->functions_due_ns > s->now)
        return;
    start = swim_below(s, s->n_live);
    s->functions_due_ns = SWIM_NEVER;
    /* What could not be kept is not asked for. */
    if (s->sets_bytes + SET_BYTES_MOST > s->settings.state_most)
        return;
    for (uint32_t i = 0; i < s->n_live; i++) {
        const struct swim_entry *e = s->live[(start + i) % s->n_live];

        if (!e->m.functions_hash || e->set)
            continue;
        swim_exchange_start(s, &e->m.address, SWIM_WANT_FUNCTIONS);
        s->functions_due_ns =
            s->now + swim_jitter(s, ASK_AGAIN_NS + swim_size(s) * ASK_NS_PER_MEMBER);
        return;
    }
}

void swim_functions_free(struct swim *s)
{
    struct swim_set *set, *next;

    HASH_ITER(hh, s->sets, set, next)
    {
        HASH_DEL(s->sets, set); /* NOLINT(clang-analyzer-unix.Malloc): lost in uthash */
        free(set);
    }
}
