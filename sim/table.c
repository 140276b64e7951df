#include "sim/table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 30 };

void table_text(FILE *f, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, f);
        return;
    }
    putc('"', f);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', f);
        putc(*text, f);
    }
    putc('"', f);
}

void table_number(FILE *f, double value)
{
    if (isfinite(value))
        fprintf(f, "%.6g", value == 0 ? 0 : value); /* never -0 */
}

static char *read_all(const char *path, char err[P2P_ERRLEN])
{
    FILE *f = fopen(path, "re");
    char *text = NULL;
    size_t len = 0, room = 0;

    if (!f) {
        snprintf(err, P2P_ERRLEN, "%s: %s", path, strerror(errno));
        return NULL;
    }
    do {
        char *more;

        room = room ? room * 2 : 65536;
        more = room <= MOST_BYTES ? realloc(text, room) : NULL;
        if (!more) {
            snprintf(err, P2P_ERRLEN, "%s: larger than memory or 1 GiB", path);
            goto fail;
        }
        text = more;
        len += fread(text + len, 1, room - len - 1, f);
    } while (len == room - 1);
    if (ferror(f)) {
        snprintf(err, P2P_ERRLEN, "%s: %s", path, strerror(errno));
        goto fail;
    }
    text[len] = '\0';
    fclose(f);
    return text;
fail:
    free(text);
    fclose(f);
    return NULL;
}

/* Ends the cell at *at, unquotes it in place and moves *at behind its separator, which it
 * returns: ',', '\n', or '\0' for the end of the file.  '"' means that a quote is wrong. */
static char take_cell(char **at, char **cell)
{
    char *from = *at, *to = *at, separator;

    *cell = to;
    if (*from == '"') {
        for (from++; *from && (*from != '"' || from[1] == '"'); from++) {
            from += *from == '"';
            *to++ = *from;
        }
        if (*from++ != '"' || !strchr(",\r\n", *from))
            return '"';
    } else {
        for (; *from && *from != ',' && *from != '\n' && *from != '\r';)
            *to++ = *from++;
    }
    from += *from == '\r';
    separator = *from;
    *at = from + (separator != '\0');
    *to = '\0';
    return separator;
}

static int parse(struct table *t, const char *path, char err[P2P_ERRLEN])
{
    char *at = t->text, separator = '\n';
    size_t room = 0, n = 0;
    unsigned columns = 0;

    while (separator == ',' || *at) {
        if (n == room) {
            char **more;

            room = room ? room * 2 : 1024;
            more = realloc(t->cell, room * sizeof(*more));
            if (!more) {
                snprintf(err, P2P_ERRLEN, "%s: larger than memory", path);
                return -1;
            }
            t->cell = more;
        }
        separator = take_cell(&at, &t->cell[n++]);
        columns++;
        if (separator == ',')
            continue;
        if (separator == '"' || (t->n_rows && columns != t->n_columns)) {
            snprintf(err, P2P_ERRLEN,
                     separator == '"' ? "%s:%u: a quote that is not closed, or text behind it"
                                      : "%s:%u: %u cells, and the header has %u",
                     path, t->n_rows + 1, columns, t->n_columns);
            return -1;
        }
        t->n_columns = columns;
        t->n_rows++;
        columns = 0;
    }
    if (t->n_rows)
        return 0;
    snprintf(err, P2P_ERRLEN, "%s: empty; a header was expected", path);
    return -1;
}

int table_read(struct table *t, const char *path, char err[P2P_ERRLEN])
{
    memset(t, 0, sizeof(*t));
    t->text = read_all(path, err);
    if (!t->text)
        return -1;
    if (parse(t, path, err) == 0)
        return 0;
    table_release(t);
    return -1;
}

void table_release(struct table *t)
{
    free(t->cell);
    free(t->text);
    memset(t, 0, sizeof(*t));
}

unsigned table_column(const struct table *t, unsigned first, const char *name)
{
    unsigned c = first;

    while (c < t->n_columns && strcmp(table_cell(t, 0, c), name) != 0)
        c++;
    return c;
}
