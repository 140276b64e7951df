/*
 * auth_window.h - which counters of one sender were seen.  Private to auth.c, whose
 * lock covers it.
 *
 * A ring of bits, a word for 64 counters; it covers the newest word and those before it.
 * What is older than the ring counts as seen.
 */
#ifndef HOST_AUTH_WINDOW_H
#define HOST_AUTH_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

enum { AUTH_WINDOW_FIRST = 4096 / 64, AUTH_WINDOW_MOST = (1 << 20) / 64 /* words */ };

struct auth_window {
    uint64_t *bits;
    uint64_t newest;      /* word that has the greatest counter */
    uint32_t words;       /* a power of two */
    uint64_t lap, lap_ms; /* the word and the time at which the ring last began anew */
};

/* Nothing seen, around this counter.  0, or -1: memory is short. */
int auth_window_init(struct auth_window *w, uint64_t counter, uint64_t now_ms);
void auth_window_release(struct auth_window *w);
/* Marks it: true when it was not seen before. */
bool auth_window_take(struct auth_window *w, uint64_t counter);
/* Doubles the ring if its counters were used up in less than `keep_ms` and it may have
 * `spare` words more; returns how many words it has more. */
uint32_t auth_window_widen(struct auth_window *w, uint64_t now_ms, uint64_t keep_ms,
                           uint64_t spare);

#endif
