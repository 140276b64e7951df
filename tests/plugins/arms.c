#include "tests/plugins/arms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mdp.h"

extern const struct p2p_module bandit_plugin;

struct mock *arms_new(unsigned which, const char *settings, uint32_t peers)
{
    struct p2p_module module = bandit_plugin;
    struct mock *m;

    module.schedulers += which;
    m = mock_new(&module, settings);
    mock_peers(m, ARMS_FIRST, peers);
    return m;
}

uint32_t arms_of(struct p2p_action a)
{
    if (a.kind == P2P_FORWARD)
        return a.a - ARMS_FIRST + 1;
    mock_is(a, p2p_local());
    return 0;
}

uint32_t arms_job(struct mock *m)
{
    return arms_of(mock_job(m, 0));
}

void arms_outcome(struct mock *m, struct p2p_outcome out)
{
    out.size = sizeof(out);
    m->rq.now_ns = m->now_ns;
    m->rq.peers = m->peers;
    m->ops->outcome(m->self, &m->rq, &out);
}

void arms_end(struct mock *m, uint32_t arm, bool won)
{
    arms_outcome(
        m, (struct p2p_outcome){.status = arm ? P2P_OUT_FORWARDED : P2P_OUT_RAN,
                                .http_status = 200,
                                .peer = arm ? ARMS_FIRST + arm - 1 : P2P_NONE,
                                .total_ns = (uint64_t)ARMS_TARGET_MS * 1000000 + (won ? 0 : 1)});
}

uint32_t arms_play(struct mock *m, const double *odds, uint64_t *rng)
{
    uint32_t arm = arms_job(m);

    arms_end(m, arm, mdp_unit(rng) < odds[arm]);
    return arm;
}

const double *arms_numbers(const struct mock *m, uint32_t arm)
{
    const struct bandit *b = m->self;
    uint32_t k = bandit_arms_find(&b->arms, arm ? ARMS_FIRST + arm - 1 : P2P_NONE);

    assert_true(k < b->arms.n);
    return bandit_arms_numbers(&b->arms, k);
}

double arms_tries(const struct mock *m, uint32_t arm)
{
    return arms_numbers(m, arm)[0];
}

double arms_wins(const struct mock *m, uint32_t arm)
{
    return arms_numbers(m, arm)[1];
}

uint64_t arms_counter(const struct mock *m, const char *name)
{
    unsigned i = 0;

    while (i < m->n_metrics && strcmp(m->metric[i].name, name) != 0)
        i++;
    assert_true(i < m->n_metrics);
    return m->metric[i].counter;
}
