/*
 * learning_act.c - choices and their rewards.
 */
#include <math.h>

#include "engine/private.h"

enum { EXPIRED_AT_ONCE = 4096 }; /* the lock is held */

const char *reward_verdict_name(enum reward_verdict v)
{
    static const char *const names[REWARD_VERDICTS] = {
        [REWARD_TAKEN] = "taken",         [REWARD_NOT_FINITE] = "not_finite",
        [REWARD_BAD_NEXT] = "bad_next",   [REWARD_UNKNOWN] = "unknown",
        [REWARD_DUPLICATE] = "duplicate", [REWARD_EXPIRED] = "expired"};

    return names[v];
}

static bool all_finite(const float *numbers, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        if (!isfinite(numbers[k]))
            return false;
    return true;
}

/* ---- choices ---- */

static uint64_t actions_of(const struct learner *l)
{
    return l->space.n_actions >= 64 ? UINT64_MAX : (UINT64_C(1) << l->space.n_actions) - 1;
}

/* Of up to 64: 32 random bits leave no bias that can be seen. */
static uint32_t draw_action(struct engine *e, uint64_t allowed)
{
    uint64_t left = (e->world->seed(e->ctx) >> 32) * (uint64_t)__builtin_popcountll(allowed) >> 32;

    while (left-- > 0)
        allowed &= allowed - 1;
    return (uint32_t)__builtin_ctzll(allowed);
}

/* What breaks the rules becomes any action that is allowed. */
void learning_judge(struct engine *e, const struct learner *l, uint64_t allowed,
                    struct p2p_choice *c)
{
    if (c->action >= l->space.n_actions || !(allowed >> c->action & 1) || !isfinite(c->value)) {
        e->stats.misbehaved[MISBEHAVED_LEARNER]++;
        *c = (struct p2p_choice){.action = draw_action(e, allowed), .explored = 1};
    }
    c->explored = c->explored != 0;
    if (!(c->epsilon >= 0 && c->epsilon <= 1))
        c->epsilon = 0;
}

bool learning_choose(struct learner *l, uint64_t episode, const struct p2p_choice *choice)
{
    struct asking *now = l->engine->learning.asking;

    if (!now || now->episode != episode)
        return pending_choose(l, episode, choice);
    if (now->told)
        return false;
    now->told = true;
    now->chosen = choice != NULL;
    if (choice)
        now->choice = *choice;
    return true;
}

/* False when it has none to give.  The action is P2P_PENDING when the decision is to wait. */
static bool ask_learner(struct instance *i, const float *state, uint64_t mask, uint64_t allowed,
                        struct p2p_choice *c)
{
    struct learner *l = i->learner;
    struct engine *e = i->engine;
    struct asking asking = {.episode = e->learning.next++};

    *c = (struct p2p_choice){.episode = asking.episode};
    l->possible |= allowed;
    e->learning.asking = &asking;
    l->ops.act(l->g.self, state, mask ? allowed : 0, c);
    e->learning.asking = NULL;
    if (c->action == P2P_PENDING && asking.told) {
        if (!asking.chosen) {
            e->learning.stats.pending[PENDING_NONE]++;
            return false;
        }
        *c = asking.choice;
    }
    c->episode = asking.episode;
    if (c->action == P2P_PENDING)
        return pending_open(i, asking.episode, allowed, state);
    learning_judge(e, l, allowed, c);
    c->episode = asking.episode;
    return true;
}

void learning_open(struct instance *i, const struct p2p_choice *choice, const float *state)
{
    struct engine *e = i->engine;
    struct episode episode = {.id = choice->episode,
                              .began_ns = e->world->now(e->ctx),
                              .generation = i->g.generation,
                              .action = choice->action};

    episode.deadline_ns = episode.began_ns + e->learning.settings.expiry_ns;
    e->learning.stats.crowded += episodes_open(i->learner->episodes, &episode, state);
    e->learning.stats.choices++;
    if (i->deciding)
        decision_note_choice(i->deciding, choice, state, i->learner->space.n_dims);
}

