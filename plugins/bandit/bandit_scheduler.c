#include <math.h>

#include "bandit.h"

static struct p2p_action here(const struct bandit *b)
{
    return b->loss ? p2p_local_or_lose() : p2p_local();
}

/* ---- what is known of the arms ---- */

void bandit_catch_up(const struct bandit *b, uint64_t outcomes, double *numbers)
{
    if (b->forget < 1 && outcomes < b->outcomes)
        b->policy->fade(b, numbers, pow(b->forget, (double)(b->outcomes - outcomes)));
}

static double *current(struct bandit *b, uint32_t k)
{
    double *numbers = bandit_arms_numbers(&b->arms, k);

    bandit_catch_up(b, b->arms.arm[k].learned, numbers);
    b->arms.arm[k].learned = b->outcomes;
    return numbers;
}

static void learn(struct bandit *b, const struct bandit_choice *c, uint32_t k, bool won)
{
    b->outcomes++;
    b->policy->learn(current(b, k), c->x, won);
    ++*(won ? b->won : b->lost);
}

/* Of the arm that the job went to; that is k, or none when it made room meanwhile. */
static bool came_back(struct bandit *b, struct bandit_choice *c, uint32_t *k)
{
    bool waited = c->waits;

    c->waits = false;
    *k = bandit_arms_find(&b->arms, c->arm);
    if (!waited || *k == b->arms.n)
        return false;
    b->arms.arm[*k].under_way -= b->arms.arm[*k].under_way > 0;
    return true;
}

/* ---- features, from 0 to 1 each ---- */

static double squashed(double x)
{
    return x / (1 + x);
}

static double per_slot(uint64_t jobs, uint32_t slots)
{
    return squashed((double)jobs / (slots ? slots : 1));
}

/* Until the deadline, in targets. */
static double time_left(const struct bandit *b, const struct p2p_request *rq)
{
    uint64_t from = rq->now_ns;

    if (rq->deadline_ns == 0)
        return squashed(1);
    return rq->deadline_ns > from ? squashed((double)(rq->deadline_ns - from) / (double)b->target)
                                  : 0;
}

static void look_at_job(const struct bandit *b, const struct p2p_request *rq, double *x)
{
    x[0] = 1;
    x[1] = per_slot((uint64_t)rq->node->load + rq->node->queue, rq->node->slots);
    x[2] = fmin(log2(1 + (double)rq->payload_len) / 32, 1);
    x[3] = time_left(b, rq);
}

/* This node's own load is x[1] already. */
static void look_at_arm(const struct bandit *b, const struct p2p_request *rq, uint32_t k, double *x)
{
    const struct p2p_peer *p = k == BANDIT_HERE ? NULL : &rq->peers[b->arms.arm[k].at];

    x[4] = p && p->heard_ns ? per_slot((uint64_t)p->load + p->queue, p->slots) : 0;
    x[5] = p ? per_slot(p->inflight, p->slots) : 0;
}

/* ---- which arm ---- */

static bool was_tried(const struct bandit_choice *c, uint32_t peer)
{
    for (uint32_t i = 0; i < c->n_tried; i++)
        if (c->tried[i] == peer)
            return true;
    return false;
}

static double all_tries(struct bandit *b)
{
    double tries = 0;

    for (uint32_t k = 0; k < b->arms.n; k++)
        tries += b->policy->tries(current(b, k)) + b->arms.arm[k].under_way;
    return tries;
}

/* Equal ones are drawn. */
static uint32_t best(struct bandit *b, const struct p2p_request *rq, const struct bandit_choice *c,
                     double *x)
{
    double most = -HUGE_VAL, tries = all_tries(b);
    uint32_t chosen = BANDIT_HERE, equals = 0;

    for (uint32_t k = 0; k < b->arms.n; k++) {
        const struct bandit_arm *arm = &b->arms.arm[k];
        double score;

        if (!bandit_arms_is_up(&b->arms, k) || (k != BANDIT_HERE && was_tried(c, arm->id)))
            continue;
        if (b->policy->by_features)
            look_at_arm(b, rq, k, x);
        score = b->policy->score(b, rq->host, bandit_arms_numbers(&b->arms, k), x, tries,
                                 arm->under_way);
        if (score < most)
            continue;
        equals = score > most ? 1 : equals + 1;
        most = score;
        if (equals == 1 || p2p_rand_below(rq->host, equals) == 0)
            chosen = k;
    }
    return chosen;
}

static struct p2p_action choose(struct bandit *b, const struct p2p_request *rq,
                                struct bandit_choice *c)
{
    uint32_t k;

    bandit_arms_look(&b->arms, rq);
    *b->n_arms = b->arms.n;
    if (b->policy->by_features)
        look_at_job(b, rq, c->x);
    k = best(b, rq, c, c->x);
    if (b->policy->by_features)
        look_at_arm(b, rq, k, c->x);
    c->arm = b->arms.arm[k].id;
    c->waits = true;
    b->arms.arm[k].under_way++;
    ++*(k == BANDIT_HERE ? b->here : b->sent);
    if (k == BANDIT_HERE)
        return here(b);
    c->tried[c->n_tried++] = c->arm;
    return p2p_forward(c->arm);
}

struct p2p_action bandit_decide(void *self, const struct p2p_request *rq)
{
    struct bandit *b = self;
    struct bandit_choice *c = rq->state;
    uint32_t k;

    if (rq->event == P2P_EV_REFUSED && came_back(b, c, &k)) {
        ++*b->refused;
        learn(b, c, k, false);
    }
    if ((rq->event != P2P_EV_ARRIVAL && rq->event != P2P_EV_REFUSED) ||
        (int64_t)rq->hops >= b->max_hops || rq->n_peers == 0 || c->n_tried == BANDIT_TRIES)
        return here(b);
    return choose(b, rq, c);
}

/* ---- what came of it ---- */

/* Whoever has not the function answers fast, with 404: that is no success. */
static bool succeeded(const struct bandit *b, const struct p2p_request *rq,
                      const struct p2p_outcome *out)
{
    uint64_t limit = rq->deadline_ns == 0               ? (uint64_t)b->target
                     : rq->deadline_ns > rq->arrival_ns ? rq->deadline_ns - rq->arrival_ns
                                                        : 0;

    return (out->status == P2P_OUT_RAN || out->status == P2P_OUT_FORWARDED) &&
           out->http_status >= 200 && out->http_status < 400 && out->total_ns <= limit;
}

/* What was cancelled is not known to have failed; what the host did instead of what was
 * decided says nothing of the arm. */
static bool tells_of(const struct bandit_choice *c, const struct p2p_outcome *out)
{
    switch (out->status) {
    case P2P_OUT_RAN:
    case P2P_OUT_FULL:
        return c->arm == P2P_NONE;
    case P2P_OUT_FORWARDED:
        return c->arm == out->peer && c->arm != P2P_NONE;
    case P2P_OUT_FAILED:
        return out->peer == P2P_NONE || c->arm == out->peer;
    default:
        return false;
    }
}

void bandit_outcome(void *self, const struct p2p_request *rq, const struct p2p_outcome *out)
{
    struct bandit *b = self;
    struct bandit_choice *c = rq->state;
    uint32_t k;

    if (came_back(b, c, &k) && tells_of(c, out))
        learn(b, c, k, succeeded(b, rq, out));
}
