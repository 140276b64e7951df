/* What OpenFaaS deploys, read strictly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/deployment.h"

static const struct docker_config docker = {
    .socket = "/run/d.sock", .pull = PULL_NEVER, .pull_timeout = 5000000000, .node = "n1"};
static const struct deployment_place place = {"openfaas-fn", "/data/secrets", &docker};

static struct shared_config *parse(const char *json, char err[P2P_ERRLEN])
{
    cJSON *parsed = cJSON_Parse(json);
    struct shared_config *c;

    if (!parsed)
        fail_msg("%s is not JSON", json);
    c = deployment_new(parsed, &place, err);
    cJSON_Delete(parsed);
    return c;
}

static const struct function_config *taken(struct shared_config **c, const char *json)
{
    char err[P2P_ERRLEN];

    *c = parse(json, err);
    if (!*c)
        fail_msg("%s: %s", json, err);
    assert_int_equal((*c)->config.n_functions, 1);
    return &(*c)->config.function[0];
}

static void refuses(const char *json, const char *part)
{
    char err[P2P_ERRLEN] = "";
    struct shared_config *c = parse(json, err);

    if (c || !strstr(err, part))
        fail_msg("%s: wanted \"%s\", got \"%s\"", json, part, c ? "taken" : err);
}

static void test_fields_that_clients_always_send_are_taken_and_not_used(void **state)
{
    struct shared_config *c;

    (void)state;
    taken(&c, "{\"service\":\"a\",\"image\":\"team/a\",\"envVars\":{\"A\":\"b\"},\"labels\":"
              "{\"com.openfaas.scale.max\":\"5\"},\"limits\":{\"memory\":\"128Mi\",\"cpu\":\"1\"},"
              "\"annotations\":{\"p2pfaas.url\":\"http://a/\",\"p2pfaas.runtime\":\"http\"}}");
    shared_config_unref(c);
    refuses("{\"service\":\"a\",\"image\":\"tr\",\"annotations\":{\"p2pfaas.warm\":\"1\","
            "\"p2pfaas.runtime\":\"process\",\"p2pfaas.command\":\"tr a b\"}}",
            "functions.a.warm: means nothing with mode: fork; allowed with runtime: docker");
}

static void test_everything_of_an_image(void **state)
{
    struct shared_config *c;
    const struct function_config *f;

    (void)state;
    f = taken(&c,
              "{\"service\":\"resize\",\"image\":\"team/resize:2\",\"namespace\":\"openfaas-fn\","
              "\"envProcess\":\"./run\",\"envVars\":{\"A\":\"${BIN} b=c\"},"
              "\"constraints\":[\"node.role == worker\"],\"secrets\":[\"key\"],"
              "\"labels\":{\"com.openfaas.scale.min\":\"1\",\"com.openfaas.scale.max\":\"5\","
              "\"team\":\"a\"},\"annotations\":{\"topic\":\"t\",\"p2pfaas.timeout\":\"2s\","
              "\"com.openfaas.retry.attempts\":\"3\",\"com.openfaas.retry.codes\":\"429,418\","
              "\"com.openfaas.retry.min_wait\":\"5s\",\"com.openfaas.retry.max_wait\":\"1m\","
              "\"com.openfaas.retry.else\":\"kept\"},"
              "\"limits\":{\"memory\":\"128Mi\",\"cpu\":\"500m\"},\"requests\":{\"memory\":"
              "\"1Mi\"},\"readOnlyRootFilesystem\":true,\"registryAuth\":\"\",\"network\":\"\"}");
    assert_string_equal(f->name, "resize");
    assert_int_equal(f->runtime, FUNCTION_DOCKER);
    assert_string_equal(f->image, "team/resize:2");
    assert_string_equal(f->environment[0], "A=${BIN} b=c");
    assert_string_equal(f->environment[1], "fprocess=./run");
    assert_null(f->environment[2]);
    assert_string_equal(f->secrets[0], "/data/secrets/key");
    assert_null(f->secrets[1]);
    assert_int_equal(f->replicas_min, 1);
    assert_int_equal(f->replicas_max, 5);
    assert_int_equal(f->timeout, 2000000000);
    assert_int_equal(f->retry_attempts, 3);
    assert_string_equal(f->retry_codes, "429,418");
    assert_int_equal(f->retry_min_wait, 5000000000);
    assert_int_equal(f->retry_max_wait, 60000000000);
    assert_int_equal(f->memory, 128 << 20);
    assert_true(f->cpu == 0.5);
    assert_true(f->read_only);
    assert_string_equal(f->docker->socket, "/run/d.sock");
    assert_string_equal(f->docker->node, "n1");
    assert_int_equal(f->docker->pull, PULL_NEVER);
    assert_int_equal(f->docker->pull_timeout, 5000000000);
    assert_null(cJSON_GetObjectItem(c->deployment, "namespace"));
    assert_non_null(cJSON_GetObjectItem(c->deployment, "envVars"));
    shared_config_unref(c);
}

static void test_what_clients_leave_empty(void **state)
{
    struct shared_config *c;
    const struct function_config *f;

    (void)state;
    f = taken(&c,
              "{\"service\":\"a.b_C-9\",\"image\":\"i\",\"namespace\":\"\",\"envProcess\":\"\","
              "\"envVars\":null,\"constraints\":null,\"secrets\":null,\"labels\":null,"
              "\"annotations\":null,\"limits\":{\"memory\":\"\",\"cpu\":\"\",\"nvidia.com/gpu\":"
              "\"\"},\"requests\":null,\"readOnlyRootFilesystem\":null}");
    assert_null(f->environment);
    assert_null(f->secrets);
    assert_false(f->read_only); /* as there, where nothing said means that it can be written */
    assert_int_equal(f->memory, 0);
    assert_int_equal(f->replicas_min, 1);
    assert_int_equal(f->replicas_max, 5);
    shared_config_unref(c);
    f = taken(&c,
              "{\"service\":\"f\",\"image\":\"i\",\"labels\":{\"com.openfaas.scale.min\":\"3\"}}");
    assert_int_equal(f->replicas_max, 5);
    shared_config_unref(c);
}

