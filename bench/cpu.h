/*
 * cpu.h - how much of the processors was used, by whom.
 */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include <sys/types.h>

/* Of this process, as exactly as the clock is. */
double cpu_now(void);
/* Seconds of processor time since its start; NAN when it cannot be read. */
double cpu_of_process(pid_t pid);

struct cpu_machine {
    double busy, all; /* seconds of all cores since the machine began */
};
/* Both NAN when it cannot be read. */
struct cpu_machine cpu_of_machine(void);

#endif
