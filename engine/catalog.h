/*
 * catalog.h - which schedulers and learners can be selected: the plugin folder, read.
 *
 * catalog_scan brings the catalog up to date with the folder: a new or changed
 * file is opened and checked, a file that is gone is dropped (instances made
 * from it keep running), a file that fails its checks stays listed with its
 * reason.  Files are recognised by content, so an untouched file costs a stat.
 *
 * Every call takes the catalog's own lock; any thread may call.
 */
#ifndef ENGINE_CATALOG_H
#define ENGINE_CATALOG_H

#include "engine/module.h"

struct catalog;

/* NULL with a reason when run_dir cannot be made (it becomes 0700). */
struct catalog *catalog_new(const char *folder, const char *run_dir, char err[P2P_ERRLEN]);
void catalog_free(struct catalog *c);

/* Returns how many files were added, changed or dropped, or -1 with a reason
 * when the folder cannot be read (the catalog stays as it is).  `changed`, if
 * not NULL, is called for each with a line fit for a log: error is NULL when
 * the file is usable. */
int catalog_scan(struct catalog *c, void (*changed)(void *ctx, const char *file, const char *error),
                 void *ctx, char err[P2P_ERRLEN]);

/* A scheduler found by name or alias.  `alias` is NULL when it was found by its
 * own name.  The caller owns a reference to `module`. */
struct catalog_hit {
    struct module *module;
    const struct p2p_scheduler *scheduler;
    const struct p2p_alias *alias;
};

/* 0, or -1 with "no scheduler 'x'; did you mean 'y'? known: a, b, ..." (or, where the name
 * belongs to a file that failed, that file's reason). */
int catalog_find(struct catalog *c, const char *name, struct catalog_hit *hit,
                 char err[P2P_ERRLEN]);

/* The same for a learner, which has no aliases. */
struct catalog_learner {
    struct module *module;
    const struct p2p_learner *learner;
};
int catalog_find_learner(struct catalog *c, const char *name, struct catalog_learner *hit,
                         char err[P2P_ERRLEN]);

/* Is it called so?  `alias` is set as in a hit. */
bool catalog_goes_by(const struct p2p_scheduler *s, const char *name,
                     const struct p2p_alias **alias);

/* One row a file, in alphabetical order; pointers are valid inside the call. */
struct catalog_row {
    const char *file;            /* path as configured + name */
    const char *error;           /* NULL when usable */
    const struct module *module; /* NULL when error is set */
};
void catalog_each(struct catalog *c, void (*row)(void *ctx, const struct catalog_row *), void *ctx);

#endif
