/*
 * whole_file.h - small files that are there whole or not at all: written aside, brought to
 * the disk and renamed.  What was written or removed stays so when the power fails after
 * it.  All block; none is for the thread of a loop.
 */
#ifndef BASE_WHOLE_FILE_H
#define BASE_WHOLE_FILE_H

#include <p2pfaas/plugin.h>
#include <sys/types.h>
#include <sys/uio.h>

/* What is not yet whole has this behind its name. */
#define WHOLE_FILE_ASIDE ".new"

/* Each 0, or -1 with "PATH: what went wrong". */
int whole_file_write(const char *path, const void *data, size_t n, mode_t mode,
                     char err[P2P_ERRLEN]);
/* `n` parts, one behind the other. */
int whole_file_write_parts(const char *path, const struct iovec *part, unsigned n, mode_t mode,
                           char err[P2P_ERRLEN]);
/* It need not be there. */
int whole_file_remove(const char *path, char err[P2P_ERRLEN]);
/* Zero-terminated and the caller's to free(), of at most `most` bytes; NULL with a reason.
 * A symbolic link is refused. */
char *whole_file_read(const char *path, size_t most, size_t *n, char err[P2P_ERRLEN]);
/* The same of a file that a person named: a link leads to it. */
char *whole_file_read_linked(const char *path, size_t most, size_t *n, char err[P2P_ERRLEN]);
/* Makes the folder and those above it, for nobody but this user; they may be there. */
int whole_file_folder(const char *path, char err[P2P_ERRLEN]);

#endif
