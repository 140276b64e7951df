#include <stdlib.h>
#include <string.h>

#include "sdk/check/unit.h"

enum { MOST_FAILURES = 200 };

static void work_a_little(struct unit *u)
{
    if (u->check->is_learner)
        unit_learn(u, 10, 1);
    else
        unit_work(u, 10);
}

static void expect_shortage(struct unit *u, unsigned k, bool all)
{
    u->fail_at = u->allocs + k;
    u->fail_all = all;
    snprintf(u->check->report->hint, sizeof(u->check->report->hint),
             "call %u of alloc() had returned NULL%s", k, all ? ", as all after it" : "");
}

/* init() refuses, or can do without; both are right. */
static void fail_in_init(struct check *c, const struct unit *like, unsigned k, bool all)
{
    struct unit *u = unit_new(c, like->preset, like->seed);
    char err[P2P_ERRLEN];

    expect_shortage(u, k, all);
    if (unit_start(u, err) == 0)
        work_a_little(u);
    unit_end(u);
}

static void fail_in_load(struct check *c, const struct unit *like, struct blob *b, unsigned k,
                         bool all)
{
    char err[P2P_ERRLEN];
    struct unit *u = unit_try(c, like->preset, like->seed, err);

    if (!u)
        check_fail(c, "the same answer each time", "init() took these parameters, then not: %s",
                   like->settings);
    expect_shortage(u, k, all);
    if (unit_load(u, b))
        work_a_little(u);
    unit_end(u);
}

/* Calls of alloc() in load(). */
static unsigned count_in_load(struct check *c, struct unit *like, struct blob *b)
{
    char err[P2P_ERRLEN];
    struct unit *u;
    unsigned before, n;

    if (!(c->is_learner ? c->learner.save != NULL && c->learner.load != NULL
                        : c->scheduler.save != NULL && c->scheduler.load != NULL))
        return 0;
    work_a_little(like);
    if (!unit_save(like, b))
        return 0;
    u = unit_try(c, like->preset, like->seed, err);
    if (!u)
        return 0;
    before = u->allocs;
    unit_load(u, b);
    n = u->allocs - before;
    unit_end(u);
    return n;
}

void case_memory(struct check *c)
{
    struct unit *like = unit_any(c, c->seed);
    struct blob b = {.fail_after = -1};
    unsigned in_init = like->allocs, in_load = count_in_load(c, like, &b);

    if (in_init + in_load == 0) {
        free(b.data);
        check_skip(c, "it does not call alloc()");
    }
    for (unsigned k = 1; k <= in_init && k <= MOST_FAILURES; k++) {
        fail_in_init(c, like, k, false);
        fail_in_init(c, like, k, true);
    }
    for (unsigned k = 1; k <= in_load && k <= MOST_FAILURES; k++) {
        fail_in_load(c, like, &b, k, false);
        fail_in_load(c, like, &b, k, true);
    }
    unit_end(like);
    free(b.data);
    check_note(c, "%u calls of alloc() in init(), %u in load(); each returned NULL once", in_init,
               in_load);
}
