/*
 * bandit - this node and its peers as the arms of a multi-armed bandit.
 *
 * Nothing is assumed of the nodes and nothing asked: each job is a try of the node that it
 * goes to, and wins if it succeeds before its deadline or, where it has none, within
 * `target`.  What is learned are the odds of winning, and what is balanced is trying what
 * seems best against trying what is known too little.
 *
 *   ucb1      the highest   wins / n + exploration * sqrt(2 ln(all tries) / n).  With
 *             exploration 1 the UCB1 of Auer, Cesa-Bianchi and Fischer, "Finite-time
 *             analysis of the multiarmed bandit problem", Machine Learning 47, 2002,
 *             doi:10.1023/A:1013689704352: after n tries at most
 *             8 * sum(ln n / gap) + (1 + pi^2 / 3) * sum(gap) wins are lost by not having
 *             tried the best arm only.  Less exploration loses fewer where odds are far
 *             apart, without that promise.
 *   thompson  the highest of draws from Beta(1 + wins, 1 + losses).  Thompson, "On the
 *             likelihood that one unknown probability exceeds another in view of the
 *             evidence of two samples", Biometrika 25, 1933, doi:10.1093/biomet/25.3-4.285
 *   linucb    the highest   estimate + alpha * uncertainty   of a linear model for each arm.
 *             Li, Chu, Langford and Schapire, "A contextual-bandit approach to personalized
 *             news article recommendation", WWW 2010, doi:10.1145/1772690.1772758, with
 *             disjoint models.  The features, each between 0 and 1:
 *               1; jobs here, of a slot; bytes of the job (log2, 32 is 1); time to its
 *               deadline, in targets; of a peer: its jobs as last heard, of a slot, and
 *               those of ours that it has not answered, of a slot.
 *             Quantities that have no bound go in as q / (1 + q).  Not the time of the day:
 *             a scheduler's clock has no days; what changes with it is what `forget` is for.
 *
 * Peers that are down are no arms for the moment, and what is known of them is kept
 * (Kleinberg, Niculescu-Mizil and Sharma, "Regret bounds for sleeping experts and bandits",
 * Machine Learning 80, 2010, doi:10.1007/s10994-010-5178-7).
 *
 * With `forget` below 1 each outcome multiplies by it what all outcomes before weigh, as in
 * Garivier and Moulines, "On upper-confidence bound policies for switching bandit problems",
 * ALT 2011, doi:10.1007/978-3-642-24412-4_16: some 1 / (1 - forget) outcomes are remembered,
 * and an arm that was bad is tried again.
 *
 * Ours: outcomes come late.  For the uncertainty of ucb1 and linucb jobs under way count as
 * tried, so that the jobs of one moment are not all sent where the first one was.  Refusing
 * a job is losing it; it then goes to the next best, and after 8 refusals runs here.  A job
 * that has no choice, as it made max_hops or there is no peer, runs here and teaches
 * nothing; so does one that is cancelled.
 *
 * ucb1 and thompson take over what the other one learned.
 */
#include "bandit.h"

#define PARAMS_OF_ALL                                                                              \
    P2P_PARAM_(P2P_DURATION, P2P_PARAM_LIVE, struct bandit, target, 1e9, 1e3, 3600e9, NULL, NULL,  \
               "a job without a deadline wins when it takes at most that"),                        \
        P2P_PARAM_(P2P_NUM, P2P_PARAM_LIVE, struct bandit, forget, 1, 0.5, 1, NULL, NULL,          \
                   "that each outcome multiplies the weight of earlier ones by; 1: nothing is "    \
                   "forgotten, 0.999: some 1000 are remembered"),                                  \
        P2P_PARAM_INT(struct bandit, most_peers, 64, 0, BANDIT_MOST_PEERS,                         \
                      "peers that are arms; of more, so many are drawn"),                          \
        P2P_PARAM_INT(struct bandit, max_hops, 1, 0, 1000, "forwards a job may make"),             \
        P2P_PARAM_BOOL(struct bandit, loss, 0,                                                     \
                       "lose a job that finds no free slot here, do not queue it"),                \
        P2P_PARAM_END

