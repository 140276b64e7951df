/*
 * random.h - pseudo-random numbers: the generator of scheduler instances and simulations.
 *
 * The same seed gives the same numbers on every machine, but for what goes through log()
 * of the C library (random_exponential, random_normal), which may differ in the last bit.
 * A `struct random` has one user at a time; nothing here locks.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <math.h>
#include <stdint.h>

struct random {
    uint64_t s[4];
};

/* One number scattered over 64 bits; a bijection: splitmix64's output function. */
static inline uint64_t random_mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* splitmix64, as the authors of xoshiro advise for filling the state from one number. */
static inline void random_seed(struct random *r, uint64_t seed)
{
    for (int k = 0; k < 4; k++)
        r->s[k] = random_mix(seed += 0x9e3779b97f4a7c15u);
}

/* One of 2^64 streams of the same seed.  Both numbers are scattered before they meet, so
 * that neither stream n + 1 nor seed n + 1 begins where another stands. */
static inline void random_stream(struct random *r, uint64_t seed, uint64_t stream)
{
    random_seed(r, random_mix(random_mix(seed + 0x9e3779b97f4a7c15u) ^ ~stream));
}

/* xoshiro256** by Blackman and Vigna, doi:10.1145/3460772. */
static inline uint64_t random_next(struct random *r)
{
    uint64_t *s = r->s, x = s[1] * 5, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return (x << 7 | x >> 57) * 9;
}

/* Between 0 and 1, never one of them.  52 bits: with 53 the largest would round to 1. */
static inline double random_unit(struct random *r)
{
    return ((double)(random_next(r) >> 12) + 0.5) * 0x1p-52;
}

/* From 0 to n - 1, each as likely (Lemire, doi:10.1145/3230636); n > 0. */
static inline uint32_t random_below(struct random *r, uint32_t n)
{
    uint64_t product = (random_next(r) >> 32) * n;

    if ((uint32_t)product < n) {
        uint32_t surplus = -n % n;

        while ((uint32_t)product < surplus)
            product = (random_next(r) >> 32) * n;
    }
    return (uint32_t)(product >> 32);
}

static inline double random_exponential(struct random *r, double mean)
{
    return -mean * log(random_unit(r));
}

/* Mean 0, standard deviation 1. */
double random_normal(struct random *r);

#endif
