/* The learner asked, taught and looked at over HTTP, as that of the original and as ours. */
#include <fcntl.h>
#include <pthread.h>
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

/* ---- what a client is told, and tells back ---- */

#define TOLD "X-P2pfaas-Scheduler-Learning-"

static struct reply job(const char *type)
{
    char line[64];
    const char *const headers[] = {line, NULL};

    snprintf(line, sizeof(line), TOLD "Task-Type: %s", type ? type : "");
    return send_method("POST", 0, "/function/echo", "x", 1, type ? headers : NULL);
}

static void told(struct reply r, long status, const char *state, char eid[32])
{
    const char *action;

    assert_int_equal(r.status, status);
    snprintf(eid, 32, "%s", header(&r, TOLD "Eid"));
    assert_true(strlen(eid) > 0 && strspn(eid, "0123456789") == strlen(eid));
    assert_string_equal(header(&r, TOLD "State"), state);
    action = header(&r, TOLD "Action");
    assert_string_equal(action, status == 503 ? "0.000000" : "1.000000");
    assert_string_equal(header(&r, TOLD "Eps"), "0.000000");
    reply_free(&r);
}

static void test_answers_tell_the_choice(void **state)
{
    char eid[32], before[32];
    struct reply r;

    (void)state;
    begin(SCHEDULER(", reject: false, task_types: 3") LEARNER(", epsilon: 0, epsilon_min: 0"));
    told(job(NULL), 200, "0.000000,0.000000,0.000000,0.000000,0.000000,0.000000,0.000000", before);
    told(job("1"), 200, "1.000000,0.000000,0.000000,0.000000,0.000000,0.000000,0.000000", eid);
    assert_true(strtoull(eid, NULL, 10) == strtoull(before, NULL, 10) + 1);
    told(job("7"), 200, "2.000000,0.000000,0.000000,0.000000,0.000000,0.000000,0.000000", eid);
    told(job("x"), 200, "0.000000,0.000000,0.000000,0.000000,0.000000,0.000000,0.000000", eid);
    told(job("-1"), 200, "0.000000,0.000000,0.000000,0.000000,0.000000,0.000000,0.000000", eid);
    ends();
    /* What costs to run is refused. */
    begin(SCHEDULER(", reward: external") LEARNER(", epsilon: 0, epsilon_min: 0"));
    exactly(batch(true, "[{\"eid\":\"1\",\"state\":\"0,0,0\",\"action\":\"1\",\"reward\":-9},"
                        "{\"eid\":\"2\",\"state\":\"0,0,0\",\"action\":\"2\",\"reward\":-9},"
                        "{\"eid\":\"3\",\"state\":\"0,0,0\",\"action\":\"0\",\"reward\":9},"
                        "{\"eid\":\"4\",\"state\":\"0,0,0\",\"action\":\"0\",\"reward\":9}]"),
            200, "ok");
    wait_metric(0, "p2pfaas_learner_transitions_total", 3, 10);
    told(job(NULL), 503, "0.000000,0.000000,0.000000", eid);
    select_scheduler(0, "{\"name\":\"local\",\"parameters\":{}}");
    r = job(NULL);
    assert_string_equal(header(&r, TOLD "Eid"), "");
    reply_free(&r);
    ends();
}

#define OUTSIDE SCHEDULER(", reward: external, reject: false")

static void reload_expiry(void)
{
    static const char learner[] =
        "learner: {plugin: rl_qlearning, batch_interval: 5ms, expiry: 10ms, parameters: {}}\n";
    FILE *f = fopen(cluster.config, "we");

    assert_non_null(f);
    fprintf(f, "%s%s%s", OUTSIDE, learner, fixture_functions);
    fclose(f);
    kill(cluster.node[0].pid, SIGHUP);
    wait_metric(0, "p2pfaas_reloads_total", 1, 20);
}

