/* Sessions with a server that is not etcd: one that plays its part, and then stops. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "host/discovery/discovery.h"
#include "tests/host/discovery/support_node.h"
#include "tests/host/support_nasty.h"

enum { GUARD_SECONDS = 20, MOST_SCRIPTS = 16 };
#define TWO "10.0.0.2:18080"

static struct node node;
static struct discovery *discovery;
static struct nasty *server;
static ev_timer guard, tick;
static bool too_late;
static const char *ttl; /* as the configuration has it: requests may take a third */

/* ---- what etcd says ---- */

#define HEADER "\"header\":{\"revision\":\"5\"}"
#define OWN_KEY "\"key\":\"L3AycGZhYXMvMTI3LjAuMC4xOjE4MDgw\",\"mod_revision\":\"4\""
#define OWN_VALUE "\"value\":\"eyJpZCI6Im4xIiwiYWRkcmVzcyI6IjEyNy4wLjAuMToxODA4MCJ9\""
#define TWO_KEY "\"key\":\"L3AycGZhYXMvMTAuMC4wLjI6MTgwODA=\",\"mod_revision\":\"5\""
#define TWO_VALUE "\"value\":\"eyJpZCI6Im4yIiwiYWRkcmVzcyI6IjEwLjAuMC4yOjE4MDgwIiwic2xvdHMiOjN9\""

#define CLOSED "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
#define GRANT(seconds) CLOSED "{" HEADER ",\"ID\":\"77\",\"TTL\":\"" seconds "\"}"
#define DONE CLOSED "{" HEADER "}"
#define LIST CLOSED "{" HEADER ",\"kvs\":[{" OWN_KEY "," OWN_VALUE "},{" TWO_KEY "," TWO_VALUE "}]}"
#define LIST_OF_OWN CLOSED "{" HEADER ",\"kvs\":[{" OWN_KEY "," OWN_VALUE "}]}"
#define CREATED CLOSED "{\"result\":{" HEADER ",\"created\":true}}\n"
#define RENEWED CLOSED "{\"result\":{" HEADER ",\"ID\":\"77\",\"TTL\":\"9\"}}"
#define LOST CLOSED "{\"result\":{" HEADER ",\"ID\":\"77\"}}"

/* Every answer ends its connection, so that each request plays the next script. */
#define ANSWER(name, text)                                                                         \
    static const struct nasty_step name[] = {                                                      \
        {NASTY_REQUEST, NULL, 0}, {NASTY_SEND, text, 0}, {NASTY_END, NULL, 0}}
/* A watch says this and stays. */
#define STREAM(name, text)                                                                         \
    static const struct nasty_step name[] = {{NASTY_REQUEST, NULL, 0},                             \
                                             {NASTY_SEND, text, 0},                                \
                                             {NASTY_DRAIN, NULL, 0},                               \
                                             {NASTY_END, NULL, 0}}

ANSWER(grant, GRANT("9"));
ANSWER(short_grant, GRANT("1")); /* renewed at once, nearly */
ANSWER(done, DONE);
ANSWER(list, LIST);
ANSWER(list_of_own, LIST_OF_OWN);
ANSWER(renewed, RENEWED);
ANSWER(lost, LOST);
STREAM(watch, CREATED);
static const struct nasty_step silent[] = {{NASTY_DRAIN, NULL, 0}, {NASTY_END, NULL, 0}};

/* ---- one node and its server ---- */

static void on_guard(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)w;
    (void)events;
    too_late = true;
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)w;
    (void)events;
}

static int setup(void **state)
{
    (void)state;
    support_log_begin();
    discovery = NULL;
    too_late = false;
    ttl = "9s";
    return 0;
}

/* A node whose servers these URLs are. */
static void begin_with(const char *urls)
{
    char setting[256], ttl_setting[64];
    const char *const settings[] = {ttl_setting, setting};
    char err[P2P_ERRLEN];

    snprintf(setting, sizeof(setting), "discovery.etcd=%s", urls);
    snprintf(ttl_setting, sizeof(ttl_setting), "discovery.etcd_ttl=%s", ttl);
    assert_int_equal(support_node_init(&node, settings, 2), 0);
    ev_timer_init(&guard, on_guard, GUARD_SECONDS, 0);
    ev_timer_init(&tick, on_tick, 0.001, 0.001);
    ev_timer_start(node.shards[0].reactor.loop, &guard);
    ev_timer_start(node.shards[0].reactor.loop, &tick);
    discovery = discovery_etcd.start(&node, err);
    if (!discovery)
        fail_msg("%s", err);
}

