/* A function that is elsewhere, at the URL of a server that does what a script says. */
#include "tests/host/runtimes/support_runs.h"

#include "host/curl_loop.h"
#include "tests/host/support_nasty.h"

#define OK_HI "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
#define STEPS static const struct nasty_step

static struct nasty *server;
static char url[128];

STEPS friendly[] = {{NASTY_REQUEST, NULL, 0}, {NASTY_SEND, OK_HI, 0}, {NASTY_AGAIN, NULL, 0}};
STEPS echoing[] = {{NASTY_REQUEST, NULL, 0}, {NASTY_ECHO, NULL, 0}, {NASTY_AGAIN, NULL, 0}};
STEPS silent[] = {{NASTY_DRAIN, NULL, 0}, {NASTY_END, NULL, 0}};
STEPS breaking[] = {{NASTY_REQUEST, NULL, 0}, {NASTY_END, NULL, 0}};
STEPS garbage[] = {
    {NASTY_REQUEST, NULL, 0}, {NASTY_SEND, "no HTTP at all\r\n\r\n", 0}, {NASTY_END, NULL, 0}};
STEPS no_tls[] = {
    {NASTY_SOME, NULL, 0}, {NASTY_SEND, "no TLS at all\r\n\r\n", 0}, {NASTY_END, NULL, 0}};
STEPS half[] = {{NASTY_REQUEST, NULL, 0},
                {NASTY_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 0},
                {NASTY_END, NULL, 0}};

static int setup_http(void **state)
{
    server = NULL;
    if (setup(state))
        return -1;
    function.url = url;
    url[0] = '\0';
    return 0;
}

static int teardown_http(void **state)
{
    if (program)
        close_program();
    curl_loop_free(home.curl);
    nasty_stop(server);
    return teardown(state);
}

static void serve_all(const struct nasty_step *const *scripts)
{
    server = nasty_start(scripts);
    assert_non_null(server);
}

static void serve(const struct nasty_step *script)
{
    static const struct nasty_step *scripts[2];

    scripts[0] = script;
    serve_all(scripts);
}

/* At that host, the server's port and this path. */
static void open_at(const char *host, const char *path)
{
    char err[P2P_ERRLEN] = "";

    snprintf(url, sizeof(url), "http://%s%s%s", host, strchr(nasty_address(server), ':'), path);
    program = runtime->open(&function, &home, err);
    if (!program)
        fail_msg("%s", err);
}

static bool is(const char *words_of_it)
{
    char text[P2P_ERRLEN];

    runtime->describe(program, text, sizeof(text));
    return strstr(text, words_of_it) != NULL;
}

static void sees(const char *target, const char *line)
{
    char seen[1024];
    struct asked *a = prepare("", 0);

    to(a, target);
    assert_int_equal(headers_add(&a->request.headers, "Host", "client.example"), 0);
    answers_text(start(a), "hi");
    nasty_last(server, seen, sizeof(seen));
    if (strncmp(seen, line, strlen(line)) != 0)
        fail_msg("not '%s' but: %s", line, seen);
}

/* ---- calls ---- */

static void call_goes_to_the_path_of_the_url(void **state)
{
    static const struct {
        const char *path, *target, *line;
    } cases[] = {
        {"", "", "POST / HTTP/1.1\r\n"},
        {"", "/a?q=1", "POST /a?q=1 HTTP/1.1\r\n"},
        {"/", "?q", "POST /?q HTTP/1.1\r\n"},
        {"/base", "", "POST /base HTTP/1.1\r\n"},
        {"/base", "?q", "POST /base?q HTTP/1.1\r\n"},
        {"/base", "/a", "POST /base/a HTTP/1.1\r\n"},
        {"/base/", "", "POST /base/ HTTP/1.1\r\n"},
        {"/base/", "/a/", "POST /base/a/ HTTP/1.1\r\n"},
        {"/base/", "?q", "POST /base/?q HTTP/1.1\r\n"},
    };

    (void)state;
    serve(friendly);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        open_at("127.0.0.1", cases[i].path);
        sees(cases[i].target, cases[i].line);
        close_program();
    }
}

