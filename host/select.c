/*
 * select.c - the schedulers and the learner that a configuration names.
 */
#include <string.h>

#include "host/log.h"
#include "host/own_scheduler.h"

/* What the engine is asked for, and where it was written. */
struct asked {
    struct selection selection;
    const char *section; /* "scheduler", "learner" */
    const struct pairs *pairs;
    const char *names[CONFIG_MAX_PARAMETERS], *values[CONFIG_MAX_PARAMETERS];
    uint32_t wrong;
};

static void ask_for(struct asked *a, const char *section, const char *plugin,
                    const struct pairs *pairs)
{
    a->section = section;
    a->pairs = pairs;
    a->wrong = UINT32_MAX;
    for (unsigned i = 0; i < pairs->n; i++) {
        a->names[i] = pairs->list[i].name;
        a->values[i] = pairs->list[i].value;
    }
    a->selection = (struct selection){.name = plugin,
                                      .names = pairs->by_order ? NULL : a->names,
                                      .values = a->values,
                                      .n = pairs->n,
                                      .wrong = &a->wrong};
}

static void say_where(const struct config *c, const struct asked *a, const char *why, char *err)
{
    char where[CONFIG_PLACE];

    if (a->wrong < a->pairs->n)
        config_parameter_place(c, a->section, &a->pairs->list[a->wrong], where, sizeof(where));
    else
        config_place(c, a->section, "plugin", where, sizeof(where));
    snprintf(err, P2P_ERRLEN, "%s: %s", where, why);
}

int node_select(struct node *n, const struct config *c, enum node_selection what,
                char err[P2P_ERRLEN])
{
    struct asked scheduler, learner;
    const struct selection *taught = c->learner.plugin[0] ? &learner.selection : NULL;
    char why[P2P_ERRLEN];
    int rc = 0;

    ask_for(&scheduler, "scheduler", c->scheduler.plugin, &c->scheduler.parameters);
    ask_for(&learner, "learner", c->learner.plugin, &c->learner.parameters);
    node_learner_leaves(n);
    if (what == SELECT_BOTH)
        rc = engine_select_pair(n->engine, &scheduler.selection, taught, why);
    else if (what == SELECT_SCHEDULER)
        rc = engine_select(n->engine, &scheduler.selection, why);
    else if (engine_select_learner(n->engine, taught, why))
        rc = -2;
    if (rc) {
        say_where(c, rc == -1 ? &scheduler : &learner, why, err);
        return -1;
    }
    node_learner_comes(n, c);
    return 0;
}

bool node_is_rebuilt(struct node *n, struct engine *e)
{
    struct engine_current now;
    struct catalog_hit hit;
    char err[P2P_ERRLEN];
    bool rebuilt;

    engine_describe(e, &now);
    if (catalog_find(n->catalog, now.name, &hit, err))
        return false;
    rebuilt = strcmp(hit.module->hash, now.hash) != 0;
    module_unref(hit.module);
    return rebuilt;
}

/* ---- of functions ---- */

/* As the node's: what was POSTed stays, unless its key changed; that of the key is taken
 * again at a reload when it was built again.  One that was made ahead is wanted. */
static bool is_to_be_selected(struct node *n, const struct function_entry *e,
                              const struct function_entry *before, bool is_reload)
{
    const struct scheduler_choice *wanted = &e->config->own;
    const struct own_scheduler *now = own_scheduler_of(e->function);
    struct engine_current current;

    if (!before || e->offer->made)
        return wanted->plugin;
    if (!config_same_choice(&before->config->own, wanted))
        return true;
    if (!is_reload || !wanted->plugin)
        return false;
    if (!e->function->own)
        return true; /* it could not be selected before */
    if (!now)
        return false; /* it was given up */
    engine_describe(now->engine, &current);
    return strcmp(current.name, wanted->plugin) == 0 && node_is_rebuilt(n, now->engine);
}

