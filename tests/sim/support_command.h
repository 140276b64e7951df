/*
 * support_command.h - the program p2pfaas-sim from outside, on a scenario of support_scenario.h.
 */
#ifndef TESTS_SIM_SUPPORT_COMMAND_H
#define TESTS_SIM_SUPPORT_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* cmocka's. */
int command_setup(void **state);
int command_teardown(void **state);

/* What a run came to: its exit code, or -1 when it ended otherwise; texts till the next run. */
extern int command_code;
extern char *command_out, *command_err;

/* Writes the scenario; runs p2pfaas-sim sim with the options, up to a NULL, and it. */
void command_runs(const char *yaml, const char *const *options);
/* With a scenario that is there. */
void command_runs_file(const char *file, const char *const *options);
/* Its standard output is that file. */
void command_prints_to(const char *out, const char *yaml, const char *const *options);
/* As command_runs, and it ends with the code, says nothing on standard output, and the message has
 * all the words. */
void command_refuses(const char *yaml, const char *const *options, int code,
                     const char *const *words);

/* Starts it without waiting, reads its standard output up to the text, which must come. */
pid_t command_starts(const char *yaml, const char *const *options, const char *until);
/* Nobody reads the rest. */
void command_stops_reading(void);
/* Its end: command_code and command_err are those of it. */
void command_ends(pid_t pid);

/* A path beside the scenario; the eighth after it takes its place. */
const char *command_path(const char *name);
char *command_read(const char *path); /* malloc'ed */
bool command_same_folders(const char *a, const char *b);
unsigned command_lines(const char *text);

#endif
