/* What was deployed stays: over kills, broken files, many clients at once, and changes under
 * load; and what cannot be kept or offered leaves nothing behind. */
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cluster/support_gateway.h"

enum { CLIENTS = 8, EACH = 25, REMOVED = 5 };

static char data_setting[160], functions[160];
static const char *data;
static const char *settings[] = {data_setting, "node.slots=8", "node.queue=200", "node.threads=2",
                                 NULL};

static int begin(void **state)
{
    (void)state;
    fixture_init(1, fixture_functions);
    data = gateway_data(data_setting);
    snprintf(functions, sizeof(functions), "%s/functions", data);
    cluster.settings = settings;
    return 0;
}

static int end(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static int start(void **state)
{
    (void)state;
    start_node(0, NULL);
    return 0;
}

static int stop(void **state)
{
    char command[200];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", data);
    return stop_node(0) && system(command) == 0 ? 0 : -1;
}

static unsigned count(const char *begins)
{
    cJSON *list = cli_json(0, "/system/functions");
    const cJSON *item;
    unsigned n = 0;

    cJSON_ArrayForEach(item, list) n +=
        strncmp(json_text(item, "name"), begins, strlen(begins)) == 0;
    cJSON_Delete(list);
    return n;
}

/* ---- kills ---- */

static void test_what_was_told_is_there_after_a_kill(void **state)
{
    char created[64];
    cJSON *f;

    (void)state;
    assert_int_equal(cli_deploy(0, "POST", "up", "tr a-z A-Z", ""), 202);
    f = cli_json(0, "/system/function/up");
    snprintf(created, sizeof(created), "%s", json_text(f, "createdAt"));
    cJSON_Delete(f);
    for (int i = 0; i < 3; i++) {
        char name[16];

        snprintf(name, sizeof(name), "f%d", i);
        assert_int_equal(cli_deploy(0, "POST", name, "tr a-z A-Z", ""), 202);
        kill_and_start(0, NULL);
        cli_expect(0, "POST", "/function/up.openfaas-fn", "Hello", 200, "HELLO");
        assert_int_equal(count("f"), 2u + (unsigned)i); /* and forked */
        assert_int_equal(cli_deploy(0, "PUT", name, "tr A-Z a-z", ""), 202);
        kill_and_start(0, NULL);
        snprintf(name, sizeof(name), "/function/f%d", i);
        cli_expect(0, "POST", name, "Hello", 200, "hello");
    }
    assert_int_equal(cli_remove(0, "f1"), 202);
    kill_and_start(0, NULL);
    cli_expect(0, "GET", "/system/function/f1", NULL, 404, NULL);
    f = cli_json(0, "/system/function/up");
    assert_string_equal(json_text(f, "createdAt"), created);
    cJSON_Delete(f);
}

/* ---- broken files ---- */

static void test_broken_files_are_kept_aside(void **state)
{
    static const struct {
        const char *name, *text, *why;
    } broken[] = {{"empty.json", "", "it is not JSON"},
                  {"half.json", "{\"service\":\"half\",\"ima", "it is not JSON"},
                  {"list.json", "[]", "createdAt"},
                  {"other.json", "{\"service\":\"up\",\"image\":\"i\",\"createdAt\":\"x\"}",
                   "its service is 'up'"},
                  {"key.json",
                   "{\"service\":\"key\",\"image\":\"i\",\"createdAt\":\"x\",\"imge\":\"\"}",
                   "did you mean 'image'"},
                  {"a b.json", "{\"service\":\"a b\",\"image\":\"i\",\"createdAt\":\"x\"}",
                   "its name is none of a function"}};
    char aside[64], path[256];

    (void)state;
    assert_int_equal(cli_deploy(0, "POST", "up", "tr a-z A-Z", ""), 202);
    stop_node(0);
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        gateway_write_file(functions, broken[i].name, broken[i].text);
    gateway_write_file(functions, "late.json.new", "{\"service\":\"la");
    gateway_write_file(functions, "README", "not ours");
    snprintf(path, sizeof(path), "%s/folder.json", functions);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/loop.json", functions);
    assert_int_equal(symlink("loop.json", path), 0);
    start_node(0, NULL);
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        wait_log(0, broken[i].why);
        snprintf(aside, sizeof(aside), "%s.bad", broken[i].name);
        assert_false(gateway_has_file(functions, broken[i].name));
        assert_true(gateway_has_file(functions, aside));
    }
    /* What cannot be read now may be right. */
    assert_true(gateway_has_file(functions, "folder.json"));
    assert_false(gateway_has_file(functions, "late.json.new"));
    assert_true(gateway_has_file(functions, "README"));
    cli_expect(0, "POST", "/function/up", "x", 200, "X");
    assert_int_equal(cli_deploy(0, "POST", "half", "cat", ""), 202);
}

