/* What faas-cli asks of a gateway of OpenFaaS, each call as it makes it. */
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/cluster/support_gateway.h"

static char data_setting[160];
static const char *data;
static const char *settings[] = {data_setting, "docker.socket=/nonexistent/docker.sock",
                                 "node.slots=8", "node.queue=100", NULL};

static int begin(void **state)
{
    (void)state;
    fixture_init(1, fixture_functions);
    data = gateway_data(data_setting);
    cluster.settings = settings;
    start_node(0, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

/* ---- login ---- */

static void login_is(const char *login, long status)
{
    struct reply r = cli(0, "GET", "/system/functions", login, NULL);

    assert_int_equal(r.status, status);
    if (status == 401)
        assert_non_null(strstr(header(&r, "WWW-Authenticate"), "Basic realm="));
    reply_free(&r);
}

static void test_login(void **state)
{
    const char *more[] = {"security.user=admin", "security.password=open sesame", NULL};

    (void)state;
    kill_and_start(0, more);
    login_is("Basic YWRtaW46b3BlbiBzZXNhbWU=", 200); /* admin:open sesame */
    login_is("Basic YWRtaW46d3Jvbmc=", 401);         /* admin:wrong */
    login_is("Bearer ", 401);
    login_is("Bearer", 401);
    login_is("", 401);
    cli_expect(0, "POST", "/system/functions", "{\"service\":\"f\",\"image\":\"i\"}", 401, NULL);
    cli_expect(0, "POST", "/function/cat.openfaas-fn", "hello", 200, "hello");
    cli_expect(0, "GET", "/healthz", NULL, 200, NULL);
    kill_and_start(0, NULL);
    login_is("Bearer ", 200);
    login_is("Bearer", 200);
    login_is("Basic YWRtaW46d3Jvbmc=", 200);
}

/* ---- deploy, list, describe, invoke, remove ---- */

static const char up[] =
    "{\"service\":\"up\",\"image\":\"tr\",\"envVars\":{\"A\":\"b\"},\"labels\":{\"team\":\"x\"},"
    "\"annotations\":{\"p2pfaas.command\":\"tr a-z A-Z\",\"p2pfaas.runtime\":\"process\"}}";
static const char down[] =
    "{\"service\":\"up\",\"image\":\"tr\",\"namespace\":\"openfaas-fn\",\"labels\":{},"
    "\"annotations\":{\"p2pfaas.command\":\"tr A-Z a-z\",\"p2pfaas.runtime\":\"process\"}}";

static void is_listed(const cJSON *f, double invocations)
{
    const cJSON *created = cJSON_GetObjectItemCaseSensitive(f, "createdAt");
    struct tm when = {0};

    assert_non_null(f);
    assert_string_equal(json_text(f, "name"), "up");
    assert_string_equal(json_text(f, "image"), "tr");
    assert_string_equal(json_text(f, "namespace"), "openfaas-fn");
    assert_string_equal(json_text(cJSON_GetObjectItem(f, "envVars"), "A"), "b");
    assert_string_equal(json_text(cJSON_GetObjectItem(f, "labels"), "team"), "x");
    assert_string_equal(json_text(cJSON_GetObjectItem(f, "annotations"), "p2pfaas.runtime"),
                        "process");
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(f, "replicas")) == 1);
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(f, "availableReplicas")) == 1);
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(f, "invocationCount")) == invocations);
    assert_non_null(strptime(created->valuestring, "%Y-%m-%dT%H:%M:%SZ", &when));
    assert_null(cJSON_GetObjectItem(f, "usage"));
}

