#include "host/runtimes/openfaas_json.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "host/buf.h"

enum { MOST_PROCESS = 64 << 10, MOST_REPLICAS = 1000000 };

static const cJSON *field(const cJSON *json, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(json, name);
}

static const char *text_of(const cJSON *json, const char *name)
{
    const char *text = cJSON_GetStringValue(field(json, name));

    return text ? text : "";
}

/* ---- the list ---- */

static unsigned count_of(const cJSON *json, unsigned otherwise)
{
    double value = cJSON_IsNumber(json) ? json->valuedouble : -1;

    return value < 0 ? otherwise : value > MOST_REPLICAS ? MOST_REPLICAS : (unsigned)value;
}

/* False when it is no function for this node. */
static bool read_entry(struct openfaas_entry *e, const cJSON *json, const char *namespace)
{
    const cJSON *annotations = field(json, "annotations");
    const char *name = text_of(json, "name"), *of = text_of(json, "namespace");

    if (!config_is_function_name(name) || (of[0] && strcmp(of, namespace) != 0) ||
        strcmp(text_of(annotations, OPENFAAS_ORIGIN), "gateway") == 0 ||
        strcmp(text_of(annotations, OPENFAAS_RUNTIME), "openfaas") == 0)
        return false;
    snprintf(e->name, sizeof(e->name), "%s", name);
    snprintf(e->settings, sizeof(e->settings), "%s", text_of(annotations, OPENFAAS_SETTINGS_OF));
    e->replicas = count_of(field(json, "replicas"), 0);
    e->available = count_of(field(json, "availableReplicas"), e->replicas);
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct openfaas_entry *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* In order, none twice, and not too many. */
static void put_in_order(struct openfaas_list *l)
{
    unsigned kept = 0;

    if (l->n)
        qsort(l->entry, l->n, sizeof(*l->entry), by_name);
    for (unsigned i = 0; i < l->n; i++)
        if (kept == 0 || strcmp(l->entry[kept - 1].name, l->entry[i].name) != 0)
            l->entry[kept++] = l->entry[i];
    l->left_out = kept > OPENFAAS_MOST ? kept - OPENFAAS_MOST : 0;
    l->n = kept - l->left_out;
}

int openfaas_read_list(struct openfaas_list *l, const char *bytes, size_t n, const char *namespace,
                       char err[P2P_ERRLEN])
{
    cJSON *json = n ? cJSON_ParseWithLength(bytes, n) : NULL;
    const cJSON *item;
    int rc = -1;

    *l = (struct openfaas_list){0};
    if (!cJSON_IsArray(json)) {
        snprintf(err, P2P_ERRLEN, "its list of functions is %s",
                 json ? "no JSON array" : "no JSON, or too deep");
        goto end;
    }
    l->entry = calloc((size_t)cJSON_GetArraySize(json) + 1, sizeof(*l->entry));
    if (!l->entry) {
        snprintf(err, P2P_ERRLEN, "its list of functions: out of memory");
        goto end;
    }
    cJSON_ArrayForEach(item, json)
    {
        l->n += read_entry(&l->entry[l->n], item, namespace);
    }
    put_in_order(l);
    rc = 0;
end:
    cJSON_Delete(json);
    return rc;
}

void openfaas_list_release(struct openfaas_list *l)
{
    free(l->entry);
    *l = (struct openfaas_list){0};
}

const struct openfaas_entry *openfaas_list_find(const struct openfaas_list *l, const char *name)
{
    struct openfaas_entry key;

    if (l->n == 0 || strlen(name) >= sizeof(key.name))
        return NULL;
    snprintf(key.name, sizeof(key.name), "%s", name);
    return bsearch(&key, l->entry, l->n, sizeof(*l->entry), by_name);
}

/* ---- bodies ---- */

/* "NAME=value" …, but for names that are there already. */
static void add_all(cJSON *to, char *const *list)
{
    for (char *const *e = list; e && *e; e++) {
        const char *equals = strchr(*e, '=');
        char *name = strndup(*e, (size_t)(equals - *e));

        if (name && !field(to, name))
            cJSON_AddStringToObject(to, name, equals + 1);
        free(name);
    }
}

/* What a watchdog starts: one text. */
static void add_process(cJSON *body, const struct function_config *f)
{
    struct buf text;

    if (!f->command)
        return;
    buf_init(&text, MOST_PROCESS);
    for (char **word = f->command; *word; word++)
        if (buf_printf(&text, "%s%s", word == f->command ? "" : " ", *word))
            break;
    if (buf_text(&text))
        cJSON_AddStringToObject(body, "envProcess", text.data);
    buf_release(&text);
}

static void add_limits(cJSON *body, const struct function_config *f)
{
    cJSON *limits;
    char text[32];

    if (!f->memory && f->cpu <= 0)
        return;
    limits = cJSON_AddObjectToObject(body, "limits");
    if (f->memory) {
        snprintf(text, sizeof(text), "%lld", (long long)f->memory);
        cJSON_AddStringToObject(limits, "memory", text);
    }
    if (f->cpu > 0) {
        snprintf(text, sizeof(text), "%dm", (int)(f->cpu * 1000 + 0.5));
        cJSON_AddStringToObject(limits, "cpu", text);
    }
}

/* Only what is said: the gateway has defaults of its own. */
static void add_labels(cJSON *body, const struct function_config *f)
{
    cJSON *labels = cJSON_AddObjectToObject(body, "labels");
    char text[16];

    if (f->replicas_min > 0) {
        snprintf(text, sizeof(text), "%d", (int)f->replicas_min);
        cJSON_AddStringToObject(labels, "com.openfaas.scale.min", text);
    }
    if (f->replicas_max > 1) {
        snprintf(text, sizeof(text), "%d", (int)f->replicas_max);
        cJSON_AddStringToObject(labels, "com.openfaas.scale.max", text);
    }
    add_all(labels, f->labels);
}

static void add_secrets(cJSON *body, const struct function_config *f)
{
    cJSON *list = f->secrets ? cJSON_AddArrayToObject(body, "secrets") : NULL;

    for (char **s = f->secrets; s && *s; s++)
        cJSON_AddItemToArray(list, cJSON_CreateString(strrchr(*s, '/') + 1));
}

static cJSON *settings_of(const struct function_config *f)
{
    cJSON *body = cJSON_CreateObject();

    cJSON_AddStringToObject(body, "service", f->name);
    cJSON_AddStringToObject(body, "image", f->image);
    add_process(body, f);
    add_all(cJSON_AddObjectToObject(body, "envVars"), f->environment);
    add_labels(body, f);
    add_limits(body, f);
    add_secrets(body, f);
    if (f->annotations)
        add_all(cJSON_AddObjectToObject(body, "annotations"), f->annotations);
    cJSON_AddBoolToObject(body, "readOnlyRootFilesystem", f->read_only);
    return body;
}

int openfaas_settings(const struct function_config *f, char out[SETTINGS_HASH])
{
    return settings_hash(settings_of(f), out);
}

static char *print(cJSON *body)
{
    char *text = cJSON_PrintUnformatted(body);

    cJSON_Delete(body);
    return text;
}

char *openfaas_deploy_body(const struct function_config *f, const char *namespace,
                           const char *settings)
{
    cJSON *body = settings_of(f), *annotations;

    cJSON_AddStringToObject(body, "namespace", namespace);
    if (!field(body, "annotations"))
        cJSON_AddObjectToObject(body, "annotations");
    annotations = cJSON_GetObjectItemCaseSensitive(body, "annotations");
    cJSON_DeleteItemFromObjectCaseSensitive(annotations, OPENFAAS_SETTINGS_OF);
    cJSON_AddStringToObject(annotations, OPENFAAS_SETTINGS_OF, settings);
    return print(body);
}

char *openfaas_remove_body(const char *name, const char *namespace)
{
    cJSON *body = cJSON_CreateObject();

    cJSON_AddStringToObject(body, "functionName", name);
    cJSON_AddStringToObject(body, "namespace", namespace);
    return print(body);
}

char *openfaas_scale_body(const char *name, const char *namespace, unsigned replicas)
{
    cJSON *body = cJSON_CreateObject();

    cJSON_AddStringToObject(body, "serviceName", name);
    cJSON_AddNumberToObject(body, "replicas", replicas);
    cJSON_AddStringToObject(body, "namespace", namespace);
    return print(body);
}
