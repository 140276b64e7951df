/* What is deployed at an OpenFaaS gateway through a node, and changes while a call or a removal
 * of it is at work. */
#include "tests/cluster/support_behind.h"
#include "tests/cluster/support_outside.h"

enum { PATIENCE = 20 };

static struct outside gateway = {.script = "remote_server.py"};

static int start(void **state)
{
    static const char *settings[] = {"node.slots=16", NULL};
    FILE *f;

    (void)state;
    fixture_init(1, fixture_functions);
    cluster.settings = settings;
    outside_find_port(&gateway);
    f = fopen(cluster.config, "we");
    assert_non_null(f);
    fprintf(f,
            "scheduler: {plugin: local}\n"
            "openfaas: {gateway: 'http://127.0.0.1:%s/gw/', user: admin, password: "
            "hunter2hunter2, refresh: 200ms}\n",
            gateway.port);
    fclose(f);
    outside_start(&gateway);
    start_node(0, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    outside_kill(&gateway);
    fixture_stop();
    return 0;
}

static bool has_seen_it(void *arg)
{
    return outside_has_seen(&gateway, arg);
}

static bool is_there(void *arg)
{
    struct reply r = post_text(0, "/function/sent", "x");
    bool is_right = r.status == 200 && strstr(r.body, "/gw/function/sent.openfaas-fn\"");

    (void)arg;
    reply_free(&r);
    return is_right;
}

static void test_one_that_still_has_calls_is_not_deployed_after_its_end(void **state)
{
    static const char failed[] = "p2pfaas_openfaas_deployments_total{answer=\"failed\"}";
    static const char here[] = "{\"service\":\"sent\",\"image\":\"cat\",\"annotations\":"
                               "{\"p2pfaas.runtime\":\"process\",\"p2pfaas.command\":\"cat\"}}";
    double before;
    pthread_t caller;

    (void)state;
    behind_deploy("POST", "sent", "team/sent:1");
    assert_true(wait_until(is_there, NULL, PATIENCE));
    behind_deploy("PUT", "sent", "team/bad:1");
    wait_metric(0, failed, metric(0, failed) + 2, PATIENCE);
    caller = behind_call_slowly("sent");
    expect(send_method("PUT", 0, "/system/functions", here, strlen(here), NULL), 202, "");
    before = metric(0, failed);
    behind_wait_lists();
    assert_true(behind_is_called("sent"));
    assert_true(metric(0, failed) == before);
    outside_rule(&gateway, "right"); /* the slow one ends */
    pthread_join(caller, NULL);
    expect(behind_remove("sent"), 202, "");
    assert_true(wait_until(is_there, NULL, PATIENCE));
    expect(behind_remove("sent"), 202, "");
}

static void *remove_slowly(void *reply)
{
    *(struct reply *)reply = behind_remove("sent");
    return NULL;
}

static void test_what_is_deployed_anew_meanwhile_stays(void **state)
{
    static const char removal[] = "{\"functionName\": \"sent\", \"namespace\": \"openfaas-fn\"}]";
    struct reply r;
    pthread_t caller;

    (void)state;
    behind_deploy("POST", "sent", "team/sent:4");
    assert_true(wait_until(is_there, NULL, PATIENCE));
    outside_rule(&gateway, "slow");
    pthread_create(&caller, NULL, remove_slowly, &r);
    assert_true(wait_until(has_seen_it, (void *)(uintptr_t)removal, PATIENCE));
    behind_deploy("PUT", "sent", "team/sent:5");
    outside_rule(&gateway, "right");
    pthread_join(caller, NULL);
    expect(r, 409, "deployed anew meanwhile");
    assert_true(wait_until(is_there, NULL, PATIENCE));
    assert_true(outside_has_seen(&gateway, "\"image\": \"team/sent:5\""));
    expect(behind_remove("sent"), 202, "");
    behind_wait_lists();
    expect(post_text(0, "/function/sent", "x"), 404, "no function 'sent'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_still_has_calls_is_not_deployed_after_its_end),
        cmocka_unit_test(test_what_is_deployed_anew_meanwhile_stays),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
