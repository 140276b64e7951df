/*
 * rl_values.h - a table from keys, which are lists of whole numbers, to rows of values.
 *
 * Open addressing with the whole key in each row: two keys never share a row, whatever
 * they hash to.  Rows lie in the order in which they came and never move or go; that a
 * table is full is the caller's to say and to count.  All memory is given at the start.
 */
#ifndef RL_VALUES_H
#define RL_VALUES_H

#include <p2pfaas/plugin.h>

#define RL_NO_ROW UINT32_MAX

struct rl_slot {
    uint32_t hash;
    uint32_t row; /* 1 + its number; 0: free */
};

struct rl_table {
    uint32_t key_len, n_values; /* of a row */
    uint32_t n, most;           /* rows */
    uint32_t wrap;              /* index size - 1 */
    size_t stride, key_at, values_at;
    struct rl_slot *index;
    unsigned char *rows;
};

/* As many rows as fit into `bytes`; false with t->stride set when not even one does, or
 * when the host has no such memory (t->most is then not 0). */
bool rl_table_init(struct rl_table *t, const struct p2p_host *host, size_t bytes, uint32_t key_len,
                   uint32_t n_values);
/* The bytes that so many rows take, once the stride is set. */
size_t rl_table_bytes(const struct rl_table *t, uint32_t rows);
void rl_table_clear(struct rl_table *t);

/* The row of that key, or RL_NO_ROW. */
uint32_t rl_table_find(const struct rl_table *t, const int32_t *key);
/* The same; a new row has the value `initial` everywhere.  RL_NO_ROW when it is full. */
uint32_t rl_table_add(struct rl_table *t, const int32_t *key, double initial);

const int32_t *rl_table_key(const struct rl_table *t, uint32_t row);
double *rl_table_values(const struct rl_table *t, uint32_t row);
/* Bit i: action i could be taken in that row's states, as far as seen. */
uint64_t *rl_table_allowed(const struct rl_table *t, uint32_t row);

#endif
