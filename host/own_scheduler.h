/*
 * own_scheduler.h - a scheduler that a function has of its own: it decides for the jobs of
 * that function, here and when they come from peers, in place of the node's.
 *
 * It is an engine of its own, so that what it learns, draws and is told is the function's.
 * Those of one function at two nodes hear each other.  Learners are the node's: a scheduler
 * that needs one is refused.
 *
 * It belongs to the function's name: one that is defined anew takes it over.  Given up, it
 * lets the node's decide and stays for the jobs that it has, until its function has gone or
 * one is selected again.
 */
#ifndef HOST_OWN_SCHEDULER_H
#define HOST_OWN_SCHEDULER_H

#include "host/node.h"

struct own_scheduler {
    _Atomic unsigned refs;
    struct engine_owner owner;
    struct engine *engine;
    _Atomic bool in_use;
    ev_timer tick; /* main thread */
};

struct own_scheduler *own_scheduler_ref(struct own_scheduler *o);
/* NULL is allowed.  Every job of the last function that had it has ended.  [main thread] */
void own_scheduler_unref(struct own_scheduler *o);

/* The one that is in use, or NULL.  [any thread] */
static inline struct own_scheduler *own_scheduler_of(const struct function *f)
{
    struct own_scheduler *o = f->own;

    return o && o->in_use ? o : NULL;
}
/* Who decides for its jobs. */
static inline struct engine *engine_of(const struct node *n, const struct function *f)
{
    const struct own_scheduler *o = own_scheduler_of(f);

    return o ? o->engine : n->engine;
}

/* Can a function have it?  As engine_check.  [any thread] */
int own_scheduler_check(struct node *n, const struct selection *s, char err[P2P_ERRLEN]);
/* One for the function of that id with its scheduler selected, which nobody uses yet; NULL with
 * the reason.  It may take as long as the plugin wants.  [any thread, under
 * node.selection or node.admin, which keep node.config] */
struct own_scheduler *own_scheduler_make(struct node *n, uint32_t function,
                                         const struct selection *s, char err[P2P_ERRLEN]);
/* As engine_select, for one that a function has; takes as long.  [as above] */
int own_scheduler_select(struct own_scheduler *o, const struct selection *s, char err[P2P_ERRLEN]);
/* It decides for the function from now on, which has none so far: takes the reference over.
 * [any thread, under node.admin] */
void own_scheduler_use(struct function *f, struct own_scheduler *o);
/* One that no function has got.  NULL is allowed. */
void own_scheduler_drop(struct own_scheduler *o);
/* The node's decides from now on.  [any thread, under node.admin] */
void own_scheduler_give_up(struct node *n, struct function *f);

/* All of the node, now and then: those that want ticks get them.  [main thread] */
void own_schedulers_housekeep(struct node *n);
/* After the settings in node.config changed.  [main thread, under node.admin] */
void own_schedulers_configure(struct node *n);

#endif
