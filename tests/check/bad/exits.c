/* Ends the node. */
#include <stdlib.h>

#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    if (rq->node->queue_limit == 0)
        exit(0);
    return p2p_local();
}

BAD_SCHEDULER(.decide = decide);
