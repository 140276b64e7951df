/* An image deployed as faas-cli does it, at a node with a real Docker daemon. */
#include "tests/cluster/support_docker.h"
#include "tests/cluster/support_gateway.h"

static char data_setting[160];
static const char *settings[] = {"node.slots=16",        "discovery.source=none",
                                 "node.id=gateway-test", docker_socket,
                                 data_setting,           NULL};

static int begin(void **state)
{
    (void)state;
    fixture_init(1, fixture_functions);
    gateway_data(data_setting);
    docker_node(settings, "p2pfaas-test:1");
    return 0;
}

static const char *inspect(const char *what)
{
    return shell("docker inspect -f '{{%s}}' $(docker ps -q --filter "
                 "label=p2pfaas.function=deployed)",
                 what);
}

static void is_as_deployed(void)
{
    cli_expect(0, "POST", "/function/deployed.openfaas-fn", "hello", 200, "hello");
    cli_expect(0, "GET", "/function/deployed/env?fprocess", NULL, 200, "./run");
    cli_expect(0, "GET", "/function/deployed/env?COLOUR", NULL, 200, "blue");
    cli_expect(0, "GET", "/function/deployed/file?/var/openfaas/secrets/key", NULL, 200,
               "open sesame");
}

static bool has_no_container(void *arg)
{
    (void)arg;
    return !shell("docker ps -aq --filter label=p2pfaas.function=deployed")[0];
}

static void deployed_image_has_its_settings_and_secrets(void **state)
{
    cJSON *f;

    (void)state;
    need_docker();
    cli_expect(0, "POST", "/system/secrets", "{\"name\":\"key\",\"value\":\"open sesame\"}", 200,
               "");
    cli_expect(0, "POST", "/system/functions",
               "{\"service\":\"deployed\",\"image\":\"p2pfaas-test:1\",\"envProcess\":\"./run\","
               "\"envVars\":{\"COLOUR\":\"blue\"},\"secrets\":[\"key\"],\"labels\":{"
               "\"com.openfaas.scale.max\":\"2\"},\"annotations\":{\"p2pfaas.idle_timeout\":"
               "\"10m\"},\"limits\":{\"memory\":\"64Mi\",\"cpu\":\"500m\"}}",
               202, "");
    is_as_deployed();
    assert_string_equal(inspect(".HostConfig.Memory"), "67108864\n");
    assert_string_equal(inspect(".HostConfig.NanoCpus"), "500000000\n");
    assert_string_equal(inspect(".HostConfig.ReadonlyRootfs"), "false\n");
    cli_expect(0, "GET", "/function/deployed/write", NULL, 200, "root yes");
    f = cli_json(0, "/system/function/deployed?usage=1");
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(f, "availableReplicas")) == 1);
    cJSON_Delete(f);
}

/* Containers have users of their own; this one may read a file and nothing else. */
static void another_user_reads_the_secret(void **state)
{
    (void)state;
    need_docker();
    shell("tar -C %s/tests/cluster/images -c function | docker import --change 'ENTRYPOINT "
          "[\"/function\"]' --change 'USER 1234' - p2pfaas-test:user",
          getenv("P2P_TEST_BIN"));
    cli_expect(0, "PUT", "/system/functions",
               "{\"service\":\"deployed\",\"image\":\"p2pfaas-test:user\",\"envProcess\":\"./run\","
               "\"envVars\":{\"COLOUR\":\"blue\"},\"secrets\":[\"key\"],"
               "\"readOnlyRootFilesystem\":true}",
               202, "");
    is_as_deployed();
    assert_string_equal(inspect(".Config.User"), "1234\n");
    assert_string_equal(inspect(".HostConfig.ReadonlyRootfs"), "true\n");
    cli_expect(0, "GET", "/function/deployed/write", NULL, 200, "root no");
}

static bool is_available(void *arg)
{
    cJSON *f = cli_json(0, "/system/function/again");
    bool is = cJSON_GetNumberValue(cJSON_GetObjectItem(f, "availableReplicas")) == 1;

    (void)arg;
    cJSON_Delete(f);
    return is;
}

static bool has_one_container(void *arg)
{
    (void)arg;
    return strcmp(shell("docker ps -q --filter label=p2pfaas.function=again | wc -l"), "1\n") == 0;
}

static const char *again_containers(void)
{
    assert_true(wait_until(has_one_container, NULL, PATIENCE));
    return shell("docker ps -q --filter label=p2pfaas.function=again");
}

static void import(const char *colour)
{
    shell("tar -C %s/tests/cluster/images -c function | docker import --change 'ENTRYPOINT "
          "[\"/function\"]' --change 'ENV HUE=%s' - p2pfaas-test:latest",
          getenv("P2P_TEST_BIN"), colour);
}

/* `faas-cli up`, after a build under the same name. */
static void what_is_built_again_is_what_runs_after_a_put(void **state)
{
    static const char body[] = "{\"service\":\"again\",\"image\":\"p2pfaas-test:latest\"}";
    char before[128];

    (void)state;
    need_docker();
    import("red");
    cli_expect(0, "POST", "/system/functions", body, 202, "");
    assert_true(wait_until(is_available, NULL, PATIENCE)); /* before it is called */
    cli_expect(0, "GET", "/function/again/env?HUE", NULL, 200, "red");
    import("green");
    cli_expect(0, "GET", "/function/again/env?HUE", NULL, 200, "red");
    cli_expect(0, "PUT", "/system/functions", body, 202, "");
    cli_expect(0, "GET", "/function/again/env?HUE", NULL, 200, "green");
    cli_expect(0, "POST", "/system/scale-function/again", "{\"replicas\":1}", 202, "");
    snprintf(before, sizeof(before), "%s", again_containers());
    assert_true(before[0]);
    /* Without a PUT it is the same container after a restart. */
    kill_and_start(0, NULL);
    cli_expect(0, "GET", "/function/again/env?HUE", NULL, 200, "green");
    assert_string_equal(again_containers(), before);
    assert_int_equal(cli_remove(0, "again"), 202);
}

static void restart_and_removal(void **state)
{
    (void)state;
    need_docker();
    kill_and_start(0, NULL);
    is_as_deployed();
    assert_int_equal(cli_remove(0, "deployed"), 202);
    assert_true(wait_until(has_no_container, NULL, PATIENCE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deployed_image_has_its_settings_and_secrets),
        cmocka_unit_test(another_user_reads_the_secret),
        cmocka_unit_test(restart_and_removal),
        cmocka_unit_test(what_is_built_again_is_what_runs_after_a_put),
    };

    return cmocka_run_group_tests(tests, begin, docker_end);
}
