/*
 * subcommand.h - `p2pfaas sim …`: what is not the node is a program of its own, beside it.
 *
 * The name is taken off, except where one program does several things and asks for it:
 * `p2pfaas check FILE` runs `p2pfaas-check FILE`, `p2pfaas plot FILE` runs
 * `p2pfaas-sim plot FILE`.
 */
#ifndef HOST_SUBCOMMAND_H
#define HOST_SUBCOMMAND_H

#include <p2pfaas/plugin.h>

/* Does the command line ask for one?  argv ends with NULL. */
bool subcommand_is_asked(char *const *argv);
/* This process becomes its program, which lies where this one does; argv is used up.
 * Returns only when it cannot, with a reason. */
void subcommand_run(char **argv, char err[P2P_ERRLEN]);
/* A line for each, for --help. */
void subcommand_list(FILE *out);

#endif
