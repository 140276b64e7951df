/*
 * learning_pending.c - choices of learners that work outside of the node.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/private.h"

const char *pending_end_name(enum pending_end e)
{
    static const char *const names[PENDING_ENDS] = {
        [PENDING_CHOSEN] = "chosen", [PENDING_NONE] = "none", [PENDING_LATE] = "late",
        [PENDING_STALE] = "stale",   [PENDING_LEFT] = "left", [PENDING_UNAWAITED] = "unawaited"};

    return names[e];
}

static struct pending **bucket_of(struct engine *e, uint64_t episode)
{
    return &e->learning.pendings.bucket[episode % PENDING_BUCKETS];
}

static void count(struct engine *e, enum pending_end end)
{
    e->learning.stats.pending[end]++;
}

static void forget(struct engine *e, struct pending *p)
{
    struct pending **at = bucket_of(e, p->episode);

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    e->learning.pendings.n--;
    p->decision->pending = NULL;
    free(p);
}

static void wake(struct engine *e, struct pending *p)
{
    if (p->waits)
        e->world->wake(p->decision, p->round);
    p->waits = false;
}

/* ---- asking ---- */

enum pending_found {
    PENDING_NOTHING, /* the learner was not asked */
    PENDING_STILL,
    PENDING_HERE, /* in p->choice */
    PENDING_OVER  /* none came */
};

bool pending_open(struct instance *i, uint64_t episode, uint64_t allowed, const float *state)
{
    struct engine *e = i->engine;
    size_t size = i->learner->space.n_dims * sizeof(*state);
    struct decision *d = i->deciding;
    struct pending *p = NULL, **at = bucket_of(e, episode);

    if (d && i->ops.flags & P2P_SCHED_AWAITS_LEARNER)
        p = malloc(sizeof(*p) + size);
    if (!p) {
        count(e, PENDING_UNAWAITED);
        return false;
    }
    *p = (struct pending){
        .next = *at, .episode = episode, .allowed = allowed, .learner = i->learner, .decision = d};
    memcpy(p->state, state, size);
    *at = p;
    e->learning.pendings.n++;
    d->pending = p;
    return true;
}

static enum pending_found find(const struct instance *i, struct pending **p)
{
    *p = i->deciding ? i->deciding->pending : NULL;
    if (!*p)
        return PENDING_NOTHING;
    if ((*p)->answered)
        return (*p)->chosen ? PENDING_HERE : PENDING_OVER;
    return (*p)->waited ? PENDING_OVER : PENDING_STILL;
}

bool pending_take(struct instance *i, uint64_t mask, struct p2p_choice *out, bool *asked)
{
    struct engine *e = i->engine;
    struct pending *p;
    enum pending_found found = find(i, &p);
    bool taken = false;

    *asked = found != PENDING_NOTHING;
    switch (found) {
    case PENDING_NOTHING:
        return false;
    case PENDING_STILL:
        *out = (struct p2p_choice){.episode = p->episode, .action = P2P_PENDING};
        return true;
    case PENDING_HERE:
        /* Meanwhile the world changed, and with it what is possible. */
        taken = !mask || mask >> p->choice.action & 1;
        count(e, taken ? PENDING_CHOSEN : PENDING_STALE);
        break;
    case PENDING_OVER:
        count(e, p->answered ? PENDING_NONE : PENDING_LATE);
        break;
    }
    if (taken) {
        *out = p->choice;
        learning_open(i, out, p->state);
    }
    forget(e, p);
    return taken;
}

/* ---- answering ---- */

bool pending_choose(struct learner *l, uint64_t episode, const struct p2p_choice *choice)
{
    struct engine *e = l->engine;
    struct pending *p = *bucket_of(e, episode);

    while (p && p->episode != episode)
        p = p->next;
    if (!p || p->answered || p->learner != l)
        return false;
    p->answered = true;
    p->chosen = choice != NULL;
    if (choice) {
        p->choice = *choice;
        learning_judge(e, l, p->allowed, &p->choice);
        p->choice.episode = episode;
    }
    wake(e, p);
    return true;
}

static struct learner *find_learner(struct engine *e, uint64_t generation)
{
    struct learner *l = e->learning.learner;

    if (l && l->g.generation == generation)
        return l;
    for (l = e->learning.old; l && l->g.generation != generation; l = l->next)
        ;
    return l;
}

bool engine_answered(struct engine *e, uint64_t generation, const struct p2p_http_answer *answer)
{
    struct learner *l;

    e->world->enter(e->ctx, NULL);
    l = find_learner(e, generation);
    if (l)
        l->ops.answered(l->g.self, answer);
    e->world->leave(e->ctx);
    return l != NULL;
}

/* ---- waiting ---- */

bool pending_awaits(const struct decision *d, struct p2p_action a)
{
    return d->pending && a.kind == P2P_WAIT && a.t == 0 && !d->pending->answered;
}

uint64_t pending_wait(struct decision *d, uint32_t round, uint64_t most_ns)
{
    struct pending *p = d->pending;
    uint64_t end = d->rq.deadline_ns ? d->rq.deadline_ns : d->rq.now_ns + most_ns;

    p->waits = true;
    p->round = round;
    return end > d->rq.now_ns ? end : d->rq.now_ns;
}

void pending_resume(struct decision *d)
{
    if (!d->pending || !d->pending->waits)
        return;
    d->pending->waits = false;
    d->pending->waited = true;
}

/* ---- ends ---- */

void pending_drop(struct decision *d)
{
    if (!d->pending)
        return;
    count(d->engine, PENDING_LEFT);
    forget(d->engine, d->pending);
}

void pending_abandon(struct decision *d)
{
    if (!d->pending)
        return;
    wake(d->engine, d->pending);
    pending_drop(d);
}

void pending_close(struct engine *e, const struct learner *l)
{
    for (unsigned b = 0; b < PENDING_BUCKETS && e->learning.pendings.n; b++)
        for (struct pending *p = e->learning.pendings.bucket[b]; p; p = p->next) {
            if (p->learner != l || p->answered)
                continue;
            p->answered = true;
            wake(e, p);
        }
}
