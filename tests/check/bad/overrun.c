/* Its instance is larger than it says. */
#include "tests/check/bad/bad.h"

struct bad {
    uint32_t jobs, forwards;
};

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    struct bad *b = self;

    (void)rq;
    b->jobs++;
    b->forwards++;
    return p2p_local();
}

BAD_SCHEDULER(.decide = decide, .instance_size = sizeof(uint32_t));
