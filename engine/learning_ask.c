/*
 * learning_ask.c - what learns, and what waits for its reward, told to others.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/private.h"

void engine_learner_describe(struct engine *e, struct engine_learner *out)
{
    const struct learner *l;

    memset(out, 0, sizeof(*out));
    e->world->enter(e->ctx, NULL);
    l = e->learning.learner;
    if (e->learning.wanted.name)
        snprintf(out->plugin, sizeof(out->plugin), "%s", e->learning.wanted.name);
    if (l) {
        out->at_work = true;
        out->asked = e->current && e->current->learner == l;
        out->saves = l->ops.save && l->ops.load && l->ops.state_format;
        out->outside = l->ops.answered != NULL;
        snprintf(out->full, sizeof(out->full), "%s", l->g.full);
        snprintf(out->format, sizeof(out->format), "%s",
                 l->ops.state_format ? l->ops.state_format : "");
        snprintf(out->hash, sizeof(out->hash), "%s", l->g.module->hash);
        out->n_dims = l->space.n_dims;
        out->n_actions = l->space.n_actions;
        out->generation = l->g.generation;
    }
    e->world->leave(e->ctx);
}

void engine_learner_stats(struct engine *e, struct learner_stats *out)
{
    e->world->enter(e->ctx, NULL);
    *out = e->learning.stats;
    if (e->learning.learner)
        out->open += episodes_count(e->learning.learner->episodes);
    for (const struct learner *l = e->learning.old; l; l = l->next)
        out->open += episodes_count(l->episodes);
    out->awaited = e->learning.pendings.n;
    e->world->leave(e->ctx);
}

void engine_learner_metrics(struct engine *e,
                            void (*metric)(void *ctx, const char *name, const char *help,
                                           bool is_gauge, double value),
                            void *ctx)
{
    struct guest_metric *copy = calloc(GUEST_METRICS, sizeof(*copy));
    unsigned n = 0;

    if (!copy)
        return;
    e->world->enter(e->ctx, NULL);
    if (e->learning.learner)
        n = guest_copy_metrics(&e->learning.learner->g, copy);
    e->world->leave(e->ctx);
    guest_tell_metrics(copy, n, metric, ctx);
    free(copy);
}

bool engine_episode(struct engine *e, uint64_t id, struct engine_episode *out, float *state,
                    uint32_t most)
{
    const struct episode *episode;
    const float *its_state;
    struct learner *l;

    e->world->enter(e->ctx, NULL);
    l = learning_find(e, id);
    episode = l ? episodes_find(l->episodes, id, &its_state) : NULL;
    if (episode) {
        uint32_t n = l->space.n_dims;

        *out = (struct engine_episode){.began_ns = episode->began_ns,
                                       .deadline_ns = episode->deadline_ns,
                                       .generation = episode->generation,
                                       .action = episode->action,
                                       .n_state = n};
        memcpy(state, its_state, (n < most ? n : most) * sizeof(*state));
    }
    e->world->leave(e->ctx);
    return episode != NULL;
}
