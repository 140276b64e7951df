/* A node whose learner is a program outside: right, slow, wrong, dead, and back. */
#include <arpa/inet.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/cluster/fixture.h"

extern char **environ;

#define METRIC "p2pfaas_learner_metric_"
#define AWAITED "p2pfaas_learner_choices_awaited"

static pid_t learner;
static char port[16], config[1024];

/* ---- the learner ---- */

static unsigned free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static struct reply ask_learner(const char *path, const char *body)
{
    char url[64];
    const struct request rq = {
        .url = url, .body = body, .len = body ? strlen(body) : 0, .timeout = 10};
    struct reply r;

    snprintf(url, sizeof(url), "http://127.0.0.1:%s%s", port, path);
    http_call(&rq, &r);
    return r;
}

static bool learner_answers(void *arg)
{
    struct reply r = ask_learner("/seen", NULL);
    bool answers = r.status == 200;

    (void)arg;
    reply_free(&r);
    return answers;
}

static void start_learner(void)
{
    char script[4096];
    char *const args[] = {"python3", script, port, NULL};

    snprintf(script, sizeof(script), "%s/tests/cluster/remote_learner.py", getenv("P2P_TEST_TREE"));
    assert_int_equal(posix_spawnp(&learner, "python3", NULL, NULL, args, environ), 0);
    assert_true(wait_until(learner_answers, NULL, 20));
}

static void kill_learner(void)
{
    if (learner <= 0)
        return;
    kill(learner, SIGKILL);
    waitpid(learner, NULL, 0);
    learner = 0;
}

static void rule(const char *word)
{
    expect(ask_learner("/rule", word), 200, "ok");
}

static bool has_seen(const char *part)
{
    struct reply r = ask_learner("/seen", NULL);
    bool has = r.status == 200 && strstr(r.body, part);

    reply_free(&r);
    return has;
}

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
             port, parameters);
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
    snprintf(port, sizeof(port), "%u", free_port());
    return 0;
}

static int stop(void **state)
{
    (void)state;
    kill_learner();
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
    start_learner();
    assert_true(wait_until(is_up_again, NULL, 20));
    wait_log(0, "answers again");
    chosen = metric(0, "p2pfaas_learner_awaited_total{end=\"chosen\"}");
    for (int i = 0; i < 30; i++)
        call(200);
    rule("reject");
    for (int i = 0; i < 10; i++)
        call(503);
    assert_true(metric(0, "p2pfaas_learner_awaited_total{end=\"chosen\"}") == chosen + 40);
    assert_true(metric(0, METRIC "rtt_seconds") > 0);
    assert_true(metric(0, "p2pfaas_scheduler_metric_refused_total") == 10);
    assert_true(has_seen("\"state\": \"0.000000,0.000000,0.000000\""));
}

static void test_it_is_taught_what_came_of_it(void **state)
{
    (void)state;
    wait_metric(0, METRIC "taught_total", 41, 20);
    assert_true(metric(0, METRIC "lost_total") == 0);
    assert_true(has_seen("\"first\": {\"eid\": \""));
    assert_true(has_seen("\"action\": \"0.0\", \"reward\": 0}"));
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
        rule(words[i]);
        for (int k = 0; k < 3; k++)
            call(200);
        assert_true(metric(0, METRIC "failed_total") == failed + 3);
        assert_true(metric(0, METRIC "down") == 1);
        rule("local");
        assert_true(wait_until(is_up_again, NULL, 20));
    }
    rule("unfit");
    for (int k = 0; k < 5; k++)
        call(200);
    assert_true(metric(0, METRIC "unfit_total") == 5);
    assert_true(metric(0, METRIC "down") == 0);
    assert_true(metric(0, "p2pfaas_plugin_misbehaviour_total{kind=\"learner_action\"}") == 0);
    rule("local");
}

static void test_others_do_not_wait_for_a_slow_one(void **state)
{
    static const char *const here[] = {"X-P2pfaas-Scheduler-Bypass: 1", NULL};
    unsigned wrong;
    char why[256];
    struct load *l;

    (void)state;
    rule("hold");
    l = load_start(0, 8, "/function/echo", "x", is_ok);
    wait_metric(0, AWAITED, 8, 20);
    /* The eight wait, and nothing else does. */
    for (int i = 0; i < 50; i++) {
        expect(send_method("POST", 0, "/function/echo", "x", 1, here), 200, "x");
        expect(get(0, "/"), 200, "");
    }
    assert_true(metric(0, AWAITED) == 8);
    rule("local");
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
    rule("hold");
    l = load_start(0, 8, "/function/echo", "x", is_ok);
    wait_metric(0, AWAITED, 8, 20);
    kill_learner();
    wait_metric(0, METRIC "failed_total", failed + 8, 20);
    wait_metric(0, METRIC "skipped_total", 100, 20);
    start_learner();
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
    rule("hold");
    l = load_start(0, 4, "/function/echo", "x", is_ok);
    wait_metric(0, AWAITED, 4, 20);
    select_scheduler(0, "{\"name\":\"local\"}");
    expect(post_text(0, "/function/echo", "x"), 200, "x");
    rule("local");
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
    rule("hold");
    l = load_start(0, 4, "/function/echo", "x", is_ok);
    wait_metric(0, AWAITED, 4, 20);
    assert_true(stop_node(0));
    load_stop(l, &wrong, why);
    rule("local");
}

static void test_the_wait_ends_with_the_time_limit(void **state)
{
    (void)state;
    start_with("timeout: 50ms");
    rule("hold");
    call(200);
    assert_true(metric(0, METRIC "failed_total") == 1);
    assert_true(metric(0, AWAITED) == 0);
    rule("local");
    assert_true(stop_node(0));
}

static void test_a_deadline_comes_first(void **state)
{
    (void)state;
    start_with("timeout: 60s");
    rule("hold");
    expect(post_text(0, "/function/once", ""), 504, "its deadline passed");
    assert_true(metric(0, AWAITED) == 0);
    rule("local");
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