static void say_whose(const struct shared_config *offer, const struct function_config *f,
                      const struct asked *a, const char *why, char *err)
{
    const struct pair *wrong = a->wrong < a->pairs->n ? &a->pairs->list[a->wrong] : NULL;
    char where[CONFIG_PLACE];

    if (!offer->deployment)
        config_choice_place(&offer->config, f, wrong, where, sizeof(where));
    else
        snprintf(where, sizeof(where), "functions.%s.scheduler", f->name);
    snprintf(err, P2P_ERRLEN, "%s: %s", where, why);
}

static struct own_scheduler *make(struct node *n, const struct shared_config *offer,
                                  const struct function_config *f, uint32_t id, char *err)
{
    struct own_scheduler *o;
    struct asked a;
    char why[P2P_ERRLEN];

    ask_for(&a, NULL, f->own.plugin, &f->own.parameters);
    o = own_scheduler_make(n, id, &a.selection, why);
    if (!o)
        say_whose(offer, f, &a, why, err);
    return o;
}

int node_make_scheduler(struct node *n, struct shared_config *offer, char err[P2P_ERRLEN])
{
    const struct function_config *f = &offer->config.function[0];
    struct asked a;
    char why[P2P_ERRLEN];
    uint32_t id;

    ask_for(&a, NULL, f->own.plugin, &f->own.parameters);
    if (own_scheduler_check(n, &a.selection, why)) { /* before its name gets an id for good */
        say_whose(offer, f, &a, why, err);
        return -1;
    }
    id = function_names_add(&n->names, f->name, FROM_DEPLOYMENT);
    offer->made = id ? make(n, offer, f, id, err) : NULL;
    return offer->made || !id ? 0 : -1; /* without an id it is refused with that reason */
}

/* What is made for a function that has none yet is kept; else it was only to see whether it
 * can be. */
static int try_one(struct node *n, struct function_entry *e, char *err)
{
    struct own_scheduler *o = e->offer->made;

    e->offer->made = NULL;
    if (!o)
        o = make(n, e->offer, e->config, e->function->id, err);
    if (!o)
        return -1;
    if (e->function->own)
        own_scheduler_drop(o);
    else
        e->made = o;
    return 0;
}

int node_try_schedulers(struct node *n, struct function_table *t, bool is_reload,
                        char err[P2P_ERRLEN])
{
    bool is_start = n->shards_running == 0;

    for (unsigned i = 0; i < t->n; i++) {
        struct function_entry *e = &t->entries[i];
        const char *name = e->config->name;
        const struct function_entry *before =
            n->functions ? function_table_entry(n->functions, name, strlen(name)) : NULL;

        if (!e->function->own && before && before->function->own)
            e->function->own = own_scheduler_ref(before->function->own);
        e->select = is_to_be_selected(n, e, before, is_reload);
        if (!e->select || !e->config->own.plugin || try_one(n, e, err) == 0)
            continue;
        if (e->function->origin == FROM_FILE || !(is_start || is_reload))
            return -1;
        /* What was deployed once holds up neither a start nor a reload. */
        log_event(LOG_ERROR, "scheduler not selected", LOG_STR("function", name),
                  LOG_STR("why", err));
        e->select = false;
    }
    return 0;
}

static void select_one(struct function_entry *e)
{
    struct asked a;
    char why[P2P_ERRLEN];

    if (e->made) {
        own_scheduler_use(e->function, e->made);
        e->made = NULL;
        return;
    }
    ask_for(&a, NULL, e->config->own.plugin, &e->config->own.parameters);
    if (own_scheduler_select(e->function->own, &a.selection, why))
        log_event(LOG_ERROR, "scheduler not selected", LOG_STR("function", e->config->name),
                  LOG_STR("why", why)); /* it could be just before */
}

void node_select_schedulers(struct node *n, struct function_table *t)
{
    for (unsigned i = 0; i < t->n; i++) {
        struct function_entry *e = &t->entries[i];

        if (e->select && e->config->own.plugin)
            select_one(e);
        else if (e->select)
            own_scheduler_give_up(n, e->function);
    }
}
