/*
 * csv.h - tables of numbers and names as text: a row a line, fields between commas, blanks
 * around a field do not count.  Strict: what is not understood is an error that names the
 * file, the line and the column.
 *
 * Lines end with LF or CRLF; empty lines and a byte order mark are passed over.  There are
 * no quotes: no file that we read has any.  A file of any size takes the memory of its
 * longest line.
 */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include <p2pfaas/plugin.h>

enum { CSV_MAX_LINE = 1 << 20, CSV_MAX_FIELDS = 1 << 15 };
enum csv_flags { CSV_COMMENTS = 1 /* a line that begins with # is none */ };

struct csv {
    char **field; /* of the row that was read last; n_fields of them */
    unsigned n_fields;
    unsigned line; /* its number */
    unsigned flags;
    const char *file;         /* the caller's */
    const char *const *names; /* of the columns */
    unsigned n_names;
    bool exact;   /* each row has a field for each name */
    char *header; /* the text of the names, when the file has them */
    char **header_names;
    int fd;
    bool at_end;
    char *buffer;
    size_t start, end; /* of what was read into it and is not yet a row */
};

/* 0, or -1 with the reason; then there is nothing to close. */
int csv_open(struct csv *c, const char *file, unsigned flags, char err[P2P_ERRLEN]);
void csv_close(struct csv *c);

/* The names that messages use, for a file without a header; rows may have more or fewer. */
void csv_name(struct csv *c, const char *const *names, unsigned n);
/* Takes the first row as names; each row must then have as many fields. */
int csv_read_header(struct csv *c, char err[P2P_ERRLEN]);
/* The column of that name; -1 with a reason. */
int csv_find(const struct csv *c, const char *name, char err[P2P_ERRLEN]);

/* 1 = there is a row, 0 = the file has ended, -1 with a reason. */
int csv_row(struct csv *c, char err[P2P_ERRLEN]);

/* "FILE:LINE: what".  Returns -1. */
__attribute__((format(printf, 3, 4))) int csv_fail(const struct csv *c, char err[P2P_ERRLEN],
                                                   const char *what, ...);
/* "FILE:LINE: column NAME: 'field' is not WHAT; allowed: ALLOWED".  Returns -1. */
int csv_refuse(const struct csv *c, unsigned column, const char *what, const char *allowed,
               char err[P2P_ERRLEN]);

/* A decimal number in the range, both ends included. */
int csv_number(const struct csv *c, unsigned column, double min, double max, double *out,
               char err[P2P_ERRLEN]);
/* A whole one from 0. */
int csv_whole(const struct csv *c, unsigned column, uint32_t max, uint32_t *out,
              char err[P2P_ERRLEN]);
/* "12.5ms", or seconds without a unit; ns, from 0 to max. */
int csv_duration(const struct csv *c, unsigned column, int64_t max_ns, int64_t *out,
                 char err[P2P_ERRLEN]);

#endif
