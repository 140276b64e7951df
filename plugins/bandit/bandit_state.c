/*
 * What was learned, as bytes.  Low byte first; numbers with a point are IEEE 754 doubles:
 *
 *   "P2PB", version 1 (4 bytes), kind of numbers (4 letters)
 *   numbers of an arm, arms (4 each); ridge (8; 0 where there is none)
 *   each arm: length of its address (1), its address, its numbers (8 each); the first is
 *             this node, whose address is empty
 *   FNV-1a of all of it (8)
 *
 * What is learned with one ridge is not taken by an instance that has another.  Arms beyond
 * most_peers are left out.  What is under way is not saved, nor who is known by id only.
 */
#include <string.h>

#include "bandit.h"

enum { VERSION = 1, MOST_NUMBERS = 64 };

#define FNV_START UINT64_C(0xcbf29ce484222325)

/* A stream, and the sum of what went through it. */
struct sum {
    struct p2p_stream *stream;
    uint64_t fnv;
    bool ok;
};

static void count(struct sum *s, const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        s->fnv = (s->fnv ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static void put(struct sum *s, const void *bytes, size_t n)
{
    count(s, bytes, n);
    s->ok = s->ok && (n == 0 || p2p_put(s->stream, bytes, n));
}

/* Zeros after the end. */
static void get(struct sum *s, void *bytes, size_t n)
{
    s->ok = s->ok && (n == 0 || p2p_get(s->stream, bytes, n));
    if (!s->ok)
        memset(bytes, 0, n);
    count(s, bytes, n);
}

static void put_number(struct sum *s, uint64_t value, unsigned n)
{
    unsigned char bytes[8];

    for (unsigned i = 0; i < n; i++)
        bytes[i] = (unsigned char)(value >> 8 * i);
    put(s, bytes, n);
}

static uint64_t get_number(struct sum *s, unsigned n)
{
    unsigned char bytes[8];
    uint64_t value = 0;

    get(s, bytes, n);
    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

static void put_double(struct sum *s, double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof(bits));
    put_number(s, bits, 8);
}

static double get_double(struct sum *s)
{
    uint64_t bits = get_number(s, 8);
    double x;

    memcpy(&x, &bits, sizeof(x));
    return x;
}

static double ridge_of(const struct bandit *b)
{
    return b->policy->by_features ? b->ridge : 0;
}

/* ---- save ---- */

static bool is_saved(const struct bandit *b, uint32_t k)
{
    return k == BANDIT_HERE || b->arms.arm[k].address[0];
}

/* As it is now, without a trace in the instance. */
static void put_arm(const struct bandit *b, struct sum *s, uint32_t k)
{
    const struct bandit_arm *arm = &b->arms.arm[k];
    size_t length = strlen(arm->address);
    double numbers[MOST_NUMBERS];

    memcpy(numbers, bandit_arms_numbers(&b->arms, k), b->policy->n_numbers * sizeof(double));
    bandit_catch_up(b, arm->learned, numbers);
    put_number(s, length, 1);
    put(s, arm->address, length);
    for (uint32_t i = 0; i < b->policy->n_numbers; i++)
        put_double(s, numbers[i]);
}

bool bandit_save(void *self, struct p2p_stream *out)
{
    const struct bandit *b = self;
    struct sum s = {.stream = out, .fnv = FNV_START, .ok = true};
    uint32_t arms = 0;

    for (uint32_t k = 0; k < b->arms.n; k++)
        arms += is_saved(b, k);
    put(&s, "P2PB", 4);
    put_number(&s, VERSION, 4);
    put(&s, b->policy->kind, 4);
    put_number(&s, b->policy->n_numbers, 4);
    put_number(&s, arms, 4);
    put_double(&s, ridge_of(b));
    for (uint32_t k = 0; s.ok && k < b->arms.n; k++)
        if (is_saved(b, k))
            put_arm(b, &s, k);
    put_number(&s, s.fnv, 8);
    return s.ok;
}

/* ---- load ---- */

static bool same_ridge(const struct bandit *b, double ridge)
{
    if (ridge == ridge_of(b))
        return true;
    p2p_logf(b->host, P2P_LOG_WARN,
             "a saved state that was learned with a ridge of %g is not taken: `ridge` is %g here",
             ridge, ridge_of(b));
    return false;
}

static bool get_head(const struct bandit *b, struct sum *s, uint64_t *arms)
{
    char magic[4], kind[4];
    uint64_t version, numbers;
    double ridge;

    get(s, magic, 4);
    version = get_number(s, 4);
    get(s, kind, 4);
    numbers = get_number(s, 4);
    *arms = get_number(s, 4);
    ridge = get_double(s);
    return s->ok && memcmp(magic, "P2PB", 4) == 0 && version == VERSION &&
           memcmp(kind, b->policy->kind, 4) == 0 && numbers == b->policy->n_numbers && *arms >= 1 &&
           *arms <= 1 + BANDIT_MOST_PEERS && same_ridge(b, ridge);
}

/* Into the spare arms. */
static bool get_arm(struct bandit *b, struct sum *s, bool is_here)
{
    size_t length = (size_t)get_number(s, 1);
    char address[256];
    double numbers[MOST_NUMBERS];

    get(s, address, length);
    address[length] = '\0';
    for (uint32_t i = 0; i < b->policy->n_numbers; i++)
        numbers[i] = get_double(s);
    if (!s->ok || strlen(address) != length || is_here != (length == 0) ||
        !b->policy->sound(b, numbers))
        return false;
    if (!is_here && b->spare.n == b->spare.most)
        return true;
    if (!is_here && !bandit_arms_add(&b->spare, address))
        return false;
    memcpy(bandit_arms_numbers(&b->spare, b->spare.n - 1), numbers,
           b->policy->n_numbers * sizeof(double));
    return true;
}

static bool ends(struct sum *s)
{
    uint64_t fnv = s->fnv;
    unsigned char more;

    return get_number(s, 8) == fnv && s->ok && s->stream->read(s->stream, &more, 1) == 0;
}

bool bandit_load(void *self, struct p2p_stream *in)
{
    struct bandit *b = self;
    struct sum s = {.stream = in, .fnv = FNV_START, .ok = true};
    struct bandit_arms old = b->arms;
    uint64_t arms;

    bandit_arms_clear(&b->spare);
    if (!get_head(b, &s, &arms))
        return false;
    for (uint64_t i = 0; i < arms; i++)
        if (!get_arm(b, &s, i == 0))
            return false;
    if (!ends(&s))
        return false;
    b->arms = b->spare;
    b->spare = old;
    b->outcomes = 0;
    *b->n_arms = b->arms.n;
    return true;
}
