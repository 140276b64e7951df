/* A node of the original P2PFaaS calls: byte for byte, and never an answer that ends it. */
#include <pthread.h>
#include <signal.h>

#include "tests/cluster/originals.h"

static struct raw_reply raw;

/* ---- what is compared ---- */

/* Each "…_time":NUMBER becomes "…_time":#, and the Date a #. */
static void mask(char *text)
{
    char *to = text;

    for (const char *at = text; *at;) {
        size_t skip = 0;

        if (strncmp(at, "_time\":", 7) == 0)
            skip = 7;
        else if (strncmp(at, "\r\nDate: ", 8) == 0)
            skip = 8;
        if (!skip) {
            *to++ = *at++;
            continue;
        }
        memmove(to, at, skip);
        to += skip;
        at += skip;
        *to++ = '#';
        at += skip == 7 ? strspn(at, "0123456789.e-") : strcspn(at, "\r");
    }
    *to = '\0';
}

/* The Content-Length of a message; it must be what follows the head. */
static size_t check_length(const char *text)
{
    const char *body = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");

    assert_non_null(body);
    assert_non_null(length);
    assert_int_equal(strtoul(length + 16, NULL, 10), strlen(body + 4));
    return strlen(body + 4);
}

/* ---- from an original ---- */

static const char call_json[] =
    "{\"service_id_request\":50,\"service_id_tracing\":\"trace-77\",\"function_name\":\"echo\","
    "\"hops\":1,\"peers_list\":null,\"payload\":\"aGVsbG8gcGF5bG9hZA==\","
    "\"content_type\":\"text/x-demo\",\"headers\":null}";

static void ask(const char *method, const char *path, const char *json)
{
    char text[16384];
    int n = snprintf(text, sizeof(text),
                     "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Machine\r\nContent-Length: %zu\r\n"
                     "Content-Type: application/json\r\n" TRACING ": trace-77\r\n"
                     "Accept-Encoding: gzip\r\nConnection: close\r\n\r\n%s",
                     method, path, cluster.node[0].address, strlen(json), json);

    assert_in_range(n, 1, sizeof(text) - 1);
    raw_call(cluster.node[0].address, text, (size_t)n, &raw);
}

#define OWN "{\"peers_list\":[{\"machine_id\":\"n1\",\"machine_ip\":\"127.0.0.1\",\"timings\":{"

/* What keeps the caller alive, and this status on both lines. */
static void survives(int status)
{
    char line[64], end[64];
    const char *body = strstr(raw.text, "\r\n\r\n");

    snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
    snprintf(end, sizeof(end), "\",\"status_code\":%d}", status);
    if (strncmp(raw.text, line, strlen(line)) != 0 || !body ||
        strncmp(body + 4, OWN, strlen(OWN)) != 0 || strlen(raw.text) < strlen(end) ||
        strcmp(raw.text + strlen(raw.text) - strlen(end), end) != 0)
        fail_msg("wanted %d, got: %.1500s", status, raw.text);
    assert_non_null(strstr(raw.text, "Content-Type: application/json\r\n"));
    check_length(raw.text);
}

/* The base64 of the body has this beginning. */
static void body_begins(const char *base64)
{
    const char *body = strstr(raw.text, "\"body\":\"");

    assert_non_null(body);
    if (strncmp(body + 8, base64, strlen(base64)) != 0)
        fail_msg("wanted %s, got %.400s", base64, body + 8);
}

