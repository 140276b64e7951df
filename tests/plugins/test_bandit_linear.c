#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/arms.h"
#include "tests/plugins/mdp.h"

enum { D = BANDIT_FEATURES, NUMBERS = D + D * D + 1 };

/* ---- the regression ---- */

/* What the numbers stand for, without an inverse. */
struct plain {
    double a[D][D], b[D], tries;
};

static struct plain plain_new(double ridge)
{
    struct plain p = {0};

    for (int i = 0; i < D; i++)
        p.a[i][i] = ridge;
    return p;
}

static void plain_learn(struct plain *p, const double *x, bool won)
{
    for (int i = 0; i < D; i++) {
        for (int j = 0; j < D; j++)
            p->a[i][j] += x[i] * x[j];
        p->b[i] += won * x[i];
    }
    p->tries++;
}

static void plain_fade(struct plain *p, double ridge, double part)
{
    for (int i = 0; i < D; i++) {
        for (int j = 0; j < D; j++)
            p->a[i][j] = part * p->a[i][j] + (i == j) * (1 - part) * ridge;
        p->b[i] *= part;
    }
    p->tries *= part;
}

/* A times the inverse is I, and the rest is the same. */
static void agree(const struct plain *p, const double *numbers, double within)
{
    for (int i = 0; i < D; i++) {
        assert_true(fabs(p->b[i] - numbers[i]) <= within * (1 + p->tries));
        for (int j = 0; j < D; j++) {
            double sum = 0;

            for (int k = 0; k < D; k++)
                sum += p->a[i][k] * numbers[D + D * k + j];
            if (fabs(sum - (i == j)) > within)
                fail_msg("A * inverse has %.12g at %d, %d", sum, i, j);
        }
    }
    assert_true(fabs(p->tries - numbers[D + D * D]) <= within * (1 + p->tries));
}

static void draw(double *x, uint64_t *rng)
{
    x[0] = 1;
    for (int i = 1; i < D; i++)
        x[i] = mdp_unit(rng);
}

static void the_inverse_stays_the_inverse(void **state)
{
    static const double ridges[] = {1e-3, 1, 1e6};

    (void)state;
    for (unsigned r = 0; r < 3; r++)
        for (unsigned fades = 0; fades < 3; fades++) {
            struct bandit b = {.ridge = ridges[r]};
            struct plain p = plain_new(b.ridge);
            double numbers[NUMBERS], x[D];
            uint64_t rng = 3;

            bandit_linucb_policy.begin(&b, numbers);
            agree(&p, numbers, 1e-12);
            for (unsigned n = 0; n < 20000; n++) {
                double part = fades == 1 ? 0.999 : pow(0.99, (double)(n % 70));
                bool won = mdp_unit(&rng) < 0.5;

                draw(x, &rng);
                plain_learn(&p, x, won);
                bandit_linucb_policy.learn(numbers, x, won);
                if (fades) {
                    plain_fade(&p, b.ridge, part);
                    bandit_linucb_policy.fade(&b, numbers, part);
                }
            }
            agree(&p, numbers, 1e-6);
            assert_true(bandit_linucb_policy.sound(&b, numbers));
        }
}

static void what_fades_long_is_as_new(void **state)
{
    struct bandit b = {.ridge = 2};
    double fresh[NUMBERS], numbers[NUMBERS], x[D];
    uint64_t rng = 3;

    (void)state;
    bandit_linucb_policy.begin(&b, fresh);
    for (int digits = 12; digits > 3; digits--) {
        double part = pow(10, -digits);

        memcpy(numbers, fresh, sizeof(numbers));
        for (unsigned n = 0; n < 100; n++) {
            draw(x, &rng);
            bandit_linucb_policy.learn(numbers, x, true);
        }
        bandit_linucb_policy.fade(&b, numbers, part);
        for (unsigned i = 0; i < NUMBERS; i++)
            assert_true(fabs(numbers[i] - fresh[i]) < 200 * part + 1e-9);
    }
}

/* With k more of the same in A, x' inverse x is u / (1 + k u). */
static void jobs_under_way_count_for_the_uncertainty(void **state)
{
    struct bandit b = {.ridge = 1, .alpha = 1};
    double numbers[NUMBERS], more[NUMBERS], x[D];
    uint64_t rng = 5;

    (void)state;
    bandit_linucb_policy.begin(&b, numbers);
    for (unsigned k = 0; k < 5; k++) {
        double with, plain;

        draw(x, &rng);
        bandit_linucb_policy.learn(numbers, x, true);
        draw(x, &rng);
        memcpy(more, numbers, sizeof(more));
        for (unsigned i = 0; i < k; i++)
            bandit_linucb_policy.learn(more, x, false);
        b.alpha = 0;
        with = bandit_linucb_policy.score(&b, NULL, numbers, x, 0, k);
        plain = bandit_linucb_policy.score(&b, NULL, more, x, 0, 0);
        b.alpha = 1;
        with = bandit_linucb_policy.score(&b, NULL, numbers, x, 0, k) - with;
        plain = bandit_linucb_policy.score(&b, NULL, more, x, 0, 0) - plain;
        assert_true(fabs(with - plain) < 1e-12);
    }
}

/* ---- rules that are there to be found ---- */

