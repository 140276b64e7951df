/*
 * ready.h - asks the running node of a configuration whether it is ready: what a container's
 * health check and scripts need, without a client of HTTP.
 */
#ifndef HOST_READY_H
#define HOST_READY_H

#include "host/config.h"

/* GET /readyz where its node listens, on loopback when that is everywhere.  0 when it accepts
 * invocations, or -1 with what it said.  Waits for some seconds at most. */
int ready_ask(const struct config *c, char err[P2P_ERRLEN]);

#endif
