#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sim/theory.h"

static void near(double got, double expected, double relative)
{
    if (!(fabs(got - expected) <= relative * fabs(expected)))
        fail_msg("got %.12g, must be %.12g", got, expected);
}

static void shortest_queue_agrees_with_its_table(void **state)
{
    static const unsigned choices[] = {1, 2, 3, 5};
    static const double table[][5] = {
        {.50, 2.0000, 1.2657, 1.1252, 1.0313},   {.70, 3.3333, 1.6145, 1.3568, 1.1681},
        {.80, 5.0000, 1.9474, 1.5809, 1.3289},   {.90, 10.0000, 2.6141, 2.0279, 1.6329},
        {.99, 100.0000, 5.4320, 3.8578, 2.9017},
    };

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        for (unsigned d = 0; d < 4; d++)
            near(theory_jsq(table[i][0], choices[d]), table[i][d + 1], 5e-5);
    assert_true(isinf(theory_jsq(1, 2)));
}

static void erlang_b_agrees_with_its_table(void **state)
{
    static const unsigned slots[] = {1, 2, 4, 8, 10};
    static const double loads[] = {.5, .7, .8, .9, 1.0};
    static const double table[][5] = {
        {.333333, .411765, .444444, .473684, .5},      {.2, .289941, .329897, .366516, .4},
        {.095238, .183724, .228145, .270685, .31068},  {.03042, .100152, .144394, .190313, .23557},
        {.018385, .078741, .121661, .167963, .214582},
    };

    (void)state;
    for (unsigned k = 0; k < 5; k++) {
        for (unsigned i = 0; i < 5; i++) {
            near(theory_erlang_b(loads[i], slots[k]), table[k][i], 5e-5);
            near(theory_mmkq(loads[i], slots[k], 0).loss, table[k][i], 5e-5);
        }
    }
}

static void bounded_queues_agree_with_their_table(void **state)
{
    static const double table[][4] = {
        {10, .8, .023493, 3.797098}, {10, .9, .050814, 4.646601}, {10, 1.0, .090909, 5.5},
        {4, .8, .121847, 2.224932},  {4, 1.0, .2, 2.5},
    };

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct theory_node n = theory_mmkq(table[i][1], 1, (unsigned)table[i][0] - 1);

        near(n.loss, table[i][2], 5e-5);
        near(n.response, table[i][3], 1e-6);
        near(n.wait, table[i][3] - 1, 1e-6);
    }
    /* No limit that matters. */
    near(theory_mmkq(0.5, 1, 200).response, theory_mm1(0.5), 1e-9);
    near(theory_mmkq(1e-6, 8, 0).response, 1, 1e-9);
}

/* Ten slots and no queue: loss, and probes a job. */
static void least_loaded_agrees_with_its_table(void **state)
{
    static const struct {
        double load, jsq2, jsq3, loss[3], probes[3];
    } table[] = {
        {.7, 8.63e-5, 6.96e-15, {2.327e-4, 1.489e-3, .01254}, {.440, .238, .112}},
        {.8, .0102293, 3.30e-5, {.0111732, .0161338, .03752}, {.671, .418, .194}},
        {.9, .0556449, .0196162, {.0561912, .0599530, .08019}, {.805, .576, .283}},
        {1.0, .116764, .0828244, {.116994, .118984, .13323}, {.872, .681, .365}},
    };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        near(theory_ll(table[i].load, 1, 0, 10, 0).loss, table[i].jsq2, 1e-3);
        near(theory_ll(table[i].load, 2, 0, 10, 0).loss, table[i].jsq3, 1e-3);
        for (unsigned t = 0; t < 3; t++) {
            struct theory_node n = theory_ll(table[i].load, 1, 8 + t, 10, 0);

            near(n.loss, table[i].loss[t], 5e-4);
            near(n.probes, table[i].probes[t], 3e-3);
        }
    }
}

