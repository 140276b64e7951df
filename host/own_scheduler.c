#include "host/own_scheduler.h"

#include <stdlib.h>

#include "host/log.h"

/* ---- life ---- */

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    struct own_scheduler *o = w->data;
    uint64_t period = o->in_use ? engine_tick(o->engine) : 0;

    (void)events;
    w->repeat = (double)period / 1e9;
    ev_timer_again(loop, w); /* without a period it stops */
}

static struct own_scheduler *make(struct node *n, uint32_t function, char *err)
{
    struct engine_settings settings = node_engine_settings(&n->config->config);
    struct own_scheduler *o = calloc(1, sizeof(*o));

    if (o) {
        o->refs = 1;
        o->owner = (struct engine_owner){n, function};
        o->engine = engine_new(n->catalog, &host_world, &o->owner, &settings);
        ev_timer_init(&o->tick, on_tick, 0, 0);
        o->tick.data = o;
    }
    if (o && o->engine)
        return o;
    snprintf(err, P2P_ERRLEN, "out of memory");
    free(o);
    return NULL;
}

struct own_scheduler *own_scheduler_ref(struct own_scheduler *o)
{
    o->refs++;
    return o;
}

static void destroy(struct own_scheduler *o)
{
    engine_free(o->engine);
    free(o);
}

void own_scheduler_unref(struct own_scheduler *o)
{
    if (!o || --o->refs > 0)
        return;
    ev_timer_stop(o->owner.node->shards[0].reactor.loop, &o->tick);
    destroy(o);
}

/* ---- selection ---- */

static int check_learner(struct node *n, const struct selection *s, char *err)
{
    struct catalog_hit hit;
    bool learns;

    if (catalog_find(n->catalog, s->name, &hit, err))
        return -1;
    learns = hit.scheduler->flags & P2P_SCHED_NEEDS_LEARNER;
    module_unref(hit.module);
    if (!learns)
        return 0;
    snprintf(err, P2P_ERRLEN,
             "scheduler '%.48s' needs a learner, which only the node's scheduler has; allowed: as "
             "scheduler.plugin of the node, or one that needs none",
             s->name);
    return -1;
}

int own_scheduler_check(struct node *n, const struct selection *s, char err[P2P_ERRLEN])
{
    return check_learner(n, s, err) || engine_check(n->engine, s, err) ? -1 : 0;
}

static void say_selected(const struct own_scheduler *o)
{
    struct engine_current now;

    engine_describe(o->engine, &now);
    log_event(LOG_INFO, "scheduler selected",
              LOG_STR("function", function_name(&o->owner.node->names, o->owner.function)),
              LOG_STR("scheduler", now.full), LOG_STR("file", now.file),
              LOG_INT("generation", now.generation));
}

struct own_scheduler *own_scheduler_make(struct node *n, uint32_t function,
                                         const struct selection *s, char err[P2P_ERRLEN])
{
    struct own_scheduler *o = check_learner(n, s, err) ? NULL : make(n, function, err);

    if (o && engine_select(o->engine, s, err)) {
        destroy(o);
        return NULL;
    }
    return o;
}

int own_scheduler_select(struct own_scheduler *o, const struct selection *s, char err[P2P_ERRLEN])
{
    if (check_learner(o->owner.node, s, err) || engine_select(o->engine, s, err))
        return -1;
    o->in_use = true;
    say_selected(o);
    return 0;
}

void own_scheduler_use(struct function *f, struct own_scheduler *o)
{
    o->in_use = true;
    f->own = o;
    say_selected(o);
}

void own_scheduler_drop(struct own_scheduler *o)
{
    if (o)
        destroy(o);
}

void own_scheduler_give_up(struct node *n, struct function *f)
{
    if (!own_scheduler_of(f))
        return;
    f->own->in_use = false;
    log_event(LOG_INFO, "the node's scheduler decides",
              LOG_STR("function", function_name(&n->names, f->id)));
}

/* ---- all of them ---- */

void own_schedulers_housekeep(struct node *n)
{
    struct ev_loop *loop = n->shards[0].reactor.loop;

    for (unsigned i = 0; n->functions && i < n->functions->n; i++) {
        struct own_scheduler *o = n->functions->entries[i].function->own;
        uint64_t period;

        if (!o)
            continue;
        engine_drain(o->engine);
        period = o->in_use && !ev_is_active(&o->tick) ? engine_period(o->engine) : 0;
        if (period > 0) {
            o->tick.repeat = (double)period / 1e9;
            ev_timer_again(loop, &o->tick);
        }
    }
}

void own_schedulers_configure(struct node *n)
{
    struct engine_settings settings = node_engine_settings(&n->config->config);

    for (unsigned i = 0; i < n->functions->n; i++)
        if (n->functions->entries[i].function->own)
            engine_configure(n->functions->entries[i].function->own->engine, &settings);
}
