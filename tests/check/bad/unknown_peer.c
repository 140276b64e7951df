/* A number that is no peer's: an index. */
#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    if (rq->event == P2P_EV_REFUSED)
        return p2p_local();
    return rq->n_peers ? p2p_forward(0) : p2p_local();
}

BAD_SCHEDULER(.decide = decide);
