/*
 * learner_file.h - what a learner knows, in a file.
 *
 * A head says whose it is, in which format and of which space; a checksum is over all of
 * it.  A file is written aside, brought to the disk and renamed: whenever that is
 * interrupted, the old one or the new one is there, whole.
 */
#ifndef ENGINE_LEARNER_FILE_H
#define ENGINE_LEARNER_FILE_H

#include "engine/state.h"

enum { LEARNER_FILE_FORMAT = 64, LEARNER_FILE_NAME = 64, LEARNER_FILE_VERSION = 32 };

struct learner_file {
    char format[LEARNER_FILE_FORMAT]; /* state_format of the learner */
    char plugin[LEARNER_FILE_NAME], version[LEARNER_FILE_VERSION];
    uint32_t n_dims, n_actions;
    struct state state;
};

/* 0, or -1 with "PATH: what went wrong" and the old file, if there was one, as it was. */
int learner_file_write(const char *path, const struct learner_file *f, char err[P2P_ERRLEN]);
/* 0, or -1 with "PATH: why it is not taken" and *f empty; free it with
 * state_release(&f->state). */
int learner_file_read(const char *path, struct learner_file *f, char err[P2P_ERRLEN]);

#endif