static void test_up_list_describe_invoke_remove(void **state)
{
    cJSON *list, *one;

    (void)state;
    cli_expect(0, "PUT", "/system/functions", up, 404, "no function 'up' was deployed");
    cli_expect(0, "POST", "/system/functions", up, 202, "");
    cli_expect(0, "POST", "/system/functions", up, 409, "'up' is deployed already");
    cli_expect(0, "POST", "/function/up.openfaas-fn", "Hello", 200, "HELLO");
    cli_expect(0, "POST", "/function/up.openfaas-fn/a?b=c", "Hello", 200, "HELLO");
    cli_expect(0, "POST", "/function/up", "Hello", 200, "HELLO");
    cli_expect(0, "POST", "/function/up.dev", "Hello", 404, NULL);
    list = cli_json(0, "/system/functions?namespace=openfaas-fn");
    is_listed(find_listed(list, "up"), 3);
    cJSON_Delete(list);
    one = cli_json(0, "/system/function/up?usage=1");
    is_listed(one, 3);
    cJSON_Delete(one);
    one = cli_json(0, "/system/function/up.openfaas-fn?usage=1&namespace=openfaas-fn");
    is_listed(one, 3);
    cJSON_Delete(one);
    cli_expect(0, "PUT", "/system/functions", down, 202, "");
    cli_expect(0, "POST", "/function/up.openfaas-fn", "Hello", 200, "hello");
    /* --replace */
    cli_expect(0, "DELETE", "/system/functions",
               "{\"functionName\":\"up\",\"namespace\":\"openfaas-fn\"}", 202, "");
    cli_expect(0, "POST", "/system/functions", up, 202, "");
    cli_expect(0, "POST", "/function/up.openfaas-fn", "Hello", 200, "HELLO");
    assert_true(gateway_has_file(data, "functions/up.json"));
    cli_expect(0, "DELETE", "/system/functions", "{\"functionName\":\"up\"}", 202, "");
    cli_expect(0, "DELETE", "/system/functions", "{\"functionName\":\"up\"}", 404, "'up'");
    assert_false(gateway_has_file(data, "functions/up.json"));
    cli_expect(0, "POST", "/function/up.openfaas-fn", "Hello", 404, NULL);
    cli_expect(0, "GET", "/system/function/up?usage=1", NULL, 404, "no function 'up' here");
}

static void test_a_scheduler_of_its_own(void **state)
{
    static const char form[] = "{\"service\":\"up\",\"image\":\"tr\",\"annotations\":{"
                               "\"p2pfaas.runtime\":\"process\",\"p2pfaas.command\":\"tr a-z A-Z\","
                               "\"p2pfaas.slots\":\"2\",\"p2pfaas.scheduler\":\"%s\"}}";
    char body[512];

    (void)state;
    snprintf(body, sizeof(body), form, "nosuch");
    cli_expect(0, "POST", "/system/functions", body, 400, "no scheduler 'nosuch'");
    cli_expect(0, "GET", "/system/function/up", NULL, 404, NULL);
    assert_false(gateway_has_file(data, "functions/up.json"));
    snprintf(body, sizeof(body), form, "random");
    cli_expect(0, "POST", "/system/functions", body, 202, "");
    snprintf(body, sizeof(body), form, "nosuch");
    cli_expect(0, "PUT", "/system/functions", body, 400, "no scheduler 'nosuch'");
    kill_and_start(0, NULL);
    cli_expect(0, "GET", "/system/function/up", NULL, 200, "\"p2pfaas.scheduler\":\"random\"");
    cli_expect(0, "POST", "/function/up", "x", 200, "X");
    assert_int_equal(cli_remove(0, "up"), 202);
}

static void test_names_with_dots(void **state)
{
    (void)state;
    assert_int_equal(cli_deploy(0, "POST", "a.b", "tr a-z A-Z", ""), 202);
    cli_expect(0, "POST", "/function/a.b", "x", 200, "X");
    cli_expect(0, "POST", "/function/a.b.openfaas-fn", "x", 200, "X");
    cli_expect(0, "GET", "/system/function/a.b.openfaas-fn", NULL, 200, "\"name\":\"a.b\"");
    cli_expect(0, "GET", "/system/function/a.b.dev", NULL, 404, NULL);
    assert_int_equal(cli_remove(0, "a.b.openfaas-fn"), 202);
    assert_int_equal(cli_remove(0, "a.b"), 404);
}