static void least_loaded_with_queues_is_the_shortest_of_one_more(void **state)
{
    struct theory_node n = theory_ll(0.9, 1, 1, 1, 200);

    (void)state;
    near(n.response, theory_jsq(0.9, 2), 1e-9);
    near(n.probes, 0.9, 1e-9);
    near(theory_ll(0.8, 2, 0, 1, 100).response, theory_jsq(0.8, 3), 1e-9);
    near(theory_ll(0.9, 1, 2, 1, 200).response, 2.6763, 5e-5);
    near(theory_ll(0.9, 1, 2, 1, 200).probes, .743, 1e-3);
    /* A threshold that is never reached. */
    near(theory_ll(0.9, 3, 11, 10, 0).loss, theory_erlang_b(0.9, 10), 1e-9);
    near(theory_ll(0.9, 3, 4096, 10, 0).loss, theory_erlang_b(0.9, 10), 1e-9);
    assert_true(theory_ll(0.9, 3, 4096, 10, 0).probes == 0);
}

static void an_overloaded_node_loses_what_is_too_much(void **state)
{
    (void)state;
    near(theory_ll(1.2, 3, 5, 100, 500).loss, 1 - 1 / 1.2, 1e-6);
    assert_true(isnan(theory_ll(0.5, 1, 0, 0, 0).loss));
}

static void join_idle_queue_agrees_with_its_table(void **state)
{
    (void)state;
    near(theory_jiq_ideal(0.9, 1), 5.5, 1e-9);
    near(theory_jiq_ideal(0.9, 4), 2.8, 0.03);
    near(theory_jiq_ideal(0.9, 16), 1.53, 1e-3);
}

/* Of one slot, tokens that stay out have a closed form: with x the smaller root of
 * x² - (s + u + 1) x + s, s jobs a second without a token and u for each token,
 * a response of (load + u (1 - load) x / (1 - x)²) / (1 - s) / load, where
 * (1 - load) / (1 - x) tokens are out. */
static void tokens_of_one_slot_agree_with_their_closed_form(void **state)
{
    static const double loads[] = {.1, .3, .5, .7, .9, .99};

    (void)state;
    for (unsigned at = 0; at < sizeof(loads) / sizeof(loads[0]); at++) {
        double load = loads[at], low = 0, high = 1, s = 0, x = 0;

        for (unsigned i = 0; i < 60; i++) {
            double rho = (low + high) / 2, b;

            s = load * (1 - rho);
            b = 2 * s + 1;
            x = (b - sqrt(b * b - 4 * s)) / 2;
            if ((1 - load) / (1 - x) > rho / (1 - rho))
                low = rho;
            else
                high = rho;
        }
        near(theory_jiq(load, 1), (load + s * (1 - load) * x / (1 - x) / (1 - x)) / (1 - s) / load,
             1e-8);
    }
}

/* As simulated: docs/conformance.md. */
static void tokens_of_several_slots_agree_with_their_table(void **state)
{
    (void)state;
    near(theory_jiq(.7, 4), 1.0743, 5e-5);
    near(theory_jiq(.9, 4), 1.3474, 5e-5);
    near(theory_jiq(0, 4), 1, 0);
    near(theory_jiq(.01, THEORY_MOST_TOKENS), 1, 1e-6);
    assert_true(theory_jiq(.95, 8) < theory_jiq(.95, 4));
    assert_true(isnan(theory_jiq(.995, 1)));
    assert_true(isnan(theory_jiq(-.1, 1)));
    assert_true(isnan(theory_jiq(.5, 0)));
    assert_true(isnan(theory_jiq(.5, THEORY_MOST_TOKENS + 1)));
}