bool learning_act(struct instance *i, const float *state, uint64_t mask, struct p2p_choice *out)
{
    struct learner *l = i->g.started && !i->g.may_alloc ? i->learner : NULL;
    struct engine *e = i->engine;
    uint64_t allowed;
    bool asked, answer;

    if (!l)
        return false;
    answer = pending_take(i, mask, out, &asked);
    if (asked)
        return answer;
    allowed = mask ? mask & actions_of(l) : actions_of(l);
    if (!allowed || !all_finite(state, l->space.n_dims)) {
        e->stats.misbehaved[MISBEHAVED_ASKING]++;
        return false;
    }
    if (!ask_learner(i, state, mask, allowed, out))
        return false;
    if (out->action != P2P_PENDING)
        learning_open(i, out, state);
    return true;
}

/* ---- rewards ---- */

void learning_learn(struct engine *e, struct learner *l)
{
    const struct p2p_transition *batch;
    uint32_t n = episodes_take(l->episodes, &batch);

    if (n == 0)
        return;
    l->ops.learn(l->g.self, batch, n);
    e->learning.stats.batches++;
    e->learning.stats.transitions += n;
}

struct learner *learning_find(struct engine *e, uint64_t id)
{
    struct learner *l = e->learning.learner;

    if (l && episodes_know(l->episodes, id))
        return l;
    for (l = e->learning.old; l && !episodes_know(l->episodes, id); l = l->next)
        ;
    return l;
}

static enum reward_verdict judge(struct engine *e, uint64_t id, float reward, const float *next,
                                 uint32_t n_next, uint64_t next_action)
{
    struct learner *l;
    enum reward_verdict v;

    if (!isfinite(reward) || (next && !all_finite(next, n_next)))
        return REWARD_NOT_FINITE;
    if (id < e->learning.first || id >= e->learning.next)
        return REWARD_UNKNOWN;
    l = learning_find(e, id);
    if (!l)
        return REWARD_EXPIRED;
    if (next && (n_next != l->space.n_dims || next_action > l->space.n_actions))
        return REWARD_BAD_NEXT;
    v = episodes_reward(l->episodes, id, reward, next, next_action, e->world->now(e->ctx));
    if (episodes_full(l->episodes))
        learning_learn(e, l);
    return v;
}

static enum reward_verdict reward_locked(struct engine *e, uint64_t id, float reward,
                                         const float *next, uint32_t n_next, uint64_t next_action)
{
    enum reward_verdict v = judge(e, id, reward, next, n_next, next_action);

    e->learning.stats.rewards[v]++;
    if (v == REWARD_TAKEN)
        e->learning.stats.reward += (double)reward;
    return v;
}

void learning_reward(struct instance *i, uint64_t episode, float reward, const float *next)
{
    if (i->g.started && !i->g.may_alloc && i->engine)
        reward_locked(i->engine, episode, reward, next, i->space.n_dims, 0);
}

enum reward_verdict engine_reward(struct engine *e, uint64_t episode, float reward,
                                  const float *next, uint32_t n_next, uint64_t next_action)
{
    enum reward_verdict v;

    e->world->enter(e->ctx, NULL);
    v = reward_locked(e, episode, reward, next, n_next, next_action);
    e->world->leave(e->ctx);
    return v;
}

/* ---- time ---- */

static void expire(struct engine *e, struct learner *l, uint64_t now_ns)
{
    e->learning.stats.expired += episodes_expire(l->episodes, now_ns, EXPIRED_AT_ONCE);
}

void learning_go_on(struct engine *e, uint64_t now_ns)
{
    struct learner *l = e->learning.learner;
    uint64_t since;

    for (struct learner *o = e->learning.old; o; o = o->next)
        expire(e, o, now_ns);
    if (!l)
        return;
    expire(e, l, now_ns);
    if (episodes_pending(l->episodes, &since) && now_ns - since >= e->learning.settings.interval_ns)
        learning_learn(e, l);
}

void engine_learn(struct engine *e)
{
    e->world->enter(e->ctx, NULL);
    learning_go_on(e, e->world->now(e->ctx));
    e->world->leave(e->ctx);
}
