/*
 * good.c - a scheduler that is right: parameters, an alias, every check passed.
 */
#include <p2pfaas/plugin.h>

struct good {
    int64_t limit;
    int64_t tau;
};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct good, limit, 2, 0, 64, "jobs before the next one is lost"),
    P2P_PARAM_DURATION(struct good, tau, 10e6, 0, 10e9, "age of what is believed"), P2P_PARAM_END};
static const struct p2p_alias aliases[] = {{"GoodScheduler", 1, 0}, {NULL, 0, 0}};

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    return p2p_reject(rq ? 429 : 418);
}

static const struct p2p_scheduler good = {.size = sizeof(good),
                                          .name = "good",
                                          .version = "1.0",
                                          .summary = "right",
                                          .params = params,
                                          .aliases = aliases,
                                          .instance_size = sizeof(struct good),
                                          .decision_size = 4096,
                                          .max_probes = 64,
                                          .decide = decide};
P2P_SCHEDULER_PLUGIN(good);
