/*
 * batch.h - changes of the store that go to the disk together: all that came while the last
 * were written are in one transaction, so that one wait for the disk serves them all.
 *
 * A change that may be dropped is told when the disk refuses it; the others stay until they
 * are written.  One user at a time.
 */
#ifndef HOST_ASYNC_BATCH_H
#define HOST_ASYNC_BATCH_H

#include "host/async/store.h"

struct async_change {
    struct async_change *next;
    /* Writes it; again after a failure, the store's or another change's.  0 or -1. */
    int (*apply)(struct async_change *c, struct async_store *s);
    /* It is on the disk, or dropped: then why.  Its memory is the owner's again; more may be
     * added from here. */
    void (*done)(struct async_change *c, const char *why);
    bool may_be_dropped;
};

struct async_batch {
    struct async_change *first, **last;
    unsigned n;
};

void batch_init(struct async_batch *b);
void batch_add(struct async_batch *b, struct async_change *c);
/* 0, or -1 when what may not be dropped is still there; store_why tells why. */
int batch_commit(struct async_batch *b, struct async_store *s);
/* Tells every change that it was dropped, those too that stay else: the end. */
void batch_drop(struct async_batch *b, const char *why);

#endif
