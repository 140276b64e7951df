/* Nodes that know one seed: they find each other, lose each other, and speak with
 * discoveries of the original P2PFaaS. */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cluster/support_discovery.h"

enum { NODES = 4 };

static int init(void **state)
{
    (void)state;
    fixture_init(NODES, fixture_functions);
    cluster.settings = strangers;
    return 0;
}

static int stop_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NODES; i++)
        assert_true(!cluster.node[i].pid || stop_node(i));
    return 0;
}

static int end(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static void test_one_seed_is_enough(void **state)
{
    (void)state;
    start_some(4);
    select_scheduler(3, "{\"name\":\"round_robin\"}");
    for (int i = 0; i < 8; i++)
        expect(post_text(3, "/function/echo", "x"), 200, "x");
    for (unsigned i = 0; i < 3; i++)
        assert_true(metric(i, "p2pfaas_peer_requests_total") == 2);
}

static void test_a_seed_that_comes_late_is_found(void **state)
{
    (void)state;
    start_node(1, NULL);
    start_node(2, NULL);
    assert_int_equal(members(1, "alive"), 0);
    start_node(0, NULL);
    for (unsigned i = 0; i < 3; i++)
        wait_members(i, "alive", 2);
}

static void test_a_seed_may_be_told_by_name(void **state)
{
    /* Longer than a label may be: known to nobody. */
    static const char *const by_name[] = {
        "discovery.seeds=localhost,"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        NULL};

    (void)state;
    start_node(1, by_name);
    wait_log(1, "the name of a seed is not known");
    start_node(0, NULL);
    for (unsigned i = 0; i < 2; i++)
        wait_members(i, "alive", 1);
    assert_true(stop_node(0));
    start_node(0, NULL);
    wait_members(0, "alive", 1);
}

static void test_who_leaves_is_gone_at_once_and_who_dies_is_found_dead(void **state)
{
    double start;

    (void)state;
    start_some(4);
    start = seconds_now();
    assert_true(stop_node(3));
    for (unsigned i = 0; i < 3; i++)
        wait_members(i, "left", 1);
    assert_true(seconds_now() - start < 5);
    for (unsigned i = 0; i < 3; i++)
        wait_metric(i, "p2pfaas_peers{state=\"up\"}", 2, 5);
    assert_int_equal(cluster_stop(&cluster, 2, SIGKILL, 5), SIGKILL);
    for (unsigned i = 0; i < 2; i++) {
        wait_members(i, "dead", 1);
        wait_metric(i, "p2pfaas_peers{state=\"down\"}", 1, 5);
    }
    start_node(2, NULL);
    start_node(3, NULL);
    for (unsigned i = 0; i < 4; i++)
        wait_members(i, "alive", 3);
}

static void test_a_call_that_fails_is_evidence(void **state)
{
    (void)state;
    start_some(2);
    select_scheduler(0, "{\"name\":\"forward\"}");
    assert_int_equal(cluster_stop(&cluster, 1, SIGKILL, 5), SIGKILL);
    expect(post_text(0, "/function/echo", "x"), 200, "x");
    assert_true(metric(0, "p2pfaas_peers{state=\"down\"}") == 1);
    wait_members(0, "dead", 1);
}

static void test_a_restart_finds_the_others_without_a_seed(void **state)
{
    char dir[160], file_name[200], setting[200];
    const char *const more[] = {setting, "discovery.seeds=", NULL};
    struct stat file;

    (void)state;
    snprintf(dir, sizeof(dir), "%s/data", cluster.dir);
    snprintf(setting, sizeof(setting), "node.data_dir=%s", dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    start_node(0, NULL);
    start_node(1, (const char *const[]){setting, NULL});
    wait_members(1, "alive", 1);
    assert_true(stop_node(1));
    snprintf(file_name, sizeof(file_name), "%s/members.json", dir);
    assert_int_equal(stat(file_name, &file), 0);
    start_node(1, more);
    wait_members(1, "alive", 1);
    wait_members(0, "alive", 1);
    assert_int_equal(cluster_stop(&cluster, 1, SIGKILL, 5), SIGKILL);
    start_node(1, more);
    wait_members(1, "alive", 1);
    assert_true(stop_node(1));
    {
        FILE *f = fopen(file_name, "we");

        fputs("{\"members\": [\"127.0.0.1:", f);
        fclose(f);
    }
    start_node(1, more);
    assert_true(log_has(1, "no JSON object and not used"));
    assert_int_equal(members(1, "alive"), 0);
    assert_true(stop_node(1));
}

static void test_two_nodes_with_one_id_are_both_used(void **state)
{
    (void)state;
    start_node(0, NULL);
    start_node(1, NULL);
    start_node(2, (const char *const[]){"node.id=n2", NULL});
    wait_members(0, "alive", 2);
    wait_log(0, "two nodes have the same node.id");
    wait_metric(0, "p2pfaas_peers{state=\"up\"}", 2, 5);
    assert_true(stop_node(2));
    wait_members(0, "left", 1);
}

static void test_a_scheduler_forwards_only_to_who_offers_the_function(void **state)
{
    char other[160];

    (void)state;
    snprintf(other, sizeof(other), "%s/other.yaml", cluster.dir);
    {
        FILE *f = fopen(other, "we");

        fputs("functions: {cat: {command: [cat]}}\n", f);
        fclose(f);
    }
    start_node(0, NULL);
    {
        char usual[sizeof(cluster.config)];

        memcpy(usual, cluster.config, sizeof(usual));
        snprintf(cluster.config, sizeof(cluster.config), "%s", other);
        start_node(1, NULL);
        memcpy(cluster.config, usual, sizeof(usual));
    }
    wait_metric(0, "p2pfaas_peers{state=\"up\"}", 1, 10);
    expect(get(0, "/cluster"), 200, "\"functions\":[\"cat\"]");
    select_scheduler(0, "{\"name\":\"forward\"}");
    for (int i = 0; i < 5; i++)
        expect(post_text(0, "/function/wordcount", "x"), 200, "words");
    assert_true(metric(1, "p2pfaas_peer_requests_total") == 0);
    expect(post_text(0, "/function/cat", "x"), 200, "x");
    assert_true(metric(1, "p2pfaas_peer_requests_total") == 1);
}

static void test_a_secret_keeps_strangers_out(void **state)
{
    static const char *const ours[] = {"security.secret=a secret of sixteen", NULL};
    static const char *const others[] = {"security.secret=another one of them", NULL};
    static const char *const machine[] = {"User-Agent: Machine", "p2pfaas-machine-ip: 127.0.0.77",
                                          NULL};

    (void)state;
    start_node(0, ours);
    start_node(1, ours);
    start_node(2, others);
    start_node(3, NULL);
    for (unsigned i = 0; i < 2; i++)
        wait_members(i, "alive", 1);
    wait_metric(0, "p2pfaas_auth_refused_total{why=\"forged\"}", 1, 20);
    wait_metric(0, "p2pfaas_auth_refused_total{why=\"unsigned\"}", 1, 20);
    expect(ask(0, NULL, "/list", NULL, machine), 401, "unsigned");
    expect(ask(0, "POST", "/exchange", "x", NULL), 401, "unsigned");
    for (unsigned i = 2; i < 4; i++)
        assert_int_equal(members(i, "alive"), 0);
    assert_int_equal(members(0, "alive"), 1);
    select_scheduler(0, "{\"name\":\"forward\"}");
    expect(post_text(0, "/function/echo", "x"), 200, "x");
    assert_true(metric(1, "p2pfaas_peer_requests_total") == 1);
    assert_true(stop_node(1));
    wait_members(0, "left", 1);
}

/* ---- the original's REST ---- */

static void test_the_discovery_port_speaks_as_the_original_does(void **state)
{
    static const char *const machine[] = {"User-Agent: Machine", "p2pfaas-machine-ip: 127.0.0.77",
                                          "p2pfaas-machine-name: 127.0.0.77",
                                          "p2pfaas-machine-group-name: cluster00", NULL};
    static const char *const bridge[] = {"User-Agent: Machine", "p2pfaas-machine-ip: 172.17.0.2",
                                         NULL};
    static const char *const no_ip[] = {"User-Agent: Machine", "p2pfaas-machine-ip: here", NULL};
    static const char *const person[] = {"p2pfaas-machine-ip: 127.0.0.78", NULL};
    struct reply r;

    (void)state;
    start_node(0, NULL);
    expect(ask(0, NULL, "/", NULL, NULL), 200, "Welcome to the p2p-fog discovery service v0.0.4b!");
    r = ask(0, NULL, "/list", NULL, NULL);
    assert_string_equal(r.body, "[]");
    assert_string_equal(header(&r, "P2pfaas-Machine-Ip"), "127.0.0.1");
    assert_string_equal(header(&r, "P2pfaas-Machine-Name"), "127.0.0.1");
    assert_string_equal(header(&r, "P2pfaas-Machine-Group-Name"), "p2pfaas");
    assert_string_equal(header(&r, "Content-Type"), "application/json");
    reply_free(&r);
    expect(ask(0, NULL, "/list", NULL, bridge), 200, "[]");
    expect(ask(0, NULL, "/list", NULL, no_ip), 200, "[]");
    expect(ask(0, NULL, "/list", NULL, person), 200, "[]");
    expect(ask(0, NULL, "/list", NULL, machine), 200,
           "[{\"_id\":1,\"ip\":\"127.0.0.77\",\"name\":\"127.0.0.77\",\"group_name\":\"cluster00\","
           "\"ping\":0,\"last_update\":");
    expect(get(0, "/cluster"), 200, "\"protocol\":\"original\"");
    wait_metric(0, "p2pfaas_peers{state=\"up\"}", 1, 5);
    expect(ask(0, NULL, "/reset", NULL, NULL), 200, "");
    expect(ask(0, NULL, "/list", NULL, NULL), 200, "[]");
    expect(ask(0, NULL, "/configuration", NULL, NULL), 200,
           "{\"machine_ip\":\"127.0.0.1\",\"machine_id\":\"n1\",\"machine_group_name\":\"p2pfaas\","
           "\"init_servers\":[]}");
    expect(ask(0, "POST", "/configuration",
               "{\"machine_ip\":\"127.0.0.1\",\"machine_group_name\":\"g\","
               "\"init_servers\":[\"127.0.0.9\",\"nowhere\"],\"more\":1}",
               NULL),
           200, "");
    expect(ask(0, NULL, "/configuration", NULL, NULL), 200,
           "\"machine_group_name\":\"g\",\"init_servers\":[\"127.0.0.9\"]");
    expect(ask(0, "POST", "/configuration", "garbage", NULL), 500, "Generic Error");
    expect(ask(0, "POST", "/configuration", "[]", NULL), 500, "Generic Error");
    expect(ask(0, "POST", "/configuration", "null", NULL), 500, "Generic Error");
    expect(ask(0, "POST", "/configuration", "{\"machine_ip\":1}", NULL), 500, "Generic Error");
    expect(ask(0, "POST", "/configuration", "{\"machine_id\":\"x\"}", NULL), 400, "node.id");
    expect(ask(0, NULL, "/nothing", NULL, NULL), 404, "no such path");
    expect(ask(0, "POST", "/list", "", NULL), 405, "allowed: GET");
    expect(ask(0, "POST", "/exchange", "garbage", NULL), 400, "");
}

static void test_addresses_that_are_no_nodes_are_not_taken(void **state)
{
    static const char *const none[] = {"0.0.0.0",   "255.255.255.255",  "224.0.0.1",  "::",
                                       "ff02::1",   "127.0.0.1",        "172.17.0.2", "here",
                                       "1.2.3.4:5", "::ffff:127.0.0.1", "127.0.0.1.5"};

    (void)state;
    start_node(0, NULL);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        char ip[64];
        const char *const headers[] = {"User-Agent: Machine", ip, NULL};

        snprintf(ip, sizeof(ip), "p2pfaas-machine-ip: %s", none[i]);
        expect(ask(0, NULL, "/list", NULL, headers), 200, "[]");
    }
    for (int i = 0; i < 2; i++) {
        const char *const headers[] = {
            "User-Agent: Machine",
            i ? "p2pfaas-machine-ip: 0:0:0:0:0:0:0:7" : "p2pfaas-machine-ip: ::7", NULL};
        struct reply r = ask(0, NULL, "/list", NULL, headers);

        assert_non_null(strstr(r.body, "[{\"_id\":1,\"ip\":\"::7\""));
        assert_null(strstr(r.body, "\"_id\":2"));
        reply_free(&r);
    }
}

static void tell_machine(unsigned node, const char *ip)
{
    char line[64];
    const char *const headers[] = {"User-Agent: Machine", line, NULL};
    struct reply r;

    snprintf(line, sizeof(line), "p2pfaas-machine-ip: %s", ip);
    r = ask(node, NULL, "/list", NULL, headers);
    assert_int_equal(r.status, 200);
    reply_free(&r);
}

static bool has_no_original(void *arg)
{
    struct reply r = get(*(unsigned *)arg, "/cluster");
    bool none = !strstr(r.body, "\"original\"");

    reply_free(&r);
    return none;
}

static void test_who_changes_its_kind_is_known_as_what_it_is(void **state)
{
    unsigned first = 0;

    (void)state;
    start_some(2);
    /* An original where one of ours left, then where one died; ours comes back. */
    for (int i = 0; i < 2; i++) {
        cluster_stop(&cluster, 1, i ? SIGKILL : SIGTERM, 20);
        wait_members(0, i ? "dead" : "left", 1);
        tell_machine(0, "127.0.0.2");
        expect(get(0, "/cluster"), 200, "\"protocol\":\"original\"");
        start_node(1, NULL);
        wait_members(0, "alive", 1);
        assert_true(wait_until(has_no_original, &first, 20));
    }
    /* One of ours that is asked for its list says that it is one. */
    tell_machine(0, "127.0.0.3");
    start_node(2, NULL);
    wait_members(0, "alive", 2);
    assert_true(wait_until(has_no_original, &first, 20));
}

static void test_a_seed_with_the_wrong_port_harms_nobody(void **state)
{
    char wrong[96];
    const char *const more[] = {wrong, NULL};

    (void)state;
    snprintf(wrong, sizeof(wrong), "discovery.seeds=127.0.0.1,127.0.0.2:%d", cluster.port);
    start_node(1, NULL);
    start_node(0, more);
    wait_log(0, "is that its discovery.port?");
    assert_true(has_no_original(&(unsigned){0}));
}

static bool is_forgotten(void *address)
{
    struct reply r = get(0, "/configuration");
    bool is = r.status == 200 && !strstr(r.body, address);

    reply_free(&r);
    return is;
}

static void test_a_member_that_moves_leaves_no_ghost(void **state)
{
    char port[48];
    const char *const more[] = {port, NULL};

    (void)state;
    start_some(2);
    cluster_stop(&cluster, 1, SIGKILL, 5);
    snprintf(port, sizeof(port), "node.port=%d", cluster.port + 1);
    {
        char err[CLUSTER_ERRLEN], usual[sizeof(cluster.node[1].address)];

        memcpy(usual, cluster.node[1].address, sizeof(usual));
        snprintf(cluster.node[1].address, sizeof(usual), "127.0.0.2:%d", cluster.port + 1);
        if (cluster_start(&cluster, 1, more, err))
            fail_msg("%s", err);
        wait_members(0, "alive", 1);
        wait_metric(0, "p2pfaas_peers{state=\"up\"}", 1, 10);
        snprintf(port, sizeof(port), "127.0.0.2:%d\"", cluster.port);
        assert_true(wait_until(is_forgotten, port, 20));
        assert_true(stop_node(1));
        memcpy(cluster.node[1].address, usual, sizeof(usual));
    }
}

/* A discovery of the original at 127.0.0.9: it knows GET /list and tells of 127.0.0.8. */
struct original {
    int fd;
    _Atomic bool over, mute, holds;
    _Atomic unsigned held;
    _Atomic unsigned lists, others;
    char asked[1024];
    pthread_t thread;
};

static void answer(struct original *o, int client)
{
    static const char list[] =
        "[{\"_id\":1,\"ip\":\"127.0.0.8\",\"name\":\"127.0.0.8\",\"group_name\":\"cluster00\","
        "\"ping\":0.0013,\"last_update\":1795416730,\"alive\":true,\"dead_polls\":0}]";
    char request[1024] = "", reply[1024];
    ssize_t n = recv(client, request, sizeof(request) - 1, 0);

    if (n <= 0 || o->mute)
        return;
    if (strncmp(request, "GET /list ", 10) == 0) {
        snprintf(o->asked, sizeof(o->asked), "%s", request);
        o->lists++;
        snprintf(reply, sizeof(reply),
                 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                 "P2pfaas-Machine-Group-Name: cluster00\r\nContent-Length: %zu\r\n\r\n%s",
                 sizeof(list) - 1, list);
    } else {
        o->others++;
        snprintf(reply, sizeof(reply),
                 "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
                 "X-Content-Type-Options: nosniff\r\nContent-Length: 19\r\n\r\n"
                 "404 page not found\n");
    }
    send(client, reply, strlen(reply), MSG_NOSIGNAL);
}

static void *serve(void *arg)
{
    struct original *o = arg;

    while (!o->over) {
        int client = accept(o->fd, NULL, NULL);

        if (client < 0)
            break;
        if (o->holds) {
            o->held++;
            continue; /* it is closed with the process */
        }
        answer(o, client);
        close(client);
    }
    return NULL;
}

static void original_start(struct original *o)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)cluster.discovery_port)};
    int one = 1;

    memset(o, 0, sizeof(*o));
    inet_pton(AF_INET, "127.0.0.9", &a.sin_addr);
    o->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(o->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    assert_int_equal(bind(o->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(o->fd, 16), 0);
    assert_int_equal(pthread_create(&o->thread, NULL, serve, o), 0);
}

static void original_stop(struct original *o)
{
    o->over = true;
    shutdown(o->fd, SHUT_RDWR);
    pthread_join(o->thread, NULL);
    close(o->fd);
}

static bool is_held(void *arg)
{
    return ((struct original *)arg)->held > 0;
}

static bool was_asked(void *arg)
{
    return ((struct original *)arg)->lists >= 3;
}

static void test_a_seed_of_the_original_is_joined(void **state)
{
    static const char *const more[] = {"discovery.seeds=127.0.0.9", NULL};
    struct original o;
    char wanted[512];

    (void)state;
    original_start(&o);
    start_node(0, more);
    assert_true(wait_until(was_asked, &o, 20));
    snprintf(wanted, sizeof(wanted),
             "GET /list HTTP/1.1\r\nHost: 127.0.0.9:%d\r\nUser-Agent: Machine\r\n"
             "P2pfaas-Machine-Group-Name: p2pfaas\r\nP2pfaas-Machine-Ip: 127.0.0.1\r\n"
             "P2pfaas-Machine-Name: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n",
             cluster.discovery_port);
    assert_string_equal(o.asked, wanted);
    wait_metric(0, "p2pfaas_peers{state=\"up\"}", 1, 5);
    snprintf(wanted, sizeof(wanted),
             "\"address\":\"127.0.0.9:%d\",\"group\":\"cluster00\",\"protocol\":\"original\","
             "\"state\":\"alive\"",
             cluster.port);
    expect(get(0, "/cluster"), 200, wanted);
    expect(ask(0, NULL, "/list", NULL, NULL), 200, "\"ip\":\"127.0.0.9\"");
    /* It is silent: dead after three times; it speaks again: used again. */
    o.mute = true;
    wait_metric(0, "p2pfaas_peers{state=\"down\"}", 1, 20);
    expect(ask(0, NULL, "/list", NULL, NULL), 200, "[]");
    o.mute = false;
    wait_metric(0, "p2pfaas_peers{state=\"up\"}", 1, 20);
    assert_true(stop_node(0));
    original_stop(&o);
}

/* Forgotten while its answer is awaited; then the node stops. */
static void test_a_question_that_is_open_at_the_end_ends(void **state)
{
    static const char *const more[] = {"discovery.seeds=127.0.0.9", NULL};
    struct original o;

    (void)state;
    original_start(&o);
    start_node(0, more);
    assert_true(wait_until(was_asked, &o, 20));
    o.holds = true;
    assert_true(wait_until(is_held, &o, 20));
    expect(ask(0, NULL, "/reset", NULL, NULL), 200, "");
    assert_true(stop_node(0));
    original_stop(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_teardown(t, stop_all)
        T(test_one_seed_is_enough),
        T(test_a_seed_that_comes_late_is_found),
        T(test_a_seed_may_be_told_by_name),
        T(test_who_leaves_is_gone_at_once_and_who_dies_is_found_dead),
        T(test_a_call_that_fails_is_evidence),
        T(test_a_restart_finds_the_others_without_a_seed),
        T(test_two_nodes_with_one_id_are_both_used),
        T(test_a_scheduler_forwards_only_to_who_offers_the_function),
        T(test_a_secret_keeps_strangers_out),
        T(test_the_discovery_port_speaks_as_the_original_does),
        T(test_addresses_that_are_no_nodes_are_not_taken),
        T(test_who_changes_its_kind_is_known_as_what_it_is),
        T(test_a_seed_with_the_wrong_port_harms_nobody),
        T(test_a_member_that_moves_leaves_no_ghost),
        T(test_a_seed_of_the_original_is_joined),
        T(test_a_question_that_is_open_at_the_end_ends),
#undef T
    };

    return cmocka_run_group_tests(tests, init, end);
}
