/* What is said to the Docker Engine API and what is understood of it, recorded from 20.10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/runtimes/docker_json.h"

#define ID "8f2b3e7080b71bc7379ea91c25a53f5206e836a8a1157b53788620f4a1adb6f1"

static const struct docker_config docker = {.node = "n1"};
static char *command[] = {"serve", "--fast", NULL}, *environment[] = {"A=b", NULL};
static struct function_config function;

static int setup(void **state)
{
    (void)state;
    function = (struct function_config){.name = "f",
                                        .image = "team/resize:2",
                                        .network = "",
                                        .port = 8080,
                                        .pids = 1024,
                                        .read_only = true,
                                        .docker = &docker};
    return 0;
}

static void writes(const char *expected)
{
    cJSON *body = docker_create_body(&function, "12ab");
    char *text = cJSON_PrintUnformatted(body);

    assert_string_equal(text, expected);
    cJSON_free(text);
    cJSON_Delete(body);
}

static void container_is_made_with_the_least(void **state)
{
    (void)state;
    writes("{\"Image\":\"team/resize:2\",\"Env\":[\"PORT=8080\",\"FUNCTION_NAME=f\"],"
           "\"HostConfig\":{\"PortBindings\":{\"8080/tcp\":[{\"HostIp\":\"127.0.0.1\","
           "\"HostPort\":\"\"}]},\"PidsLimit\":1024,\"CapDrop\":[\"ALL\"],\"SecurityOpt\":"
           "[\"no-new-privileges\"],\"ReadonlyRootfs\":true,\"Tmpfs\":{\"/tmp\":\"\"}},"
           "\"ExposedPorts\":{\"8080/tcp\":{}},\"Labels\":{\"p2pfaas.node\":\"n1\","
           "\"p2pfaas.function\":\"f\",\"p2pfaas.settings\":\"12ab\"}}");
}

static void container_gets_what_is_configured(void **state)
{
    (void)state;
    function.command = command;
    function.environment = environment;
    function.memory = 64 << 20;
    function.cpu = 0.5;
    function.network = "inner";
    function.read_only = false;
    function.port = 80;
    writes("{\"Image\":\"team/resize:2\",\"Cmd\":[\"serve\",\"--fast\"],\"Env\":[\"PORT=80\","
           "\"FUNCTION_NAME=f\",\"A=b\"],\"HostConfig\":{\"PortBindings\":{\"80/tcp\":[{"
           "\"HostIp\":\"127.0.0.1\",\"HostPort\":\"\"}]},\"Memory\":67108864,\"MemorySwap\":"
           "67108864,\"NanoCpus\":500000000,\"PidsLimit\":1024,\"CapDrop\":[\"ALL\"],"
           "\"SecurityOpt\":[\"no-new-privileges\"],\"NetworkMode\":\"inner\"},\"ExposedPorts\":{"
           "\"80/tcp\":{}},\"Labels\":{\"p2pfaas.node\":\"n1\",\"p2pfaas.function\":\"f\","
           "\"p2pfaas.settings\":\"12ab\"}}");
}

static void container_gets_its_secrets(void **state)
{
    static char *secrets[] = {"/data/secrets/key", NULL};
    char before[SETTINGS_HASH], after[SETTINGS_HASH], *text;
    cJSON *body;

    (void)state;
    assert_int_equal(docker_hash(&function, before), 0);
    function.secrets = secrets;
    assert_int_equal(docker_hash(&function, after), 0);
    assert_string_not_equal(before, after);
    body = docker_create_body(&function, after);
    text = cJSON_PrintUnformatted(
        cJSON_GetObjectItem(cJSON_GetObjectItem(body, "HostConfig"), "Mounts"));
    assert_string_equal(text, "[{\"Type\":\"bind\",\"Source\":\"/data/secrets/key\",\"Target\":"
                              "\"/var/openfaas/secrets/key\",\"ReadOnly\":true}]");
    cJSON_free(text);
    cJSON_Delete(body);
}

static void hash_changes_with_what_a_container_is_made_of(void **state)
{
    char before[SETTINGS_HASH], after[SETTINGS_HASH];

    (void)state;
    assert_int_equal(docker_hash(&function, before), 0);
    function.replicas_max = 7;
    function.timeout = 1;
    assert_int_equal(docker_hash(&function, after), 0);
    assert_string_equal(before, after);
    function.memory = 64 << 20;
    assert_int_equal(docker_hash(&function, after), 0);
    assert_string_not_equal(before, after);
}

static void listed_container_is_read(void **state)
{
    static const char *const strangers[] = {"{}",
                                            "[]",
                                            "7",
                                            "null",
                                            "{\"Id\":7}",
                                            "{\"Id\":\"\"}",
                                            "{\"Id\":\"../../images\"}",
                                            "{\"Id\":\"" ID ID "\"}"};
    struct docker_container c;
    cJSON *json = cJSON_Parse("{\"Id\":\"" ID "\",\"Names\":[\"/a\"],\"State\":\"running\","
                              "\"Labels\":{\"p2pfaas.function\":\"f\",\"p2pfaas.node\":\"n1\","
                              "\"p2pfaas.settings\":\"12ab\"}}");

    (void)state;
    assert_true(docker_read_listed(json, &c));
    assert_string_equal(c.id, ID);
    assert_string_equal(c.function, "f");
    assert_string_equal(c.hash, "12ab");
    assert_true(c.running);
    cJSON_Delete(json);
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        json = cJSON_Parse(strangers[i]);
        assert_false(docker_read_listed(json, &c));
        cJSON_Delete(json);
    }
}

static struct docker_state state_of(const char *text)
{
    struct docker_state s;
    cJSON *json = cJSON_Parse(text);

    docker_read_state(json, 8080, &s);
    cJSON_Delete(json);
    return s;
}

static void state_of_a_container_is_read(void **state)
{
    struct docker_state s;

    (void)state;
    s = state_of("{\"State\":{\"Status\":\"running\",\"Running\":true,\"OOMKilled\":false,"
                 "\"ExitCode\":0},\"NetworkSettings\":{\"Ports\":{\"8080/tcp\":[{\"HostIp\":"
                 "\"127.0.0.1\",\"HostPort\":\"32771\"}],\"9/tcp\":null}}}");
    assert_true(s.running);
    assert_int_equal(s.port, 32771);
    s = state_of("{\"State\":{\"Running\":false,\"OOMKilled\":true,\"ExitCode\":137},"
                 "\"NetworkSettings\":{\"Ports\":{}}}");
    assert_false(s.running);
    assert_true(s.oom_killed);
    assert_int_equal(s.exit_code, 137);
    assert_int_equal(s.port, 0);
    s = state_of("{\"State\":{\"Running\":1,\"ExitCode\":1e99},\"NetworkSettings\":{\"Ports\":{"
                 "\"8080/tcp\":[{\"HostPort\":\"99999\"}]}}}");
    assert_false(s.running);
    assert_int_equal(s.exit_code, 0);
    assert_int_equal(s.port, 0);
    s = state_of("[]");
    assert_int_equal(s.port, 0);
}

static void event_is_read(void **state)
{
    static const struct {
        const char *text;
        enum docker_event_kind kind;
    } table[] = {{"{\"status\":\"die\",\"id\":\"" ID "\",\"Type\":\"container\",\"Action\":\"die\","
                  "\"Actor\":{\"ID\":\"" ID "\",\"Attributes\":{\"exitCode\":\"3\"}},\"time\":1}",
                  DOCKER_EVENT_DIE},
                 {"{\"Action\":\"destroy\",\"Actor\":{\"ID\":\"" ID "\"}}", DOCKER_EVENT_DESTROY},
                 {"{\"Action\":\"start\",\"Actor\":{\"ID\":\"" ID "\"}}", DOCKER_EVENT_OTHER},
                 {"{\"Action\":\"die\",\"Actor\":{\"ID\":\"x/y\"}}", DOCKER_EVENT_OTHER},
                 {"{\"Action\":\"die\"}", DOCKER_EVENT_OTHER},
                 {"{\"Action\":7,\"Actor\":7}", DOCKER_EVENT_OTHER}};
    struct docker_event e;

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        cJSON *json = cJSON_Parse(table[i].text);

        docker_read_event(json, &e);
        assert_int_equal(e.kind, table[i].kind);
        if (e.kind != DOCKER_EVENT_OTHER)
            assert_string_equal(e.id, ID);
        cJSON_Delete(json);
    }
}

static void text_is_escaped_for_a_url(void **state)
{
    char out[16], all[200];

    (void)state;
    assert_true(docker_escape(out, sizeof(out), "a/b:1"));
    assert_string_equal(out, "a%2Fb%3A1");
    assert_true(docker_escape(out, sizeof(out), "\xff"));
    assert_string_equal(out, "%FF");
    assert_false(docker_escape(out, sizeof(out), "/////////"));
    assert_true(docker_filters(all, sizeof(all), "n\"1", false));
    assert_string_equal(all, "%7B%22label%22%3A%5B%22p2pfaas.node%3Dn%5C%221%22%5D%7D");
    assert_false(docker_filters(out, sizeof(out), "n1", true));
}

/* ---- streams ---- */

