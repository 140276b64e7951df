#include "sdk/check/unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/params.h"
#include "sdk/check/fence.h"

/* ---- what it is made of ---- */

const char *unit_name(const struct check *c)
{
    return c->is_learner ? c->learner.name : c->scheduler.name;
}

uint32_t unit_size(const struct check *c)
{
    return c->is_learner ? c->learner.instance_size : c->scheduler.instance_size;
}

/* Bounds are doubles, which reach further than an int64_t. */
static long long whole(double value)
{
    return value >= 0x1p63 ? INT64_MAX : value < -0x1p63 ? INT64_MIN : (long long)value;
}

/* Small steps from either end, and every order of magnitude between. */
static double draw_number(struct chance *c, const struct p2p_param *p)
{
    double range = p->max - p->min, value;

    switch (chance_below(c, 4)) {
    case 0:
        value = p->min + (double)chance_below(c, 4);
        break;
    case 1:
        value = p->max - (double)chance_below(c, 4);
        break;
    default:
        value = p->min + exp2(chance_unit(c) * log2(range + 1)) - 1;
    }
    return value < p->min ? p->min : value > p->max ? p->max : value;
}

static const char *draw_text(struct chance *c, const struct p2p_param *p, enum preset preset)
{
    static const char longest[] = "a text that is longer than anybody would write it, with a "
                                  "tab\tand letters such as \xc3\xa4 "
                                  "and \xe2\x82\xac in it, and more words to come, because "
                                  "somebody may copy it into 64 bytes";
    const char *const texts[] = {"",           longest,  p->def_string ? p->def_string : "",
                                 "peer-1",     "peer-2", "192.0.2.2:3",
                                 "function-1", "a,b",    "0.5"};

    if (preset == PRESET_LEAST)
        return texts[0];
    if (preset == PRESET_MOST)
        return texts[1];
    return texts[chance_below(c, sizeof(texts) / sizeof(texts[0]))];
}

void unit_draw_value(const struct p2p_param *p, enum preset preset, struct mock_world *w, char *out,
                     size_t size)
{
    struct chance *c = &w->chance;
    uint32_t choices = 0;
    double value;

    while (p->type == P2P_ENUM && p->choices[choices])
        choices++;
    value = preset == PRESET_LEAST ? p->min : preset == PRESET_MOST ? p->max : draw_number(c, p);
    switch (p->type) {
    case P2P_STRING:
        snprintf(out, size, "%s", draw_text(c, p, preset));
        break;
    case P2P_ENUM:
        snprintf(out, size, "%s",
                 p->choices[preset == PRESET_LEAST  ? 0
                            : preset == PRESET_MOST ? choices - 1
                                                    : chance_below(c, choices)]);
        break;
    case P2P_BOOL:
        snprintf(out, size, "%s", value >= 0.5 ? "true" : "false");
        break;
    case P2P_NUM:
        snprintf(out, size, "%.17g", value);
        break;
    case P2P_DURATION:
        snprintf(out, size, "%lldns", whole(value));
        break;
    default:
        snprintf(out, size, "%lld", whole(value));
    }
}

/* The value that the command line fixes, or NULL. */
static const char *fixed_value(const struct check *c, const char *name)
{
    size_t n = strlen(name);

    for (unsigned i = 0; i < c->options->n_sets; i++)
        if (strncmp(c->options->sets[i], name, n) == 0 && c->options->sets[i][n] == '=')
            return c->options->sets[i] + n + 1;
    return NULL;
}

static void set_params(struct unit *u, enum preset preset)
{
    char err[P2P_ERRLEN], value[300];
    size_t at = 0;

    if (params_defaults(u->params, u->self, err))
        check_fail(u->check, "", "%s", err);
    for (const struct p2p_param *p = u->params; p && p->name; p++) {
        const char *fixed = fixed_value(u->check, p->name);
        bool as_given = preset == PRESET_DEFAULTS ||
                        (preset == PRESET_RANDOM && chance_percent(&u->world.chance, 25));

        if (!as_given)
            unit_draw_value(p, preset, &u->world, value, sizeof(value));
        if (fixed || !as_given)
            if (params_set(p, u->self, fixed ? fixed : value, err))
                check_fail(u->check, "", "%s", err);
        params_format(p, u->self, value, sizeof(value));
        if (at < sizeof(u->settings))
            at += (size_t)snprintf(u->settings + at, sizeof(u->settings) - at, "%s%s=%s",
                                   at ? " " : "", p->name, value);
    }
}

/* What a learner is told of the scheduler that it will serve. */
static void draw_space(struct unit *u)
{
    static const uint32_t dims[] = {1, 2, 4, UNIT_DIMS}, actions[] = {2, 3, 10, 64};
    struct chance *c = &u->world.chance;

    u->space = (struct p2p_space){.size = sizeof(u->space),
                                  .n_dims = dims[chance_below(c, 4)],
                                  .n_actions = actions[chance_below(c, 4)],
                                  .lo = u->lo,
                                  .hi = u->hi};
    for (uint32_t i = 0; i < UNIT_DIMS; i++) {
        u->lo[i] = chance_percent(c, 70) ? 0 : (float)(-100 * chance_unit(c));
        u->hi[i] = u->lo[i] + (chance_percent(c, 50) ? 1 : (float)(1000 * chance_unit(c)) + 1);
    }
}

