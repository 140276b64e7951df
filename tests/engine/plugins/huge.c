/*
 * huge.c - an instance above the limit.
 */
#include <p2pfaas/plugin.h>

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    (void)rq;
    return p2p_local();
}

static const struct p2p_scheduler huge = {
    .size = sizeof(huge), .name = "huge", .instance_size = (1u << 20) + 1, .decide = decide};
P2P_SCHEDULER_PLUGIN(huge);
