/* Schedulers are swapped under load, dropped in, rebuilt and removed, and no call is
 * lost and nothing is left over. */
#include <signal.h>
#include <unistd.h>

#include "tests/cluster/fixture.h"

static char folder_setting[160];
static const char *plugins;

static int start(void **state)
{
    static const char *settings[] = {folder_setting, "node.slots=64", "node.queue=64", NULL};

    (void)state;
    fixture_init(2, fixture_functions);
    plugins = private_plugins(folder_setting);
    cluster.settings = settings;
    start_node(0, NULL);
    start_node(1, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static bool is_hello(const struct reply *r)
{
    return r->status == 200 && strcmp(r->body, "hello") == 0;
}

static bool only_one_instance(void *arg)
{
    (void)arg;
    return metric(0, "p2pfaas_plugin_instances") == 1;
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

static void test_two_hundred_swaps_under_load_lose_nothing(void **state)
{
    static const char *const schedulers[] = {
        "{\"name\":\"local\"}",
        "{\"name\":\"random\"}",
        "{\"name\":\"power_of_choices\",\"parameters\":{\"fanout\":1,\"threshold\":0}}",
        "{\"name\":\"PowerOfNSchedulerTau\",\"parameters\":[\"1\",\"0\",\"false\",\"1\",\"5ms\"]}",
        "{\"name\":\"forward\"}",
    };
    double modules = metric(0, "p2pfaas_plugin_modules");
    double before = metric(0, "p2pfaas_scheduler_selections_total");
    struct load *load = load_start(0, 8, "/function/echo", "hello", is_hello);
    unsigned right, wrong;
    char why[256];

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        struct progress p = {load, i};

        select_scheduler(0, schedulers[i % 5]);
        assert_true(wait_until(has_more_right, &p, 20));
    }
    right = load_stop(load, &wrong, why);
    if (wrong)
        fail_msg("%u of %u answers were wrong, the first: %s", wrong, right + wrong, why);
    assert_true(right >= 200);
    assert_true(metric(0, "p2pfaas_scheduler_selections_total") == before + 200);
    assert_true(wait_until(only_one_instance, NULL, 20));
    assert_true(metric(0, "p2pfaas_plugin_modules") == modules);
    assert_true(metric(0, "p2pfaas_plugin_outcomes_dropped_total") == 0);
}

/* A scheduler that sends back its own version as an HTTP status. */
static void build_versioned(const char *name, unsigned version)
{
    char source[1024];

    snprintf(source, sizeof(source),
             "#include <p2pfaas/plugin.h>\n"
             "static struct p2p_action decide(void *s, const struct p2p_request *rq)\n"
             "{ (void)s; (void)rq; return p2p_reject(%uu); }\n"
             "static const struct p2p_scheduler ops = {.size = sizeof(ops), .name = \"%s\",\n"
             ".version = \"%u\", .summary = \"refuses with its version\", .decide = decide};\n"
             "P2P_SCHEDULER_PLUGIN(ops);\n",
             version, name, version);
    build_plugin(plugins, name, source);
}

struct wanted {
    const char *json;
    long status;
};

static bool can_be_selected(void *arg)
{
    const struct wanted *w = arg;
    struct reply r = post_text(0, "/configuration/scheduler", w->json);
    bool ok = r.status == 200;

    reply_free(&r);
    if (!ok)
        return false;
    r = post_text(0, "/function/echo", "x");
    ok = r.status == w->status;
    reply_free(&r);
    return ok;
}

static void test_a_dropped_plugin_can_be_selected_without_a_restart(void **state)
{
    struct wanted w = {"{\"name\":\"versioned\"}", 451};

    (void)state;
    expect(post_text(0, "/configuration/scheduler", w.json), 500, "no scheduler 'versioned'");
    build_versioned("versioned", 451);
    assert_true(wait_until(can_be_selected, &w, 20));
    expect(get(0, "/plugins/versioned"), 200, "\"version\":\"451\"");
    expect(get(0, "/plugins/versioned"), 200, "\"in_use\":true");
}

static void test_a_rebuilt_plugin_is_the_new_code_after_its_selection(void **state)
{
    struct wanted w = {"{\"name\":\"versioned\"}", 452};
    double modules;

    (void)state;
    build_versioned("versioned", 452);
    /* Until it is selected again, the old code decides. */
    wait_log(0, "versioned.so");
    expect(post_text(0, "/function/echo", "x"), 451, NULL);
    assert_true(wait_until(can_be_selected, &w, 20));
    modules = metric(0, "p2pfaas_plugin_modules");
    build_versioned("versioned", 453);
    w.status = 453;
    assert_true(wait_until(can_be_selected, &w, 20));
    assert_true(metric(0, "p2pfaas_plugin_modules") == modules);
}

static bool is_unknown(void *arg)
{
    struct reply r = get(0, arg);
    bool gone = r.status == 404;

    reply_free(&r);
    return gone;
}

static void test_a_removed_plugin_goes_on_until_another_is_selected(void **state)
{
    char path[160];

    (void)state;
    snprintf(path, sizeof(path), "%s/versioned.so", plugins);
    assert_int_equal(unlink(path), 0);
    assert_true(wait_until(is_unknown, "/plugins/versioned", 20));
    expect(post_text(0, "/function/echo", "x"), 453, NULL);
    select_scheduler(0, "{\"name\":\"local\"}");
    expect(post_text(0, "/function/echo", "x"), 200, "x");
    expect(post_text(0, "/configuration/scheduler", "{\"name\":\"versioned\"}"), 500, "known:");
    assert_true(wait_until(only_one_instance, NULL, 20));
}

static void test_half_a_file_is_never_loaded(void **state)
{
    static char data[200000];
    char from[160], to[160];
    size_t n;
    FILE *f;

    (void)state;
    snprintf(from, sizeof(from), "%s/random.so", plugins);
    snprintf(to, sizeof(to), "%s/half.so", plugins);
    f = fopen(from, "re");
    n = fread(data, 1, sizeof(data), f);
    fclose(f);
    f = fopen(to, "we");
    assert_int_equal(fwrite(data, 1, n / 2, f), n / 2);
    fclose(f);
    wait_log(0, "half.so");
    expect(post_text(0, "/configuration/scheduler", "{\"name\":\"half\"}"), 500, "half.so");
    unlink(to);
    expect(post_text(0, "/function/echo", "x"), 200, "x");
}

static void test_a_job_ends_under_the_scheduler_that_it_began_with(void **state)
{
    static const char *const slow = "{\"name\":\"PowerOfNSchedulerTau\",\"parameters\":[\"1\","
                                    "\"0\",\"false\",\"1\",\"3s\"]}";
    double before = metric(0, "p2pfaas_decisions_total{action=\"probe\"}");
    struct load *load;
    unsigned wrong;
    char why[256];

    (void)state;
    select_scheduler(0, slow);
    load = load_start(0, 4, "/function/echo", "hello", is_hello);
    wait_metric(0, "p2pfaas_decisions_total{action=\"probe\"}", before + 4, 10);
    select_scheduler(0, "{\"name\":\"local\"}");
    assert_true(metric(0, "p2pfaas_plugin_instances") == 2);
    assert_true(wait_until(only_one_instance, NULL, 20));
    assert_true(load_stop(load, &wrong, why) >= 4);
    assert_int_equal(wrong, 0);
}

static void reload_with(const char *scheduler, const char *functions)
{
    double before = metric(0, "p2pfaas_reloads_total");
    FILE *f = fopen(cluster.config, "we");

    assert_non_null(f);
    fprintf(f, "scheduler: {plugin: %s}\n%s%s", scheduler, fixture_functions, functions);
    fclose(f);
    kill(cluster.node[0].pid, SIGHUP);
    wait_metric(0, "p2pfaas_reloads_total", before + 1, 20);
}

static void reload(const char *scheduler)
{
    reload_with(scheduler, "");
}

static void test_a_reload_selects_only_what_is_new_in_the_file(void **state)
{
    (void)state;
    build_versioned("versioned", 461);
    reload("versioned");
    expect(post_text(0, "/function/echo", "x"), 461, NULL);
    /* What was POSTed stays. */
    select_scheduler(0, "{\"name\":\"local\",\"parameters\":{\"loss\":true}}");
    reload("versioned");
    expect(get(0, "/configuration/scheduler"), 200, "\"loss\":true");
    reload("random");
    expect(get(0, "/configuration/scheduler"), 200, "\"name\":\"random\"");
    /* The scheduler of the file, built again. */
    reload("versioned");
    build_versioned("versioned", 462);
    reload("versioned");
    expect(post_text(0, "/function/echo", "x"), 462, NULL);
    reload("local");
}

/* Threads take a reload over one after the other. */
static bool own_answers(void *status)
{
    struct reply r = post_text(0, "/function/own", "x");
    bool does = r.status == *(const long *)status;

    reply_free(&r);
    return does;
}

static void test_a_reload_takes_what_was_built_again_for_one_function(void **state)
{
    static const char own[] = "  own: {command: [cat], scheduler: versioned}\n";

    (void)state;
    build_versioned("versioned", 471);
    reload_with("local", own);
    assert_true(wait_until(own_answers, &(long){471}, 20));
    build_versioned("versioned", 472);
    reload_with("local", own);
    assert_true(wait_until(own_answers, &(long){472}, 20));
    expect(post_text(0, "/function/echo", "x"), 200, "x");
    /* What was POSTed stays. */
    select_scheduler(0, "{\"function\":\"own\",\"name\":\"local\"}");
    build_versioned("versioned", 473);
    reload_with("local", own);
    assert_true(wait_until(own_answers, &(long){200}, 20));
    expect(get(0, "/configuration/scheduler?function=own"), 200, "\"name\":\"local\"");
    reload("local");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_hundred_swaps_under_load_lose_nothing),
        cmocka_unit_test(test_a_dropped_plugin_can_be_selected_without_a_restart),
        cmocka_unit_test(test_a_rebuilt_plugin_is_the_new_code_after_its_selection),
        cmocka_unit_test(test_a_removed_plugin_goes_on_until_another_is_selected),
        cmocka_unit_test(test_half_a_file_is_never_loaded),
        cmocka_unit_test(test_a_job_ends_under_the_scheduler_that_it_began_with),
        cmocka_unit_test(test_a_reload_selects_only_what_is_new_in_the_file),
        cmocka_unit_test(test_a_reload_takes_what_was_built_again_for_one_function),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
