/* Keeps its own books in what the host lends it. */
#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    if (rq->n_peers)
        ((struct p2p_peer *)(uintptr_t)rq->peers)->inflight++;
    return p2p_local();
}

BAD_SCHEDULER(.decide = decide);
