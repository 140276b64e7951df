/*
 * select.c - the scheduler and the learner that a configuration names.
 */
#include "host/node.h"

/* What the engine is asked for, and where it was written. */
struct asked {
    struct selection selection;
    const char *section;
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
