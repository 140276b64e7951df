/* Takes it for granted that there is a peer. */
#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    return rq->event == P2P_EV_REFUSED ? p2p_local() : p2p_forward(rq->peers[0].id);
}

BAD_SCHEDULER(.decide = decide);