/* ---- many at once ---- */

struct client {
    pthread_t thread;
    unsigned index, right;
    bool same; /* all deploy one name */
};

static void *deploy(void *arg)
{
    struct client *c = arg;
    char name[32];

    for (unsigned i = 0; i < EACH; i++) {
        if (c->same)
            snprintf(name, sizeof(name), "one");
        else
            snprintf(name, sizeof(name), "many-%u-%u", c->index, i);
        c->right += cli_deploy(0, "POST", name, "tr a-z A-Z", "") == 202;
    }
    return NULL;
}

static void *remove_own(void *arg)
{
    struct client *c = arg;
    char name[32];

    for (unsigned i = 0; i < REMOVED; i++) {
        snprintf(name, sizeof(name), "many-%u-%u", c->index, i);
        c->right += cli_remove(0, name) == 202;
    }
    return NULL;
}

static unsigned all_clients(void *(*work)(void *), bool same)
{
    struct client c[CLIENTS] = {0};
    unsigned right = 0;

    for (unsigned i = 0; i < CLIENTS; i++) {
        c[i].index = i;
        c[i].same = same;
        assert_int_equal(pthread_create(&c[i].thread, NULL, work, &c[i]), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        pthread_join(c[i].thread, NULL);
        right += c[i].right;
    }
    return right;
}

static void test_none_of_many_at_once_is_lost(void **state)
{
    (void)state;
    assert_int_equal(all_clients(deploy, false), CLIENTS * EACH);
    assert_int_equal(count("many-"), CLIENTS * EACH);
    cli_expect(0, "POST", "/function/many-7-24.openfaas-fn", "x", 200, "X");
    kill_and_start(0, NULL);
    assert_int_equal(count("many-"), CLIENTS * EACH);
    assert_int_equal(all_clients(remove_own, false), CLIENTS * REMOVED);
    assert_int_equal(count("many-"), CLIENTS * (EACH - REMOVED));
    assert_int_equal(all_clients(deploy, true), 1);
}

static bool is_upper_or_lower(const struct reply *r)
{
    return r->status == 200 && (strcmp(r->body, "HELLO") == 0 || strcmp(r->body, "hello") == 0);
}

static void test_a_change_under_load_loses_no_call(void **state)
{
    struct load *l;
    unsigned wrong;
    char why[256];

    (void)state;
    assert_int_equal(cli_deploy(0, "POST", "again", "tr a-z A-Z", ""), 202);
    l = load_start(0, 2, "/function/again", "Hello", is_upper_or_lower);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(cli_deploy(0, "PUT", "again", i % 2 ? "tr a-z A-Z" : "tr A-Z a-z", ""),
                         202);
        cli_expect(0, "POST", "/function/again", "Hello", 200, i % 2 ? "HELLO" : "hello");
    }
    assert_true(load_stop(l, &wrong, why) > 0);
    if (wrong)
        fail_msg("%u wrong answers, the first: %s", wrong, why);
}

/* ---- plugins.yaml ---- */

static void test_the_file_comes_before_a_deployment(void **state)
{
    char text[8192];

    (void)state;
    assert_int_equal(cli_deploy(0, "POST", "late", "tr a-z A-Z", ""), 202);
    cli_expect(0, "POST", "/function/late", "x", 200, "X");
    snprintf(text, sizeof(text), "%s  late: {command: [cat]}\n", fixture_functions);
    gateway_write_file(cluster.dir, "plugins.yaml", text);
    kill(cluster.node[0].pid, SIGHUP);
    wait_log(0, "reloaded");
    cli_expect(0, "POST", "/function/late", "x", 200, "x");
    assert_int_equal(cli_deploy(0, "PUT", "late", "cat", ""), 409);
    assert_int_equal(cli_remove(0, "late"), 202);
    assert_int_equal(cli_remove(0, "late"), 409);
    gateway_write_file(cluster.dir, "plugins.yaml", fixture_functions);
}

/* What needs a restart is for functions that come later, too, as it was. */
static void test_a_reload_leaves_docker_as_it_was(void **state)
{
    static const char *const first[] = {"node.threads=1", NULL};
    char text[8192];

    (void)state;
    snprintf(text, sizeof(text), "%sdocker: {socket: /nonexistent/first.sock}\n",
             fixture_functions);
    gateway_write_file(cluster.dir, "plugins.yaml", text);
    start_node(0, first);
    snprintf(text, sizeof(text),
             "%s  late: {runtime: docker, image: i}\ndocker: {socket: /nonexistent/second.sock}\n",
             fixture_functions);
    gateway_write_file(cluster.dir, "plugins.yaml", text);
    kill(cluster.node[0].pid, SIGHUP);
    wait_log(0, "a changed setting needs a restart");
    wait_log(0, "Docker is not there socket=/nonexistent/first.sock");
    cli_expect(0, "POST", "/system/functions", "{\"service\":\"image\",\"image\":\"i\"}", 202, "");
    cli_expect(0, "POST", "/function/image", "x", 503, "/nonexistent/first.sock");
    cli_expect(0, "POST", "/function/late", "x", 503, "/nonexistent/first.sock");
    gateway_write_file(cluster.dir, "plugins.yaml", fixture_functions);
}

