/* Has an answer of its own to events that it does not know. */
#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    return rq->event <= P2P_EV_TICK ? p2p_local() : p2p_action_(99, 0, 0);
}

BAD_SCHEDULER(.decide = decide);
