/*
 * twin.c - a scheduler under a name that good.c has too.
 */
#include <p2pfaas/plugin.h>

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    (void)rq;
    return p2p_local();
}

static const struct p2p_scheduler twin = {.size = sizeof(twin), .name = "good", .decide = decide};
P2P_SCHEDULER_PLUGIN(twin);
