#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "host/buf.h"
#include "host/reactor.h"
#include "host/runtimes/spawn.h"

enum { MEGABYTE = 1 << 20, MOST_VARIABLES = 12 };
static const uint64_t LIMIT_NS = 20000000000;

static char path[1024], how[64];
static struct buf answer; /* of a call, or of a request */
static struct child child;

static int setup(void **state)
{
    (void)state;
    buf_init(&answer, 16 * MEGABYTE);
    child = (struct child){0, -1};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (child.pid) {
        spawn_kill(&child, SIGKILL);
        spawn_reap(&child, how, sizeof(how));
    }
    buf_release(&answer);
    return 0;
}

static const char *const *program(const char *name)
{
    static const char *argv[2];

    snprintf(path, sizeof(path), "%s/%s", getenv("P2P_TEST_FUNCTIONS"), name);
    argv[0] = path;
    return argv;
}

static int wait_for(int fd, short events, uint64_t until)
{
    uint64_t now = clock_ns();
    struct pollfd p = {fd, events, 0};

    return now < until ? poll(&p, 1, (int)((until - now) / 1000000) + 1) : 0;
}

/* How it ended. */
static const char *end_of_child(void)
{
    if (wait_for(child.pidfd, POLLIN, clock_ns() + LIMIT_NS) != 1)
        fail_msg("it did not end");
    spawn_reap(&child, how, sizeof(how));
    return how;
}

static const char *text(void)
{
    const char *t = buf_text(&answer);

    return t ? t : "";
}

static void answer_is(const char *expected)
{
    assert_string_equal(text(), expected);
}

static double number(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItem(json, name);

    if (!cJSON_IsNumber(item))
        fail_msg("no number '%s' in %s", name, text());
    return item->valuedouble;
}

static void string_is(const cJSON *json, const char *name, const char *expected)
{
    const cJSON *item = cJSON_GetObjectItem(json, name);

    if (!cJSON_IsString(item))
        fail_msg("no string '%s' in %s", name, text());
    assert_string_equal(item->valuestring, expected);
}

static cJSON *json_of_answer(void)
{
    cJSON *json = cJSON_Parse(text());

    if (!json)
        fail_msg("not JSON: %s", text());
    return json;
}

/* ---- one call, as CGI ---- */

/* Writes the body and reads the answer, as much as goes at a time. */
static void converse(int in, int out, const char *body, size_t len)
{
    uint64_t until = clock_ns() + LIMIT_NS;
    size_t written = 0;

    for (;;) {
        struct pollfd p[2] = {{out, POLLIN, 0}, {in, POLLOUT, 0}};
        char chunk[65536];
        ssize_t n;

        if (in >= 0 && written == len) {
            close(in);
            in = p[1].fd = -1;
        }
        if (clock_ns() > until || poll(p, 2, 1000) < 0)
            fail_msg("no end of the answer");
        if (p[1].revents && (n = write(in, body + written, len - written)) != 0)
            written = n > 0 ? written + (size_t)n : len;
        if (!p[0].revents)
            continue;
        n = read(out, chunk, sizeof(chunk));
        if (n <= 0 || buf_append(&answer, chunk, (size_t)n))
            break;
    }
    if (in >= 0)
        close(in);
    close(out);
}

static void begin(const char *name, const char *const *variables, int in, int out, int err)
{
    const struct spawn s = {program(name), variables, NULL, in, out, err};
    char why[P2P_ERRLEN] = "";

    if (spawn_start(&s, &child, why))
        fail_msg("%s", why);
}

static void call(const char *name, const char *const *variables, const char *body, size_t len)
{
    int in[2], out[2];

    buf_clear(&answer);
    assert_true(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    begin(name, variables, in[0], out[1], out[1]);
    close(in[0]);
    close(out[1]);
    converse(in[1], out[0], body, len);
}

/* NAME?QUERY with that body must end well. */
static void call_query(const char *name, const char *query, const char *body)
{
    char variable[256];
    const char *variables[] = {"REQUEST_METHOD=POST", "PATH_INFO=", variable, NULL};

    snprintf(variable, sizeof(variable), "QUERY_STRING=%s", query);
    call(name, variables, body, strlen(body));
    assert_string_equal(end_of_child(), "exit code 0");
}

static void every_function_answers_as_cgi_without_any_environment(void **state)
{
    static const char *const names[] = {"burn", "echo", "misbehave", "sleep", "wordcount"};
    static const char *const none[] = {NULL};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        call(names[i], none, "body", 4);
        assert_string_equal(end_of_child(), "exit code 0");
        assert_true(answer.len > 0);
    }
}

