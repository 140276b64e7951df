/* inputs.h - files of this machine as inputs of functions. */
#ifndef BENCH_INPUTS_H
#define BENCH_INPUTS_H

#include <stddef.h>

enum { INPUTS_MOST = 64 };

struct input {
    char name[64];
    char *data;
    size_t len;
    char sha256[65];
};

/* Up to INPUTS_MOST of some folders that every system has; how many. */
unsigned inputs_collect(struct input files[INPUTS_MOST]);

#endif
