/*
 * program.h - the life of a long-lived program that serves a function: started on
 * first use or ahead, given PORT, watched, restarted with back-off.
 *
 *   STOPPED ─► STARTING ─► READY ─┐
 *      ▲          │ ended         │ ended
 *      └─────── BACK_OFF ◄────────┘
 *
 * The program belongs to its home thread.  Runs of any thread wait for it in a line.
 */
#ifndef HOST_PROGRAM_H
#define HOST_PROGRAM_H

#include "host/config.h"
#include "host/reactor.h"

struct program;

/* One who waits; embedded in whatever does. */
struct program_waiter {
    /* In. */
    struct reactor *home;
    struct task turn; /* posted there when the program is ready, or has failed */
    /* Out, when its turn comes. */
    bool failed;
    struct endpoint endpoint;
    /* Private. */
    struct program_waiter *next, *prev;
    bool in_line;
};

/* As a runtime's open, close and describe. */
struct program *program_open(const struct function_config *f, struct reactor *home,
                             char err[P2P_ERRLEN]);
void program_close(struct program *p, void (*closed)(void *arg), void *arg);
void program_describe(struct program *p, char *out, size_t size);

const char *program_name(const struct program *p); /* the function's */
bool program_is_idempotent(const struct program *p);

/* Is it there now, and where?  [any thread] */
bool program_ready(struct program *p, struct endpoint *at);
/* How a call went: too many without an answer in time, and it is killed and started
 * again.  [any thread] */
void program_answered(struct program *p);
void program_timed_out(struct program *p);
/* Starts it when it does not run; the turn always comes, unless the waiter leaves.
 * True when it has to start first.  [any thread] */
bool program_wait(struct program *p, struct program_waiter *w);
/* False when the turn is on its way already.  [any thread] */
bool program_leave(struct program *p, struct program_waiter *w);
/* Why it is not ready, for people.  [any thread] */
void program_why(struct program *p, char out[P2P_ERRLEN]);

#endif
