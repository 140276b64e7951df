/*
 * program.h - the life of a long-lived program that serves a function: started on
 * first use or ahead, given PORT, watched, restarted with back-off.
 *
 *   STOPPED ─► STARTING ─► READY ─┐
 *      ▲          │ ended         │ ended
 *      ├─────── BACK_OFF ◄────────┤
 *      └─────── ENDING ◄──────────┘ it is told to
 *
 * The program belongs to its home thread.  Runs of any thread wait for it in a line.
 */
#ifndef HOST_PROGRAM_H
#define HOST_PROGRAM_H

#include "host/runtimes/served.h"

/* As those of a runtime. */
struct program *program_open(const struct function_config *f, struct reactor *home,
                             char err[P2P_ERRLEN]);
void program_close(struct program *p, void (*closed)(void *arg), void *arg);
void program_describe(struct program *p, char *out, size_t size);
void program_count(struct program *p, struct replica_count *out);
/* With 1 it runs without any call, as one that is started ahead, until it is told 0. */
int program_scale(struct program *p, unsigned replicas, char err[P2P_ERRLEN]);
struct lines *program_logs(struct program *p, struct lines_wanted *w, char err[P2P_ERRLEN]);
void program_usage(struct program *p, void (*done)(void *owner, const struct usage *u),
                   void *owner);

/* Where its runs are sent: all to the one program.  Too many without an answer in
 * time, and it is killed and started again. */
extern const struct supply program_supply;

#endif