static void has_replicas(const char *json, int64_t least, int64_t most)
{
    struct shared_config *c;
    const struct function_config *f = taken(&c, json);

    if (f->replicas_min != least || f->replicas_max != most)
        fail_msg("%s: %d to %d", json, (int)f->replicas_min, (int)f->replicas_max);
    shared_config_unref(c);
}

#define LABELS(rest) "{\"service\":\"f\",\"image\":\"i\",\"labels\":{" rest "}}"
#define LEAST "\"com.openfaas.scale.min\":"
#define MOST "\"com.openfaas.scale.max\":"

static void test_replicas(void **state)
{
    (void)state;
    has_replicas(LABELS(""), 1, 5);
    has_replicas(LABELS(LEAST "\"0\""), 0, 5);
    has_replicas(LABELS(LEAST "\"8\""), 8, 8);
    has_replicas(LABELS(MOST "\"3\""), 1, 3);
    has_replicas(LABELS(LEAST "\"2\"," MOST "\"20\""), 2, 20);
    has_replicas(LABELS(MOST "\"100\""), 1, DOCKER_MOST_REPLICAS);
    has_replicas(LABELS(LEAST "\"99999999999999999999\""), DOCKER_MOST_REPLICAS,
                 DOCKER_MOST_REPLICAS);
    has_replicas("{\"service\":\"f\",\"image\":\"i\",\"annotations\":{\"p2pfaas.replicas_min\":"
                 "\"0\",\"p2pfaas.replicas_max\":\"1\"}}",
                 0, 1);
    has_replicas("{\"service\":\"f\",\"image\":\"i\",\"annotations\":{\"p2pfaas.replicas_min\":"
                 "\"7\"}}",
                 7, 7);
    /* What a gateway has when nothing is said is its own. */
    has_replicas("{\"service\":\"f\",\"image\":\"i\",\"annotations\":{\"p2pfaas.runtime\":"
                 "\"openfaas\"}}",
                 0, 1);
}

static void test_any_key_by_annotation(void **state)
{
    struct shared_config *c;
    const struct function_config *f;

    (void)state;
    f = taken(&c, "{\"service\":\"up\",\"image\":\"any text\",\"secrets\":[\"a\",\"b\"],"
                  "\"annotations\":{\"p2pfaas.runtime\":\"process\",\"p2pfaas.command\":"
                  "\" tr  a-z\\tA-Z \",\"p2pfaas.idempotent\":\"true\",\"p2pfaas.output\":\"64KB\","
                  "\"p2pfaas.origin\":\"gateway\",\"p2pfaas.error\":\"…\"}}");
    assert_int_equal(f->runtime, FUNCTION_PROCESS);
    assert_string_equal(f->command[0], "tr");
    assert_string_equal(f->command[1], "a-z");
    assert_string_equal(f->command[2], "A-Z");
    assert_null(f->command[3]);
    assert_true(f->idempotent);
    assert_int_equal(f->output, 64 << 10);
    assert_string_equal(f->environment[0], "P2PFAAS_SECRETS=/data/secrets");
    shared_config_unref(c);
}

#define WITH(rest) "{\"service\":\"f\",\"image\":\"i\"," rest "}"

