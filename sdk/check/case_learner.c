#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/check/fence.h"
#include "sdk/check/unit.h"

enum { BATCH = 16 };

/* ---- one choice ---- */

/* In the bounds, or a little outside: what a scheduler measures does not heed them. */
static void draw_state(struct unit *u, float *state)
{
    struct chance *c = &u->world.chance;

    for (uint32_t i = 0; i < u->space.n_dims; i++) {
        float range = u->hi[i] - u->lo[i];

        state[i] = u->lo[i] + range * (float)chance_unit(c);
        if (chance_percent(c, 5))
            state[i] = chance_percent(c, 50) ? u->hi[i] + range : u->lo[i] - range;
        else if (chance_percent(c, 5))
            state[i] = chance_percent(c, 50) ? u->hi[i] : u->lo[i];
    }
}

static uint64_t draw_mask(struct unit *u)
{
    struct chance *c = &u->world.chance;
    uint32_t n = u->space.n_actions;
    uint64_t all = n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1, mask;

    if (chance_percent(c, 30))
        return 0;
    if (chance_percent(c, 30))
        return UINT64_C(1) << chance_below(c, n);
    do
        mask = chance_bits(c) & all;
    while (!mask);
    return mask;
}

static void judge(struct unit *u, const struct p2p_choice *choice, uint64_t mask)
{
    if (choice->action >= u->space.n_actions || (mask && !(mask & UINT64_C(1) << choice->action)))
        check_fail(u->check, "an action below n_actions whose bit is in the mask; 0 allows all",
                   "act() chooses action %u of %u, mask 0x%llx; parameters: %s", choice->action,
                   u->space.n_actions, (unsigned long long)mask, u->settings);
    if (!isfinite(choice->value))
        check_fail(u->check, "a finite number, whatever the rewards were",
                   "act() says the value %g; parameters: %s", (double)choice->value, u->settings);
    if (choice->explored > 1)
        check_fail(u->check, "1 when it is not the greedy action, else 0",
                   "act() sets explored to %u", choice->explored);
}

static void record(struct unit *u, const struct p2p_choice *choice)
{
    struct trace *t = &u->trace;

    if (t->most && !t->actions)
        t->actions = calloc(t->most, sizeof(*t->actions));
    if (t->actions && t->n < t->most)
        t->actions[t->n++] = (struct p2p_action){choice->action, choice->explored, 0};
}

struct lesson {
    float *states[BATCH + 1];
    struct p2p_choice *choice;
    struct p2p_transition *batch; /* BATCH of them, used from the end */
};

static void give_lesson(struct unit *u, struct lesson *l)
{
    size_t size = u->space.n_dims * sizeof(float);
    bool whole;

    l->choice = fence_new(l, sizeof(*l->choice), "the choice");
    l->batch = fence_new(l, BATCH * sizeof(*l->batch), "the batch");
    whole = l->choice && l->batch;
    for (unsigned i = 0; i <= BATCH; i++) {
        l->states[i] = fence_new(l, size, "the state");
        whole = whole && l->states[i];
    }
    if (!whole)
        check_fail(u->check, "", "out of memory");
}

static uint32_t choose(struct unit *u, struct lesson *l, const float *state)
{
    uint64_t mask = draw_mask(u);

    *l->choice = (struct p2p_choice){.episode = ++u->episodes};
    u->check->report->step++;
    unit_enter(u, "act");
    outside_begin_act(u, u->episodes, mask);
    u->check->learner.act(u->self, state, mask, l->choice);
    unit_leave(u);
    if (!outside_end_act(u, l->choice))
        judge(u, l->choice, mask);
    record(u, l->choice);
    return l->choice->action < u->space.n_actions ? l->choice->action : 0;
}

static void teach(struct unit *u, struct lesson *l, float most)
{
    struct chance *c = &u->world.chance;
    uint32_t n = 1 + (uint32_t)chance_below(c, BATCH);
    struct p2p_transition *batch = l->batch + BATCH - n;

    for (uint32_t i = 0; i < n; i++) {
        draw_state(u, l->states[i]);
        draw_state(u, l->states[i + 1]);
        batch[i] = (struct p2p_transition){
            .episode = u->episodes + 1,
            .state = l->states[i],
            .next = chance_percent(c, 20) ? NULL : l->states[i + 1],
            .action = choose(u, l, l->states[i]),
            .reward = chance_percent(c, 50) ? most : most * (float)(2 * chance_unit(c) - 1)};
        if (chance_percent(c, 30))
            batch[i].reward = -batch[i].reward;
    }
    unit_enter(u, "learn");
    u->check->learner.learn(u->self, batch, n);
    unit_leave(u);
}

