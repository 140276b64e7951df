/* Functions that have a scheduler of their own: it decides for their jobs, is swapped alone,
 * hears its like at peers, and goes on over a reload. */
#include <signal.h>

#include "tests/cluster/fixture.h"

enum { N1, N2 };

#define OWN "X-P2pfaas-Scheduler"
#define LIST "X-P2pfaas-Peers-List-Id"
#define ECHO "command: ['${BIN}/functions/echo']"

/* What the file says before the functions that are always there. */
#define RANDOM "  a: {mode: http, " ECHO ", idempotent: true, scheduler: random}\n"
#define LOSING "  b: {mode: http, " ECHO ", scheduler: {plugin: local, parameters: {loss: true}}}\n"
#define JIQ "  j: {mode: http, " ECHO ", scheduler: {plugin: jiq, parameters: {tokens: 2}}}\n"
#define LATE "  late: {command: [sleep, '5'], deadline: 200ms, scheduler: random}\n"
#define LISTED                                                                                     \
    "  listed: {" ECHO ", scheduler: {plugin: PowerOfNScheduler, parameters: [1, 0, true, 1]}}\n"

static const char *const settings[] = {"node.slots=64", "node.queue=64", "peers.retry=100ms",
                                       "scheduler.plugin=power_of_choices", NULL};

/* The file that all nodes have; the text of functions ends with its own. */
static const char *text_of(const char *functions)
{
    static char text[8192];

    snprintf(text, sizeof(text), "%s%s", fixture_functions, functions);
    return text;
}

