/*
 * fence.h - memory for the plugin with a wall behind it.
 *
 * A block ends where a page begins that may not be touched, so that a write or read
 * behind it is noticed at once, without a sanitizer.  What 16-alignment leaves between
 * the two, and what lies before the block, is filled and looked at from time to time.
 */
#ifndef CHECK_FENCE_H
#define CHECK_FENCE_H

#include <stdbool.h>
#include <stddef.h>

struct fence;

/* Zeroed, 16-aligned, of any number of bytes; NULL when memory is short.  `what` is kept. */
void *fence_new(const void *owner, size_t size, const char *what);
/* All of that owner. */
void fence_free(const void *owner);
void fence_free_all(void);

struct fence_hit {
    const char *what;
    size_t size;
    long at; /* from the block's start */
};

/* The block, if there is one, that was written outside of its bounds. */
bool fence_broken(struct fence_hit *hit);
/* The block, if there is one, behind which that address lies.  For a signal handler. */
bool fence_find(const void *address, struct fence_hit *hit);

#endif
