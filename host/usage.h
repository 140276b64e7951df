/*
 * usage.h - what a function uses of this machine, measured when somebody asks.
 */
#ifndef HOST_USAGE_H
#define HOST_USAGE_H

#include "host/functions.h"

/* The asker's memory until done. */
struct usage_request {
    /* In. */
    struct function *function; /* a reference of the asker's */
    /* Exactly once.  [the function's home thread] */
    void (*done)(struct usage_request *r);
    void *owner;
    /* Out. */
    bool known;
    struct usage usage;
    /* Private. */
    struct task task;
};

/* Answers within some seconds; not known when the function's runtime sees nothing, or had no
 * answer.  [any thread] */
void function_usage(struct usage_request *r);

#endif
