#include "rl_values.h"

#include <string.h>

enum { LEAST_INDEX = 4 };

static uint32_t hash_of(const int32_t *key, uint32_t n)
{
    uint64_t h = 0x9e3779b97f4a7c15u;

    for (uint32_t i = 0; i < n; i++) {
        h = (h ^ (uint32_t)key[i]) * 0xbf58476d1ce4e5b9u;
        h ^= h >> 29;
    }
    return (uint32_t)(h ^ h >> 32);
}

static size_t rounded(size_t bytes)
{
    return (bytes + 7) & ~(size_t)7;
}

/* The index is at most half full, so that a search for what is not there ends soon. */
static void divide(struct rl_table *t, size_t bytes)
{
    size_t most = UINT32_C(1) << 28;

    t->most = t->wrap = 0;
    for (size_t slots = LEAST_INDEX; slots <= most && slots * sizeof(struct rl_slot) < bytes;
         slots *= 2) {
        size_t rows = (bytes - slots * sizeof(struct rl_slot)) / t->stride;

        if (rows > slots / 2)
            rows = slots / 2;
        if (rows <= t->most)
            continue;
        t->most = (uint32_t)rows;
        t->wrap = (uint32_t)slots - 1;
    }
}

size_t rl_table_bytes(const struct rl_table *t, uint32_t rows)
{
    size_t slots = LEAST_INDEX;

    while (slots / 2 < rows)
        slots *= 2;
    return slots * sizeof(struct rl_slot) + rows * t->stride;
}

bool rl_table_init(struct rl_table *t, const struct p2p_host *host, size_t bytes, uint32_t key_len,
                   uint32_t n_values)
{
    t->key_len = key_len;
    t->n_values = n_values;
    t->n = 0;
    t->key_at = sizeof(uint64_t);
    t->values_at = t->key_at + rounded(key_len * sizeof(int32_t));
    t->stride = t->values_at + n_values * sizeof(double);
    divide(t, bytes);
    if (t->most == 0)
        return false;
    t->index = host->alloc(host, ((size_t)t->wrap + 1) * sizeof(*t->index));
    t->rows = host->alloc(host, t->most * t->stride);
    return t->index && t->rows;
}

void rl_table_clear(struct rl_table *t)
{
    memset(t->index, 0, ((size_t)t->wrap + 1) * sizeof(*t->index));
    t->n = 0;
}

static unsigned char *row_at(const struct rl_table *t, uint32_t row)
{
    return t->rows + row * t->stride;
}

const int32_t *rl_table_key(const struct rl_table *t, uint32_t row)
{
    return (const int32_t *)(const void *)(row_at(t, row) + t->key_at);
}

double *rl_table_values(const struct rl_table *t, uint32_t row)
{
    return (double *)(void *)(row_at(t, row) + t->values_at);
}

uint64_t *rl_table_allowed(const struct rl_table *t, uint32_t row)
{
    return (uint64_t *)(void *)row_at(t, row);
}

/* The slot that has the key, or the free one where it would be. */
static struct rl_slot *slot_of(const struct rl_table *t, const int32_t *key, uint32_t hash)
{
    size_t size = t->key_len * sizeof(*key);

    for (uint32_t i = hash & t->wrap;; i = (i + 1) & t->wrap) {
        struct rl_slot *s = &t->index[i];

        if (s->row == 0 || (s->hash == hash && memcmp(rl_table_key(t, s->row - 1), key, size) == 0))
            return s;
    }
}

/* Row 0 less one is RL_NO_ROW. */
uint32_t rl_table_find(const struct rl_table *t, const int32_t *key)
{
    return slot_of(t, key, hash_of(key, t->key_len))->row - 1;
}

uint32_t rl_table_add(struct rl_table *t, const int32_t *key, double initial)
{
    uint32_t hash = hash_of(key, t->key_len);
    struct rl_slot *s = slot_of(t, key, hash);
    double *values;

    if (s->row)
        return s->row - 1;
    if (t->n == t->most)
        return RL_NO_ROW;
    *s = (struct rl_slot){hash, t->n + 1};
    memcpy(row_at(t, t->n) + t->key_at, key, t->key_len * sizeof(*key));
    *rl_table_allowed(t, t->n) = 0;
    values = rl_table_values(t, t->n);
    for (uint32_t i = 0; i < t->n_values; i++)
        values[i] = initial;
    return t->n++;
}
