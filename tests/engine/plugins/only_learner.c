/*
 * only_learner.c - a learner and no scheduler.
 */
#include <p2pfaas/plugin.h>

static void act(void *self, const float *state, uint64_t mask, struct p2p_choice *out)
{
    (void)self;
    (void)state;
    (void)mask;
    out->action = 0;
}

static void learn(void *self, const struct p2p_transition *batch, uint32_t n)
{
    (void)self;
    (void)batch;
    (void)n;
}

static const struct p2p_learner only = {
    .size = sizeof(only), .name = "good", .act = act, .learn = learn};
P2P_LEARNER_PLUGIN(only);