static void test_rewards_from_outside_by_episode(void **state)
{
    char eid[32], next[32];

    (void)state;
    begin(OUTSIDE LEARNER(", epsilon: 0, epsilon_min: 0"));
    told(job(NULL), 200, "0.000000,0.000000,0.000000", eid);
    told(job(NULL), 200, "0.000000,0.000000,0.000000", next);
    assert_true(metric(0, "p2pfaas_learner_episodes ") == 2);
    exactly(train(true, eid, "0.000000,0.000000,0.000000", "1.000000", "0.5"), 200, "ok");
    exactly(train(true, eid, "0,0,0", "1", "0.5"), 200, "ok");
    expect(train(true, next, "0,0,0", "1", "nan"), 400, "right: an eid");
    assert_true(metric(0, "p2pfaas_learner_episodes_ended_total{how=\"rewarded\"}") == 1);
    assert_true(metric(0, "p2pfaas_learner_rewards_dropped_total{why=\"duplicate\"}") == 1);
    exactly(train(true, next, "0,0,0", "1", "1"), 200, "ok");
    assert_true(metric(0, "p2pfaas_learner_episodes ") == 0);
    wait_metric(0, "p2pfaas_learner_transitions_total", 2, 10);
    /* Of a choice that was asked for over HTTP too. */
    {
        struct reply r = act(true, "0,3,0");

        snprintf(eid, sizeof(eid), "%s", header(&r, "X-P2pfaas-Learning-Eid"));
        reply_free(&r);
        exactly(train(true, eid, "0,3,0", "1", "1"), 200, "ok");
        wait_metric(0, "p2pfaas_learner_transitions_total", 3, 10);
    }
    /* One whose time is over. */
    reload_expiry();
    told(job(NULL), 200, "0.000000,0.000000,0.000000", eid);
    wait_metric(0, "p2pfaas_learner_episodes_ended_total{how=\"expired\"}", 1, 10);
    exactly(train(true, eid, "0,0,0", "1", "1"), 200, "ok");
    assert_true(metric(0, "p2pfaas_learner_rewards_dropped_total{why=\"expired\"}") == 1);
    ends();
}

static void test_the_function_may_say_the_reward(void **state)
{
    static const char function[] = "functions:\n"
                                   "  paid: {command: [printf, 'X-P2pfaas-Learning-Reward: "
                                   "0.25\\r\\n\\r\\nx'], cgi_headers: true}\n"
                                   "  odd: {command: [printf, 'X-P2pfaas-Learning-Reward: "
                                   "nan\\r\\n\\r\\nx'], cgi_headers: true}\n";
    FILE *f = fopen(cluster.config, "we");
    struct reply r;

    (void)state;
    assert_non_null(f);
    fprintf(
        f,
        SCHEDULER(
            ", reward: header, reject: false") "learner: {plugin: rl_qlearning, batch_interval: "
                                               "5ms, parameters: {alpha: 1, gamma: 0, "
                                               "epsilon: 0, epsilon_min: 0}}\n%s",
        function);
    fclose(f);
    start_node(0, NULL);
    r = post_text(0, "/function/paid", "");
    assert_int_equal(r.status, 200);
    assert_string_equal(header(&r, "X-P2pfaas-Learning-Reward"), "");
    reply_free(&r);
    expect(get(0, "/learner/policy?state=0,0,0"), 200, "\"values\":[0.0, 0.25, 0.0],\"best\":1");
    expect(post_text(0, "/function/odd", ""), 200, "x"); /* as by the deadline */
    expect(get(0, "/learner/policy?state=0%2C0%2C0"), 200, "\"values\":[0.0, 1.0, 0.0]");
    ends();
}

/* ---- as a whole ---- */

