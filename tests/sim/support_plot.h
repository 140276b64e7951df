/*
 * support_plot.h - a command line of `p2pfaas plot`, read.
 */
#ifndef TESTS_SIM_SUPPORT_PLOT_H
#define TESTS_SIM_SUPPORT_PLOT_H

#include "sim/plot.h"

/* `words` end with NULL. */
static inline int parse(struct plot_options *o, char *err, const char *const *words)
{
    char *argv[16] = {(char *)"plot"};
    int argc = 1;

    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)words[argc - 1];
    return plot_options(o, argc, argv, err);
}
#define PARSE(o, err, ...) parse(o, err, (const char *const[]){__VA_ARGS__, NULL})

#endif
