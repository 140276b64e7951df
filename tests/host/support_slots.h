/*
 * support_slots.h - slots, some who wait for them on one loop, and the order in which they
 * got them.
 */
#ifndef TESTS_HOST_SUPPORT_SLOTS_H
#define TESTS_HOST_SUPPORT_SLOTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <p2pfaas/plugin.h>

#include "host/slots.h"

enum { WAITERS = 8, LIMIT = 2, QUEUE = 4 };

struct waiter {
    struct slot_waiter place; /* first */
    unsigned granted;
};

static struct {
    struct slots slots;
    struct slot_share share[2];
    struct slot_waiter anyone; /* of no share, who does not wait */
    struct reactor home;
    struct waiter waiter[WAITERS];
    struct waiter *order[WAITERS]; /* as they were granted */
    unsigned n_granted;
} f;

static inline void on_granted(struct slot_waiter *place)
{
    struct waiter *w = (struct waiter *)place;

    w->granted++;
    f.order[f.n_granted++ % WAITERS] = w;
}

static inline int setup(void **state)
{
    char err[P2P_ERRLEN];

    (void)state;
    memset(&f, 0, sizeof(f));
    if (reactor_init(&f.home, err))
        return -1;
    slots_init(&f.slots, LIMIT, QUEUE);
    for (int i = 0; i < WAITERS; i++)
        f.waiter[i].place = (struct slot_waiter){.home = &f.home, .granted = on_granted};
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    reactor_release(&f.home);
    slots_release(&f.slots);
    return 0;
}

static inline void deliver(void)
{
    ev_run(f.home.loop, EVRUN_NOWAIT);
}

static inline enum slot_answer take(unsigned i)
{
    return slots_take(&f.slots, &f.waiter[i].place, true);
}

static inline void counts_are(unsigned running, unsigned queued)
{
    assert_int_equal(f.slots.running, running);
    assert_int_equal(f.slots.queued, queued);
}

/* Gives one slot back and tells who got it. */
static inline void give_goes_to(unsigned i)
{
    unsigned before = f.n_granted;

    slots_give(&f.slots, NULL);
    deliver();
    assert_int_equal(f.n_granted, before + 1);
    assert_ptr_equal(f.order[before % WAITERS], &f.waiter[i]);
}

static inline enum slot_answer take_at(unsigned i, uint64_t rank)
{
    f.waiter[i].place.rank = rank;
    return take(i);
}

static inline void shares_are(unsigned running0, unsigned running1)
{
    assert_int_equal(f.share[0].running, running0);
    assert_int_equal(f.share[1].running, running1);
}

#endif
