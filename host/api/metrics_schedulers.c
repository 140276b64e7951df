#include <stdlib.h>
#include <string.h>

#include "host/api/metrics.h"
#include "host/own_scheduler.h"
#include "host/utf8.h"

/* One engine: the node's first, whose function is "". */
struct scope {
    const char *function;
    struct engine *engine;
    struct engine_stats stats;
};
struct scopes {
    struct scope *list; /* NULL when memory is short: then nothing is told */
    unsigned n;
};

static struct scopes all_of(const struct shard *s)
{
    const struct function_table *t = s->functions;
    struct scopes all = {calloc(1 + t->n, sizeof(*all.list)), 0};

    if (!all.list)
        return all;
    all.list[all.n++] = (struct scope){.function = "", .engine = s->node->engine};
    for (unsigned i = 0; i < t->n; i++) {
        const struct function *f = t->entries[i].function;
        const struct own_scheduler *o = f->own;

        if (o)
            all.list[all.n++] = (struct scope){.function = f->config->name, .engine = o->engine};
    }
    for (unsigned i = 0; i < all.n; i++)
        engine_stats(all.list[i].engine, &all.list[i].stats);
    return all;
}

/* p2pfaas_NAME{LABEL,function="F"}; either label may be "". */
static void row(struct buf *b, const char *name, const char *label, const char *function,
                double value)
{
    buf_printf(b, "p2pfaas_%s", name);
    if (label[0] || function[0])
        buf_printf(b, "{%s%s", label, label[0] && function[0] ? "," : "");
    if (function[0])
        buf_printf(b, "function=\"%s\"", function);
    buf_printf(b, "%s %.17g\n", label[0] || function[0] ? "}" : "", value);
}

/* ---- what they did ---- */

typedef uint64_t figure(const struct engine_stats *s, unsigned kind);

static uint64_t decisions(const struct engine_stats *s, unsigned kind)
{
    return s->decisions[kind];
}
static uint64_t misbehaved(const struct engine_stats *s, unsigned kind)
{
    return s->misbehaved[kind];
}
static uint64_t fallbacks(const struct engine_stats *s, unsigned kind)
{
    (void)kind;
    return s->fallbacks;
}
static uint64_t selections(const struct engine_stats *s, unsigned kind)
{
    (void)kind;
    return s->selections;
}
static uint64_t failed_selections(const struct engine_stats *s, unsigned kind)
{
    (void)kind;
    return s->failed_selections;
}
static uint64_t outcomes_dropped(const struct engine_stats *s, unsigned kind)
{
    (void)kind;
    return s->outcomes_dropped;
}
static uint64_t instances(const struct engine_stats *s, unsigned kind)
{
    (void)kind;
    return s->instances;
}

static const char *action_name(unsigned kind)
{
    static const char *const names[] = {"local", "forward", "reject", "probe", "wait", "done"};

    return names[kind];
}
static const char *kind_name(unsigned kind)
{
    return misbehaviour_name((enum misbehaviour)kind);
}

static const struct family {
    const char *name, *type, *help;
    figure *of;
    const char *label; /* of its kinds, or NULL when it has one row */
    const char *(*kind)(unsigned kind);
    unsigned n_kinds;
} families[] = {
    {"decisions_total", "counter", "actions that the schedulers returned", decisions, "action",
     action_name, P2P_DONE + 1},
    {"plugin_misbehaviour_total", "counter",
     "answers against the rules, each replaced: by the fallback, an action that a learner may "
     "choose, or no choice of a learner",
     misbehaved, "kind", kind_name, MISBEHAVED_KINDS},
    {"decision_fallbacks_total", "counter", "decisions ended by the fallback action", fallbacks,
     NULL, NULL, 1},
    {"scheduler_selections_total", "counter", "schedulers selected since the start", selections,
     NULL, NULL, 1},
    {"scheduler_selections_failed_total", "counter", "selections refused", failed_selections, NULL,
     NULL, 1},
    {"plugin_outcomes_dropped_total", "counter",
     "outcomes not told to an instance that was drained by force", outcomes_dropped, NULL, NULL, 1},
    {"plugin_instances", "gauge", "scheduler instances, the current and retired ones", instances,
     NULL, NULL, 1},
};

void metrics_schedulers(struct buf *b, const struct shard *s)
{
    struct scopes all = all_of(s);

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        const struct family *f = &families[i];

        metrics_say(b, f->name, f->type, f->help);
        for (unsigned k = 0; k < all.n; k++)
            for (unsigned kind = 0; kind < f->n_kinds; kind++) {
                char label[80] = "";

                if (f->label)
                    snprintf(label, sizeof(label), "%s=\"%s\"", f->label, f->kind(kind));
                row(b, f->name, label, all.list[k].function,
                    (double)f->of(&all.list[k].stats, kind));
            }
    }
    free(all.list);
}

/* ---- what their plugins count ---- */

void metrics_own(const char *whose, const char *name, const char *help, char full[METRICS_OWN_NAME],
                 char clean[METRICS_OWN_HELP])
{
    char text[METRICS_OWN_HELP / 2];
    size_t n = 0;

    snprintf(full, METRICS_OWN_NAME, "%s_metric_%.64s", whose, name);
    utf8_clean(text, sizeof(text), help);
    for (const char *c = text; *c; c++) {
        if (*c == '\\' || *c == '\n')
            clean[n++] = '\\';
        clean[n++] = *c == '\n' ? 'n' : *c;
    }
    clean[n] = '\0';
}

/* All metrics of all engines; those of one name have to be told together. */
struct own {
    char full[METRICS_OWN_NAME], help[METRICS_OWN_HELP];
    const char *function;
    bool is_gauge;
    double value;
};
struct owns {
    struct own *list;
    unsigned n, room;
    const char *function;
};

static void collect(void *ctx, const char *name, const char *help, bool is_gauge, double value)
{
    struct owns *o = ctx;

    if (o->n == o->room) {
        unsigned room = o->room ? 2 * o->room : 64;
        struct own *grown = realloc(o->list, room * sizeof(*grown));

        if (!grown)
            return;
        o->list = grown;
        o->room = room;
    }
    o->list[o->n] = (struct own){.function = o->function, .is_gauge = is_gauge, .value = value};
    metrics_own("scheduler", name, help, o->list[o->n].full, o->list[o->n].help);
    o->n++;
}

/* One name is one kind: what another plugin counts under it too is left out. */
static bool is_told_before(const struct owns *o, unsigned i)
{
    for (unsigned k = 0; k < i; k++)
        if (strcmp(o->list[k].full, o->list[i].full) == 0)
            return true;
    return false;
}

void metrics_of_schedulers(struct buf *b, const struct shard *s)
{
    struct scopes all = all_of(s);
    struct owns o = {NULL, 0, 0, ""};

    for (unsigned i = 0; i < all.n; i++) {
        o.function = all.list[i].function;
        engine_plugin_metrics(all.list[i].engine, collect, &o);
    }
    for (unsigned i = 0; i < o.n; i++) {
        const struct own *first = &o.list[i];

        if (is_told_before(&o, i))
            continue;
        metrics_say(b, first->full, first->is_gauge ? "gauge" : "counter", first->help);
        for (unsigned k = i; k < o.n; k++)
            if (strcmp(o.list[k].full, first->full) == 0 && o.list[k].is_gauge == first->is_gauge)
                row(b, first->full, "", o.list[k].function, o.list[k].value);
    }
    free(o.list);
    free(all.list);
}
