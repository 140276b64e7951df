/* Requests by libcurl against a server that does what a script says. */
#include <arpa/inet.h>
#include <unistd.h>

#include "tests/host/support_requests.h"

/* ---- requests ---- */

static void sends_what_is_asked_and_nothing_of_its_own(void **state)
{
    static const char *const headers[] = {"Content-Type: application/json", "X-Test: a b", NULL};
    struct asked *a;
    char seen[512], expected[512];

    (void)state;
    serve(friendly);
    a = prepare("/v3/../put?x=1");
    a->request.headers = headers;
    a->request.body = "text";
    a->request.body_len = 4;
    answers(start(a), 200, "hi");
    nasty_last(server, seen, sizeof(seen));
    snprintf(expected, sizeof(expected),
             "POST /v3/../put?x=1 HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
             "X-Test: a b\r\nContent-Length: 4\r\n\r\ntext",
             nasty_address(server));
    assert_string_equal(seen, expected);
    answers(start(prepare("/")), 200, "hi");
    nasty_last(server, seen, sizeof(seen));
    snprintf(expected, sizeof(expected), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n",
             nasty_address(server));
    assert_string_equal(seen, expected);
}

static void post_without_body_has_a_length(void **state)
{
    struct asked *a;
    char seen[512];

    (void)state;
    serve(friendly);
    a = prepare("/");
    a->request.method = "POST";
    answers(start(a), 200, "hi");
    nasty_last(server, seen, sizeof(seen));
    assert_non_null(strstr(seen, "POST / HTTP/1.1\r\n"));
    assert_non_null(strstr(seen, "Content-Length: 0\r\n"));
}

static void methods_are_sent(void **state)
{
    static const char *const methods[] = {"PUT", "DELETE", "PATCH", "GET"};
    char seen[512];

    (void)state;
    serve(friendly);
    for (unsigned i = 0; i < 4; i++) {
        struct asked *a = prepare("/");

        a->request.method = methods[i];
        answers(start(a), 200, "hi");
        nasty_last(server, seen, sizeof(seen));
        assert_memory_equal(seen, methods[i], strlen(methods[i]));
    }
}

static void head_has_no_body(void **state)
{
    struct asked *a;

    (void)state;
    serve(gated); /* its body never comes */
    nasty_let_pass(server, 1);
    a = prepare("/");
    a->request.method = "HEAD";
    answers(start(a), 200, "");
}

static void large_body_comes_whole(void **state)
{
    struct asked *a;
    char *body = malloc(MEGABYTE);

    (void)state;
    assert_non_null(body);
    for (size_t i = 0; i < MEGABYTE; i++)
        body[i] = (char)(i * 31 >> 3);
    serve(echoing);
    a = prepare("/");
    a->request.body = body;
    a->request.body_len = MEGABYTE;
    start(a);
    RUN_UNTIL(a->done);
    assert_int_equal(a->request.status, 200);
    assert_int_equal(a->came.len, MEGABYTE);
    assert_memory_equal(a->came.data, body, MEGABYTE);
    free(body);
}

static void connection_is_kept(void **state)
{
    (void)state;
    serve(friendly);
    for (unsigned i = 0; i < 5; i++)
        answers(start(prepare("/")), 200, "hi");
    assert_int_equal(nasty_accepted(server), 1);
}

static void many_at_once(void **state)
{
    (void)state;
    serve(friendly);
    for (unsigned i = 0; i < MOST_ASKED; i++)
        start(prepare("/"));
    for (unsigned i = 0; i < MOST_ASKED; i++)
        answers(&asked[i], 200, "hi");
}

static void name_is_looked_up(void **state)
{
    char url[64];

    (void)state;
    serve(friendly);
    snprintf(url, sizeof(url), "http://localhost%s", strchr(nasty_address(server), ':'));
    answers(start(prepare_url(url)), 200, "hi");
    for (unsigned i = 0; i < 10; i++)
        cancel(start(prepare_url(url)));
}

/* ---- answers ---- */

