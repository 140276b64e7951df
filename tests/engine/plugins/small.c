/*
 * small.c - a scheduler of an older SDK, whose struct ended with decide.
 */
#include <p2pfaas/plugin.h>

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    (void)rq;
    return p2p_local();
}

static const struct p2p_scheduler small = {
    .size = offsetof(struct p2p_scheduler, outcome), .name = "small", .decide = decide};
P2P_SCHEDULER_PLUGIN(small);
