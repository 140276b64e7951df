/* Whatever is wrong with a request, a function or a plugin gets a clear error, is
 * counted, and the node goes on. */
#include "tests/cluster/fixture.h"

static char folder_setting[160];
static const char *plugins;

static int start(void **state)
{
    static const char *settings[] = {folder_setting, "limits.body=1MB", "limits.headers=8KB", NULL};

    (void)state;
    fixture_init(1, fixture_functions);
    plugins = private_plugins(folder_setting);
    cluster.settings = settings;
    start_node(0, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

/* After each test the node serves as before. */
static int still_serves(void **state)
{
    (void)state;
    select_scheduler(0, "{\"name\":\"local\"}");
    expect(post_text(0, "/function/echo", "still here"), 200, "still here");
    expect(post_text(0, "/function/cat", "still here"), 200, "still here");
    assert_true(metric(0, "p2pfaas_slots_running") == 0);
    return 0;
}

/* ---- requests ---- */

static void test_a_body_over_the_limit_is_413(void **state)
{
    enum { SIZE = (1 << 20) + 1 };
    char *body = calloc(1, SIZE);

    (void)state;
    expect(post(0, "/function/echo", body, SIZE), 413, "limits.body, 1048576 bytes");
    expect(post(0, "/function/echo", body, SIZE - 1), 200, NULL);
    free(body);
}

static void test_a_chunked_body_over_the_limit_is_413(void **state)
{
    static const char *const chunked[] = {"Transfer-Encoding: chunked", NULL};
    enum { SIZE = 2 << 20 };
    char *body = calloc(1, SIZE);

    (void)state;
    expect(send_method("POST", 0, "/function/echo", body, SIZE, chunked), 413, "limits.body");
    expect(send_method("POST", 0, "/function/echo", body, 1000, chunked), 200, NULL);
    free(body);
}

static void test_headers_over_the_limit_are_refused(void **state)
{
    static char large[10000] = "X-Large: ";
    const char *const headers[] = {large, NULL};
    struct reply r;

    (void)state;
    memset(large + 9, 'x', sizeof(large) - 10);
    r = send_method("POST", 0, "/function/echo", "x", 1, headers);
    assert_in_range(r.status, 413, 431);
    reply_free(&r);
}

static void test_an_unknown_function_is_404_with_the_known_names(void **state)
{
    struct reply r;

    (void)state;
    expect(get(0, "/function/nobody"), 404, "no function 'nobody' here; known: echo, forked, cgi");
    expect(get(0, "/function/../etc/passwd"), 404, "known:");
    assert_true(metric(0, "p2pfaas_requests_total{function=\"\",code=\"404\"") >= 1);
    r = get(0, "/function/nobody");
    assert_string_equal(header(&r, "X-P2pfaas-Outcome"), "refused");
    reply_free(&r);
}

static void test_an_unknown_path_or_method_is_told(void **state)
{
    struct reply r = send_method("DELETE", 0, "/configuration", NULL, 0, NULL);

    (void)state;
    assert_int_equal(r.status, 405);
    assert_string_equal(header(&r, "Allow"), "GET, POST");
    reply_free(&r);
    expect(get(0, "/no/such/path"), 404, "no such path: /no/such/path");
    expect(get(0, "/function/"), 404, NULL);
}

static void test_malformed_json_is_400(void **state)
{
    static const char *const paths[] = {"/configuration", "/configuration/scheduler"};
    static const char *const wrong[] = {"{", "", "[1,", "{\"a\":1} x", "\"text\"", "nul"};

    double before = metric(0, "p2pfaas_bad_requests_total");

    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 6; k++)
            expect(post_text(0, paths[i], wrong[k]), 400, "not correct or malformed");
    assert_true(metric(0, "p2pfaas_bad_requests_total") == before + 12);
}

static void test_misspelt_keys_are_told_and_change_nothing(void **state)
{
    static const char *const path = "/configuration/scheduler";
    static const char *const limits = "/configuration";
    struct reply r;

    (void)state;
    expect(post_text(0, path, "{\"name\":\"random\",\"params\":{}}"), 400,
           "unknown key 'params'; allowed: name, parameters");
    expect(get(0, path), 200, "\"name\":\"local\"");
    r = get(0, path);
    expect(post(0, path, r.body, r.len), 200, NULL);
    reply_free(&r);
    expect(post_text(0, limits, "{\"nokey\":0}"), 400, "with any of parallel_running");
    expect(post_text(0, limits, "{}"), 400, "queue_length_max, queue_enabled");
    /* As the original, which its clients rely on. */
    expect(post_text(0, limits, "{\"queue_length_max\":4,\"more\":1}"), 200, NULL);
}

static void test_wrong_limits_are_400_and_change_nothing(void **state)
{
    (void)state;
    expect(post_text(0, "/configuration", "{\"parallel_running_functions_max\":-1}"), 400,
           "from 1 to 65536");
    expect(post_text(0, "/configuration", "{\"queue_length_max\":1.5}"), 400, "integer");
    expect(post_text(0, "/configuration", "{\"queue_enabled\":\"yes\"}"), 400, "true or false");
    expect(get(0, "/configuration"), 200, "\"parallel_running_functions_max\":4");
}

static void test_a_wrong_scheduler_is_told_and_changes_nothing(void **state)
{
    static const char *const path = "/configuration/scheduler";

    (void)state;
    select_scheduler(0, "{\"name\":\"random\"}");
    expect(post_text(0, path, "{\"name\":\"nobody\"}"), 500, "known: adaptive_threshold, ch_bl");
    /* There are more than fit: none is cut. */
    expect(post_text(0, path, "{\"name\":\"nobody\"}"), 500, ", ...");
    expect(post_text(0, path, "{\"name\":\"round_robbin\"}"), 500,
           "no scheduler 'round_robbin'; did you mean 'round_robin'? known: adaptive_threshold");
    expect(post_text(0, path, "{\"name\":\"power_of_choices\",\"parameters\":{\"fanout\":0}}"), 500,
           "an integer from 1 to 64");
    expect(post_text(0, path, "{\"name\":\"power_of_choices\",\"parameters\":{\"fanuot\":1}}"), 500,
           "fanuot");
    expect(post_text(0, path, "{\"name\":\"PowerOfNScheduler\",\"parameters\":[\"1\"]}"), 500,
           NULL);
    expect(get(0, path), 200, "\"name\":\"random\"");
    assert_true(metric(0, "p2pfaas_scheduler_selections_failed_total") >= 4);
}

/* ---- plugins ---- */

static void test_a_file_that_is_no_plugin_is_listed_with_its_reason(void **state)
{
    char path[160];
    FILE *f;

    (void)state;
    snprintf(path, sizeof(path), "%s/text.so", plugins);
    f = fopen(path, "we");
    fputs("this is not a shared object", f);
    fclose(f);
    build_plugin(plugins, "nothing", "int unrelated;\n");
    build_plugin(plugins, "old_abi",
                 "#include <p2pfaas/plugin.h>\n"
                 "P2P_PUBLIC const struct p2p_module p2p_plugin = {P2P_ABI_MAGIC, 99, 0, "
                 "sizeof(struct p2p_module), 0, 0, 0, 0};\n");
    build_plugin(plugins, "needs_symbol",
                 "#include <p2pfaas/plugin.h>\n"
                 "int nobody_has_this(void);\n"
                 "static struct p2p_action decide(void *s, const struct p2p_request *rq)\n"
                 "{ (void)s; (void)rq; return p2p_reject((uint32_t)nobody_has_this()); }\n"
                 "static const struct p2p_scheduler ops = {.size = sizeof(ops),\n"
                 ".name = \"needs_symbol\", .version = \"1\", .summary = \"x\", .decide = "
                 "decide};\n"
                 "P2P_SCHEDULER_PLUGIN(ops);\n");
    wait_log(0, "needs_symbol.so");
    expect(get(0, "/plugins"), 200, "text.so");
    assert_true(metric(0, "p2pfaas_plugin_files_refused") == 4);
    expect(get(0, "/plugins"), 200, "does not export p2p_plugin");
    expect(get(0, "/plugins"), 200, "99");
    expect(get(0, "/plugins"), 200, "nobody_has_this");
    expect(post_text(0, "/configuration/scheduler", "{\"name\":\"old_abi\"}"), 500, "99");
}

static void test_a_plugin_that_answers_garbage_is_counted_and_replaced(void **state)
{
    (void)state;
    build_plugin(plugins, "garbage",
                 "#include <p2pfaas/plugin.h>\n"
                 "struct garbage { int64_t what; };\n"
                 "static const struct p2p_param params[] = {\n"
                 "P2P_PARAM_INT(struct garbage, what, 0, 0, 9, \"which\"), P2P_PARAM_END};\n"
                 "static struct p2p_action decide(void *s, const struct p2p_request *rq)\n"
                 "{ struct garbage *g = s;\n"
                 "  switch (g->what) {\n"
                 "  case 0: return p2p_action_(77, 0, 0);\n"
                 "  case 1: return p2p_forward(12345);\n"
                 "  case 2: return p2p_ask(60000, 0, 0);\n"
                 "  case 3: return p2p_wait_until(rq->now_ns);\n"
                 "  default: return p2p_wait_until(UINT64_MAX); } }\n"
                 "static const struct p2p_scheduler ops = {.size = sizeof(ops),\n"
                 ".name = \"garbage\", .version = \"1\", .summary = \"x\", .params = params,\n"
                 ".instance_size = sizeof(struct garbage), .decide = decide};\n"
                 "P2P_SCHEDULER_PLUGIN(ops);\n");
    wait_log(0, "garbage.so");
    for (int i = 0; i < 5; i++) {
        char json[80];

        snprintf(json, sizeof(json), "{\"name\":\"garbage\",\"parameters\":{\"what\":%d}}", i);
        select_scheduler(0, json);
        expect(post_text(0, "/function/echo", "by the fallback"), 200, "by the fallback");
    }
    assert_true(metric(0, "p2pfaas_plugin_misbehaviour_total") == 5);
    assert_true(metric(0, "p2pfaas_plugin_misbehaviour_total{kind=\"illegal_action\"}") == 1);
    assert_true(metric(0, "p2pfaas_decision_fallbacks_total") == 5);
}

static void test_names_and_help_of_a_plugins_metrics_are_made_safe(void **state)
{
    struct reply r;

    (void)state;
    build_plugin(plugins, "metrics",
                 "#include <p2pfaas/plugin.h>\n"
                 "static struct p2p_action decide(void *s, const struct p2p_request *rq)\n"
                 "{ (void)s; (void)rq; return p2p_local(); }\n"
                 "static int init(void *s, const struct p2p_host *h, char *e)\n"
                 "{ (void)s; (void)e;\n"
                 "  *h->counter(h, \"instances\", \"a\\\\b\\nc \\\"q\\\" \\xff\") = 7;\n"
                 "  *h->counter(h, \"x{y=\\\"z\\\"}\\n\", 0) = 8;\n"
                 "  *h->gauge(h, \"instances\", \"twice\") = 9;\n"
                 "  return 0; }\n"
                 "static const struct p2p_scheduler ops = {.size = sizeof(ops),\n"
                 ".name = \"metrics\", .decide = decide, .init = init};\n"
                 "P2P_SCHEDULER_PLUGIN(ops);\n");
    wait_log(0, "metrics.so");
    select_scheduler(0, "{\"name\":\"metrics\"}");
    r = get(0, "/metrics");
    assert_non_null(strstr(r.body, "# HELP p2pfaas_scheduler_metric_instances a\\\\b\\nc \"q\" "));
    assert_non_null(strstr(r.body, "\np2pfaas_scheduler_metric_instances 7\n"));
    assert_non_null(strstr(r.body, "\np2pfaas_scheduler_metric_x_y__z___ 8\n"));
    assert_null(strstr(r.body, "twice"));
    assert_null(strstr(r.body, "\xff"));
    reply_free(&r);
}

/* ---- functions ---- */

static void test_a_program_that_ends_badly_is_500_with_its_last_words(void **state)
{
    (void)state;
    expect(get(0, "/function/bad?do=exit&code=3"), 500, "exit code 3");
    expect(get(0, "/function/bad?do=exit&code=3"), 500, "this is why");
    expect(get(0, "/function/bad?do=crash"), 500, "SIGSEGV");
    assert_true(metric(0, "p2pfaas_requests_total{function=\"bad\",code=\"500\"") == 3);
}

static void test_a_program_that_hangs_is_killed(void **state)
{
    double before = seconds_now();

    (void)state;
    expect(get(0, "/function/bad?do=hang"), 504, "0.700 s");
    expect(get(0, "/function/badhttp?do=hang"), 504, "in time");
    assert_true(seconds_now() - before < 30);
}

static void test_a_program_that_floods_is_killed(void **state)
{
    (void)state;
    expect(get(0, "/function/bad?do=flood"), 502, "larger than 65536 bytes");
    expect(get(0, "/function/badhttp?do=flood"), 502, "larger than the limit");
}

static bool is_seen_to_be_gone(void *arg)
{
    (void)arg;
    return log_has(0, "function=badhttp why=\"its program ended");
}

/* Its connections break first: one that is made before it has ended breaks too. */
static void test_a_server_that_crashes_is_started_again(void **state)
{
    (void)state;
    expect(get(0, "/function/badhttp"), 200, "well behaved");
    expect(get(0, "/function/badhttp?do=crash"), 502, NULL);
    assert_true(wait_until(is_seen_to_be_gone, NULL, 20));
    expect(get(0, "/function/badhttp"), 200, "well behaved");
    expect(get(0, "/function/badhttp?do=half"), 502, NULL);
    expect(get(0, "/function/badhttp?do=garbage"), 502, "not HTTP");
    expect(get(0, "/function/badhttp"), 200, "well behaved");
}

static void test_a_program_that_cannot_run_says_why(void **state)
{
    (void)state;
    expect(get(0, "/function/missing"), 502, "/nonexistent/program");
    expect(get(0, "/function/dies"), 502, "exit code 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_body_over_the_limit_is_413, still_serves),
        cmocka_unit_test_teardown(test_a_chunked_body_over_the_limit_is_413, still_serves),
        cmocka_unit_test_teardown(test_headers_over_the_limit_are_refused, still_serves),
        cmocka_unit_test_teardown(test_an_unknown_function_is_404_with_the_known_names,
                                  still_serves),
        cmocka_unit_test_teardown(test_an_unknown_path_or_method_is_told, still_serves),
        cmocka_unit_test_teardown(test_malformed_json_is_400, still_serves),
        cmocka_unit_test_teardown(test_misspelt_keys_are_told_and_change_nothing, still_serves),
        cmocka_unit_test_teardown(test_wrong_limits_are_400_and_change_nothing, still_serves),
        cmocka_unit_test_teardown(test_a_wrong_scheduler_is_told_and_changes_nothing, still_serves),
        cmocka_unit_test_teardown(test_a_file_that_is_no_plugin_is_listed_with_its_reason,
                                  still_serves),
        cmocka_unit_test_teardown(test_a_plugin_that_answers_garbage_is_counted_and_replaced,
                                  still_serves),
        cmocka_unit_test_teardown(test_names_and_help_of_a_plugins_metrics_are_made_safe,
                                  still_serves),
        cmocka_unit_test_teardown(test_a_program_that_ends_badly_is_500_with_its_last_words,
                                  still_serves),
        cmocka_unit_test_teardown(test_a_program_that_hangs_is_killed, still_serves),
        cmocka_unit_test_teardown(test_a_program_that_floods_is_killed, still_serves),
        cmocka_unit_test_teardown(test_a_server_that_crashes_is_started_again, still_serves),
        cmocka_unit_test_teardown(test_a_program_that_cannot_run_says_why, still_serves),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