static void any_status_is_an_answer(void **state)
{
    static const struct nasty_step script[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\nlater", 0},
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 302 Go\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n", 0},
        {NASTY_AGAIN, NULL, 0}};

    (void)state;
    serve(script);
    answers(start(prepare("/")), 503, "later");
    answers(start(prepare("/")), 302, "");
}

static void answer_in_single_bytes(void **state)
{
    static const struct nasty_step script[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_TRICKLE,
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
         0},
        {NASTY_AGAIN, NULL, 0}};

    (void)state;
    serve(script);
    answers(start(prepare("/")), 200, "abcde");
}

static void answer_up_to_the_limit_and_no_further(void **state)
{
    struct asked *a;

    (void)state;
    serve(friendly);
    a = prepare("/");
    a->request.most = 2;
    answers(start(a), 200, "hi");
    a = prepare("/");
    a->request.most = 1;
    fails(start(a), true, "the answer is larger than 1 bytes");
    assert_true(a->request.too_large && !a->request.timed_out);
    assert_int_equal(a->came.len, 0);
}

static void huge_answer_is_cut_off(void **state)
{
    static const struct nasty_step script[] = {{NASTY_REQUEST, NULL, 0},
                                               {NASTY_SEND, "HTTP/1.1 200 OK\r\n\r\n", 0},
                                               {NASTY_REPEAT, "0123456789abcdef", 100 * MEGABYTE},
                                               {NASTY_END, NULL, 0}};

    (void)state;
    serve(script);
    fails(start(prepare("/")), true, "the answer is larger than 1048576 bytes");
}

static void endless_head_is_cut_off(void **state)
{
    static const struct nasty_step script[] = {{NASTY_REQUEST, NULL, 0},
                                               {NASTY_SEND, "HTTP/1.1 200 OK\r\n", 0},
                                               {NASTY_REPEAT, "X-More: and more\r\n", MEGABYTE},
                                               {NASTY_END, NULL, 0}};

    (void)state;
    serve(script);
    fails(start(prepare("/")), true, "head is larger than 65536 bytes");
}

static void header_fields_are_kept_end_to_end(void **state)
{
    static const struct nasty_step script[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND,
         "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
         "HTTP/1.1 429 No\r\nRetry-After:  7 \r\nX-Empty:\r\nConnection: keep-alive, X-Mine\r\n"
         "X-Mine: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Trailer: 1\r\n\r\n",
         0},
        {NASTY_AGAIN, NULL, 0}};
    struct headers h;
    struct asked *a;

    (void)state;
    headers_init(&h, 4096);
    serve(script);
    a = prepare("/");
    a->request.answer_headers = &h;
    answers(start(a), 429, "hi");
    assert_string_equal(headers_get(&h, "Retry-After"), "7");
    assert_string_equal(headers_get(&h, "X-Empty"), "");
    assert_int_equal(h.count, 2);
    headers_release(&h);
}

static void header_fields_have_a_limit(void **state)
{
    static const struct nasty_step script[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 200 OK\r\nX-Long: 0123456789\r\nContent-Length: 0\r\n\r\n", 0},
        {NASTY_AGAIN, NULL, 0}};
    struct headers h;
    struct asked *a;

    (void)state;
    headers_init(&h, 10);
    serve(script);
    a = prepare("/");
    a->request.answer_headers = &h;
    fails(start(a), true, "larger than limits.headers");
    headers_release(&h);
}

static void login_is_by_http_basic(void **state)
{
    char seen[512];
    struct asked *a;

    (void)state;
    serve(friendly);
    a = prepare("/");
    a->request.user = "admin";
    a->request.password = "a:b";
    answers(start(a), 200, "hi");
    nasty_last(server, seen, sizeof(seen));
    assert_non_null(strstr(seen, "Authorization: Basic YWRtaW46YTpi\r\n"));
}

static void half_an_answer_is_none(void **state)
{
    static const struct nasty_step script[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 0},
        {NASTY_END, NULL, 0}};
    struct asked *a;

    (void)state;
    serve(script);
    a = start(prepare("/"));
    fails(a, true, nasty_address(server));
    assert_int_equal(a->request.status, 200);
}

