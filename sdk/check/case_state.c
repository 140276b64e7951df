#include <stdlib.h>
#include <string.h>

#include "sdk/check/unit.h"

enum { MEGABYTE = 1 << 20 };

static bool keeps_state(const struct check *c)
{
    return c->is_learner ? c->learner.save && c->learner.load
                         : c->scheduler.save && c->scheduler.load;
}

static void work(struct unit *u, unsigned n)
{
    if (u->check->is_learner)
        unit_learn(u, n, 1);
    else
        unit_work(u, n);
}

static struct unit *another(struct check *c, const struct unit *like)
{
    char err[P2P_ERRLEN];
    struct unit *u = unit_try(c, like->preset, like->seed, err);

    if (!u)
        check_fail(c, "the same answer each time", "init() took these parameters, then not: %s",
                   like->settings);
    return u;
}

static void save(struct unit *u, struct blob *b)
{
    b->fail_after = -1;
    if (!unit_save(u, b))
        check_fail(u->check, "true, when every write went well", "save() returns false");
}

static void compare(struct check *c, const struct blob *a, const struct blob *b, const char *what)
{
    size_t at = 0;

    if (a->len != b->len)
        check_fail(c, "the same bytes", "%s: %zu bytes, then %zu", what, a->len, b->len);
    while (at < a->len && a->data[at] == b->data[at])
        at++;
    if (at < a->len)
        check_fail(c, "the same bytes: nothing that was not written before, no addresses",
                   "%s: byte %zu of %zu differs", what, at, a->len);
}

/* A disk that is full, at every place where it can be noticed. */
static void fail_writes(struct unit *u, size_t len)
{
    enum { PLACES = 64 };
    struct blob b = {0};
    bool saved;

    for (unsigned i = 0; i < PLACES && i < len; i++) {
        b.fail_after = len <= PLACES ? (long)i : (long)(len * i / PLACES);
        saved = unit_save(u, &b);
        if (saved) {
            free(b.data);
            check_fail(u->check, "false: p2p_put() says when a write failed",
                       "save() returns true though a write failed after %ld of %zu bytes",
                       b.fail_after, len);
        }
    }
    free(b.data);
}

void case_state(struct check *c)
{
    struct blob first = {0}, second = {0};
    struct unit *u, *heir;
    size_t len;

    if (!keeps_state(c))
        check_skip(c, "it has no save() and load()");
    u = unit_any(c, c->seed);
    work(u, c->options->worlds / 10 + 10);
    save(u, &first);
    save(u, &second);
    compare(c, &first, &second, "save() twice");
    fail_writes(u, first.len);
    heir = another(c, u);
    if (!unit_load(heir, &first))
        check_fail(c, "true",
                   "load() refuses the %zu bytes that save() of an instance with the "
                   "same parameters wrote",
                   first.len);
    save(heir, &second);
    compare(c, &first, &second, "save(), load(), save()");
    work(heir, 20);
    unit_end(heir);
    unit_end(u);
    len = first.len;
    free(first.data);
    free(second.data);
    check_note(c, "%zu bytes", len);
}

/* ---- what nobody saved ---- */

/* Loads it into a new instance, which must go on or end as always. */
static bool takes(struct check *c, const struct unit *like, struct blob *b, const char *what)
{
    struct unit *u = another(c, like);
    bool loaded;

    snprintf(c->report->hint, sizeof(c->report->hint), "given %s", what);
    loaded = unit_load(u, b);
    if (loaded)
        work(u, 5);
    unit_end(u);
    return loaded;
}

static void refuse(struct check *c, const struct unit *like, struct blob *b, const char *what)
{
    if (takes(c, like, b, what))
        check_fail(c, "false: a magic number, the sizes and the end are checked",
                   "load() returns true for %s", what);
}

void case_garbage(struct check *c)
{
    enum { CUTS = 24, FLIPS = 60, FLOODS = 3 };
    struct blob good = {0}, bad = {0};
    struct unit *like;
    struct chance chance;
    char what[80];

    if (!keeps_state(c))
        check_skip(c, "it has no save() and load()");
    like = unit_any(c, c->seed);
    chance = like->world.chance;
    work(like, 20);
    save(like, &good);
    bad.data = malloc(MEGABYTE + good.len);
    if (!bad.data)
        check_fail(c, "", "out of memory");
    if (good.len)
        refuse(c, like, &bad, "an empty state");
    for (unsigned i = 0; i < FLOODS; i++) {
        bad.len = MEGABYTE;
        for (size_t at = 0; at < bad.len; at++)
            bad.data[at] = (char)chance_bits(&chance);
        refuse(c, like, &bad, "1 MB of random bytes");
    }
    memset(bad.data, 0, bad.len);
    takes(c, like, &bad, "1 MB of zeros");
    if (good.len)
        memcpy(bad.data, good.data, good.len);
    for (size_t i = 0; i < CUTS && i < good.len; i++) {
        bad.len = good.len <= CUTS ? i : good.len * i / CUTS;
        snprintf(what, sizeof(what), "%zu of the %zu bytes that save() wrote", bad.len, good.len);
        if (bad.len)
            refuse(c, like, &bad, what);
    }
    bad.len = good.len;
    for (unsigned i = 0; i < FLIPS && good.len; i++) {
        size_t at = chance_below(&chance, good.len);

        bad.data[at] = (char)chance_bits(&chance);
        snprintf(what, sizeof(what), "what save() wrote with byte %zu changed", at);
        takes(c, like, &bad, what);
        bad.data[at] = good.data[at];
    }
    unit_end(like);
    free(good.data);
    free(bad.data);
}
