/* The time of the machine, which a simulator does not set. */
#include <time.h>

#include "tests/check/bad/bad.h"

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    return time(NULL) % 2 || rq->n_peers == 0 ? p2p_local() : p2p_forward(rq->peers[0].id);
}

BAD_SCHEDULER(.decide = decide);
