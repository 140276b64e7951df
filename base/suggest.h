/*
 * suggest.h - what to say about a name that nobody knows.
 */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <p2pfaas/plugin.h>

/* The one that is meant, two wrong letters at most, or NULL.  `names` end with NULL here
 * and below. */
const char *suggest_nearest(const char *key, const char *const *names);

/* "a, b, c"; as many as fit, and then "a, b, ...".  "none" without names. */
void suggest_list(char *out, size_t size, const char *const *names);

/* "unknown; did you mean 'slots'? allowed: a, b, c". */
void suggest_unknown(char *out, size_t size, const char *key, const char *const *names);

/* The names of a table (or NULL) and those in `more` (or NULL), ended with NULL. */
void suggest_names(const struct p2p_param *keys, const char *const *more, const char **out,
                   size_t size);

#endif
