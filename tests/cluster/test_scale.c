/* So many replicas of a function are wanted, and what that takes is measured: programs. */
#include <pthread.h>
#include <signal.h>

#include <cjson/cJSON.h>

#include "tests/cluster/fixture.h"

static const double PATIENCE = 15;

static const char functions[] =
    "functions:\n"
    "  echo: {mode: http, command: ['${BIN}/functions/echo']}\n"
    "  ahead: {mode: http, start: ahead, command: ['${BIN}/functions/echo']}\n"
    "  sleep: {mode: http, command: ['${BIN}/functions/sleep']}\n"
    "  cat: {command: [cat]}\n"
    "  missing: {command: [/nonexistent/program]}\n"
    "  dies: {mode: http, command: [false], start_timeout: 500ms}\n";

static int start(void **state)
{
    (void)state;
    fixture_start(1, functions, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

/* ---- what there is ---- */

struct wanted {
    const char *function, *state;
};

static bool is_so(void *arg)
{
    const struct wanted *w = arg;
    struct reply r = get(0, "/configuration");
    cJSON *json = cJSON_Parse(r.body);
    const cJSON *row;
    bool so = false;

    cJSON_ArrayForEach(row, cJSON_GetObjectItem(json, "functions"))
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(row, "name"));
        const char *state = cJSON_GetStringValue(cJSON_GetObjectItem(row, "state"));

        so |= strcmp(name, w->function) == 0 && strstr(state, w->state);
    }
    cJSON_Delete(json);
    reply_free(&r);
    return so;
}

static void wait_state(const char *function, const char *state)
{
    struct wanted w = {function, state};

    if (!wait_until(is_so, &w, PATIENCE))
        fail_msg("function %s is not '%s'", function, state);
}

static void scale(const char *function, const char *json, long status, const char *part)
{
    char path[96];

    snprintf(path, sizeof(path), "/system/scale-function/%s", function);
    expect(post_text(0, path, json), status, part);
}

/* ---- POST /system/scale-function ---- */

static void one_starts_and_none_ends(void **state)
{
    struct reply r;

    (void)state;
    wait_state("echo", "stopped");
    scale("echo", "{\"serviceName\":\"echo\",\"replicas\":1}", 202, "");
    wait_state("echo", "ready");
    scale("echo", "{\"serviceName\":\"echo\",\"replicas\":0}", 202, "");
    wait_state("echo", "stopped");
    r = post_text(0, "/function/echo", "hello");
    assert_string_equal(r.body, "hello");
    assert_string_not_equal(header(&r, "X-P2pfaas-Timing-Cold-Start-Seconds-List"), "");
    reply_free(&r);
    r = post_text(0, "/function/echo", "hello");
    assert_string_equal(header(&r, "X-P2pfaas-Timing-Cold-Start-Seconds-List"), "");
    reply_free(&r);
}

static void function_that_runs_ahead_rests_until_it_is_called(void **state)
{
    (void)state;
    wait_state("ahead", "ready");
    scale("ahead", "{\"replicas\":0}", 202, "");
    wait_state("ahead", "stopped");
    expect(post_text(0, "/function/ahead", "hello"), 200, "hello");
    wait_state("ahead", "ready");
}

