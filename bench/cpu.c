#include "bench/cpu.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double cpu_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double cpu_of_process(pid_t pid)
{
    unsigned long user, system;
    char path[64], text[1024];
    const char *end;
    size_t n;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    f = fopen(path, "re");
    if (!f)
        return NAN;
    n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';
    /* The name in brackets may have anything in it. */
    end = strrchr(text, ')');
    if (!end || sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                       &system) != 2)
        return NAN;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

struct cpu_machine cpu_of_machine(void)
{
    enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };
    struct cpu_machine c = {NAN, NAN};
    unsigned long long t[FIELDS];
    FILE *f = fopen("/proc/stat", "re");
    int n;

    if (!f)
        return c;
    n = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[USER], &t[NICE], &t[SYSTEM],
               &t[IDLE], &t[IOWAIT], &t[IRQ], &t[SOFTIRQ], &t[STEAL]);
    fclose(f);
    if (n != FIELDS)
        return c;
    c.all = 0;
    for (int i = 0; i < FIELDS; i++)
        c.all += (double)t[i] / (double)sysconf(_SC_CLK_TCK);
    c.busy = c.all - (double)(t[IDLE] + t[IOWAIT]) / (double)sysconf(_SC_CLK_TCK);
    return c;
}
