#include "base/csv.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/params.h"

/* ---- what is wrong ---- */

/* The end of a long path says more than its beginning. */
static const char *shown(const char *file)
{
    enum { MOST = 100 };
    size_t n = strlen(file);

    return n > MOST ? file + n - MOST : file;
}

int csv_fail(const struct csv *c, char err[P2P_ERRLEN], const char *what, ...)
{
    char text[P2P_ERRLEN];
    va_list args;

    va_start(args, what);
    vsnprintf(text, sizeof(text), what, args);
    va_end(args);
    if (c->line > 0)
        snprintf(err, P2P_ERRLEN, "%s:%u: %s", shown(c->file), c->line, text);
    else
        snprintf(err, P2P_ERRLEN, "%s: %s", shown(c->file), text);
    return -1;
}

/* Part of a text that could hold anything, for a terminal. */
static void printable(const char *text, char *out, size_t size)
{
    size_t n = 0;

    for (; text[n] && n < size - 1; n++)
        out[n] = (char)(isprint((unsigned char)text[n]) ? text[n] : '?');
    out[n] = '\0';
}

static void column_name(const struct csv *c, unsigned column, char *out, size_t size)
{
    if (column < c->n_names)
        printable(c->names[column], out, size);
    else
        snprintf(out, size, "%u", column + 1);
}

int csv_refuse(const struct csv *c, unsigned column, const char *what, const char *allowed,
               char err[P2P_ERRLEN])
{
    char name[32], value[40];

    column_name(c, column, name, sizeof(name));
    printable(c->field[column], value, sizeof(value));
    return csv_fail(c, err, "column %s: '%s' is not %s; allowed: %s", name, value, what, allowed);
}

/* ---- rows ---- */

int csv_open(struct csv *c, const char *file, unsigned flags, char err[P2P_ERRLEN])
{
    *c = (struct csv){.file = file, .flags = flags, .fd = open(file, O_RDONLY | O_CLOEXEC)};
    if (c->fd < 0)
        return csv_fail(c, err, "%s", strerror(errno));
    c->buffer = malloc(CSV_MAX_LINE + 1);
    c->field = calloc(CSV_MAX_FIELDS, sizeof(*c->field));
    if (c->buffer && c->field)
        return 0;
    csv_close(c);
    return csv_fail(c, err, "out of memory");
}

void csv_close(struct csv *c)
{
    if (c->buffer || c->field)
        close(c->fd);
    free(c->buffer);
    free(c->field);
    free(c->header);
    free(c->header_names);
    c->buffer = c->header = NULL;
    c->field = c->header_names = NULL;
    c->names = NULL;
}

void csv_name(struct csv *c, const char *const *names, unsigned n)
{
    c->names = names;
    c->n_names = n;
}

/* More of the file, behind what is left in the buffer. */
static int fill(struct csv *c, char err[P2P_ERRLEN])
{
    ssize_t n;

    if (c->start > 0) {
        memmove(c->buffer, c->buffer + c->start, c->end - c->start);
        c->end -= c->start;
        c->start = 0;
    }
    if (c->end == CSV_MAX_LINE) {
        c->line++;
        return csv_fail(c, err, "longer than %d bytes", CSV_MAX_LINE);
    }
    do
        n = read(c->fd, c->buffer + c->end, CSV_MAX_LINE - c->end);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return csv_fail(c, err, "%s", strerror(errno));
    c->at_end = n == 0;
    c->end += (size_t)n;
    return 0;
}

/* Sets *out to the next line, ended by a zero.  1, 0 at the end of the file, -1. */
static int next_line(struct csv *c, char **out, size_t *length, char err[P2P_ERRLEN])
{
    size_t seen = 0;
    char *line, *stop;

    for (;;) {
        line = c->buffer + c->start;
        stop = memchr(line + seen, '\n', c->end - c->start - seen);
        if (stop || c->at_end)
            break;
        seen = c->end - c->start;
        if (fill(c, err))
            return -1;
    }
    if (!stop && c->start == c->end)
        return 0;
    if (!stop)
        stop = c->buffer + c->end;
    c->start = (size_t)(stop - c->buffer) + (stop < c->buffer + c->end);
    c->line++;
    *stop = '\0';
    *length = (size_t)(stop - line);
    *out = line;
    return 1;
}