void unit_learn(struct unit *u, unsigned n, float most)
{
    struct lesson l = {0};

    give_lesson(u, &l);
    for (unsigned i = 0; i < n; i++) {
        u->check->report->world++;
        teach(u, &l, most);
        outside_answer(u, 70);
    }
    outside_answer(u, 100);
    fence_free(&l);
}

/* ---- cases ---- */

static void learn_with_many(struct check *c, float most)
{
    enum { SETS = 16 };
    unsigned share = c->options->worlds / SETS / 8 + 5, taken = 0;

    for (unsigned i = 0; i < SETS; i++) {
        char err[P2P_ERRLEN];
        struct unit *u =
            unit_try(c, i <= PRESET_RANDOM ? (enum preset)i : PRESET_RANDOM, c->seed + i, err);

        if (!u)
            continue;
        unit_learn(u, share, most);
        unit_end(u);
        taken++;
    }
    if (taken == 0) {
        struct unit *u = unit_any(c, c->seed);

        unit_learn(u, share, most);
        unit_end(u);
        taken = 1;
    }
    check_note(c, "%u batches, rewards up to %g, %u parameter sets", share * taken, (double)most,
               taken);
}

void case_act(struct check *c)
{
    learn_with_many(c, 1);
}

void case_learn(struct check *c)
{
    learn_with_many(c, 1e30f);
}

/* ---- what it shows ---- */

static void check_finite(struct check *c, const char *what, const float *numbers, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        if (!isfinite(numbers[k]))
            check_fail(c, "finite numbers, whatever was learned", "%s tells %g as number %u", what,
                       (double)numbers[k], k);
}

static void show(struct unit *u, float *state, float *values)
{
    unit_enter(u, "values");
    u->check->learner.values(u->self, state, values);
    unit_leave(u);
    check_finite(u->check, "values()", values, u->space.n_actions);
}

static uint64_t look(struct unit *u, float *state, float *values)
{
    const uint64_t most = UINT64_C(1) << 22;
    struct check *c = u->check;
    uint64_t n = 0;

    for (; c->learner.known; n++) {
        bool more;

        unit_enter(u, "known");
        more = c->learner.known(u->self, n, state);
        unit_leave(u);
        if (!more)
            break;
        check_finite(c, "known()", state, u->space.n_dims);
        if (c->learner.values)
            show(u, state, values);
        if (n == most)
            check_fail(c, "false when there are no more states",
                       "known() has told %llu states and goes on", (unsigned long long)n);
    }
    return n;
}

void case_known(struct check *c)
{
    struct unit *u;
    float *state, *values;
    void *fence = &u;
    uint64_t n;

    if (!c->learner.values && !c->learner.known) {
        check_skip(c, "it has neither values() nor known()");
        return;
    }
    u = unit_any(c, c->seed);
    state = fence_new(fence, u->space.n_dims * sizeof(*state), "the state");
    values = fence_new(fence, u->space.n_actions * sizeof(*values), "the values");
    if (!state || !values)
        check_fail(c, "", "out of memory");
    look(u, state, values);
    unit_learn(u, 20, 1e30F);
    n = look(u, state, values);
    for (unsigned i = 0; i < 100 && c->learner.values; i++) {
        draw_state(u, state);
        show(u, state, values);
    }
    fence_free(fence);
    unit_end(u);
    check_note(c, "%llu states after 20 batches", (unsigned long long)n);
}

static struct unit *start(struct check *c)
{
    struct unit *u = unit_any(c, c->seed);

    u->trace.most = 4096;
    return u;
}

void case_learner_determinism(struct check *c)
{
    enum { ROUNDS = 60 };
    struct unit *alone = start(c), *first, *second;
    unsigned n;

    for (unsigned i = 0; i < ROUNDS; i++)
        unit_learn(alone, 1, 1);
    second = unit_any(c, c->seed ^ 0xfeed);
    first = start(c);
    for (unsigned i = 0; i < ROUNDS; i++) {
        unit_learn(second, 1, 1);
        unit_learn(first, 1, 1);
    }
    n = alone->trace.n;
    for (unsigned i = 0; i < n && i < first->trace.n; i++) {
        struct p2p_action a = alone->trace.actions[i], b = first->trace.actions[i];

        if (a.kind != b.kind || a.a != b.a)
            check_fail(c,
                       "the same choices for the same states, experience and host->rand(): no "
                       "globals, no addresses, no memory that was never written",
                       "two instances in turn behave unlike one alone: call %u of act() chooses "
                       "%u%s, alone %u%s",
                       i + 1, b.kind, b.a ? " (explored)" : "", a.kind, a.a ? " (explored)" : "");
    }
    unit_end(first);
    unit_end(second);
    unit_end(alone);
    check_note(c, "%u choices", n);
}
