/* Nodes that share a secret, one that has another, and everything that a stranger on
 * the wire can do: send, change, keep and send again. */
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/proof.h"
#include "tests/cluster/fixture.h"
#include "tests/cluster/recorder.h"

#define SECRET "the secret of this cluster"
#define REFUSED "p2pfaas_auth_refused_total"
#define ANSWERS "p2pfaas_auth_answers_refused_total"

/* n1 knows n2 by the address of the recorder, which n2 says is its own. */
enum { N1, N2, N3 };
static struct recorder *recorder;
static char at_recorder[32], only_recorder[64], only_n1[64];

static int start(void **state)
{
    static const char *const all[] = {"node.slots=4", "peers.retry=50ms", NULL};
    const char *n1[] = {"security.secret=" SECRET, only_recorder, NULL};
    const char *n2[] = {"security.secret=" SECRET, "node.advertise=127.0.0.9",
                        "peers.nodes=", NULL};

    (void)state;
    fixture_init(3, fixture_functions);
    cluster.settings = all;
    snprintf(at_recorder, sizeof(at_recorder), "127.0.0.9:%d", cluster.port);
    snprintf(only_recorder, sizeof(only_recorder), "peers.nodes=%s", at_recorder);
    snprintf(only_n1, sizeof(only_n1), "peers.nodes=%s", cluster.node[N1].address);
    recorder = recorder_start(at_recorder, cluster.node[N2].address);
    if (!recorder)
        return -1;
    start_node(N2, n2);
    start_node(N1, n1);
    select_scheduler(N1, "{\"name\":\"forward\"}");
    select_scheduler(N2, "{\"name\":\"local\"}");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    recorder_stop(recorder);
    return 0;
}

/* ---- messages made by hand ---- */

static struct auth *stranger(const char *secret)
{
    struct auth_settings s = {.skew_ms = 30000, .start_ms = 1, .session = proof_now_ms() * 1000003};
    struct auth *a = auth_new(secret, &s);

    assert_non_null(a);
    return a;
}

struct message {
    const char *method, *path, *body; /* what is signed */
    const char *to;                   /* for whom */
    const char *hops;                 /* as signed; NULL = without */
    int64_t at_ms;                    /* after now */
};

/* The header line of its proof. */
static const char *prove(struct auth *a, const struct message *m, struct auth_proof *asked)
{
    static char line[PROOF_BYTES + 8];
    struct buf body = {.data = (char *)(uintptr_t)m->body, .len = strlen(m->body)};
    struct headers into, own;
    struct call c = {.method = m->method, .path = m->path, .headers2 = &own, .body = &body};

    headers_init(&into, PROOF_BYTES);
    headers_init(&own, 256);
    if (m->hops)
        headers_add(&own, "X-P2pfaas-Hops", m->hops);
    assert_int_equal(
        proof_sign_call(a, m->to, &c, (uint64_t)((int64_t)proof_now_ms() + m->at_ms), &into, asked),
        0);
    snprintf(line, sizeof(line), "%s: %s", PROOF_HEADER, headers_get(&into, PROOF_HEADER));
    headers_release(&into);
    headers_release(&own);
    return line;
}

static struct reply send_proven(struct auth *a, unsigned node, const struct message *m,
                                const char *body, const char *header_line)
{
    struct auth_proof asked;
    const char *headers[] = {prove(a, m, &asked), "Content-Type:", header_line, NULL};

    return send_method(m->method, node, m->path, body, strlen(body), headers);
}

static const struct message good = {"POST", "/peer/function/cat", "hello", at_recorder, "1", 0};
static const char hops_1[] = "X-P2pfaas-Hops: 1";

static double jobs_of_peers(unsigned node)
{
    return metric(node, "p2pfaas_peer_requests_total");
}

/* One more was refused for this reason, none for another. */
static void is_counted(const char *why)
{
    static double before[AUTH_VERDICTS];
    char name[96];

    for (unsigned v = AUTH_UNSIGNED; v < AUTH_VERDICTS; v++) {
        const char *verdict = auth_verdict_name((enum auth_verdict)v);
        double now;

        snprintf(name, sizeof(name), REFUSED "{why=\"%s\"}", verdict);
        now = metric(N2, name);
        if (now - before[v] != (strcmp(verdict, why) == 0))
            fail_msg("%s went from %g to %g, wanted one more of %s", name, before[v], now, why);
        before[v] = now;
    }
}