static void test_what_is_wrong_is_told(void **state)
{
    (void)state;
    refuses("[]", "a deployment is an object");
    refuses("7", "a deployment is an object");
    refuses("null", "a deployment is an object");
    refuses("{}", "service: ''");
    refuses("{\"service\":7}", "service is no text");
    refuses("{\"service\":\"a/b\",\"image\":\"i\"}", "is no name of a function");
    refuses("{\"service\":\"..\",\"image\":\"i\"}", "is no name of a function");
    refuses("{\"service\":\"f\"}", "is no name of an image");
    refuses("{\"service\":\"f\",\"image\":\"a b\"}", "is no name of an image");
    refuses("{\"service\":\"f\",\"image\":{}}", "image is no text");
    refuses("{\"service\":\"f\",\"service\":\"g\",\"image\":\"i\"}", "service is there twice");
    refuses(WITH("\"namespace\":\"dev\""), "allowed: openfaas-fn, or none");
    refuses(WITH("\"imge\":\"i\""), "did you mean 'image'");
    refuses(WITH("\"Service\":\"i\""), "Service: unknown");
    refuses(WITH("\"createdAt\":\"now\""), "createdAt: unknown");
    refuses(WITH("\"envVars\":[]"), "envVars is no object of texts");
    refuses(WITH("\"envVars\":{\"A\":1}"), "envVars.A is no text");
    refuses(WITH("\"envVars\":{\"A=B\":\"1\"}"), "'A=B' is no name of a variable");
    refuses(WITH("\"envVars\":{\"\":\"1\"}"), "'' is no name of a variable");
    refuses(WITH("\"envVars\":{\"PORT\":\"1\"}"), "environment.PORT");
    refuses(WITH("\"annotations\":{\"com.openfaas.retry.attempts\":\"many\"}"),
            "com.openfaas.retry.attempts: retry_attempts: 'many'");
    refuses(WITH("\"annotations\":{\"com.openfaas.retry.codes\":\"a\"}"),
            "retry_codes: 'a' is no list of HTTP statuses");
    refuses(WITH("\"labels\":\"a\""), "labels is no object of texts");
    refuses(WITH("\"labels\":{\"com.openfaas.scale.min\":\"many\"}"),
            "com.openfaas.scale.min: replicas_min: 'many'");
    refuses(WITH("\"labels\":{\"com.openfaas.scale.min\":\"5\",\"com.openfaas.scale.max\":\"2\"}"),
            "5 is more than replicas_max");
    refuses(WITH("\"annotations\":{\"p2pfaas.timeouts\":\"1s\"}"),
            "annotations p2pfaas.timeouts: unknown; did you mean 'timeout'");
    refuses(WITH("\"annotations\":{\"p2pfaas.timeout\":\"soon\"}"),
            "annotations p2pfaas.timeout: 'soon'");
    refuses(WITH("\"annotations\":{\"p2pfaas.runtime\":\"process\"}"), "has no command");
    refuses(WITH("\"limits\":[]"), "limits is no object");
    refuses(WITH("\"limits\":{\"memory\":\"much\"}"), "limits.memory: 'much' is no size");
    refuses(WITH("\"limits\":{\"memory\":\"1Mi\"}"), "no container of less than 6MB");
    refuses(WITH("\"limits\":{\"memory\":\"999999999999999999Gi\"}"), "limits.memory: ");
    refuses(WITH("\"limits\":{\"cpu\":\"-1\"}"), "limits.cpu: '-1' is no number of cores");
    refuses(WITH("\"limits\":{\"cpu\":\"9999\"}"), "limits.cpu: ");
    refuses(WITH("\"limits\":{\"nvidia.com/gpu\":\"1\"}"), "limits.nvidia.com/gpu: unknown");
    refuses(WITH("\"secrets\":{}"), "secrets is no list");
    refuses(WITH("\"secrets\":[\"../../etc/shadow\"]"), "is no name of a secret");
    refuses(WITH("\"secrets\":[7]"), "is no name of a secret");
    refuses(WITH("\"secrets\":[\"a\"],\"annotations\":{\"p2pfaas.runtime\":\"http\"}"),
            "runtime http cannot pass them on");
    refuses(WITH("\"labels\":{\"com.openfaas.scale.max\":\"0\"}"), "com.openfaas.scale.max: ");
    refuses(WITH("\"readOnlyRootFilesystem\":\"yes\""), "neither true nor false");
    refuses(WITH("\"constraints\":{}"), "constraints is no list");
    refuses(WITH("\"requests\":[]"), "requests is no object");
}