static void test_a_name_that_ends_in_the_namespace(void **state)
{
    (void)state;
    cli_expect(0, "POST", "/system/functions", "{\"service\":\"f.openfaas-fn\",\"image\":\"i\"}",
               400, "allowed: f");
    cli_expect(0, "PUT", "/system/functions", "{\"service\":\"f.openfaas-fn\",\"image\":\"i\"}",
               400, "allowed: f");
}

static void test_queries_are_unescaped(void **state)
{
    (void)state;
    cli_expect(0, "GET", "/system/functions?namespace=openfaas%2Dfn", NULL, 200, "cat");
    cli_expect(0, "GET", "/system/secrets?namespace=%6fpenfaas-fn", NULL, 200, "[");
    cli_expect(0, "GET", "/configuration/scheduler?function=c%61t", NULL, 200, "\"cat\"");
    cli_expect(0, "GET", "/system/functions?namespace=dev%2D", NULL, 400, "'dev-'");
    cli_expect(0, "GET", "/system/functions?namespace", NULL, 200, "cat");
}

/* invoke --sign */
static void test_a_signed_call_goes_to_the_function_as_it_is(void **state)
{
    static const char signature[] = "X-Sig: sha1=a0c30b16b42e55f26352d4dee8528f88ecdcf96e";
    static const char script[] = "#!/bin/sh\necho \"$HTTP_X_SIG\"\n";
    char program[160];

    (void)state;
    snprintf(program, sizeof(program), "%s/signed", cluster.dir);
    gateway_write_file(cluster.dir, "signed", script);
    assert_int_equal(chmod(program, 0755), 0);
    assert_int_equal(cli_deploy(0, "POST", "signed", program, ""), 202);
    expect(send_method("POST", 0, "/function/signed.openfaas-fn", "hello\n", 6,
                       (const char *const[]){signature, "Content-Type: text/plain", NULL}),
           200, strchr(signature, '=') - 4);
    assert_int_equal(cli_remove(0, "signed"), 202);
}

/* logs, with a time that is not in UTC */
static void test_logs_since_a_time(void **state)
{
    (void)state;
    expect(get(0,
               "/system/logs?follow=false&name=cat&namespace=openfaas-fn&since=2026-11-27T02%3A00"
               "%3A00%2B02%3A00&tail=-1"),
           200, NULL);
    expect(get(0, "/system/logs?follow=false&name=cat&since=2026-11-27T02:00:00%2B02:00&tail=-1"),
           200, NULL);
    expect(get(0, "/system/logs?follow=false&name=cat&since=yesterday"), 422, "since");
}

static void test_functions_of_the_file(void **state)
{
    cJSON *list = cli_json(0, "/system/functions");
    const cJSON *cat = find_listed(list, "cat"), *missing = find_listed(list, "missing");

    (void)state;
    assert_string_equal(json_text(cat, "image"), "cat");
    assert_string_equal(json_text(cJSON_GetObjectItem(cat, "annotations"), "p2pfaas.runtime"),
                        "process");
    assert_true(strlen(json_text(cat, "createdAt")) == strlen("2026-11-27T00:21:44Z"));
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(missing, "availableReplicas")) == 0);
    assert_non_null(strstr(json_text(cJSON_GetObjectItem(missing, "annotations"), "p2pfaas.error"),
                           "cannot run '/nonexistent/program'"));
    cJSON_Delete(list);
    cli_expect(0, "POST", "/system/functions", "{\"service\":\"cat\",\"image\":\"i\"}", 409,
               "plugins.yaml");
    cli_expect(0, "PUT", "/system/functions", "{\"service\":\"cat\",\"image\":\"i\"}", 409,
               "plugins.yaml");
    cli_expect(0, "DELETE", "/system/functions", "{\"functionName\":\"cat\"}", 409, "plugins.yaml");
    cli_expect(0, "POST", "/function/cat", "still", 200, "still");
}

