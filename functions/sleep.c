/*
 * sleep [SPEED] - answers after ?us=N microseconds (10 ms), divided by the speed (1), without
 * using a processor meanwhile: a slot is busy, the machine is not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "functions/serve.h"

static const long MOST_US = 600000000;
static double speed = 1;

static void handle(struct invocation *in)
{
    struct timespec until;
    long us = serve_query(in, "us", 10000);

    clock_gettime(CLOCK_MONOTONIC, &until);
    us = (long)((double)us / speed);
    us = us < 0 ? 0 : us > MOST_US ? MOST_US : us;
    until.tv_sec += us / 1000000;
    until.tv_nsec += us % 1000000 * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    /* The kernel may else wake a thread 50 us later than asked. */
    prctl(PR_SET_TIMERSLACK, 1UL);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
    in->content_type = "application/json";
    in->out = malloc(48);
    if (in->out)
        in->out_len = (size_t)snprintf(in->out, 48, "{\"us\":%ld}\n", us);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        speed = strtod(argv[1], NULL);
    if (!(speed >= 1e-3 && speed <= 1e3)) {
        fprintf(stderr, "sleep %s: allowed: a speed from 0.001 to 1000\n", argv[1]);
        return 2;
    }
    return serve_waiting(handle);
}
