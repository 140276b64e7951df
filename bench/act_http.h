/*
 * act_http.h - the same question to a learner in another process, over HTTP and one
 * connection that is kept open.
 */
#ifndef BENCH_ACT_HTTP_H
#define BENCH_ACT_HTTP_H

#include <sys/types.h>

struct act_http {
    pid_t child;
    int output; /* the child's */
    void *curl;
    void *headers;
};

/* Starts bench/http_learner.py; 0, or -1 when it does not, as its packages are not there. */
int act_http_start(struct act_http *h);
/* Seconds on the clock that one GET /act took, the mean of n; 0 when one failed. */
double act_http_time(struct act_http *h, unsigned n);
void act_http_stop(struct act_http *h);

#endif