static void test_the_policy_is_readable(void **state)
{
    static const char *const plain[] = {"Accept: text/plain", NULL};

    (void)state;
    begin(SCHEDULER("") LEARNER(""));
    expect(get(0, "/learner/policy"), 200, "\"states\":[]}");
    for (int i = 0; i < 5; i++) {
        char eid[8];

        snprintf(eid, sizeof(eid), "%d", i + 1);
        exactly(train(true, eid, vector[i][0], vector[i][1], vector[i][2]), 200, "ok");
    }
    expect(get(0, "/learner/policy"), 200,
           "{\"state\":[0,1,0],\"values\":[0.0, 0.0098, 0.0],\"best\":1}");
    expect(get(0, "/learner/policy?limit=1"), 200, "\"best\":1}]}");
    expect(call(true, "GET", "/learner/policy", NULL, plain), 200,
           "0,2,0                      -0.009998     0.010198*           0");
    expect(get(0, "/learner/policy?limit=0"), 400, "allowed: 1 to");
    expect(get(0, "/learner/policy?state=1"), 400,
           "the state has 1 numbers; rl_qlearning learns in 3");
    expect(get(0, "/learner/policy?state=a"), 400, "right: finite numbers");
    ends();
}

static void test_parameters_and_selections(void **state)
{
    (void)state;
    begin(SCHEDULER("") LEARNER(""));
    expect(call(true, "POST", "/learner/parameters",
                "{\"alpha\":0.5,\"epsilon_start\":0.25,\"window_size\":5,\"unknown\":[]}", json),
           200, "");
    expect(get(0, "/learner/parameters"), 200, "\"alpha\":0.5,");
    expect(get(0, "/learner/stats"), 200, "\"epsilon\":0.25,");
    expect(call(true, "POST", "/learner/parameters", "{\"alpha\":7}", json), 400, "alpha");
    expect(call(true, "POST", "/learner/parameters", "{\"alpha\":[]}", json), 400, "alpha is no");
    expect(call(true, "POST", "/learner/parameters", "null", json), 400, "no object");
    exactly(call(false, "POST", "/learner/parameters", "null", json), 500, "");
    expect(get(0, "/configuration/learner"), 200, "{\"name\":\"rl_qlearning\",\"parameters\":{");
    expect(post_text(0, "/configuration/learner", "{\"name\":\"nobody\"}"), 500,
           "no learner 'nobody'");
    expect(post_text(0, "/configuration/learner", "{\"name\":\"\"}"), 500, "needs a learner");
    expect(
        post_text(0, "/configuration/learner", "{\"name\":\"dqn\",\"parameters\":{\"hidden\":8}}"),
        200, "");
    expect(get(0, "/configuration/learner"), 200, "{\"name\":\"dqn\",\"parameters\":{\"layers\":1");
    select_scheduler(0, "{\"name\":\"local\",\"parameters\":{}}");
    expect(post_text(0, "/configuration/learner", "{\"name\":\"\"}"), 200, "");
    expect(get(0, "/learner/policy"), 200, "\"states\":[]");
    expect(get(0, "/learner/policy?state=0"), 400, "no learner at work");
    expect(act(true, "0,0,0"), 400, "no learner at work");
    expect(train(true, "1", "0,0,0", "1", "1"), 400, "no learner at work");
    expect(get(0, "/learner/reset"), 400, "no learner at work");
    ends();
}

static void test_a_restart_keeps_weights_and_epsilon(void **state)
{
    (void)state;
    begin(SCHEDULER("") LEARNER(""));
    for (int i = 0; i < 5; i++) {
        char eid[8];

        snprintf(eid, sizeof(eid), "%d", i + 1);
        exactly(train(true, eid, vector[i][0], vector[i][1], vector[i][2]), 200, "ok");
    }
    exactly(get(0, "/learner/weights"), 200, WEIGHTS);
    assert_true(stop_node(0));
    start_node(0, NULL);
    exactly(get(0, "/learner/weights"), 200, WEIGHTS);
    expect(get(0, "/learner/stats"), 200, "\"epsilon\":0.1,"); /* 0.9 halved, down to the least */
    /* What was saved by hand outlives a kill; what was reset does too. */
    unlink(file);
    expect(call(true, "POST", "/learner/save", "", NULL), 200, "");
    cluster_stop(&cluster, 0, SIGKILL, 10);
    start_node(0, NULL);
    exactly(get(0, "/learner/weights"), 200, WEIGHTS);
    exactly(get(0, "/learner/reset"), 200, "");
    cluster_stop(&cluster, 0, SIGKILL, 10);
    start_node(0, NULL);
    expect(get(0, "/learner/weights"), 200, "\"states_map\": {}");
    expect(get(0, "/learner/stats"), 200, "\"epsilon\":0.9,");
    ends();
}

