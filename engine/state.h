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

/* Would `fresh` understand what `old` saves? */
bool state_fits(const struct guest *old, const struct guest *fresh);
/* Under the world's lock.  False when old cannot save; *s is then empty. */
bool state_save(struct state *s, struct guest *old);
/* `fresh` is initialised and nobody else has it.  False when it cannot load. */
bool state_load(struct state *s, struct guest *fresh);
void state_release(struct state *s);

#endif
