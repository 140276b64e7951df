/*
 * arrivals_private.h - what the arrival processes share.
 */
#ifndef SIM_ARRIVALS_PRIVATE_H
#define SIM_ARRIVALS_PRIVATE_H

#include "sim/arrivals.h"

#define SECOND_NS 1e9
#define ARRIVALS_MAX_RATE 1e9

struct arrival_source {
    const struct arrival_config *config;
    double rate;
    unsigned n_nodes;
    uint64_t seed;
};

/* One process. */
struct arrival_ops {
    /* *out is what release() takes, also when it fails; it may be NULL then. */
    int (*load)(struct arrivals **out, const struct arrival_source *s, char err[P2P_ERRLEN]);
    void (*release)(struct arrivals *a);
    void (*begin)(struct arrival_cursor *c, const struct arrivals *a, struct random *r);
    /* Sets at_ns; also function and service_ns, if it knows them. */
    void (*next)(struct arrival_cursor *c, const struct arrivals *a, struct random *r,
                 struct arrival *out);
};

/* The first member of each process's own. */
struct arrivals {
    const struct arrival_ops *ops;
};

extern const struct arrival_ops arrivals_poisson, arrivals_deterministic, arrivals_on_off,
    arrivals_mmpp, arrivals_csv, arrivals_azure_2019, arrivals_azure_2021;

/* now + gap, or never. */
static inline uint64_t arrivals_after(uint64_t now_ns, double gap_ns)
{
    if (!(gap_ns < 0x1p62) || now_ns > (uint64_t)1 << 62)
        return ARRIVALS_NEVER;
    return now_ns + (uint64_t)(gap_ns + 0.5);
}

/* A rate that the process cannot do without. */
int arrivals_check_rate(double rate, char err[P2P_ERRLEN]);
int arrivals_check_file(const struct arrival_config *c, char err[P2P_ERRLEN]);
/* A trace says itself how many jobs there are. */
int arrivals_check_trace(const struct arrival_source *s, char err[P2P_ERRLEN]);
int arrivals_no_memory(char err[P2P_ERRLEN]);

/* The array, moved if need be, with room for one more than n; NULL when memory is short. */
void *arrivals_grow(void *array, size_t n, size_t *room, size_t size);

/* How many jobs are made of n: n * scale, a share by lot. */
double arrivals_scaled(double n, double scale, struct random *r);

#endif
