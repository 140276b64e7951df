/*
 * no_learn.c - a learner that cannot learn.
 */
#include <p2pfaas/plugin.h>

static void act(void *self, const float *state, uint64_t mask, struct p2p_choice *out)
{
    (void)self;
    (void)state;
    (void)mask;
    out->action = 0;
}

static const struct p2p_learner l = {.size = sizeof(l), .name = "no_learn", .act = act};
P2P_LEARNER_PLUGIN(l);
