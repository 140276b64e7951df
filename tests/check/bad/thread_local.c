/* A variable of each thread keeps a plugin from being unloaded. */
#include "tests/check/bad/bad.h"

static _Thread_local int turn;

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    return turn++ % 2 || rq->n_peers == 0 ? p2p_local() : p2p_forward(rq->peers[0].id);
}

BAD_SCHEDULER(.decide = decide);