static bool is_put(void *body)
{
    struct reply r = cli(0, "PUT", "/system/functions", NULL, body);
    bool is = r.status == 202;

    reply_free(&r);
    return is;
}

static void test_a_scheduler_that_was_not_there_at_the_start(void **state)
{
    static char body[] = "{\"service\":\"own\",\"image\":\"i\",\"annotations\":{"
                         "\"p2pfaas.runtime\":\"process\",\"p2pfaas.command\":\"cat\","
                         "\"p2pfaas.scheduler\":\"reject\"}}";
    char setting[160], there[160], aside[160];
    const char *const more[] = {setting, NULL};

    (void)state;
    snprintf(there, sizeof(there), "%s/reject.so", private_plugins(setting));
    snprintf(aside, sizeof(aside), "%s/reject.so", cluster.dir);
    start_node(0, more);
    cli_expect(0, "POST", "/system/functions", body, 202, "");
    cli_expect(0, "POST", "/function/own", "x", 503, NULL);
    assert_true(stop_node(0));
    assert_int_equal(rename(there, aside), 0);
    start_node(0, more);
    wait_log(0, "scheduler not selected");
    cli_expect(0, "POST", "/function/own", "x", 200, "x");
    cli_expect(0, "PUT", "/system/functions", body, 400, "no scheduler 'reject'");
    assert_int_equal(rename(aside, there), 0);
    assert_true(wait_until(is_put, body, 20));
    cli_expect(0, "POST", "/function/own", "x", 503, NULL);
    /* Another function comes: what was POSTed stays. */
    cli_expect(0, "POST", "/configuration/scheduler?function=own", "{\"name\":\"\"}", 200, NULL);
    assert_int_equal(cli_deploy(0, "POST", "up", "tr a-z A-Z", ""), 202);
    cli_expect(0, "POST", "/function/own", "x", 200, "x");
}

/* ---- what cannot be ---- */

static void test_a_folder_that_cannot_be_read(void **state)
{
    char command[512];

    (void)state;
    assert_int_equal(mkdir(data, 0700), 0);
    gateway_write_file(data, "functions", "in the way");
    snprintf(command, sizeof(command),
             "%s/p2pfaas --config '%s/plugins.yaml' --set %s --set node.listen=127.0.0.9 2>&1 | "
             "grep -q '/functions: Not a directory'",
             getenv("P2P_TEST_BIN"), cluster.dir, data_setting);
    assert_int_equal(system(command), 0);
    assert_int_equal(unlink(functions), 0);
    start_node(0, NULL);
}

static void test_its_folder_is_made_and_is_its_own(void **state)
{
    static const char form[] = "%s/p2pfaas --config '%s/plugins.yaml' --set node.data_dir='%s%s' "
                               "--set node.listen=127.0.0.9 2>&1 | grep -q '%s'";
    static const char *const cases[][2] = {
        {"", "node.data_dir: another node has "},
        {"/no/such", "node.data_dir: cannot make .*/no/such: No such file or directory; allowed"}};
    char command[512];
    struct stat made;

    (void)state;
    assert_int_equal(stat(data, &made), 0);
    assert_int_equal(made.st_mode & 0777, 0700);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(command, sizeof(command), form, getenv("P2P_TEST_BIN"), cluster.dir, data,
                 cases[i][0], cases[i][1]);
        assert_int_equal(system(command), 0);
    }
}

static void test_a_file_that_cannot_be_written(void **state)
{
    (void)state;
    gateway_write_file(data, "functions", "in the way");
    cli_expect(0, "POST", "/system/functions", "{\"service\":\"up\",\"image\":\"i\"}", 500,
               "functions/up.json");
    cli_expect(0, "GET", "/system/function/up", NULL, 404, NULL);
    assert_int_equal(unlink(functions), 0);
    cli_expect(0, "POST", "/system/functions", "{\"service\":\"up\",\"image\":\"i\"}", 202, "");
}