static void test_a_call_is_answered_in_the_originals_bytes(void **state)
{
    static const char body[] = OWN "\"execution_time\":#,\"total_time\":#,\"scheduling_time\":#}}],"
                                   "\"body\":\"aGVsbG8gcGF5bG9hZA==\",\"status_code\":200}";
    char wanted[1024];

    (void)state;
    ask("POST", "/peer/function/echo", call_json);
    snprintf(wanted, sizeof(wanted),
             "HTTP/1.1 200 OK\r\nDate: #\r\nConnection: close\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             check_length(raw.text), body);
    mask(raw.text);
    assert_string_equal(raw.text, wanted);
}

static void test_the_function_sees_a_post_with_its_type_alone(void **state)
{
    (void)state;
    ask("POST", "/peer/function/echo/info", call_json);
    survives(200);
    /* {"method":"POST","path":"/info","query":"","length":13,"headers":{"Content-Type":
     * "text/x-demo","Host":…,TRACING:"trace-77"}}: no User-Agent, nothing of the carrier. */
    body_begins("eyJtZXRob2QiOiJQT1NUIiwicGF0aCI6Ii9pbmZvIiwicXVlcnkiOiIiLCJsZW5ndGgiOjEzLCJoZWFk"
                "ZXJzIjp7IkNvbnRlbnQtVHlwZSI6InRleHQveC1kZW1vIiwiSG9zdCI6");
    assert_null(strstr(raw.text, "TWFjaGluZS")); /* Machine */
}

static void test_malformed_calls_are_400(void **state)
{
    static const char *const wrong[] = {"",
                                        "{",
                                        "hello",
                                        "[]",
                                        "1",
                                        "\"x\"",
                                        "{\"payload\":5}",
                                        "{\"hops\":\"1\"}",
                                        "{\"content_type\":[]}",
                                        "{\"peers_list\":{}}",
                                        "{\"content_type\":\"a\\r\\nX-Smuggled: 1\"}",
                                        "{} {}"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ask("POST", "/peer/function/echo", wrong[i]);
        survives(400);
        /* {"code":4,"message":"Passed input is not correct or malformed */
        body_begins("eyJjb2RlIjo0LCJtZXNzYWdlIjoiUGFzc2VkIGlucHV0IGlzIG5vdCBjb3JyZWN0IG9yIG1hbGZv"
                    "cm1lZ");
    }
}

static void test_an_empty_object_and_null_run_without_payload(void **state)
{
    static const char *const texts[] = {"{}", "null", "{\"payload\":null}"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        ask("POST", "/peer/function/echo", texts[i]);
        survives(200);
        body_begins("\"");
    }
}

static void test_a_bad_payload_runs_up_to_its_first_bad_character(void **state)
{
    (void)state;
    ask("POST", "/peer/function/echo", "{\"payload\":\"aGVsbG8gcGF5bG9hZA?!\"}");
    survives(200);
    body_begins("aGVsbG8gcGF5bG9h\""); /* hello payloa */
    ask("POST", "/peer/function/echo", "{\"payload\":\"!\"}");
    survives(200);
    body_begins("\"");
}

static void test_the_name_is_that_of_the_path(void **state)
{
    (void)state;
    ask("POST", "/peer/function/echo", "{\"function_name\":\"nobody\",\"payload\":\"YQ==\"}");
    survives(200);
    body_begins("YQ==");
}

static void test_a_functions_own_status_is_kept(void **state)
{
    static const int statuses[] = {201, 302, 404, 418, 500, 503};

    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        char path[64];

        snprintf(path, sizeof(path), "/peer/function/echo?status=%d", statuses[i]);
        ask("POST", path, call_json);
        survives(statuses[i]);
        body_begins("aGVsbG8gcGF5bG9hZA==");
    }
}

/* These have no body, so no peers_list, and the caller would exit. */
static void test_a_status_without_a_body_travels_inside(void **state)
{
    static const int statuses[] = {204, 304};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char path[64], end[64];

        snprintf(path, sizeof(path), "/peer/function/echo?status=%d", statuses[i]);
        snprintf(end, sizeof(end), "\",\"status_code\":%d}", statuses[i]);
        ask("POST", path, call_json);
        assert_int_equal(strncmp(raw.text, "HTTP/1.1 200 ", 13), 0);
        assert_non_null(strstr(raw.text, "\r\n\r\n" OWN));
        assert_non_null(strstr(raw.text, end));
        check_length(raw.text);
    }
}

static void test_headers_that_a_go_client_would_follow_stay_here(void **state)
{
    (void)state;
    ask("POST", "/peer/function/echo?status=302&header=Location:http://127.0.0.1/", call_json);
    survives(302);
    assert_null(strstr(raw.text, "Location"));
    ask("POST", "/peer/function/echo?header=X-Function:7", call_json);
    survives(200);
    assert_non_null(strstr(raw.text, "\r\nX-Function: 7\r\n"));
    assert_null(strstr(raw.text, "X-P2pf"));
}

