/*
 * table.h - our own CSV files, written and read: a header, then rows, RFC 4180.
 */
#ifndef SIM_TABLE_H
#define SIM_TABLE_H

#include <p2pfaas/plugin.h>
#include <stdio.h>

/* A value that has a comma, a quote or a line end is quoted. */
void table_text(FILE *f, const char *text);
/* Six digits; nothing where it is not a number. */
void table_number(FILE *f, double value);

/* A whole file.  Every row has as many cells as the header, which is row 0. */
struct table {
    char *text;
    char **cell; /* n_rows * n_columns */
    unsigned n_columns, n_rows;
};

/* -1 and err, which names the file and the line. */
int table_read(struct table *t, const char *path, char err[P2P_ERRLEN]);
void table_release(struct table *t);

static inline const char *table_cell(const struct table *t, unsigned row, unsigned column)
{
    return t->cell[(size_t)row * t->n_columns + column];
}
/* Index of the one of that name, from column `first` on; n_columns when there is none. */
unsigned table_column(const struct table *t, unsigned first, const char *name);

#endif
