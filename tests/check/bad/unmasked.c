/* Chooses what it may not. */
#include "tests/check/bad/bad.h"

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

BAD_LEARNER(.act = act, .learn = learn);