static int start(void **state)
{
    (void)state;
    fixture_start(2, text_of(RANDOM LOSING JIQ LATE LISTED), settings);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static void write_file(const char *functions)
{
    FILE *f = fopen(cluster.config, "we");

    assert_non_null(f);
    fputs(text_of(functions), f);
    fclose(f);
}

static void reload(const char *functions)
{
    double before = metric(N1, "p2pfaas_reloads_total");

    write_file(functions);
    kill(cluster.node[N1].pid, SIGHUP);
    wait_metric(N1, "p2pfaas_reloads_total", before + 1, 20);
}

/* Who decided for a call of that function at n1. */
static void decided_by(const char *function, const char *scheduler)
{
    char path[64];
    struct reply r;

    snprintf(path, sizeof(path), "/function/%s", function);
    r = post_text(N1, path, "x");
    if (strncmp(header(&r, OWN), scheduler, strlen(scheduler)) != 0)
        fail_msg("%s: decided by %s, wanted %s (%ld %s)", function, header(&r, OWN), scheduler,
                 r.status, r.body);
    reply_free(&r);
}

struct decider {
    const char *function, *scheduler;
};

static bool decides(void *arg)
{
    const struct decider *d = arg;
    char path[64];
    struct reply r;
    bool does;

    snprintf(path, sizeof(path), "/function/%s", d->function);
    r = post_text(N1, path, "x");
    does = strncmp(header(&r, OWN), d->scheduler, strlen(d->scheduler)) == 0;
    reply_free(&r);
    return does;
}

/* Threads take a reload over one after the other. */
static void comes_to_be_decided_by(const char *function, const char *scheduler)
{
    struct decider d = {function, scheduler};

    if (!wait_until(decides, &d, 20))
        fail_msg("%s: not decided by %s", function, scheduler);
}

static bool is_hello(const struct reply *r)
{
    return r->status == 200 && strcmp(r->body, "hello") == 0;
}

static void no_wrong_answer(struct load *l)
{
    unsigned wrong, right;
    char why[256];

    right = load_stop(l, &wrong, why);
    if (wrong)
        fail_msg("%u of %u answers were wrong, the first: %s", wrong, right + wrong, why);
}

struct progress {
    const struct load *load;
    unsigned than;
};

static bool has_more_right(void *arg)
{
    const struct progress *p = arg;

    return load_right(p->load) > p->than;
}

static void let_load_go_on(const struct load *l, unsigned jobs)
{
    struct progress p = {l, load_right(l) + jobs};

    assert_true(wait_until(has_more_right, &p, 20));
}

/* ---- who decides ---- */

static void test_each_function_has_the_scheduler_that_it_names(void **state)
{
    (void)state;
    decided_by("a", "random(");
    decided_by("b", "local(true)");
    decided_by("echo", "power_of_choices(");
    decided_by("listed", "PowerOfNScheduler(1, 0, true, 1)");
    expect(get(N1, "/configuration/scheduler"), 200, "\"name\":\"power_of_choices\"");
    expect(get(N1, "/configuration/scheduler?function=b"), 200, "\"loss\":true");
    expect(get(N1, "/configuration/scheduler?function=b"), 200, "\"function\":\"b\",\"own\":true}");
    expect(get(N1, "/configuration/scheduler?function=echo"), 200,
           "\"function\":\"echo\",\"own\":false}");
    expect(get(N1, "/configuration/scheduler?function=nope"), 404, "no function 'nope' here");
    expect(get(N1, "/configuration"), 200, "\"scheduler\":\"local(true)\"");
    expect(get(N1, "/plugins/random"), 200, "\"in_use\":true");
    expect(get(N1, "/plugins/reject"), 200, "\"in_use\":false");
    assert_true(metric(N1, "p2pfaas_decisions_total{action=\"local\",function=\"b\"}") == 1);
}

static bool a_ran_at_n2(void *arg)
{
    struct reply r = post_text(N1, "/function/a", "x");
    bool did = strcmp(header(&r, LIST), "[\"n1\",\"n2\"]") == 0;

    (void)arg;
    assert_int_equal(r.status, 200);
    reply_free(&r);
    return did;
}

/* The node's default sends nothing away while it is idle. */
static void test_it_sends_jobs_to_peers(void **state)
{
    (void)state;
    assert_true(wait_until(a_ran_at_n2, NULL, 20));
    assert_true(metric(N2, "p2pfaas_decisions_total{action=\"local\",function=\"a\"}") > 0);
    assert_true(metric(N1, "p2pfaas_decisions_total{action=\"forward\"} ") == 0);
}

static void test_a_client_that_decides_itself_still_does(void **state)
{
    static const char *const bypass[] = {"X-P2pfaas-Scheduler-Bypass: 1", NULL};
    static const char *const reject[] = {"X-P2pfaas-Scheduler-Reject: 1", NULL};
    struct reply r;

    (void)state;
    for (int i = 0; i < 8; i++) {
        r = send_method("POST", N1, "/function/a", "x", 1, bypass);
        assert_int_equal(r.status, 200);
        assert_string_equal(header(&r, OWN), "NoScheduler");
        reply_free(&r);
    }
    expect(send_method("POST", N1, "/function/a", "x", 1, reject), 503, NULL);
}

static void test_the_deadline_of_the_function_holds(void **state)
{
    (void)state;
    expect(post_text(N1, "/function/late", "x"), 504, NULL);
}

/* ---- POST ---- */

static void test_one_function_is_swapped_under_load_and_nothing_is_lost(void **state)
{
    static const char *const to[] = {
        "{\"function\":\"a\",\"name\":\"local\"}",
        "{\"function\":\"a\",\"name\":\"random\"}",
        "{\"function\":\"a\",\"name\":\"power_of_choices\",\"parameters\":{\"threshold\":0}}",
        "{\"function\":\"a\",\"name\":\"\"}",
        "{\"function\":\"a\",\"name\":\"forward\"}",
    };
    double before = metric(N1, "p2pfaas_scheduler_selections_total ");
    struct load *own = load_start(N1, 4, "/function/a", "hello", is_hello);
    struct load *other = load_start(N1, 2, "/function/b", "hello", is_hello);

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        select_scheduler(N1, to[i % 5]);
        let_load_go_on(own, 2);
    }
    no_wrong_answer(own);
    no_wrong_answer(other);
    decided_by("a", "forward(");
    decided_by("b", "local(true)");
    assert_true(metric(N1, "p2pfaas_scheduler_selections_total ") == before);
    assert_true(metric(N1, "p2pfaas_plugin_outcomes_dropped_total") == 0);
    expect(get(N1, "/configuration/scheduler"), 200, "\"name\":\"power_of_choices\"");
}

static bool only_one_instance(void *arg)
{
    return metric(N1, arg) == 1;
}

static void test_the_node_decides_for_a_function_that_gave_its_own_up(void **state)
{
    (void)state;
    select_scheduler(N1, "{\"function\":\"a\",\"name\":\"local\"}");
    decided_by("a", "local(false)");
    select_scheduler(N1, "{\"function\":\"a\",\"name\":\"\"}");
    decided_by("a", "power_of_choices(");
    select_scheduler(N1, "{\"function\":\"echo\",\"name\":\"random\"}");
    decided_by("echo", "random(");
    expect(post_text(N1, "/configuration/scheduler?function=echo", "{\"name\":\"\"}"), 200, "");
    decided_by("echo", "power_of_choices(");
    select_scheduler(N1, "{\"function\":\"a\",\"name\":\"random\"}");
    decided_by("a", "random(");
    assert_true(wait_until(only_one_instance, "p2pfaas_plugin_instances{function=\"a\"}", 20));
}