/* Refused for this reason: said, counted, and no job. */
static void is_refused(struct reply r, long status, const char *why, const char *part)
{
    assert_string_equal(header(&r, "X-P2pfaas-Outcome"), "refused");
    expect(r, status, part);
    is_counted(why);
}

/* ---- nodes that share the secret ---- */

static void test_signed_forwards_and_probes_work(void **state)
{
    struct reply r;

    (void)state;
    for (int i = 0; i < 20; i++) {
        r = post_text(N1, "/function/cat?q=1", "hello");
        assert_non_null(strstr(header(&r, "X-P2pfaas-Peers-List-Id"), "\"n2\""));
        assert_string_equal(header(&r, PROOF_HEADER), "");
        expect(r, 200, "hello");
    }
    select_scheduler(N1, "{\"name\":\"power_of_choices\",\"parameters\":{\"fanout\":1,"
                         "\"threshold\":0}}");
    for (int i = 0; i < 20; i++)
        expect(post_text(N1, "/function/cat", "hello"), 200, "hello");
    assert_true(metric(N1, "p2pfaas_probes_total{answer=\"ok\"}") >= 20);
    assert_true(metric(N1, "p2pfaas_probes_total{answer=\"gone\"}") == 0);
    assert_true(metric(N1, REFUSED) + metric(N2, REFUSED) + metric(N1, ANSWERS) == 0);
    select_scheduler(N1, "{\"name\":\"forward\"}");
}

static void test_every_size_method_and_path_is_signed_right(void **state)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "PATCH"};
    static const char *const paths[] = {"/function/echo", "/function/echo/", "/function/echo/a/b?c",
                                        "/function/echo?%41=%2f&x=/../y"};
    enum { BIG = 1 << 20 };
    char *body = malloc(BIG);

    (void)state;
    memset(body, 'x', BIG);
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        for (size_t k = 0; k < sizeof(paths) / sizeof(paths[0]); k++)
            expect(send_method(methods[i], N1, paths[k], NULL, 0, NULL), 200, NULL);
    for (size_t n = 0; n <= BIG; n = n ? n * 4 : 1) {
        struct reply r = post(N1, "/function/cat", body, n);

        assert_int_equal(r.status, 200);
        assert_int_equal(r.len, n);
        reply_free(&r);
    }
    free(body);
    /* Answers of functions that fail, and headers that clients may not set. */
    expect(post_text(N1, "/function/missing", ""), 502, "missing");
    expect(send_method("POST", N1, "/function/cat", "x", 1,
                       (const char *const[]){"X-P2pfaas-Hops: 9", PROOF_HEADER ": v1 0",
                                             "X-P2pfaas-Scheduler-Task-Tracing-Id:  t 1 ",
                                             "X-P2pfaas-Scheduler-Learning-Task-Type: 1",
                                             "Content-Type: text/plain ", "Content-Type: a/b",
                                             "X-P2pfaas-Scheduler-Bypass;", NULL}),
           200, "x");
    assert_true(metric(N1, REFUSED) + metric(N2, REFUSED) + metric(N1, ANSWERS) == 0);
}

/* ---- strangers ---- */

static void test_messages_made_by_hand_are_judged(void **state)
{
    struct auth *a = stranger(SECRET), *other = stranger(SECRET "!");
    double before = jobs_of_peers(N2);
    struct message m = good;
    struct reply r = send_proven(a, N2, &good, "hello", hops_1);

    (void)state;
    assert_string_equal(header(&r, "X-P2pfaas-Outcome"), "ran");
    assert_int_equal(strlen(header(&r, PROOF_HEADER)), AUTH_TEXT - 1);
    expect(r, 200, "hello");
    is_refused(send_proven(a, N2, &good, "hellO", hops_1), 403, "forged", "forged");
    is_refused(send_proven(a, N2, &good, "", hops_1), 403, "forged", "forged");
    is_refused(send_proven(a, N2, &good, "hello", "X-P2pfaas-Hops: 0"), 403, "forged", "forged");
    is_refused(send_proven(a, N2, &good, "hello", NULL), 403, "forged", "forged");
    is_refused(send_proven(a, N2, &good, "hello", "X-P2pfaas-From: n1"), 403, "forged", "forged");
    is_refused(send_proven(other, N2, &good, "hello", hops_1), 403, "forged", "another security.");
    m.to = cluster.node[N1].address;
    is_refused(send_proven(a, N2, &m, "hello", hops_1), 403, "forged", "another node");
    m = good;
    m.at_ms = -42300;
    is_refused(send_proven(a, N2, &m, "hello", hops_1), 403, "late", "late by 42.");
    m.at_ms = 3600000;
    is_refused(send_proven(a, N2, &m, "hello", hops_1), 403, "late", "ahead");
    assert_true(jobs_of_peers(N2) == before + 1);
    /* By the address that it listens on it is known too. */
    m = good;
    m.to = cluster.node[N2].address;
    expect(send_proven(a, N2, &m, "hello", hops_1), 200, "hello");
    auth_free(a);
    auth_free(other);
}

