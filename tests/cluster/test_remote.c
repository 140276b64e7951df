/* A node whose functions are elsewhere: at URLs, and behind an OpenFaaS gateway that is right,
 * wrong, silent, dead, and back. */
#include <arpa/inet.h>
#include <signal.h>
#include <unistd.h>

#include "tests/cluster/support_behind.h"
#include "tests/cluster/support_certificate.h"
#include "tests/cluster/support_outside.h"

enum { PATIENCE = 20 };

static struct outside plain = {.script = "remote_server.py"}, tls = {.script = "remote_server.py"};
static char certificate[96], key[96];

static bool has_seen_it(void *arg)
{
    return outside_has_seen(&plain, arg);
}

/* ---- the node ---- */

static void write_config(const char *variable)
{
    FILE *f = fopen(cluster.config, "we");

    assert_non_null(f);
    fprintf(f,
            "scheduler: {plugin: local}\n"
            "openfaas: {gateway: 'http://localhost:%s/gw/', user: admin, password: hunter2hunter2, "
            "refresh: 200ms}\n"
            "functions:\n"
            "  num: {runtime: http, url: 'http://127.0.0.1:%s/base', timeout: 700ms}\n"
            "  name: {runtime: http, url: 'http://localhost:%s'}\n"
            "  nowhere: {runtime: http, url: 'http://no-such-name.invalid:1/'}\n"
            "  original: {runtime: http}\n"
            "  secure: {runtime: http, url: 'https://localhost:%s/base'}\n"
            "  other: {runtime: http, url: 'https://127.0.0.1:%s'}\n"
            "  there: {runtime: openfaas}\n"
            "  missing: {runtime: openfaas}\n"
            "  made: {runtime: openfaas, image: 'team/made:1', environment: {A: %s}}\n",
            plain.port, plain.port, plain.port, tls.port, tls.port, variable);
    fclose(f);
}

struct wanted_answer {
    const char *path, *part;
    long status;
};

static bool has_answer(void *arg)
{
    const struct wanted_answer *w = arg;
    struct reply r = post_text(0, w->path, "x");
    bool is_right = r.status == w->status && strstr(r.body, w->part);

    reply_free(&r);
    return is_right;
}

static void wait_answer(const char *path, long status, const char *part)
{
    struct wanted_answer w = {path, part, status};

    if (!wait_until(has_answer, &w, PATIENCE))
        expect(post_text(0, path, "x"), status, part);
}

static bool is_up(void *arg)
{
    return metric(0, "p2pfaas_openfaas_up") == *(double *)arg;
}

static void wait_up(double value)
{
    assert_true(wait_until(is_up, &value, PATIENCE));
}

static void state_is(const char *name, const char *state)
{
    char text[256];
    struct reply r = get(0, "/configuration");

    snprintf(text, sizeof(text), "{\"name\":\"%s\",\"runtime\":", name);
    if (!strstr(r.body, text) || !strstr(strstr(r.body, text), state))
        fail_msg("%s is not '%s': %s", name, state, r.body);
    reply_free(&r);
}

