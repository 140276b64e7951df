/* Asks more peers than it has slots for. */
#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    if (rq->event != P2P_EV_ARRIVAL || rq->n_peers < 2)
        return p2p_local();
    rq->probe[0].peer = rq->peers[0].id;
    return p2p_ask(2, 0, 0);
}

BAD_SCHEDULER(.decide = decide, .max_probes = 1);
