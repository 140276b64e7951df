/* Byte for byte to a node of the original P2PFaaS, and what its answers become. */
#include "tests/cluster/originals.h"

static struct reply forward(const char *method, const char *path, const char *body, const char *a,
                            const char *b)
{
    const char *const headers[] = {a, b, NULL};

    return send_method(method, 0, path, body, body ? strlen(body) : 0, headers);
}

/* The last call, but for the number that the node gave the job. */
static void sent_is(const char *function, const char *tracing, const char *payload,
                    const char *type)
{
    const char *got = fake_peer_last_call(original), *id = strstr(got, "service_id_request\":");
    char json[1024], wanted[2048], header_line[256] = "";

    assert_non_null(id);
    snprintf(json, sizeof(json),
             "{\"service_id_request\":%lu,\"service_id_tracing\":\"%s\",\"function_name\":\"%s\","
             "\"hops\":1,\"peers_list\":null,\"payload\":\"%s\",\"content_type\":\"%s\","
             "\"headers\":null}",
             strtoul(id + 20, NULL, 10), tracing, function, payload, type);
    if (tracing[0])
        snprintf(header_line, sizeof(header_line), TRACING ": %s\r\n", tracing);
    snprintf(wanted, sizeof(wanted),
             "POST /peer/function/%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Machine\r\n"
             "Content-Length: %zu\r\nContent-Type: application/json\r\n%s"
             "Accept-Encoding: gzip\r\nConnection: close\r\n\r\n%s",
             function, fake_peer_address(original), strlen(json), header_line, json);
    assert_string_equal(got, wanted);
}

static void test_a_forwarded_job_has_the_originals_bytes(void **state)
{
    (void)state;
    originals_answer("200 OK", originals_good);
    expect(forward("POST", "/function/echo", "hello payload", "Content-Type: text/x-demo",
                   TRACING ": trace-77"),
           200, "hello");
    sent_is("echo", "trace-77", "aGVsbG8gcGF5bG9hZA==", "text/x-demo");
    expect(forward("POST", "/function/wordcount", "a", "Content-Type:", NULL), 200, "hello");
    sent_is("wordcount", "", "YQ==", "");
    expect(forward("GET", "/function/echo", NULL, NULL, NULL), 200, "hello");
    sent_is("echo", "", "", "");
    expect(forward("POST", "/function/echo", "", "Content-Type: a/b", "X-Other: lost"), 200,
           "hello");
    sent_is("echo", "", "", "a/b");
    assert_int_equal(fake_peer_calls(original), 4);
    assert_int_equal(fake_peer_connections(original), 4);
}

static void test_any_byte_is_carried(void **state)
{
    struct reply r = post(0, "/function/echo", "\0\1\377\r\n\"", 6);

    (void)state;
    expect(r, 200, "hello");
    assert_non_null(strstr(fake_peer_last_call(original), "\"payload\":\"AAH/DQoi\""));
}

static void test_overrides_are_not_passed_on(void **state)
{
    (void)state;
    expect(
        forward("POST", "/function/echo", "a", "X-P2pfaas-Scheduler-Forward: 1", "Content-Type:"),
        200, "hello");
    sent_is("echo", "", "YQ==", "");
}

static void test_what_it_cannot_carry_runs_here(void **state)
{
    static const char *const cases[][3] = {
        {"POST", "/function/echo/sub", "x"}, {"POST", "/function/echo?q=1", "x"},
        {"POST", "/function/echo/", "x"},    {"PUT", "/function/echo", "x"},
        {"DELETE", "/function/echo", NULL},  {"PATCH", "/function/echo", "x"},
        {"GET", "/function/echo", "x"}};
    double before = metric(0, "p2pfaas_forwards_total{what=\"unfit\"}");

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reply r = forward(cases[i][0], cases[i][1], cases[i][2], NULL, NULL);

        assert_int_equal(r.status, 200);
        assert_string_equal(header(&r, "X-P2pfaas-Externally-Executed"), "");
        assert_string_equal(r.body, cases[i][2] ? cases[i][2] : "");
        reply_free(&r);
    }
    assert_int_equal(fake_peer_calls(original), 0);
    assert_true(metric(0, "p2pfaas_forwards_total{what=\"unfit\"}") == before + 7);
}

