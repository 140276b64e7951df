/* Calls that are accepted now and run later: what is accepted, tried again, told, kept. */
#include <pthread.h>

#include "tests/cluster/fixture.h"
#include "tests/cluster/support_async.h"
#include "tests/cluster/support_hooks.h"

static struct hooks *server;

/* ---- callbacks ---- */

static struct told {
    unsigned n;
    unsigned refuse; /* so many first */
    char login[64];
    char id[64], status[8], mine[8], body[256], name[64], duration[32]; /* of the last */
    char site[32], host[64];
} told;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of told */

static int on_callback(void *ctx, const struct hooked *rq)
{
    int status;

    (void)ctx;
    pthread_mutex_lock(&lock);
    snprintf(told.id, sizeof(told.id), "%s", hooked_header(rq, "X-Call-Id"));
    snprintf(told.status, sizeof(told.status), "%s", hooked_header(rq, "X-Function-Status"));
    snprintf(told.name, sizeof(told.name), "%s", hooked_header(rq, "X-Function-Name"));
    snprintf(told.mine, sizeof(told.mine), "%s", hooked_header(rq, "X-Mine"));
    snprintf(told.body, sizeof(told.body), "%s", rq->body);
    snprintf(told.duration, sizeof(told.duration), "%s", hooked_header(rq, "X-Duration-Seconds"));
    snprintf(told.login, sizeof(told.login), "%s", hooked_header(rq, "Authorization"));
    snprintf(told.site, sizeof(told.site), "%s", hooked_header(rq, "Sec-Fetch-Site"));
    snprintf(told.host, sizeof(told.host), "%s", hooked_header(rq, "Host"));
    status = told.n++ < told.refuse ? 500 : 204;
    pthread_mutex_unlock(&lock);
    return status;
}

static struct told last(void)
{
    struct told t;

    pthread_mutex_lock(&lock);
    t = told;
    pthread_mutex_unlock(&lock);
    return t;
}

static bool is_told(void *least)
{
    return last().n >= *(unsigned *)least;
}

static struct told wait_told(unsigned least)
{
    if (!wait_until(is_told, &least, 20))
        fail_msg("%u callbacks came, wanted %u", last().n, least);
    return last();
}

static void refuse(unsigned n)
{
    pthread_mutex_lock(&lock);
    told = (struct told){.refuse = n};
    pthread_mutex_unlock(&lock);
}

static void begin_with(const char *const *more)
{
    refuse(0);
    async_start_node(NODE, more);
}

static int setup(void **state)
{
    (void)state;
    begin_with(NULL);
    return 0;
}

/* ---- what is accepted ---- */

static void test_a_call_reaches_the_function_as_a_clients_would(void **state)
{
    static const char *const headers[] = {
        "X-Test: one",         "Content-Type: text/x-demo",
        "Connection: X-Other", "X-Other: of this connection",
        "X-P2pfaas-Hops: 7",   "X-Callback-Url: http://127.0.0.1:1/",
        "X-Call-Id: mine-1",   NULL};
    const char *id = async_call("/async-function/record.openfaas-fn/dump?q=5", "the body", headers);
    struct reply r;

    (void)state;
    assert_string_equal(id, "mine-1");
    wait_state(id, "\"state\":\"done\"");
    r = async_result(id);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "POST /dump q=5\n"));
    assert_non_null(strstr(r.body, "X-Test: one\n"));
    assert_non_null(strstr(r.body, "Content-Type: text/x-demo\n"));
    assert_non_null(strstr(r.body, "X-Call-Id: mine-1\n"));
    assert_non_null(strstr(r.body, "X-Start-Time: "));
    assert_non_null(strstr(r.body, "\n\nthe body"));
    assert_null(strstr(r.body, "X-Other"));
    assert_null(strstr(r.body, "Hops"));
    assert_null(strstr(r.body, "X-Callback-Url"));
    assert_string_equal(header(&r, "X-Mine"), "yes");
    assert_string_equal(header(&r, "X-Call-Id"), "mine-1");
    assert_string_equal(header(&r, "X-Function-Status"), "200");
    assert_string_equal(header(&r, "X-Function-Name"), "record");
    assert_true(strtod(header(&r, "X-Duration-Seconds"), NULL) > 0);
    reply_free(&r);
}

