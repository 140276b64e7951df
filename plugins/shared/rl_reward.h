/*
 * rl_reward.h - what a job's end is worth to the learner that decided about it.
 *
 *   RL_BY_DEADLINE: 1 if it succeeded before its deadline, else 0
 *   RL_BY_LATENCY: the negative of the seconds that it took, or of `lost_ns` if it failed
 *   RL_BY_HEADER: what the function said in X-P2pfaas-Learning-Reward, else as by deadline
 *   RL_EXTERNAL: nothing; who watches tells it, by episode
 */
#ifndef RL_REWARD_H
#define RL_REWARD_H

#include <p2pfaas/plugin.h>

enum { RL_BY_DEADLINE, RL_BY_LATENCY, RL_BY_HEADER, RL_EXTERNAL };

float rl_reward(int64_t by, int64_t lost_ns, const struct p2p_request *rq,
                const struct p2p_outcome *out);
float rl_reward_lost(int64_t by, int64_t lost_ns);

#endif