static void name_and_body_may_tell_the_namespace(void **state)
{
    (void)state;
    scale("echo.openfaas-fn", "{\"serviceName\":\"echo\",\"replicas\":1}", 202, "");
    scale("echo", "{\"serviceName\":\"echo.openfaas-fn\",\"replicas\":1}", 202, "");
    scale("echo", "{\"replicas\":1,\"namespace\":\"openfaas-fn\"}", 202, "");
    scale("echo", "{\"replicas\":1,\"namespace\":\"\"}", 202, "");
    scale("echo", "{\"replicas\":1,\"namespace\":\"other\"}", 400, "allowed: openfaas-fn, or none");
    scale("echo.other", "{\"replicas\":1}", 404, "no function 'echo.other' here");
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    scale("nobody", "{\"replicas\":1}", 404, "no function 'nobody' here; known: ");
    scale("missing", "{\"replicas\":1}", 502, "function 'missing' cannot be run");
    scale("echo", "{\"replicas\":", 400, "not JSON");
    scale("echo", "", 400, "not JSON");
    scale("echo", "[1]", 400, "an object is expected");
    scale("echo", "{\"serviceName\":\"echo\"}", 400, "replicas must be an integer from 0");
    scale("echo", "{\"replicas\":-1}", 400, "replicas must be an integer from 0");
    scale("echo", "{\"replicas\":0.5}", 400, "replicas must be an integer from 0");
    scale("echo", "{\"replicas\":1e300}", 400, "replicas must be an integer from 0");
    scale("echo", "{\"replicas\":\"1\"}", 400, "replicas must be an integer from 0");
    scale("echo", "{\"replicas\":2}", 400, "it can have 0 or 1 replicas");
    scale("echo", "{\"replicas\":1,\"serviceName\":\"cat\"}", 400, "serviceName is another");
    scale("cat", "{\"replicas\":1}", 202, "");
    scale("cat", "{\"replicas\":0}", 400, "it can only have 1 replica");
    expect(get(0, "/system/scale-function/echo"), 405, "allowed: POST");
    expect(post_text(0, "/system/scale-function/", "{\"replicas\":1}"), 404, "no such path");
}

static bool is_hello(const struct reply *r)
{
    return r->status == 200 && strcmp(r->body, "hello") == 0;
}

static void none_under_load_fails_no_call(void **state)
{
    unsigned right, wrong;
    char why[256];
    struct load *l;

    (void)state;
    l = load_start(0, 4, "/function/echo", "hello", is_hello);
    for (unsigned i = 0; i < 20; i++) {
        unsigned before = load_right(l);

        scale("echo", "{\"replicas\":0}", 202, "");
        for (double end = seconds_now() + PATIENCE; load_right(l) < before + 20;)
            assert_true(seconds_now() < end);
    }
    right = load_stop(l, &wrong, why);
    if (wrong)
        fail_msg("%u of %u wrong: %s", wrong, right + wrong, why);
}

/* ---- GET /monitoring/scale-delay ---- */

static double number(const cJSON *json, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(json, key);

    if (!cJSON_IsNumber(item))
        fail_msg("no number %s", key);
    return item->valuedouble;
}

static void delay_is_measured(void **state)
{
    struct reply r;
    cJSON *json, *phases;

    (void)state;
    scale("echo", "{\"replicas\":1}", 202, "");
    wait_state("echo", "ready");
    r = get(0, "/monitoring/scale-delay/echo.openfaas-fn");
    assert_int_equal(r.status, 200);
    json = cJSON_Parse(r.body);
    phases = cJSON_GetObjectItem(json, "phases");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "name")), "echo");
    assert_true(number(phases, "create") == 0);
    assert_true(number(phases, "start") > 0 && number(phases, "ready") > 0);
    assert_true(number(json, "delay_seconds") >= number(phases, "start") + number(phases, "ready"));
    assert_true(number(json, "removal_seconds") > 0);
    cJSON_Delete(json);
    reply_free(&r);
    wait_state("echo", "ready");
}

static void function_that_had_none_has_none_again(void **state)
{
    (void)state;
    scale("echo", "{\"replicas\":0}", 202, "");
    wait_state("echo", "stopped");
    expect(get(0, "/monitoring/scale-delay/echo"), 200, "\"delay_seconds\":");
    wait_state("echo", "stopped");
}