/* As `faas-cli store deploy` of an image, at a node without Docker. */
static void test_an_image_where_there_is_no_docker(void **state)
{
    cJSON *f;

    (void)state;
    cli_expect(
        0, "POST", "/system/functions",
        "{\"service\":\"figlet\",\"image\":\"ghcr.io/openfaas/figlet:latest\",\"envProcess\":"
        "\"figlet\",\"envVars\":{},\"labels\":{\"com.openfaas.scale.max\":\"3\"},"
        "\"annotations\":null,\"limits\":{\"memory\":\"64Mi\"}}",
        202, "");
    cli_expect(0, "POST", "/system/scale-function/figlet",
               "{\"serviceName\":\"figlet\",\"replicas\":10,\"namespace\":\"openfaas-fn\"}", 202,
               "");
    wait_log(0, "replicas=3");
    f = cli_json(0, "/system/function/figlet?usage=1");
    assert_string_equal(json_text(f, "image"), "ghcr.io/openfaas/figlet:latest");
    assert_string_equal(json_text(f, "envProcess"), "figlet");
    assert_string_equal(json_text(cJSON_GetObjectItem(f, "limits"), "memory"), "64Mi");
    assert_string_equal(json_text(cJSON_GetObjectItem(f, "annotations"), "p2pfaas.runtime"),
                        "docker");
    cJSON_Delete(f);
    cli_expect(0, "POST", "/function/figlet.openfaas-fn", "x", 503, "docker");
    assert_int_equal(cli_remove(0, "figlet"), 202);
}

static void test_version_ready_namespaces(void **state)
{
    cJSON *json = cli_json(0, "/system/info");
    const cJSON *provider = cJSON_GetObjectItem(json, "provider");

    (void)state;
    assert_string_equal(json_text(provider, "provider"), "p2pfaas");
    assert_string_equal(json_text(provider, "orchestration"), "p2pfaas");
    assert_true(json_text(cJSON_GetObjectItem(provider, "version"), "release")[0]);
    assert_true(json_text(cJSON_GetObjectItem(json, "version"), "release")[0]);
    assert_true(cJSON_IsString(cJSON_GetObjectItem(cJSON_GetObjectItem(json, "version"), "sha")));
    assert_true(json_text(json, "arch")[0]);
    cJSON_Delete(json);
    cli_expect(0, "GET", "/healthz", NULL, 200, NULL);
    json = cli_json(0, "/system/namespaces");
    assert_int_equal(cJSON_GetArraySize(json), 1);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetArrayItem(json, 0)), "openfaas-fn");
    cJSON_Delete(json);
    cli_expect(0, "GET", "/system/namespace/dev", NULL, 501, "one namespace, openfaas-fn");
    cli_expect(0, "POST", "/system/namespace/dev", "{\"name\":\"dev\"}", 501, "gateway.namespace");
    cli_expect(0, "GET", "/system/functions?namespace=dev", NULL, 400, "allowed: openfaas-fn");
    cli_expect(0, "GET", "/system/function/cat?namespace=dev", NULL, 400, "allowed: openfaas-fn");
    cli_expect(0, "DELETE", "/system/functions", "{\"functionName\":\"cat\",\"namespace\":\"dev\"}",
               400, "allowed: openfaas-fn");
}

/* ---- secrets ---- */