/* Each of its bytes becomes six in JSON. */
static void test_what_could_not_be_read_again_is_refused(void **state)
{
    static const char form[] = "{\"service\":\"big\",\"image\":\"i\",\"labels\":{\"a\":\"%s\"}}";
    char *text = calloc(1, 128 << 10), *body = malloc(128 << 10);

    (void)state;
    assert_true(text && body);
    memset(text, 1, 120 << 10);
    snprintf(body, 128 << 10, form, text);
    cli_expect(0, "POST", "/system/functions", body, 400, "bytes of JSON; allowed: ");
    assert_false(gateway_has_file(functions, "big.json"));
    text[80 << 10] = '\0';
    snprintf(body, 128 << 10, form, text);
    cli_expect(0, "POST", "/system/functions", body, 202, "");
    kill_and_start(0, NULL);
    cli_expect(0, "GET", "/system/function/big", NULL, 200, "\"big\"");
    free(text);
    free(body);
}

/* Names have numbers for as long as the node runs, and these are used up. */
static void test_what_cannot_be_offered_is_taken_back(void **state)
{
    static const char *const refused[] = {"none", "learning",
                                          "{plugin: random, parameters: {max_hops: many}}"};
    static const char form[] = "{\"service\":\"refused%zu\",\"image\":\"i\",\"annotations\":"
                               "{\"p2pfaas.scheduler\":\"%s\"}}";
    char body[256];
    char *text = malloc(64 << 10);
    size_t n = 0;

    (void)state;
    assert_non_null(text);
    n += (size_t)snprintf(text, 64 << 10, "functions:\n");
    for (int i = 0; i < 1021; i++)
        n += (size_t)snprintf(text + n, (64 << 10) - n, "  f%d: {command: [cat]}\n", i);
    gateway_write_file(cluster.dir, "plugins.yaml", text);
    free(text);
    start_node(0, NULL);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) { /* they take no number */
        snprintf(body, sizeof(body), form, i, refused[i]);
        cli_expect(0, "POST", "/system/functions", body, 400, "scheduler");
    }
    assert_int_equal(cli_deploy(0, "POST", "a", "tr a-z A-Z", ""), 202);
    assert_int_equal(cli_deploy(0, "POST", "b", "cat", ""), 202);
    cli_expect(0, "POST", "/system/functions", "{\"service\":\"c\",\"image\":\"i\"}", 500,
               "names since the node started");
    assert_false(gateway_has_file(functions, "c.json"));
    assert_true(gateway_has_file(functions, "b.json"));
    assert_int_equal(cli_remove(0, "b"), 202);
    cli_expect(0, "POST", "/function/a", "x", 200, "X");
    gateway_write_file(cluster.dir, "plugins.yaml", fixture_functions);
}

static void test_without_a_folder_all_ends_with_the_node(void **state)
{
    static const char *const none[] = {"node.data_dir=", NULL};

    (void)state;
    start_node(0, none);
    assert_int_equal(cli_deploy(0, "POST", "up", "tr a-z A-Z", ""), 202);
    assert_int_equal(cli_deploy(0, "POST", "up2", "tr a-z A-Z", ""), 202);
    assert_true(log_has(0, "deployed functions live until the stop"));
    cli_expect(0, "POST", "/function/up2", "x", 200, "X");
    cli_expect(0, "POST", "/system/secrets", "{\"name\":\"a\",\"value\":\"b\"}", 501,
               "node.data_dir");
    cli_expect(0, "GET", "/system/secrets", NULL, 200, "[]");
    assert_int_equal(cli_deploy(0, "POST", "up3", "cat", ",\"secrets\":[\"a\"]"), 400);
    stop_node(0);
    start_node(0, none);
    cli_expect(0, "GET", "/system/function/up", NULL, 404, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_told_is_there_after_a_kill, start, stop),
        cmocka_unit_test_setup_teardown(test_broken_files_are_kept_aside, start, stop),
        cmocka_unit_test_setup_teardown(test_none_of_many_at_once_is_lost, start, stop),
        cmocka_unit_test_setup_teardown(test_a_change_under_load_loses_no_call, start, stop),
        cmocka_unit_test_setup_teardown(test_the_file_comes_before_a_deployment, start, stop),
        cmocka_unit_test_teardown(test_a_reload_leaves_docker_as_it_was, stop),
        cmocka_unit_test_setup_teardown(test_its_folder_is_made_and_is_its_own, start, stop),
        cmocka_unit_test_setup_teardown(test_a_file_that_cannot_be_written, start, stop),
        cmocka_unit_test_setup_teardown(test_what_could_not_be_read_again_is_refused, start, stop),
        cmocka_unit_test_teardown(test_a_scheduler_that_was_not_there_at_the_start, stop),
        cmocka_unit_test_teardown(test_a_folder_that_cannot_be_read, stop),
        cmocka_unit_test_teardown(test_what_cannot_be_offered_is_taken_back, stop),
        cmocka_unit_test_teardown(test_without_a_folder_all_ends_with_the_node, stop),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