static void delay_that_cannot_be_measured_is_said(void **state)
{
    (void)state;
    expect(get(0, "/monitoring/scale-delay/nobody"), 404, "no function 'nobody' here");
    expect(get(0, "/monitoring/scale-delay/missing"), 502, "cannot be run");
    expect(get(0, "/monitoring/scale-delay/cat"), 501, "it can only have 1 replica");
    expect(get(0, "/monitoring/scale-delay/echo?timeout=0"), 400, "timeout must be a number");
    expect(get(0, "/monitoring/scale-delay/echo?timeout=1x"), 400, "timeout must be a number");
    expect(get(0, "/monitoring/scale-delay/dies?timeout=0.3"), 504,
           "no replica was available within 0.3 s: ");
    wait_state("dies", "stopped");
}

struct caller {
    const char *path;
    struct reply reply;
    pthread_t thread;
};

static void *call(void *arg)
{
    struct caller *c = arg;

    c->reply = get(0, c->path);
    return NULL;
}

static void call_aside(struct caller *c, const char *path)
{
    c->path = path;
    assert_int_equal(pthread_create(&c->thread, NULL, call, c), 0);
}

/* Measured for a moment. */
static const char again[] = "/monitoring/scale-delay/dies?timeout=0.001";

static bool may_measure(void *arg)
{
    struct reply r = get(0, again);
    bool may = r.status != 409;

    (void)arg;
    reply_free(&r);
    return may;
}

static void calls_at_work_are_not_disturbed_unless_told_to(void **state)
{
    struct caller c;

    (void)state;
    call_aside(&c, "/function/sleep?us=1000000");
    wait_state("sleep", "ready");
    expect(get(0, "/monitoring/scale-delay/sleep"), 409,
           "it has calls at work; ?force measures nevertheless");
    expect(get(0, "/monitoring/scale-delay/sleep?force"), 200, "\"delay_seconds\":");
    pthread_join(c.thread, NULL);
    expect(c.reply, 200, "1000000");
}

static void one_measures_at_a_time(void **state)
{
    struct caller c;

    (void)state;
    wait_state("dies", "stopped");
    call_aside(&c, "/monitoring/scale-delay/dies?timeout=1");
    wait_state("dies", "back-off");
    expect(get(0, again), 409, "its scale delay is measured already");
    expect(get(0, "/monitoring/scale-delay/echo"), 200, "");
    pthread_join(c.thread, NULL);
    expect(c.reply, 504, "no replica was available within 1 s");
}

static void measurement_ends_with_its_client(void **state)
{
    struct request rq = {.url = url_of(0, "/monitoring/scale-delay/dies"), .timeout = 0.2};
    struct reply r;

    (void)state;
    http_call(&rq, &r);
    assert_int_equal(r.status, 0);
    reply_free(&r);
    assert_true(wait_until(may_measure, NULL, PATIENCE));
    wait_state("dies", "stopped");
}

static void node_that_stops_ends_a_measurement(void **state)
{
    struct caller c;
    double began;

    (void)state;
    wait_state("dies", "stopped");
    call_aside(&c, "/monitoring/scale-delay/dies");
    wait_state("dies", "back-off");
    began = seconds_now();
    assert_true(stop_node(0));
    assert_true(seconds_now() - began < 10);
    pthread_join(c.thread, NULL);
    expect(c.reply, 503, "the client hung up, or the node stops");
    start_node(0, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_starts_and_none_ends),
        cmocka_unit_test(function_that_runs_ahead_rests_until_it_is_called),
        cmocka_unit_test(name_and_body_may_tell_the_namespace),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(none_under_load_fails_no_call),
        cmocka_unit_test(delay_is_measured),
        cmocka_unit_test(function_that_had_none_has_none_again),
        cmocka_unit_test(delay_that_cannot_be_measured_is_said),
        cmocka_unit_test(calls_at_work_are_not_disturbed_unless_told_to),
        cmocka_unit_test(one_measures_at_a_time),
        cmocka_unit_test(measurement_ends_with_its_client),
        cmocka_unit_test(node_that_stops_ends_a_measurement),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