static int start(void **state)
{
    static const char *settings[] = {"node.slots=16", NULL};

    (void)state;
    fixture_init(1, fixture_functions);
    cluster.settings = settings;
    outside_find_port(&plain);
    outside_find_port(&tls);
    snprintf(certificate, sizeof(certificate), "%s/certificate.pem", cluster.dir);
    snprintf(key, sizeof(key), "%s/key.pem", cluster.dir);
    assert_int_equal(certificate_make("localhost", certificate, key), 0);
    setenv("SSL_CERT_FILE", certificate, 1);
    write_config("b");
    start_node(0, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    outside_kill(&plain);
    outside_kill(&tls);
    unlink(certificate);
    unlink(key);
    fixture_stop();
    return 0;
}

/* ---- at URLs ---- */

static void test_nobody_is_there_yet(void **state)
{
    (void)state;
    expect(post_text(0, "/function/num", "x"), 502, "refused");
    expect(post_text(0, "/function/name", "x"), 502, "refused");
    expect(post_text(0, "/function/secure", "x"), 502, "https://localhost");
    expect(post_text(0, "/function/nowhere", "x"), 502, "no-such-name.invalid cannot be resolved");
    expect(post_text(0, "/function/original", "x"), 502, "original cannot be resolved");
    expect(post_text(0, "/function/there", "x"), 503, "has not told its functions yet");
    expect(post_text(0, "/function/extra", "x"), 404, "no function 'extra'");
    state_is("num", "refused");
    state_is("nowhere", "cannot be resolved");
    wait_log(0, "the OpenFaaS gateway does not tell its functions");
    wait_up(0);
}

static void test_a_call_is_passed_on_as_it_came(void **state)
{
    static const char *const headers[] = {"X-Asked: yes", "Host: client.example", NULL};
    char host[64];
    struct reply r;

    (void)state;
    outside_start(&plain);
    r = send_method("PUT", 0, "/function/num/a%20b?q=1&r", "body", 4, headers);
    assert_int_equal(r.status, 200);
    assert_string_equal(header(&r, "X-Told"), "yes");
    snprintf(host, sizeof(host), "\"host\": \"127.0.0.1:%s\"", plain.port);
    assert_non_null(strstr(r.body, host));
    assert_non_null(strstr(r.body, "\"path\": \"/base/a%20b?q=1&r\""));
    expect(r, 200, "\"body\": \"body\", \"x\": \"yes\"");
    expect(post_text(0, "/function/num", "x"), 200, "\"path\": \"/base\"");
    expect(post_text(0, "/function/name/a", "x"), 200, "\"path\": \"/a\"");
    expect(get(0, "/function/name"), 200, "\"method\": \"GET\", \"path\": \"/\"");
    state_is("num", "at 127.0.0.1:");
    state_is("name", "resolved 127.0.0.1:");
}

static void test_https_is_for_those_who_can_be_trusted(void **state)
{
    static const char *const headers[] = {"X-Asked: yes", NULL};
    struct reply r;

    (void)state;
    outside_start_tls(&tls, certificate, key);
    wait_answer("/function/secure", 200, "\"path\": \"/base\"");
    r = send_method("POST", 0, "/function/secure/a?q=1", "body", 4, headers);
    assert_string_equal(header(&r, "X-Told"), "yes");
    assert_non_null(strstr(r.body, "\"path\": \"/base/a?q=1\""));
    expect(r, 200, "\"body\": \"body\", \"x\": \"yes\"");
    expect(get(0, "/function/secure"), 200, "\"method\": \"GET\"");
    expect(send_method("DELETE", 0, "/function/secure", NULL, 0, NULL), 200, "DELETE");
    expect(post_text(0, "/function/secure?do=busy", "x"), 503, "busy");
    expect(post_text(0, "/function/secure?do=garbage", "x"), 502, "https://localhost");
    expect(post_text(0, "/function/other", "x"), 502, "https://127.0.0.1");
    state_is("other", "certificate");
}

/* As no client writes it: what comes until the end. */
static const char *heard(const char *request)
{
    static char text[4096];
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)cluster.port),
                            .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t at = 0;
    ssize_t n;

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    while ((n = recv(fd, text + at, sizeof(text) - 1 - at, 0)) > 0)
        at += (size_t)n;
    text[at] = '\0';
    close(fd);
    return text;
}

static void test_a_sharp_is_a_letter_of_the_path(void **state)
{
    const char *answer = heard("GET /function/secure/a#b?c#d HTTP/1.1\r\nHost: x\r\n"
                               "Connection: close\r\n\r\n");

    (void)state;
    if (!strstr(answer, "\"path\": \"/base/a%23b?c%23d\""))
        fail_msg("%s", answer);
}

static void test_what_fails_there_fails_here(void **state)
{
    struct reply r;

    (void)state;
    expect(post_text(0, "/function/num?do=slow", "x"), 504, "did not answer in time");
    expect(post_text(0, "/function/num?do=garbage", "x"), 502, "not HTTP");
    r = post_text(0, "/function/num?do=busy", "x");
    assert_string_equal(header(&r, "Retry-After"), "7");
    assert_string_equal(header(&r, "X-OpenFaaS-Internal"), "proxy");
    expect(r, 503, "busy");
}

/* ---- behind the gateway ---- */

static void test_what_the_gateway_lists_is_offered(void **state)
{
    (void)state;
    wait_up(1);
    wait_answer("/function/extra/a?q", 200, "\"path\": \"/gw/function/extra.openfaas-fn/a?q\"");
    expect(post_text(0, "/function/there", "x"), 200, "/gw/function/there.openfaas-fn\"");
    expect(post_text(0, "/function/extra?do=busy", "x"), 503, "busy");
    expect(post_text(0, "/function/phantom", "x"), 404, "no function 'phantom'");
    expect(post_text(0, "/function/missing", "x"), 502, "does not list it");
    expect(post_text(0, "/function/num", "x"), 200, "\"path\": \"/base\""); /* the file's wins */
    state_is("there", "1 of 2 replicas");
    state_is("missing", "does not list it");
    expect(get(0, "/configuration"), 200, "\"user\":\"admin\",\"password\":\"***\"");
}

