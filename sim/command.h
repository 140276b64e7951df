/*
 * command.h - `p2pfaas sim`; argv[0] begins its errors.  Returns an exit status: 0, 1 for
 * a failure, 2 for a wrong command line.
 */
#ifndef SIM_COMMAND_H
#define SIM_COMMAND_H

int sim_command(int argc, char **argv);

#endif
