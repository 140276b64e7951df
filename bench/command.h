/*
 * command.h - `p2pfaas bench EXPERIMENT.yaml`.
 */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

int bench_command(int argc, char **argv); /* the exit code */

#endif