static void test_secrets(void **state)
{
    static const char script[] = "#!/bin/sh\ncat \"$P2PFAAS_SECRETS/key\"\n";
    char program[160], path[160];
    struct stat st;

    (void)state;
    cli_expect(0, "GET", "/system/secrets", NULL, 200, "[]");
    cli_expect(0, "POST", "/system/secrets", "{\"name\":\"key\",\"value\":\"abc\"}", 200, "");
    cli_expect(0, "POST", "/system/secrets", "{\"name\":\"key\",\"value\":\"abc\"}", 409, "'key'");
    cli_expect(0, "GET", "/system/secrets?namespace=openfaas-fn", NULL, 200,
               "[{\"name\":\"key\",\"namespace\":\"openfaas-fn\"}]");
    snprintf(path, sizeof(path), "%s/secrets/key", data);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0444);
    *strrchr(path, '/') = '\0';
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);

    snprintf(program, sizeof(program), "%s/tell", cluster.dir);
    gateway_write_file(cluster.dir, "tell", script);
    assert_int_equal(chmod(program, 0755), 0);
    assert_int_equal(cli_deploy(0, "POST", "tell", program, ",\"secrets\":[\"key\"]"), 202);
    cli_expect(0, "POST", "/function/tell", "", 200, "abc");
    /* --from-file, of a file that ends in a newline */
    cli_expect(0, "PUT", "/system/secrets",
               "{\"name\":\"key\",\"value\":\"abc\",\"rawValue\":\"YWJjCg==\"}", 200, "");
    cli_expect(0, "POST", "/function/tell", "", 200, "abc\n");
    cli_expect(0, "PUT", "/system/secrets", "{\"name\":\"key\",\"rawValue\":\"AAEC/w==\"}", 200,
               "");
    cli_expect(0, "PUT", "/system/secrets",
               "{\"name\":\"key\",\"namespace\":\"openfaas-fn\",\"value\":\"other\"}", 200, "");
    cli_expect(0, "POST", "/function/tell", "", 200, "other");
    assert_int_equal(cli_deploy(0, "POST", "wants", "cat", ",\"secrets\":[\"none\"]"), 400);
    assert_int_equal(cli_remove(0, "tell"), 202);
    cli_expect(0, "DELETE", "/system/secrets", "{\"name\":\"key\"}", 200, "");
    cli_expect(0, "DELETE", "/system/secrets", "{\"name\":\"key\"}", 404, "'key'");
    cli_expect(0, "PUT", "/system/secrets", "{\"name\":\"key\",\"value\":\"v\"}", 404, "'key'");
    assert_false(log_has(0, "other"));
}

/* secret apply: a POST, and a PUT of the same when that is a 409. */
static void test_secrets_that_are_applied(void **state)
{
    static const char body[] = "{\"name\":\"applied\",\"namespace\":\"openfaas-fn\",\"value\":"
                               "\"abc\",\"rawValue\":\"YWJj\"}";
    char path[160];

    (void)state;
    cli_expect(0, "POST", "/system/secrets", body, 200, "");
    cli_expect(0, "POST", "/system/secrets", body, 409, "PUT changes it");
    cli_expect(0, "PUT", "/system/secrets", body, 200, "");
    snprintf(path, sizeof(path), "%s/secrets", data);
    assert_true(gateway_has_file(path, "applied"));
    cli_expect(0, "DELETE", "/system/secrets",
               "{\"name\":\"applied\",\"namespace\":\"openfaas-fn\"}", 200, "");
}

static void test_a_folder_of_secrets_that_cannot_be_read(void **state)
{
    char path[160], aside[170];

    (void)state;
    snprintf(path, sizeof(path), "%s/secrets", data);
    snprintf(aside, sizeof(aside), "%s.aside", path);
    assert_int_equal(rename(path, aside), 0);
    gateway_write_file(data, "secrets", "in the way");
    cli_expect(0, "GET", "/system/secrets", NULL, 500, "/secrets: Not a directory");
    assert_int_equal(unlink(path), 0);
    cli_expect(0, "GET", "/system/secrets", NULL, 200, "[]");
    assert_int_equal(rename(aside, path), 0);
}

static void test_wrong_secrets(void **state)
{
    static const char *const wrong[] = {"",
                                        "{",
                                        "[]",
                                        "{}",
                                        "{\"name\":\"a\"}",
                                        "{\"name\":\"a\",\"value\":\"\"}",
                                        "{\"name\":\"a\",\"value\":7}",
                                        "{\"name\":7,\"value\":\"v\"}",
                                        "{\"name\":\"a\",\"value\":\"v\",\"rawValue\":\"%\"}",
                                        "{\"name\":\"a\",\"rawValue\":\"%%%\"}",
                                        "{\"name\":\"../a\",\"value\":\"v\"}",
                                        "{\"name\":\"..\",\"value\":\"v\"}",
                                        "{\"name\":\"a.new\",\"value\":\"v\"}",
                                        "{\"name\":\"a\",\"value\":\"v\",\"namespace\":\"dev\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cli_expect(0, "POST", "/system/secrets", wrong[i], 400, "\"message\"");
    cli_expect(0, "GET", "/system/secrets?namespace=dev", NULL, 400, NULL);
    cli_expect(0, "GET", "/system/secrets", NULL, 200, "[]");
}

