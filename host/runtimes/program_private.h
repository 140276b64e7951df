/*
 * program_private.h - what program.c (the life of a function's program) and program_line.c
 * (who is served by it) share.
 */
#ifndef HOST_PROGRAM_PRIVATE_H
#define HOST_PROGRAM_PRIVATE_H

#include "host/runtimes/process_usage.h"
#include "host/runtimes/program.h"
#include "host/runtimes/program_output.h"
#include "host/runtimes/spawn.h"

enum { PROGRAM_STRIKES = 3, PROGRAM_TIMEOUTS = 3 }; /* in a row */

enum program_state { STOPPED, STARTING, READY, BACK_OFF, ENDING, CLOSING };

struct program {
    const struct function_config *config;
    struct reactor *home;
    struct task wanted; /* look whether it is to be started or ended, please */
    struct task hung;   /* end it, please */
    _Atomic unsigned timeouts;
    pthread_mutex_t lock;
    /* Under the lock. */
    enum program_state state;
    bool wanted_posted, hung_posted;
    struct endpoint endpoint;
    struct served_waiter *line;
    char why[P2P_ERRLEN];   /* it is not ready */
    unsigned strikes;       /* ends in a row without a good life between */
    unsigned calls;         /* that it has */
    bool kept;              /* it runs without any call */
    bool retires;           /* it ends when it has no call, unless another comes before */
    struct cold_start cold; /* of a start that calls wait for */
    struct cold_start last_start;
    /* The home thread's. */
    struct child child;
    int output;
    ev_io ended, talking;
    ev_timer look, give_up, again;
    double look_after;
    uint64_t phase_began_ns;
    const char *killed_for; /* by us, or NULL */
    uint64_t ready_ns;
    struct program_output said;
    struct process_meter meter;
    void (*closed)(void *arg);
    void *closed_arg;
};

/* Under the lock: calls up everybody who waits, each on its own thread. */
void program_line_call(struct program *p, bool failed);
/* Under the lock: its home looks whether it is to be started or ended. */
void program_line_want(struct program *p);

#endif
