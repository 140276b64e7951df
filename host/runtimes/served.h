/*
 * served.h - a run that is one HTTP call to a place where the function listens: what
 * the runtimes have in common that keep functions running.  Waiting for a place, the
 * call, what may be tried again, the deadline and the cancel are here; a supply says
 * where the places come from.
 */
#ifndef HOST_SERVED_H
#define HOST_SERVED_H

#include "host/runtimes/runtime.h"

/* One who waits for a place, and holds it then; embedded in the run. */
struct served_waiter {
    /* In. */
    struct reactor *home;
    struct task turn; /* posted there when there is a place, or it has failed */
    /* Out, when its turn comes. */
    bool failed;
    struct endpoint endpoint;
    void *place;            /* the supply's own */
    const char *refusal;    /* of a place given back as PLACE_UNREACHABLE, until give returns */
    struct cold_start cold; /* of the place, for the first who gets it */
    /* The supply's. */
    struct served_waiter *next, *prev;
    bool in_line;
};

/* How a place was used by who gives it back. */
enum place_use { PLACE_UNUSED, PLACE_UNREACHABLE, PLACE_ANSWERED, PLACE_LOST, PLACE_TIMED_OUT };

/* What a call is addressed to.  What follows the function's name is put behind `stem` when
 * it begins with a slash, else behind `base`. */
struct served_target {
    const char *host;           /* the Host header; NULL = the client's */
    const char *base;           /* a path; begins with a slash */
    const char *stem;           /* the same without slashes at its end */
    const struct headers *more; /* than the client's; may be NULL */
};

/* Where the places of a runtime's functions come from.  [all any thread] */
struct supply {
    const struct function_config *(*config)(const struct program *p);
    /* May be NULL: the client's Host, and "/". */
    const struct served_target *(*target)(const struct program *p);
    /* A place that is free now; false when there is none. */
    bool (*take)(struct program *p, struct served_waiter *w);
    /* The turn always comes, unless the waiter leaves.  True when it is a cold start. */
    bool (*wait)(struct program *p, struct served_waiter *w);
    /* False when the turn is on its way already. */
    bool (*leave)(struct program *p, struct served_waiter *w);
    /* A place that was taken, or came with the turn, is given back. */
    void (*give)(struct program *p, struct served_waiter *w, enum place_use how);
    /* Why there is none, for people, and the HTTP status to say it with. */
    int (*why)(struct program *p, char out[P2P_ERRLEN]);
};

/* As a runtime's start and cancel. */
void served_start(struct run *run, const struct supply *from);
void served_cancel(struct run *run);

#endif