static void host_is_that_of_the_url(void **state)
{
    char seen[1024], host[64];

    (void)state;
    serve(friendly);
    open_at("127.0.0.1", "");
    sees("/", "POST /");
    nasty_last(server, seen, sizeof(seen));
    snprintf(host, sizeof(host), "\r\nHost: %s\r\n", nasty_address(server));
    assert_non_null(strstr(seen, host));
    assert_null(strstr(seen, "client.example"));
    assert_non_null(strstr(seen, "\r\nContent-Length: 0\r\n"));
}

static void body_passes_both_ways(void **state)
{
    static char bytes[2 * MEGABYTE];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 31 ^ i >> 11);
    serve(echoing);
    open_at("127.0.0.1", "");
    assert_true(is("at 127.0.0.1:"));
    answers(start(prepare(bytes, sizeof(bytes))), 200, bytes, sizeof(bytes));
}

static void answer_is_the_functions_own(void **state)
{
    STEPS busy[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND,
         "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nX-OpenFaaS-Internal: proxy\r\nContent-Length: "
         "5\r\n\r\nlater",
         0},
        {NASTY_AGAIN, NULL, 0}};
    struct asked *a;

    (void)state;
    serve(busy);
    open_at("127.0.0.1", "");
    a = start(prepare("", 0));
    answers(a, 503, "later", 5);
    assert_string_equal(headers_get(&a->response.headers, "Retry-After"), "7");
    assert_string_equal(headers_get(&a->response.headers, "X-OpenFaaS-Internal"), "proxy");
}

static void connection_is_kept(void **state)
{
    (void)state;
    serve(friendly);
    open_at("127.0.0.1", "");
    for (int i = 0; i < 5; i++)
        answers_text(ask(""), "hi");
    assert_int_equal(nasty_accepted(server), 1);
}

/* ---- names ---- */

static void name_is_resolved(void **state)
{
    (void)state;
    serve(friendly);
    open_at("localhost", "/x");
    for (int i = 0; i < 3; i++)
        answers_text(ask(""), "hi");
    assert_true(is("resolved 127.0.0.1:"));
    answers_text(ask(""), "hi");
}

static void functions_at_one_place_share_its_addresses(void **state)
{
    struct function_config other = function;
    struct program *second;
    bool closed = false;
    char err[P2P_ERRLEN];

    (void)state;
    serve(friendly);
    open_at("localhost", "/x");
    other.name = "g";
    second = runtime->open(&other, &home, err);
    assert_non_null(second);
    answers_text(ask(""), "hi");
    runtime->close(second, on_closed, &closed);
    assert_true(closed);
    answers_text(ask(""), "hi");
}

static void name_that_there_is_not_fails_all_who_wait(void **state)
{
    struct asked *a[8];

    (void)state;
    serve(friendly);
    open_at("no-such-name.invalid", "");
    assert_true(is("no-such-name.invalid is being resolved"));
    for (int i = 0; i < 8; i++)
        a[i] = ask("");
    for (int i = 0; i < 8; i++) {
        fails(a[i], RUN_FAILED, 502, "no-such-name.invalid cannot be resolved: ");
        assert_false(a[i]->run.may_have_run);
    }
    assert_true(is("cannot be resolved: "));
    fails(ask(""), RUN_FAILED, 502, "cannot be resolved");
}

static void without_a_url_it_is_at_its_name(void **state)
{
    char err[P2P_ERRLEN] = "";

    (void)state;
    program = runtime->open(&function, &home, err);
    assert_non_null(program);
    assert_true(is("f is being resolved"));
}

static void close_during_the_look_up_leaves_nothing(void **state)
{
    (void)state;
    serve(friendly);
    for (int i = 0; i < 20; i++) {
        open_at(i % 2 ? "localhost" : "no-such-name.invalid", "");
        if (i % 3 == 0)
            ev_run(home.loop, EVRUN_NOWAIT);
        close_program();
    }
}

static void wait_for_an_address_can_be_cancelled(void **state)
{
    struct asked *a;

    (void)state;
    serve(friendly);
    open_at("no-such-name.invalid", "");
    a = ask("");
    runtime->cancel(&a->run);
    fails(a, RUN_CANCELLED, 503, "cancelled");
    assert_false(a->run.may_have_run);
}

/* ---- failures ---- */

static void nobody_there_is_refused(void **state)
{
    struct asked *a;

    (void)state;
    serve(friendly);
    open_at("127.0.0.1", "");
    nasty_stop(server);
    server = NULL;
    a = ask("");
    fails(a, RUN_FAILED, 502, "refused");
    assert_false(a->run.may_have_run);
    assert_true(is("127.0.0.1:") && is("refused"));
}