static void test_a_probe_has_the_originals_bytes(void **state)
{
    char wanted[256];

    (void)state;
    select_scheduler(0, "{\"name\":\"power_of_choices\",\"parameters\":{\"threshold\":0}}");
    fake_peer_has_load(original, 3, 1);
    expect(post_text(0, "/function/echo", "x"), 200, "x");
    snprintf(wanted, sizeof(wanted),
             "GET /monitoring/load HTTP/1.1\r\nHost: %s\r\nUser-Agent: Machine\r\n"
             "Accept-Encoding: gzip\r\nConnection: close\r\n\r\n",
             fake_peer_address(original));
    assert_string_equal(fake_peer_last_probe(original), wanted);
    assert_int_equal(fake_peer_probes(original), 1);
    assert_int_equal(fake_peer_calls(original), 0);
    assert_true(metric(0, "p2pfaas_peers{state=\"up\"}") == 1);
}

/* It closes every connection: that is no failure of it. */
static void test_a_closed_connection_is_no_failure(void **state)
{
    (void)state;
    originals_answer("200 OK", originals_good);
    for (int i = 0; i < 30; i++)
        expect(post_text(0, "/function/echo", "x"), 200, "hello");
    assert_int_equal(fake_peer_calls(original), 30);
    assert_true(metric(0, "p2pfaas_peers{state=\"down\"}") == 0);
}

/* ---- to an original: what it answers ---- */

static void test_its_answer_is_told_as_a_peers_is(void **state)
{
    struct reply r;

    (void)state;
    originals_answer("200 OK", originals_good);
    r = forward("POST", "/function/echo", "x", NULL, TRACING ": trace-77");
    assert_int_equal(r.status, 200);
    assert_int_equal(r.len, 5);
    assert_string_equal(r.body, "hello");
    assert_string_equal(header(&r, "X-P2pfaas-Externally-Executed"), "True");
    assert_string_equal(header(&r, "X-P2pfaas-Hops"), "1");
    assert_string_equal(header(&r, "X-P2pfaas-Peers-List-Ip"), "[\"127.0.0.1\",\"10.99.0.11\"]");
    assert_string_equal(header(&r, "X-P2pfaas-Peers-List-Id"), "[\"n1\",\"node-p1\"]");
    assert_string_equal(header(&r, "X-P2pfaas-Timing-Execution-Time-Seconds"), "0.001400");
    assert_non_null(strstr(header(&r, "X-P2pfaas-Timing-Total-Seconds-List"), ",0.0015]"));
    assert_non_null(
        strstr(header(&r, "X-P2pfaas-Timing-Scheduling-Seconds-List"), ",0.000000653]"));
    assert_string_equal(header(&r, "X-P2pfaas-Timing-Probing-Seconds-List"), "[0.000000,0]");
    /* The JSON's own type is not the function's. */
    assert_string_equal(header(&r, "Content-Type"), "");
    assert_null(strstr(r.headers, "trace-77"));
    reply_free(&r);
}

static void test_its_status_is_that_of_the_status_line(void **state)
{
    static const struct {
        const char *line;
        long status;
    } cases[] = {{"200 OK", 200},         {"201 Created", 201}, {"302 Found", 302},
                 {"404 Not Found", 404},  {"418 Teapot", 418},  {"500 Internal Server Error", 500},
                 {"503 Unavailable", 503}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        originals_answer(cases[i].line, originals_good);
        expect(post_text(0, "/function/echo", "x"), cases[i].status, "hello");
    }
}

static void test_a_longer_way_is_told_origin_first(void **state)
{
    struct reply r;

    (void)state;
    originals_answer(
        "200 OK",
        "{\"peers_list\":[{\"machine_id\":\"p3\",\"machine_ip\":\"10.99.0.13\",\"timings\":{"
        "\"execution_time\":0.5,\"total_time\":0.6}},{\"machine_id\":\"p2\",\"machine_ip\":"
        "\"10.99.0.12\",\"timings\":{\"total_time\":0.7,\"scheduling_time\":0.001,"
        "\"probing_time\":0.25}}],\"body\":\"\",\"status_code\":200}");
    r = post_text(0, "/function/echo", "x");
    assert_int_equal(r.status, 200);
    assert_int_equal(r.len, 0);
    assert_string_equal(header(&r, "X-P2pfaas-Hops"), "2");
    assert_string_equal(header(&r, "X-P2pfaas-Peers-List-Id"), "[\"n1\",\"p2\",\"p3\"]");
    assert_string_equal(header(&r, "X-P2pfaas-Peers-List-Ip"),
                        "[\"127.0.0.1\",\"10.99.0.12\",\"10.99.0.13\"]");
    assert_string_equal(header(&r, "X-P2pfaas-Timing-Probing-Seconds-List"), "[0.000000,0.25,0]");
    assert_non_null(strstr(header(&r, "X-P2pfaas-Timing-Total-Seconds-List"), ",0.7,0.6]"));
    assert_string_equal(header(&r, "X-P2pfaas-Timing-Execution-Time-Seconds"), "0.500000");
    reply_free(&r);
}

