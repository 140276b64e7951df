/*
 * reject - every job is refused: to drain a node, and to test what clients make of it.
 *
 * RejectScheduler in the original P2PFaaS.
 */
#include <p2pfaas/plugin.h>

struct reject {
    int64_t status;
};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct reject, status, 503, 400, 599, "HTTP status of the refusal"),
    P2P_PARAM_END};

static const struct p2p_alias aliases[] = {{"RejectScheduler", 0, 0}, {NULL, 0, 0}};

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    const struct reject *r = self;

    (void)rq;
    return p2p_reject((uint32_t)r->status);
}

static const struct p2p_scheduler reject_ops = {
    .size = sizeof(reject_ops),
    .name = "reject",
    .version = "1.0",
    .summary = "refuse every job",
    .params = params,
    .aliases = aliases,
    .instance_size = sizeof(struct reject),
    .decide = decide,
};

P2P_SCHEDULER_PLUGIN(reject_ops);
