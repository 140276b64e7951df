#include "base/suggest.h"

#include <stdio.h>
#include <string.h>

/* Edits that turn a into b (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
    enum { MOST = 32 };
    size_t n = strlen(a), m = strlen(b), row[MOST + 1];

    if (n > MOST || m > MOST)
        return MOST;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t skip = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = change < skip ? change : skip;
        }
    }
    return row[m];
}

const char *suggest_nearest(const char *key, const char *const *names)
{
    const char *near = NULL;
    size_t best = 3;

    for (; *names; names++)
        if (distance(key, *names) < best) {
            best = distance(key, *names);
            near = *names;
        }
    return near;
}

void suggest_list(char *out, size_t size, const char *const *names)
{
    static const char first[] = "", next[] = ", ", more[] = ", ...";
    size_t at = 0;

    snprintf(out, size, "%s", *names ? "..." : "none");
    for (const char *const *n = names; *n; n++) {
        const char *before = n == names ? first : next;
        size_t len = strlen(before) + strlen(*n), rest = n[1] ? strlen(more) : 0;

        if (at + len + rest >= size)
            return;
        snprintf(out + at, size - at, "%s%s%s", before, *n, n[1] ? more : "");
        at += len;
    }
}

void suggest_unknown(char *out, size_t size, const char *key, const char *const *names)
{
    const char *near = suggest_nearest(key, names);
    size_t at;

    at = near ? (size_t)snprintf(out, size, "unknown; did you mean '%s'? allowed: ", near)
              : (size_t)snprintf(out, size, "unknown; allowed: ");
    if (at < size)
        suggest_list(out + at, size - at, names);
}

void suggest_names(const struct p2p_param *keys, const char *const *more, const char **out,
                   size_t size)
{
    size_t n = 0;

    for (const struct p2p_param *p = keys; p && p->name && n < size - 1; p++)
        out[n++] = p->name;
    for (; more && *more && n < size - 1; more++)
        out[n++] = *more;
    out[n] = NULL;
}
