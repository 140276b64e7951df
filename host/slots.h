/*
 * slots.h - how many functions run at once on this node, and who waits for a turn.
 *
 * A slot that is given back goes straight to the first that waits, by rank and
 * then by time, on whatever thread that lives: it is told by a task on its reactor.  So a slot
 * is never idle while a job waits, and nobody polls.
 *
 * Jobs may have a share that has a limit of its own, that of their function: who waits
 * for it is passed over and holds up nobody behind.
 *
 * Invariant: running <= slots, of each share running <= its limit (after a lowering of
 * either: until enough ended), and nobody waits while running < slots, but those whose
 * share is taken.  All calls: any thread.
 */
#ifndef HOST_SLOTS_H
#define HOST_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "host/reactor.h"

/* Of the jobs of one kind; all zero has no limit of its own. */
struct slot_share {
    _Atomic uint32_t limit, running; /* 0 = as many as there are slots; written under lock */
};

struct slots {
    pthread_mutex_t lock;
    _Atomic uint32_t limit, queue_limit; /* written under lock */
    _Atomic bool queue_enabled;
    struct slot_waiter *first, **last;
    _Atomic uint32_t running, queued; /* written under lock */
};

/* A place in the queue; embedded in the job. */
struct slot_waiter {
    struct task task; /* carries the slot to its thread */
    struct slot_waiter *next;
    struct slot_share *share; /* or NULL */
    uint64_t rank;            /* the lowest gets the next slot, of equal ones who waits longest */
    struct reactor *home;
    void (*granted)(struct slot_waiter *); /* on home's thread: the slot is yours */
};

enum slot_answer { SLOT_TAKEN, SLOT_QUEUED, SLOT_NONE };

void slots_init(struct slots *s, uint32_t limit, uint32_t queue_limit);
void slots_release(struct slots *s);
/* New limits; a raise lets waiting jobs run at once. */
void slots_configure(struct slots *s, uint32_t limit, uint32_t queue_limit, bool queue_enabled);

/* The same for the jobs of a share; 0 = no limit of its own. */
void slots_limit_share(struct slots *s, struct slot_share *share, uint32_t limit);

/* A slot that was taken, or granted, is given back with the share it was taken with. */
enum slot_answer slots_take(struct slots *s, struct slot_waiter *w, bool may_wait);
void slots_give(struct slots *s, struct slot_share *share);
/* Leaves the queue: true.  False: the slot is on its way, granted will be called. */
bool slots_leave(struct slots *s, struct slot_waiter *w);

#endif
