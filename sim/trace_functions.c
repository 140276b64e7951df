#include "sim/trace_functions.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/random.h"
#include "sim/arrivals_private.h"

struct known_function {
    uint64_t key;
    uint32_t index;
    UT_hash_handle hh;
};

void trace_functions_release(struct trace_functions *f)
{
    struct known_function *k, *next;

    HASH_ITER(hh, f->known, k, next)
    {
        HASH_DEL(f->known, k); /* NOLINT(clang-analyzer-unix.Malloc): lost in uthash */
        free(k);
    }
    free(f->at);
    *f = (struct trace_functions){0};
}

/* FNV-1a, and scattered: its low bits alone are weak.  The parts end, so that "ab", "c" is
 * not "a", "bc". */
uint64_t trace_function_key(const char *const *part, unsigned n)
{
    uint64_t key = 0xcbf29ce484222325u;

    for (unsigned i = 0; i < n; i++) {
        const char *c = part[i];

        do
            key = (key ^ (unsigned char)*c) * 0x100000001b3u;
        while (*c++);
    }
    return random_mix(key);
}

uint32_t trace_functions_find(const struct trace_functions *f, uint64_t key)
{
    struct known_function *k;

    HASH_FIND(hh, f->known, &key, sizeof(key), k);
    return k ? k->index : P2P_NONE;
}

uint32_t trace_functions_add(struct trace_functions *f, uint64_t key)
{
    uint32_t index = trace_functions_find(f, key);
    struct trace_function *more;
    struct known_function *k;

    if (index != P2P_NONE)
        return index;
    more = arrivals_grow(f->at, f->n, &f->room, sizeof(*f->at));
    if (!more)
        return P2P_NONE;
    f->at = more;
    k = calloc(1, sizeof(*k));
    if (!k)
        return P2P_NONE;
    k->key = key;
    k->index = f->n;
    HASH_ADD(hh, f->known, key, sizeof(key), k);
    f->at[f->n] = (struct trace_function){.key = key, .function = P2P_NONE};
    return f->n++;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = (*(struct trace_function *const *)a)->key;
    uint64_t y = (*(struct trace_function *const *)b)->key;

    return (x > y) - (x < y);
}

int trace_functions_deal(struct trace_functions *f, uint32_t n_nodes, uint32_t n_functions)
{
    struct trace_function **order = calloc(f->n + 1, sizeof(struct trace_function *));

    if (!order)
        return -1;
    for (uint32_t i = 0; i < f->n; i++)
        order[i] = &f->at[i];
    qsort(order, f->n, sizeof(void *), by_key);
    for (uint32_t i = 0; i < f->n; i++) {
        order[i]->node = i % n_nodes;
        /* Scattered anew: by the same order a node would only see some functions. */
        if (n_functions > 0)
            order[i]->function = (uint32_t)(random_mix(order[i]->key) % n_functions);
    }
    free(order);
    return 0;
}
