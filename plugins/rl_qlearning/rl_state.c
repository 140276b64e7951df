/*
 * What was learned, as bytes.  Low byte first; numbers with a point are IEEE 754 doubles,
 * those of the bounds floats:
 *
 *   "P2PQ", version 1 (4 bytes)
 *   dimensions, actions, tables of values, features (4 each)
 *   approximation, bins, tiles, offsets (4 each; those that do not apply are 0)
 *   the lower and the upper bound of each dimension (4 each)
 *   epsilon, average reward (8 each); rows (4)
 *   each row: its key (4 for each dimension, and the number of its feature), the actions
 *             that it allows (8), its values (8 each)
 *   FNV-1a of all of it (8)
 *
 * A state of other dimensions, bounds or features is not taken: its values would stand for
 * other things.  What is awaited in the window is not saved.
 */
#include <math.h>
#include <string.h>

#include "rl.h"

enum { VERSION = 1, WORDS = 10 };

#define FNV_START UINT64_C(0xcbf29ce484222325)

/* A stream, and the sum of what went through it. */
struct sum {
    struct p2p_stream *stream;
    uint64_t fnv;
    bool ok;
};

static void add(struct sum *s, const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        s->fnv = (s->fnv ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static void put(struct sum *s, const unsigned char *bytes, size_t n)
{
    add(s, bytes, n);
    s->ok = s->ok && p2p_put(s->stream, bytes, n);
}

/* Zeros after the end, which no caller takes for data without looking at s->ok. */
static void get(struct sum *s, unsigned char *bytes, size_t n)
{
    s->ok = s->ok && p2p_get(s->stream, bytes, n);
    if (!s->ok)
        memset(bytes, 0, n);
    add(s, bytes, n);
}

static unsigned char *write_number(unsigned char *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *at++ = (unsigned char)(value >> 8 * i);
    return at;
}

static uint64_t read_number(const unsigned char **at, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t) * (*at)++ << 8 * i;
    return value;
}

static uint64_t bits_of(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static double double_of(uint64_t bits)
{
    double x;

    memcpy(&x, &bits, sizeof(x));
    return x;
}

static uint32_t float_bits(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static void put_number(struct sum *s, uint64_t value, unsigned bytes)
{
    unsigned char buf[8];

    write_number(buf, value, bytes);
    put(s, buf, bytes);
}

static uint64_t get_number(struct sum *s, unsigned bytes)
{
    unsigned char buf[8];
    const unsigned char *at = buf;

    get(s, buf, bytes);
    return read_number(&at, bytes);
}

/* What a state must have in common with this learner. */
static void describe(const struct rl *r, uint32_t words[WORDS])
{
    bool tiles = r->approximation == RL_TILES;
    const uint32_t w[WORDS] = {0x51503250, /* "P2PQ" */
                               VERSION,
                               r->n_dims,
                               r->n_actions,
                               r->double_q ? 2 : 1,
                               r->n_features,
                               (uint32_t)r->approximation,
                               tiles ? 0 : (uint32_t)r->bins,
                               tiles ? (uint32_t)r->tiles : 0,
                               tiles ? (uint32_t)r->offsets : 0};

    memcpy(words, w, sizeof(w));
}

/* ---- save ---- */

static void put_row(struct rl *r, struct sum *s, uint32_t row)
{
    const struct rl_table *t = &r->table;
    unsigned char *at = r->line;

    for (uint32_t i = 0; i < t->key_len; i++)
        at = write_number(at, (uint32_t)rl_table_key(t, row)[i], 4);
    at = write_number(at, *rl_table_allowed(t, row), 8);
    for (uint32_t i = 0; i < t->n_values; i++)
        at = write_number(at, bits_of(rl_table_values(t, row)[i]), 8);
    put(s, r->line, (size_t)(at - r->line));
}

bool rl_save(void *self, struct p2p_stream *out)
{
    struct rl *r = self;
    struct sum s = {.stream = out, .fnv = FNV_START, .ok = true};
    uint32_t words[WORDS];

    describe(r, words);
    for (unsigned i = 0; i < WORDS; i++)
        put_number(&s, words[i], 4);
    for (uint32_t d = 0; d < 2 * r->n_dims; d++)
        put_number(&s, float_bits(r->lo[d]), 4);
    put_number(&s, bits_of(r->epsilon_now), 8);
    put_number(&s, bits_of(r->average), 8);
    put_number(&s, r->table.n, 4);
    for (uint32_t i = 0; s.ok && i < r->table.n; i++)
        put_row(r, &s, i);
    put_number(&s, s.fnv, 8);
    return s.ok;
}

/* ---- load ---- */

static bool get_head(const struct rl *r, struct sum *s)
{
    uint32_t words[WORDS];
    bool same = true;

    describe(r, words);
    for (unsigned i = 0; same && i < WORDS; i++)
        same = get_number(s, 4) == words[i];
    for (uint32_t d = 0; same && d < 2 * r->n_dims; d++)
        same = get_number(s, 4) == float_bits(r->lo[d]);
    return same && s->ok;
}

/* Into the spare table.  A key that was there makes no new row. */
static bool get_row(struct rl *r, struct sum *s)
{
    struct rl_table *t = &r->spare;
    size_t size = t->key_len * 4 + 8 + t->n_values * 8;
    const unsigned char *at = r->line;
    uint32_t before = t->n, row;

    get(s, r->line, size);
    for (uint32_t i = 0; i < t->key_len; i++)
        r->key[i] = (int32_t)(uint32_t)read_number(&at, 4);
    if (!s->ok || !rl_key_is_sound(r, r->key))
        return false;
    row = rl_table_add(t, r->key, 0);
    if (row == RL_NO_ROW || t->n == before)
        return false;
    *rl_table_allowed(t, row) = read_number(&at, 8);
    if (*rl_table_allowed(t, row) & ~r->all)
        return false;
    for (uint32_t i = 0; i < t->n_values; i++) {
        double x = double_of(read_number(&at, 8));

        if (!(fabs(x) <= RL_MOST_VALUE))
            return false;
        rl_table_values(t, row)[i] = x;
    }
    return true;
}

static bool ends(struct sum *s)
{
    uint64_t fnv = s->fnv;
    unsigned char more;

    return get_number(s, 8) == fnv && s->ok && s->stream->read(s->stream, &more, 1) == 0;
}

static bool read_all(struct rl *r, struct sum *s, double *epsilon, double *average)
{
    uint64_t rows;

    if (!get_head(r, s))
        return false;
    *epsilon = double_of(get_number(s, 8));
    *average = double_of(get_number(s, 8));
    rows = get_number(s, 4);
    if (!s->ok || !(*epsilon >= 0 && *epsilon <= 1) || !(fabs(*average) <= RL_MOST_VALUE))
        return false;
    if (rows > r->spare.most) {
        p2p_logf(r->host, P2P_LOG_WARN,
                 "a saved state of %llu rows is not taken: `memory` has room for %u",
                 (unsigned long long)rows, r->spare.most);
        return false;
    }
    for (uint64_t i = 0; i < rows; i++)
        if (!get_row(r, s))
            return false;
    return ends(s);
}

bool rl_load(void *self, struct p2p_stream *in)
{
    struct rl *r = self;
    struct sum s = {.stream = in, .fnv = FNV_START, .ok = true};
    struct rl_table old = r->table;
    double epsilon, average;

    rl_table_clear(&r->spare);
    if (!read_all(r, &s, &epsilon, &average))
        return false;
    r->table = r->spare;
    r->spare = old;
    r->epsilon_now = epsilon;
    r->average = average;
    r->n_window = 0;
    r->said_full = false;
    rl_show(r);
    return true;
}
