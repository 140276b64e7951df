/*
 * suggest.h - what to say about a name that nobody knows.
 */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <p2pfaas/plugin.h>

/* "unknown; did you mean 'slots'? allowed: a, b, c".  `names` ends with NULL. */
void suggest_unknown(char *out, size_t size, const char *key, const char *const *names);

/* The names of a table (or NULL) and those in `more` (or NULL), ended with NULL. */
void suggest_names(const struct p2p_param *keys, const char *const *more, const char **out,
                   size_t size);

#endif
