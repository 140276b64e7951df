/* Divides by what a peer that was never heard has none of. */
#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    uint32_t all = 0;

    (void)self;
    for (uint32_t i = 0; i < rq->n_peers; i++)
        all += rq->peers[i].load / rq->peers[i].slots;
    return all > 10 ? p2p_reject(0) : p2p_local();
}

BAD_SCHEDULER(.decide = decide);
