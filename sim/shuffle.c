#include "sim/shuffle.h"

#include "base/random.h"

/* A Feistel network permutes the least even power of two that is not below n, whatever its
 * rounds do; walking on until the place is below n makes it a permutation of those, and takes
 * four steps on average at most.  More rounds than four, as halves of one bit mix badly. */
uint32_t shuffle(uint32_t i, uint32_t n, uint64_t key)
{
    enum { ROUNDS = 6 };
    unsigned half = 1;
    uint64_t mask, left, right, was, place = i;

    while ((uint64_t)1 << 2 * half < n)
        half++;
    mask = ((uint64_t)1 << half) - 1;
    do {
        left = place >> half;
        right = place & mask;
        for (unsigned round = 0; round < ROUNDS; round++) {
            was = right;
            right = left ^ (random_mix(key + (right << 3 | round)) & mask);
            left = was;
        }
        place = left << half | right;
    } while (place >= n);
    return (uint32_t)place;
}