static void garbage_is_no_answer(void **state)
{
    static const char *const garbage[] = {"\x16\x03\x01 no HTTP at all\r\n\r\n", "HTTP/1.1\r\n\r\n",
                                          "SSH-2.0-OpenSSH_9\r\n"};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const struct nasty_step script[] = {
            {NASTY_REQUEST, NULL, 0}, {NASTY_SEND, garbage[i], 0}, {NASTY_END, NULL, 0}};

        serve(script);
        fails(start(prepare("/")), true, "");
        nasty_stop(server);
        server = NULL;
    }
}

static void closed_and_reset_connections_are_told(void **state)
{
    static const struct nasty_step closes[] = {{NASTY_REQUEST, NULL, 0}, {NASTY_END, NULL, 0}};
    static const struct nasty_step resets[] = {
        {NASTY_REQUEST, NULL, 0}, {NASTY_RESET, NULL, 0}, {NASTY_END, NULL, 0}};

    (void)state;
    serve(closes);
    fails(start(prepare("/")), true, "");
    nasty_stop(server);
    serve(resets);
    fails(start(prepare("/")), true, "");
}

static void nothing_is_sent_twice(void **state)
{
    static const struct nasty_step first[] = {{NASTY_REQUEST, NULL, 0},
                                              {NASTY_SEND, OK_HI, 0},
                                              {NASTY_REQUEST, NULL, 0},
                                              {NASTY_END, NULL, 0}};
    static const struct nasty_step *const scripts[] = {first, friendly, NULL};
    struct asked *a;

    (void)state;
    serve_all(scripts);
    answers(start(prepare("/")), 200, "hi");
    a = prepare("/");
    a->request.body = "once";
    a->request.body_len = 4;
    fails(start(a), true, "broke before an answer came");
    assert_int_equal(nasty_requests(server), 2);
    answers(start(prepare("/")), 200, "hi");
}

/* ---- nobody there, nobody answers ---- */

static void refused_is_not_sent(void **state)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t size = sizeof(a);
    char url[64];

    (void)state;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, size) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(a.sin_port));
    fails(start(prepare_url(url)), false, url);
    close(fd);
}

static void bad_urls_are_told(void **state)
{
    static const char *const urls[] = {"",
                                       "http://",
                                       "http://[",
                                       "ftp://127.0.0.1/",
                                       "file:///etc/passwd",
                                       "http://127.0.0.1:99999/"};

    (void)state;
    for (unsigned i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        fails(start(prepare_url(urls[i])), false, "");
}

static void silence_ends_in_time(void **state)
{
    struct asked *a;

    (void)state;
    serve(silent);
    a = prepare("/");
    a->request.timeout_ns = SHORT_NS;
    fails(start(a), true, "timed out");
    assert_true(a->request.timed_out && !a->request.too_large);
    a = stream();
    a->request.timeout_ns = SHORT_NS;
    fails(start(a), true, "timed out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sends_what_is_asked_and_nothing_of_its_own),
        TEST(post_without_body_has_a_length),
        TEST(methods_are_sent),
        TEST(head_has_no_body),
        TEST(large_body_comes_whole),
        TEST(connection_is_kept),
        TEST(many_at_once),
        TEST(name_is_looked_up),
        TEST(any_status_is_an_answer),
        TEST(answer_in_single_bytes),
        TEST(answer_up_to_the_limit_and_no_further),
        TEST(huge_answer_is_cut_off),
        TEST(endless_head_is_cut_off),
        TEST(header_fields_are_kept_end_to_end),
        TEST(header_fields_have_a_limit),
        TEST(login_is_by_http_basic),
        TEST(half_an_answer_is_none),
        TEST(garbage_is_no_answer),
        TEST(closed_and_reset_connections_are_told),
        TEST(nothing_is_sent_twice),
        TEST(refused_is_not_sent),
        TEST(bad_urls_are_told),
        TEST(silence_ends_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