static void curves_are_made_by_name(void **state)
{
    static const struct {
        const char *text;
        enum metric metric;
        double load, value;
    } good[] = {
        {"mm1", METRIC_MEAN, 0.5, 2},
        {"mm1", METRIC_WAIT, 0.5, 1},
        {"erlang_b:K=2", METRIC_LOSS, 1, .4},
        {"mmkq:K=1,q=9", METRIC_LOSS, 1, 1 / 11.0},
        {"mmkq:q=9", METRIC_MEAN, 1, 5.5},
        {"jsq:d=3", METRIC_MEAN, .9, 2.02794},
        {"jsq", METRIC_MEAN, .9, 2.61406},
        {"jiq:K=4", METRIC_MEAN, .9, 1.3474},
        {"jiq", METRIC_WAIT, .5, .5961},
        {"jiq_ideal:r=0.5", METRIC_MEAN, 0, 1},
        {"ll:F=1,T=9,K=10", METRIC_LOSS, .9, .0599530},
        {"ll:K=10,T=9", METRIC_PROBES, .9, .57578},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct theory_curve c;
        char err[P2P_ERRLEN] = "";

        if (theory_parse(&c, good[i].text, err))
            fail_msg("%s: %s", good[i].text, err);
        near(theory_value(&c, good[i].metric, good[i].load), good[i].value, 1e-3);
        assert_true(isnan(theory_value(&c, METRIC_JAIN, 0.5)));
    }
}

static void a_load_that_cannot_be_is_no_number(void **state)
{
    struct theory_curve c;
    char err[P2P_ERRLEN];

    (void)state;
    assert_int_equal(theory_parse(&c, "mm1", err), 0);
    assert_true(isnan(theory_value(&c, METRIC_MEAN, 1)));
    assert_true(isnan(theory_value(&c, METRIC_LOSS, 0.5)));
}

static void nonsense_is_refused_with_what_is_allowed(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"mg1", "theory 'mg1': no such name; allowed: mm1 erlang_b mmkq jsq jiq jiq_ideal ll"},
        {"", "theory '': no such name; allowed: mm1 erlang_b mmkq jsq jiq jiq_ideal ll"},
        {"jsq:k=2", "theory jsq: no parameter 'k'; allowed: d="},
        {"mm1:K=2", "theory mm1: no parameter 'K'; allowed: none"},
        {"ll:F=1,T", "theory ll: no parameter 'T'; allowed: F= T= K= q="},
        {"jsq:d=two", "theory jsq: d = 'two'; allowed: a whole number from 1 to 1000"},
        {"jsq:d=1.5", "theory jsq: d = '1.5'; allowed: a whole number from 1 to 1000"},
        {"jsq:d=0", "theory jsq: d = '0'; allowed: a whole number from 1 to 1000"},
        {"jiq:r=1", "theory jiq: no parameter 'r'; allowed: K="},
        {"jiq:K=9", "theory jiq: K = '9'; allowed: a whole number from 1 to 8"},
        {"jiq_ideal:r=nan", "theory jiq_ideal: r = 'nan'; allowed: a number from 1e-06 to 1e+06"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct theory_curve c;
        char err[P2P_ERRLEN] = "";

        if (!theory_parse(&c, bad[i].text, err))
            fail_msg("%s was taken", bad[i].text);
        assert_string_equal(err, bad[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shortest_queue_agrees_with_its_table),
        cmocka_unit_test(erlang_b_agrees_with_its_table),
        cmocka_unit_test(bounded_queues_agree_with_their_table),
        cmocka_unit_test(least_loaded_agrees_with_its_table),
        cmocka_unit_test(least_loaded_with_queues_is_the_shortest_of_one_more),
        cmocka_unit_test(an_overloaded_node_loses_what_is_too_much),
        cmocka_unit_test(join_idle_queue_agrees_with_its_table),
        cmocka_unit_test(tokens_of_one_slot_agree_with_their_closed_form),
        cmocka_unit_test(tokens_of_several_slots_agree_with_their_table),
        cmocka_unit_test(curves_are_made_by_name),
        cmocka_unit_test(a_load_that_cannot_be_is_no_number),
        cmocka_unit_test(nonsense_is_refused_with_what_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
