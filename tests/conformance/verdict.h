/*
 * verdict.h - of many cases: do they conform, and the table of them.
 *
 * Of a hundred right figures one misses a 99 % interval.  The verdict is of all together: each
 * is asked at the level at which all cover with 99 % (Sidak), 1 - (1 - 0.99)/n or so.
 */
#ifndef TESTS_CONFORMANCE_VERDICT_H
#define TESTS_CONFORMANCE_VERDICT_H

#include <stdio.h>

#include "tests/conformance/run.h"

#define VERDICT_LEVEL 0.99

struct verdict {
    unsigned figures;
    unsigned covered;  /* by their own intervals of 99 % */
    double level;      /* of each, for all together to be of 99 % */
    unsigned missed;   /* at that level */
    unsigned unlawful; /* cases in which a law does not hold, or a plugin broke the rules */
    bool ordered;
    bool conforms;
};
void verdict_make(struct verdict *v, const struct outcome *o, unsigned n);

/* For a terminal. */
void verdict_head(FILE *f);
void verdict_row(FILE *f, const struct outcome *o);
void verdict_print(FILE *f, const struct outcome *o, unsigned n, const struct verdict *v);

/* As Markdown, all of it. */
void verdict_document(FILE *f, const struct outcome *o, unsigned n, const struct verdict *v,
                      const struct effort *effort);

#endif
