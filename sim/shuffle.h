/*
 * shuffle.h - a random order of the numbers below n that takes no memory: the place of any
 * of them is computed.
 */
#ifndef SIM_SHUFFLE_H
#define SIM_SHUFFLE_H

#include <stdint.h>

/* i, from 0 to n - 1, goes to a place from 0 to n - 1; no two go to the same.  Each key is
 * an order of its own. */
uint32_t shuffle(uint32_t i, uint32_t n, uint64_t key);

#endif