static void test_a_function_that_fails_is_told(void **state)
{
    (void)state;
    ask("POST", "/peer/function/nobody", call_json);
    survives(404);
    ask("POST", "/peer/function/missing", call_json);
    survives(502);
    ask("POST", "/peer/function/dies", call_json);
    survives(502);
    ask("POST", "/peer/function/exits", call_json);
    survives(500);
    ask("POST", "/peer/function/hangs", call_json);
    survives(504);
    /* These may also be too slow, on a busy machine. */
    ask("POST", "/peer/function/badhttp?do=half", call_json);
    assert_non_null(strstr(raw.text, "\r\n\r\n" OWN));
    ask("POST", "/peer/function/bad?do=flood", call_json);
    assert_non_null(strstr(raw.text, "\r\n\r\n" OWN));
    /* "[trace-77]", at one of the three places in a group. */
    ask("POST", "/peer/function/missing", call_json);
    assert_true(strstr(raw.text, "W3RyYWNlLTc3X") || strstr(raw.text, "t0cmFjZS03N1") ||
                strstr(raw.text, "bdHJhY2UtNzdd"));
}

/* For a while; how it ends is not looked at. */
static void *occupy(void *arg)
{
    struct reply r = get(0, "/function/bad?do=slow&ms=600");

    (void)arg;
    reply_free(&r);
    return NULL;
}

static void test_a_full_queue_is_500_with_400_inside(void **state)
{
    pthread_t thread[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, occupy, NULL), 0);
    wait_metric(0, "p2pfaas_queue_length", 1, 10);
    ask("POST", "/peer/function/echo", call_json);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    survives(500);
    /* {"code":400,"message":"Job cannot be scheduled: */
    body_begins("eyJjb2RlIjo0MDAsIm1lc3NhZ2UiOiJKb2IgY2Fubm90IGJlIHNjaGVkdWxlZDog");
    assert_null(strstr(raw.text, "execution_time"));
}

static void test_a_refusal_of_the_scheduler_is_told(void **state)
{
    (void)state;
    select_scheduler(0, "{\"name\":\"reject\"}");
    ask("POST", "/peer/function/echo", call_json);
    survives(503);
    body_begins("eyJjb2RlIjo0MDEsIm1lc3NhZ2UiOiJKb2IgaGFzIGJlZW4gZGVsaWJlcmF0ZWx5IHJlamVjdGVk");
    select_scheduler(0, "{\"name\":\"NoScheduler\",\"parameters\":[\"true\"]}");
    ask("POST", "/peer/function/echo", call_json);
    survives(200);
}

static void test_wrong_paths_and_methods_are_told(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
    } cases[] = {{"POST", "/peer/function", 404},        {"POST", "/peer/function/", 404},
                 {"POST", "/peer/functions/x", 404},     {"GET", "/peer/function/echo", 405},
                 {"PUT", "/peer/function/echo", 405},    {"DELETE", "/peer/function/echo", 405},
                 {"OPTIONS", "/peer/function/echo", 405}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ask(cases[i].method, cases[i].path, "");
        survives(cases[i].status);
    }
    ask("GET", "/peer/function/echo", "");
    assert_non_null(strstr(raw.text, "\r\nAllow: POST\r\n"));
}

