#include "host/deployment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "host/config_yaml.h"
#include "host/log.h"

#define OWN "p2pfaas."
#define RETRY "com.openfaas.retry."

enum { USUAL_LEAST = 1, USUAL_MOST = 5 /* replicas of OpenFaaS */ };

static const char created_at[] = "createdAt", deployed_at[] = "deployedAt";
/* What the node adds to the annotations that it shows. */
static const char *const shown_only[] = {OWN "origin", OWN "error", NULL};

/* What is being read, and where to say what is wrong. */
struct reading {
    const cJSON *json;
    const struct deployment_place *at;
    struct function_config *f;
    bool says_least, says_most; /* how many replicas there are */
    char *err;
};

__attribute__((format(printf, 2, 3))) static int fail(const struct reading *r, const char *format,
                                                      ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(r->err, P2P_ERRLEN, format, args);
    va_end(args);
    return -1;
}

static bool is_one_of(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* ---- quantities ---- */

struct unit {
    const char *name;
    double factor;
};

static bool quantity(const char *text, const struct unit *units, double *out)
{
    size_t n = strspn(text, "0123456789.");
    char *end;

    *out = strtod(text, &end);
    if (n == 0 || end < text + n || n > 32)
        return false;
    for (const struct unit *u = units; u->name; u++)
        if (strcmp(text + n, u->name) == 0) {
            *out *= u->factor;
            return isfinite(*out);
        }
    return false;
}

bool deployment_number(const char *text, double *out)
{
    static const struct unit units[] = {{"", 1}, {"m", 1e-3}, {NULL, 0}};

    return quantity(text, units, out);
}

bool deployment_bytes(const char *text, double *out)
{
    static const struct unit units[] = {
        {"", 1},         {"k", 1e3},      {"M", 1e6},     {"G", 1e9},      {"Ki", 1 << 10},
        {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"K", 1 << 10}, {"KB", 1 << 10}, {"MB", 1 << 20},
        {"GB", 1 << 30}, {"B", 1},        {NULL, 0},
    };

    return quantity(text, units, out);
}

/* ---- fields ---- */

/* Of the object `json`: "" when it is not there. */
static int get_text(const struct reading *r, const cJSON *json, const char *name, const char **out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

    *out = cJSON_IsString(item) ? item->valuestring : "";
    if (item && !cJSON_IsString(item) && !cJSON_IsNull(item))
        return fail(r, "%s is no text", name);
    return 0;
}

/* An object of texts; `each` may be NULL. */
static int each_text(struct reading *r, const char *name,
                     int (*each)(struct reading *r, const char *key, const char *value))
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(r->json, name), *item;

    if (list && !cJSON_IsObject(list) && !cJSON_IsNull(list))
        return fail(r, "%s is no object of texts", name);
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item))
            return fail(r, "%s.%.60s is no text", name, item->string);
        if (each && each(r, item->string, item->valuestring))
            return -1;
    }
    return 0;
}

static int set(struct reading *r, const char *key, const char *value, const char *place)
{
    const struct p2p_param *p = params_find(config_function_keys, key);
    char why[P2P_ERRLEN];

    return p && params_set(p, r->f, value, why) ? fail(r, "%s%.200s", place, why) : 0;
}

static int check_fields(struct reading *r)
{
    static const char *const known[] = {"service",      "image",       "namespace",
                                        "envProcess",   "envVars",     "constraints",
                                        "labels",       "annotations", "secrets",
                                        "limits",       "requests",    "readOnlyRootFilesystem",
                                        "registryAuth", "network",     NULL};
    const cJSON *item;
    char text[P2P_ERRLEN];

    if (!cJSON_IsObject(r->json))
        return fail(r, "a deployment is an object, as in {\"service\":\"resize\",\"image\":"
                       "\"team/resize:2\"}");
    cJSON_ArrayForEach(item, r->json)
    {
        if (cJSON_GetObjectItemCaseSensitive(r->json, item->string) != item)
            return fail(r, "%.60s is there twice", item->string);
        if (is_one_of(known, item->string))
            continue;
        suggest_unknown(text, sizeof(text), item->string, known);
        return fail(r, "%.60s: %.180s", item->string, text);
    }
    return 0;
}

