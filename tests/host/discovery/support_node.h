/*
 * support_node.h - as much of a node as discovery needs: a loop, a peer table, a
 * configuration; no ports and no threads.
 */
#ifndef TESTS_HOST_DISCOVERY_SUPPORT_NODE_H
#define TESTS_HOST_DISCOVERY_SUPPORT_NODE_H

#include "host/node.h"

/* n1 at 127.0.0.1:18080, with these settings; 0 or -1. */
int support_node_init(struct node *n, const char *const *settings, unsigned n_settings);
void support_node_release(struct node *n);

/* From now on what is logged is kept, up to 1 MB; how many lines have that text. */
void support_log_begin(void);
unsigned support_log_count(const char *text);
void support_log_end(void);

/* The row of that address; false when it is no peer. */
bool support_peer(struct node *n, const char *address, struct peer_row *out);

#endif