static void test_what_cannot_be_accepted_is_told(void **state)
{
    static const char *const bad_urls[] = {
        "X-Callback-Url: ftp://127.0.0.1/", "X-Callback-Url: nonsense and more",
        "X-Callback-Url: http://", "X-Callback-Url: /path", "X-Callback-Url: http://a:b:c/"};
    double before = metric(NODE, "p2pfaas_bad_requests_total");

    (void)state;
    expect(post_text(NODE, "/async-function/nobody", "x"), 404, "known: record");
    expect(post_text(NODE, "/async-function/record.elsewhere", "x"), 404, "known: record");
    expect(get(NODE, "/async-function/record"), 405, "allowed: POST, DELETE");
    for (size_t i = 0; i < sizeof(bad_urls) / sizeof(bad_urls[0]); i++) {
        const char *const headers[] = {bad_urls[i], NULL};

        expect(send_method("POST", NODE, "/async-function/record", "x", 1, headers), 400,
               "allowed: http:// or https://");
    }
    expect(get(NODE, "/async/nothing"), 404, "no call 'nothing' here");
    expect(get(NODE, "/async/a%20b"), 404, "no id");
    expect(async_cancel_call("nothing"), 404, "no call 'nothing' here");
    assert_true(metric(NODE, "p2pfaas_async_accepted_total") == 0);
    assert_true(metric(NODE, "p2pfaas_bad_requests_total") == before + 11);
}

/* The largest that is accepted can be run. */
static void test_what_would_be_too_large_to_run_is_not_accepted(void **state)
{
    static const char *const more[] = {"limits.headers=4KB", NULL};
    char fill[4200] = "X-Fill: ", id[64] = "";
    const char *const headers[] = {fill, NULL};
    struct reply r;
    size_t len;

    (void)state;
    begin_with(more);
    memset(fill + strlen(fill), 'x', 3500);
    len = strlen(fill);
    for (;;) {
        r = send_method("POST", NODE, "/async-function/record", "fits", 4, headers);
        if (r.status != 202)
            break;
        snprintf(id, sizeof(id), "%s", header(&r, "X-Call-Id"));
        reply_free(&r);
        len += 8;
        memset(fill + len - 8, 'x', 8);
    }
    expect(r, 431, NULL);
    assert_true(id[0] != '\0');
    wait_state(id, "\"state\":\"done\"");
}

static void test_an_id_that_is_not_sane_is_replaced(void **state)
{
    static const char *const headers[] = {"X-Call-Id: two words", NULL};
    const char *id = async_call("/async-function/record", "x", headers);

    (void)state;
    assert_int_equal(strlen(id), 36);
    assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
    assert_int_equal(id[14], '4');
    wait_state(id, "\"state\":\"done\"");
    assert_string_not_equal(async_call("/async-function/record", "x", NULL), id);
}

static void test_a_node_that_keeps_nothing_says_so(void **state)
{
    (void)state;
    async_start_node(BARE, NULL);
    expect(post_text(BARE, "/async-function/record", "x"), 501, "node.data_dir");
    expect(get(BARE, "/async/x"), 501, "node.data_dir");
    expect(get(BARE, "/async"), 200, "\"queued\":0");
}

/* ---- tried again ---- */

static void test_a_status_of_the_list_is_tried_again(void **state)
{
    const char *id = async_call("/async-function/record?fail=2&code=500", "again", NULL);

    (void)state;
    wait_state(id, "\"state\":\"done\",\"attempts\":3");
    assert_int_equal(hooks_runs(async_notes, "again"), 3);
    assert_true(metric(NODE, "p2pfaas_async_retries_total") == 2);
    id = async_call("/async-function/record?fail=9&code=418", "once", NULL);
    wait_state(id, "\"state\":\"done\",\"attempts\":1");
    assert_int_equal(hooks_runs(async_notes, "once"), 1);
}

static void test_a_function_has_rules_of_its_own(void **state)
{
    (void)state;
    wait_state(async_call("/async-function/picky", "x", NULL),
               "\"state\":\"failed\",\"attempts\":2");
    wait_state(async_call("/async-function/behind", "x", NULL),
               "\"state\":\"failed\",\"attempts\":3");
}

