/*
 * sleep - answers after ?us=N microseconds (10 ms), without using a processor meanwhile:
 * a slot is busy, the machine is not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "functions/serve.h"

static const long MOST_US = 600000000;

static void handle(struct invocation *in)
{
    struct timespec until;
    long us = serve_query(in, "us", 10000);

    clock_gettime(CLOCK_MONOTONIC, &until);
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

int main(void)
{
    return serve_waiting(handle);
}
