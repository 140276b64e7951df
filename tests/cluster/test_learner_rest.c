/* The learner asked, taught and looked at over HTTP, as that of the original and as ours. */
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cluster/fixture.h"

static char file_setting[160], file[120];

/* alpha, beta and the start of epsilon as the original has them. */
#define LEARNER(rest)                                                                              \
    "learner: {plugin: rl_qlearning, batch_interval: 5ms, parameters: {form: "                     \
    "differential_sarsa, average_reward: original, alpha: 0.01, beta: 0.01, epsilon_decay: "       \
    "0.5" rest "}}\n"
#define SCHEDULER(rest) "scheduler: {plugin: learning, parameters: {peers: 0" rest "}}\n"

static int start(void **state)
{
    static const char *settings[] = {file_setting, "node.slots=16", NULL};

    (void)state;
    fixture_init(1, fixture_functions);
    snprintf(file, sizeof(file), "%s/learner", cluster.dir);
    snprintf(file_setting, sizeof(file_setting), "learner.file=%s", file);
    cluster.settings = settings;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static void begin(const char *text)
{
    FILE *f = fopen(cluster.config, "we");

    assert_non_null(f);
    fprintf(f, "%s%s", text, fixture_functions);
    fclose(f);
    start_node(0, NULL);
}

static void ends(void)
{
    assert_true(stop_node(0));
    unlink(file);
}

/* ---- calls to either port ---- */

static struct reply call(bool own_port, const char *method, const char *path, const char *body,
                         const char *const *headers)
{
    char url[256];
    struct request rq = {.method = method, .url = url, .headers = headers};
    struct reply r;

    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s",
             own_port ? cluster.port : cluster.learner_port, path);
    if (body) {
        rq.body = body;
        rq.len = strlen(body);
    }
    http_call(&rq, &r);
    return r;
}

static void exactly(struct reply r, long status, const char *body)
{
    if (r.status != status || !r.body || strcmp(r.body, body) != 0)
        fail_msg("wanted %ld '%s', got %ld '%s' %s", status, body, r.status, r.body ? r.body : "",
                 r.error);
    reply_free(&r);
}

static struct reply train(bool own_port, const char *eid, const char *state, const char *action,
                          const char *reward)
{
    char lines[4][256];
    const char *headers[5] = {NULL};
    const char *const names[] = {"Eid", "State", "Action", "Reward"};
    const char *const values[] = {eid, state, action, reward};
    unsigned n = 0;

    for (int i = 0; i < 4; i++)
        if (values[i]) {
            snprintf(lines[n], sizeof(lines[n]), "X-P2pfaas-Learning-%s: %s", names[i], values[i]);
            headers[n] = lines[n];
            n++;
        }
    return call(own_port, "GET", "/train", NULL, headers);
}

static const char *const json[] = {"Content-Type: application/json", NULL};

static struct reply batch(bool own_port, const char *body)
{
    return call(own_port, "POST", "/train_batch", body, json);
}

static struct reply act(bool own_port, const char *state)
{
    char line[256];
    const char *const headers[] = {line, NULL};

    snprintf(line, sizeof(line), "X-P2pfaas-Learning-State: %s", state);
    return call(own_port, "GET", "/act", NULL, state ? headers : NULL);
}

/* ---- as the original's ---- */

static const char WEIGHTS[] = "{\"actions_map\": {\"0\": 0, \"1\": 1, \"2\": 2}, \"states_map\": "
                              "{\"010\": 0, \"020\": 1}, \"table\": [[0.0, 0.0098, 0.0], "
                              "[-0.009998, 0.01019798, 0.0]]}";
static const char *const vector[][3] = {{"0.0,1.0,0.0", "1.0", "1.0"},
                                        {"0.0,1.0,0.0", "1.0", "1.0"},
                                        {"0.0,2.0,0.0", "0.0", "0.0"},
                                        {"0.0,2.0,0.0", "1.0", "1.0"},
                                        {"0.0,1.0,0.0", "1.0", "1.0"}};

static void test_the_vector_of_the_original(void **state)
{
    static const unsigned orders[][5] = {{1, 2, 3, 4, 5}, {2, 1, 3, 5, 4}};
    (void)state;
    begin(SCHEDULER("") LEARNER(""));
    for (int port = 0; port < 2; port++) {
        for (unsigned i = 0; i < 5; i++) {
            unsigned k = orders[port][i];
            char eid[8];

            snprintf(eid, sizeof(eid), "%u", k);
            exactly(train(port, eid, vector[k - 1][0], vector[k - 1][1], vector[k - 1][2]), 200,
                    "ok");
        }
        exactly(call(port, "GET", "/learner/weights", NULL, NULL), 200, WEIGHTS);
        exactly(train(port, "3", vector[0][0], "1.0", "5.0"), 200, "ok"); /* again */
        exactly(call(port, "GET", "/learner/weights", NULL, NULL), 200, WEIGHTS);
        expect(call(port, "GET", "/learner/stats", NULL, NULL), 200,
               "\"pending_entries\":1,\"eid_max_seen\":5,\"eid_last_trained\":4}");
        exactly(call(port, "GET", "/learner/reset", NULL, NULL), 200, "");
        exactly(call(port, "GET", "/learner/weights", NULL, NULL), 200,
                "{\"actions_map\": {\"0\": 0, \"1\": 1, \"2\": 2}, \"states_map\": {}, \"table\": "
                "[]}");
    }
    ends();
}

