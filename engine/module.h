/*
 * module.h - one plugin file, opened from a private copy.
 *
 * The file is copied to RUN_DIR/NAME.gN.so (N never repeats in a process) and
 * the copy is opened, so that overwriting or deleting the original cannot hurt
 * a running node, and a rebuilt file of the same name is never mistaken for
 * the old one (dlopen compares names and inodes).
 *
 * A module is reference counted: one for the catalog that lists it, one for
 * each instance made from it.  At zero it is closed and the copy is unlinked.
 */
#ifndef ENGINE_MODULE_H
#define ENGINE_MODULE_H

#include <p2pfaas/plugin.h>

#define MODULE_HASH_LEN 65 /* SHA-256 in hex and the final zero */

struct module {
    char *file;                     /* as the user named it: "plugins/random.so" */
    char *copy;                     /* the private copy that is mapped */
    char hash[MODULE_HASH_LEN];     /* of the file's content */
    const struct p2p_module *entry; /* inside the mapping */
    void *handle;
    unsigned generation;
    _Atomic unsigned refs;
};

/* Opens and checks: an ELF shared object for this machine that is not cut off
 * and has no thread-local storage; exports p2p_plugin and runs nothing when it is
 * loaded (elf_check.h: these before it is loaded); magic; ABI major equal,
 * minor not newer than ours; names made of [a-z0-9_], required calls present,
 * parameter tables sound, sizes in range.  NULL with "FILE: what is wrong;
 * what to do" in err.  One reference is the caller's.  [any thread] */
struct module *module_open(const char *file, const char *run_dir, char err[P2P_ERRLEN]);

/* What lists it: magic, ABI, and every scheduler and learner as above.  0 or -1 with what
 * is wrong. */
int module_check(const struct p2p_module *entry, char err[P2P_ERRLEN]);

/* What it lists; NULL ends the list, which is never NULL itself. */
const struct p2p_scheduler *const *module_schedulers(const struct p2p_module *entry);
const struct p2p_learner *const *module_learners(const struct p2p_module *entry);

struct module *module_ref(struct module *m);
void module_unref(struct module *m);

/* SHA-256 of a file's content.  0 or -1 with a reason. */
int module_hash(const char *file, char hash[MODULE_HASH_LEN], char err[P2P_ERRLEN]);

/* Modules that are open now, in the whole process. */
unsigned module_count(void);
/* Those that stayed mapped after they were closed: something in them held on. */
unsigned module_pinned_count(void);

#endif
