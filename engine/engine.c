#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "engine/params.h"
#include "engine/private.h"

const char *misbehaviour_name(enum misbehaviour m)
{
    static const char *const names[MISBEHAVED_KINDS] = {[MISBEHAVED_ACTION] = "illegal_action",
                                                        [MISBEHAVED_PEER] = "unknown_peer",
                                                        [MISBEHAVED_PROBES] = "bad_probes",
                                                        [MISBEHAVED_STEPS] = "too_many_steps",
                                                        [MISBEHAVED_DEADLINE] =
                                                            "wait_past_deadline"};

    return names[m];
}

/* ---- pins ---- */

void engine_pin(struct instance *i, struct decision *d)
{
    i->pins++;
    d->instance = i;
    d->prev = NULL;
    d->next = i->open;
    if (d->next)
        d->next->prev = d;
    i->open = d;
}

/* A retired instance that nobody needs, taken off the list. */
static struct instance *take_if_done(struct engine *e, struct instance *i)
{
    if (!i->retired || i->pins > 0)
        return NULL;
    for (struct instance **at = &e->retired; *at; at = &(*at)->next)
        if (*at == i) {
            *at = i->next;
            e->stats.instances--;
            return i;
        }
    return NULL;
}

struct instance *engine_unpin(struct engine *e, struct instance *i, struct decision *d)
{
    if (d->prev)
        d->prev->next = d->next;
    else
        i->open = d->next;
    if (d->next)
        d->next->prev = d->prev;
    d->instance = NULL;
    i->pins--;
    return take_if_done(e, i);
}

/* ---- life ---- */

struct engine *engine_new(struct catalog *catalog, const struct world *world, void *ctx,
                          const struct engine_settings *settings)
{
    struct engine *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    e->catalog = catalog;
    e->world = world;
    e->ctx = ctx;
    e->settings = *settings;
    pthread_mutex_init(&e->selecting, NULL);
    return e;
}

void engine_free(struct engine *e)
{
    struct instance *i, *next;

    for (i = e->retired; i; i = next) {
        next = i->next;
        instance_free(i);
    }
    if (e->current)
        instance_free(e->current);
    pthread_mutex_destroy(&e->selecting);
    free(e);
}

void engine_configure(struct engine *e, const struct engine_settings *settings)
{
    e->world->enter(e->ctx, NULL);
    e->settings = *settings;
    e->world->leave(e->ctx);
}

/* ---- selection ---- */

/* Under lock.  Returns the old instance when nobody needs it any more. */
static struct instance *make_current(struct engine *e, struct instance *i)
{
    struct instance *old = e->current;

    e->current = i;
    e->stats.selections++;
    e->stats.instances++;
    if (!old)
        return NULL;
    old->retired = true;
    old->retired_ns = e->world->now(e->ctx);
    old->next = e->retired;
    e->retired = old;
    return take_if_done(e, old);
}

int engine_select(struct engine *e, const struct selection *s, char err[P2P_ERRLEN])
{
    struct instance *fresh = NULL, *done = NULL;
    struct catalog_hit hit;

    pthread_mutex_lock(&e->selecting);
    if (catalog_find(e->catalog, s->name, &hit, err) == 0)
        fresh = instance_new(e->world, e->ctx, &hit, s, err);
    e->world->enter(e->ctx, NULL);
    if (fresh)
        done = make_current(e, fresh);
    else
        e->stats.failed_selections++;
    e->world->leave(e->ctx);
    if (done)
        instance_free(done);
    pthread_mutex_unlock(&e->selecting);
    return fresh ? 0 : -1;
}

/* Under lock: the instance loses its decisions; they notice at their next event. */
static void take_decisions_away(struct engine *e, struct instance *i)
{
    struct decision *d, *next;

    for (d = i->open; d; d = next) {
        next = d->next;
        d->instance = NULL;
        if (i->ops.outcome)
            e->stats.outcomes_dropped++;
    }
    i->open = NULL;
    i->pins = 0;
}

