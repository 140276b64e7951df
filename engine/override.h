/*
 * override.h - a client that decides for its one job, whatever scheduler is selected:
 * the headers X-P2pfaas-Scheduler-Bypass, -Forward and -Reject of the original
 * P2PFaaS.
 *
 * An override stands in the place of an instance: the same rules hold for what it
 * answers, and the same world acts on it.
 */
#ifndef ENGINE_OVERRIDE_H
#define ENGINE_OVERRIDE_H

#include <p2pfaas/plugin.h>

/* In the order of precedence. */
enum override {
    OVERRIDE_NONE,
    OVERRIDE_BYPASS,  /* runs here, or is lost when no slot is free */
    OVERRIDE_FORWARD, /* one hop to a random peer; runs here when nobody takes it */
    OVERRIDE_REJECT
};

/* The X-P2pfaas-Scheduler text; "" for OVERRIDE_NONE. */
const char *override_scheduler(enum override o);

/* Of one that is not OVERRIDE_NONE.  `random` has 64 uniform bits. */
struct p2p_action override_decide(enum override o, const struct p2p_request *rq, uint64_t random);

#endif
