#include "sim/trace_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/table.h"

enum { BUFFER = 1 << 20, DETAIL = 256 };

struct trace {
    FILE *file;
    char *buffer, *path;
    uint64_t lines, most_lines, latest_ns;
    bool left_out;
};

struct trace *trace_open(const char *path, uint64_t most_lines, char err[P2P_ERRLEN])
{
    struct trace *t = calloc(1, sizeof(*t));

    if (t) {
        t->most_lines = most_lines;
        t->buffer = malloc(BUFFER);
        t->path = strdup(path);
    }
    if (!t || !t->buffer || !t->path) {
        snprintf(err, P2P_ERRLEN, "%s: no memory", path);
        goto fail;
    }
    t->file = fopen(path, "we");
    if (!t->file) {
        snprintf(err, P2P_ERRLEN, "%s: %s", path, strerror(errno));
        goto fail;
    }
    setvbuf(t->file, t->buffer, _IOFBF, BUFFER);
    fputs("time_s,node,job,what,peer,detail\n", t->file);
    return t;
fail:
    if (t) {
        free(t->buffer);
        free(t->path);
    }
    free(t);
    return NULL;
}

bool trace_wants(struct trace *t)
{
    if (t && t->lines >= t->most_lines)
        t->left_out = true;
    return t && !t->left_out;
}

static void begin_line(struct trace *t, uint64_t now_ns)
{
    fprintf(t->file, "%" PRIu64 ".%09" PRIu64 ",", now_ns / 1000000000, now_ns % 1000000000);
}

void trace_line(struct trace *t, uint64_t now_ns, const char *node, uint64_t job, const char *what,
                const char *peer, const char *detail, ...)
{
    char text[DETAIL] = "";
    va_list args;

    if (!trace_wants(t))
        return;
    t->lines++;
    t->latest_ns = now_ns;
    if (detail) {
        va_start(args, detail);
        vsnprintf(text, sizeof(text), detail, args);
        va_end(args);
    }
    begin_line(t, now_ns);
    table_text(t->file, node ? node : "");
    if (job != TRACE_NO_JOB)
        fprintf(t->file, ",%" PRIu64 ",%s,", job, what);
    else
        fprintf(t->file, ",,%s,", what);
    table_text(t->file, peer ? peer : "");
    putc(',', t->file);
    table_text(t->file, text);
    putc('\n', t->file);
}

int trace_close(struct trace *t, char err[P2P_ERRLEN])
{
    int rc = 0;

    if (!t)
        return 0;
    if (t->left_out) {
        begin_line(t, t->latest_ns);
        fprintf(t->file, ",,limit,,there was more; no more than %" PRIu64 " lines are kept\n",
                t->most_lines);
    }
    rc = ferror(t->file);
    if (fclose(t->file) || rc) {
        snprintf(err, P2P_ERRLEN, "%s: not all could be written: %s", t->path, strerror(errno));
        rc = -1;
    }
    free(t->buffer);
    free(t->path);
    free(t);
    return rc;
}
