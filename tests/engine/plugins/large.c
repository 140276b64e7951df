/*
 * large.c - a scheduler of a newer SDK, with a field this host does not know.
 */
#include <p2pfaas/plugin.h>

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    (void)rq;
    return p2p_local();
}

static const struct {
    struct p2p_scheduler known;
    void *newer;
} large = {.known = {.size = sizeof(large), .name = "large", .decide = decide}};
P2P_SCHEDULER_PLUGIN(large.known);
