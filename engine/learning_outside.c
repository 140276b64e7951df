/*
 * learning_outside.c - the learner asked, taught and looked at by whoever calls the node.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/params.h"
#include "engine/private.h"

/* Under lock: may it be asked about a state of n numbers? */
static int check_state(const struct learner *l, const float *state, uint32_t n, char *err)
{
    if (!l) {
        snprintf(err, P2P_ERRLEN, "there is no learner at work; a scheduler that asks one is");
        return -1;
    }
    if (n != l->space.n_dims) {
        snprintf(err, P2P_ERRLEN, "the state has %u numbers; %s learns in %u", n, l->g.name,
                 l->space.n_dims);
        return -1;
    }
    for (uint32_t k = 0; k < n; k++)
        if (!isfinite(state[k])) {
            snprintf(err, P2P_ERRLEN, "number %u of the state is not finite", k);
            return -1;
        }
    return 0;
}

static int act_locked(struct engine *e, const float *state, uint32_t n, struct p2p_choice *out,
                      char *err)
{
    struct learner *l = e->learning.learner;
    struct episode episode;

    if (check_state(l, state, n, err))
        return -1;
    if (l->ops.answered) {
        snprintf(err, P2P_ERRLEN, "%s works outside of this node; ask it there", l->g.name);
        return -1;
    }
    *out = (struct p2p_choice){0};
    /* Who asks from outside does not know what is possible; all is while nobody else asked. */
    l->ops.act(l->g.self, state, l->possible, out);
    if (out->action >= l->space.n_actions) {
        e->stats.misbehaved[MISBEHAVED_LEARNER]++;
        snprintf(err, P2P_ERRLEN, "%s chose action %u of %u", l->g.name, out->action,
                 l->space.n_actions);
        return -1;
    }
    if (!(out->epsilon >= 0 && out->epsilon <= 1))
        out->epsilon = 0;
    out->episode = e->learning.next++;
    episode = (struct episode){
        .id = out->episode, .began_ns = e->world->now(e->ctx), .action = out->action};
    episode.deadline_ns = episode.began_ns + e->learning.settings.expiry_ns;
    e->learning.stats.crowded += episodes_open(l->episodes, &episode, state);
    e->learning.stats.choices++;
    return 0;
}

int engine_act(struct engine *e, const float *state, uint32_t n, struct p2p_choice *out,
               char err[P2P_ERRLEN])
{
    int rc;

    e->world->enter(e->ctx, NULL);
    rc = act_locked(e, state, n, out, err);
    e->world->leave(e->ctx);
    return rc;
}

static int train_locked(struct engine *e, const struct p2p_transition *t, uint32_t n, char *err)
{
    struct learner *l = e->learning.learner;

    if (check_state(l, t->state, n, err) || (t->next && check_state(l, t->next, n, err)))
        return -1;
    if (!isfinite(t->reward)) {
        snprintf(err, P2P_ERRLEN, "the reward is not finite");
        return -1;
    }
    if (t->action >= l->space.n_actions || t->next_action > l->space.n_actions) {
        snprintf(err, P2P_ERRLEN, "there is no such action; allowed: 0 to %u",
                 l->space.n_actions - 1);
        return -1;
    }
    episodes_put(l->episodes, t, e->world->now(e->ctx));
    if (episodes_full(l->episodes))
        learning_learn(e, l);
    return 0;
}

int engine_train(struct engine *e, const struct p2p_transition *t, uint32_t n, char err[P2P_ERRLEN])
{
    int rc;

    e->world->enter(e->ctx, NULL);
    rc = train_locked(e, t, n, err);
    e->world->leave(e->ctx);
    return rc;
}

bool engine_gave_episode(struct engine *e, uint64_t id)
{
    bool gave;

    e->world->enter(e->ctx, NULL);
    gave = id >= e->learning.first && id < e->learning.next;
    e->world->leave(e->ctx);
    return gave;
}

/* ---- what it knows ---- */

int engine_learner_values(struct engine *e, const float *state, uint32_t n, float *out,
                          char err[P2P_ERRLEN])
{
    struct learner *l;
    int rc = -1;

    e->world->enter(e->ctx, NULL);
    l = e->learning.learner;
    if (check_state(l, state, n, err) == 0) {
        if (l->ops.values) {
            learning_learn(e, l);
            l->ops.values(l->g.self, state, out);
            rc = (int)l->space.n_actions;
        } else {
            snprintf(err, P2P_ERRLEN, "%s does not tell values: it has no values()", l->g.name);
        }
    }
    e->world->leave(e->ctx);
    return rc;
}

uint32_t engine_learner_known(struct engine *e, uint64_t from, uint32_t most, uint32_t n_dims,
                              uint32_t n_actions, float *states, float *values)
{
    struct learner *l;
    uint32_t n = 0;

    e->world->enter(e->ctx, NULL);
    l = e->learning.learner;
    if (l && l->ops.known && l->ops.values && l->space.n_dims == n_dims &&
        l->space.n_actions == n_actions) {
        if (from == 0)
            learning_learn(e, l);
        while (n < most && l->ops.known(l->g.self, from + n, states + (size_t)n * n_dims)) {
            l->ops.values(l->g.self, states + (size_t)n * n_dims, values + (size_t)n * n_actions);
            n++;
        }
    }
    e->world->leave(e->ctx);
    return n;
}

/* The values are copied, and the module, in which the table lies, is kept: what the caller
 * does with them may take its time. */
void engine_learner_parameters(struct engine *e,
                               void (*param)(void *ctx, const struct p2p_param *p,
                                             const char *value),
                               void *ctx)
{
    enum { VALUE = 256 };
    const struct p2p_param *table = NULL;
    struct module *module = NULL;
    char(*values)[VALUE] = NULL;
    struct learner *l;
    uint32_t n = 0;

    e->world->enter(e->ctx, NULL);
    l = e->learning.learner;
    if (l) {
        table = l->ops.params;
        n = params_count(table);
        values = calloc(n + 1, sizeof(*values));
        module = module_ref(l->g.module);
    }
    for (uint32_t k = 0; values && k < n; k++)
        params_format(&table[k], l->g.self, values[k], sizeof(values[k]));
    e->world->leave(e->ctx);
    for (uint32_t k = 0; values && k < n; k++)
        param(ctx, &table[k], values[k]);
    free(values);
    if (module)
        module_unref(module);
}

/* ---- anew ---- */

/* While selecting. */
static int reset(struct engine *e, char *err)
{
    struct selection s = learning_selection(&e->learning.wanted);
    const struct p2p_transition *dropped;
    struct learner *now = e->learning.learner, *made;

    if (!now) {
        snprintf(err, P2P_ERRLEN, "there is no learner at work");
        return -1;
    }
    made = learning_make(e, &s, &now->space, err);
    if (!made)
        return -1;
    e->world->enter(e->ctx, NULL);
    episodes_take(now->episodes, &dropped);
    e->world->leave(e->ctx);
    learning_replace(e, made, NULL);
    return 0;
}

int engine_learner_reset(struct engine *e, char err[P2P_ERRLEN])
{
    int rc;

    pthread_mutex_lock(&e->selecting);
    rc = reset(e, err);
    pthread_mutex_unlock(&e->selecting);
    return rc;
}
