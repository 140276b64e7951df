/* A status that HTTP does not have. */
#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    return rq->node->load < rq->node->slots ? p2p_local() : p2p_reject(1000);
}

BAD_SCHEDULER(.decide = decide);