struct wanted_state {
    const char *name, *state;
};

static bool has_state(void *arg)
{
    const struct wanted_state *w = arg;
    struct reply r = get(0, "/configuration");
    char text[128];
    const char *row;
    bool has;

    snprintf(text, sizeof(text), "{\"name\":\"%s\",\"runtime\":", w->name);
    row = strstr(r.body, text);
    has = row && strstr(row, w->state) && strstr(row, w->state) < strchr(row, '}');
    reply_free(&r);
    return has;
}

static void wait_state(const char *name, const char *state)
{
    struct wanted_state w = {name, state};

    if (!wait_until(has_state, &w, PATIENCE))
        fail_msg("%s is not '%s'", name, state);
}

static void scale(const char *name, int replicas)
{
    char path[64], wish[96];

    snprintf(path, sizeof(path), "/system/scale-function/%s", name);
    snprintf(wish, sizeof(wish), "{\"serviceName\":\"%s\",\"replicas\":%d}", name, replicas);
    expect(post_text(0, path, wish), 202, "");
}

/* Its replicas are there after 20 lists, which at `refresh` take 4 s; then there are as many as
 * were wanted before, not as many as were available. */
static void test_how_long_it_takes_there_is_measured(void **state)
{
    struct reply r;
    const char *delay;

    (void)state;
    outside_rule(&plain, "late");
    r = get(0, "/monitoring/scale-delay/there");
    delay = strstr(r.body, "\"delay_seconds\":");
    assert_non_null(delay);
    assert_true(strtod(delay + strlen("\"delay_seconds\":"), NULL) < 3);
    expect(r, 200, "\"runtime\":\"openfaas\"");
    assert_true(wait_until(has_seen_it, (void *)(uintptr_t) "\"scaled\": [0, 1, 2]", PATIENCE));
    outside_rule(&plain, "right");
    wait_state("there", "2 of 2 replicas");
}

static void test_it_is_scaled_there(void **state)
{
    (void)state;
    scale("there", 5);
    wait_state("there", "5 of 5 replicas");
    expect(post_text(0, "/system/scale-function/missing", "{\"replicas\":5}"), 400,
           "does not list it");
    expect(post_text(0, "/system/scale-function/num", "{\"replicas\":5}"), 501, "cannot be scaled");
}

static void test_the_last_wish_is_the_last_that_is_told(void **state)
{
    (void)state;
    outside_rule(&plain, "slow");
    for (int i = 6; i < 10; i++)
        scale("there", i);
    assert_true(
        wait_until(has_seen_it, (void *)(uintptr_t) "\"scaled\": [0, 1, 2, 5, 6]", PATIENCE));
    outside_rule(&plain, "right");
    wait_state("there", "9 of 9 replicas");
    assert_true(outside_has_seen(&plain, "\"scaled\": [0, 1, 2, 5, 6, 9]"));
}

static void test_a_wish_that_is_refused_is_told(void **state)
{
    (void)state;
    outside_rule(&plain, "fixed");
    scale("there", 3);
    wait_state("there", "9 of 9 replicas; it cannot be scaled: it answers 500: it has as many");
    expect(get(0, "/monitoring/scale-delay/there"), 502, "it answers 500: it has as many");
    outside_rule(&plain, "right");
    scale("there", 9);
    wait_state("there", "\"9 of 9 replicas\"");
}

static void test_what_is_listed_can_be_removed_there(void **state)
{
    (void)state;
    wait_answer("/function/old", 200, "old");
    outside_rule(&plain, "closed");
    expect(behind_remove("old"), 502, "it answers 401: invalid credentials");
    outside_rule(&plain, "right");
    wait_up(1);
    expect(post_text(0, "/function/old", "x"), 200, "old");
    expect(behind_remove("old.openfaas-fn"), 202, "");
    expect(post_text(0, "/function/old", "x"), 404, "no function 'old'");
    assert_true(
        outside_has_seen(&plain, "{\"functionName\": \"old\", \"namespace\": \"openfaas-fn\"}"));
    behind_wait_lists();
    expect(post_text(0, "/function/old", "x"), 404, "no function 'old'");
    expect(behind_remove("old"), 404, "");
    expect(behind_remove("there"), 409, "change it there");
    assert_false(outside_has_seen(&plain, "{\"functionName\": \"there\""));
}