static char *trim(char *text, char *end)
{
    while (*text == ' ' || *text == '\t')
        text++;
    while (end > text && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    *end = '\0';
    return text;
}

static int split(struct csv *c, char *line, char err[P2P_ERRLEN])
{
    c->n_fields = 0;
    for (;;) {
        char *comma = strchrnul(line, ',');
        bool last = *comma == '\0';

        if (c->n_fields == CSV_MAX_FIELDS)
            return csv_fail(c, err, "more than %d fields", CSV_MAX_FIELDS);
        c->field[c->n_fields++] = trim(line, comma);
        if (last)
            break;
        line = comma + 1;
    }
    if (c->exact && c->n_fields != c->n_names)
        return csv_fail(c, err, "%u fields; the header has %u", c->n_fields, c->n_names);
    return 1;
}

int csv_row(struct csv *c, char err[P2P_ERRLEN])
{
    char *line;
    size_t length;
    int rc;

    for (;;) {
        rc = next_line(c, &line, &length, err);
        if (rc <= 0)
            return rc;
        if (memchr(line, '\0', length))
            return csv_fail(c, err, "there is a zero byte; is it text?");
        if (c->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0)
            line += 3;
        if (line[strspn(line, " \t\r")] == '\0')
            continue;
        if (c->flags & CSV_COMMENTS && line[strspn(line, " \t")] == '#')
            continue;
        if (strchr(line, '"'))
            return csv_fail(c, err, "there is a quote; fields are written without");
        return split(c, line, err);
    }
}

/* ---- the names of the columns ---- */

int csv_read_header(struct csv *c, char err[P2P_ERRLEN])
{
    size_t size = 1, at = 0;
    int rc = csv_row(c, err);

    if (rc == 0)
        return csv_fail(c, err, "empty; its first line has the names of the columns");
    if (rc < 0)
        return -1;
    for (unsigned i = 0; i < c->n_fields; i++)
        size += strlen(c->field[i]) + 1;
    c->header = malloc(size);
    c->header_names = calloc(c->n_fields + 1, sizeof(*c->header_names));
    if (!c->header || !c->header_names)
        return csv_fail(c, err, "out of memory");
    for (unsigned i = 0; i < c->n_fields; i++) {
        size_t n = strlen(c->field[i]) + 1;

        c->header_names[i] = memcpy(c->header + at, c->field[i], n);
        at += n;
    }
    c->names = (const char *const *)c->header_names;
    c->n_names = c->n_fields;
    c->exact = true;
    return 0;
}

int csv_find(const struct csv *c, const char *name, char err[P2P_ERRLEN])
{
    char has[100] = "", one[32];
    size_t at = 0;

    for (unsigned i = 0; i < c->n_names; i++)
        if (strcmp(c->names[i], name) == 0)
            return (int)i;
    for (unsigned i = 0; i < c->n_names && at < sizeof(has); i++) {
        printable(c->names[i], one, sizeof(one));
        at += (size_t)snprintf(has + at, sizeof(has) - at, "%s%s", i ? ", " : "", one);
    }
    return csv_fail(c, err, "no column %s in the header; it has: %s", name, has);
}

/* ---- values ---- */

static bool read_number(const char *text, double *out)
{
    char *end;

    if (text[0] == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
        return false;
    *out = strtod(text, &end);
    return *end == '\0';
}

int csv_number(const struct csv *c, unsigned column, double min, double max, double *out,
               char err[P2P_ERRLEN])
{
    double value;
    char allowed[64];
    bool is_number = read_number(c->field[column], &value);

    if (is_number && value >= min && value <= max) {
        *out = value;
        return 0;
    }
    snprintf(allowed, sizeof(allowed), "a number from %.12g to %.12g", min, max);
    return csv_refuse(c, column, is_number ? "in range" : "a number", allowed, err);
}

int csv_whole(const struct csv *c, unsigned column, uint32_t max, uint32_t *out,
              char err[P2P_ERRLEN])
{
    const char *text = c->field[column];
    bool digits = text[0] && text[strspn(text, "0123456789")] == '\0';
    char allowed[64];
    uint64_t value = 0;

    for (; digits && *text && value <= max; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    if (digits && value <= max) {
        *out = (uint32_t)value;
        return 0;
    }
    snprintf(allowed, sizeof(allowed), "a whole number from 0 to %u", max);
    return csv_refuse(c, column, digits ? "in range" : "a whole number", allowed, err);
}

int csv_duration(const struct csv *c, unsigned column, int64_t max_ns, int64_t *out,
                 char err[P2P_ERRLEN])
{
    struct {
        int64_t ns;
    } value;
    const struct p2p_param any = {.name = "time", .type = P2P_DURATION, .max = (double)max_ns};
    char why[P2P_ERRLEN], allowed[64], most[32];
    double ns;
    bool understood = read_number(c->field[column], &ns);

    ns = understood ? round(ns * 1e9) : 0;
    if (understood && ns >= 0 && ns <= (double)max_ns && ns < 0x1p63) {
        *out = (int64_t)ns;
        return 0;
    }
    if (!understood && params_set(&any, &value, c->field[column], why) == 0) {
        *out = value.ns;
        return 0;
    }
    value.ns = max_ns;
    params_format(&any, &value, most, sizeof(most));
    snprintf(allowed, sizeof(allowed), "from 0s to %s, as in 12.5ms, or seconds", most);
    return csv_refuse(c, column, understood ? "in range" : "a time", allowed, err);
}
