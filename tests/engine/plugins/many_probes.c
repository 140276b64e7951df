/*
 * many_probes.c - more probe slots than the ABI allows.
 */
#include <p2pfaas/plugin.h>

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    (void)rq;
    return p2p_local();
}

static const struct p2p_scheduler many_probes = {
    .size = sizeof(many_probes), .name = "many_probes", .max_probes = 65, .decide = decide};
P2P_SCHEDULER_PLUGIN(many_probes);