static void test_what_is_deployed_through_here_is_removed_there(void **state)
{
    static const char sent[] =
        "{\"service\":\"sent\",\"image\":\"team/sent:1\",\"labels\":"
        "{\"team\":\"blue\",\"com.openfaas.scale.max\":\"3\"},\"annotations\":"
        "{\"p2pfaas.runtime\":\"openfaas\",\"topic\":\"faults\"}}";

    (void)state;
    expect(post_text(0, "/system/functions", sent), 202, "");
    wait_answer("/function/sent", 200, "sent.openfaas-fn");
    assert_true(outside_has_seen(
        &plain, "\"labels\": {\"com.openfaas.scale.max\": \"3\", \"team\": \"blue\"}"));
    assert_true(
        outside_has_seen(&plain, "\"annotations\": {\"topic\": \"faults\", \"p2pfaas-settings\":"));
    expect(behind_remove("sent"), 202, "");
    expect(post_text(0, "/function/sent", "x"), 404, "no function 'sent'");
    assert_true(outside_has_seen(&plain, "{\"functionName\": \"sent\""));
    behind_wait_lists();
    expect(post_text(0, "/function/sent", "x"), 404, "no function 'sent'");
}

static void test_a_call_that_comes_back_ends(void **state)
{
    char via[128] = "Via: 1.1 proxy, ", *mark;
    const char *const headers[] = {via, NULL};
    struct reply r = post_text(0, "/function/extra", "x");

    (void)state;
    assert_int_equal(r.status, 200);
    mark = strstr(r.body, "\"via\": \"1.1 p2pfaas-");
    assert_non_null(mark);
    snprintf(via + strlen(via), sizeof(via) - strlen(via), "%.28s", mark + strlen("\"via\": \""));
    reply_free(&r);
    expect(send_method("POST", 0, "/function/extra", "x", 1, headers), 502, "gave the call back");
    expect(send_method("POST", 0, "/function/num", "x", 1, headers), 200, "via");
    via[strlen(via) - 1] ^= 1;
    expect(send_method("POST", 0, "/function/extra", "x", 1, headers), 200,
           "1.1 proxy, 1.1 p2pfaas-");
}

static void test_a_function_with_an_image_is_deployed(void **state)
{
    (void)state;
    wait_answer("/function/made", 200, "/gw/function/made.openfaas-fn\"");
    assert_true(outside_has_seen(&plain, "\"PUT\": 1, \"POST\": 1"));
    assert_true(outside_has_seen(&plain, "\"image\": \"team/made:1\""));
    assert_true(outside_has_seen(&plain, "\"envVars\": {\"A\": \"b\"}"));
    assert_true(log_has(0, "function is deployed"));
    assert_true(metric(0, "p2pfaas_openfaas_deployments_total{answer=\"ok\"}") == 1);
}

static void test_it_is_deployed_again_when_it_changed(void **state)
{
    (void)state;
    write_config("c");
    kill(cluster.node[0].pid, SIGHUP);
    wait_metric(0, "p2pfaas_openfaas_deployments_total{answer=\"ok\"}", 2, PATIENCE);
    assert_true(outside_has_seen(&plain, "\"PUT\": 2, \"POST\": 1"));
    assert_true(outside_has_seen(&plain, "\"envVars\": {\"A\": \"c\"}"));
    kill(cluster.node[0].pid, SIGHUP);
    wait_metric(0, "p2pfaas_reloads_total", 2, PATIENCE);
    wait_answer("/function/made", 200, "made.openfaas-fn");
    assert_true(outside_has_seen(&plain, "\"PUT\": 2, \"POST\": 1"));
}

static void test_one_that_still_has_calls_is_not_deployed_over_its_successor(void **state)
{
    pthread_t caller;

    (void)state;
    behind_deploy("POST", "anew", "team/anew:1");
    wait_answer("/function/anew", 200, "anew.openfaas-fn");
    behind_deploy("PUT", "anew", "team/bad:1");
    wait_state("anew", "it cannot be deployed: it answers 500: no such image");
    caller = behind_call_slowly("anew");
    behind_deploy("PUT", "anew", "team/anew:3");
    assert_true(
        wait_until(has_seen_it, (void *)(uintptr_t) "\"image\": \"team/anew:3\"", PATIENCE));
    behind_wait_lists();
    assert_true(outside_has_seen(&plain, "\"image\": \"team/anew:3\""));
    state_is("anew", "\"1 of 1 replicas\"");
    assert_true(behind_is_called("anew"));
    outside_rule(&plain, "right"); /* the slow one ends */
    pthread_join(caller, NULL);
    expect(behind_remove("anew"), 202, "");
}