static int read_names(struct reading *r)
{
    const char *name, *namespace, *unused;

    if (get_text(r, r->json, "service", &name) || get_text(r, r->json, "namespace", &namespace) ||
        get_text(r, r->json, "registryAuth", &unused) || get_text(r, r->json, "network", &unused))
        return -1;
    if (!config_is_function_name(name))
        return fail(r,
                    "service: '%.70s' is no name of a function; allowed: 1 to %d of A-Z a-z "
                    "0-9 . _ -",
                    name, CONFIG_MAX_NAME);
    if (namespace[0] && strcmp(namespace, r->at->namespace) != 0)
        return fail(r, "namespace: '%.60s' is not of this node; allowed: %.60s, or none", namespace,
                    r->at->namespace);
    r->f->name = strdup(name);
    return r->f->name ? 0 : fail(r, "out of memory");
}

static int add_variable(struct reading *r, const char *key, const char *value)
{
    char why[P2P_ERRLEN];

    return config_add_variable(r->f, key, value, why) ? fail(r, "envVars: %.200s", why) : 0;
}

static int read_environment(struct reading *r)
{
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(r->json, "envVars");
    const char *process;

    if (get_text(r, r->json, "envProcess", &process) || each_text(r, "envVars", add_variable))
        return -1;
    return process[0] && !cJSON_GetObjectItemCaseSensitive(given, "fprocess")
               ? add_variable(r, "fprocess", process)
               : 0;
}

static int read_limits(struct reading *r)
{
    static const char *const known[] = {"memory", "cpu", NULL};
    const cJSON *limits = cJSON_GetObjectItemCaseSensitive(r->json, "limits"), *item;
    const char *memory, *cpu;
    char number[32], why[P2P_ERRLEN];
    double value;

    if (limits && !cJSON_IsObject(limits) && !cJSON_IsNull(limits))
        return fail(r, "limits is no object, as in {\"memory\":\"128Mi\",\"cpu\":\"500m\"}");
    if (get_text(r, limits, "memory", &memory) || get_text(r, limits, "cpu", &cpu))
        return -1;
    cJSON_ArrayForEach(item, limits)
    {
        /* Clients send "" for what is not limited. */
        if (is_one_of(known, item->string) || (cJSON_IsString(item) && !item->valuestring[0]))
            continue;
        suggest_unknown(why, sizeof(why), item->string, known);
        return fail(r, "limits.%.60s: %.180s", item->string, why);
    }
    if (memory[0]) {
        if (!deployment_bytes(memory, &value))
            return fail(r, "limits.memory: '%.40s' is no size; allowed: as in 128Mi, 128M, 128MB",
                        memory);
        snprintf(number, sizeof(number), "%.0f", value);
        if (set(r, "memory", number, "limits."))
            return -1;
    }
    if (cpu[0]) {
        if (!deployment_number(cpu, &value))
            return fail(r, "limits.cpu: '%.40s' is no number of cores; allowed: as in 0.5, 500m",
                        cpu);
        snprintf(number, sizeof(number), "%.9g", value);
        if (set(r, "cpu", number, "limits."))
            return -1;
    }
    return 0;
}

/* ---- replicas ---- */

/* What other platforms can have is taken as what this one can. */
static int set_replicas(struct reading *r, const char *label, const char *key, const char *value)
{
    char place[64], *end;
    long n = strtol(value, &end, 10);

    snprintf(place, sizeof(place), "labels %s: ", label);
    if (end == value || *end || n <= DOCKER_MOST_REPLICAS)
        return set(r, key, value, place);
    log_event(LOG_WARN, "a label asks for more replicas than there can be",
              LOG_STR("function", r->f->name), LOG_STR("label", label), LOG_STR("asks", value),
              LOG_INT("taken", DOCKER_MOST_REPLICAS));
    snprintf(place, sizeof(place), "%d", DOCKER_MOST_REPLICAS);
    return set(r, key, place, "labels ");
}

static int take_label(struct reading *r, const char *key, const char *value)
{
    bool least = strcmp(key, "com.openfaas.scale.min") == 0;
    bool most = strcmp(key, "com.openfaas.scale.max") == 0;

    r->says_least |= least;
    r->says_most |= most;
    return least || most ? set_replicas(r, key, least ? "replicas_min" : "replicas_max", value) : 0;
}

/* Who says nothing has what OpenFaaS has; who says the least need not say the most. */
static void fill_replicas(struct reading *r)
{
    struct function_config *f = r->f;
    bool is_docker = f->runtime == FUNCTION_DOCKER; /* a gateway has its own usual ones */

    if (is_docker && !r->says_least)
        f->replicas_min = USUAL_LEAST;
    if (is_docker && !r->says_most)
        f->replicas_max = USUAL_MOST;
    if (f->replicas_min > f->replicas_max && !r->says_most)
        f->replicas_max = f->replicas_min;
}

