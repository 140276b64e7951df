/* Random numbers that no seed of ours repeats. */
#include <stdlib.h>

#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    return rq->n_peers == 0 ? p2p_local()
                            : p2p_forward(rq->peers[(unsigned)rand() % rq->n_peers].id);
}

BAD_SCHEDULER(.decide = decide);
