/* The state of a decision is larger than it says, by far. */
#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    uint64_t *seen = rq->state;

    (void)self;
    seen[40] = rq->now_ns;
    return p2p_local();
}

BAD_SCHEDULER(.decide = decide, .decision_size = 8);
