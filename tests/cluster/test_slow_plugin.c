/* A scheduler whose plugin takes its time to begin: who selects it waits, and nobody else. */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "tests/cluster/support_outside.h"

enum { PATIENCE = 20, CALLS = 3 };

/* It begins only when the file that HELD names is not there. */
static const char source[] =
    "#include <p2pfaas/plugin.h>\n"
    "#include <stdlib.h>\n"
    "#include <unistd.h>\n"
    "struct slow { const struct p2p_host *host; };\n"
    "static int init(void *self, const struct p2p_host *host, char *err)\n"
    "{\n"
    "    struct slow *s = self;\n"
    "    (void)err;\n"
    "    s->host = host;\n"
    "    p2p_logf(host, P2P_LOG_INFO, \"slow begins\");\n"
    "    while (access(getenv(\"P2P_TEST_HELD\"), F_OK) == 0)\n"
    "        usleep(1000);\n"
    "    return 0;\n"
    "}\n"
    "static struct p2p_action decide(void *s, const struct p2p_request *rq)\n"
    "{ (void)s; (void)rq; return p2p_reject(418); }\n"
    "static const struct p2p_scheduler ops = {.size = sizeof(ops), .name = \"slow\",\n"
    "    .version = \"1\", .summary = \"begins late\", .instance_size = sizeof(struct slow),\n"
    "    .init = init, .decide = decide};\n"
    "P2P_SCHEDULER_PLUGIN(ops);\n";

static char held[160];
static struct outside gateway = {.script = "remote_server.py"};

static void hold(void)
{
    FILE *f = fopen(held, "we");

    assert_non_null(f);
    fclose(f);
}

static int start(void **state)
{
    static char folder[160], url[80];
    static const char *settings[] = {folder,
                                     url,
                                     "openfaas.user=admin",
                                     "openfaas.password=hunter2hunter2",
                                     "openfaas.refresh=200ms",
                                     NULL};

    (void)state;
    fixture_init(1, fixture_functions);
    cluster.settings = settings;
    build_plugin(private_plugins(folder), "slow", source);
    snprintf(held, sizeof(held), "%s/held", cluster.dir);
    setenv("P2P_TEST_HELD", held, 1);
    outside_find_port(&gateway);
    outside_start(&gateway);
    snprintf(url, sizeof(url), "openfaas.gateway=http://127.0.0.1:%s/gw/", gateway.port);
    start_node(0, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    unlink(held);
    outside_kill(&gateway);
    fixture_stop();
    return 0;
}

/* How often it began. */
static unsigned begun(void)
{
    char line[512];
    unsigned n = 0;
    FILE *f = fopen(cluster.node[0].log, "re");

    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        n += strstr(line, "slow begins") != NULL;
    fclose(f);
    return n;
}

static bool has_begun(void *arg)
{
    return begun() >= *(unsigned *)arg;
}

struct call {
    pthread_t thread;
    const char *method; /* NULL = POST */
    const char *url;
    const char *body;
    struct reply reply;
};

static void *call(void *arg)
{
    struct call *c = arg;
    const struct request rq = {
        .method = c->method, .url = c->url, .body = c->body, .len = strlen(c->body)};

    http_call(&rq, &c->reply);
    return NULL;
}

/* POSTs it and leaves it there: its plugin begins for the `nth` time. */
static void post_and_hold(struct call *c, const char *path, const char *body, unsigned nth)
{
    hold();
    *c = (struct call){.url = url_of(0, path), .body = body};
    assert_int_equal(pthread_create(&c->thread, NULL, call, c), 0);
    assert_true(wait_until(has_begun, &nth, PATIENCE));
}

/* Calls that go over all threads. */
static void others_are_answered(void)
{
    double began = seconds_now();

    for (int i = 0; i < CALLS; i++) {
        expect(get(0, "/healthz"), 200, "");
        expect(get(0, "/configuration"), 200, "");
        expect(get(0, "/system/functions"), 200, "\"echo\"");
        expect(post_text(0, "/function/echo", "x"), 200, "x");
    }
    assert_true(seconds_now() - began < PATIENCE);
}

static void let_go(struct call *c, long status)
{
    unlink(held);
    pthread_join(c->thread, NULL);
    expect(c->reply, status, "");
}

static void test_one_that_is_selected_for_a_function(void **state)
{
    struct call c;

    (void)state;
    post_and_hold(&c, "/configuration/scheduler",
                  "{\"name\":\"slow\",\"function\":\"echo.openfaas-fn\"}", 1);
    others_are_answered();
    let_go(&c, 200);
    expect(post_text(0, "/function/echo", "x"), 418, "");
    expect(get(0, "/configuration/scheduler?function=echo.openfaas-fn"), 200, "\"name\":\"slow\"");
    select_scheduler(0, "{\"name\":\"\",\"function\":\"echo\"}");
    assert_int_equal(begun(), 1);
}

static void test_one_of_a_deployment_begins_once(void **state)
{
    static const char late[] =
        "{\"service\":\"late\",\"image\":\"cat\",\"annotations\":{\"p2pfaas.runtime\":\"process\","
        "\"p2pfaas.command\":\"cat\",\"p2pfaas.scheduler\":\"slow\"}}";
    struct call c;

    (void)state;
    post_and_hold(&c, "/system/functions", late, 2);
    others_are_answered();
    let_go(&c, 202);
    expect(post_text(0, "/function/late", "x"), 418, "");
    assert_int_equal(begun(), 2);
}

/* When it comes there is nothing at the gateway yet, when it has its turn there is. */
static void test_a_removal_that_waits_for_a_deployment_is_one_at_the_gateway(void **state)
{
    static const char sent[] = "{\"service\":\"sent\",\"image\":\"cat\",\"annotations\":"
                               "{\"p2pfaas.runtime\":\"openfaas\",\"p2pfaas.scheduler\":\"slow\"}}";
    struct call c, removal = {.method = "DELETE", .body = "{\"functionName\":\"sent\"}"};

    (void)state;
    post_and_hold(&c, "/system/functions", sent, 3);
    removal.url = url_of(0, "/system/functions");
    assert_int_equal(pthread_create(&removal.thread, NULL, call, &removal), 0);
    others_are_answered();
    let_go(&c, 202);
    pthread_join(removal.thread, NULL);
    expect(removal.reply, 202, "");
    assert_true(outside_has_seen(&gateway, "{\"functionName\": \"sent\""));
    expect(post_text(0, "/function/sent", "x"), 404, "no function 'sent'");
}

static void test_a_reload_comes_afterwards(void **state)
{
    double before = metric(0, "p2pfaas_reloads_total");
    struct call c;

    (void)state;
    post_and_hold(&c, "/configuration/scheduler", "{\"name\":\"slow\"}", 4);
    kill(cluster.node[0].pid, SIGHUP);
    others_are_answered();
    assert_true(metric(0, "p2pfaas_reloads_total") == before);
    let_go(&c, 200);
    wait_metric(0, "p2pfaas_reloads_total", before + 1, PATIENCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_is_selected_for_a_function),
        cmocka_unit_test(test_one_of_a_deployment_begins_once),
        cmocka_unit_test(test_a_removal_that_waits_for_a_deployment_is_one_at_the_gateway),
        cmocka_unit_test(test_a_reload_comes_afterwards),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