static void test_what_is_wrong_is_said_and_changes_nothing(void **state)
{
    static const struct {
        const char *body;
        long status;
        const char *part;
    } wrong[] = {
        {"{\"function\":\"a\",\"name\":\"nope\"}", 500, "no scheduler 'nope'"},
        {"{\"function\":\"a\",\"name\":\"power_of_choices\",\"parameters\":{\"fanout\":-1}}", 500,
         "fanout"},
        {"{\"function\":\"nope\",\"name\":\"random\"}", 404, "no function 'nope' here; known: "},
        {"{\"function\":\"a\",\"name\":\"learning\"}", 500, "only the node's scheduler has"},
        {"{\"function\":7,\"name\":\"random\"}", 400, "malformed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        expect(post_text(N1, "/configuration/scheduler", wrong[i].body), wrong[i].status,
               wrong[i].part);
    expect(post_text(N1, "/configuration/scheduler?function=b",
                     "{\"function\":\"a\",\"name\":\"random\"}"),
           400, "?function= is 'b'");
    expect(post_text(N1, "/configuration/learner", "{\"function\":\"a\",\"name\":\"dqn\"}"), 400,
           "a learner is the node's");
    decided_by("a", "random(");
    expect(post_text(N1, "/configuration/scheduler", "{\"function\":\"echo\",\"name\":\"nope\"}"),
           500, "no scheduler 'nope'");
    decided_by("echo", "power_of_choices(");
}

/* ---- reload ---- */

static double generation(const char *function)
{
    char path[80];
    struct reply r;
    const char *at;
    double n;

    snprintf(path, sizeof(path), "/configuration/scheduler?function=%s", function);
    r = get(N1, path);
    at = r.body ? strstr(r.body, "\"generation\":") : NULL;
    n = at ? strtod(at + strlen("\"generation\":"), NULL) : -1;
    reply_free(&r);
    return n;
}

static void test_a_reload_changes_what_the_file_changed_and_keeps_the_rest(void **state)
{
    double cold = metric(N1, "p2pfaas_cold_starts_total");
    double a = generation("a"), b = generation("b");
    struct load *load = load_start(N1, 4, "/function/b", "hello", is_hello);

    (void)state;
    /* Another function has come: all go on with what they learned, the POSTed one too. */
    reload(RANDOM LOSING JIQ LATE LISTED "  c: {command: [cat], scheduler: local}\n");
    comes_to_be_decided_by("c", "local(false)");
    assert_true(generation("a") == a);
    assert_true(generation("b") == b);
    /* Another parameter: the program stays. */
    reload(RANDOM "  b: {mode: http, " ECHO ", scheduler: {plugin: local}}\n" JIQ LATE LISTED);
    comes_to_be_decided_by("b", "local(false)");
    assert_true(generation("b") != b);
    assert_true(metric(N1, "p2pfaas_cold_starts_total") == cold);
    b = generation("b");
    /* Defined anew, with another program: the scheduler stays. */
    reload(RANDOM "  b: {mode: http, " ECHO ", timeout: 9s, scheduler: local}\n" JIQ LATE LISTED);
    comes_to_be_decided_by("b", "local(false)");
    assert_true(generation("b") == b);
    /* No scheduler of its own any more. */
    reload(RANDOM "  b: {mode: http, " ECHO ", timeout: 9s}\n" JIQ LATE LISTED);
    comes_to_be_decided_by("b", "power_of_choices(");
    assert_true(generation("a") == a);
    /* Gone under load, and back. */
    no_wrong_answer(load);
    load = load_start(N1, 4, "/function/echo", "hello", is_hello);
    reload(LOSING JIQ LATE LISTED);
    comes_to_be_decided_by("b", "local(true)");
    reload(RANDOM LOSING JIQ LATE LISTED);
    comes_to_be_decided_by("a", "random(");
    no_wrong_answer(load);
}

static void test_a_reload_with_a_wrong_scheduler_changes_nothing(void **state)
{
    double before = metric(N1, "p2pfaas_reloads_failed_total");
    char line[160];

    (void)state;
    write_file(RANDOM "  b: {command: [cat], scheduler: local}\n"
                      "  wrong: {command: [cat], scheduler: nope}\n");
    kill(cluster.node[N1].pid, SIGHUP);
    wait_metric(N1, "p2pfaas_reloads_failed_total", before + 1, 20);
    wait_log(N1, ": functions.wrong.scheduler: no scheduler 'nope'");
    decided_by("a", "random(");
    decided_by("b", "local(true)");
    write_file(RANDOM "  wrong:\n    command: [cat]\n    scheduler:\n      plugin: random\n"
                      "      parameters:\n        max_hops: many\n");
    kill(cluster.node[N1].pid, SIGHUP);
    wait_metric(N1, "p2pfaas_reloads_failed_total", before + 2, 20);
    wait_log(N1, ": functions.wrong.scheduler: max_hops: 'many'");
    snprintf(line, sizeof(line), "%s:%d: functions.wrong.scheduler: max_hops", cluster.config, 22);
    assert_true(log_has(N1, line));
    reload(RANDOM LOSING JIQ LATE LISTED);
}

static void test_a_node_does_not_start_with_a_wrong_scheduler(void **state)
{
    char err[CLUSTER_ERRLEN];

    (void)state;
    assert_true(stop_node(N2));
    write_file(RANDOM LOSING JIQ LATE LISTED "  wrong: {command: [cat], scheduler: learning}\n");
    assert_int_not_equal(cluster_start(&cluster, N2, NULL, err), 0);
    assert_true(log_has(N2, "functions.wrong.scheduler: scheduler 'learning' needs a learner"));
    write_file(RANDOM LOSING JIQ LATE LISTED);
    start_node(N2, NULL);
    assert_true(wait_until(cluster_is_whole, &cluster, 20));
}

/* ---- schedulers that tell ---- */

static bool j_used_a_token(void *arg)
{
    (void)arg;
    for (int i = 0; i < 8; i++)
        expect(post_text(N1, "/function/j", "x"), 200, "x");
    return metric(N1, "p2pfaas_scheduler_metric_tokens_used{function=\"j\"}") > 0 &&
           metric(N2, "p2pfaas_decisions_total{action=\"local\",function=\"j\"}") > 0;
}

static struct reply tell_n2(const char *path)
{
    static char from[80];
    static const char *const headers[] = {from, NULL};

    snprintf(from, sizeof(from), "X-P2pfaas-From: %s", cluster.node[N1].address);
    return send_method("POST", N2, path, "12345678", 8, headers);
}

static void test_those_of_one_function_hear_each_other(void **state)
{
    (void)state;
    assert_true(wait_until(j_used_a_token, NULL, 30));
    wait_metric(N2, "p2pfaas_messages_total{what=\"heard\"}", 1, 20);
    /* They are told whose it is; the node's own does not hear it. */
    expect(tell_n2("/peer/message/jiq?function=j"), 204, "");
    expect(tell_n2("/peer/message/jiq"), 404, "this node runs 'power_of_choices'");
    expect(tell_n2("/peer/message/jiq?function=a"), 404, "runs 'random' for function a");
    expect(tell_n2("/peer/message/jiq?function=nope"), 404, "no function 'nope' here");
}

/* The node's own of the same name is another one. */
static void test_a_functions_scheduler_and_the_nodes_keep_apart(void **state)
{
    double used;

    (void)state;
    for (unsigned i = N1; i <= N2; i++)
        select_scheduler(i, "{\"name\":\"jiq\",\"parameters\":{\"otherwise\":\"local\"}}");
    used = metric(N1, "p2pfaas_scheduler_metric_tokens_used{function=\"j\"}");
    expect(tell_n2("/peer/message/jiq"), 204, "");
    for (int i = 0; i < 4; i++)
        expect(post_text(N1, "/function/echo", "x"), 200, "x");
    assert_true(metric(N1, "p2pfaas_scheduler_metric_tokens_used{function=\"j\"}") == used);
    for (unsigned i = N1; i <= N2; i++)
        select_scheduler(i, "{\"name\":\"power_of_choices\"}");
}

/* ---- a peer that dies ---- */

static void test_no_job_is_lost_when_a_peer_is_killed(void **state)
{
    struct load *load = load_start(N1, 8, "/function/a", "hello", is_hello);

    (void)state;
    let_load_go_on(load, 200);
    cluster_stop(&cluster, N2, SIGKILL, 10);
    let_load_go_on(load, 200);
    start_node(N2, NULL);
    assert_true(wait_until(cluster_is_whole, &cluster, 20));
    let_load_go_on(load, 50);
    no_wrong_answer(load);
    assert_true(wait_until(a_ran_at_n2, NULL, 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_function_has_the_scheduler_that_it_names),
        cmocka_unit_test(test_it_sends_jobs_to_peers),
        cmocka_unit_test(test_a_client_that_decides_itself_still_does),
        cmocka_unit_test(test_the_deadline_of_the_function_holds),
        cmocka_unit_test(test_one_function_is_swapped_under_load_and_nothing_is_lost),
        cmocka_unit_test(test_the_node_decides_for_a_function_that_gave_its_own_up),
        cmocka_unit_test(test_what_is_wrong_is_said_and_changes_nothing),
        cmocka_unit_test(test_a_reload_changes_what_the_file_changed_and_keeps_the_rest),
        cmocka_unit_test(test_a_reload_with_a_wrong_scheduler_changes_nothing),
        cmocka_unit_test(test_a_node_does_not_start_with_a_wrong_scheduler),
        cmocka_unit_test(test_those_of_one_function_hear_each_other),
        cmocka_unit_test(test_a_functions_scheduler_and_the_nodes_keep_apart),
        cmocka_unit_test(test_no_job_is_lost_when_a_peer_is_killed),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
