/* A helper that every program and plugin in the process can see. */
#include "tests/check/bad/bad.h"

P2P_PUBLIC int least_loaded(const struct p2p_request *rq);

int least_loaded(const struct p2p_request *rq)
{
    return (int)rq->n_peers;
}

BAD_SCHEDULER(.decide = stay);
