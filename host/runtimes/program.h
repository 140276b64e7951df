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

#include "host/runtimes/served.h"

/* As a runtime's open, close and describe. */
struct program *program_open(const struct function_config *f, struct reactor *home,
                             char err[P2P_ERRLEN]);
void program_close(struct program *p, void (*closed)(void *arg), void *arg);
void program_describe(struct program *p, char *out, size_t size);

/* Where its runs are sent: all to the one program.  Too many without an answer in
 * time, and it is killed and started again. */
extern const struct supply program_supply;

#endif