static void test_nothing_that_is_said_of_a_job_can_be_added(void **state)
{
    static const char *const added[] = {
        "X-P2pfaas-From: n1",
        "X-P2pfaas-Remaining-Seconds: 9",
        "X-P2pfaas-Scheduler-Task-Tracing-Id: t",
        "X-P2pfaas-Scheduler-Bypass: 1",
        "X-P2pfaas-Scheduler-Learning-Task-Type: 1",
    };
    struct auth *a = stranger(SECRET);
    struct message m = good;

    (void)state;
    m.hops = NULL;
    expect(send_proven(a, N2, &m, "hello", NULL), 200, "hello");
    for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++)
        is_refused(send_proven(a, N2, &m, "hello", added[i]), 403, "forged", "forged");
    auth_free(a);
}

static void test_unsigned_calls_are_refused_with_what_is_missing(void **state)
{
    struct reply r = post_text(N2, "/peer/function/cat", "hello");
    static const char *const machine[] = {"User-Agent: Machine", NULL};
    static const char *const garbage[] = {PROOF_HEADER ": v1 cafe", NULL};

    (void)state;
    assert_string_equal(header(&r, "WWW-Authenticate"), PROOF_HEADER);
    is_refused(r, 401, "unsigned", "\"message\":\"unsigned");
    /* A node of the original gets a reply that it can live with. */
    expect(send_method("POST", N2, "/peer/function/cat", "{}", 2, machine), 401,
           "{\"peers_list\":[{\"machine_id\":\"n2\"");
    is_counted("unsigned");
    is_refused(send_method("POST", N2, "/peer/function/cat", "x", 1, garbage), 403, "forged",
               "forged");
    expect(get(N2, "/monitoring/load"), 401, "unsigned");
    expect(get(N2, "/function/cat"), 200, "");
}

static void test_a_signed_probe_is_answered_signed(void **state)
{
    struct auth *a = stranger(SECRET);
    struct message m = {"GET", "/monitoring/load", "", at_recorder, NULL, 0};
    struct auth_proof asked, wrong = {{0}, {0}};
    const char *headers[] = {prove(a, &m, &asked), NULL};
    struct http_response answer = {.status = 200};
    const struct http_limits limits = {.headers = 4096, .body = 16};
    static const char *const names[] = {"X-P2pfaas-Load", "X-P2pfaas-Maxload",
                                        "X-P2pfog-Queue-Length", PROOF_HEADER};
    struct reply r = send_method("GET", N2, m.path, NULL, 0, headers);
    char why[P2P_ERRLEN];

    (void)state;
    http_response_init(&answer, &limits);
    answer.status = (int)r.status;
    for (size_t i = 0; i < 4; i++)
        headers_add(&answer.headers, names[i], header(&r, names[i]));
    assert_int_equal(proof_of_answer(a, &asked, &answer, why), AUTH_OK);
    assert_int_equal(proof_of_answer(a, &wrong, &answer, why), AUTH_FORGED);
    answer.status = 201;
    assert_int_equal(proof_of_answer(a, &asked, &answer, why), AUTH_FORGED);
    http_response_release(&answer);
    expect(r, 200, "");
    expect(send_method("GET", N2, m.path, NULL, 0, headers), 403, "replayed");
    auth_free(a);
}

/* ---- on the wire ---- */

static bool ends(const char *text, size_t len, const char *with)
{
    size_t n = strnlen(with, 5);

    return len >= n && memcmp(text + len - n, with, n) == 0;
}

/* Sends bytes as they are; the answer's beginning. */
static void send_bytes(unsigned node, const char *data, size_t len, char *answer, size_t size)
{
    struct timeval limit = {10, 0};
    struct endpoint to;
    size_t got = 0;
    ssize_t n;
    int fd;

    assert_int_equal(endpoint_parse(&to, cluster.node[node].address, 1, answer), 0);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    assert_int_equal(connect(fd, (struct sockaddr *)&to.address, to.length), 0);
    assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
    answer[0] = '\0';
    /* An error of the node ends with a brace, an answer as its call did. */
    while (got < size - 1 && !ends(answer, got, "}") && !ends(answer, got, data + len - 5) &&
           (n = recv(fd, answer + got, size - 1 - got, 0)) > 0)
        answer[got += (size_t)n] = '\0';
    close(fd);
}

