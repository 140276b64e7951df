/* A function that is nowhere. */
#include "tests/check/bad/bad.h"

extern int score_of_a_peer(uint32_t id);

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    return score_of_a_peer(rq->from) ? p2p_local() : p2p_reject(0);
}

BAD_SCHEDULER(.decide = decide);