static void echo_answers_its_body(void **state)
{
    static const char *const none[] = {NULL};
    static char bytes[3 * MEGABYTE];

    (void)state;
    call_query("echo", "", "hello\n");
    answer_is("hello\n");
    call_query("echo", "", "");
    answer_is("");
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 31 ^ i >> 11);
    call("echo", none, bytes, sizeof(bytes));
    assert_string_equal(end_of_child(), "exit code 0");
    assert_int_equal(answer.len, sizeof(bytes));
    assert_memory_equal(answer.data, bytes, sizeof(bytes));
}

static void echo_answers_as_many_bytes_as_asked(void **state)
{
    (void)state;
    call_query("echo", "size=5", "ignored");
    answer_is("xxxxx");
    call_query("echo", "size=0", "ignored");
    answer_is("");
    call_query("echo", "size=-1", "body");
    answer_is("body");
    call_query("echo", "a=b&size=100000", "");
    assert_int_equal(answer.len, 100000);
}

static void echo_prints_header_lines_when_told_to(void **state)
{
    static const char *const variables[] = {"CGI_HEADERS=1", "CONTENT_TYPE=text/x",
                                            "QUERY_STRING=status=404&header=X-A:b%20c", NULL};

    (void)state;
    call("echo", variables, "body", 4);
    assert_string_equal(end_of_child(), "exit code 0");
    answer_is("Status: 404\r\nContent-Type: text/x\r\nX-A: b c\r\n\r\nbody");
}

static void echo_tells_what_arrived(void **state)
{
    static const char *const variables[] = {"REQUEST_METHOD=PUT",     "PATH_INFO=/info",
                                            "QUERY_STRING=a=1&b=%20", "CONTENT_TYPE=text/x",
                                            "HTTP_X_TEST=7",          NULL};
    cJSON *json, *headers;

    (void)state;
    call("echo", variables, "12345", 5);
    assert_string_equal(end_of_child(), "exit code 0");
    json = json_of_answer();
    headers = cJSON_GetObjectItem(json, "headers");
    string_is(json, "method", "PUT");
    string_is(json, "path", "/info");
    string_is(json, "query", "a=1&b=%20");
    assert_true(number(json, "length") == 5);
    string_is(headers, "Content-Type", "text/x");
    string_is(headers, "X-Test", "7");
    assert_null(cJSON_GetObjectItem(headers, "X-Other"));
    cJSON_Delete(json);
}

static void wordcount_counts(void **state)
{
    (void)state;
    call_query("wordcount", "", "The cat.\nthe DOG, the cat\n");
    answer_is("{\"lines\":2,\"words\":6,\"bytes\":26,\"top\":{\"the\":3,\"cat\":2,\"dog\":1}}");
    call_query("wordcount", "", "");
    answer_is("{\"lines\":0,\"words\":0,\"bytes\":0,\"top\":{}}");
    call_query("wordcount", "", "\n \xff\xfe\xe9 ;\n");
    answer_is("{\"lines\":2,\"words\":0,\"bytes\":8,\"top\":{}}");
}

static void wordcount_has_the_five_that_come_most(void **state)
{
    char long_word[300];

    (void)state;
    call_query("wordcount", "", "b a c d e f f g z z z");
    answer_is("{\"lines\":0,\"words\":11,\"bytes\":21,"
              "\"top\":{\"z\":3,\"f\":2,\"a\":1,\"b\":1,\"c\":1}}");
    memset(long_word, 'W', sizeof(long_word) - 1);
    long_word[sizeof(long_word) - 1] = '\0';
    call_query("wordcount", "", long_word);
    assert_non_null(strstr(text(), "\"words\":1,\"bytes\":299"));
    assert_null(strstr(text(), "W"));
}

static void sleep_takes_the_time_it_was_given(void **state)
{
    static const char *const queries[] = {"us=30000", "us=1", "us=0", "us=-5", ""};
    static const long slept[] = {30000, 1, 0, 0, 10000};

    (void)state;
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        uint64_t before = clock_ns();
        cJSON *json;

        call_query("sleep", queries[i], "");
        assert_true(clock_ns() - before >= (uint64_t)slept[i] * 1000);
        json = json_of_answer();
        assert_int_equal((long)number(json, "us"), slept[i]);
        cJSON_Delete(json);
    }
}