static void test_what_is_gone_from_the_list_is_not_offered(void **state)
{
    (void)state;
    outside_rule(&plain, "empty");
    wait_answer("/function/extra", 404, "no function 'extra'");
    expect(post_text(0, "/function/there", "x"), 502, "does not list it");
    outside_rule(&plain, "right");
    wait_answer("/function/extra", 200, "extra");
    wait_answer("/function/there", 200, "there");
}

static void test_a_gateway_that_is_wrong_changes_nothing(void **state)
{
    static const struct {
        const char *word, *said;
    } cases[] = {{"closed", "it answers 401: invalid credentials; see openfaas.user"},
                 {"broken", "it answers 500: it does not work"},
                 {"garbage", "its list of functions is no JSON"},
                 {"huge", "the answer is larger than 2097152 bytes"},
                 {"silent", "time"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        outside_rule(&plain, cases[i].word);
        wait_up(0);
        wait_log(0, cases[i].said);
        expect(post_text(0, "/function/extra", "x"), 200, "extra");
        state_is("extra", "is away");
        outside_rule(&plain, "right");
        wait_up(1);
    }
}

static void test_only_so_many_are_offered(void **state)
{
    (void)state;
    outside_rule(&plain, "many");
    wait_metric(0, "p2pfaas_openfaas_functions", 512, PATIENCE);
    wait_answer("/function/z000507", 404, "error finding function"); /* the gateway's own */
    expect(post_text(0, "/function/z000999", "x"), 404, "no function 'z000999'");
    expect(post_text(0, "/function/extra", "x"), 200, "extra");
    wait_log(0, "more functions than are taken");
    outside_rule(&plain, "right");
    wait_answer("/function/z000001", 404, "no function 'z000001'");
}

static void test_all_die_and_come_back(void **state)
{
    (void)state;
    outside_kill(&plain);
    wait_up(0);
    expect(post_text(0, "/function/num", "x"), 502, "refused");
    expect(post_text(0, "/function/name", "x"), 502, "refused");
    expect(post_text(0, "/function/extra", "x"), 502, "refused");
    expect(post_text(0, "/function/there", "x"), 502, "refused");
    outside_start(&plain);
    wait_answer("/function/name", 200, "\"path\": \"/\"");
    wait_answer("/function/num", 200, "\"path\": \"/base\"");
    wait_answer("/function/extra", 200, "extra");
    wait_up(1);
}

static void *remove_slowly(void *reply)
{
    *(struct reply *)reply = behind_remove("extra");
    return NULL;
}

static void test_it_stops_while_the_gateway_is_silent(void **state)
{
    struct reply r;
    pthread_t caller;

    (void)state;
    outside_rule(&plain, "silent");
    wait_metric(0, "p2pfaas_openfaas_lists_total{answer=\"ok\"}", 1, PATIENCE);
    pthread_create(&caller, NULL, remove_slowly, &r);
    assert_true(wait_until(has_seen_it, (void *)(uintptr_t) "Name\": \"extra\"", PATIENCE));
    assert_true(stop_node(0));
    pthread_join(caller, NULL);
    expect(r, 503, "the node is stopping");
    outside_rule(&plain, "right");
    start_node(0, NULL);
    wait_answer("/function/extra", 200, "extra");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_is_there_yet),
        cmocka_unit_test(test_a_call_is_passed_on_as_it_came),
        cmocka_unit_test(test_https_is_for_those_who_can_be_trusted),
        cmocka_unit_test(test_a_sharp_is_a_letter_of_the_path),
        cmocka_unit_test(test_what_fails_there_fails_here),
        cmocka_unit_test(test_what_the_gateway_lists_is_offered),
        cmocka_unit_test(test_how_long_it_takes_there_is_measured),
        cmocka_unit_test(test_it_is_scaled_there),
        cmocka_unit_test(test_the_last_wish_is_the_last_that_is_told),
        cmocka_unit_test(test_a_wish_that_is_refused_is_told),
        cmocka_unit_test(test_what_is_listed_can_be_removed_there),
        cmocka_unit_test(test_a_call_that_comes_back_ends),
        cmocka_unit_test(test_a_function_with_an_image_is_deployed),
        cmocka_unit_test(test_it_is_deployed_again_when_it_changed),
        cmocka_unit_test(test_what_is_deployed_through_here_is_removed_there),
        cmocka_unit_test(test_one_that_still_has_calls_is_not_deployed_over_its_successor),
        cmocka_unit_test(test_what_is_gone_from_the_list_is_not_offered),
        cmocka_unit_test(test_a_gateway_that_is_wrong_changes_nothing),
        cmocka_unit_test(test_only_so_many_are_offered),
        cmocka_unit_test(test_all_die_and_come_back),
        cmocka_unit_test(test_it_stops_while_the_gateway_is_silent),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
