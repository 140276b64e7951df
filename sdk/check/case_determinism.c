#include <stdlib.h>
#include <string.h>

#include "sdk/check/unit.h"

enum { SETS = 4 };

/* Jobs one by one, so that two instances can take turns. */
static void one_job(struct unit *u)
{
    struct job *j = &u->jobs[0];

    world_draw(&u->world);
    u->check->report->world++;
    job_new(u, j);
    while (job_step(u, j))
        ;
    if (u->check->scheduler.tick_ns)
        unit_tick(u);
}

static struct unit *start(struct check *c, enum preset preset, uint64_t seed, unsigned jobs)
{
    char err[P2P_ERRLEN];
    struct unit *u = unit_try(c, preset, seed, err);

    if (u)
        u->trace.most = jobs * 40;
    return u;
}

static bool same(struct p2p_action a, struct p2p_action b)
{
    return a.kind == b.kind && a.a == b.a && a.t == b.t;
}

static void compare(struct check *c, const struct unit *alone, const struct unit *together)
{
    const struct trace *a = &alone->trace, *b = &together->trace;
    char was[80], is[80];

    for (unsigned i = 0; i < a->n && i < b->n; i++)
        if (a->events[i] != b->events[i] || !same(a->actions[i], b->actions[i]))
            check_fail(c,
                       "the same answers for the same events, world, parameters and host->rand(): "
                       "no globals, no addresses, no memory that was never written",
                       "two instances in turn behave unlike one alone: call %u of decide() "
                       "answers %s, alone %s; parameters: %s",
                       i + 1, action_text(b->actions[i], is), action_text(a->actions[i], was),
                       alone->settings);
    if (a->n != b->n)
        check_fail(c, "the same calls", "%u calls of decide() in turn, %u alone", b->n, a->n);
}

/* False when init() refuses the parameters. */
static bool try_set(struct check *c, enum preset preset, uint64_t seed, unsigned jobs)
{
    struct unit *alone = start(c, preset, seed, jobs), *first, *second;

    if (!alone)
        return false;
    for (unsigned i = 0; i < jobs; i++)
        one_job(alone);
    second = start(c, PRESET_DEFAULTS, seed ^ 0xfeed, jobs);
    if (!second)
        second = start(c, preset, seed, jobs);
    first = start(c, preset, seed, jobs);
    if (!first || !second)
        check_fail(c, "the same answer each time", "init() took these parameters, then not: %s",
                   alone->settings);
    for (unsigned i = 0; i < jobs; i++) {
        one_job(second);
        one_job(first);
    }
    compare(c, alone, first);
    unit_end(first);
    unit_end(second);
    unit_end(alone);
    return true;
}

void case_determinism(struct check *c)
{
    unsigned jobs = c->options->worlds / SETS / 4 + 10, taken = 0;

    for (unsigned i = 0; i < 40 && taken < SETS; i++)
        taken += try_set(c, i == 0 ? PRESET_DEFAULTS : PRESET_RANDOM, c->seed + i, jobs);
    if (taken == 0) {
        struct unit *u = unit_any(c, c->seed);

        taken += try_set(c, u->preset, u->seed, jobs);
        unit_end(u);
    }
    check_note(c, "%u jobs, %u parameter sets", taken * jobs, taken);
}