static void give_jobs(struct unit *u)
{
    const struct p2p_scheduler *s = &u->check->scheduler;

    for (unsigned i = 0; i < UNIT_JOBS; i++) {
        struct p2p_request *rq = &u->jobs[i].rq;

        u->jobs[i].stage = STAGE_OVER;
        rq->state = fence_new(u, s->decision_size, "rq->state");
        rq->probe = fence_new(u, u->n_probes * sizeof(*rq->probe), "rq->probe");
        rq->probe_cap = u->n_probes;
        if (!rq->state || !rq->probe)
            check_fail(u->check, "", "out of memory");
    }
}

/* ---- life ---- */

struct unit *unit_new(struct check *c, enum preset preset, uint64_t seed)
{
    struct unit *u = calloc(1, sizeof(*u));

    if (!u || world_open(&u->world, seed))
        check_fail(c, "", "out of memory");
    u->check = c;
    u->preset = preset;
    u->seed = seed;
    u->next = c->units;
    c->units = u;
    c->shown = NULL; /* it may lie where another one lay */
    u->random.at = seed ^ 0x5eedu;
    u->params = c->is_learner ? c->learner.params : c->scheduler.params;
    u->self = fence_new(u, unit_size(c), "the instance, .instance_size");
    if (!u->self)
        check_fail(c, "", "out of memory");
    set_params(u, preset);
    unit_fill_host(u);
    if (c->is_learner)
        draw_space(u);
    return u;
}

static int call_init(struct unit *u, char *err)
{
    const struct check *c = u->check;

    if (c->is_learner)
        return c->learner.init ? c->learner.init(u->self, &u->host, &u->space, err) : 0;
    return c->scheduler.init ? c->scheduler.init(u->self, &u->host, err) : 0;
}

/* What init() made it want. */
static void ask_wishes(struct unit *u)
{
    const struct p2p_scheduler *s = &u->check->scheduler;

    if (s->space) {
        u->space.size = sizeof(u->space);
        unit_enter(u, "space");
        s->space(u->self, &u->space);
        unit_leave(u);
        u->bound = s->flags & P2P_SCHED_NEEDS_LEARNER || chance_percent(&u->world.chance, 50);
    }
    u->n_probes = s->max_probes;
    if (!s->probes)
        return;
    unit_enter(u, "probes");
    u->n_probes = s->probes(u->self);
    unit_leave(u);
    if (u->n_probes > s->max_probes)
        check_fail(u->check, "at most max_probes, of which it gets no more anyway",
                   "probes() wants %u slots, max_probes is %u; parameters: %s", u->n_probes,
                   s->max_probes, u->settings);
}

int unit_start(struct unit *u, char err[P2P_ERRLEN])
{
    char *reason = fence_new(err, P2P_ERRLEN, "err of init(), P2P_ERRLEN");
    int rc;

    if (!reason)
        check_fail(u->check, "", "out of memory");
    unit_enter(u, "init");
    rc = call_init(u, reason);
    unit_leave(u);
    if (rc && (!reason[0] || !memchr(reason, 0, P2P_ERRLEN)))
        check_fail(u->check, "snprintf(err, P2P_ERRLEN, \"why\"); return -1;",
                   "init() refuses and gives no reason in err; parameters: %s", u->settings);
    snprintf(err, P2P_ERRLEN, "%s", reason);
    fence_free(err);
    if (rc)
        return -1;
    u->started = true;
    if (!u->check->is_learner) {
        ask_wishes(u);
        give_jobs(u);
    }
    return 0;
}

static void forget(struct unit *u)
{
    for (struct unit **at = &u->check->units; *at; at = &(*at)->next)
        if (*at == u) {
            *at = u->next;
            break;
        }
    if (u->self)
        params_release(u->params, u->self);
    fence_free(u);
    world_close(&u->world);
    free(u->trace.actions);
    free(u->trace.events);
    free(u->spans);
    free(u);
}

void unit_end(struct unit *u)
{
    const struct check *c = u->check;
    void (*fini)(void *self) = c->is_learner ? c->learner.fini : c->scheduler.fini;

    if (u->started && fini) {
        unit_enter(u, "fini");
        fini(u->self);
        unit_leave(u);
    }
    forget(u);
}

void unit_forget_all(struct check *c)
{
    while (c->units)
        forget(c->units);
}

struct unit *unit_try(struct check *c, enum preset preset, uint64_t seed, char err[P2P_ERRLEN])
{
    struct unit *u = unit_new(c, preset, seed);

    if (unit_start(u, err) == 0)
        return u;
    unit_end(u);
    return NULL;
}

struct unit *unit_any(struct check *c, uint64_t seed)
{
    enum { TRIES = 200 };
    char first[P2P_ERRLEN] = "", err[P2P_ERRLEN];

    for (unsigned i = 0; i < TRIES; i++) {
        bool defaults = i == 0 || (c->is_learner && i < TRIES / 2);
        struct unit *u =
            unit_try(c, defaults ? PRESET_DEFAULTS : PRESET_RANDOM, seed + i, i == 0 ? first : err);

        if (u)
            return u;
    }
    check_fail(c, "give it what it needs: --set NAME=VALUE",
               "init() refuses the defaults (%s) and %d random parameter sets (the last: %s)",
               first, TRIES - 1, err);
}

/* ---- around a call ---- */

void unit_enter(struct unit *u, const char *call)
{
    struct check *c = u->check;

    if (c->shown != u) {
        snprintf(c->report->params, sizeof(c->report->params), "%s", u->settings);
        c->shown = u;
    }
    u->inside = call;
    check_enter(c, call);
}

void unit_leave(struct unit *u)
{
    check_leave(u->check);
    if (u->fault[0])
        check_fail(u->check, u->fault_right, "in %s(): %s", u->inside, u->fault);
    u->inside = NULL;
}