static char seen[256];

static void note(void *ctx, const cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);
    size_t at = strlen(seen);

    assert_ptr_equal(ctx, seen);
    snprintf(seen + at, sizeof(seen) - at, "%s;", text);
    cJSON_free(text);
}

static int feed(const char *text, size_t cut)
{
    struct docker_lines l;
    size_t n = strlen(text);
    int rc;

    seen[0] = '\0';
    docker_lines_init(&l, note, seen);
    rc = docker_lines_feed(&l, text, cut) || docker_lines_feed(&l, text + cut, n - cut);
    docker_lines_release(&l);
    return rc;
}

static void stream_means_the_same_wherever_it_is_cut(void **state)
{
    static const char text[] = "{\"a\":1}\r\n\n{\"b\":[2]}\n \n{\"c\":\"\\n\"}\n{\"half\":";

    (void)state;
    for (size_t cut = 0; cut < sizeof(text); cut++) {
        assert_int_equal(feed(text, cut), 0);
        assert_string_equal(seen, "{\"a\":1};{\"b\":[2]};{\"c\":\"\\n\"};");
    }
}

static void stream_that_is_no_json_or_too_long_ends(void **state)
{
    static char line[DOCKER_LINE + 2];

    (void)state;
    assert_int_not_equal(feed("{\"a\":1}\nwhat?\n{\"b\":2}\n", 0), 0);
    assert_string_equal(seen, "{\"a\":1};");
    memset(line, ' ', sizeof(line) - 1);
    assert_int_not_equal(feed(line, 7), 0);
    line[DOCKER_LINE] = '\0';
    assert_int_equal(feed(line, 7), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(container_is_made_with_the_least, setup),
        cmocka_unit_test_setup(container_gets_what_is_configured, setup),
        cmocka_unit_test_setup(container_gets_its_secrets, setup),
        cmocka_unit_test_setup(hash_changes_with_what_a_container_is_made_of, setup),
        cmocka_unit_test(listed_container_is_read),
        cmocka_unit_test(state_of_a_container_is_read),
        cmocka_unit_test(event_is_read),
        cmocka_unit_test(text_is_escaped_for_a_url),
        cmocka_unit_test(stream_means_the_same_wherever_it_is_cut),
        cmocka_unit_test(stream_that_is_no_json_or_too_long_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
