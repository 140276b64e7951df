/* Counts outcomes in a table that has no room for the last ones. */
#include "tests/check/bad/bad.h"

struct bad {
    uint64_t n[P2P_OUT_CANCELLED];
};

static void outcome(void *self, const struct p2p_request *rq, const struct p2p_outcome *out)
{
    struct bad *b = self;

    (void)rq;
    b->n[out->status]++;
}

BAD_SCHEDULER(.decide = stay, .outcome = outcome, .instance_size = sizeof(struct bad));