static void test_more_than_fits(void **state)
{
    char json[64 << 10], err[P2P_ERRLEN];
    size_t n = (size_t)snprintf(json, sizeof(json), "{\"service\":\"%01000d\",\"image\":\"i\"}", 0);

    (void)state;
    assert_true(n < sizeof(json));
    assert_null(parse(json, err));
    assert_non_null(strstr(err, "is no name of a function"));
    n = (size_t)snprintf(json, sizeof(json), "{\"service\":\"f\",\"image\":\"i\",\"envVars\":{");
    for (int i = 0; i <= CONFIG_MAX_ARGS; i++)
        n += (size_t)snprintf(json + n, sizeof(json) - n, "%s\"V%d\":\"\"", i ? "," : "", i);
    snprintf(json + n, sizeof(json) - n, "}}");
    assert_null(parse(json, err));
    assert_non_null(strstr(err, "more than 64 entries"));
}

static void test_what_is_kept_has_its_time(void **state)
{
    cJSON *json = cJSON_Parse(WITH("\"createdAt\":\"2026-11-27T00:21:44Z\""));
    char err[P2P_ERRLEN] = "";
    struct shared_config *c = deployment_kept(json, &place, err);

    (void)state;
    assert_non_null(c);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(c->deployment, "createdAt")),
                        "2026-11-27T00:21:44Z");
    assert_string_equal(c->config.function[0].generation, "2026-11-27T00:21:44Z");
    shared_config_unref(c);
    cJSON_AddStringToObject(json, "deployedAt", "2026-11-28T00:00:00.000000001Z");
    c = deployment_kept(json, &place, err);
    assert_non_null(c);
    assert_string_equal(c->config.function[0].generation, "2026-11-28T00:00:00.000000001Z");
    shared_config_unref(c);
    cJSON_DeleteItemFromObject(json, "createdAt");
    assert_null(deployment_kept(json, &place, err));
    assert_non_null(strstr(err, "createdAt"));
    cJSON_Delete(json);
}

/* The same name may be of another image by now, unless it is one of a digest. */
static void test_only_names_that_lead_elsewhere_are_anew(void **state)
{
    static const struct {
        const char *json;
        bool anew;
    } all[] = {{"{\"service\":\"f\",\"image\":\"i:latest\"}", true},
               {"{\"service\":\"f\",\"image\":\"i@sha256:ab\"}", false},
               {"{\"service\":\"f\",\"image\":\"cat\",\"annotations\":{\"p2pfaas.runtime\":"
                "\"process\",\"p2pfaas.command\":\"cat\"}}",
                false}};

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct shared_config *a, *b;
        const struct function_config *f = taken(&a, all[i].json), *g = taken(&b, all[i].json);

        assert_int_equal(deployment_date(a, "c", "1"), 0);
        assert_int_equal(deployment_date(b, "c", "2"), 0);
        assert_int_equal(!config_same_function(f, g), all[i].anew);
        shared_config_unref(a);
        shared_config_unref(b);
    }
}

static void test_quantities(void **state)
{
    static const struct {
        const char *text;
        double value;
    } bytes[] = {{"0", 0},
                 {"128Mi", 128 << 20},
                 {"128M", 128e6},
                 {"128MB", 128 << 20},
                 {"1.5Gi", 1.5 * (1 << 30)},
                 {"64k", 64e3},
                 {"64Ki", 64 << 10},
                 {"12B", 12}};
    static const char *const none[] = {"",     "Mi",  "m",     "-1",  "+1",  " 1", "1 ",   "1mi",
                                       "0x10", "1e3", "1.2.3", "inf", "nan", ".",  "1 Mi", "1500m"};
    double value;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
        if (!deployment_bytes(bytes[i].text, &value) || value != bytes[i].value)
            fail_msg("%s is %g", bytes[i].text, value);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        if (deployment_bytes(none[i], &value))
            fail_msg("'%s' is %g", none[i], value);
    assert_true(deployment_number("1500m", &value) && value == 1.5);
    assert_true(deployment_number("0.25", &value) && value == 0.25);
    assert_false(deployment_number("1Mi", &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_of_an_image),
        cmocka_unit_test(test_fields_that_clients_always_send_are_taken_and_not_used),
        cmocka_unit_test(test_what_clients_leave_empty),
        cmocka_unit_test(test_any_key_by_annotation),
        cmocka_unit_test(test_what_is_wrong_is_told),
        cmocka_unit_test(test_more_than_fits),
        cmocka_unit_test(test_what_is_kept_has_its_time),
        cmocka_unit_test(test_replicas),
        cmocka_unit_test(test_only_names_that_lead_elsewhere_are_anew),
        cmocka_unit_test(test_quantities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
