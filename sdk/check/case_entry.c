#include <dlfcn.h>
#include <math.h>
#include <string.h>

#include "engine/module.h"
#include "engine/params.h"
#include "sdk/check/unit.h"

static void note_names(struct check *c)
{
    const struct p2p_module *m = c->entry;
    struct roster *r = c->roster;

    for (unsigned i = 0; P2P_HAS(m, schedulers) && m->schedulers && m->schedulers[i]; i++)
        snprintf(r->schedulers[r->n_schedulers++], sizeof(r->schedulers[0]), "%s",
                 m->schedulers[i]->name);
    for (unsigned i = 0; P2P_HAS(m, learners) && m->learners && m->learners[i]; i++)
        snprintf(r->learners[r->n_learners++], sizeof(r->learners[0]), "%s", m->learners[i]->name);
}

static void check_reserved(struct check *c)
{
    const struct p2p_module *m = c->entry;

    if (m->reserved)
        check_fail(c, "0; P2P_SCHEDULER_PLUGIN sets it", "p2p_plugin.reserved is %u", m->reserved);
    if (m->needs_minor > m->abi_minor)
        check_fail(c, "no more than the ABI that it was built with",
                   "p2p_plugin.needs_minor is %u, abi_minor %u", m->needs_minor, m->abi_minor);
    if (m->size < sizeof(*m) && !P2P_HAS(m, schedulers))
        check_fail(c, "sizeof(struct p2p_module)", "p2p_plugin.size is %u", m->size);
}

void case_entry(struct check *c)
{
    char err[P2P_ERRLEN];

    check_enter(c, "dlopen");
    c->handle = dlopen(c->file, RTLD_NOW | RTLD_LOCAL);
    check_leave(c);
    c->entry = c->handle ? dlsym(c->handle, "p2p_plugin") : NULL;
    if (!c->entry)
        check_fail(c, "every symbol that it uses is in it, in libc or in libm",
                   "cannot be loaded: %s", dlerror());
    if (module_check(c->entry, err))
        check_fail(c, "", "%s", err);
    check_reserved(c);
    note_names(c);
    if (c->roster->n_schedulers + c->roster->n_learners == 0)
        check_fail(c, "P2P_SCHEDULER_PLUGIN(ops), P2P_LEARNER_PLUGIN(ops) or P2P_RL_PLUGIN",
                   "offers no scheduler and no learner");
    check_note(c, "ABI %u.%u, %u scheduler%s, %u learner%s", c->entry->abi_major,
               c->entry->abi_minor, c->roster->n_schedulers,
               c->roster->n_schedulers == 1 ? "" : "s", c->roster->n_learners,
               c->roster->n_learners == 1 ? "" : "s");
}

/* ---- what one scheduler or learner says of itself ---- */

static void check_texts(struct check *c, const char *version, const char *summary)
{
    const char *name = unit_name(c);

    if (!version || !version[0])
        check_fail(c, "such as .version = \"1.0\"", "'%s' has no version", name);
    if (!summary || !summary[0])
        check_fail(c,
                   "a line for people, as in .summary = \"ask two peers, go to the shorter "
                   "queue\"",
                   "'%s' has no summary", name);
}

static void check_pair(struct check *c, bool saves, bool loads, const char *format)
{
    if (saves != loads)
        check_fail(c, "both or none: what is saved is for load()", "it has %s() without %s()",
                   saves ? "save" : "load", saves ? "load" : "save");
    if (saves && (!format || !format[0]))
        check_fail(c, "a text that changes when the layout does, such as \"q_table 1\"",
                   "it has save() and load() without .state_format: nothing is handed over");
}

static void check_scheduler(struct check *c)
{
    const struct p2p_scheduler *s = &c->scheduler;

    check_texts(c, s->version, s->summary);
    check_pair(c, s->save != NULL, s->load != NULL, s->state_format);
    if (s->reserved)
        check_fail(c, "0", ".reserved is %u", s->reserved);
    if (s->probes && s->max_probes == 0)
        check_fail(c, ".max_probes, the most that any parameters need",
                   "it has probes() and .max_probes is 0, so it never gets a slot");
    if (s->flags & ~(uint32_t)(P2P_SCHED_NEEDS_LEARNER | P2P_SCHED_AWAITS_LEARNER))
        check_fail(c, "P2P_SCHED_NEEDS_LEARNER, P2P_SCHED_AWAITS_LEARNER, both or 0",
                   ".flags is 0x%x", s->flags);
    if (s->flags & P2P_SCHED_NEEDS_LEARNER && !s->space)
        check_fail(c, "space() says the states and actions",
                   "it has P2P_SCHED_NEEDS_LEARNER without space()");
}

void case_ops(struct check *c)
{
    if (!c->is_learner) {
        check_scheduler(c);
        return;
    }
    check_texts(c, c->learner.version, c->learner.summary);
    check_pair(c, c->learner.save != NULL, c->learner.load != NULL, c->learner.state_format);
    if (c->learner.flags)
        check_fail(c, "0; learners have no flags", ".flags is 0x%x", c->learner.flags);
}

/* ---- what it asks of a learner ---- */

static void check_space(struct check *c, const struct unit *u)
{
    const struct p2p_space *s = &u->space;

    if (s->n_actions == 0 || s->n_actions > 64)
        check_fail(c, "1 to 64", "space() sets n_actions to %u; parameters: %s", s->n_actions,
                   u->settings);
    if (s->n_dims == 0 || !s->lo || !s->hi)
        check_fail(c, "at least one dimension, and arrays lo and hi of that many",
                   "space() sets n_dims to %u, lo %s, hi %s; parameters: %s", s->n_dims,
                   s->lo ? "set" : "NULL", s->hi ? "set" : "NULL", u->settings);
    for (uint32_t i = 0; i < s->n_dims; i++)
        if (!isfinite(s->lo[i]) || !isfinite(s->hi[i]) || s->lo[i] >= s->hi[i])
            check_fail(c, "finite numbers, lo below hi",
                       "space() bounds dimension %u by %g and %g; parameters: %s", i,
                       (double)s->lo[i], (double)s->hi[i], u->settings);
}

void case_space(struct check *c)
{
    enum { TRIES = 40 };
    unsigned n = 0;

    if (!c->scheduler.space)
        check_skip(c, "it has no space(): no learner is asked");
    for (unsigned i = 0; i < TRIES; i++) {
        char err[P2P_ERRLEN];
        struct unit *u =
            unit_try(c, i <= PRESET_RANDOM ? (enum preset)i : PRESET_RANDOM, c->seed + i, err);

        if (!u)
            continue;
        check_space(c, u);
        n++;
        unit_end(u);
    }
    if (n == 0) {
        struct unit *u = unit_any(c, c->seed);

        check_space(c, u);
        unit_end(u);
        n = 1;
    }
    check_note(c, "%u parameter set%s", n, n == 1 ? "" : "s");
}
