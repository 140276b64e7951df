/* What all instances of the process count together. */
#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    static unsigned jobs_so_far;

    (void)self;
    jobs_so_far++;
    return rq->n_peers == 0 ? p2p_local() : p2p_forward(rq->peers[jobs_so_far % rq->n_peers].id);
}

BAD_SCHEDULER(.decide = decide);
