/* A plan follows from the seed, and has the rates and shares that were asked for. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/line.h"
#include "bench/plan.h"

#define SECOND 1000000000

static struct experiment_node nodes[2];
static struct experiment_payload payloads[2];
static struct experiment e;
static struct plan plan;
static char err[P2P_ERRLEN];
static char file[] = "/tmp/p2p-traffic-XXXXXX";

static int setup(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        nodes[i] = (struct experiment_node){
            .name = i ? "b" : "a", .rate = 1000, .traffic = "", .repetitions = 1, .scale = 1};
        payloads[i] = (struct experiment_payload){.weight = i ? 1 : 3};
    }
    e = (struct experiment){.file = "x.yaml",
                            .duration = 90LL * SECOND,
                            .warm_up = 10LL * SECOND,
                            .seed = 1,
                            .node = nodes,
                            .n_nodes = 2,
                            .payload = payloads,
                            .n_payloads = 2};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plan_release(&plan);
    return 0;
}

static void begin(void)
{
    plan_release(&plan);
    if (plan_init(&plan, &e, err))
        fail_msg("%s", err);
}

static bool take(struct planned *out)
{
    const struct planned *next = plan_next(&plan);

    if (!next)
        return false;
    *out = *next;
    plan_take(&plan, next);
    return true;
}

static void write_traffic(const char *text)
{
    int fd;

    memset(file + strlen(file) - 6, 'X', 6);
    fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static uint64_t digest(void)
{
    uint64_t sum = 0;
    struct planned p;

    begin();
    while (take(&p))
        sum = random_mix(sum ^ p.at_ns ^ (uint64_t)p.node << 60 ^ (uint64_t)p.payload << 50);
    return sum;
}

static void test_the_same_seed_plans_the_same(void **state)
{
    uint64_t one, again, other;

    (void)state;
    one = digest();
    again = digest();
    e.seed = 2;
    other = digest();
    assert_true(one == again);
    assert_true(one != other);
}

static void test_calls_come_in_order_and_within_the_run(void **state)
{
    uint64_t last = 0, number[2] = {0};
    struct planned p;

    (void)state;
    begin();
    while (take(&p)) {
        assert_true(p.at_ns >= last && p.at_ns < 100ULL * SECOND);
        assert_int_equal(p.number, number[p.node]);
        number[p.node]++;
        last = p.at_ns;
    }
}

/* A gap between 0 and ever: the mean 1/rate, and the deviation as large. */
static void test_gaps_are_exponential(void **state)
{
    double sum = 0, squares = 0, n = 0, short_gaps = 0, mean;
    uint64_t last = 0;
    struct planned p;

    (void)state;
    e.n_nodes = 1;
    begin();
    while (take(&p)) {
        double gap = (double)(p.at_ns - last) / 1e9;

        sum += gap;
        squares += gap * gap;
        n++;
        short_gaps += gap < 0.0005;
        last = p.at_ns;
    }
    mean = sum / n;
    assert_true(fabs(n - 100000) < 5 * sqrt(100000));
    assert_true(fabs(sqrt(squares / n - mean * mean) / mean - 1) < 0.03);
    assert_true(fabs(short_gaps / n - (1 - exp(-0.5))) < 0.01);
}

/* The original's gaps under 10 ms were drawn again. */
static void test_short_gaps_are_kept(void **state)
{
    struct planned p;
    unsigned n = 0;

    (void)state;
    e.n_nodes = 1;
    e.duration = 9990LL * SECOND;
    nodes[0].rate = 20;
    begin();
    while (take(&p))
        n++;
    assert_true(abs((int)n - 200000) < 5 * 447);
}

static void test_equal_gaps_are_equal(void **state)
{
    struct planned p, last = {0};
    unsigned n = 1;

    (void)state;
    e.n_nodes = 1;
    nodes[0].arrivals = EXPERIMENT_DETERMINISTIC;
    begin();
    assert_true(take(&last));
    while (take(&p)) {
        assert_true(p.at_ns - last.at_ns >= 999999 && p.at_ns - last.at_ns <= 1000001);
        last = p;
        n++;
    }
    assert_int_equal(n, 100000);
}

static void test_payloads_have_their_shares(void **state)
{
    unsigned n[2] = {0};
    struct planned p;

    (void)state;
    begin();
    while (take(&p))
        n[p.payload]++;
    assert_true(fabs(n[0] / (double)(n[0] + n[1]) - 0.75) < 0.01);
}

/* ---- rates that change ---- */

static const struct traffic_setup triangle = {
    .file = file, .rate_min = 100, .rate = 300, .seconds = 40, .repetitions = 1};