/* A body of n bytes of payload, with its head: declared, or in chunks. */
static void ask_large(size_t payload, bool chunked)
{
    static const char before[] = "{\"payload\":\"", after[] = "\"}";
    size_t base64 = (payload + 2) / 3 * 4, json = base64 + sizeof(before) + sizeof(after) - 2;
    char *text = malloc(json + 1024);
    int n;

    n = snprintf(text, 1024,
                 "POST /peer/function/echo?size=0 HTTP/1.1\r\nHost: x\r\nUser-Agent: Machine\r\n"
                 "Connection: close\r\n");
    n += chunked ? snprintf(text + n, 128, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", json)
                 : snprintf(text + n, 128, "Content-Length: %zu\r\n\r\n", json);
    n += snprintf(text + n, sizeof(before), "%s", before);
    memset(text + n, 'A', base64);
    if (payload % 3)
        memset(text + n + base64 - (3 - payload % 3), '=', 3 - payload % 3);
    n += (int)base64;
    n += snprintf(text + n, 64, "%s%s", after, chunked ? "\r\n0\r\n\r\n" : "");
    raw_call(cluster.node[0].address, text, (size_t)n, &raw);
    free(text);
}

static void test_a_payload_may_be_as_large_as_any_body(void **state)
{
    (void)state;
    for (int chunked = 0; chunked < 2; chunked++) {
        ask_large(1 << 20, chunked);
        survives(200);
        ask_large((1 << 20) + 1, chunked);
        survives(413);
        ask_large(2 << 20, chunked);
        survives(413);
    }
}

static void test_heads_that_are_too_large_are_told(void **state)
{
    char text[8192];
    int n;

    (void)state;
    n = snprintf(text, sizeof(text),
                 "POST /peer/function/echo HTTP/1.1\r\nHost: x\r\nUser-Agent: Machine\r\n"
                 "Connection: close\r\nContent-Length: 2\r\nX-Large: %05000d\r\n\r\n{}",
                 0);
    raw_call(cluster.node[0].address, text, (size_t)n, &raw);
    survives(431);
    n = snprintf(text, sizeof(text),
                 "POST /peer/function/%05000d HTTP/1.1\r\nHost: x\r\nUser-Agent: Machine\r\n"
                 "Connection: close\r\nContent-Length: 2\r\n\r\n{}",
                 0);
    raw_call(cluster.node[0].address, text, (size_t)n, &raw);
    survives(414);
}

static void test_an_expectation_that_is_refused_is_told(void **state)
{
    static const char text[] =
        "POST /peer/function/echo HTTP/1.1\r\nHost: x\r\nUser-Agent: Machine\r\n"
        "Connection: close\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n";

    (void)state;
    raw_call(cluster.node[0].address, text, sizeof(text) - 1, &raw);
    survives(413);
}

static void test_another_user_agent_or_our_headers_make_it_ours(void **state)
{
    static const char *const lines[] = {"User-Agent: machine\r\n", "User-Agent: Machine/1.0\r\n",
                                        "User-Agent: Machine\r\nX-P2pfaas-Hops: 1\r\n"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char text[512];
        int n = snprintf(text, sizeof(text),
                         "POST /peer/function/echo HTTP/1.1\r\nHost: x\r\n%sConnection: close\r\n"
                         "Content-Length: 4\r\n\r\n{raw",
                         lines[i]);

        raw_call(cluster.node[0].address, text, (size_t)n, &raw);
        assert_int_equal(strncmp(raw.text, "HTTP/1.1 200 ", 13), 0);
        assert_non_null(strstr(raw.text, "\r\n\r\n{raw"));
        assert_non_null(strstr(raw.text, "X-P2pfaas-Outcome: ran"));
    }
    /* Where functions are invoked, a client may call itself whatever it likes. */
    ask("POST", "/function/echo", "{raw");
    assert_non_null(strstr(raw.text, "\r\n\r\n{raw"));
}

static void test_a_further_hop_appends_this_node(void **state)
{
    static const char body[] =
        "{\"peers_list\":[{\"machine_id\":\"node-p1\",\"machine_ip\":\"10.99.0.11\",\"timings\":{"
        "\"execution_time\":#,\"total_time\":#,\"scheduling_time\":#,\"probing_time\":#}},"
        "{\"machine_id\":\"n1\",\"machine_ip\":\"127.0.0.1\",\"timings\":{\"total_time\":#,"
        "\"scheduling_time\":#,\"probing_time\":#}}],\"body\":\"aGVsbG8=\",\"status_code\":200}";

    (void)state;
    originals_answer("200 OK", originals_good);
    select_scheduler(0, "{\"name\":\"forward\",\"parameters\":{\"max_hops\":2}}");
    ask("POST", "/peer/function/echo", call_json);
    check_length(raw.text);
    mask(raw.text);
    assert_string_equal(strstr(raw.text, "\r\n\r\n") + 4, body);
    /* The second hop is told as one, and what was said of the job goes along. */
    assert_non_null(strstr(fake_peer_last_call(original), "\"hops\":2,"));
    assert_non_null(strstr(fake_peer_last_call(original), TRACING ": trace-77\r\n"));
    assert_non_null(strstr(fake_peer_last_call(original), "\"content_type\":\"text/x-demo\""));
    /* One hop is the most that is allowed here: it runs. */
    select_scheduler(0, "{\"name\":\"forward\",\"parameters\":{\"max_hops\":1}}");
    ask("POST", "/peer/function/echo", call_json);
    survives(200);
    /* A further hop that may have run the job. */
    fake_peer_answers(original, "", 0);
    select_scheduler(0, "{\"name\":\"forward\",\"parameters\":{\"max_hops\":2}}");
    ask("POST", "/peer/function/echo", call_json);
    survives(502);
}

static void test_the_hops_that_it_tells_bound_the_job(void **state)
{
    (void)state;
    fake_peer_forget(original);
    originals_answer("200 OK", originals_good);
    select_scheduler(0, "{\"name\":\"forward\",\"parameters\":{\"max_hops\":1000}}");
    ask("POST", "/peer/function/echo", "{\"hops\":16}");
    survives(200);
    assert_int_equal(fake_peer_calls(original), 0);
}

/* What overtakes it: a limit of memory, the end of the node. */
static void test_a_node_without_memory_tells(void **state)
{
    static const char *const small[] = {"limits.memory=1MB", NULL};

    (void)state;
    assert_true(stop_node(0));
    start_node(0, small);
    ask_large(1 << 20, false);
    survives(503);
    assert_true(stop_node(0));
    start_node(0, NULL);
}

/* What is still at work keeps a node that stops from ending. */
static void *wait_for_the_original(void *arg)
{
    static const char *const forward[] = {"X-P2pfaas-Scheduler-Forward: 1", NULL};

    (void)arg;
    expect(send_method("POST", 0, "/function/echo", "x", 1, forward), 502, NULL);
    return NULL;
}

static bool original_has_it(void *arg)
{
    (void)arg;
    return fake_peer_calls(original) == 1;
}

static void test_a_node_that_stops_tells(void **state)
{
    int fd = raw_connect(cluster.node[0].address);
    char text[1024];
    int n = snprintf(text, sizeof(text),
                     "POST /peer/function/echo HTTP/1.1\r\nHost: x\r\nUser-Agent: Machine\r\n"
                     "Content-Length: %zu\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
                     strlen(call_json));
    pthread_t thread;

    (void)state;
    fake_peer_hangs(original);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_the_original, NULL), 0);
    assert_true(wait_until(original_has_it, NULL, 20));
    raw_send(fd, text, (size_t)n);
    raw_expect(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    kill(cluster.node[0].pid, SIGTERM);
    wait_log(0, "stopping");
    raw_send(fd, call_json, strlen(call_json));
    raw_read(fd, &raw);
    survives(503);
    fake_peer_close(original);
    pthread_join(thread, NULL);
    assert_true(stop_node(0));
    fake_peer_open(original);
    start_node(0, NULL);
}