static void test_when_no_attempt_is_left_the_last_answer_is_the_result(void **state)
{
    char callback[80];
    const char *const headers[] = {callback, NULL};
    struct reply r;
    const char *id;

    (void)state;
    snprintf(callback, sizeof(callback), "X-Callback-Url: http://127.0.0.1:%u/x",
             hooks_port(server));
    id = async_call("/async-function/record?fail=9&code=503", "never", headers);
    wait_state(id, "\"state\":\"failed\",\"attempts\":3");
    r = async_result(id);
    assert_int_equal(r.status, 503);
    assert_string_equal(r.body, "never");
    reply_free(&r);
    assert_string_equal(wait_told(1).status, "503");
    assert_int_equal(hooks_runs(async_notes, "never"), 3);
    assert_true(metric(NODE, "p2pfaas_async_failed_total") == 1);
}

static void test_retry_after_counts_instead_of_the_wait(void **state)
{
    static const char *const more[] = {"async.min_wait=1h", "async.max_wait=1h", NULL};
    double began = seconds_now();
    const char *id;

    (void)state;
    begin_with(more);
    id = async_call("/async-function/record?fail=1&code=429&after=1", "later", NULL);
    wait_state(id, "\"state\":\"retrying\",\"attempts\":1");
    wait_state(id, "\"state\":\"done\",\"attempts\":2");
    assert_true(seconds_now() - began >= 1);
}

static void test_to_find_no_room_is_no_attempt(void **state)
{
    const char *id;
    struct reply r;

    (void)state;
    let_nothing_run();
    id = async_call("/async-function/record", "patient", NULL);
    wait_metric(NODE, "p2pfaas_async_no_room_total", 4, 20); /* more than there are attempts */
    r = async_result(id);
    assert_int_equal(r.status, 202);
    assert_non_null(strstr(r.body, "\"attempts\":0"));
    assert_string_equal(header(&r, "Retry-After"), "1");
    reply_free(&r);
    let_run();
    wait_state(id, "\"state\":\"done\",\"attempts\":1");
    assert_int_equal(hooks_runs(async_notes, "patient"), 1);
}

static void test_a_function_with_few_slots_holds_up_no_other(void **state)
{
    const char *last = "", *id;

    (void)state;
    for (int i = 0; i < 6; i++)
        last = async_call("/async-function/hold", "x", NULL);
    for (int i = 0; i < 3; i++) {
        id = async_call("/async-function/record", "quick", NULL);
        wait_state(id, "\"state\":\"done\"");
    }
    wait_state(last, "\"state\":\"queued\"");
    assert_true(metric(NODE, "p2pfaas_async_no_room_total") == 0);
    expect(async_cancel_call(last), 202, NULL);
}

static void test_a_call_that_never_finds_room_fails(void **state)
{
    static const char *const more[] = {"async.expiry=1s", NULL};
    char callback[80];
    const char *const headers[] = {callback, NULL};
    const char *id;
    struct told t;

    (void)state;
    begin_with(more);
    snprintf(callback, sizeof(callback), "X-Callback-Url: http://127.0.0.1:%u/",
             hooks_port(server));
    let_nothing_run();
    id = async_call("/async-function/record", "expired", headers);
    wait_state(id, "async.expiry");
    t = wait_told(1);
    assert_string_equal(t.status, "503");
    assert_string_equal(t.body, "");
    assert_string_equal(t.name, "record");
    expect(async_result(id), 503, "\"state\":\"failed\"");
    assert_int_equal(hooks_runs(async_notes, "expired"), 0);
}

/* ---- told ---- */

static void test_a_callback_is_tried_until_it_is_taken(void **state)
{
    char callback[80];
    const char *const headers[] = {callback, "Content-Type: text/x-demo", NULL};
    const char *id;
    struct told t;

    (void)state;
    refuse(2);
    snprintf(callback, sizeof(callback), "X-Callback-Url: http://me:h%%3Ash@localhost:%u/hook",
             hooks_port(server));
    id = async_call("/async-function/record/dump", "tell me", headers);
    wait_state(id, "\"callback\":{\"state\":\"delivered\",\"attempts\":3}");
    t = wait_told(3);
    assert_string_equal(t.id, id);
    assert_string_equal(t.status, "200");
    assert_string_equal(t.mine, "yes");
    assert_string_equal(t.login, "Basic bWU6aDpzaA=="); /* me:h:sh */
    assert_non_null(strstr(t.body, "POST /dump"));
    assert_true(metric(NODE, "p2pfaas_async_callbacks_total") == 1);
}