static void test_its_own_x_headers_are_passed_on_but_none_of_ours(void **state)
{
    char text[1024];
    struct reply r;

    (void)state;
    snprintf(
        text, sizeof(text),
        "HTTP/1.1 200 OK\r\nX-Function: 7\r\nX-P2pfaas-Hops: 9\r\nX-P2pfaas-Outcome: refused\r\n"
        "Set-Cookie: a=b\r\nContent-Length: %zu\r\n\r\n%s",
        strlen(originals_good), originals_good);
    fake_peer_answers(original, text, strlen(text));
    r = post_text(0, "/function/echo", "x");
    assert_int_equal(r.status, 200);
    assert_string_equal(header(&r, "X-Function"), "7");
    assert_string_equal(header(&r, "X-P2pfaas-Hops"), "1");
    assert_null(strstr(r.headers, "Set-Cookie"));
    reply_free(&r);
}

#define NOT_RUN                                                                                    \
    "{\"peers_list\":[{\"machine_id\":\"node-p1\",\"machine_ip\":\"10.99.0.11\",\"timings\":{"     \
    "\"total_time\":0.0015,\"scheduling_time\":6.53e-7}}],"

static void test_a_full_original_refuses_and_the_job_runs_here(void **state)
{
    double before = metric(0, "p2pfaas_forwards_total{what=\"refused\"}");
    struct reply r;

    (void)state;
    /* {"code":400,"message":"Job cannot be scheduled: "} */
    originals_answer("500 Internal Server Error", NOT_RUN
                     "\"body\":\"eyJjb2RlIjo0MDAsIm1lc3NhZ2UiOiJKb2IgY2Fubm90IGJlIHNjaGVkdWxlZDog"
                     "In0=\",\"status_code\":500}");
    r = post_text(0, "/function/echo", "mine");
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "mine");
    assert_string_equal(header(&r, "X-P2pfaas-Externally-Executed"), "");
    assert_string_equal(header(&r, "Content-Type"), "application/x-www-form-urlencoded");
    reply_free(&r);
    assert_int_equal(fake_peer_calls(original), 1);
    assert_true(metric(0, "p2pfaas_forwards_total{what=\"refused\"}") == before + 1);
    assert_true(metric(0, "p2pfaas_peers{state=\"up\"}") == 1);
}

static void test_an_error_of_a_further_hop_is_passed_on(void **state)
{
    (void)state;
    /* {"code":403,"message":"x"}: it may have run there. */
    originals_answer("500 Internal Server Error", NOT_RUN
                     "\"body\":\"eyJjb2RlIjo0MDMsIm1lc3NhZ2UiOiJ4In0=\",\"status_code\":500}");
    expect(post_text(0, "/function/echo", "mine"), 500, "{\"code\":403,\"message\":\"x\"}");
    assert_int_equal(fake_peer_calls(original), 1);
}

static void test_an_answer_that_is_none_may_have_run(void **state)
{
    static const struct {
        const char *status, *json, *why;
    } cases[] = {
        {"404 Not Found", "<html>not here</html>", "not JSON"},
        {"400 Bad Request", "{\"code\":4,\"message\":\"x\"}", "no peers_list"},
        {"200 OK", "", "not JSON"},
        {"200 OK", "null", "no peers_list"},
        {"200 OK", "{\"peers_list\":[],\"body\":\"aGVsbG8=\",\"status_code\":200}",
         "no peers_list"},
        {"200 OK", PEERS "\"body\":\"aGVsbG8\",\"status_code\":200}", "not base64"},
        {"200 OK", PEERS "\"body\":\"aGV", "cut"},
        {"200 OK", PEERS "\"body\":[],\"status_code\":200}", "no text"},
    };
    double failed = metric(0, "p2pfaas_forwards_total{what=\"failed\"}");

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        originals_answer(cases[i].status, cases[i].json);
        expect(forward("POST", "/function/echo", "x", TRACING ": trace-5", NULL), 502,
               "{\"code\":403,\"message\":\"Job cannot be forwarded to neighbor o1: ");
        expect(post_text(0, "/function/echo", "x"), 502, cases[i].why);
    }
    assert_true(metric(0, "p2pfaas_forwards_total{what=\"failed\"}") == failed + 16);
    assert_true(metric(0, "p2pfaas_peers{state=\"up\"}") == 1);
}

