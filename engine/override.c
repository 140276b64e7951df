#include "engine/override.h"

const char *override_scheduler(enum override o)
{
    static const char *const names[] = {[OVERRIDE_NONE] = "",
                                        [OVERRIDE_BYPASS] = "NoScheduler",
                                        [OVERRIDE_FORWARD] = "ForwardScheduler(1)",
                                        [OVERRIDE_REJECT] = "RejectScheduler"};

    return names[o];
}

/* Of a few thousand peers at most: 32 bits leave no bias that can be seen. */
static const struct p2p_peer *draw(const struct p2p_request *rq, uint64_t random)
{
    return &rq->peers[((random >> 32) * rq->n_peers) >> 32];
}

struct p2p_action override_decide(enum override o, const struct p2p_request *rq, uint64_t random)
{
    switch (o) {
    case OVERRIDE_BYPASS:
        return p2p_local_or_lose();
    case OVERRIDE_FORWARD:
        if (rq->event != P2P_EV_ARRIVAL || rq->hops > 0 || rq->n_peers == 0)
            return p2p_local();
        return p2p_forward(draw(rq, random)->id);
    case OVERRIDE_REJECT:
        return p2p_reject(0);
    case OVERRIDE_NONE:
        break;
    }
    return p2p_local();
}