static void burn_uses_the_time_it_was_given(void **state)
{
    static const char *const queries[] = {"ms=30", "ms=0", "ms=-5", ""};
    static const double least[] = {30, 0, 0, 10};
    cJSON *json;

    (void)state;
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        call_query("burn", queries[i], "");
        json = json_of_answer();
        assert_true(number(json, "ms") >= least[i]);
        assert_true(number(json, "turns") >= 1);
        cJSON_Delete(json);
    }
}

static void misbehave_does_as_it_is_told(void **state)
{
    static const char *const crash[] = {"QUERY_STRING=do=crash", NULL};
    static const char *const ends[] = {"QUERY_STRING=do=exit", NULL};
    static const char *const nine[] = {"QUERY_STRING=do=%65xit&code=9", NULL};

    (void)state;
    call_query("misbehave", "", "");
    answer_is("well behaved\n");
    call_query("misbehave", "do=what", "");
    answer_is("well behaved\n");
    call_query("misbehave", "do=slow&ms=1", "");
    answer_is("well behaved\n");
    call("misbehave", crash, "", 0);
    assert_string_not_equal(end_of_child(), "exit code 0");
    call("misbehave", ends, "", 0);
    assert_string_equal(end_of_child(), "exit code 3");
    answer_is("this is why\n");
    call("misbehave", nine, "", 0);
    assert_string_equal(end_of_child(), "exit code 9");
}

static void misbehave_floods_until_nobody_reads(void **state)
{
    static const char *const flood[] = {"QUERY_STRING=do=flood", NULL};

    (void)state;
    buf_release(&answer);
    buf_init(&answer, 2 * MEGABYTE);
    call("misbehave", flood, "", 0);
    assert_true(answer.len > MEGABYTE);
    assert_string_equal(end_of_child(), "killed by SIGPIPE");
}

static void misbehave_hangs_until_it_is_killed(void **state)
{
    static const char *const hang[] = {"QUERY_STRING=do=hang", NULL};

    (void)state;
    begin("misbehave", hang, -1, -1, -1);
    assert_int_equal(wait_for(child.pidfd, POLLIN, clock_ns() + 50000000), 0);
    spawn_kill(&child, SIGTERM);
    assert_string_equal(end_of_child(), "killed by SIGTERM");
}

/* ---- many calls, as a server ---- */

static struct sockaddr_in at;

/* A socket that is connected, or -1. */
static int reach(const struct sockaddr_in *a)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void choose_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof(at);

    at = (struct sockaddr_in){.sin_family = AF_INET};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, size) == 0 &&
                getsockname(fd, (struct sockaddr *)&at, &size) == 0);
    close(fd);
}

static const char *host; /* "HOST=…" of the next server, or NULL */

static void begin_server(const char *name)
{
    char port[32];
    const char *const variables[] = {port, host, NULL};

    snprintf(port, sizeof(port), "PORT=%u", ntohs(at.sin_port));
    begin(name, variables, -1, -1, -1);
}

static void serve(const char *name)
{
    uint64_t until = clock_ns() + LIMIT_NS;
    int fd;

    choose_port();
    begin_server(name);
    while ((fd = reach(&at)) < 0)
        if (clock_ns() > until || wait_for(child.pidfd, POLLIN, clock_ns() + 1000000) == 1)
            fail_msg("%s does not listen", name);
    close(fd);
}

static void stop(void)
{
    spawn_kill(&child, SIGTERM);
    assert_string_equal(end_of_child(), "exit code 0");
}

/* Sends this and keeps what comes until the other side closes. */
static void exchange(const char *request, const char *body, size_t len)
{
    int fd = reach(&at), in;

    assert_true(fd >= 0);
    buf_clear(&answer);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    in = dup(fd);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    converse(in, fd, body, len);
}

static void query(const char *target, const char *body, size_t len)
{
    char request[512];

    snprintf(request, sizeof(request),
             "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/x\r\n"
             "Content-Length: %zu\r\n\r\n",
             target, len);
    exchange(request, body, len);
}

static const char *body_of_answer(void)
{
    const char *end = strstr(text(), "\r\n\r\n");

    return end ? end + 4 : "";
}

static void every_function_serves_until_it_is_told_to_stop(void **state)
{
    static const char *const names[] = {"burn", "echo", "misbehave", "sleep", "wordcount"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        serve(names[i]);
        query("/", "body", 4);
        assert_memory_equal(text(), "HTTP/1.1 200 ", 13);
        stop();
    }
}

