#include "host/training.h"

#include <stdlib.h>
#include <string.h>

void training_init(struct training *t)
{
    memset(t, 0, sizeof(*t));
    pthread_mutex_init(&t->lock, NULL);
}

static void forget(struct training *t)
{
    for (uint32_t i = 0; i < t->n; i++)
        free(t->waiting[i].state);
    t->n = t->n_known = t->at = 0;
    t->stats = (struct training_stats){0};
}

void training_release(struct training *t)
{
    forget(t);
    pthread_mutex_destroy(&t->lock);
}

void training_clear(struct training *t)
{
    pthread_mutex_lock(&t->lock);
    forget(t);
    pthread_mutex_unlock(&t->lock);
}

static struct training_entry *find(struct training *t, uint64_t eid)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (t->waiting[i].eid == eid)
            return &t->waiting[i];
    return NULL;
}

static bool is_known(struct training *t, uint64_t eid)
{
    for (uint32_t i = 0; i < t->n_known; i++)
        if (t->known[i] == eid)
            return true;
    return find(t, eid) != NULL;
}

static void note(struct training *t, uint64_t eid)
{
    t->known[t->at] = eid;
    t->at = (t->at + 1) % TRAINING_MOST;
    t->n_known += t->n_known < TRAINING_MOST;
    t->stats.eid_last = eid;
}

/* `after` may be NULL: nothing came of it. */
static void train(struct training *t, struct training_entry *e, const struct training_entry *after,
                  training_sink *sink, void *ctx)
{
    struct p2p_transition transition = {
        .episode = e->eid, .state = e->state, .action = e->action, .reward = e->reward};

    if (after && after->n_state == e->n_state) {
        transition.next = after->state;
        transition.next_action = 1 + (uint64_t)after->action;
    }
    if (sink(ctx, &transition, e->n_state))
        t->stats.refused++;
    else
        t->stats.trained++;
    note(t, e->eid);
    free(e->state);
    t->n--;
    memmove(e, e + 1, (size_t)(t->waiting + t->n - e) * sizeof(*e));
}

/* Those that waited for long are no longer waited with; the first came first. */
static void give_up(struct training *t, training_sink *sink, void *ctx)
{
    while (t->n == TRAINING_MOST || (t->n && t->waiting[0].later > TRAINING_PATIENCE))
        train(t, &t->waiting[0], NULL, sink, ctx);
}

int training_add(struct training *t, const struct train_item *item, training_sink *sink, void *ctx)
{
    size_t size = item->n_state * sizeof(*item->state);
    float *state = malloc(size);
    struct training_entry *e;

    if (!state)
        return -1;
    memcpy(state, item->state, size);
    pthread_mutex_lock(&t->lock);
    if (item->eid > t->stats.eid_max)
        t->stats.eid_max = item->eid;
    if (is_known(t, item->eid)) {
        t->stats.duplicates++;
        free(state);
        goto end;
    }
    for (uint32_t i = 0; i < t->n; i++)
        t->waiting[i].later++;
    give_up(t, sink, ctx);
    t->waiting[t->n++] = (struct training_entry){.eid = item->eid,
                                                 .action = item->action,
                                                 .n_state = item->n_state,
                                                 .reward = item->reward,
                                                 .state = state};
    e = item->eid ? find(t, item->eid - 1) : NULL;
    if (e)
        train(t, e, &t->waiting[t->n - 1], sink, ctx);
    e = find(t, item->eid + 1);
    if (e)
        train(t, &t->waiting[t->n - 1], e, sink, ctx);
end:
    pthread_mutex_unlock(&t->lock);
    return 0;
}

void training_tell(struct training *t, struct training_stats *out)
{
    pthread_mutex_lock(&t->lock);
    *out = t->stats;
    out->pending = t->n;
    pthread_mutex_unlock(&t->lock);
}
