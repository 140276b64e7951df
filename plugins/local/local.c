/*
 * local - every job runs where it arrives.
 *
 * The baseline that the other algorithms are measured against: a node alone is an
 * M/M/K/Q queue.  With loss, a job that finds no free slot is lost instead of
 * queued, so that with Poisson arrivals the loss rate is Erlang's B formula.
 *
 * NoScheduler in the original P2PFaaS.
 */
#include <p2pfaas/plugin.h>

struct local {
    bool loss;
};

static const struct p2p_param params[] = {
    P2P_PARAM_BOOL(struct local, loss, 0, "lose a job that finds no free slot, do not queue it"),
    P2P_PARAM_END};

static const struct p2p_alias aliases[] = {{"NoScheduler", 1, P2P_ALIAS_BARE}, {NULL, 0, 0}};

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    const struct local *l = self;

    (void)rq;
    return l->loss ? p2p_local_or_lose() : p2p_local();
}

static const struct p2p_scheduler local_ops = {
    .size = sizeof(local_ops),
    .name = "local",
    .version = "1.0",
    .summary = "run every job where it arrives",
    .params = params,
    .aliases = aliases,
    .instance_size = sizeof(struct local),
    .decide = decide,
};

P2P_SCHEDULER_PLUGIN(local_ops);
