/* Asks for memory when there is none to be had. */
#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    return rq->host->alloc(rq->host, 8) ? p2p_local() : p2p_reject(0);
}

BAD_SCHEDULER(.decide = decide);