static struct traffic *load(const struct traffic_setup *setup)
{
    struct traffic *t = traffic_load(setup, err);

    unlink(file);
    if (!t)
        fail_msg("%s", err);
    return t;
}

static void about(double is, double wanted)
{
    if (fabs(is - wanted) > 1e-6 * (1 + fabs(wanted)))
        fail_msg("%.9g, not %.9g", is, wanted);
}

static void test_a_rate_goes_from_point_to_point(void **state)
{
    struct traffic *t;

    (void)state;
    write_traffic("0,0\n1,1\n2,0.5\n3,0\n");
    t = load(&triangle);
    about(traffic_rate(t, 0), 100);
    about(traffic_rate(t, 5), 200);
    about(traffic_rate(t, 10), 300);
    about(traffic_rate(t, 25), 150);
    about(traffic_rate(t, 35), 100);
    about(traffic_calls(t, 10), 2000);
    about(traffic_calls(t, 40), 2000 + 2500 + 1500 + 1000);
    for (double calls = 0; calls < 7000; calls += 137)
        about(traffic_calls(t, traffic_when(t, calls)), calls);
    assert_true(isinf(traffic_when(t, 7001)));
    traffic_free(t);
}

static void test_a_file_is_shifted_and_repeated(void **state)
{
    struct traffic_setup s = triangle;
    struct traffic *t;

    (void)state;
    s.shift = 1;
    s.repetitions = 2;
    write_traffic("0,0\n1,1\n2,0.5\n3,0\n");
    t = load(&s);
    about(traffic_rate(t, 0), 300);
    about(traffic_rate(t, 15), 100);
    about(traffic_rate(t, 20), 300);
    about(traffic_calls(t, 40), 7000);
    for (double calls = 0; calls < 7000; calls += 137)
        about(traffic_calls(t, traffic_when(t, calls)), calls);
    traffic_free(t);
}

static void test_a_plan_follows_the_file(void **state)
{
    unsigned n[4] = {0};
    struct planned p;

    (void)state;
    write_traffic("0,0\n1,0\n2,1\n3,1\n");
    e.n_nodes = 1;
    nodes[0].traffic = file;
    nodes[0].rate = 400;
    begin();
    unlink(file);
    while (take(&p))
        n[p.at_ns / (25ULL * SECOND)]++;
    assert_int_equal(n[0], 0);
    assert_true(fabs(n[1] - 5000.0) < 5 * 71 && fabs(n[3] - 5000.0) < 5 * 71);
    assert_true(fabs(n[2] - 10000.0) < 5 * 100);
}

static void test_traffic_that_cannot_be_is_told_with_its_line(void **state)
{
    static const struct {
        const char *text, *words;
    } wrong[] = {
        {"", "no points"}, {"0,0.5\n1\n", ":2: 1 fields"}, {"0,0.5\n1,1.5\n", ":2: column load"},
        {"0,a\n", ":1: "}, {"1,0.5\n", ":1: index 1"},     {"0,0\n1,0\n", "every load is 0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct traffic_setup s = triangle;

        s.rate_min = 0;
        write_traffic(wrong[i].text);
        assert_null(traffic_load(&s, err));
        unlink(file);
        if (!strstr(err, wrong[i].words))
            fail_msg("'%s' has no '%s'", err, wrong[i].words);
    }
}

/* ---- the line ---- */

static void test_a_line_keeps_its_order(void **state)
{
    struct line l = {0};
    uint64_t in = 0, out = 0;

    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < 7; i++)
            assert_int_equal(line_add(&l, &(struct planned){.number = in++}), 0);
        for (unsigned i = 0; i < 5; i++) {
            assert_int_equal(line_first(&l)->number, out++);
            line_take(&l);
        }
    }
    for (; line_first(&l); line_take(&l))
        assert_int_equal(line_first(&l)->number, out++);
    assert_int_equal(in, out);
    line_release(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_same_seed_plans_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_calls_come_in_order_and_within_the_run, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_gaps_are_exponential, setup, teardown),
        cmocka_unit_test_setup_teardown(test_short_gaps_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_equal_gaps_are_equal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_payloads_have_their_shares, setup, teardown),
        cmocka_unit_test(test_a_rate_goes_from_point_to_point),
        cmocka_unit_test(test_a_file_is_shifted_and_repeated),
        cmocka_unit_test_setup_teardown(test_a_plan_follows_the_file, setup, teardown),
        cmocka_unit_test(test_traffic_that_cannot_be_is_told_with_its_line),
        cmocka_unit_test(test_a_line_keeps_its_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
