/* Messages between schedulers in a cluster that has a secret. */
#include "host/proof.h"
#include "tests/cluster/support_messages.h"

#define SECRET "the secret of this cluster"

enum { N1, N2, NODES };
static const char path[] = "/peer/message/teller";
#define TYPE "application/octet-stream"

static int start(void **state)
{
    static const char *settings[] = {NULL,
                                     "scheduler.plugin=teller",
                                     "scheduler.probe_timeout=10s",
                                     "peers.retry=60s",
                                     "security.secret=the secret of this cluster",
                                     NULL};

    (void)state;
    settings[0] = only_teller();
    fixture_start(NODES, fixture_functions, settings);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static int begin(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NODES; i++)
        make_teller(i, i, ",\"times\":\"0\"");
    return 0;
}

/* A message of n1 to n2 that is signed with this secret, for that path; sent as it is
 * said to be in `from` and `body`. */
static struct reply send_signed(const char *secret, const char *signed_path, const char *from,
                                const char *body)
{
    static const char bytes[] = "12345678";
    static uint64_t sessions = 77;
    struct auth_settings s = {.skew_ms = 30000, .start_ms = 1, .session = ++sessions};
    struct auth *a = auth_new(secret, &s);
    struct buf signed_body = {.data = (char *)(uintptr_t)bytes, .len = 8};
    char proof[PROOF_BYTES + 8], sender[96];
    const char *const headers[] = {proof, sender, "Content-Type: " TYPE, NULL};
    struct auth_proof asked;
    struct headers own;
    struct call c = {.method = "POST", .path = signed_path, .headers = &own, .body = &signed_body};

    assert_non_null(a);
    headers_init(&own, 1024);
    headers_add(&own, "X-P2pfaas-From", cluster.node[N1].address);
    headers_add(&own, "Content-Type", TYPE);
    assert_int_equal(proof_sign_call(a, cluster.node[N2].address, &c, proof_now_ms(), &own, &asked),
                     0);
    snprintf(proof, sizeof(proof), "%s: %s", PROOF_HEADER, headers_get(&own, PROOF_HEADER));
    snprintf(sender, sizeof(sender), "X-P2pfaas-From: %s", from);
    headers_release(&own);
    auth_free(a);
    return send_method("POST", N2, path, body, strlen(body), headers);
}

static void test_nodes_that_share_it_tell_each_other(void **state)
{
    (void)state;
    make_teller(N1, N2, ",\"times\":\"5\"");
    make_teller(N2, N1, ",\"times\":\"0\",\"answer\":\"true\"");
    let_tell(N1);
    wait_counted(N2, "heard", 5);
    wait_counted(N1, "heard", 5);
    assert_true(counted(N1, "wrong") + counted(N2, "wrong") == 0);
    wait_messages(N1, "sent", 5);
    assert_true(messages(N1, "refused") + messages(N1, "lost") == 0);
    assert_true(metric(N1, "p2pfaas_auth_answers_refused_total") == 0);
}

static void test_strangers_are_not_heard(void **state)
{
    const char *n1 = cluster.node[N1].address, *n2 = cluster.node[N2].address;
    const char *const plain[] = {"X-P2pfaas-From: 127.0.0.1", NULL};

    (void)state;
    expect(send_method("POST", N2, path, "12345678", 8, plain), 401, "");
    expect(send_signed("another secret", path, n1, "12345678"), 403, "");
    expect(send_signed(SECRET, "/peer/message/mute", n1, "12345678"), 403, "");
    expect(send_signed(SECRET, path, n2, "12345678"), 403, ""); /* the sender is signed */
    expect(send_signed(SECRET, path, n1, "12345679"), 403, ""); /* and every byte */
    assert_true(counted(N2, "heard") == 0);
    assert_true(metric(N2, "p2pfaas_auth_refused_total{why=\"unsigned\"}") == 1);
    expect(send_signed(SECRET, path, n1, "12345678"), 204, "");
    assert_true(counted(N2, "heard") == 1);
}

/* It is no peer for those who have the secret, so it is told nothing after a while. */
static void test_a_node_with_another_secret_is_lost(void **state)
{
    static const char *const other[] = {"security.secret=the secret of another cluster", NULL};
    double lost = messages(N1, "lost");

    (void)state;
    assert_true(stop_node(N2));
    start_node(N2, other);
    make_teller(N1, N2, "");
    for (int i = 0; i < 3; i++) {
        let_tell(N1);
        wait_messages(N1, "lost", lost + i + 1);
    }
    wait_metric(N1, "p2pfaas_peers{state=\"down\"}", 1, 30);
    let_tell(N1);
    assert_true(counted(N1, "untold") == 1);
    assert_true(messages(N2, "heard") + messages(N2, "unheard") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup(t, begin)
        T(test_nodes_that_share_it_tell_each_other),
        T(test_strangers_are_not_heard),
        T(test_a_node_with_another_secret_is_lost),
#undef T
    };

    return cmocka_run_group_tests(tests, start, stop);
}
