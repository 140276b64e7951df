/* Goes on as long as somebody refuses. */
#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    return rq->n_peers ? p2p_forward(rq->peers[p2p_rand_below(rq->host, rq->n_peers)].id)
                       : p2p_local();
}

BAD_SCHEDULER(.decide = decide);