static int read_secrets(struct reading *r)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(r->json, "secrets"), *item;
    char why[P2P_ERRLEN];

    if (list && !cJSON_IsArray(list) && !cJSON_IsNull(list))
        return fail(r, "secrets is no list of names");
    cJSON_ArrayForEach(item, list)
    {
        char *file = NULL;

        if (!cJSON_IsString(item) || !config_is_function_name(item->valuestring))
            return fail(r,
                        "secrets: '%.60s' is no name of a secret; allowed: 1 to %d of A-Z a-z "
                        "0-9 . _ -",
                        cJSON_IsString(item) ? item->valuestring : "", CONFIG_MAX_NAME);
        if (asprintf(&file, "%s/%s", r->at->secrets, item->valuestring) < 0)
            file = NULL;
        if (config_push(&r->f->secrets, file, why))
            return fail(r, "secrets: %.200s", why);
    }
    return 0;
}

/* A container has them in a folder; a program of this machine is told where they are. */
static int tell_secrets(struct reading *r)
{
    char why[P2P_ERRLEN];

    if (r->f->secrets && r->f->runtime == FUNCTION_REMOTE)
        return fail(
            r, "secrets: runtime http cannot pass them on; allowed: docker, process, openfaas");
    return r->f->secrets && r->f->runtime == FUNCTION_PROCESS &&
                   config_add_variable(r->f, "P2PFAAS_SECRETS", r->at->secrets, why)
               ? fail(r, "secrets: %.200s", why)
               : 0;
}

/* attempts, codes, min_wait, max_wait: as the keys are called. */
static int take_retry(struct reading *r, const char *annotation, const char *value)
{
    char key[64], place[96];

    snprintf(key, sizeof(key), "retry_%s", annotation + strlen(RETRY));
    snprintf(place, sizeof(place), "annotations %.60s: ", annotation);
    return set(r, key, value, place);
}

