/* What the theory promises of the policies, with jobs that end before the next one comes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plugins/bandit/bandit_beta.h"
#include "tests/plugins/arms.h"
#include "tests/plugins/mdp.h"

enum { RUNS = 40, ROUNDS = 10000, DECADES = 3, MOST_ARMS = 10 };

static const unsigned at[DECADES] = {100, 1000, ROUNDS};

/* A mean of the runs, and half of its 99 % interval. */
struct estimate {
    double mean, half;
};

/* What was lost after at[d] jobs by not sending all to the best, and in the decade before. */
struct regret {
    struct estimate all[DECADES], more[DECADES];
};

struct problem {
    uint32_t arms;
    double odds[MOST_ARMS];
};

enum { TWO, FIVE, TEN, CLOSE, PROBLEMS };
static const struct problem problem[PROBLEMS] = {
    {2, {0.4, 0.9}},
    {5, {0.5, 0.8, 0.6, 0.3, 0.1}},
    {10, {0.9, 0.8, 0.8, 0.8, 0.7, 0.7, 0.7, 0.6, 0.6, 0.6}},
    {3, {0.55, 0.5, 0.45}},
};
static struct regret of_ucb1[PROBLEMS];

static double best_of(const struct problem *p)
{
    double best = 0;

    for (uint32_t k = 0; k < p->arms; k++)
        best = fmax(best, p->odds[k]);
    return best;
}

static struct estimate estimate_of(const double *x)
{
    double sum = 0, squares = 0;

    for (unsigned i = 0; i < RUNS; i++)
        sum += x[i];
    for (unsigned i = 0; i < RUNS; i++)
        squares += (x[i] - sum / RUNS) * (x[i] - sum / RUNS);
    return (struct estimate){sum / RUNS, 2.71 * sqrt(squares / (RUNS - 1) / RUNS)}; /* t, 39 */
}

static struct regret regret_of(unsigned which, const char *settings, const struct problem *p)
{
    double lost[DECADES][RUNS], more[DECADES][RUNS], best = best_of(p);
    struct regret r;

    for (unsigned run = 0; run < RUNS; run++) {
        struct mock *m = arms_new(which, settings, p->arms - 1);
        uint64_t rng = 1000 + run;
        double sum = 0;
        unsigned d = 0;

        m->rng += run;
        for (unsigned n = 1; n <= ROUNDS; n++) {
            sum += best - p->odds[arms_play(m, p->odds, &rng)];
            if (n == at[d]) {
                lost[d][run] = sum;
                more[d][run] = d ? sum - lost[d - 1][run] : sum;
                d++;
            }
        }
        mock_free(m);
    }
    for (unsigned d = 0; d < DECADES; d++) {
        r.all[d] = estimate_of(lost[d]);
        r.more[d] = estimate_of(more[d]);
    }
    return r;
}

static int play_ucb1(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PROBLEMS; i++)
        of_ucb1[i] = regret_of(UCB1, "", &problem[i]);
    return 0;
}

static bool is_less(struct estimate a, struct estimate b)
{
    return a.mean + a.half < b.mean - b.half;
}

/* Theorem 1 of Auer, Cesa-Bianchi and Fischer. */
static double bound(const struct problem *p, double n)
{
    double inverses = 0, gaps = 0, best = best_of(p);

    for (uint32_t k = 0; k < p->arms; k++) {
        double gap = best - p->odds[k];

        inverses += gap > 0 ? 1 / gap : 0;
        gaps += gap;
    }
    return 8 * log(n) * inverses + (1 + 3.141592653589793 * 3.141592653589793 / 3) * gaps;
}

static void ucb1_loses_no_more_than_its_bound(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PROBLEMS; i++)
        for (unsigned d = 0; d < DECADES; d++) {
            struct estimate lost = of_ucb1[i].all[d];

            print_message("%u arms, %u jobs: %.1f +- %.1f, bound %.1f\n", problem[i].arms, at[d],
                          lost.mean, lost.half, bound(&problem[i], at[d]));
            assert_true(lost.mean + lost.half < bound(&problem[i], at[d]));
        }
}

/* The bad arm is tried until sqrt(2 ln n / tries) is its gap, and somewhat longer as wins
 * are drawn: each decade of jobs costs 2 ln 10 / gap or more, but less than twice
 * that, and the last one costs no more than the one before. */
static void what_ucb1_loses_grows_like_the_logarithm(void **state)
{
    const struct regret *r = &of_ucb1[TWO];
    double gap = problem[TWO].odds[1] - problem[TWO].odds[0], decade = 2 * log(10) / gap;

    (void)state;
    for (unsigned d = 1; d < DECADES; d++) {
        print_message("decade %u: %.2f +- %.2f, %.2f in the limit\n", d, r->more[d].mean,
                      r->more[d].half, decade);
        assert_true(r->more[d].mean + r->more[d].half > decade);
        assert_true(r->more[d].mean - r->more[d].half < 2 * decade);
    }
    assert_false(is_less(r->more[1], r->more[2]));
}

static void thompson_loses_less_than_ucb1(void **state)
{
    (void)state;
    for (unsigned i = TWO; i <= TEN; i++) {
        struct regret r = regret_of(THOMPSON, "", &problem[i]);

        for (unsigned d = 0; d < DECADES; d++) {
            print_message("%u arms, %u jobs: %.1f +- %.1f, ucb1 %.1f\n", problem[i].arms, at[d],
                          r.all[d].mean, r.all[d].half, of_ucb1[i].all[d].mean);
            assert_true(is_less(r.all[d], of_ucb1[i].all[d]));
        }
    }
}

