#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "engine/params.h"
#include "engine/private.h"
#include "engine/state.h"

const char *misbehaviour_name(enum misbehaviour m)
{
    static const char *const names[MISBEHAVED_KINDS] = {
        [MISBEHAVED_ACTION] = "illegal_action",       [MISBEHAVED_PEER] = "unknown_peer",
        [MISBEHAVED_PROBES] = "bad_probes",           [MISBEHAVED_STEPS] = "too_many_steps",
        [MISBEHAVED_DEADLINE] = "wait_past_deadline", [MISBEHAVED_LEARNER] = "learner_action",
        [MISBEHAVED_ASKING] = "learner_call"};

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
            learning_unbind(e, i);
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
    learning_init(e);
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
    learning_release(e);
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

/* What nobody needs any more once the next one is there. */
struct left_over {
    struct instance *scheduler;
    struct learner *learner;
};

/* Under lock. */
static struct left_over make_current(struct engine *e, struct instance *i, struct offer *offer)
{
    struct instance *old = e->current;
    struct left_over left = {.learner = learning_bind(e, i, offer)};

    e->current = i;
    e->stats.selections++;
    e->stats.instances++;
    if (!old)
        return left;
    old->retired = true;
    old->retired_ns = e->world->now(e->ctx);
    old->next = e->retired;
    e->retired = old;
    left.scheduler = take_if_done(e, old);
    return left;
}

/* An instance with these parameters that is not started yet. */
static struct instance *prepare(struct engine *e, const struct selection *s, char *err)
{
    struct catalog_hit hit;

    if (catalog_find(e->catalog, s->name, &hit, err))
        return NULL;
    return instance_new(e->world, e->ctx, &hit, s, err);
}

/* The current instance takes the parameters, if they may change while it runs. */
static bool change_current(struct engine *e, const struct instance *wanted)
{
    bool changed;

    e->world->enter(e->ctx, NULL);
    changed = e->current && guest_may_become(&e->current->g, &wanted->g);
    if (changed) {
        guest_become(&e->current->g, &wanted->g);
        e->stats.selections++;
    }
    e->world->leave(e->ctx);
    return changed;
}

/* A started instance, with what the current one knows.  One that refused that is made anew. */
static struct instance *start(struct engine *e, struct instance *fresh, const struct selection *s,
                              char *err)
{
    if (instance_start(fresh, err))
        goto fail;
    if (!e->current || state_hand_over(&e->current->g, &fresh->g))
        return fresh;
    instance_free(fresh);
    fresh = prepare(e, s, err);
    if (fresh && instance_start(fresh, err) == 0)
        return fresh;
fail:
    if (fresh)
        instance_free(fresh);
    return NULL;
}

static void take_over(struct engine *e, struct instance *fresh, struct offer *offer)
{
    struct left_over left;

    e->world->enter(e->ctx, NULL);
    left = make_current(e, fresh, offer);
    e->world->leave(e->ctx);
    if (left.scheduler)
        instance_free(left.scheduler);
    if (left.learner)
        learner_free(left.learner);
}

/* While selecting. */
static int select_with(struct engine *e, const struct selection *s, struct offer *offer, char *err)
{
    struct instance *fresh = prepare(e, s, err);

    if (!fresh)
        return -1;
    if (!offer->is_other && change_current(e, fresh)) {
        instance_free(fresh);
        return 0;
    }
    if (learning_allows(offer, fresh, err)) {
        instance_free(fresh);
        return -1;
    }
    fresh = start(e, fresh, s, err);
    if (!fresh)
        return -1;
    switch (learning_prepare(e, fresh, offer, err)) {
    case 0:
        take_over(e, fresh, offer);
        return 0;
    case -1:
        instance_free(fresh);
        return -1;
    default:
        instance_free(fresh);
        return -2;
    }
}

static int count_failure(struct engine *e, int rc)
{
    if (rc == 0)
        return 0;
    e->world->enter(e->ctx, NULL);
    if (rc == -1)
        e->stats.failed_selections++;
    else
        e->learning.stats.failed_selections++;
    e->world->leave(e->ctx);
    return rc;
}

int engine_select(struct engine *e, const struct selection *s, char err[P2P_ERRLEN])
{
    struct offer offer;
    int rc;

    pthread_mutex_lock(&e->selecting);
    offer = learning_same_offer(e);
    rc = count_failure(e, select_with(e, s, &offer, err) ? -1 : 0);
    pthread_mutex_unlock(&e->selecting);
    return rc;
}

int engine_check(struct engine *e, const struct selection *s, char err[P2P_ERRLEN])
{
    struct instance *i = prepare(e, s, err);

    if (!i)
        return -1;
    instance_free(i);
    return 0;
}

int engine_select_pair(struct engine *e, const struct selection *scheduler,
                       const struct selection *learner, char err[P2P_ERRLEN])
{
    struct offer offer;
    int rc = -2;

    pthread_mutex_lock(&e->selecting);
    if (learning_other_offer(e, learner, &offer, err) == 0)
        rc = select_with(e, scheduler, &offer, err);
    learning_end_offer(&offer);
    count_failure(e, rc);
    pthread_mutex_unlock(&e->selecting);
    return rc;
}

/* Under lock: the instance loses its decisions; they notice at their next event. */
static void take_decisions_away(struct engine *e, struct instance *i)
{
    struct decision *d, *next;

    for (d = i->open; d; d = next) {
        next = d->next;
        d->instance = NULL;
        pending_abandon(d);
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
    learning_go_on(e, now);
    e->world->leave(e->ctx);
    for (i = done; i; i = next) {
        next = i->next;
        instance_free(i);
    }
}

size_t engine_room(struct engine *e)
{
    size_t bytes;

    e->world->enter(e->ctx, NULL);
    bytes = e->current ? decision_bytes(e->current) : 0;
    e->world->leave(e->ctx);
    return bytes;
}

uint64_t engine_period(struct engine *e)
{
    uint64_t period;

    e->world->enter(e->ctx, NULL);
    period = e->current ? e->current->ops.tick_ns : 0;
    e->world->leave(e->ctx);
    return period;
}

uint64_t engine_tick(struct engine *e)
{
    struct p2p_node node = {.size = sizeof(node)};
    struct p2p_request rq = {
        .size = sizeof(rq), .event = P2P_EV_TICK, .from = P2P_NONE, .node = &node};
    uint64_t period = 0;

    e->world->enter(e->ctx, &rq);
    if (e->current && (period = e->current->ops.tick_ns) > 0) {
        enum misbehaviour wrong;
        struct p2p_action a;

        rq.host = &e->current->g.host;
        a = e->current->ops.decide(e->current->g.self, &rq);
        wrong = decision_judge(&rq, a, false);
        if (wrong == MISBEHAVED_KINDS)
            e->stats.decisions[a.kind]++;
        else
            e->stats.misbehaved[wrong]++;
    }
    learning_go_on(e, rq.now_ns);
    e->world->leave(e->ctx);
    return period;
}

bool engine_hear(struct engine *e, uint32_t from, const char *scheduler, const void *message,
                 uint32_t len)
{
    struct p2p_node node = {.size = sizeof(node)};
    struct p2p_request rq = {.size = sizeof(rq), .event = P2P_EV_TICK, .from = from, .node = &node};
    uint64_t copy[P2P_MESSAGE_MAX / sizeof(uint64_t)];
    struct instance *i;
    bool listens;

    if (len == 0 || len > sizeof(copy))
        return false;
    memcpy(copy, message, len);
    e->world->enter(e->ctx, &rq);
    i = e->current;
    listens = i && i->ops.heard && strcmp(i->ops.name, scheduler) == 0;
    if (listens) {
        rq.host = &i->g.host;
        i->ops.heard(i->g.self, &rq, copy, len);
    }
    e->world->leave(e->ctx);
    return listens;
}

/* ---- asking ---- */

void engine_describe(struct engine *e, struct engine_current *out)
{
    const struct instance *i;

    memset(out, 0, sizeof(*out));
    e->world->enter(e->ctx, NULL);
    i = e->current;
    if (i) {
        snprintf(out->name, sizeof(out->name), "%s", i->g.name);
        snprintf(out->plugin, sizeof(out->plugin), "%s", i->ops.name);
        snprintf(out->full, sizeof(out->full), "%s", i->g.full);
        snprintf(out->file, sizeof(out->file), "%s", i->g.module ? i->g.module->file : "");
        snprintf(out->hash, sizeof(out->hash), "%s", i->g.module ? i->g.module->hash : "");
        out->by_alias = i->g.by_alias;
        out->n_params = i->g.n_params;
        out->generation = i->g.generation;
    }
    e->world->leave(e->ctx);
}

void engine_parameters(struct engine *e,
                       void (*param)(void *ctx, const struct p2p_param *p, const char *value),
                       void *ctx)
{
    enum { VALUE = 256 };
    struct instance *i, *done;
    char(*values)[VALUE] = NULL;
    uint32_t n = 0;

    /* The values are copied and the table is visited, not locked: what the caller does
     * with them may take its time. */
    e->world->enter(e->ctx, NULL);
    i = e->current;
    if (i) {
        n = params_count(i->ops.params);
        values = calloc(n + 1, sizeof(*values));
    }
    for (uint32_t k = 0; values && k < n; k++)
        params_format(&i->ops.params[k], i->g.self, values[k], sizeof(values[k]));
    if (values) {
        i->pins++;
        i->visitors++;
    }
    e->world->leave(e->ctx);
    if (!values)
        return;
    for (uint32_t k = 0; k < n; k++)
        param(ctx, &i->ops.params[k], values[k]);
    free(values);
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
    struct guest_metric *copy = calloc(GUEST_METRICS, sizeof(*copy));
    unsigned n = 0;

    if (!copy)
        return;
    e->world->enter(e->ctx, NULL);
    if (e->current)
        n = guest_copy_metrics(&e->current->g, copy);
    e->world->leave(e->ctx);
    guest_tell_metrics(copy, n, metric, ctx);
    free(copy);
}
