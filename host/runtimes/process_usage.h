/*
 * process_usage.h - what one process uses, by what the kernel tells in /proc; its children
 * are not in it.
 */
#ifndef HOST_PROCESS_USAGE_H
#define HOST_PROCESS_USAGE_H

#include <sys/types.h>

#include "host/runtimes/runtime.h"

/* What was measured last; zeroed at first. */
struct process_meter {
    pid_t pid;
    double at, used; /* seconds since the machine started; of processors */
    double millicores;
};

/* Processor time is an average since the last measurement of the same process, if that is a
 * second ago at least, else that one's again; at first since the process started.  0, or -1
 * when there is no such process. */
int process_usage(struct process_meter *m, pid_t pid, struct usage *out);

/* A line of /proc/PID/stat: when the process started and what it used, in the kernel's
 * ticks.  0 or -1. */
int process_read_stat(const char *line, double *started, double *used);

#endif
