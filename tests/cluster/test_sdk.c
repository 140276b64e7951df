/* A user's way: install, build a scheduler outside the tree with nothing but the
 * installed SDK, drop it in, select it, call a function. */
#include <curl/curl.h>
#include <libgen.h>
#include <signal.h>
#include <unistd.h>

#include "tests/cluster/fixture.h"

static char prefix[128], work[160];

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *format, ...)
{
    char command[2000];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

/* The installed node with the installed plugins.yaml. */
static int start(void **state)
{
    char variant[256], text[32000], binary[200], err[CLUSTER_ERRLEN], file[200];
    const char *tree = getenv("P2P_TEST_TREE");
    size_t n;
    FILE *f;

    (void)state;
    snprintf(prefix, sizeof(prefix), "/tmp/p2pfaas-sdk.XXXXXX");
    assert_non_null(mkdtemp(prefix));
    snprintf(work, sizeof(work), "%s/elsewhere", prefix);
    snprintf(variant, sizeof(variant), "%s", getenv("P2P_TEST_BIN"));
    run("env -u MAKEFLAGS make -s -C '%s' VARIANT=%s PREFIX=%s/usr install >/dev/null", tree,
        basename(variant), prefix);
    snprintf(file, sizeof(file), "%s/usr/share/p2pfaas/plugins.yaml", prefix);
    f = fopen(file, "re");
    assert_non_null(f);
    n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';
    curl_global_init(CURL_GLOBAL_DEFAULT);
    snprintf(binary, sizeof(binary), "%s/usr/bin/p2pfaas", prefix);
    if (cluster_init(&cluster, binary, 2, text, err) || cluster_start_all(&cluster, NULL, err)) {
        fprintf(stderr, "%s\n", err);
        return -1;
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    run("rm -rf '%s'", prefix);
    return 0;
}

static bool can_be_selected(void *arg)
{
    struct reply r = post_text(0, "/configuration/scheduler", arg);
    bool ok = r.status == 200;

    reply_free(&r);
    return ok;
}

static void test_the_installed_node_serves_its_functions(void **state)
{
    (void)state;
    expect(post_text(0, "/function/echo", "installed"), 200, "installed");
    expect(post_text(0, "/function/wordcount", "a b"), 200, "\"words\":2");
    expect(post_text(0, "/function/burn?ms=1", ""), 200, "turns");
}

static void test_the_template_builds_outside_the_tree_and_serves(void **state)
{
    static char json[] = "{\"name\":\"my_scheduler\",\"parameters\":{\"threshold\":0}}";
    struct reply r;

    (void)state;
    run("cp -r %s/usr/share/p2pfaas/template %s", prefix, work);
    run("cd %s && export PKG_CONFIG_PATH=%s/usr/lib/pkgconfig && "
        "cc -Wall -Wextra -Werror -shared -fPIC $(pkg-config --cflags p2pfaas-plugin) "
        "-o my_scheduler.so my_scheduler.c && "
        "cp my_scheduler.so $(pkg-config --variable=plugindir p2pfaas-plugin)/",
        work, prefix);
    assert_true(wait_until(can_be_selected, json, 20));
    r = post_text(0, "/function/echo", "by my own scheduler");
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "by my own scheduler");
    assert_string_equal(header(&r, "X-P2pfaas-Scheduler"), "my_scheduler(0)");
    assert_string_equal(header(&r, "X-P2pfaas-Externally-Executed"), "True");
    reply_free(&r);
    expect(get(0, "/plugins/my_scheduler"), 200, "jobs running and waiting here");
    select_scheduler(0, "{\"name\":\"my_scheduler\",\"parameters\":{\"threshold\":1}}");
    expect(post_text(0, "/function/echo", "x"), 200, "x");
    assert_true(metric(0, "p2pfaas_scheduler_metric_kept") == 1);
}

static void test_the_template_builds_as_cpp_and_with_its_makefile(void **state)
{
    (void)state;
    run("cd %s && export PKG_CONFIG_PATH=%s/usr/lib/pkgconfig && rm -f my_scheduler.so && "
        "env -u MAKEFLAGS make -s install",
        work, prefix);
    run("cd %s && printf '#include <p2pfaas/plugin.h>\\nstatic p2p_action d(void *, const "
        "p2p_request *) { return p2p_local(); }\\n"
        "static constexpr p2p_scheduler s{sizeof(p2p_scheduler), 0, \"cpp\", \"1\", \"in C++\", "
        "nullptr, nullptr, nullptr, 0, 0, 0, 0, 0, d, nullptr, nullptr, nullptr, nullptr, nullptr, "
        "nullptr, nullptr, nullptr, nullptr, nullptr};\\n"
        "P2P_SCHEDULER_PLUGIN(s);\\n' > cpp.cc && "
        "c++ -std=c++11 -Wall -Wextra -Werror -shared -fPIC -I%s/usr/include -o cpp.so cpp.cc && "
        "cp cpp.so %s/usr/lib/p2pfaas/plugins/",
        work, prefix, prefix);
    assert_true(wait_until(can_be_selected, "{\"name\":\"cpp\"}", 20));
    expect(post_text(0, "/function/echo", "x"), 200, "x");
}

static void test_the_plugin_of_the_readme_builds_and_serves(void **state)
{
    static char json[] = "{\"name\":\"least_sent\",\"parameters\":{\"threshold\":0}}";
    struct reply r;

    (void)state;
    run("cd %s && sed -n '/^```c$/,/^```$/{/^```/d;p}' %s/README.md > least_sent.c && "
        "cc -Wall -Wextra -Werror -shared -fPIC -I%s/usr/include -o least_sent.so least_sent.c && "
        "cp least_sent.so %s/usr/lib/p2pfaas/plugins/",
        work, getenv("P2P_TEST_TREE"), prefix, prefix);
    assert_true(wait_until(can_be_selected, json, 20));
    r = post_text(0, "/function/echo", "x");
    assert_int_equal(r.status, 200);
    assert_string_equal(header(&r, "X-P2pfaas-Externally-Executed"), "True");
    reply_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_installed_node_serves_its_functions),
        cmocka_unit_test(test_the_template_builds_outside_the_tree_and_serves),
        cmocka_unit_test(test_the_template_builds_as_cpp_and_with_its_makefile),
        cmocka_unit_test(test_the_plugin_of_the_readme_builds_and_serves),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
