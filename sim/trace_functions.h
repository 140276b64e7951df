/*
 * trace_functions.h - the functions of a trace: found by name while it is read, then dealt
 * out to nodes.  Of a name only 64 bits are kept: with a million functions two are taken
 * for one in one of thirty million traces.
 */
#ifndef SIM_TRACE_FUNCTIONS_H
#define SIM_TRACE_FUNCTIONS_H

#include <p2pfaas/plugin.h>

struct trace_function {
    uint64_t key;
    uint32_t node;
    uint32_t function; /* of the scenario, or P2P_NONE */
};

struct trace_functions {
    struct trace_function *at; /* in order of first sight */
    uint32_t n;
    size_t room;
    struct known_function *known;
};

/* Zeroed memory is an empty one. */
void trace_functions_release(struct trace_functions *f);

/* The key of a name in n parts. */
uint64_t trace_function_key(const char *const *part, unsigned n);

/* Its index, P2P_NONE when it is not known. */
uint32_t trace_functions_find(const struct trace_functions *f, uint64_t key);
/* The same, and it is known from then on; P2P_NONE when memory is short. */
uint32_t trace_functions_add(struct trace_functions *f, uint64_t key);

/* Deals them out to nodes in the order of their keys, and to the scenario's functions by
 * their keys; n_functions 0 = to none. */
int trace_functions_deal(struct trace_functions *f, uint32_t n_nodes, uint32_t n_functions);

#endif
