/*
 * program_output.h - what a long-lived program writes to standard output and error: into
 * the node's log, up to a rate, and into the function's lines.
 *
 * On the program's home thread; `lines` may be read by others.
 */
#ifndef HOST_PROGRAM_OUTPUT_H
#define HOST_PROGRAM_OUTPUT_H

#include "host/lines.h"

enum { PROGRAM_LINE = 1024 }; /* in the node's log; what is longer becomes several */

struct program_output {
    const char *function;
    struct lines *lines;
    struct lines_writer writer;
    char line[PROGRAM_LINE];
    size_t line_len;
    uint64_t second;
    unsigned logged, dropped; /* in that second */
};

/* 0, or -1 when memory is short. */
int program_output_init(struct program_output *o, const char *function);
void program_output_release(struct program_output *o);
/* One with that id has started. */
void program_output_begin(struct program_output *o, int pid);
void program_output_feed(struct program_output *o, const char *bytes, size_t n);
/* It writes no more, for now: what was begun is a line. */
void program_output_end(struct program_output *o);

#endif
