#include <stdlib.h>
#include <string.h>

#include "engine/params.h"
#include "sdk/check/unit.h"

enum { RANDOM_SETS = 60 };

static const char *const preset_names[] = {"defaults", "smallest values", "largest values",
                                           "random values"};

/* init() and what follows leave the parameters to the host. */
static void compare_settings(struct check *c, struct unit *u, const char *before,
                             const char *after_what)
{
    char now[400] = "", value[300];
    size_t at = 0;

    for (const struct p2p_param *p = u->params; p && p->name && at < sizeof(now); p++) {
        params_format(p, u->self, value, sizeof(value));
        at +=
            (size_t)snprintf(now + at, sizeof(now) - at, "%s%s=%s", at ? " " : "", p->name, value);
    }
    if (strcmp(before, now) != 0)
        check_fail(c,
                   "parameters are the host's, and shown to people; a value that is worked out "
                   "of them goes to another field",
                   "%s() changed them from %s to %s", after_what, before, now);
}

static void work_a_little(struct unit *u)
{
    if (u->check->is_learner)
        unit_learn(u, 5, 1);
    else
        unit_work(u, 5);
}

static void try_preset(struct check *c, unsigned i, unsigned *taken, char *first_refusal)
{
    enum preset preset = i <= PRESET_RANDOM ? (enum preset)i : PRESET_RANDOM;
    char err[P2P_ERRLEN];
    struct unit *u = unit_new(c, preset, c->seed + i);

    if (unit_start(u, err)) {
        compare_settings(c, u, u->settings, "init");
        if (!first_refusal[0])
            snprintf(first_refusal, P2P_ERRLEN + 40, "init() refuses the %s: %s",
                     preset_names[preset], err);
    } else {
        ++*taken;
        compare_settings(c, u, u->settings, "init");
        work_a_little(u);
        compare_settings(c, u, u->settings, "decide");
    }
    unit_end(u);
}

void case_params(struct check *c)
{
    char refusal[P2P_ERRLEN + 40] = "";
    unsigned taken = 0, n = params_count(c->is_learner ? c->learner.params : c->scheduler.params);
    unsigned sets = n ? PRESET_RANDOM + RANDOM_SETS : 1;

    for (unsigned i = 0; i < sets; i++)
        try_preset(c, i, &taken, refusal);
    if (taken == 0)
        check_fail(c, "give it what it needs: --set NAME=VALUE", "init() took none of %u sets; %s",
                   sets, refusal);
    check_note(c, "%u, %u of %u sets taken%s%s", n, taken, sets, refusal[0] ? "; " : "", refusal);
}

/* ---- while it runs ---- */

void case_live(struct check *c)
{
    enum { CHANGES = 100 };
    const struct p2p_param *table = c->is_learner ? c->learner.params : c->scheduler.params;
    void (*changed)(void *self) =
        c->is_learner ? c->learner.params_changed : c->scheduler.params_changed;
    struct unit *u;
    unsigned n = 0;

    for (const struct p2p_param *p = table; p && p->name; p++)
        n += p->flags & P2P_PARAM_LIVE && p->type != P2P_STRING;
    if (n == 0)
        check_skip(c, "no parameter is P2P_PARAM_LIVE");
    u = unit_any(c, c->seed);
    for (unsigned i = 0; i < CHANGES; i++) {
        for (const struct p2p_param *p = table; p && p->name; p++) {
            char value[300], err[P2P_ERRLEN];

            if (!(p->flags & P2P_PARAM_LIVE) || p->type == P2P_STRING)
                continue;
            unit_draw_value(p, PRESET_RANDOM, &u->world, value, sizeof(value));
            if (params_set(p, u->self, value, err))
                check_fail(c, "", "%s", err);
        }
        if (changed) {
            unit_enter(u, "params_changed");
            changed(u->self);
            unit_leave(u);
        }
        work_a_little(u);
    }
    unit_end(u);
    check_note(c, "%u of them, %d changes", n, CHANGES);
}
