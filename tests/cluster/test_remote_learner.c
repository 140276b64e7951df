/* A node whose learner is a program outside: right, slow, wrong, dead, and back. */
#include <signal.h>
#include <unistd.h>

#include "tests/cluster/support_outside.h"

#define METRIC "p2pfaas_learner_metric_"
#define AWAITED "p2pfaas_learner_choices_awaited"

static struct outside learner = {.script = "remote_learner.py"};
static char config[1024];

/* ---- the node ---- */

static void call(long status)
{
    expect(post_text(0, "/function/echo", "x"), status, "");
}

static bool is_up_again(void *arg)
{
    (void)arg;
    call(200);
    return metric(0, METRIC "down") == 0;
}

static bool is_ok(const struct reply *r)
{
    return r->status == 200;
}

/* Nobody waits any more, and nothing of it is left. */
static bool nobody_waits(void *arg)
{
    (void)arg;
    return metric(0, AWAITED) == 0;
}

static void start_with(const char *parameters)
{
    FILE *f;

    snprintf(config, sizeof(config),
             "scheduler: {plugin: learning}\n"
             "learner: {plugin: remote_learner, batch_interval: 5ms, parameters: {url: "
             "'http://127.0.0.1:%s', failures: 3, retry: 20ms, %s}}\n",
             learner.port, parameters);
    f = fopen(cluster.config, "we");
    assert_non_null(f);
    fprintf(f, "%s%s", config, fixture_functions);
    fclose(f);
    start_node(0, NULL);
}

static int start(void **state)
{
    static const char *settings[] = {"node.slots=16", "node.stop_timeout=1s", NULL};

    (void)state;
    fixture_init(1, fixture_functions);
    cluster.settings = settings;
    outside_find_port(&learner);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    outside_kill(&learner);
    fixture_stop();
    return 0;
}

/* ---- tests ---- */

static void test_a_dead_learner_costs_no_job(void **state)
{
    (void)state;
    start_with("timeout: 5s");
    for (int i = 0; i < 20; i++)
        call(200);
    assert_true(metric(0, METRIC "failed_total") >= 3);
    assert_true(metric(0, METRIC "skipped_total") >= 1);
    assert_true(metric(0, METRIC "down") == 1);
    assert_true(metric(0, METRIC "answered_total") == 0);
    assert_true(metric(0, "p2pfaas_learner_awaited_total{end=\"none\"}") == 20);
    assert_true(metric(0, AWAITED) == 0);
    assert_true(log_has(0, "does not answer"));
}

static void test_it_decides_when_it_is_there(void **state)
{
    double chosen;

    (void)state;
    outside_start(&learner);
    assert_true(wait_until(is_up_again, NULL, 20));
    wait_log(0, "answers again");
    chosen = metric(0, "p2pfaas_learner_awaited_total{end=\"chosen\"}");
    for (int i = 0; i < 30; i++)
        call(200);
    outside_rule(&learner, "reject");
    for (int i = 0; i < 10; i++)
        call(503);
    assert_true(metric(0, "p2pfaas_learner_awaited_total{end=\"chosen\"}") == chosen + 40);
    assert_true(metric(0, METRIC "rtt_seconds") > 0);
    assert_true(metric(0, "p2pfaas_scheduler_metric_refused_total") == 10);
    assert_true(outside_has_seen(&learner, "\"state\": \"0.000000,0.000000,0.000000\""));
}

static void test_it_is_taught_what_came_of_it(void **state)
{
    (void)state;
    wait_metric(0, METRIC "taught_total", 41, 20);
    assert_true(metric(0, METRIC "lost_total") == 0);
    assert_true(outside_has_seen(&learner, "\"last\": {\"eid\": \""));
    assert_true(outside_has_seen(&learner, "\"action\": \"0.0\", \"reward\": 0}"));
    assert_true(metric(0, "p2pfaas_learner_transitions_total") == metric(0, METRIC "taught_total"));
}

static void test_a_wrong_answer_is_no_choice(void **state)
{
    static const char *const words[] = {"garbage", "nothing", "negative",
                                        "status",  "huge",    "hang_up"};
    double failed;

    (void)state;
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        failed = metric(0, METRIC "failed_total");
        outside_rule(&learner, words[i]);
        for (int k = 0; k < 3; k++)
            call(200);
        assert_true(metric(0, METRIC "failed_total") == failed + 3);
        assert_true(metric(0, METRIC "down") == 1);
        outside_rule(&learner, "local");
        assert_true(wait_until(is_up_again, NULL, 20));
    }
    outside_rule(&learner, "unfit");
    for (int k = 0; k < 5; k++)
        call(200);
    assert_true(metric(0, METRIC "unfit_total") == 5);
    assert_true(metric(0, METRIC "down") == 0);
    assert_true(metric(0, "p2pfaas_plugin_misbehaviour_total{kind=\"learner_action\"}") == 0);
    outside_rule(&learner, "local");
}

