/*
 * support_discovery.h - nodes that know one seed, n1, and what they know of each other.
 */
#ifndef TESTS_CLUSTER_SUPPORT_DISCOVERY_H
#define TESTS_CLUSTER_SUPPORT_DISCOVERY_H

#include "tests/cluster/fixture.h"

/* Settings of such nodes. */
extern const char *const strangers[];

/* A call at the discovery port. */
struct reply ask(unsigned node, const char *method, const char *path, const char *body,
                 const char *const *headers);
/* How many members a node has in that state: "alive", "dead", … */
unsigned members(unsigned node, const char *state);
void wait_members(unsigned node, const char *state, unsigned n);
/* Starts the first n and waits until each knows all. */
void start_some(unsigned n);

#endif
