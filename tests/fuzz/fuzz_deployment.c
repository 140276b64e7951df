/*
 * fuzz_deployment.c - any bytes as a deployment.  What is taken must be complete and fit to
 * name files; what is refused must say why.  What was taken is taken again as it is kept,
 * and runs the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/deployment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct docker_config docker = {
    .socket = "/run/d.sock", .pull_timeout = 1000000000, .node = "n1"};
static const struct deployment_place place = {"openfaas-fn", "/data/secrets", &docker};

static void must(int condition)
{
    if (!condition)
        abort();
}

static void check(const struct shared_config *c)
{
    const struct function_config *f = c->config.function;

    must(c->config.n_functions == 1 && c->deployment != NULL);
    must(config_is_function_name(f->name) && !strchr(f->name, '/'));
    must(f->image && f->network && f->directory && f->content_type && f->docker->socket);
    must(f->timeout > 0 && f->memory >= 0 && f->cpu >= 0 && f->replicas_min <= f->replicas_max);
    if (f->runtime == FUNCTION_PROCESS)
        must(f->command && f->command[0]);
    for (char **e = f->environment; e && *e; e++)
        must(strchr(*e, '=') > *e);
    for (char **s = f->secrets; s && *s; s++)
        must(strncmp(*s, "/data/secrets/", 14) == 0 && config_is_function_name(*s + 14));
}

static void read_kept(const struct shared_config *c)
{
    char err[P2P_ERRLEN];
    struct shared_config *again;

    must(cJSON_AddStringToObject(c->deployment, "createdAt", "now") != NULL);
    again = deployment_kept(c->deployment, &place, err);
    must(again != NULL);
    check(again);
    must(config_same_function(c->config.function, again->config.function));
    shared_config_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cJSON *json = cJSON_ParseWithLength((const char *)data, size);
    char err[P2P_ERRLEN];
    struct shared_config *c;

    if (!json)
        return 0;
    memset(err, 0, sizeof(err));
    c = deployment_new(json, &place, err);
    if (c) {
        check(c);
        read_kept(c);
    } else {
        must(err[0] && strnlen(err, sizeof(err)) < sizeof(err));
    }
    shared_config_unref(c);
    cJSON_Delete(json);
    return 0;
}