struct saving {
    struct reply reply;
    _Atomic bool answered;
};

static void *save_it(void *arg)
{
    struct saving *s = arg;

    s->reply = post_text(0, "/learner/save", "");
    s->answered = true;
    return NULL;
}

/* Who opens a FIFO to write waits for one who reads. */
static void test_a_slow_disk_keeps_nobody_else_waiting(void **state)
{
    struct saving s = {.answered = false};
    char slow[160];
    pthread_t thread;
    int fd;

    (void)state;
    begin(SCHEDULER("") LEARNER(""));
    snprintf(slow, sizeof(slow), "%s.new", file);
    assert_int_equal(mkfifo(slow, 0600), 0);
    assert_int_equal(pthread_create(&thread, NULL, save_it, &s), 0);
    for (int i = 0; i < 50; i++) {
        expect(get(0, "/readyz"), 200, NULL);
        expect(get(0, "/cluster"), 200, NULL);
        expect(get(0, "/configuration"), 200, NULL);
        expect(post_text(0, "/configuration", "{\"queue_length_max\":9}"), 200, NULL);
    }
    assert_false(s.answered);
    fd = open(slow, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    assert_true(fd >= 0);
    pthread_join(thread, NULL);
    expect(s.reply, 500, slow); /* a FIFO is no disk */
    close(fd);
    unlink(slow);
    expect(post_text(0, "/learner/save", ""), 200, "");
    ends();
}

static void test_a_port_that_is_taken_is_told(void **state)
{
    char command[600], said[4096];
    struct reply r;
    size_t n;
    FILE *second;

    (void)state;
    begin(SCHEDULER("") LEARNER(""));
    snprintf(command, sizeof(command),
             "timeout 20 %s --config %s --set node.port=29999 --set discovery.source=none --set "
             "learner.port=%d 2>&1",
             cluster.binary, cluster.config, cluster.learner_port);
    second = popen(command, "r");
    assert_non_null(second);
    n = fread(said, 1, sizeof(said) - 1, second);
    said[n] = '\0';
    assert_int_not_equal(pclose(second), 0);
    if (!strstr(said, "another node may run there, see learner.port"))
        fail_msg("%s", said);
    ends();
    begin("scheduler: {plugin: local}\n");
    r = call(false, "GET", "/", NULL, NULL);
    assert_int_equal(r.status, 0);
    reply_free(&r);
    ends();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_vector_of_the_original),
        cmocka_unit_test(test_as_a_batch_too),
        cmocka_unit_test(test_its_port_answers_in_its_words),
        cmocka_unit_test(test_what_is_wrong_is_refused_and_the_rest_taken),
        cmocka_unit_test(test_answers_tell_the_choice),
        cmocka_unit_test(test_rewards_from_outside_by_episode),
        cmocka_unit_test(test_the_function_may_say_the_reward),
        cmocka_unit_test(test_the_policy_is_readable),
        cmocka_unit_test(test_parameters_and_selections),
        cmocka_unit_test(test_a_restart_keeps_weights_and_epsilon),
        cmocka_unit_test(test_a_slow_disk_keeps_nobody_else_waiting),
        cmocka_unit_test(test_a_port_that_is_taken_is_told),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
