#include "engine/learning.h"

#include <stdlib.h>
#include <string.h>

#include "engine/private.h"
#include "engine/state.h"

/* ---- the selection that is remembered ---- */

static void forget(struct wanted *w)
{
    for (uint32_t k = 0; k < w->n; k++) {
        if (w->names)
            free(w->names[k]);
        free(w->values[k]);
    }
    free(w->names);
    free(w->values);
    free(w->name);
    memset(w, 0, sizeof(*w));
}

static int remember(struct wanted *w, const struct selection *s, char *err)
{
    bool whole;

    *w = (struct wanted){.name = strdup(s->name),
                         .names = s->names ? calloc(s->n + 1, sizeof(*w->names)) : NULL,
                         .values = calloc(s->n + 1, sizeof(*w->values))};
    whole = w->name && w->values && (w->names || !s->names);
    for (; whole && w->n < s->n; w->n++) {
        w->values[w->n] = strdup(s->values[w->n]);
        if (w->names)
            w->names[w->n] = strdup(s->names[w->n]);
        whole = w->values[w->n] && (!w->names || w->names[w->n]);
    }
    if (whole)
        return 0;
    snprintf(err, P2P_ERRLEN, "%s: out of memory", s->name);
    forget(w);
    return -1;
}

struct selection learning_selection(const struct wanted *w)
{
    return (struct selection){.name = w->name,
                              .names = (const char *const *)w->names,
                              .values = (const char *const *)w->values,
                              .n = w->n};
}

/* Under lock: the other selection becomes the one that is remembered; that which was goes
 * back with the offer. */
static void exchange(struct engine *e, struct offer *o)
{
    struct wanted before = e->learning.wanted;

    e->learning.wanted = o->wanted;
    e->learning.stats.selections += o->wanted.name != NULL;
    o->wanted = before;
}

/* ---- making an instance; all while selecting ---- */

static struct learner *prepare(struct engine *e, const struct selection *s, char *err)
{
    struct catalog_learner hit;

    if (catalog_find_learner(e->catalog, s->name, &hit, err))
        return NULL;
    return learner_new(e->world, e->ctx, &hit, s, err);
}

struct learner *learning_make(struct engine *e, const struct selection *s,
                              const struct p2p_space *space, char *err)
{
    struct learner *l = prepare(e, s, err);

    if (!l || learner_start(l, space, err) == 0)
        return l;
    learner_free(l);
    return NULL;
}

/* Episodes go on under a learner of the same space; those of another one need a table. */
static int give_table(struct engine *e, struct learner *l, char *err)
{
    struct learner *old = e->learning.learner;
    struct learner_settings s;
    char why[P2P_ERRLEN];

    if (old && space_same(&old->space, &l->space))
        return 0;
    e->world->enter(e->ctx, NULL);
    s = e->learning.settings;
    if (e->learning.first == 0)
        /* So far from those of an earlier run that a late reward finds no stranger's episode,
         * and so small that a double holds them. */
        e->learning.first = e->learning.next = 1 + (e->world->seed(e->ctx) >> 13);
    if (old)
        learning_learn(e, old); /* its successor will not see what waits */
    e->world->leave(e->ctx);
    l->episodes = episodes_new(s.most_episodes, s.batch, l->space.n_dims, why);
    if (l->episodes)
        return 0;
    snprintf(err, P2P_ERRLEN, "%s: %.200s", l->g.name, why);
    return -1;
}

/* With what the one before knows, if it takes that. */
static struct learner *make(struct engine *e, const struct selection *s,
                            const struct p2p_space *space, char *err)
{
    struct learner *old = e->learning.learner, *l = learning_make(e, s, space, err);

    if (!l || give_table(e, l, err))
        goto fail;
    if (!old || !space_alike(&old->space, space) || state_hand_over(&old->g, &l->g))
        return l;
    learner_free(l);
    l = learning_make(e, s, space, err);
    if (l && give_table(e, l, err) == 0)
        return l;
fail:
    if (l)
        learner_free(l);
    return NULL;
}