static const struct p2p_param ucb1_params[] = {
    P2P_PARAM_(P2P_NUM, P2P_PARAM_LIVE, struct bandit, exploration, 1, 0, 100, NULL, NULL,
               "weight of the uncertainty; 1: that of the paper"),
    PARAMS_OF_ALL};

static const struct p2p_param thompson_params[] = {PARAMS_OF_ALL};

static const struct p2p_param linucb_params[] = {
    P2P_PARAM_(P2P_NUM, P2P_PARAM_LIVE, struct bandit, alpha, 1, 0, 100, NULL, NULL,
               "weight of the uncertainty; higher: more is tried"),
    P2P_PARAM_NUM(
        struct bandit, ridge, 1, 1e-3, 1e6,
        "outcomes that a model takes to be believed; with another one all is learned anew"),
    PARAMS_OF_ALL};

static int set_up(struct bandit *b, const struct bandit_policy *policy, const struct p2p_host *host,
                  char *err)
{
    uint32_t most = (uint32_t)b->most_peers;

    b->policy = policy;
    b->host = host;
    b->here = host->counter(host, "here_total", "Jobs that were tried here");
    b->sent = host->counter(host, "sent_total", "Jobs that were tried at a peer");
    b->refused = host->counter(host, "refused_total", "Tries that a peer refused");
    b->won = host->counter(host, "won_total", "Tries that succeeded in time");
    b->lost = host->counter(host, "lost_total", "Tries that did not, refused ones included");
    b->n_arms = host->gauge(host, "arms", "This node, and the peers that something is kept of");
    *b->n_arms = 1;
    if (!bandit_arms_init(&b->arms, host, most, policy->n_numbers) ||
        !bandit_arms_init(&b->spare, host, most, policy->n_numbers)) {
        snprintf(err, P2P_ERRLEN,
                 "most_peers is %u, for which there is no memory; lower it, the default is 64",
                 most);
        return -1;
    }
    if (policy->begin) {
        policy->begin(b, bandit_arms_initial(&b->arms));
        policy->begin(b, bandit_arms_initial(&b->spare));
        bandit_arms_clear(&b->arms);
    }
    return 0;
}

static int ucb1_init(void *self, const struct p2p_host *host, char *err)
{
    return set_up(self, &bandit_ucb1_policy, host, err);
}

static int thompson_init(void *self, const struct p2p_host *host, char *err)
{
    return set_up(self, &bandit_thompson_policy, host, err);
}

static int linucb_init(void *self, const struct p2p_host *host, char *err)
{
    return set_up(self, &bandit_linucb_policy, host, err);
}

#define OPS_OF_ALL                                                                                 \
    .version = "1.0", .instance_size = sizeof(struct bandit),                                      \
    .decision_size = sizeof(struct bandit_choice), .decide = bandit_decide,                        \
    .outcome = bandit_outcome, .save = bandit_save, .load = bandit_load

static const struct p2p_scheduler ucb1_ops = {
    .size = sizeof(ucb1_ops),
    .name = "ucb1",
    .summary = "learns which node's jobs are in time: by upper confidence bounds",
    .state_format = "bandit-counts-1",
    .params = ucb1_params,
    .init = ucb1_init,
    OPS_OF_ALL,
};

static const struct p2p_scheduler thompson_ops = {
    .size = sizeof(thompson_ops),
    .name = "thompson",
    .summary = "learns which node's jobs are in time: by draws from what is believed",
    .state_format = "bandit-counts-1",
    .params = thompson_params,
    .init = thompson_init,
    OPS_OF_ALL,
};

static const struct p2p_scheduler linucb_ops = {
    .size = sizeof(linucb_ops),
    .name = "linucb",
    .summary = "learns from load, size and deadline at which node a job will be in time",
    .state_format = "bandit-linear6-1",
    .params = linucb_params,
    .init = linucb_init,
    OPS_OF_ALL,
};

static const struct p2p_scheduler *const schedulers[] = {&ucb1_ops, &thompson_ops, &linucb_ops,
                                                         NULL};

P2P_MODULE_(schedulers, NULL);