/* The part of the last jobs that went where their odds were best. */
static double finds(unsigned which, const char *settings,
                    void (*draw_job)(struct mock *m, double *odds, uint64_t *rng))
{
    enum { JOBS = 6000, WATCH = 1000 };
    struct mock *m = arms_new(which, settings, 2);
    uint64_t rng = 8;
    unsigned right = 0;

    for (unsigned i = 0; i < JOBS; i++) {
        double odds[3];
        uint32_t arm, best = 0;

        mock_arrive(m);
        draw_job(m, odds, &rng);
        for (uint32_t k = 1; k < 3; k++)
            best = odds[k] > odds[best] ? k : best;
        arm = arms_of(mock_decide(m, P2P_EV_ARRIVAL));
        arms_outcome(m, (struct p2p_outcome){
                            .status = arm ? P2P_OUT_FORWARDED : P2P_OUT_RAN,
                            .http_status = mdp_unit(&rng) < odds[arm] ? 200 : 500,
                            .peer = arm ? ARMS_FIRST + arm - 1 : P2P_NONE,
                        });
        right += i >= JOBS - WATCH && arm == best;
    }
    mock_free(m);
    return (double)right / WATCH;
}

/* One peer is good for small jobs, the other one for big ones. */
static void by_size(struct mock *m, double *odds, uint64_t *rng)
{
    double bits = 32 * mdp_unit(rng);

    m->rq.payload_len = (uint64_t)exp2(bits);
    odds[0] = 0.3;
    odds[1] = 1 - bits / 32;
    odds[2] = bits / 32;
}

/* Who was heard to be idle is the better one. */
static void by_heard_load(struct mock *m, double *odds, uint64_t *rng)
{
    odds[0] = 0.2;
    for (uint32_t i = 0; i < 2; i++) {
        m->peers[i].heard_ns = 1;
        m->peers[i].load = (uint32_t)(mdp_bits(rng) % 12);
        m->peers[i].queue = m->peers[i].load / 2;
        odds[1 + i] = 0.95 - 0.07 * m->peers[i].load;
    }
}

static void by_jobs_of_ours(struct mock *m, double *odds, uint64_t *rng)
{
    odds[0] = 0.2;
    for (uint32_t i = 0; i < 2; i++) {
        m->peers[i].inflight = (uint32_t)(mdp_bits(rng) % 12);
        odds[1 + i] = 0.95 - 0.07 * m->peers[i].inflight;
    }
}

/* This node is good while it is idle. */
static void by_own_load(struct mock *m, double *odds, uint64_t *rng)
{
    uint32_t load = (uint32_t)(mdp_bits(rng) % 13);

    mock_load(m, load < 4 ? load : 4, load < 4 ? 0 : load - 4);
    odds[0] = 0.95 - 0.07 * load;
    odds[1] = 0.5;
    odds[2] = 0.1;
}

/* A near peer is in time for all jobs, this node only for those that have time. */
static void by_time_left(struct mock *m, double *odds, uint64_t *rng)
{
    double left = mdp_unit(rng) < 0.5 ? 1e8 : 8e9;

    m->rq.deadline_ns = m->now_ns + (uint64_t)left;
    odds[0] = left < 1e9 ? 0.1 : 0.9;
    odds[1] = 0.6;
    odds[2] = 0.3;
}

static void a_linear_rule_is_found(void **state)
{
    static const struct {
        const char *name;
        void (*draw_job)(struct mock *m, double *odds, uint64_t *rng);
    } rules[] = {{"size", by_size},
                 {"heard load", by_heard_load},
                 {"jobs of ours", by_jobs_of_ours},
                 {"own load", by_own_load},
                 {"time left", by_time_left}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        double linear = finds(LINUCB, "", rules[i].draw_job);
        double blind = finds(UCB1, "", rules[i].draw_job);

        print_message("%s: %.3f of the jobs, ucb1 %.3f\n", rules[i].name, linear, blind);
        assert_true(linear > 0.85);
        assert_true(blind < 0.75);
    }
}

/* Whatever a node says of itself, features are numbers from 0 to 1. */
static void features_have_bounds(void **state)
{
    static const uint32_t extremes[] = {0, 1, UINT32_MAX};
    struct mock *m = arms_new(LINUCB, "", 1);
    const struct bandit_choice *c;

    (void)state;
    for (unsigned i = 0; i < 729; i++) {
        uint32_t v[6];

        for (unsigned k = 0, rest = i; k < 6; k++, rest /= 3)
            v[k] = extremes[rest % 3];
        mock_arrive(m);
        mock_load(m, v[0], v[1]);
        m->node.slots = v[2];
        m->peers[0] = (struct p2p_peer){.id = ARMS_FIRST,
                                        .flags = P2P_PEER_UP,
                                        .load = v[3],
                                        .queue = v[4],
                                        .slots = v[5],
                                        .inflight = v[0],
                                        .heard_ns = v[1]};
        m->rq.payload_len = v[2] * (uint64_t)v[3];
        m->rq.deadline_ns = v[4] * (uint64_t)v[5];
        arms_of(mock_decide(m, P2P_EV_ARRIVAL));
        c = m->rq.state;
        for (int k = 0; k < D; k++)
            assert_true(c->x[k] >= 0 && c->x[k] <= 1);
        arms_end(m, c->arm == P2P_NONE ? 0 : 1, i % 2);
    }
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_inverse_stays_the_inverse),
        cmocka_unit_test(what_fades_long_is_as_new),
        cmocka_unit_test(jobs_under_way_count_for_the_uncertainty),
        cmocka_unit_test(a_linear_rule_is_found),
        cmocka_unit_test(features_have_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
