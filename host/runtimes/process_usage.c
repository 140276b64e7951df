#include "host/runtimes/process_usage.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double LEAST_SECONDS = 1;

static int read_proc(pid_t pid, const char *what, char *out, size_t size)
{
    char path[64];
    size_t n;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
    f = fopen(path, "re");
    if (!f)
        return -1;
    n = fread(out, 1, size - 1, f);
    out[n] = '\0';
    fclose(f);
    return n > 0 ? 0 : -1;
}

int process_read_stat(const char *line, double *started, double *used)
{
    const char *at = strrchr(line, ')'); /* the name before it may hold anything */
    unsigned long long user, kernel, start;

    if (!at || sscanf(at,
                      ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d "
                      "%*d %*d %llu",
                      &user, &kernel, &start) != 3)
        return -1;
    *started = (double)start;
    *used = (double)user + (double)kernel;
    return 0;
}

int process_usage(struct process_meter *m, pid_t pid, struct usage *out)
{
    double tick = 1 / (double)sysconf(_SC_CLK_TCK), started, used, now;
    unsigned long long pages;
    struct timespec t;
    char text[1024];

    if (read_proc(pid, "stat", text, sizeof(text)) || process_read_stat(text, &started, &used) ||
        read_proc(pid, "statm", text, sizeof(text)) || sscanf(text, "%*u %llu", &pages) != 1)
        return -1;
    clock_gettime(CLOCK_BOOTTIME, &t);
    now = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
    used *= tick;
    if (m->pid != pid)
        *m = (struct process_meter){.pid = pid, .at = started * tick};
    if (now - m->at >= LEAST_SECONDS || m->used == 0) {
        double since = now - m->at > tick ? now - m->at : tick;

        m->millicores = (used - m->used) / since * 1000;
        m->at = now;
        m->used = used;
    }
    out->cpu_millicores = m->millicores;
    out->memory_bytes = (double)pages * (double)sysconf(_SC_PAGESIZE);
    return 0;
}
