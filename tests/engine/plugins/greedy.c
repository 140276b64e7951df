/*
 * greedy.c - more bytes a decision than the ABI allows.
 */
#include <p2pfaas/plugin.h>

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    (void)rq;
    return p2p_local();
}

static const struct p2p_scheduler greedy = {
    .size = sizeof(greedy), .name = "greedy", .decision_size = 4097, .decide = decide};
P2P_SCHEDULER_PLUGIN(greedy);