static void begin(const struct nasty_step *const *scripts)
{
    char url[64];

    server = nasty_start(scripts);
    assert_non_null(server);
    snprintf(url, sizeof(url), "http://%s", nasty_address(server));
    begin_with(url);
}

static int teardown(void **state)
{
    (void)state;
    if (discovery) {
        discovery_etcd.stop(discovery);
        ev_timer_stop(node.shards[0].reactor.loop, &guard);
        ev_timer_stop(node.shards[0].reactor.loop, &tick);
        support_node_release(&node);
    }
    nasty_stop(server);
    server = NULL;
    support_log_end();
    return 0;
}

#define RUN_UNTIL(condition)                                                                       \
    while (!(condition)) {                                                                         \
        if (too_late)                                                                              \
            fail_msg("in vain: %s", #condition);                                                   \
        ev_run(node.shards[0].reactor.loop, EVRUN_ONCE);                                           \
    }

static bool described(const char *text)
{
    cJSON *json = cJSON_CreateObject();
    char *out;
    bool has;

    discovery_etcd.describe(discovery, json);
    out = cJSON_PrintUnformatted(json);
    has = strstr(out, text) != NULL;
    free(out);
    cJSON_Delete(json);
    return has;
}

static bool is_registered(void)
{
    return described("\"state\":\"registered\"");
}

static bool is_peer(const char *address)
{
    struct peer_row row;

    return support_peer(&node, address, &row);
}

static void last_request_has(const char *text)
{
    char seen[2048];

    nasty_last(server, seen, sizeof(seen));
    if (!strstr(seen, text))
        fail_msg("not in the request: %s\n%s", text, seen);
}

/* ---- as it should be ---- */

static void node_registers_lists_and_watches(void **state)
{
    static const struct nasty_step *const scripts[] = {short_grant, done,    list,
                                                       watch,       renewed, NULL};

    (void)state;
    begin(scripts);
    RUN_UNTIL(nasty_requests(server) == 1);
    last_request_has("POST /v3/lease/grant HTTP/1.1\r\n");
    last_request_has("Content-Type: application/json\r\n");
    last_request_has("{\"TTL\":\"9\"}");
    RUN_UNTIL(is_registered());
    assert_true(is_peer(TWO));
    assert_true(described("\"lease\":\"77\""));
    assert_int_equal(support_log_count("registered in etcd"), 1);
    last_request_has("POST /v3/watch HTTP/1.1\r\n");
    last_request_has("\"start_revision\":\"6\"");
    RUN_UNTIL(nasty_requests(server) >= 5);
    last_request_has("POST /v3/lease/keepalive HTTP/1.1\r\n");
    last_request_has("{\"ID\":\"77\"}");
    assert_int_equal(support_log_count("out of touch"), 0);
}

static void watch_tells_who_comes_and_goes(void **state)
{
    STREAM(events, CREATED
           "{\"result\":{" HEADER ",\"events\":[{\"kv\":{" TWO_KEY "," TWO_VALUE "}}]}}\n"
           "{\"result\":{" HEADER ",\"events\":[{\"type\":\"DELETE\",\"kv\":{" TWO_KEY "}}]}}\n");
    static const struct nasty_step *const scripts[] = {grant,  done,    list_of_own,
                                                       events, renewed, NULL};

    (void)state;
    begin(scripts);
    RUN_UNTIL(support_log_count("a peer left") == 1);
    assert_int_equal(support_log_count("a peer joined"), 1);
    assert_false(is_peer(TWO));
}

/* ---- what goes wrong ---- */

/* At each step of a session, each kind of wrong: the next session makes it good. */
static void wrong_at(unsigned step, const char *text, size_t times)
{
    const struct nasty_step wrong[] = {{NASTY_REQUEST, NULL, 0},
                                       {times ? NASTY_REPEAT : NASTY_SEND, text, times},
                                       {NASTY_END, NULL, 0}};
    static const struct nasty_step *const right[] = {grant, done, list, watch};
    const struct nasty_step *scripts[MOST_SCRIPTS];
    unsigned n = 0;

    while (n < step) {
        scripts[n] = right[n];
        n++;
    }
    scripts[n++] = wrong;
    /* The lease that is there is renewed. */
    scripts[n++] = step ? renewed : grant;
    for (unsigned i = 1; i < 4; i++)
        scripts[n++] = right[i];
    scripts[n++] = renewed;
    scripts[n] = NULL;
    setup(NULL);
    begin(scripts);
    RUN_UNTIL(is_registered());
    assert_true(is_peer(TWO));
    assert_int_equal(support_log_count("out of touch"), 1);
    assert_int_equal(support_log_count("registered in etcd"), 1);
    assert_false(described("\"last_error\":\"\""));
    teardown(NULL);
}

static void wrong_answers_end_a_session_and_the_next_is_right(void **state)
{
    static const char *const wrong[] = {
        "",
        "garbage\r\n\r\n",
        CLOSED "garbage",
        CLOSED "",
        CLOSED "{}{}{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"header\":",
        "HTTP/1.1 503 No\r\nConnection: close\r\n\r\n{\"error\":\"no leader\",\"code\":14}",
        "HTTP/1.1 404 No\r\nConnection: close\r\n\r\nNot Found",
    };

    (void)state;
    for (unsigned step = 0; step < 4; step++)
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
            /* A put's answer says nothing that is needed. */
            if (step != 1 || strncmp(wrong[i], CLOSED, strlen(CLOSED)) != 0)
                wrong_at(step, wrong[i], 0);
    for (unsigned step = 0; step < 4; step++)
        wrong_at(step, "HTTP/1.1 200 OK\r\n\r\n", 20000);
}

static void watch_that_does_not_begin_is_given_up(void **state)
{
    STREAM(head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    static const struct nasty_step *const scripts[] = {
        grant, done, list, head, renewed, renewed, done, list, watch, renewed, NULL};

    (void)state;
    ttl = "2s";
    begin(scripts);
    RUN_UNTIL(support_log_count("out of touch") == 1);
    assert_true(is_peer(TWO));
    RUN_UNTIL(!described("\"last_error\":\"\""));
    assert_int_equal(support_log_count("registered in etcd"), 0);
}

static void compacted_watch_lists_again(void **state)
{
    STREAM(compacted, CREATED "{\"result\":{" HEADER ",\"canceled\":true,\"compact_revision\":"
                              "\"9\"}}\n");
    static const struct nasty_step *const scripts[] = {grant, done, list_of_own, compacted, renewed,
                                                       done,  list, watch,       renewed,   NULL};

    (void)state;
    begin(scripts);
    RUN_UNTIL(support_log_count("compacted away") == 1);
    RUN_UNTIL(is_peer(TWO) && is_registered());
    assert_true(described("\"last_error\":\"what happened meanwhile was compacted away\""));
}

static void deleted_key_is_put_again(void **state)
{
    STREAM(deleted, CREATED "{\"result\":{" HEADER
                            ",\"events\":[{\"type\":\"DELETE\",\"kv\":{" OWN_KEY "}}]}}\n");
    ANSWER(list_without_own, CLOSED "{" HEADER "}");
    static const struct nasty_step *const scripts[] = {
        grant,   done, list, deleted, renewed, done, list_without_own,
        renewed, done, list, watch,   renewed, NULL};

    (void)state;
    begin(scripts);
    RUN_UNTIL(nasty_requests(server) >= 10 && is_registered());
    assert_int_equal(support_log_count("key was deleted"), 1); /* said once an outage */
    assert_true(is_peer(TWO));
}

static void lost_lease_is_granted_again(void **state)
{
    static const struct nasty_step *const scripts[] = {
        short_grant, done, list, watch, lost, grant, done, list, watch, renewed, NULL};

    (void)state;
    begin(scripts);
    RUN_UNTIL(support_log_count("does not know this node's lease") == 1);
    RUN_UNTIL(is_registered());
    assert_true(nasty_requests(server) >= 9);
}

static void silent_server_is_left(void **state)
{
    static const struct nasty_step *const scripts[] = {short_grant, done,   list,
                                                       watch,       silent, NULL};

    (void)state;
    ttl = "2s";
    begin(scripts);
    RUN_UNTIL(is_registered());
    RUN_UNTIL(support_log_count("out of touch") == 1);
    assert_true(described("timed out"));
    assert_true(is_peer(TWO));
    RUN_UNTIL(nasty_accepted(server) >= 7); /* it goes on trying */
    assert_int_equal(support_log_count("out of touch"), 1);
}

/* ---- several servers ---- */

static void servers_are_tried_in_turn(void **state)
{
    static const struct nasty_step *const scripts[] = {grant, done, list, watch, renewed, NULL};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t size = sizeof(a);
    char urls[200], state_text[100];

    (void)state;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, size) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    server = nasty_start(scripts);
    assert_non_null(server);
    snprintf(urls, sizeof(urls), "http://127.0.0.1:%u/, http://127.0.0.1:%u http://%s/",
             ntohs(a.sin_port), ntohs(a.sin_port), nasty_address(server));
    begin_with(urls);
    RUN_UNTIL(is_registered());
    snprintf(state_text, sizeof(state_text), "\"server\":\"http://%s\"", nasty_address(server));
    assert_true(described(state_text));
    assert_int_equal(support_log_count("out of touch"), 1);
    close(fd);
}

/* ---- the end ---- */

static void leave_revokes_the_lease(void **state)
{
    static const struct nasty_step *const scripts[] = {grant, done, list, watch, done, NULL};
    uint64_t began;

    (void)state;
    begin(scripts);
    RUN_UNTIL(is_registered());
    began = clock_ns();
    discovery_etcd.leave(discovery);
    assert_true(clock_ns() - began < 500000000u);
    RUN_UNTIL(nasty_requests(server) == 5);
    last_request_has("POST /v3/lease/revoke HTTP/1.1\r\n");
    assert_true(described("\"state\":\"left\""));
}

static void stop_waits_a_second_at_most(void **state)
{
    static const struct nasty_step *const scripts[] = {grant, done, list, watch, silent, NULL};
    uint64_t began;

    (void)state;
    begin(scripts);
    RUN_UNTIL(is_registered());
    began = clock_ns();
    discovery_etcd.leave(discovery);
    discovery_etcd.stop(discovery);
    assert_in_range(clock_ns() - began, 0, 3000000000u);
    assert_int_equal(support_log_count("out of touch"), 0);
    ev_timer_stop(node.shards[0].reactor.loop, &guard);
    ev_timer_stop(node.shards[0].reactor.loop, &tick);
    support_node_release(&node);
    discovery = NULL;
}

/* ---- settings that cannot work ---- */

static void bad_settings_are_refused_with_a_reason(void **state)
{
    static const char *const bad[][2] = {
        {"discovery.etcd=", "discovery.etcd is empty"},
        {"discovery.etcd= , ", "discovery.etcd is empty"},
        {"discovery.etcd=10.0.0.1:2379", "no URL of a server"},
        {"discovery.etcd=http://", "no URL of a server"},
        {"discovery.etcd=http:///", "no URL of a server"},
        {"discovery.etcd=ftp://10.0.0.1", "no URL of a server"},
        {"discovery.etcd=http://me:secret@10.0.0.1", "no URL of a server"},
        {"discovery.etcd=http://10.0.0.1/?a", "no URL of a server"},
        {"discovery.etcd_prefix=", "discovery.etcd_prefix has 0 bytes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char err[P2P_ERRLEN] = "";

        assert_int_equal(support_node_init(&node, &bad[i][0], 1), 0);
        assert_null(discovery_etcd.start(&node, err));
        if (!strstr(err, bad[i][1]))
            fail_msg("%s: %s", bad[i][0], err);
        support_node_release(&node);
    }
}

static void address_for_all_is_no_address_to_call(void **state)
{
    static const char *const all[] = {"0.0.0.0", "::"};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        char err[P2P_ERRLEN] = "";

        assert_int_equal(support_node_init(&node, NULL, 0), 0);
        assert_int_equal(endpoint_parse(&node.advertised, all[i], 1, err), 0);
        assert_null(discovery_etcd.start(&node, err));
        assert_non_null(strstr(err, "node.advertise must be the address"));
        support_node_release(&node);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(node_registers_lists_and_watches),
        TEST(watch_tells_who_comes_and_goes),
        cmocka_unit_test(wrong_answers_end_a_session_and_the_next_is_right),
        TEST(watch_that_does_not_begin_is_given_up),
        TEST(compacted_watch_lists_again),
        TEST(deleted_key_is_put_again),
        TEST(lost_lease_is_granted_again),
        TEST(silent_server_is_left),
        TEST(servers_are_tried_in_turn),
        TEST(leave_revokes_the_lease),
        TEST(stop_waits_a_second_at_most),
        TEST(bad_settings_are_refused_with_a_reason),
        TEST(address_for_all_is_no_address_to_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
