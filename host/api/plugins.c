/*
 * plugins.c - GET /plugins and /plugins/{name}: schedulers and learners that can be selected,
 * and how.
 */
#include <cjson/cJSON.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "engine/learning.h"
#include "host/api/api.h"
#include "host/own_scheduler.h"
#include "host/route.h"

struct listing {
    cJSON *out;
    const char *wanted;         /* one, or NULL for all */
    struct engine_current *now; /* the schedulers at work: the node's, and those of functions */
    unsigned n;
    unsigned instances;
    struct engine_learner learner;
};

static void look_at(struct listing *l, struct engine *e)
{
    struct engine_stats stats;

    engine_describe(e, &l->now[l->n++]);
    engine_stats(e, &stats);
    l->instances += stats.instances;
}

/* Nothing is in use when memory is short. */
static void look_at_all(struct listing *l, const struct shard *s)
{
    const struct function_table *t = s->functions;

    engine_learner_describe(s->node->engine, &l->learner);
    l->now = calloc(1 + t->n, sizeof(*l->now));
    if (!l->now)
        return;
    look_at(l, s->node->engine);
    for (unsigned i = 0; i < t->n; i++) {
        const struct own_scheduler *o = own_scheduler_of(t->entries[i].function);

        if (o)
            look_at(l, o->engine);
    }
}

static bool is_at_work(const struct listing *l, const char *name, const char *hash)
{
    for (unsigned i = 0; i < l->n; i++)
        if (strcmp(l->now[i].plugin, name) == 0 && strcmp(l->now[i].hash, hash) == 0)
            return true;
    return false;
}

static cJSON *parameters_json(const struct p2p_param *table)
{
    cJSON *list = cJSON_CreateArray();

    for (const struct p2p_param *p = table; p && p->name; p++) {
        cJSON *row = cJSON_CreateObject();
        char text[256];

        cJSON_AddStringToObject(row, "name", p->name);
        cJSON_AddStringToObject(row, "type", params_type_name(p));
        params_format_default(p, text, sizeof(text));
        cJSON_AddStringToObject(row, "default", text);
        params_allowed(p, text, sizeof(text));
        cJSON_AddStringToObject(row, "allowed", text);
        cJSON_AddStringToObject(row, "help", p->help);
        cJSON_AddItemToArray(list, row);
    }
    return list;
}

static cJSON *aliases_json(const struct p2p_scheduler *s)
{
    cJSON *list = cJSON_CreateArray();

    for (const struct p2p_alias *a = s->aliases; a && a->name; a++) {
        cJSON *row = cJSON_CreateObject();
        cJSON *order = cJSON_CreateArray();

        for (uint32_t i = 0; i < a->n_params; i++)
            cJSON_AddItemToArray(order, cJSON_CreateString(s->params[i].name));
        cJSON_AddStringToObject(row, "name", a->name);
        cJSON_AddItemToObject(row, "parameters", order);
        cJSON_AddItemToArray(list, row);
    }
    return list;
}

/* What a row has of a scheduler and of a learner. */
struct kept {
    const char *kind, *name, *version, *summary;
};

static cJSON *row_json(const struct module *m, const struct kept *k, bool in_use)
{
    cJSON *row = cJSON_CreateObject();
    char abi[16];

    snprintf(abi, sizeof(abi), "%u.%u", m->entry->abi_major, m->entry->abi_minor);
    cJSON_AddStringToObject(row, "name", k->name);
    cJSON_AddStringToObject(row, "kind", k->kind);
    cJSON_AddStringToObject(row, "version", k->version ? k->version : "");
    cJSON_AddStringToObject(row, "summary", k->summary ? k->summary : "");
    cJSON_AddStringToObject(row, "file", m->file);
    cJSON_AddStringToObject(row, "hash", m->hash);
    cJSON_AddStringToObject(row, "abi", abi);
    cJSON_AddBoolToObject(row, "in_use", in_use);
    return row;
}

static cJSON *scheduler_json(const struct listing *l, const struct module *m,
                             const struct p2p_scheduler *s)
{
    const struct kept k = {"scheduler", s->name, s->version, s->summary};
    cJSON *row = row_json(m, &k, is_at_work(l, s->name, m->hash));

    cJSON_AddItemToObject(row, "aliases", aliases_json(s));
    cJSON_AddItemToObject(row, "parameters", parameters_json(s->params));
    return row;
}

static cJSON *learner_json(const struct listing *l, const struct module *m,
                           const struct p2p_learner *s)
{
    const struct kept k = {"learner", s->name, s->version, s->summary};
    cJSON *row = row_json(m, &k,
                          l->learner.asked && strcmp(l->learner.plugin, s->name) == 0 &&
                              strcmp(l->learner.hash, m->hash) == 0);

    cJSON_AddItemToObject(row, "parameters", parameters_json(s->params));
    return row;
}

static void add_row(void *ctx, const struct catalog_row *row)
{
    struct listing *l = ctx;
    const struct p2p_alias *alias;

    if (row->error) {
        if (!l->wanted) {
            cJSON *bad = cJSON_CreateObject();

            cJSON_AddStringToObject(bad, "file", row->file);
            cJSON_AddStringToObject(bad, "error", row->error);
            cJSON_AddItemToArray(l->out, bad);
        }
        return;
    }
    for (const struct p2p_scheduler *const *s = module_schedulers(row->module->entry); *s; s++) {
        if (!l->wanted)
            cJSON_AddItemToArray(l->out, scheduler_json(l, row->module, *s));
        else if (!l->out && catalog_goes_by(*s, l->wanted, &alias))
            l->out = scheduler_json(l, row->module, *s);
    }
    for (const struct p2p_learner *const *s = module_learners(row->module->entry); *s; s++) {
        if (!l->wanted)
            cJSON_AddItemToArray(l->out, learner_json(l, row->module, *s));
        else if (!l->out && strcmp(l->wanted, (*s)->name) == 0)
            l->out = learner_json(l, row->module, *s);
    }
}

void api_plugins(struct exchange *x)
{
    struct node *n = x->shard->node;
    struct listing l = {.out = cJSON_CreateArray()};
    cJSON *json = cJSON_CreateObject();

    look_at_all(&l, x->shard);
    catalog_each(n->catalog, add_row, &l);
    cJSON_AddItemToObject(json, "plugins", l.out);
    cJSON_AddNumberToObject(json, "instances", l.instances);
    cJSON_AddNumberToObject(json, "modules", module_count());
    exchange_json(x, MHD_HTTP_OK, json);
    free(l.now);
}

void api_plugin(struct exchange *x)
{
    struct node *n = x->shard->node;
    char name[64];
    struct listing l = {.wanted = name};
    char err[P2P_ERRLEN];

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(x->rest, "/?"), x->rest);
    look_at_all(&l, x->shard);
    catalog_each(n->catalog, add_row, &l);
    free(l.now);
    if (l.out) {
        exchange_json(x, MHD_HTTP_OK, l.out);
    } else {
        struct catalog_hit hit;

        if (catalog_find(n->catalog, name, &hit, err) == 0) {
            module_unref(hit.module); /* it came just now */
            snprintf(err, sizeof(err), "'%s' was just added; ask again", name);
        }
        exchange_error(x, MHD_HTTP_NOT_FOUND, MHD_HTTP_NOT_FOUND, "%s", err);
    }
}
