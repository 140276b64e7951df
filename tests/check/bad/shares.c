/* One instance sees what the other did. */
#include "tests/check/bad/bad.h"

static uint64_t last_id;

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    bool again = last_id == rq->id;

    (void)self;
    last_id = rq->id;
    return again ? p2p_reject(0) : p2p_local();
}

BAD_SCHEDULER(.decide = decide);
