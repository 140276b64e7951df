/*
 * cut_struct.c - a struct that ends before decide.
 */
#include <p2pfaas/plugin.h>

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    (void)rq;
    return p2p_local();
}

static const struct p2p_scheduler cut_struct = {
    .size = offsetof(struct p2p_scheduler, decide), .name = "cut_struct", .decide = decide};
P2P_SCHEDULER_PLUGIN(cut_struct);
