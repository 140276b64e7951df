/*
 * bad_name.c - a name with a capital and a blank.
 */
#include <p2pfaas/plugin.h>

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    (void)rq;
    return p2p_local();
}

static const struct p2p_scheduler bad_name = {
    .size = sizeof(bad_name), .name = "Bad name", .decide = decide};
P2P_SCHEDULER_PLUGIN(bad_name);
