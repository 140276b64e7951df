/* Says that it waits for the learner, and takes P2P_PENDING for an action. */
#include "tests/check/bad/bad.h"

static const float lo[1] = {0}, hi[1] = {1};

static void space(void *self, struct p2p_space *out)
{
    (void)self;
    out->n_dims = 1;
    out->n_actions = 2;
    out->lo = lo;
    out->hi = hi;
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    const float state[1] = {0};
    struct p2p_choice c;

    (void)self;
    if (rq->event != P2P_EV_ARRIVAL || !rq->host->act(rq->host, state, 0, &c))
        return p2p_local();
    return c.action == 0 ? p2p_local() : p2p_reject(400 + c.action);
}

BAD_SCHEDULER(.flags = P2P_SCHED_NEEDS_LEARNER | P2P_SCHED_AWAITS_LEARNER, .decide = decide,
              .space = space);
