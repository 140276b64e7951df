/*
 * chance.h - reproducible random numbers: splitmix64, from one seed.
 */
#ifndef CHECK_CHANCE_H
#define CHECK_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
    uint64_t at;
};

static inline uint64_t chance_bits(struct chance *c)
{
    uint64_t z = c->at += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* In [0, n); 0 when n is 0. */
static inline uint64_t chance_below(struct chance *c, uint64_t n)
{
    return n > 1 ? chance_bits(c) % n : 0;
}

static inline bool chance_percent(struct chance *c, unsigned percent)
{
    return chance_below(c, 100) < percent;
}

static inline double chance_unit(struct chance *c)
{
    return (double)(chance_bits(c) >> 11) / 9007199254740992.0;
}

#endif
