/*
 * other.c - a second scheduler that is right.
 */
#include <p2pfaas/plugin.h>

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    (void)rq;
    return p2p_local();
}

static const struct p2p_scheduler other = {
    .size = sizeof(other), .name = "other", .decide = decide};
P2P_SCHEDULER_PLUGIN(other);
