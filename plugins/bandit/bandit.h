/*
 * bandit.h - what the files of this module share: the instance, and what a policy is.
 */
#ifndef BANDIT_H
#define BANDIT_H

#include <p2pfaas/plugin.h>

#include "bandit_arms.h"

enum { BANDIT_FEATURES = 6, BANDIT_TRIES = 8 };

struct bandit_policy;

struct bandit {
    int64_t most_peers, target, max_hops;
    double forget, exploration, alpha, ridge;
    bool loss;
    const struct bandit_policy *policy;
    const struct p2p_host *host;
    struct bandit_arms arms, spare; /* the spare one is what load() reads into */
    uint64_t outcomes;              /* that were learned from */
    uint64_t *here, *sent, *refused, *won, *lost;
    double *n_arms;
};

/* What one decision keeps until its outcome. */
struct bandit_choice {
    double x[BANDIT_FEATURES]; /* what the arm was chosen by */
    uint32_t tried[BANDIT_TRIES];
    uint32_t n_tried;
    uint32_t arm; /* the id of its peer; P2P_NONE: this node */
    bool waits;   /* for what comes of that arm */
};

/* What is known of an arm are numbers, which only its policy understands. */
struct bandit_policy {
    const char *kind; /* of numbers, in saved states: 4 letters */
    uint32_t n_numbers;
    bool by_features;                                       /* it looks at x */
    void (*begin)(const struct bandit *b, double *numbers); /* zeroed; NULL: so they stay */
    /* The highest is chosen.  `tries`: of all arms, with those under way; `under_way`: of
     * this one. */
    double (*score)(const struct bandit *b, const struct p2p_host *host, const double *numbers,
                    const double *x, double tries, uint32_t under_way);
    void (*learn)(double *numbers, const double *x, bool won);
    /* What was learned before weighs only that part of what it did. */
    void (*fade)(const struct bandit *b, double *numbers, double part);
    double (*tries)(const double *numbers);
    /* learn() and fade() can have made these. */
    bool (*sound)(const struct bandit *b, const double *numbers);
};

extern const struct bandit_policy bandit_ucb1_policy, bandit_thompson_policy, bandit_linucb_policy;

/* In bandit_scheduler.c. */
struct p2p_action bandit_decide(void *self, const struct p2p_request *rq);
void bandit_outcome(void *self, const struct p2p_request *rq, const struct p2p_outcome *out);
/* Lets fade what was known when so many outcomes had been. */
void bandit_catch_up(const struct bandit *b, uint64_t outcomes, double *numbers);

/* In bandit_state.c. */
bool bandit_save(void *self, struct p2p_stream *out);
bool bandit_load(void *self, struct p2p_stream *in);

#endif