static void test_a_callback_that_nobody_takes_is_given_up(void **state)
{
    static const char *const headers[] = {"X-Callback-Url: http://me:hush@127.0.0.1:1/", NULL};
    const char *id = async_call("/async-function/record", "tell nobody", headers);

    (void)state;
    wait_state(id, "\"callback\":{\"state\":\"given up\",\"attempts\":3}");
    wait_state(id, "\"state\":\"done\"");
    wait_log(NODE, "a callback is given up");
    assert_true(log_has(NODE, "http://127.0.0.1:1/"));
    assert_false(log_has(NODE, "hush"));
    assert_true(metric(NODE, "p2pfaas_async_bytes") == 0);
}

static void test_a_function_cannot_speak_for_the_node(void **state)
{
    char callback[80];
    const char *const headers[] = {callback, NULL};
    const char *id;
    struct reply r;
    struct told t;

    (void)state;
    snprintf(callback, sizeof(callback), "X-Callback-Url: http://127.0.0.1:%u/",
             hooks_port(server));
    id = async_call("/async-function/forge", "", headers);
    t = wait_told(1);
    assert_string_equal(t.id, id);
    assert_string_equal(t.status, "200");
    assert_string_equal(t.name, "forge");
    assert_true(strtod(t.duration, NULL) < 7);
    assert_string_equal(t.site, "cross-site");
    assert_non_null(strstr(callback, t.host));
    assert_string_equal(t.body, "body");
    r = async_result(id);
    assert_string_equal(header(&r, "X-Call-Id"), id);
    assert_string_equal(header(&r, "X-Function-Status"), "200");
    assert_string_equal(header(&r, "X-Function-Name"), "forge");
    assert_true(strtod(header(&r, "X-Duration-Seconds"), NULL) < 7);
    reply_free(&r);
}

static void test_a_callback_does_not_administer_a_node(void **state)
{
    char callback[80];
    const char *const headers[] = {callback, NULL};
    const char *id;

    (void)state;
    snprintf(callback, sizeof(callback), "X-Callback-Url: http://%s/system/functions",
             cluster.node[NODE].address);
    id = async_call("/async-function/record",
                    "{\"service\":\"planted\",\"image\":\"x\",\"annotations\":"
                    "{\"p2pfaas.runtime\":\"process\",\"p2pfaas.command\":\"cat\"}}",
                    headers);
    wait_state(id, "\"callback\":{\"state\":\"given up\"");
    expect(get(NODE, "/system/function/planted"), 404, NULL);
}

/* ---- cancelled, limited, expired ---- */

static void test_what_waits_can_be_cancelled(void **state)
{
    const char *id, *done = async_call("/async-function/record", "done", NULL);

    (void)state;
    wait_state(done, "\"state\":\"done\"");
    expect(async_cancel_call(done), 409, "is done");
    let_nothing_run();
    id = async_call("/async-function/record", "cancelled", NULL);
    wait_metric(NODE, "p2pfaas_async_no_room_total", 1, 20);
    for (;;) { /* it may be on its way to be refused */
        struct reply r = async_cancel_call(id);
        bool taken = r.status == 202;

        reply_free(&r);
        if (taken)
            break;
    }
    wait_state(id, "\"state\":\"cancelled\"");
    expect(async_result(id), 410, NULL);
    let_run();
    wait_state(async_call("/async-function/record", "after it", NULL), "\"state\":\"done\"");
    assert_int_equal(hooks_runs(async_notes, "cancelled"), 0);
}

static void test_more_than_the_queue_holds_is_429(void **state)
{
    static const char *const more[] = {"async.queue=2", "async.bytes=1MB", NULL};
    char *large = calloc(1, 900 << 10);
    struct reply r;

    (void)state;
    begin_with(more);
    let_nothing_run();
    async_call("/async-function/record", "one", NULL);
    memset(large, 'x', (900 << 10) - 1);
    async_call("/async-function/record", large, NULL);
    r = post_text(NODE, "/async-function/record", "three");
    assert_int_equal(r.status, 429);
    assert_non_null(strstr(r.body, "async.queue"));
    assert_string_equal(header(&r, "Retry-After"), "1");
    reply_free(&r);
    assert_true(metric(NODE, "p2pfaas_async_refused_total") == 1);
    assert_true(stop_node(NODE));
    begin_with(more + 1); /* they are still there, and have the bytes */
    let_nothing_run();
    expect(post_text(NODE, "/async-function/record", large), 429, "async.bytes");
    let_run();
    wait_metric(NODE, "p2pfaas_async_done_total", 2, 20);
    wait_state(async_call("/async-function/record", large, NULL), "\"state\":\"done\"");
    free(large);
}