/* ---- binding; all under the lock ---- */

static void rebind(struct instance *i, struct learner *from, struct learner *to)
{
    if (!i || i->learner != from)
        return;
    from->bound--;
    i->learner = to;
    if (to)
        to->bound++;
}

static void rebind_all(struct engine *e, struct learner *from, struct learner *to)
{
    rebind(e->current, from, to);
    for (struct instance *i = e->retired; i; i = i->next)
        rebind(i, from, to);
}

/* Returns the one before when nobody asks it any more. */
static struct learner *take_over(struct engine *e, struct learner *made)
{
    struct learning *g = &e->learning;
    struct learner *old = g->learner;

    g->learner = made;
    made->engine = e;
    g->stats.instances++;
    if (!old)
        return NULL;
    if (!made->episodes) { /* the same space */
        made->episodes = old->episodes;
        old->episodes = NULL;
        rebind_all(e, old, made);
    }
    if (old->bound == 0) {
        pending_close(e, old);
        g->stats.instances--;
        return old;
    }
    old->next = g->old;
    g->old = old;
    return NULL;
}

/* The learner ends whoever asks it. */
static struct learner *drop(struct engine *e)
{
    struct learner *left = e->learning.learner;

    if (left) {
        pending_close(e, left);
        rebind_all(e, left, NULL);
        e->learning.learner = NULL;
        e->learning.stats.instances--;
    }
    return left;
}

struct learner *learning_bind(struct engine *e, struct instance *i, struct offer *o)
{
    struct learner *left = NULL;

    if (o->made)
        left = take_over(e, o->made);
    else if (o->is_other)
        left = drop(e);
    if (o->is_other)
        exchange(e, o);
    i->engine = e;
    i->learner = i->has_space ? e->learning.learner : NULL;
    if (i->learner)
        i->learner->bound++;
    return left;
}

void learning_unbind(struct engine *e, struct instance *i)
{
    struct learner *l = i->learner, **at;

    i->learner = NULL;
    if (!l || --l->bound > 0 || l == e->learning.learner)
        return;
    for (at = &e->learning.old; *at != l; at = &(*at)->next)
        ;
    *at = l->next;
    e->learning.stats.instances--;
    i->orphan = l;
}

/* ---- for a scheduler that is selected ---- */

struct offer learning_same_offer(const struct engine *e)
{
    return (struct offer){.selection = learning_selection(&e->learning.wanted)};
}

int learning_other_offer(struct engine *e, const struct selection *s, struct offer *o,
                         char err[P2P_ERRLEN])
{
    struct learner *l;

    *o = (struct offer){.is_other = true};
    if (!s)
        return 0;
    o->selection = *s;
    l = prepare(e, s, err);
    if (!l)
        return -1;
    learner_free(l);
    return remember(&o->wanted, s, err);
}

void learning_end_offer(struct offer *o)
{
    forget(&o->wanted);
}

int learning_allows(const struct offer *o, const struct instance *i, char err[P2P_ERRLEN])
{
    if (!(i->ops.flags & P2P_SCHED_NEEDS_LEARNER) || o->selection.name)
        return 0;
    snprintf(err, P2P_ERRLEN,
             "%s: it needs a learner, and none is selected; a node has learner.plugin in "
             "plugins.yaml, a scenario nodes.NAME.learner",
             i->g.name);
    return -1;
}

int learning_prepare(struct engine *e, const struct instance *i, struct offer *o,
                     char err[P2P_ERRLEN])
{
    const struct p2p_space *space = i->has_space ? &i->space : NULL;
    struct learner *now = e->learning.learner;

    if (!space && i->ops.flags & P2P_SCHED_NEEDS_LEARNER) {
        snprintf(err, P2P_ERRLEN, "%s: it needs a learner, but has no space() to tell what of",
                 i->g.name);
        return -1;
    }
    if (!o->selection.name)
        return 0;
    if (o->is_other && !space && now)
        space = &now->space; /* so that what it knows is not lost */
    if (!space || (!o->is_other && now && space_same(&now->space, space)))
        return 0;
    o->made = make(e, &o->selection, space, err);
    return o->made ? 0 : -2;
}