static void replay(const char *begins)
{
    char answer[2048];
    size_t len = 0;
    char *bytes = recorder_last(recorder, begins, &len);

    assert_non_null(bytes);
    for (int i = 0; i < 3; i++) {
        send_bytes(N2, bytes, len, answer, sizeof(answer));
        if (!strstr(answer, " 403 ") || !strstr(answer, "replayed"))
            fail_msg("a replayed %s was answered: %s", begins, answer);
        /* Signed, it could be shown to the sender in place of the answer. */
        assert_null(strstr(answer, PROOF_HEADER));
    }
    send_bytes(N1, bytes, len, answer, sizeof(answer));
    assert_non_null(strstr(answer, "forged"));
    free(bytes);
}

static void test_recorded_bytes_are_not_taken_again(void **state)
{
    double before;

    (void)state;
    expect(post_text(N1, "/function/cat", "recorded"), 200, "recorded");
    before = jobs_of_peers(N2);
    replay("POST /peer/function/cat");
    assert_true(jobs_of_peers(N2) == before);
    select_scheduler(N1, "{\"name\":\"power_of_choices\",\"parameters\":{\"fanout\":1,"
                         "\"threshold\":0}}");
    expect(post_text(N1, "/function/cat", "hello"), 200, "hello");
    replay("GET /monitoring/load");
    select_scheduler(N1, "{\"name\":\"forward\"}");
    expect(post_text(N1, "/function/cat", "hello"), 200, "hello");
}

static void test_recorded_bytes_are_not_taken_after_a_restart(void **state)
{
    static const char *const n2[] = {"security.secret=" SECRET, "node.advertise=127.0.0.9",
                                     "peers.nodes=", NULL};
    char answer[2048];
    size_t len = 0;
    char *bytes = recorder_last(recorder, "POST /peer/function/cat", &len);

    (void)state;
    assert_non_null(bytes);
    assert_int_equal(cluster_stop(&cluster, N2, SIGKILL, 5), SIGKILL);
    start_node(N2, n2);
    select_scheduler(N2, "{\"name\":\"local\"}");
    send_bytes(N2, bytes, len, answer, sizeof(answer));
    assert_non_null(strstr(answer, "before this node was started"));
    free(bytes);
    wait_metric(N1, "p2pfaas_peers{state=\"up\"}", 1, 10);
    expect(post_text(N1, "/function/cat", "hello"), 200, "hello");
}

static void test_what_is_changed_on_its_way_there_does_not_run(void **state)
{
    double before = jobs_of_peers(N2);

    (void)state;
    /* n2 refuses, and says so with a proof: its head was genuine. */
    recorder_change(recorder, true, "body of a client", "body of a strang");
    expect(post_text(N1, "/function/cat", "body of a client"), 200, "body of a client");
    recorder_change(recorder, true, "X-P2pfaas-Hops: 1", "X-P2pfaas-Hops: 0");
    /* n2 refuses, without a proof. */
    expect(post_text(N1, "/function/cat", "hello"), 502, "is unsigned");
    recorder_change(recorder, false, NULL, NULL);
    assert_true(jobs_of_peers(N2) == before);
    assert_true(metric(N1, ANSWERS "{why=\"unsigned\"}") == 1);
    expect(post_text(N1, "/function/cat", "hello"), 200, "hello");
}

static void test_what_is_changed_on_its_way_back_is_not_believed(void **state)
{
    static const char *const changes[][2] = {
        {"HTTP/1.1 200", "HTTP/1.1 201"},
        {"Outcome: ran", "Outcome: rAn"},
        {"X-P2pfaas-Load: 0", "X-P2pfaas-Load: 9"},
        {"hello", "hellO"},
        {"[\"n2\"]", "[\"n7\"]"},
    };
    double before = metric(N1, ANSWERS "{why=\"forged\"}");

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        recorder_change(recorder, false, changes[i][0], changes[i][1]);
        expect(post_text(N1, "/function/cat", "hello"), 502, "is forged");
        recorder_change(recorder, false, NULL, NULL);
        assert_true(metric(N1, ANSWERS "{why=\"forged\"}") == before + 1 + (double)i);
        expect(post_text(N1, "/function/cat", "hello"), 200, "hello");
    }
    recorder_change(recorder, false, "X-P2pfaas-Auth", "X-P2pfaas-Buth");
    expect(post_text(N1, "/function/cat", "hello"), 502, "is unsigned");
    recorder_change(recorder, false, NULL, NULL);
    wait_log(N1, "answer of a peer not taken");
}

