#include "rl_reward.h"

float rl_reward_lost(int64_t by, int64_t lost_ns)
{
    return by == RL_BY_LATENCY ? -(float)((double)lost_ns / 1e9) : 0;
}

float rl_reward(int64_t by, int64_t lost_ns, const struct p2p_request *rq,
                const struct p2p_outcome *out)
{
    bool done = (out->status == P2P_OUT_RAN || out->status == P2P_OUT_FORWARDED) &&
                out->http_status >= 200 && out->http_status < 300;

    if (by == RL_BY_HEADER && P2P_HAS(out, has_reward) && out->has_reward)
        return out->reward;
    if (!done)
        return rl_reward_lost(by, lost_ns);
    if (by == RL_BY_LATENCY)
        return -(float)((double)out->total_ns / 1e9);
    return !rq->deadline_ns || rq->arrival_ns + out->total_ns <= rq->deadline_ns;
}
