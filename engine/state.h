/*
 * state.h - what a scheduler or a learner knows, on its way to the next instance or to a file.
 */
#ifndef ENGINE_STATE_H
#define ENGINE_STATE_H

#include "engine/guest.h"

#define STATE_LIMIT (64u << 20) /* bytes that save() may write */

/* Written by save(), read by load(). */
struct state {
    char *data;
    size_t len, cap, at;
};

/* Under the world's lock.  False when old cannot save; *s is then empty. */
bool state_save(struct state *s, struct guest *old);
/* `fresh` is initialised and nobody else has it.  False when it cannot load. */
bool state_load(struct state *s, struct guest *fresh);
/* Offers what `old` knows to `fresh`, if both name the same state_format.  False when that
 * one did not take it, and is now in whatever state its load() left it.  Not under the lock. */
bool state_hand_over(struct guest *old, struct guest *fresh);
void state_release(struct state *s);

#endif