static void exploration_is_what_it_costs(void **state)
{
    struct regret bold = regret_of(UCB1, "exploration=0.5", &problem[TWO]);
    struct regret shy = regret_of(UCB1, "exploration=100", &problem[TWO]);

    (void)state;
    for (unsigned d = 0; d < DECADES; d++) {
        assert_true(is_less(bold.all[d], of_ucb1[TWO].all[d]));
        assert_true(shy.all[d].mean > 0.2 * at[d]); /* 0.25 is to draw the arm */
    }
}

/* ---- when odds change ---- */

/* The part of the jobs that go to what is best since the best arm became bad. */
static double follows(unsigned which, const char *settings)
{
    static const double before[3] = {0.9, 0.5, 0.4}, after[3] = {0.2, 0.65, 0.3};
    enum { TURN = 10000, SETTLE = 1000, WATCH = 1500 };
    unsigned hits = 0;
    struct mock *m = arms_new(which, settings, 2);
    uint64_t rng = 5;

    for (unsigned n = 0; n < TURN + SETTLE + WATCH; n++) {
        uint32_t arm = arms_play(m, n < TURN ? before : after, &rng);

        hits += n >= TURN + SETTLE && arm == 1;
    }
    mock_free(m);
    return (double)hits / WATCH;
}

static void who_forgets_follows_odds_that_change(void **state)
{
    static const struct {
        unsigned which;
        const char *keeps, *forgets;
    } cases[] = {{UCB1, "exploration=0.3", "exploration=0.3 forget=0.995"},
                 {THOMPSON, "", "forget=0.995"},
                 {LINUCB, "alpha=0.5", "alpha=0.5 forget=0.995"}};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        double keeps = follows(cases[i].which, cases[i].keeps);
        double forgets = follows(cases[i].which, cases[i].forgets);

        print_message("%u: %.3f of the jobs, %.3f without forgetting\n", cases[i].which, forgets,
                      keeps);
        assert_true(keeps < 0.2);
        assert_true(forgets > 0.8);
    }
}

/* ---- draws ---- */

enum { DRAWS = 20000 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* For whole a and b: that of a + b - 1 coins with odds x at least a win. */
static double beta_below(unsigned a, unsigned b, double x)
{
    unsigned n = a + b - 1;
    double sum = 0;

    for (unsigned k = a; k <= n; k++)
        sum += exp(lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) + k * log(x) +
                   (n - k) * log1p(-x));
    return sum;
}

/* Kolmogorov and Smirnov: of 1000 right samplers one fails. */
static void beta_has_its_distribution(void **state)
{
    static const unsigned cases[][2] = {{1, 1},   {1, 2},   {2, 1},   {2, 5},
                                        {30, 10}, {1, 400}, {500, 1}, {300, 700}};
    struct mock *m = arms_new(THOMPSON, "", 1);
    double *x = calloc(DRAWS, sizeof(*x));

    (void)state;
    assert_non_null(x);
    for (unsigned c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        unsigned a = cases[c][0], b = cases[c][1];
        double most = 0;

        for (unsigned i = 0; i < DRAWS; i++)
            x[i] = bandit_beta(&m->host, a, b);
        qsort(x, DRAWS, sizeof(*x), ascending);
        assert_true(x[0] > 0 && x[DRAWS - 1] <= 1);
        for (unsigned i = 0; i < DRAWS; i += 10) {
            double f = beta_below(a, b, x[i]);

            most = fmax(most, fmax(fabs(f - (double)i / DRAWS), fabs(f - (i + 1.0) / DRAWS)));
        }
        if (most > 1.95 / sqrt(DRAWS))
            fail_msg("Beta(%u, %u) is off by %g", a, b, most);
    }
    free(x);
    mock_free(m);
}

/* Of numbers that are no whole ones, as what fades is. */
static void beta_has_its_moments(void **state)
{
    static const double cases[][2] = {{1, 1.5}, {1.2, 3.7}, {12.25, 1.01}, {1e6, 3.5e6}};
    struct mock *m = arms_new(THOMPSON, "", 1);

    (void)state;
    for (unsigned c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        double a = cases[c][0], b = cases[c][1], n = a + b, sum = 0, squares = 0;
        double mean = a / n, variance = a * b / (n * n * (n + 1));

        for (unsigned i = 0; i < DRAWS; i++) {
            double off = bandit_beta(&m->host, a, b) - mean;

            sum += off;
            squares += off * off;
        }
        assert_true(fabs(sum / DRAWS) < 3.3 * sqrt(variance / DRAWS));
        assert_true(fabs(squares / DRAWS / variance - 1) < 0.06);
    }
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ucb1_loses_no_more_than_its_bound),
        cmocka_unit_test(what_ucb1_loses_grows_like_the_logarithm),
        cmocka_unit_test(thompson_loses_less_than_ucb1),
        cmocka_unit_test(exploration_is_what_it_costs),
        cmocka_unit_test(who_forgets_follows_odds_that_change),
        cmocka_unit_test(beta_has_its_distribution),
        cmocka_unit_test(beta_has_its_moments),
    };

    return cmocka_run_group_tests(tests, play_ucb1, NULL);
}
