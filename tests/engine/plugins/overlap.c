/*
 * overlap.c - two parameters in one field.
 */
#include <p2pfaas/plugin.h>

struct overlap {
    int64_t a;
};

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    (void)rq;
    return p2p_local();
}

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct overlap, a, 1, 0, 9, "the first"),
    {"b", "the second", P2P_INT, 0, 0, 0, 1, 0, 9, NULL, NULL, {0, 0}},
    P2P_PARAM_END};
static const struct p2p_scheduler overlap = {.size = sizeof(overlap),
                                             .name = "overlap",
                                             .params = params,
                                             .instance_size = sizeof(struct overlap),
                                             .decide = decide};
P2P_SCHEDULER_PLUGIN(overlap);