static void served_echo_is_as_the_called_one(void **state)
{
    (void)state;
    serve("echo");
    query("/?status=404&header=X-A:b%20c", "body", 4);
    assert_memory_equal(text(), "HTTP/1.1 404 ", 13);
    assert_non_null(strstr(text(), "\r\nX-A: b c\r\n"));
    assert_non_null(strstr(text(), "\r\nContent-Type: text/x\r\n"));
    assert_string_equal(body_of_answer(), "body");
    query("/info?q=%20", "12345", 5);
    assert_non_null(strstr(text(), "\"method\":\"POST\",\"path\":\"/info\",\"query\":\"q=%20\","
                                   "\"length\":5"));
    stop();
}

static void served_echo_takes_megabytes(void **state)
{
    static char bytes[3 * MEGABYTE];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 31 ^ i >> 11);
    serve("echo");
    query("/", bytes, sizeof(bytes));
    assert_true(answer.len > sizeof(bytes));
    assert_memory_equal(answer.data + answer.len - sizeof(bytes), bytes, sizeof(bytes));
    stop();
}

static void connection_is_kept_for_the_next_request(void **state)
{
    (void)state;
    serve("echo");
    exchange("POST /?size=2 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
             "GET /?size=3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
             "", 0);
    assert_non_null(strstr(text(), "\r\n\r\nxxHTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(text(), "\r\n\r\nxxx"));
    stop();
}

static void served_wordcount_counts(void **state)
{
    (void)state;
    serve("wordcount");
    query("/", "a b a\n", 6);
    assert_string_equal(body_of_answer(),
                        "{\"lines\":1,\"words\":3,\"bytes\":6,\"top\":{\"a\":2,\"b\":1}}");
    stop();
}

static void served_misbehave_spoils_its_answers(void **state)
{
    (void)state;
    serve("misbehave");
    query("/?do=garbage", "", 0);
    answer_is("this is not HTTP at all\r\n\r\n");
    query("/?do=half", "", 0);
    assert_string_equal(body_of_answer(), "only this");
    query("/", "", 0);
    assert_string_equal(body_of_answer(), "well behaved\n");
    stop();
}

static void served_misbehave_ends_when_told_to(void **state)
{
    (void)state;
    serve("misbehave");
    query("/?do=exit&code=5", "", 0);
    answer_is("");
    assert_string_equal(end_of_child(), "exit code 5");
    serve("misbehave");
    query("/?do=crash", "", 0);
    assert_string_not_equal(end_of_child(), "exit code 0");
}

static void server_listens_on_loopback_unless_told_where(void **state)
{
    (void)state;
    for (int everywhere = 1; everywhere >= 0; everywhere--) {
        host = everywhere ? "HOST=0.0.0.0" : NULL;
        serve("echo");
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
        assert_int_equal(close(reach(&at)), everywhere ? 0 : -1);
        stop();
    }
}

static void taken_port_ends_the_server(void **state)
{
    struct child first;

    (void)state;
    serve("echo");
    first = child;
    begin_server("echo");
    end_of_child();
    child = first;
    assert_string_equal(how, "exit code 1");
    stop();
}

static int begin_all(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (getenv("P2P_TEST_FUNCTIONS"))
        return 0;
    print_error("P2P_TEST_FUNCTIONS is not set: the folder of the built functions\n");
    return -1;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(every_function_answers_as_cgi_without_any_environment),
        T(echo_answers_its_body),
        T(echo_answers_as_many_bytes_as_asked),
        T(echo_prints_header_lines_when_told_to),
        T(echo_tells_what_arrived),
        T(wordcount_counts),
        T(wordcount_has_the_five_that_come_most),
        T(sleep_takes_the_time_it_was_given),
        T(burn_uses_the_time_it_was_given),
        T(misbehave_does_as_it_is_told),
        T(misbehave_floods_until_nobody_reads),
        T(misbehave_hangs_until_it_is_killed),
        T(every_function_serves_until_it_is_told_to_stop),
        T(served_echo_is_as_the_called_one),
        T(served_echo_takes_megabytes),
        T(connection_is_kept_for_the_next_request),
        T(served_wordcount_counts),
        T(served_misbehave_spoils_its_answers),
        T(served_misbehave_ends_when_told_to),
        T(server_listens_on_loopback_unless_told_where),
        T(taken_port_ends_the_server),
    };

    return cmocka_run_group_tests(tests, begin_all, NULL);
}
