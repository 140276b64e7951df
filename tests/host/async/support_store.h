/*
 * support_store.h - a store in a folder of its own, open while a test runs.
 */
#ifndef TESTS_HOST_ASYNC_SUPPORT_STORE_H
#define TESTS_HOST_ASYNC_SUPPORT_STORE_H

#include "host/async/batch.h"

extern char folder[32], err[P2P_ERRLEN];
extern struct async_store *store;
/* Of a call: "X-One: 1", "X-Two:", and "hello". */
extern struct headers headers;
extern struct buf body;

int setup(void **state);
int teardown(void **state);
void open_store(void);
void reopen(void);
/* Calls that are not over. */
unsigned n_open(void);
/* The last with that id. */
struct store_found found(const char *id);

#endif