void engine_drain(struct engine *e)
{
    struct instance *i, *next, *done = NULL;
    uint64_t now;

    e->world->enter(e->ctx, NULL);
    now = e->world->now(e->ctx);
    for (i = e->retired; i; i = next) {
        next = i->next;
        if (now - i->retired_ns < e->settings.drain_timeout_ns || i->visitors)
            continue;
        take_decisions_away(e, i);
        take_if_done(e, i);
        i->next = done;
        done = i;
    }
    e->world->leave(e->ctx);
    for (i = done; i; i = next) {
        next = i->next;
        instance_free(i);
    }
}

uint64_t engine_tick(struct engine *e)
{
    struct p2p_node node = {.size = sizeof(node)};
    struct p2p_request rq = {
        .size = sizeof(rq), .event = P2P_EV_TICK, .from = P2P_NONE, .node = &node};
    uint64_t period = 0;

    e->world->enter(e->ctx, &rq);
    if (e->current && (period = e->current->ops.tick_ns) > 0) {
        struct p2p_action a;

        rq.host = &e->current->host;
        a = e->current->ops.decide(e->current->self, &rq);
        if (a.kind == P2P_DONE)
            e->stats.decisions[P2P_DONE]++;
        else
            e->stats.misbehaved[MISBEHAVED_ACTION]++;
    }
    e->world->leave(e->ctx);
    return period;
}

/* ---- asking ---- */

void engine_describe(struct engine *e, struct engine_current *out)
{
    const struct instance *i;

    memset(out, 0, sizeof(*out));
    e->world->enter(e->ctx, NULL);
    i = e->current;
    if (i) {
        snprintf(out->name, sizeof(out->name), "%s", i->name);
        snprintf(out->plugin, sizeof(out->plugin), "%s", i->ops.name);
        snprintf(out->full, sizeof(out->full), "%s", i->full);
        snprintf(out->file, sizeof(out->file), "%s", i->module ? i->module->file : "");
        snprintf(out->hash, sizeof(out->hash), "%s", i->module ? i->module->hash : "");
        out->by_alias = i->by_alias;
        out->n_params = i->n_params;
        out->generation = i->generation;
    }
    e->world->leave(e->ctx);
}

void engine_parameters(struct engine *e,
                       void (*param)(void *ctx, const struct p2p_param *p, const char *value),
                       void *ctx)
{
    struct instance *i, *done;

    /* Visited, not locked: what the caller does with it may take its time. */
    e->world->enter(e->ctx, NULL);
    i = e->current;
    if (i) {
        i->pins++;
        i->visitors++;
    }
    e->world->leave(e->ctx);
    if (!i)
        return;
    for (const struct p2p_param *p = i->ops.params; p && p->name; p++) {
        char value[256];

        params_format(p, i->self, value, sizeof(value));
        param(ctx, p, value);
    }
    e->world->enter(e->ctx, NULL);
    i->pins--;
    i->visitors--;
    done = take_if_done(e, i);
    e->world->leave(e->ctx);
    if (done)
        instance_free(done);
}

void engine_stats(struct engine *e, struct engine_stats *out)
{
    e->world->enter(e->ctx, NULL);
    *out = e->stats;
    e->world->leave(e->ctx);
}

void engine_plugin_metrics(struct engine *e,
                           void (*metric)(void *ctx, const char *name, const char *help,
                                          bool is_gauge, double value),
                           void *ctx)
{
    struct instance_metric *copy = calloc(INSTANCE_METRICS, sizeof(*copy));
    unsigned n = 0;

    if (!copy)
        return;
    e->world->enter(e->ctx, NULL);
    if (e->current) {
        n = e->current->n_metrics;
        memcpy(copy, e->current->metric, n * sizeof(*copy));
    }
    e->world->leave(e->ctx);
    for (unsigned k = 0; k < n; k++)
        metric(ctx, copy[k].name, copy[k].help, copy[k].is_gauge,
               copy[k].is_gauge ? copy[k].value.gauge : (double)copy[k].value.counter);
    free(copy);
}