static bool holds_runs_back(void *unused)
{
    (void)unused;
    return metric(NODE, "p2pfaas_async_bytes") > 1 << 20 &&
           metric(NODE, "p2pfaas_async_running") == 0;
}

static void test_results_that_nobody_takes_are_bounded(void **state)
{
    enum { CALLS = 16, LARGE = 300000 };
    static const char *const more[] = {"async.bytes=1MB", "async.min_wait=1h", "async.max_wait=1h",
                                       NULL};
    static const char *const headers[] = {"X-Callback-Url: http://127.0.0.1:1/", NULL};

    (void)state;
    begin_with(more);
    let_nothing_run();
    for (int i = 0; i < CALLS; i++)
        async_call("/async-function/large", "x", headers);
    let_run();
    if (!wait_until(holds_runs_back, NULL, 20))
        fail_msg("%g bytes are kept", metric(NODE, "p2pfaas_async_bytes"));
    assert_true(metric(NODE, "p2pfaas_async_queued") > 0);
    assert_true(metric(NODE, "p2pfaas_async_bytes") <
                (1 << 20) + 4 * (LARGE + 1000) + CALLS * 1000);
    expect(post_text(NODE, "/async-function/large", "x"), 429, "async.bytes");
    assert_true(stop_node(NODE));
    begin_with(more + 1); /* now there is room for all */
    wait_metric(NODE, "p2pfaas_async_bytes", CALLS * (double)LARGE, 20);
}

static void test_results_are_cut_and_go_when_they_are_old(void **state)
{
    static const char *const more[] = {"async.result=4", "async.keep=1s", NULL};
    const char *id;
    struct reply r;

    (void)state;
    begin_with(more);
    id = async_call("/async-function/record", "long answer", NULL);
    wait_state(id, "\"bytes\":11");
    r = async_result(id);
    assert_string_equal(r.body, "long");
    assert_string_equal(header(&r, "X-P2pfaas-Result-Bytes"), "11");
    reply_free(&r);
    wait_state(id, "404 ");
    assert_true(metric(NODE, "p2pfaas_async_kept_bytes") == 0);
}

/* ---- all of them ---- */

static int start_all(void **state)
{
    (void)state;
    async_init_nodes();
    server = hooks_start(0, on_callback, NULL);
    return server ? 0 : -1;
}

static int stop_all(void **state)
{
    (void)state;
    fixture_stop();
    hooks_stop(server);
    return 0;
}

#define RUNNING(f) cmocka_unit_test_setup_teardown(f, setup, async_teardown)
#define STOPPED(f) cmocka_unit_test_teardown(f, async_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RUNNING(test_a_call_reaches_the_function_as_a_clients_would),
        RUNNING(test_what_cannot_be_accepted_is_told),
        STOPPED(test_what_would_be_too_large_to_run_is_not_accepted),
        RUNNING(test_an_id_that_is_not_sane_is_replaced),
        RUNNING(test_a_node_that_keeps_nothing_says_so),
        RUNNING(test_a_status_of_the_list_is_tried_again),
        RUNNING(test_a_function_has_rules_of_its_own),
        RUNNING(test_when_no_attempt_is_left_the_last_answer_is_the_result),
        STOPPED(test_retry_after_counts_instead_of_the_wait),
        RUNNING(test_to_find_no_room_is_no_attempt),
        RUNNING(test_a_function_with_few_slots_holds_up_no_other),
        STOPPED(test_a_call_that_never_finds_room_fails),
        RUNNING(test_a_callback_is_tried_until_it_is_taken),
        RUNNING(test_a_callback_that_nobody_takes_is_given_up),
        RUNNING(test_a_function_cannot_speak_for_the_node),
        RUNNING(test_a_callback_does_not_administer_a_node),
        RUNNING(test_what_waits_can_be_cancelled),
        STOPPED(test_more_than_the_queue_holds_is_429),
        STOPPED(test_results_that_nobody_takes_are_bounded),
        STOPPED(test_results_are_cut_and_go_when_they_are_old),
    };

    hooks_serve_if_asked(argc, argv);
    return cmocka_run_group_tests(tests, start_all, stop_all);
}