/* ---- what is wrong ---- */

static void test_garbage(void **state)
{
    static const char *const wrong[] = {
        "",
        "{",
        "nonsense",
        "[]",
        "null",
        "{\"service\":7}",
        "{\"service\":\"x\"}",
        "{\"service\":\"x\",\"image\":[]}",
        "{\"service\":\"../x\",\"image\":\"i\"}",
        "{\"service\":\"x\",\"image\":\"i\"} more",
        "{\"service\":\"x\",\"image\":\"i\",\"namespace\":\"dev\"}"};
    char name[1001], body[1200], path[1100], *big = malloc(200 << 10);

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cli_expect(0, "POST", "/system/functions", wrong[i], 400, "\"message\"");
        cli_expect(0, "PUT", "/system/functions", wrong[i], 400, "\"message\"");
        cli_expect(0, "DELETE", "/system/functions", wrong[i], 400, "\"message\"");
    }
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    snprintf(body, sizeof(body), "{\"service\":\"%s\",\"image\":\"i\"}", name);
    cli_expect(0, "POST", "/system/functions", body, 400, "is no name of a function");
    snprintf(body, sizeof(body), "{\"functionName\":\"%s\"}", name);
    cli_expect(0, "DELETE", "/system/functions", body, 400, "is no name of a function");
    snprintf(path, sizeof(path), "/system/function/%s?usage=1", name);
    cli_expect(0, "GET", path, NULL, 404, "no function 'nnn");
    cli_expect(0, "GET", "/system/function/%2e%2e%2fcat", NULL, 404, NULL);
    cli_expect(0, "PATCH", "/system/functions", "{}", 405, "allowed: GET, POST, PUT, DELETE");
    assert_non_null(big);
    memset(big, ' ', (200 << 10) - 1);
    big[(200 << 10) - 1] = '\0';
    cli_expect(0, "POST", "/system/functions", big, 413, "allowed: 131072");
    free(big);
    assert_false(gateway_has_file(data, "functions/x.json"));
}

static long from_site(const char *method, const char *field, const char *value)
{
    char line[128];
    const char *headers[] = {line, NULL};
    struct reply r;
    long status;

    snprintf(line, sizeof(line), "%s: %s", field, value);
    r = send_method(method, 0, "/system/functions", strcmp(method, "GET") == 0 ? NULL : "{}", 2,
                    headers);
    status = r.status;
    reply_free(&r);
    return status;
}

/* As the page of a site whose name leads to this node (DNS rebinding): it is of the same site. */
static long from_rebound(const char *method, const char *path, const char *host, const char *login)
{
    char head[64], origin[128], host_line[96];
    const char *headers[] = {host_line, origin, head, NULL};
    struct reply r;
    long status;

    snprintf(host_line, sizeof(host_line), "Host: %s", host);
    snprintf(origin, sizeof(origin), "Origin: http://%s", host);
    snprintf(head, sizeof(head), "Authorization: %s", login);
    r = send_method(method, 0, path, strcmp(method, "GET") == 0 ? NULL : "{}", 2, headers);
    status = r.status;
    reply_free(&r);
    return status;
}

