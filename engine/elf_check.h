/*
 * elf_check.h - a look at a shared object before the dynamic loader gets it.
 *
 * The loader maps first and looks later: a file that was cut off ends the process
 * with SIGBUS, and code that runs when it is loaded runs before anybody could say
 * that the file is no plugin.  Neither may happen to a node that reads a folder.
 */
#ifndef ENGINE_ELF_CHECK_H
#define ENGINE_ELF_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* Is it a whole shared object for this machine, without thread-local storage, that
 * exports `symbol` and runs nothing when it is loaded?  NULL, or what is wrong and
 * what to do.  `instrumented`: code that runs at load is that of a sanitizer. */
const char *elf_check(const char *data, size_t size, const char *symbol, bool instrumented);

#endif
