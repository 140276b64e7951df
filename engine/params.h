/*
 * params.h - parameter tables: one table declares a struct's settings; this
 * module parses, range-checks, prints and explains them.  Plugins use it
 * through their ops tables, the host uses it for every section of plugins.yaml.
 *
 * A table describes fields at fixed offsets inside `base`.  STRING fields own
 * their text (malloc'ed here, freed by params_release); everything else is
 * plain data.  Nothing here locks: the caller serialises access to `base`.
 */
#ifndef ENGINE_PARAMS_H
#define ENGINE_PARAMS_H

#include <p2pfaas/plugin.h>

/* Entries before the end mark.  NULL is an empty table. */
uint32_t params_count(const struct p2p_param *table);

/* The entry of that name, or NULL. */
const struct p2p_param *params_find(const struct p2p_param *table, const char *name);

/* Is the table itself sound: known types, fields inside size bytes, no two
 * fields overlapping, defaults in range, help given, unique names?  0 or -1
 * with what is wrong and in which parameter. */
int params_check(const struct p2p_param *table, uint32_t size, char err[P2P_ERRLEN]);

/* Stores every default.  `base` must not hold owned strings.  0 or -1 (memory). */
int params_defaults(const struct p2p_param *table, void *base, char err[P2P_ERRLEN]);

/* Parses `text` into the field of p.  0, or -1 with "NAME: 'text' is not …;
 * allowed: …" and the old value kept. */
int params_set(const struct p2p_param *p, void *base, const char *text, char err[P2P_ERRLEN]);

/* The field's value as params_set would read it back ("10ms", "true", "4"). */
void params_format(const struct p2p_param *p, const void *base, char *out, size_t size);

/* The default, in the same notation. */
void params_format_default(const struct p2p_param *p, char *out, size_t size);

/* What is accepted, for people: "an integer from 1 to 64", "one of local, reject". */
void params_allowed(const struct p2p_param *p, char *out, size_t size);

/* "integer", "number", "boolean", "duration", "string", "choice", "size". */
const char *params_type_name(const struct p2p_param *p);

/* Frees the strings that defaults/set stored and zeroes those fields. */
void params_release(const struct p2p_param *table, void *base);

#endif
