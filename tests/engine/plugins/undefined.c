/*
 * undefined.c - calls a function that nobody has.
 */
#include <p2pfaas/plugin.h>

struct p2p_action p2p_test_nobody_has_this(void);

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    (void)rq;
    return p2p_test_nobody_has_this();
}

static const struct p2p_scheduler undefined = {
    .size = sizeof(undefined), .name = "undefined", .decide = decide};
P2P_SCHEDULER_PLUGIN(undefined);