static void test_half_an_answer_may_have_run(void **state)
{
    static const char *const texts[] = {"", "HTTP/1.1 200 OK\r\nContent-Le",
                                        "HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n{\"peers",
                                        "this is not HTTP\r\n\r\n"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        fake_peer_answers(original, texts[i], strlen(texts[i]));
        expect(post_text(0, "/function/echo", "x"), 502, "it may have run there");
    }
    /* It closes without a word when a function fails: it is not down. */
    for (int i = 0; i < 5; i++) {
        fake_peer_answers(original, "", 0);
        expect(post_text(0, "/function/echo", "x"), 502, "it may have run there");
    }
    assert_true(metric(0, "p2pfaas_peers{state=\"up\"}") == 1);
    assert_int_equal(fake_peer_calls(original), 9);
}

static void test_an_answer_over_the_limit_may_have_run(void **state)
{
    enum { SIZE = 3 << 20 };
    char *text = malloc(SIZE);
    int n = snprintf(text, SIZE, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s\"body\":\"", SIZE,
                     PEERS);

    (void)state;
    memset(text + n, 'A', SIZE - (size_t)n);
    fake_peer_answers(original, text, SIZE);
    expect(post_text(0, "/function/echo", "x"), 502, "larger than the limit");
    free(text);
}

static void test_the_largest_answer_comes_through(void **state)
{
    enum { BODY = 1 << 20, JSON = BODY / 3 * 4 };
    char *text = malloc(JSON + 2048);
    struct reply r;
    int n;

    (void)state;
    for (int over = 0; over < 2; over++) {
        int groups = over ? JSON / 4 + 1 : JSON / 4;

        n = snprintf(text, 2048,
                     "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n" PEERS "\"body\":\"",
                     sizeof(PEERS "\"body\":\"\",\"status_code\":200}") - 1 + 4 * (size_t)groups);
        memset(text + n, 'A', 4 * (size_t)groups);
        n += 4 * groups;
        n += snprintf(text + n, 64, "\",\"status_code\":200}");
        fake_peer_answers(original, text, (size_t)n);
        r = post_text(0, "/function/echo", "x");
        assert_int_equal(r.status, over ? 502 : 200);
        if (!over)
            assert_int_equal(r.len, BODY / 3 * 3);
        reply_free(&r);
    }
    free(text);
}

static void test_an_original_that_is_down_is_gone_around(void **state)
{
    (void)state;
    fake_peer_close(original);
    expect(post_text(0, "/function/echo", "mine"), 200, "mine");
    wait_metric(0, "p2pfaas_peers{state=\"down\"}", 1, 10);
    fake_peer_open(original);
    wait_metric(0, "p2pfaas_peers{state=\"up\"}", 1, 20);
    originals_answer("200 OK", originals_good);
    expect(post_text(0, "/function/echo", "mine"), 200, "hello");
}

static void test_an_original_that_hangs_ends_with_the_deadline(void **state)
{
    (void)state;
    fake_peer_hangs(original);
    expect(post_text(0, "/function/once", "x"), 504, "\"code\":");
    assert_int_equal(fake_peer_calls(original), 1);
    originals_answer("200 OK", originals_good);
    expect(post_text(0, "/function/echo", "x"), 200, "hello");
}

#define F(name) cmocka_unit_test_setup_teardown(name, originals_forwarding, originals_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        F(test_a_forwarded_job_has_the_originals_bytes),
        F(test_any_byte_is_carried),
        F(test_overrides_are_not_passed_on),
        F(test_what_it_cannot_carry_runs_here),
        F(test_a_probe_has_the_originals_bytes),
        F(test_a_closed_connection_is_no_failure),
        F(test_its_answer_is_told_as_a_peers_is),
        F(test_its_status_is_that_of_the_status_line),
        F(test_a_longer_way_is_told_origin_first),
        F(test_its_own_x_headers_are_passed_on_but_none_of_ours),
        F(test_a_full_original_refuses_and_the_job_runs_here),
        F(test_an_error_of_a_further_hop_is_passed_on),
        F(test_an_answer_that_is_none_may_have_run),
        F(test_half_an_answer_may_have_run),
        F(test_an_answer_over_the_limit_may_have_run),
        F(test_the_largest_answer_comes_through),
        F(test_an_original_that_is_down_is_gone_around),
        F(test_an_original_that_hangs_ends_with_the_deadline),
    };

    return cmocka_run_group_tests(tests, originals_start, originals_stop);
}
