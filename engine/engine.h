/*
 * engine.h - one scheduler at work, and the next one taking over; its learner: learning.h.
 *
 * The engine holds the current instance, to which new decisions go, and the
 * retired ones that still have decisions open.  Life of an instance:
 *
 *   engine_select: module from the catalog, parameters, init()   [any thread]
 *   load() of what the current one saves, if both name the same state_format;
 *   one that does not take it is made anew and starts afresh
 *   becomes current in one step; the old current one is retired
 *   each decision pins the instance that it started with
 *   retired and no pins left: fini(), memory freed, module unreferenced
 *   drain_timeout over: its decisions are taken from it (they continue with
 *   the fallback action) and it ends as above
 *
 * A failure before the step changes nothing.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/catalog.h"
#include "engine/world.h"

enum { ENGINE_MAX_STEPS = 32 };         /* decide() calls without an end */
#define ENGINE_MEMORY_LIMIT (64u << 20) /* bytes a plugin may alloc() */

enum engine_fallback { ENGINE_FALLBACK_LOCAL, ENGINE_FALLBACK_REJECT };

/* How a plugin broke the rules; counted a kind. */
enum misbehaviour {
    MISBEHAVED_ACTION,   /* no such action, or not allowed for this event */
    MISBEHAVED_PEER,     /* one that never was, or itself */
    MISBEHAVED_PROBES,   /* none, or more than it declared */
    MISBEHAVED_STEPS,    /* no end after ENGINE_MAX_STEPS */
    MISBEHAVED_DEADLINE, /* WAIT past the job's deadline */
    MISBEHAVED_LEARNER,  /* a learner: an action outside of the mask, a value that is no number */
    MISBEHAVED_ASKING,   /* act() with a state that is not finite, or nothing in the mask */
    MISBEHAVED_KINDS
};
const char *misbehaviour_name(enum misbehaviour m); /* "illegal_action", "learner_action", … */

struct engine_settings {
    enum engine_fallback fallback;
    uint64_t drain_timeout_ns; /* 0 = at once */
    uint64_t probe_timeout_ns; /* for PROBE with t = 0, and the most a plugin may ask */
};

struct engine;

/* What a caller asks to run. */
struct selection {
    const char *name;         /* own name or alias */
    const char *const *names; /* n parameters by name, or NULL: values in order */
    const char *const *values;
    uint32_t n;
    uint32_t *wrong; /* out, or NULL: which of the values was refused, if one was */
};

/* `world` must outlive the engine; ctx goes to those of its calls that name no decision. */
struct engine *engine_new(struct catalog *catalog, const struct world *world, void *ctx,
                          const struct engine_settings *settings);
/* All decisions must have ended. */
void engine_free(struct engine *e);

/* [any thread, one at a time is enforced]  0, or -1 and nothing changed: unknown
 * name, bad parameter, init failed.  A parameter that is not given has its
 * default, except with an alias, which takes all of its list in order.  Where only
 * parameters differ that are P2P_PARAM_LIVE (and no strings), the current instance
 * goes on with them and hears params_changed(). */
int engine_select(struct engine *e, const struct selection *s, char err[P2P_ERRLEN]);
/* Is there such a scheduler, and are these its parameters?  0 or -1 with the reason; nothing
 * begins, so its init may refuse yet.  [any thread] */
int engine_check(struct engine *e, const struct selection *s, char err[P2P_ERRLEN]);

/* Scheduler and learner at once, so that neither must do with the other's old one; no
 * learner when `learner` is NULL.  0, or -1 for the scheduler's and -2 for the learner's
 * fault, and nothing changed. */
int engine_select_pair(struct engine *e, const struct selection *scheduler,
                       const struct selection *learner, char err[P2P_ERRLEN]);

/* Settings may change while running.  [any thread] */
void engine_configure(struct engine *e, const struct engine_settings *settings);

/* Bytes of a decision_room that make the current instance's decisions need no malloc, and
 * the time between its TICKs, 0 = none.  */
size_t engine_room(struct engine *e);
uint64_t engine_period(struct engine *e);

/* Sends a TICK to the current instance; returns its period, 0 = none.  Call it
 * again after that time.  [one thread] */
uint64_t engine_tick(struct engine *e);

/* A peer's scheduler told something; true when the current instance has the same
 * scheduler and listens.  At most P2P_MESSAGE_MAX bytes, which are copied.  [any thread] */
bool engine_hear(struct engine *e, uint32_t from, const char *scheduler, const void *message,
                 uint32_t len);

/* Takes decisions away from instances that drain for too long.  [any thread, from time to time] */
void engine_drain(struct engine *e);

/* What runs now, copied out.  [any thread] */
struct engine_current {
    char name[64];   /* as it was selected: own name or alias */
    char plugin[64]; /* the scheduler's own name */
    char full[256];  /* "PowerOfNScheduler(1, 2, true, 1)": for X-P2pfaas-Scheduler */
    char file[256];
    char hash[MODULE_HASH_LEN];
    bool by_alias;
    uint32_t n_params; /* of its table; of the alias when by_alias */
    uint64_t generation;
};
void engine_describe(struct engine *e, struct engine_current *out);
/* Calls `param` with name and value of each parameter of the current instance,
 * in table order (all of the table, also when selected by an alias). */
void engine_parameters(struct engine *e,
                       void (*param)(void *ctx, const struct p2p_param *p, const char *value),
                       void *ctx);

struct engine_stats {
    uint64_t decisions[P2P_DONE + 1]; /* legal actions by kind */
    uint64_t misbehaved[MISBEHAVED_KINDS];
    uint64_t fallbacks;
    uint64_t selections, failed_selections;
    uint64_t outcomes_dropped; /* of instances that were drained by force */
    unsigned instances;        /* current + retired */
};
void engine_stats(struct engine *e, struct engine_stats *out);
/* The current plugin's own counters and gauges. */
void engine_plugin_metrics(struct engine *e,
                           void (*metric)(void *ctx, const char *name, const char *help,
                                          bool is_gauge, double value),
                           void *ctx);

#endif
