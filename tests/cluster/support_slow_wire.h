/*
 * support_slow_wire.h - a slow wire: what a host sends and is sent passes through a thread
 * of the test, which keeps each packet for a while.  Nodes see nothing of it: their
 * addresses stay.
 */
#ifndef TESTS_CLUSTER_SUPPORT_SLOW_WIRE_H
#define TESTS_CLUSTER_SUPPORT_SLOW_WIRE_H

#include "bench/netns.h"

struct slow_wire;
/* In place of the host's own wire, until the namespaces are gone; no node runs there
 * yet.  NULL with a reason. */
struct slow_wire *slow_wire_new(const struct netns *net, unsigned host, char err[CLUSTER_ERRLEN]);
/* Of packets from now on, each way. */
void slow_wire_delay(struct slow_wire *w, unsigned ms);
/* Cuts it. */
void slow_wire_free(struct slow_wire *w);

#endif