static void test_others_do_not_wait_for_a_slow_one(void **state)
{
    static const char *const here[] = {"X-P2pfaas-Scheduler-Bypass: 1", NULL};
    unsigned wrong;
    char why[256];
    struct load *l;

    (void)state;
    outside_rule(&learner, "hold");
    l = load_start(0, 8, "/function/echo", "x", is_ok);
    wait_metric(0, AWAITED, 8, 20);
    /* The eight wait, and nothing else does. */
    for (int i = 0; i < 50; i++) {
        expect(send_method("POST", 0, "/function/echo", "x", 1, here), 200, "x");
        expect(get(0, "/"), 200, "");
    }
    assert_true(metric(0, AWAITED) == 8);
    outside_rule(&learner, "local");
    wait_metric(0, "p2pfaas_learner_awaited_total{end=\"chosen\"}", 100, 20);
    load_stop(l, &wrong, why);
    if (wrong)
        fail_msg("%u wrong: %s", wrong, why);
    assert_true(wait_until(nobody_waits, NULL, 10));
}

static void test_one_that_dies_with_questions_and_comes_back(void **state)
{
    double failed = metric(0, METRIC "failed_total");
    unsigned wrong;
    char why[256];
    struct load *l;

    (void)state;
    outside_rule(&learner, "hold");
    l = load_start(0, 8, "/function/echo", "x", is_ok);
    wait_metric(0, AWAITED, 8, 20);
    outside_kill(&learner);
    wait_metric(0, METRIC "failed_total", failed + 8, 20);
    wait_metric(0, METRIC "skipped_total", 100, 20);
    outside_start(&learner);
    assert_true(wait_until(is_up_again, NULL, 20));
    wait_metric(0, METRIC "answered_total", metric(0, METRIC "answered_total") + 100, 20);
    load_stop(l, &wrong, why);
    if (wrong)
        fail_msg("%u wrong: %s", wrong, why);
}

static void test_a_scheduler_is_swapped_while_it_is_awaited(void **state)
{
    unsigned wrong;
    char why[256];
    struct load *l;

    (void)state;
    outside_rule(&learner, "hold");
    l = load_start(0, 4, "/function/echo", "x", is_ok);
    wait_metric(0, AWAITED, 4, 20);
    select_scheduler(0, "{\"name\":\"local\"}");
    expect(post_text(0, "/function/echo", "x"), 200, "x");
    outside_rule(&learner, "local");
    assert_true(wait_until(nobody_waits, NULL, 20));
    select_scheduler(0, "{\"name\":\"learning\"}");
    load_stop(l, &wrong, why);
    if (wrong)
        fail_msg("%u wrong: %s", wrong, why);
}

static void test_it_stops_while_it_is_awaited(void **state)
{
    struct load *l;
    unsigned wrong;
    char why[256];

    (void)state;
    outside_rule(&learner, "hold");
    l = load_start(0, 4, "/function/echo", "x", is_ok);
    wait_metric(0, AWAITED, 4, 20);
    assert_true(stop_node(0));
    load_stop(l, &wrong, why);
    outside_rule(&learner, "local");
}

static void test_the_wait_ends_with_the_time_limit(void **state)
{
    (void)state;
    start_with("timeout: 50ms");
    outside_rule(&learner, "hold");
    call(200);
    assert_true(metric(0, METRIC "failed_total") == 1);
    assert_true(metric(0, AWAITED) == 0);
    outside_rule(&learner, "local");
    assert_true(stop_node(0));
}

static void test_a_deadline_comes_first(void **state)
{
    (void)state;
    start_with("timeout: 60s");
    outside_rule(&learner, "hold");
    expect(post_text(0, "/function/once", ""), 504, "its deadline passed");
    assert_true(metric(0, AWAITED) == 0);
    outside_rule(&learner, "local");
    wait_metric(0, METRIC "late_total", 1, 20);
    call(200);
}

static void test_a_name_is_refused_with_the_reason(void **state)
{
    char err[CLUSTER_ERRLEN] = "";
    static const char *const more[] = {"learner.parameters.url=http://localhost:19020", NULL};

    (void)state;
    assert_true(stop_node(0));
    assert_int_equal(cluster_start(&cluster, 0, more, err), -1);
    assert_true(log_has(0, "numeric address"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_dead_learner_costs_no_job),
        cmocka_unit_test(test_it_decides_when_it_is_there),
        cmocka_unit_test(test_it_is_taught_what_came_of_it),
        cmocka_unit_test(test_a_wrong_answer_is_no_choice),
        cmocka_unit_test(test_others_do_not_wait_for_a_slow_one),
        cmocka_unit_test(test_one_that_dies_with_questions_and_comes_back),
        cmocka_unit_test(test_a_scheduler_is_swapped_while_it_is_awaited),
        cmocka_unit_test(test_it_stops_while_it_is_awaited),
        cmocka_unit_test(test_the_wait_ends_with_the_time_limit),
        cmocka_unit_test(test_a_deadline_comes_first),
        cmocka_unit_test(test_a_name_is_refused_with_the_reason),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
