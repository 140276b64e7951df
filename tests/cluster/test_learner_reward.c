/* The reward that a function says travels back from the peer that ran it. */
#include "tests/cluster/fixture.h"

static const char config[] =
    "scheduler: {plugin: learning, parameters: {reward: header, reject: false, peers: 1}}\n"
    "learner: {plugin: rl_qlearning, batch_interval: 5ms, parameters: {alpha: 1, gamma: 0, "
    "epsilon: 0, epsilon_min: 0}}\n"
    "functions:\n"
    "  paid: {command: [printf, 'X-P2pfaas-Learning-Reward: 0.25\\r\\n\\r\\nx'], cgi_headers: "
    "true}\n";

static int start(void **state)
{
    (void)state;
    fixture_start(2, config, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static void test_it_is_learned_where_it_was_chosen(void **state)
{
    static const char *const json[] = {"Content-Type: application/json", NULL};
    /* So that the next job goes to the peer. */
    static const char lesson[] = "[{\"eid\":1,\"state\":\"0,0,0\",\"action\":3,\"reward\":9},"
                                 "{\"eid\":2,\"state\":\"0,0,0\",\"action\":3,\"reward\":9}]";
    struct reply r;

    (void)state;
    expect(send_method("POST", 0, "/train_batch", lesson, strlen(lesson), json), 200, "ok");
    expect(get(0, "/learner/policy?state=0,0,0"), 200, "\"best\":3");
    r = post_text(0, "/function/paid", "");
    assert_int_equal(r.status, 200);
    assert_string_equal(header(&r, "X-P2pfaas-Scheduler-Learning-Action"), "3.000000");
    assert_string_equal(header(&r, "X-P2pfaas-Externally-Executed"), "True");
    assert_string_equal(header(&r, "X-P2pfaas-Learning-Reward"), "");
    reply_free(&r);
    expect(get(0, "/learner/policy?state=0,0,0"), 200, "\"values\":[0.0, 0.0, 0.0, 0.25]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_learned_where_it_was_chosen),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
