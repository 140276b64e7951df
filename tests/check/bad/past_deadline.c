/* Waits longer than the client does. */
#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    return rq->event == P2P_EV_ARRIVAL ? p2p_wait_until(rq->now_ns + 2000000000u) : p2p_local();
}

BAD_SCHEDULER(.decide = decide);
