/* Output beside the node's log. */
#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    if (rq->n_peers > 1000)
        printf("%u peers\n", rq->n_peers);
    return p2p_local();
}

BAD_SCHEDULER(.decide = decide);
