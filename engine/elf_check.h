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
#include <stdint.h>

/* Is it a whole shared object for this machine, without thread-local storage, that
 * exports `symbol` and runs nothing when it is loaded?  NULL, or what is wrong and
 * what to do.  `instrumented`: code that runs at load is that of a sanitizer. */
const char *elf_check(const char *data, size_t size, const char *symbol, bool instrumented);

enum elf_kind {
    ELF_EXPORT,   /* a symbol that others see */
    ELF_IMPORT,   /* one that it takes from them */
    ELF_LIBRARY,  /* a file that is loaded with it */
    ELF_MUTABLE,  /* an object that its code may write, by its name */
    ELF_WRITABLE, /* a section of such objects */
    ELF_NAMES     /* the table of all names; it may have been stripped off */
};
struct elf_item {
    enum elf_kind kind;
    const char *name;
    uint64_t size;
    bool weak;
};

/* Calls `item` for each of those in a file that passed elf_check(). */
void elf_each(const char *data, size_t size, void (*item)(void *ctx, const struct elf_item *),
              void *ctx);

#endif
