/* Two nodes, each the OpenFaaS gateway behind the other: what one has both run, what one loses
 * both lose, and nothing goes round. */
#include <signal.h>

#include "tests/cluster/fixture.h"

enum { A, B, PATIENCE = 20 };

static const char config[] =
    "scheduler: {plugin: local}\n"
    "functions:\n"
    "  round: {runtime: openfaas}\n" /* both believe that the other has it */
    "  both: {command: [sed, 's/x/by the file/'], content_type: text/plain}\n";

/* ---- the nodes ---- */

static void start_one(unsigned node)
{
    static char gateway[80];
    const char *more[] = {gateway, "openfaas.refresh=100ms", NULL};

    snprintf(gateway, sizeof(gateway), "openfaas.gateway=http://%s", cluster.node[!node].address);
    start_node(node, more);
}

static int start(void **state)
{
    (void)state;
    fixture_init(2, config);
    start_one(A);
    start_one(B);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

struct wanted_answer {
    unsigned node;
    const char *path, *part;
    long status;
};

static bool has_answer(void *arg)
{
    const struct wanted_answer *w = arg;
    struct reply r = post_text(w->node, w->path, "x");
    bool is_right = r.status == w->status && strstr(r.body, w->part);

    reply_free(&r);
    return is_right;
}

static void wait_answer(unsigned node, const char *path, long status, const char *part)
{
    struct wanted_answer w = {node, path, part, status};

    if (!wait_until(has_answer, &w, PATIENCE))
        expect(post_text(node, path, "x"), status, part);
}

/* A program that answers `says` to "x". */
static void deploy(unsigned node, const char *name, const char *says)
{
    char body[512];

    snprintf(
        body, sizeof(body),
        "{\"service\":\"%s\",\"image\":\"sed\",\"annotations\":{\"p2pfaas.runtime\":\"process\","
        "\"p2pfaas.command\":\"sed s/x/%s/\"}}",
        name, says);
    expect(post_text(node, "/system/functions", body), 202, "");
}

static void delete (unsigned node, const char *name)
{
    char body[96];

    snprintf(body, sizeof(body), "{\"functionName\":\"%s\"}", name);
    expect(send_method("DELETE", node, "/system/functions", body, strlen(body), NULL), 202, "");
}

/* What each lists has come to the other, and back. */
static void wait_lists(void)
{
    static const char ok[] = "p2pfaas_openfaas_lists_total{answer=\"ok\"}";

    for (unsigned node = A; node <= B; node++)
        wait_metric(node, ok, metric(node, ok) + 2, PATIENCE);
}

/* ---- tests ---- */

static void test_what_one_has_both_run(void **state)
{
    (void)state;
    deploy(A, "at-a", "from-a");
    deploy(B, "at-b", "from-b");
    wait_answer(B, "/function/at-a", 200, "from-a");
    wait_answer(A, "/function/at-b", 200, "from-b");
    expect(post_text(A, "/function/at-a", "x"), 200, "from-a");
    expect(post_text(A, "/function/at-b.openfaas-fn/path?q=1", "x"), 200, "from-b");
    expect(get(A, "/system/functions"), 200, "\"name\":\"at-b\"");
    expect(get(B, "/system/functions"), 200, "\"name\":\"at-a\"");
}

static void test_what_a_node_has_itself_it_runs(void **state)
{
    (void)state;
    expect(post_text(A, "/function/both", "x"), 200, "by the file");
    deploy(A, "same", "own-a");
    deploy(B, "same", "own-b");
    wait_lists();
    expect(post_text(A, "/function/same", "x"), 200, "own-a");
    expect(post_text(B, "/function/same", "x"), 200, "own-b");
    delete (B, "same");
    wait_answer(B, "/function/same", 200, "own-a"); /* now that of A */
    delete (A, "same");
    wait_answer(B, "/function/same", 404, "no function 'same'");
    wait_answer(A, "/function/same", 404, "no function 'same'");
}

static void test_nothing_goes_round(void **state)
{
    double before;

    (void)state;
    wait_lists();
    before = metric(B, "p2pfaas_requests_total");
    expect(post_text(A, "/function/round", "x"), 502, "does not list it");
    expect(post_text(B, "/function/round", "x"), 502, "does not list it");
    assert_true(metric(B, "p2pfaas_requests_total") == before + 1);
}

static void test_what_is_deleted_is_gone_at_both(void **state)
{
    (void)state;
    delete (B, "at-b");
    wait_answer(A, "/function/at-b", 404, "no function 'at-b'");
    wait_lists(); /* it would be given back by now */
    expect(post_text(A, "/function/at-b", "x"), 404, "no function 'at-b'");
    expect(post_text(B, "/function/at-b", "x"), 404, "no function 'at-b'");
    expect(post_text(B, "/function/at-a", "x"), 200, "from-a");
}

static void test_a_gateway_that_dies_takes_nothing_with_it(void **state)
{
    (void)state;
    deploy(B, "at-b", "from-b");
    wait_answer(A, "/function/at-b", 200, "from-b");
    cluster_stop(&cluster, B, SIGKILL, 10);
    wait_answer(A, "/function/at-b", 502, "refused");
    expect(post_text(A, "/function/at-a", "x"), 200, "from-a");
    start_one(B); /* without data_dir it has forgotten */
    wait_answer(A, "/function/at-b", 404, "no function 'at-b'");
    wait_answer(B, "/function/at-a", 200, "from-a");
    deploy(B, "at-b", "again");
    wait_answer(A, "/function/at-b", 200, "again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_one_has_both_run),
        cmocka_unit_test(test_what_a_node_has_itself_it_runs),
        cmocka_unit_test(test_nothing_goes_round),
        cmocka_unit_test(test_what_is_deleted_is_gone_at_both),
        cmocka_unit_test(test_a_gateway_that_dies_takes_nothing_with_it),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