/* ---- selection ---- */

static bool change_current(struct engine *e, const struct learner *wanted)
{
    struct learner *now = e->learning.learner;
    bool changed;

    e->world->enter(e->ctx, NULL);
    changed = now && guest_may_become(&now->g, &wanted->g);
    if (changed)
        guest_become(&now->g, &wanted->g);
    e->world->leave(e->ctx);
    return changed;
}

/* What it will learn in: as the current scheduler says; one that asks nobody changes nothing. */
static const struct p2p_space *space_now(const struct engine *e)
{
    if (e->current && e->current->has_space)
        return &e->current->space;
    return e->learning.learner ? &e->learning.learner->space : NULL;
}

void learning_replace(struct engine *e, struct learner *made, struct offer *o)
{
    struct learner *left = NULL;

    e->world->enter(e->ctx, NULL);
    if (made) {
        left = take_over(e, made);
        if (e->current && e->current->has_space && !e->current->learner) {
            e->current->learner = made;
            made->bound++;
        }
    }
    if (o)
        exchange(e, o);
    e->world->leave(e->ctx);
    if (left)
        learner_free(left);
}

static int select_one(struct engine *e, const struct selection *s, struct offer *o, char *err)
{
    const struct p2p_space *space = space_now(e);
    struct learner *l = prepare(e, s, err), *made = NULL;
    bool changed;

    if (!l)
        return -1;
    changed = change_current(e, l);
    learner_free(l);
    if (!changed && space) {
        made = make(e, s, space, err);
        if (!made)
            return -1;
    }
    learning_replace(e, made, o);
    return 0;
}

static int select_none(struct engine *e, struct offer *o, char *err)
{
    struct learner *left;

    if (e->current && e->current->ops.flags & P2P_SCHED_NEEDS_LEARNER) {
        snprintf(err, P2P_ERRLEN, "%s needs a learner; select another scheduler first",
                 e->current->g.name);
        return -1;
    }
    e->world->enter(e->ctx, NULL);
    left = drop(e);
    exchange(e, o);
    e->world->leave(e->ctx);
    if (left)
        learner_free(left);
    return 0;
}

int engine_select_learner(struct engine *e, const struct selection *s, char err[P2P_ERRLEN])
{
    struct offer offer;
    int rc;

    pthread_mutex_lock(&e->selecting);
    rc = learning_other_offer(e, s, &offer, err);
    if (rc == 0)
        rc = s ? select_one(e, s, &offer, err) : select_none(e, &offer, err);
    learning_end_offer(&offer);
    if (rc) {
        e->world->enter(e->ctx, NULL);
        e->learning.stats.failed_selections++;
        e->world->leave(e->ctx);
    }
    pthread_mutex_unlock(&e->selecting);
    return rc;
}

/* ---- life ---- */

void learning_init(struct engine *e)
{
    e->learning.settings = (struct learner_settings)LEARNER_SETTINGS;
    pthread_mutex_init(&e->learning.saving, NULL);
}

void learning_release(struct engine *e)
{
    struct learner *l, *next;

    for (l = e->learning.old; l; l = next) {
        next = l->next;
        learner_free(l);
    }
    if (e->learning.learner)
        learner_free(e->learning.learner);
    forget(&e->learning.wanted);
    pthread_mutex_destroy(&e->learning.saving);
}

void engine_configure_learner(struct engine *e, const struct learner_settings *settings)
{
    e->world->enter(e->ctx, NULL);
    e->learning.settings = *settings;
    e->world->leave(e->ctx);
}