static int take_annotation(struct reading *r, const char *key, const char *value)
{
    static const char *const more[] = {"command", NULL};
    const char *own = key + strlen(OWN), *names[64];
    char why[P2P_ERRLEN];
    const char *near;

    if (strncmp(key, RETRY, strlen(RETRY)) == 0)
        return take_retry(r, key, value);
    if (strncmp(key, OWN, strlen(OWN)) != 0 || is_one_of(shown_only, key))
        return 0;
    if (strcmp(own, "command") == 0)
        return config_split_command(r->f, value, why) ? fail(r, "%s: %.200s", key, why) : 0;
    r->says_least |= strcmp(own, "replicas_min") == 0;
    r->says_most |= strcmp(own, "replicas_max") == 0;
    if (params_find(config_function_keys, own))
        return set(r, own, value, "annotations " OWN);
    suggest_names(config_function_keys, more, names, sizeof(names) / sizeof(names[0]));
    near = suggest_nearest(own, names);
    return fail(r,
                "annotations " OWN "%.60s: unknown%s%s%s; allowed: any key of a function of "
                "plugins.yaml",
                own, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int read_plain(struct reading *r)
{
    const cJSON *flag = cJSON_GetObjectItemCaseSensitive(r->json, "readOnlyRootFilesystem");
    const cJSON *constraints = cJSON_GetObjectItemCaseSensitive(r->json, "constraints");
    const cJSON *requests = cJSON_GetObjectItemCaseSensitive(r->json, "requests");
    const char *image;

    if (flag && !cJSON_IsBool(flag) && !cJSON_IsNull(flag))
        return fail(r, "readOnlyRootFilesystem is neither true nor false");
    if (constraints && !cJSON_IsArray(constraints) && !cJSON_IsNull(constraints))
        return fail(r, "constraints is no list");
    if (requests && !cJSON_IsObject(requests) && !cJSON_IsNull(requests))
        return fail(r, "requests is no object");
    if (get_text(r, r->json, "image", &image))
        return -1;
    r->f->runtime = FUNCTION_DOCKER;
    r->f->read_only = cJSON_IsTrue(flag);
    return set(r, "image", image, "");
}

static struct shared_config *new_config(const struct deployment_place *at, char err[P2P_ERRLEN])
{
    struct shared_config *s = calloc(1, sizeof(*s));
    struct config *c = s ? &s->config : NULL;

    snprintf(err, P2P_ERRLEN, "out of memory");
    if (!s)
        return NULL;
    s->refs = 1;
    c->function = calloc(1, sizeof(*c->function));
    if (!c->function)
        goto fail;
    c->n_functions = 1;
    c->function->docker = &c->docker;
    if (params_defaults(config_function_keys, c->function, err) == 0 &&
        config_take_docker(c, at->docker, err) == 0)
        return s;
fail:
    shared_config_unref(s);
    return NULL;
}

/* The gateway is told what is not for this node. */
static int pass_on(struct reading *r, const char *field, char ***list)
{
    const cJSON *item;
    char why[P2P_ERRLEN], *entry;

    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(r->json, field))
    {
        if (!cJSON_IsString(item) || strncmp(item->string, OWN, strlen(OWN)) == 0)
            continue;
        if (strchr(item->string, '='))
            return fail(r, "%s: '%.60s' is no name", field, item->string);
        if (asprintf(&entry, "%s=%s", item->string, item->valuestring) < 0)
            entry = NULL;
        if (config_push(list, entry, why))
            return fail(r, "%s: %.200s", field, why);
    }
    return 0;
}

static int pass_all_on(struct reading *r)
{
    return r->f->runtime == FUNCTION_OPENFAAS &&
           (pass_on(r, "labels", &r->f->labels) || pass_on(r, "annotations", &r->f->annotations));
}

struct shared_config *deployment_new(const cJSON *json, const struct deployment_place *at,
                                     char err[P2P_ERRLEN])
{
    /* The fields that clients send for whatever they deploy. */
    static const char *const of_all[] = {"image",     "environment",  "memory",       "cpu",
                                         "read_only", "replicas_min", "replicas_max", NULL};
    struct shared_config *s = new_config(at, err);
    struct reading r = {.json = json, .at = at, .f = s ? s->config.function : NULL, .err = err};

    if (!s)
        return NULL;
    if (check_fields(&r) || read_names(&r) || read_plain(&r) || read_environment(&r) ||
        read_limits(&r) || each_text(&r, "labels", take_label) || read_secrets(&r) ||
        each_text(&r, "annotations", take_annotation) || tell_secrets(&r) || pass_all_on(&r))
        goto fail;
    fill_replicas(&r);
    if (config_check_function(r.f, err) || config_check_runtime_keys(r.f, of_all, err))
        goto fail;
    s->deployment = cJSON_Duplicate(json, true);
    if (s->deployment) {
        /* It is this node's, whatever that is called at the next start. */
        cJSON_DeleteItemFromObjectCaseSensitive(s->deployment, "namespace");
        return s;
    }
    snprintf(err, P2P_ERRLEN, "out of memory");
fail:
    shared_config_unref(s);
    return NULL;
}

/* ---- when ---- */

int deployment_date(struct shared_config *c, const char *created, const char *deployed)
{
    struct function_config *f = c->config.function;

    if (!cJSON_AddStringToObject(c->deployment, created_at, created) ||
        !cJSON_AddStringToObject(c->deployment, deployed_at, deployed))
        return -1;
    if (f->runtime != FUNCTION_DOCKER || strchr(f->image, '@'))
        return 0;
    f->generation = strdup(deployed);
    return f->generation ? 0 : -1;
}

struct shared_config *deployment_kept(const cJSON *json, const struct deployment_place *at,
                                      char err[P2P_ERRLEN])
{
    cJSON *sent = cJSON_Duplicate(json, true);
    cJSON *created = cJSON_DetachItemFromObjectCaseSensitive(sent, created_at);
    cJSON *deployed = cJSON_DetachItemFromObjectCaseSensitive(sent, deployed_at);
    struct shared_config *s = NULL;

    if (!cJSON_IsString(created) || (deployed && !cJSON_IsString(deployed)))
        snprintf(err, P2P_ERRLEN, "%s or %s is no text, or missing", created_at, deployed_at);
    else
        s = deployment_new(sent, at, err);
    if (s && deployment_date(s, created->valuestring,
                             deployed ? deployed->valuestring : created->valuestring)) {
        snprintf(err, P2P_ERRLEN, "out of memory");
        shared_config_unref(s);
        s = NULL;
    }
    cJSON_Delete(created);
    cJSON_Delete(deployed);
    cJSON_Delete(sent);
    return s;
}
