/*
 * bad_alias.c - an alias that wants more parameters than there are.
 */
#include <p2pfaas/plugin.h>

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    (void)rq;
    return p2p_local();
}

static const struct p2p_alias aliases[] = {{"BadAlias", 1, 0}, {NULL, 0, 0}};
static const struct p2p_scheduler bad_alias = {
    .size = sizeof(bad_alias), .name = "bad_alias", .aliases = aliases, .decide = decide};
P2P_SCHEDULER_PLUGIN(bad_alias);