static void test_a_page_that_calls_the_node_by_a_name(void **state)
{
    static const char *const keys[] = {"security.user=admin", "security.password=open sesame",
                                       NULL};
    static const char names[][24] = {"evil.example:18080", "evil.example",
                                     "127.0.0.1.evil.example"};
    static const char addresses[][24] = {"127.0.0.1:18080", "localhost:18080", "[::1]:8080"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(from_rebound("POST", "/system/functions", names[i], "none"), 403);
        assert_int_equal(from_rebound("POST", "/configuration", names[i], "none"), 403);
        assert_int_equal(from_rebound("GET", "/learner/reset", names[i], "none"), 403);
        assert_int_equal(from_rebound("GET", "/system/functions", names[i], "none"), 403);
        assert_int_equal(from_rebound("POST", "/function/cat", names[i], "none"), 200);
        assert_int_equal(from_rebound("POST", "/system/functions", addresses[i], "none"), 400);
        assert_int_equal(from_rebound("GET", "/system/functions", addresses[i], "none"), 200);
    }
    /* A GET of a page need not say that it is one. */
    expect(send_method("GET", 0, "/system/functions", NULL, 0,
                       (const char *const[]){"Host: n1.lan", NULL}),
           403, "has to be an address");
    /* A browser has no password of this node for another name. */
    kill_and_start(0, keys);
    assert_int_equal(from_rebound("POST", "/system/functions", "n1.lan", "none"), 401);
    assert_int_equal(
        from_rebound("POST", "/system/functions", "n1.lan", "Basic YWRtaW46b3BlbiBzZXNhbWU="), 400);
    kill_and_start(0, NULL);
}

static void test_pages_of_other_sites_change_nothing(void **state)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE"};
    static const char *const changing[] = {"/learner/reset", "/monitoring/scale-delay/cat"};
    static const char *const page[] = {"Origin: https://evil.example", NULL};
    char own[64];

    (void)state;
    snprintf(own, sizeof(own), "http://%s", cluster.node[0].address);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(from_site(methods[i], "Origin", "https://evil.example"), 403);
        assert_int_equal(from_site(methods[i], "Origin", "null"), 403);
        assert_int_equal(from_site(methods[i], "Sec-Fetch-Site", "cross-site"), 403);
        assert_int_equal(from_site(methods[i], "Sec-Fetch-Site", "same-site"), 403);
        assert_int_equal(from_site(methods[i], "Sec-Fetch-Site", "same-origin"), 400);
        assert_int_equal(from_site(methods[i], "Origin", own), 400);
    }
    assert_int_equal(from_site("GET", "Origin", "https://evil.example"), 200);
    assert_true(metric(0, "p2pfaas_access_refused_total{why=\"other_site\"}") == 12);
    expect(send_method("POST", 0, "/configuration/scheduler", "{\"name\":\"reject\"}", 17,
                       (const char *const[]){"Origin: https://evil.example", NULL}),
           403, "another site");
    expect(send_method("POST", 0, "/peer/message/local", "x", 1, page), 403, "another site");
    for (size_t i = 0; i < 2; i++)
        expect(send_method("GET", 0, changing[i], NULL, 0,
                           (const char *const[]){"Sec-Fetch-Site: cross-site", NULL}),
               403, "another site");
    expect(send_method("POST", 0, "/function/cat", "hello", 5,
                       (const char *const[]){"Origin: https://evil.example", NULL}),
           200, "hello");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_up_list_describe_invoke_remove),
        cmocka_unit_test(test_a_scheduler_of_its_own),
        cmocka_unit_test(test_names_with_dots),
        cmocka_unit_test(test_a_name_that_ends_in_the_namespace),
        cmocka_unit_test(test_queries_are_unescaped),
        cmocka_unit_test(test_a_signed_call_goes_to_the_function_as_it_is),
        cmocka_unit_test(test_logs_since_a_time),
        cmocka_unit_test(test_functions_of_the_file),
        cmocka_unit_test(test_an_image_where_there_is_no_docker),
        cmocka_unit_test(test_version_ready_namespaces),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_secrets_that_are_applied),
        cmocka_unit_test(test_a_folder_of_secrets_that_cannot_be_read),
        cmocka_unit_test(test_wrong_secrets),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_pages_of_other_sites_change_nothing),
        cmocka_unit_test(test_a_page_that_calls_the_node_by_a_name),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
