/* Never comes back when there are no peers. */
#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    volatile const uint32_t *n = &rq->n_peers;

    (void)self;
    while (*n == 0)
        ;
    return p2p_local();
}

BAD_SCHEDULER(.decide = decide);