/* ---- nodes that do not share it ---- */

static void test_a_node_without_the_secret_keeps_its_jobs(void **state)
{
    const char *more[] = {only_n1, NULL};
    double before = metric(N1, REFUSED "{why=\"unsigned\"}");

    (void)state;
    start_node(N3, more);
    select_scheduler(N3, "{\"name\":\"forward\"}");
    expect(post_text(N3, "/function/cat", "hello"), 200, "hello");
    assert_true(metric(N1, REFUSED "{why=\"unsigned\"}") >= before + 1);
    wait_log(N1, "refused from=127.0.0.1:");
    assert_true(stop_node(N3));
}

static void test_a_node_with_another_secret_is_no_peer(void **state)
{
    const char *more[] = {only_n1, "security.secret=another secret than theirs", "peers.retry=1h",
                          NULL};
    double before = metric(N1, REFUSED "{why=\"forged\"}");
    struct reply r;
    int calls = 0;

    (void)state;
    start_node(N3, more);
    select_scheduler(N3, "{\"name\":\"forward\"}");
    /* What a stranger answers is not believed, so its jobs may have run; it is soon down. */
    for (r = post_text(N3, "/function/cat", "hello"); r.status == 502 && calls < 10; calls++) {
        assert_non_null(strstr(r.body, "is unsigned"));
        reply_free(&r);
        r = post_text(N3, "/function/cat", "hello");
    }
    expect(r, 200, "hello");
    assert_int_equal(calls, 3);
    assert_true(metric(N1, REFUSED "{why=\"forged\"}") == before + 3);
    assert_true(stop_node(N3));
}

/* ---- all at once ---- */

static bool is_hello(const struct reply *r)
{
    return r->status == 200 && strcmp(r->body, "hello") == 0;
}

static void test_a_cluster_under_attack_works_on(void **state)
{
    struct load *load = load_start(N1, 4, "/function/cat", "hello", is_hello);
    char answer[2048], why[256];
    double before = jobs_of_peers(N2);
    unsigned right, wrong;

    (void)state;
    for (int i = 0; i < 100; i++) {
        size_t len = 0;
        char *bytes = recorder_last(recorder, "POST /peer/function/cat", &len);

        send_bytes(N2, bytes, len, answer, sizeof(answer));
        /* The bytes may be faster than those that they repeat: then those come second. */
        assert_true(strstr(answer, "replayed") || strstr(answer, " 200 "));
        free(bytes);
        expect(post_text(N2, "/peer/function/cat", "x"), 401, "unsigned");
    }
    right = load_stop(load, &wrong, why);
    if (wrong > 0)
        print_message("%u wrong, the first: %s\n", wrong, why);
    assert_true(right > 0);
    assert_true(jobs_of_peers(N2) <= before + right + wrong);
}

static void test_no_secret_is_ever_shown(void **state)
{
    struct reply r = get(N1, "/configuration");

    (void)state;
    assert_null(strstr(r.body, SECRET));
    assert_non_null(strstr(r.body, "\"secret\":\"***\""));
    reply_free(&r);
    for (unsigned i = 0; i < 3; i++)
        assert_false(log_has(i, SECRET));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signed_forwards_and_probes_work),
        cmocka_unit_test(test_every_size_method_and_path_is_signed_right),
        cmocka_unit_test(test_messages_made_by_hand_are_judged),
        cmocka_unit_test(test_nothing_that_is_said_of_a_job_can_be_added),
        cmocka_unit_test(test_unsigned_calls_are_refused_with_what_is_missing),
        cmocka_unit_test(test_a_signed_probe_is_answered_signed),
        cmocka_unit_test(test_recorded_bytes_are_not_taken_again),
        cmocka_unit_test(test_recorded_bytes_are_not_taken_after_a_restart),
        cmocka_unit_test(test_what_is_changed_on_its_way_there_does_not_run),
        cmocka_unit_test(test_what_is_changed_on_its_way_back_is_not_believed),
        cmocka_unit_test(test_a_node_without_the_secret_keeps_its_jobs),
        cmocka_unit_test(test_a_node_with_another_secret_is_no_peer),
        cmocka_unit_test(test_a_cluster_under_attack_works_on),
        cmocka_unit_test(test_no_secret_is_ever_shown),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
