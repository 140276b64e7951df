/* Where it lies in memory decides. */
#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    if (rq->n_peers == 0 || rq->event == P2P_EV_REFUSED)
        return p2p_local();
    return p2p_forward(rq->peers[((uintptr_t)self >> 12) % rq->n_peers].id);
}

BAD_SCHEDULER(.decide = decide, .instance_size = 16);
