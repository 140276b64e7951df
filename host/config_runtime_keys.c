/*
 * config_runtime_keys.c - which keys of a function are for which runtimes; those that are not
 * in the table are for all.
 */
#include <string.h>

#include "host/config_yaml.h"

enum {
    FORK = 1,
    SERVER = 2,
    DOCKER = 4,
    REMOTE = 8,
    OPENFAAS = 16,
    PROGRAM = FORK | SERVER,
    IMAGE = DOCKER | OPENFAAS
};

static const struct {
    unsigned runtime;
    const char *name;
} runtimes[] = {{FORK, "mode: fork"},
                {SERVER, "mode: http"},
                {DOCKER, "runtime: docker"},
                {REMOTE, "runtime: http"},
                {OPENFAAS, "runtime: openfaas"}};

static const struct {
    const char *key;
    unsigned runtimes;
} belongs[] = {{"command", PROGRAM | IMAGE},
               {"environment", PROGRAM | IMAGE},
               {"mode", PROGRAM},
               {"start", SERVER},
               {"directory", PROGRAM},
               {"content_type", FORK},
               {"cgi_headers", FORK},
               {"start_timeout", SERVER | DOCKER},
               {"url", REMOTE},
               {"image", IMAGE},
               {"memory", IMAGE},
               {"cpu", IMAGE},
               {"pids", DOCKER},
               {"port", DOCKER},
               {"network", DOCKER},
               {"read_only", IMAGE},
               {"replicas_min", IMAGE},
               {"replicas_max", IMAGE},
               {"concurrency", DOCKER},
               {"warm", DOCKER},
               {"idle_timeout", DOCKER}};

static unsigned runtime_of(const struct function_config *f)
{
    static const unsigned of[] = {
        [FUNCTION_DOCKER] = DOCKER, [FUNCTION_REMOTE] = REMOTE, [FUNCTION_OPENFAAS] = OPENFAAS};

    if (f->runtime == FUNCTION_PROCESS)
        return f->mode == FUNCTION_HTTP ? SERVER : FORK;
    return of[f->runtime];
}

/* To another value than its default, which says nothing. */
static bool is_set(const struct function_config *f, const char *key)
{
    const struct p2p_param *p = params_find(config_function_keys, key);
    char value[512], def[512];

    if (!p)
        return strcmp(key, "command") == 0 ? f->command != NULL : f->environment != NULL;
    params_format(p, f, value, sizeof(value));
    params_format_default(p, def, sizeof(def));
    return strcmp(value, def) != 0;
}

static bool is_among(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static void list_runtimes(unsigned which, char *out, size_t size)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]) && at < size; i++)
        if (runtimes[i].runtime & which)
            at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "", runtimes[i].name);
}

int config_check_runtime_keys(const struct function_config *f, const char *const *also,
                              char err[P2P_ERRLEN])
{
    unsigned own = runtime_of(f);
    char is[80], allowed[120];

    for (size_t i = 0; i < sizeof(belongs) / sizeof(belongs[0]); i++) {
        const char *key = belongs[i].key;

        if (belongs[i].runtimes & own || is_among(also, key) || !is_set(f, key))
            continue;
        list_runtimes(own, is, sizeof(is));
        list_runtimes(belongs[i].runtimes, allowed, sizeof(allowed));
        snprintf(err, P2P_ERRLEN, "functions.%s.%s: means nothing with %s; allowed with %s",
                 f->name, key, is, allowed);
        return -1;
    }
    return 0;
}
