/*
 * upstream_private.h - what a connection may ask of the upstream that it belongs to.
 */
#ifndef HOST_UPSTREAM_PRIVATE_H
#define HOST_UPSTREAM_PRIVATE_H

#include "host/upstream.h"

/* "127.0.0.2:18080". */
const char *upstream_text(const struct upstream *u);
/* The thread's receive buffer. */
char *upstream_scratch(struct upstream *u, size_t *size);

#endif
