/*
 * The table of tests/conformance at small size: the figures of its cases cover theory, all
 * together at 99 %, and the laws hold in each.  Seeds are fixed, so it is always the same.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/conformance/mean_field.h"
#include "tests/conformance/run.h"
#include "tests/conformance/verdict.h"

#if defined(__SANITIZE_THREAD__)
enum { EVERY = 45 }; /* case */
#elif defined(__SANITIZE_ADDRESS__)
enum { EVERY = 9 };
#else
enum { EVERY = 1 };
#endif

enum { BRIEFLY = 100 }; /* run times of warm-up */

static const struct effort brief = {.replications = 5, .nodes = 12, .jobs = 1e5};

static bool is_of_order(const struct conformance_case *c)
{
    for (unsigned i = 0; i < CONFORMANCE_ORDER; i++)
        if (c->load == conformance_order_load && c->slots == 1 &&
            strcmp(c->algorithm, conformance_order[i]) == 0)
            return true;
    return false;
}

static void simulated_systems_conform_to_theory(void **state)
{
    struct outcome *o = calloc(conformance_cases, sizeof(*o));
    char err[P2P_ERRLEN];
    struct plugins plugins;
    struct verdict v;
    unsigned n = 0;

    (void)state;
    assert_non_null(o);
    if (plugins_open(&plugins, err))
        fail_msg("%s", err);
    for (unsigned i = 0; i < conformance_cases; i++) {
        const struct conformance_case *c = &conformance_case[i];

        if (i % EVERY || (c->warm_up > BRIEFLY && !is_of_order(c)))
            continue;
        if (run_case(&o[n], i, &brief, &plugins, err))
            fail_msg("%s, %s: %s", c->algorithm, c->system, err);
        n++;
    }
    plugins_close(&plugins);
    verdict_make(&v, o, n);
    if (!v.conforms) {
        verdict_print(stdout, o, n, &v);
        for (unsigned i = 0; i < n; i++)
            verdict_row(stdout, &o[i]);
    }
    assert_true(v.conforms);
    free(o);
}

/* A simulator that was wrong by some per cent would not pass. */
static void a_figure_that_is_off_is_missed(void **state)
{
    unsigned k = 0;
    struct outcome o;
    struct plugins plugins;
    struct verdict v;
    char err[P2P_ERRLEN];

    (void)state;
    while (conformance_case[k].queue > 0 || conformance_case[k].slots < 10)
        k++;
    if (plugins_open(&plugins, err))
        fail_msg("%s", err);
    if (run_case(&o, k, &brief, &plugins, err))
        fail_msg("%s", err);
    plugins_close(&plugins);
    verdict_make(&v, &o, 1);
    assert_true(v.conforms);
    o.figure[0].theory *= 1.1;
    verdict_make(&v, &o, 1);
    assert_false(v.conforms);
    o.figure[0].theory /= 1.1;
    o.laws.little = false;
    verdict_make(&v, &o, 1);
    assert_false(v.conforms);
    o.laws.little = true;
    o.misbehaved = 1;
    verdict_make(&v, &o, 1);
    assert_false(v.conforms);
}

/* One figure: theory is 1, the value off by so many standard deviations of its mean. */
static struct outcome figure_off_by(double deviations)
{
    static const struct conformance_case c = {
        .algorithm = "one", .system = "one", .claim = {{.metric = METRIC_MEAN}}};

    return (struct outcome){
        .of = &c,
        .n_sizes = 1,
        .n_figures = 1,
        .figure = {{.theory = 1, .value = 1 + 0.01 * deviations, .deviation = 0.01, .n = 10}},
        .laws = {true, true, true}};
}

/* Student's interval of 99 % from ten is 3.2498 deviations; of 200 together, 5.8 or so. */
static void many_figures_are_judged_together(void **state)
{
    struct outcome o[200];
    struct verdict v;

    (void)state;
    o[0] = figure_off_by(3.24);
    verdict_make(&v, o, 1);
    assert_true(v.conforms && v.covered == 1);
    o[0] = figure_off_by(-3.26);
    verdict_make(&v, o, 1);
    assert_true(!v.conforms && v.covered == 0);
    for (unsigned i = 1; i < 200; i++)
        o[i] = figure_off_by(0);
    verdict_make(&v, o, 200);
    assert_true(v.conforms && v.covered == 199 && v.missed == 0);
    o[7] = figure_off_by(8);
    verdict_make(&v, o, 200);
    assert_true(!v.conforms && v.missed == 1);
}

static void a_bound_is_crossed_one_way_only(void **state)
{
    struct conformance_case c = {.claim = {{.metric = METRIC_MEAN}}};
    static const bool covers[][2] = {[BOUND_NONE] = {false, false},
                                     [BOUND_BELOW] = {false, true},
                                     [BOUND_ABOVE] = {true, false}};

    (void)state;
    for (unsigned bound = BOUND_NONE; bound <= BOUND_ABOVE; bound++) {
        for (unsigned above = 0; above < 2; above++) {
            struct outcome o = figure_off_by(above ? 10 : -10);

            c.claim[0].bound = bound;
            o.of = &c;
            assert_true(figure_covers(&o, 0, 0.99) == covers[bound][above]);
        }
    }
}

static void near(double got, double wanted, double share)
{
    if (!(fabs(got - wanted) <= share * wanted))
        fail_msg("got %.12g, must be %.12g", got, wanted);
}

static void dealt_jobs_agree_with_known_queues(void **state)
{
    (void)state;
    near(mean_field_dealt(.9, 1), 10, 1e-9);
    /* Of two, the share that waits is (1 + 4a - sqrt(1 + 8a)) / 2 of the load a. */
    near(mean_field_dealt(.5, 2), 1 / (1 - (1 + 4 * .5 - sqrt(1 + 8 * .5)) / 2), 1e-9);
    assert_true(isnan(mean_field_dealt(1, 4)));
}

static void a_claim_is_of_a_known_curve(void **state)
{
    struct claim c = {.metric = METRIC_LOSS, .curve = "ll:F=1,T=9,K=10"};

    (void)state;
    near(claim_theory(&c, .9), .0599530, 1e-4);
    c.curve = "no such curve";
    assert_true(isnan(claim_theory(&c, .9)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simulated_systems_conform_to_theory),
        cmocka_unit_test(a_figure_that_is_off_is_missed),
        cmocka_unit_test(many_figures_are_judged_together),
        cmocka_unit_test(a_bound_is_crossed_one_way_only),
        cmocka_unit_test(dealt_jobs_agree_with_known_queues),
        cmocka_unit_test(a_claim_is_of_a_known_curve),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
