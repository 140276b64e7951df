/* Asks for its counter in every decision. */
#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    ++*rq->host->counter(rq->host, "jobs", "jobs seen");
    return p2p_local();
}

BAD_SCHEDULER(.decide = decide);
