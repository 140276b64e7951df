/*
 * paths.h - paths as they are written in files of settings.
 */
#ifndef BASE_PATHS_H
#define BASE_PATHS_H

#include <stddef.h>

/* malloc'ed text with ${BIN} (the folder of the running program) and ${LIB} (what belongs
 * to it when it is installed) replaced; NULL when memory is short or it has more than
 * `most` bytes. */
char *path_expand(const char *text, size_t most);

/* malloc'ed `path`, in the folder of `file` unless it is absolute; NULL when memory is
 * short. */
char *path_beside(const char *file, const char *path);

#endif
