/*
 * support_scenario.h - a scenario from text, in a folder of its own.
 */
#ifndef TESTS_SIM_SUPPORT_SCENARIO_H
#define TESTS_SIM_SUPPORT_SCENARIO_H

#include "sim/scenario.h"

extern struct scenario scenario;
extern char scenario_err[P2P_ERRLEN];
extern char scenario_path[]; /* of the file that the text becomes */

/* cmocka's setup and teardown. */
int scenario_setup(void **state);
int scenario_teardown(void **state);

/* Another file beside it. */
void scenario_beside(const char *name, const char *text);

/* The file has this text; 0 or -1.  Settings are "path=value", ended with NULL. */
int scenario_load(const char *yaml, const char *const *set);
/* Must be taken. */
void scenario_reads(const char *yaml, const char *const *set);
/* Must be refused, with "FILE:LINE: " in front (LINE 0: "FILE: ", -1: "--set ") and
 * all these words. */
void scenario_refuses(const char *yaml, const char *const *set, int line, const char *const *words);

/* The file alone, with any bytes. */
void scenario_write(const void *bytes, size_t size);
/* Turns "path=value" into overrides; returns how many. */
unsigned scenario_settings(const char *const *set, struct scenario_override *out);

enum { SCENARIO_MOST_SET = 8 };
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define READS(yaml) scenario_reads(yaml, LIST(NULL))
#define READS_SET(yaml, ...) scenario_reads(yaml, LIST(__VA_ARGS__))
#define REFUSES(line, yaml, ...) scenario_refuses(yaml, LIST(NULL), line, LIST(__VA_ARGS__))
#define REFUSES_SET(yaml, set, ...) scenario_refuses(yaml, LIST(set), -1, LIST(__VA_ARGS__))

#endif
