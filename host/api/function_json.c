/*
 * function_json.c - a function as the FunctionStatus of OpenFaaS.
 */
#include <string.h>

#include "host/api/api.h"
#include "host/node.h"

/* What is shown of a deployment as it was sent. */
static void add_sent(cJSON *json, const cJSON *deployment)
{
    static const char *const fields[] = {
        "envProcess", "envVars", "constraints", "secrets",
        "labels",     "limits",  "requests",    "readOnlyRootFilesystem"};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(deployment, fields[i]);

        if (item && !cJSON_IsNull(item))
            cJSON_AddItemToObject(json, fields[i], cJSON_Duplicate(item, true));
    }
}

/* What it runs, if that is no image. */
static const char *image_of(const struct function_config *f, const char *runtime)
{
    if (f->image[0])
        return f->image;
    return f->command ? f->command[0] : runtime;
}

static void add_annotations(cJSON *json, const cJSON *sent, const struct function *f,
                            const char *runtime)
{
    static const char name[] = "p2pfaas.runtime", origin[] = "p2pfaas.origin";
    cJSON *all = cJSON_IsObject(sent) ? cJSON_Duplicate(sent, true) : cJSON_CreateObject();

    if (!cJSON_GetObjectItemCaseSensitive(all, name))
        cJSON_AddStringToObject(all, name, runtime);
    cJSON_DeleteItemFromObjectCaseSensitive(all, origin);
    if (f->origin == FROM_GATEWAY)
        cJSON_AddStringToObject(all, origin, "gateway");
    cJSON_DeleteItemFromObjectCaseSensitive(all, "p2pfaas.error");
    if (!f->program)
        cJSON_AddStringToObject(all, "p2pfaas.error", f->error);
    cJSON_AddItemToObject(json, "annotations", all);
}

static double invocations(const struct node *n, uint32_t id)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < n->n_shards; i++) {
        const struct function_metrics *f = n->shards[i].metrics.function[id];

        for (const struct request_cell *c = f ? f->cells : NULL; c; c = c->next)
            total += c->count;
    }
    return (double)total;
}

cJSON *api_function_json(const struct exchange *x, const struct function_entry *e)
{
    const struct node *n = x->shard->node;
    const struct function *f = e->function;
    const cJSON *sent = e->offer->deployment;
    struct replica_count count;
    const char *created = api_text(sent, "createdAt");
    cJSON *json = cJSON_CreateObject();
    char runtime[32];

    params_format(params_find(config_function_keys, "runtime"), f->config, runtime,
                  sizeof(runtime));
    runtime_count(f->runtime, f->program, &count);
    cJSON_AddStringToObject(json, "name", f->config->name);
    cJSON_AddStringToObject(json, "image", image_of(f->config, runtime));
    cJSON_AddStringToObject(json, "namespace", n->domain);
    add_sent(json, sent);
    if (!cJSON_GetObjectItemCaseSensitive(json, "labels"))
        cJSON_AddObjectToObject(json, "labels");
    add_annotations(json, cJSON_GetObjectItemCaseSensitive(sent, "annotations"), f, runtime);
    cJSON_AddNumberToObject(json, "invocationCount", invocations(n, f->id));
    cJSON_AddNumberToObject(json, "replicas", count.replicas);
    cJSON_AddNumberToObject(json, "availableReplicas", count.available);
    cJSON_AddStringToObject(json, "createdAt", created[0] ? created : n->started);
    return json;
}