/* ---- the probe ---- */

static void test_its_probe_is_answered(void **state)
{
    static const char text[] =
        "GET /monitoring/load HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Machine\r\n"
        "Accept-Encoding: gzip\r\nConnection: close\r\n\r\n";

    (void)state;
    raw_call(cluster.node[0].address, text, sizeof(text) - 1, &raw);
    assert_int_equal(strncmp(raw.text, "HTTP/1.1 200 ", 13), 0);
    assert_non_null(strstr(raw.text, "\r\nX-P2pfaas-Load: 0\r\n"));
    assert_non_null(strstr(raw.text, "\r\nX-P2pfaas-Maxload: 1\r\n"));
    assert_non_null(strstr(raw.text, "\r\nX-P2pfog-Queue-Length: 0\r\n"));
}

#define F(name) cmocka_unit_test_setup_teardown(name, originals_forwarding, originals_whole)
#define L(name) cmocka_unit_test_setup_teardown(name, originals_local, originals_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        L(test_a_call_is_answered_in_the_originals_bytes),
        L(test_the_function_sees_a_post_with_its_type_alone),
        L(test_malformed_calls_are_400),
        L(test_an_empty_object_and_null_run_without_payload),
        L(test_a_bad_payload_runs_up_to_its_first_bad_character),
        L(test_the_name_is_that_of_the_path),
        L(test_a_functions_own_status_is_kept),
        L(test_a_status_without_a_body_travels_inside),
        L(test_headers_that_a_go_client_would_follow_stay_here),
        L(test_a_function_that_fails_is_told),
        L(test_a_full_queue_is_500_with_400_inside),
        L(test_a_refusal_of_the_scheduler_is_told),
        L(test_wrong_paths_and_methods_are_told),
        L(test_a_payload_may_be_as_large_as_any_body),
        L(test_heads_that_are_too_large_are_told),
        L(test_an_expectation_that_is_refused_is_told),
        L(test_another_user_agent_or_our_headers_make_it_ours),
        F(test_a_further_hop_appends_this_node),
        F(test_the_hops_that_it_tells_bound_the_job),
        F(test_a_node_that_stops_tells), /* the first that stops it: it waits for its log */
        L(test_a_node_without_memory_tells),
        L(test_its_probe_is_answered),
    };

    return cmocka_run_group_tests(tests, originals_start, originals_stop);
}
