/* burn - uses a processor for ?ms=N milliseconds (10), of its thread's own time. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "functions/serve.h"

enum { MOST_MS = 60000, ROUNDS = 2000 };

static double used_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void handle(struct invocation *in)
{
    long ms = serve_query(in, "ms", 10);
    double start = used_ms(), spent;
    volatile unsigned long x = 88172645463325252ul;
    unsigned long turns = 0;

    ms = ms < 0 ? 0 : ms > MOST_MS ? MOST_MS : ms;
    do {
        for (int i = 0; i < ROUNDS; i++) {
            x = x ^ x << 13;
            x = x ^ x >> 7;
            x = x ^ x << 17;
        }
        turns++;
        spent = used_ms() - start;
    } while (spent < (double)ms);
    in->content_type = "application/json";
    in->out = malloc(96);
    if (in->out)
        in->out_len = (size_t)snprintf(in->out, 96, "{\"ms\":%.3f,\"turns\":%lu}\n", spent, turns);
}

int main(void)
{
    return serve(handle);
}
