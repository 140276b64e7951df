/*
 * support_run.h - runs the checker that was built and keeps what it said.
 */
#ifndef TESTS_CHECK_SUPPORT_RUN_H
#define TESTS_CHECK_SUPPORT_RUN_H

#include <stdbool.h>
#include <stddef.h>

struct run {
    int code; /* -1: it was ended by a signal */
    char text[65536];
};

/* Arguments in the format, split by the shell; both outputs are kept. */
void run_check(struct run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Any command. */
void run_command(struct run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The folder that the variant was built in; that of the source. */
const char *built(void);
const char *tree(void);
/* Sanitizers make everything slower: fewer worlds. */
unsigned worlds(void);

/* Fails the test, with all that was said, where it is not so. */
void expect_code(const struct run *r, int code);
void expect_text(const struct run *r, const char *text);

#endif
