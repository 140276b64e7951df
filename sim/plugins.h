/*
 * plugins.h - the folder of plugins that the command runs with, and its catalog.
 */
#ifndef SIM_PLUGINS_H
#define SIM_PLUGINS_H

#include <limits.h>

#include "engine/catalog.h"
#include "sim/scenario.h"

/* A catalog opens copies of the plugins, in a folder of its own. */
struct sim_plugins {
    struct catalog *catalog;
    char *folder, copies[PATH_MAX];
};

/* `folder` is the command line's, or NULL: what the scenario says, or where this program is
 * installed.  0, or -1 with a reason; sim_plugins_close after either. */
int sim_plugins_open(struct sim_plugins *p, const char *folder, const struct scenario *s,
                     char err[P2P_ERRLEN]);
void sim_plugins_close(struct sim_plugins *p);

#endif
