/* Its value grows with every reward. */
#include "tests/check/bad/bad.h"

struct bad {
    float value;
};

static void act(void *self, const float *state, uint64_t mask, struct p2p_choice *out)
{
    const struct bad *b = self;

    (void)state;
    out->action = 0;
    while (mask && !(mask & UINT64_C(1) << out->action))
        out->action++;
    out->value = b->value;
}

static void learn(void *self, const struct p2p_transition *batch, uint32_t n)
{
    struct bad *b = self;

    for (uint32_t i = 0; i < n; i++)
        b->value = 2 * b->value + batch[i].reward * batch[i].reward;
}

BAD_LEARNER(.act = act, .learn = learn, .instance_size = sizeof(struct bad));
