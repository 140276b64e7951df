/*
 * What was learned, as bytes.  Low byte first; numbers with a point are IEEE 754.
 *
 *   "P2PN", version 1 (4 bytes)
 *   dimensions, actions, hidden layers, units of each (4 each)
 *   the lower bounds of the dimensions, then the upper ones (floats)
 *   reward_unit, epsilon (doubles)
 *   each layer: for each of its inputs a weight to each output, then the biases (floats)
 *   FNV-1a of all of it (8)
 *
 * A state of other dimensions, bounds or layers is not taken: its weights would stand for
 * other things.  What is remembered and the moments of the optimizer are not saved.
 */
#include <math.h>
#include <string.h>

#include "dqn.h"

enum { VERSION = 1, WORDS = 6 };

/* A stream, and the sum of what went through it. */
struct sum {
    struct p2p_stream *stream;
    uint64_t fnv;
    bool ok;
};

static struct sum sum_of(struct p2p_stream *s)
{
    return (struct sum){s, UINT64_C(0xcbf29ce484222325), true};
}

static void add(struct sum *s, const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        s->fnv = (s->fnv ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static void put(struct sum *s, uint64_t value, unsigned n)
{
    unsigned char bytes[8];

    for (unsigned i = 0; i < n; i++)
        bytes[i] = (unsigned char)(value >> 8 * i);
    add(s, bytes, n);
    s->ok = s->ok && p2p_put(s->stream, bytes, n);
}

/* 0 after the end, which no caller takes for data without looking at s->ok. */
static uint64_t get(struct sum *s, unsigned n)
{
    unsigned char bytes[8];
    uint64_t value = 0;

    s->ok = s->ok && p2p_get(s->stream, bytes, n);
    if (!s->ok)
        return 0;
    add(s, bytes, n);
    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

static void put_float(struct sum *s, float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof(bits));
    put(s, bits, sizeof(bits));
}

static float get_float(struct sum *s)
{
    uint32_t bits = (uint32_t)get(s, sizeof(bits));
    float x;

    memcpy(&x, &bits, sizeof(x));
    return x;
}

static void put_double(struct sum *s, double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof(bits));
    put(s, bits, sizeof(bits));
}

static double get_double(struct sum *s)
{
    uint64_t bits = get(s, sizeof(bits));
    double x;

    memcpy(&x, &bits, sizeof(x));
    return x;
}

/* What a state must have in common with this learner. */
static void describe(const struct dqn *d, uint32_t words[WORDS])
{
    const uint32_t w[WORDS] = {
        0x4e503250, /* "P2PN" */
        VERSION,    d->n_dims, d->n_actions, (uint32_t)d->layers, (uint32_t)d->hidden};

    memcpy(words, w, sizeof(w));
}

bool dqn_save(void *self, struct p2p_stream *out)
{
    struct dqn *d = self;
    struct sum s = sum_of(out);
    uint32_t words[WORDS];

    describe(d, words);
    for (unsigned i = 0; i < WORDS; i++)
        put(&s, words[i], 4);
    for (uint32_t i = 0; i < 2 * d->n_dims; i++)
        put_float(&s, d->lo[i]);
    put_double(&s, d->reward_unit);
    put_double(&s, d->epsilon_now);
    for (uint32_t k = 0; k < d->net.n_layers; k++) {
        const struct dqn_layer *l = &d->net.layer[k];

        for (uint32_t i = 0; i <= l->in; i++)
            for (uint32_t o = 0; s.ok && o < l->out; o++)
                put_float(&s, d->online[l->weights + (size_t)i * l->stride + o]);
    }
    put(&s, s.fnv, 8);
    return s.ok;
}

/* ---- load ---- */

static bool get_head(const struct dqn *d, struct sum *s)
{
    uint32_t words[WORDS];
    bool same = true;

    describe(d, words);
    for (unsigned i = 0; same && i < WORDS; i++)
        same = get(s, 4) == words[i];
    for (uint32_t i = 0; same && i < 2 * d->n_dims; i++)
        same = get_float(s) == d->lo[i];
    same = same && get_double(s) == d->reward_unit;
    return same && s->ok;
}

static bool get_weights(const struct dqn *d, struct sum *s, float *weights)
{
    memset(weights, 0, d->net.n_weights * sizeof(*weights));
    for (uint32_t k = 0; k < d->net.n_layers; k++) {
        const struct dqn_layer *l = &d->net.layer[k];

        for (uint32_t i = 0; i <= l->in; i++)
            for (uint32_t o = 0; o < l->out; o++) {
                float x = get_float(s);

                if (!s->ok || !(fabsf(x) <= DQN_MOST_WEIGHT))
                    return false;
                weights[l->weights + (size_t)i * l->stride + o] = x;
            }
    }
    return true;
}

static bool ends(struct sum *s)
{
    uint64_t fnv = s->fnv;
    unsigned char more;

    return get(s, 8) == fnv && s->ok && s->stream->read(s->stream, &more, 1) == 0;
}

bool dqn_load(void *self, struct p2p_stream *in)
{
    struct dqn *d = self;
    struct sum s = sum_of(in);
    size_t size = d->net.n_weights * sizeof(*d->online);
    double epsilon;

    if (!get_head(d, &s))
        return false;
    epsilon = get_double(&s);
    if (!s.ok || !(epsilon >= 0 && epsilon <= 1) || !get_weights(d, &s, d->gradient) || !ends(&s))
        return false;
    memcpy(d->online, d->gradient, size);
    memcpy(d->target, d->gradient, size);
    memcpy(d->good, d->gradient, size);
    dqn_optimizer_begin(&d->opt);
    d->good_failed = d->said_reset = false;
    d->epsilon_now = epsilon;
    dqn_show(d);
    return true;
}
