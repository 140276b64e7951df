/*
 * support_async.h - nodes that keep calls, with a function `record` that notes what it ran
 * (support_hooks.h), `hold`, that takes its time in one slot, `large`, that answers 300 kB,
 * `forge`, that claims what only the node tells of a call, `picky`, that has rules of its own for
 * its 418, and `behind`, whose 418 is an error of a gateway; calls to them and how they stand.
 */
#ifndef TESTS_CLUSTER_SUPPORT_ASYNC_H
#define TESTS_CLUSTER_SUPPORT_ASYNC_H

#include "tests/cluster/fixture.h"

enum { NODE, PEER, BARE }; /* BARE has no node.data_dir */

/* Where `record` notes; the configuration; "node.data_dir=…" of NODE and PEER. */
extern char async_notes[64], async_config[1600], async_data[2][128];

/* The folder of a cluster with these nodes, none started. */
void async_init_nodes(void);
/* Stops all, empties their folders. */
int async_teardown(void **state);
/* With three attempts that follow each other quickly, and these settings. */
void async_start_node(unsigned node, const char *const *more);

/* POSTs to NODE and expects its 202; the id, kept until the next but seven. */
const char *async_call(const char *path, const char *body, const char *const *headers);
/* Waits until "STATUS BODY" of GET /async/ID has this text. */
void wait_state(const char *id, const char *text);
struct reply async_result(const char *id);
struct reply async_cancel_call(const char *id);

/* Nothing finds room to run at NODE from now on; let_run() ends it. */
void let_nothing_run(void);
void let_run(void);

#endif
