/*
 * state.h - what a scheduler learned, on its way to the next instance.
 */
#ifndef ENGINE_STATE_H
#define ENGINE_STATE_H

#include "engine/instance.h"

#define STATE_LIMIT (64u << 20) /* bytes that save() may write */

/* Written by save(), read by load(). */
struct state {
    char *data;
    size_t len, cap, at;
};

/* Would `fresh` understand what `old` saves? */
bool state_fits(const struct instance *old, const struct instance *fresh);
/* Under the world's lock.  False when old cannot save; *s is then empty. */
bool state_save(struct state *s, struct instance *old);
/* `fresh` is initialised and nobody else has it.  False when it cannot load. */
bool state_load(struct state *s, struct instance *fresh);
void state_release(struct state *s);

#endif