static void silence_times_out(void **state)
{
    struct asked *a;

    (void)state;
    serve(silent);
    open_at("127.0.0.1", "");
    a = prepare("", 0);
    a->run.timeout_ns = 50000000;
    fails(start(a), RUN_TIMEOUT, 504, "in time");
    assert_true(a->run.may_have_run);
}

static void broken_answers_fail_the_run(void **state)
{
    static const struct nasty_step *const scripts[] = {garbage, half, breaking, friendly, NULL};

    (void)state;
    serve_all(scripts);
    open_at("127.0.0.1", "");
    for (int i = 0; i < 3; i++) {
        struct asked *a = ask("");

        RUN_UNTIL(a->done);
        assert_int_not_equal(a->result, RUN_ANSWERED);
        assert_int_equal(a->run.status, 502);
        assert_true(a->run.may_have_run);
    }
    answers_text(ask(""), "hi");
}

static void idempotent_function_is_called_again(void **state)
{
    static const struct nasty_step *const scripts[] = {breaking, friendly, NULL};

    (void)state;
    serve_all(scripts);
    function.idempotent = true;
    open_at("127.0.0.1", "");
    answers_text(ask(""), "hi");
    assert_int_equal(nasty_requests(server), 2);
}

static void answer_has_a_limit(void **state)
{
    struct asked *a;

    (void)state;
    serve(friendly);
    open_at("127.0.0.1", "");
    a = prepare("", 0);
    a->response.body.limit = 1;
    fails(start(a), RUN_TOO_LARGE, 502, "larger than the limit");
}

static void call_can_be_cancelled(void **state)
{
    struct asked *a;

    (void)state;
    serve(silent);
    open_at("127.0.0.1", "");
    a = ask("");
    RUN_UNTIL(nasty_open(server) == 1);
    runtime->cancel(&a->run);
    runtime->cancel(&a->run);
    fails(a, RUN_CANCELLED, 503, "cancelled");
}

/* ---- https ---- */

static void plain_http_is_no_https(void **state)
{
    struct asked *a;
    char err[P2P_ERRLEN];

    (void)state;
    serve(no_tls);
    snprintf(url, sizeof(url), "https://%s/", nasty_address(server));
    program = runtime->open(&function, &home, err);
    assert_non_null(program);
    assert_true(is("not called yet"));
    a = ask("secret");
    fails(a, RUN_FAILED, 502, url);
    assert_false(a->run.may_have_run);
    assert_true(is(url));
}

static void https_call_times_out_and_can_be_cancelled(void **state)
{
    struct asked *a;
    char err[P2P_ERRLEN];

    (void)state;
    serve(silent);
    snprintf(url, sizeof(url), "https://%s/", nasty_address(server));
    program = runtime->open(&function, &home, err);
    assert_non_null(program);
    a = prepare("", 0);
    a->run.timeout_ns = 50000000;
    fails(start(a), RUN_TIMEOUT, 504, "time");
    assert_false(a->run.may_have_run);
    a = ask("");
    RUN_UNTIL(nasty_accepted(server) == 2);
    runtime->cancel(&a->run);
    fails(a, RUN_CANCELLED, 503, "cancelled");
}

static int begin_http(void **state)
{
    runtime = &runtime_http;
    return begin_all(state);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_http, teardown_http)
    const struct CMUnitTest tests[] = {
        T(call_goes_to_the_path_of_the_url),
        T(host_is_that_of_the_url),
        T(body_passes_both_ways),
        T(answer_is_the_functions_own),
        T(connection_is_kept),
        T(name_is_resolved),
        T(functions_at_one_place_share_its_addresses),
        T(name_that_there_is_not_fails_all_who_wait),
        T(without_a_url_it_is_at_its_name),
        T(close_during_the_look_up_leaves_nothing),
        T(wait_for_an_address_can_be_cancelled),
        T(nobody_there_is_refused),
        T(silence_times_out),
        T(broken_answers_fail_the_run),
        T(idempotent_function_is_called_again),
        T(answer_has_a_limit),
        T(call_can_be_cancelled),
        T(plain_http_is_no_https),
        T(https_call_times_out_and_can_be_cancelled),
    };

    return cmocka_run_group_tests(tests, begin_http, NULL);
}