static void test_as_a_batch_too(void **state)
{
    (void)state;
    begin(SCHEDULER("") LEARNER(""));
    exactly(batch(false,
                  "[{\"eid\":\"1\",\"state\":\"0.0,1.0,0.0\",\"action\":\"1.0\",\"reward\":1.0},"
                  "{\"eid\":2,\"state\":\"0,1,0\",\"action\":1,\"reward\":\"1\"},"
                  "{\"eid\":\"3\",\"state\":\"0.0,2.0,0.0\",\"action\":\"0.0\",\"reward\":0.0}]"),
            200, "ok");
    exactly(batch(true,
                  "[{\"eid\":\"5\",\"state\":\"0.0,1.0,0.0\",\"action\":\"1.0\",\"reward\":1.0},"
                  "{\"eid\":\"4\",\"state\":\"0.0,2.0,0.0\",\"action\":\"1.0\",\"reward\":1.0}]"),
            200, "ok");
    exactly(call(false, "GET", "/learner/weights", NULL, NULL), 200, WEIGHTS);
    ends();
}

static void test_its_port_answers_in_its_words(void **state)
{
    struct reply r;

    (void)state;
    begin(SCHEDULER("") LEARNER(""));
    r = act(false, "0.0,1.0,0.0");
    assert_int_equal(r.status, 200);
    assert_true(strlen(r.body) == 1 && r.body[0] >= '0' && r.body[0] <= '2');
    assert_string_equal(header(&r, "X-P2pfaas-Eps"), "0.9");
    assert_string_equal(header(&r, "Content-Type"), "text/html; charset=utf-8");
    reply_free(&r);
    r = train(false, "7", "0,0,0", "1.0", "1");
    assert_string_equal(header(&r, "Content-Type"), "text/html; charset=utf-8");
    exactly(r, 200, "ok");
    r = call(false, "GET", "/learner/parameters", NULL, NULL);
    assert_string_equal(header(&r, "Content-Type"), "application/json");
    expect(r, 200, "{\"name\":\"rl_qlearning\",\"parameters\":{\"actions_n\":3,");
    expect(call(false, "GET", "/", NULL, NULL), 200, "p2pfaas-learner");
    expect(call(false, "GET", "/metrics", NULL, NULL), 404, "no such path");
    expect(call(false, "POST", "/act", "", NULL), 405, "allowed: GET");
    ends();
}

static void test_what_is_wrong_is_refused_and_the_rest_taken(void **state)
{
    static const char *const states[] = {NULL,      "",     "x",    "nan,0,0", "1,2",
                                         "1,2,3,4", "1,,2", "1,2,", "0x1,2,3", "1e99,0,0"};
    static const char *const bad[][4] = {{NULL, "0,0,0", "1", "1"},
                                         {"1", NULL, "1", "1"},
                                         {"1", "0,0,0", NULL, "1"},
                                         {"1", "0,0,0", "1", NULL},
                                         {"-1", "0,0,0", "1", "1"},
                                         {"1.5", "0,0,0", "1", "1"},
                                         {"1", "0,0", "1", "1"},
                                         {"1", "0,0,inf", "1", "1"},
                                         {"1", "0,0,0", "3", "1"},
                                         {"1", "0,0,0", "0.5", "1"},
                                         {"1", "0,0,0", "-1", "1"},
                                         {"1", "0,0,0", "1", "nan"},
                                         {"1", "0,0,0", "1", "1 x"},
                                         {"1", "0,0,0", "1", "1e99"},
                                         {"99999999999999999999", "0,0,0", "1", "1"}};
    static const char *const broken[] = {"", "{", "[1", "[{\"eid\":\"1\"}", "[] []"};

    (void)state;
    begin(SCHEDULER("") LEARNER(""));
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        exactly(act(false, states[i]), 500, "");
        expect(act(true, states[i]), 400, "\"code\":4");
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        exactly(train(false, bad[i][0], bad[i][1], bad[i][2], bad[i][3]), 500, "");
        expect(train(true, bad[i][0], bad[i][1], bad[i][2], bad[i][3]), 400, "right: an eid");
    }
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        expect(batch(false, broken[i]), 400, "<title>400");
        expect(batch(true, broken[i]), 400, "no JSON");
    }
    exactly(batch(false, "[]"), 500, "");
    exactly(batch(false, "{}"), 500, "");
    exactly(call(false, "POST", "/train_batch", "[]", NULL), 500, "");
    expect(batch(false, "[{\"eid\":\"1\",\"state\":\"0,0,0\",\"action\":\"1\"}]"), 500,
           "<title>500");
    expect(batch(true, "[7, null]"), 400, "lacks");
    assert_true(metric(0, "p2pfaas_learner_rewards_bad_total") >= 40);
    /* Of a batch what is right is taken. */
    exactly(batch(false, "[{\"eid\":\"1\",\"state\":\"0,1,0\",\"action\":\"1\",\"reward\":1},"
                         "{\"eid\":\"x\",\"state\":\"0,1,0\",\"action\":\"1\",\"reward\":1},"
                         "{\"eid\":\"2\",\"state\":\"0,1,0\",\"action\":\"1\",\"reward\":1},"
                         "{\"eid\":\"9\",\"state\":\"0,1\",\"action\":\"1\",\"reward\":1},"
                         "{\"eid\":\"3\",\"state\":\"0,2,0\",\"action\":\"0\",\"reward\":0}]"),
            500, "");
    exactly(batch(false, "[{\"eid\":\"4\",\"state\":\"0,2,0\",\"action\":\"1\",\"reward\":1},"
                         "{\"eid\":\"5\",\"state\":\"0,1,0\",\"action\":\"1\",\"reward\":1}]"),
            200, "ok");
    exactly(call(false, "GET", "/learner/weights", NULL, NULL), 200, WEIGHTS);
    ends();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_vector_of_the_original),
        cmocka_unit_test(test_as_a_batch_too),
        cmocka_unit_test(test_its_port_answers_in_its_words),
        cmocka_unit_test(test_what_is_wrong_is_refused_and_the_rest_taken),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
