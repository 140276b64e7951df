#include "host/runtimes/program_output.h"

#include <stdio.h>

#include "host/log.h"

enum { LINES_A_SECOND = 100 };

int program_output_init(struct program_output *o, const char *function)
{
    *o = (struct program_output){.function = function, .lines = lines_new(NULL)};
    if (!o->lines)
        return -1;
    lines_writer_init(&o->writer, o->lines);
    return 0;
}

void program_output_release(struct program_output *o)
{
    lines_writer_end(&o->writer);
    lines_end(o->lines);
    lines_unref(o->lines);
}

void program_output_begin(struct program_output *o, int pid)
{
    snprintf(o->writer.instance, sizeof(o->writer.instance), "%d", pid);
}

static void log_line(struct program_output *o)
{
    uint64_t second = clock_ns() / 1000000000;

    if (second != o->second) {
        if (o->dropped)
            log_event(LOG_WARN, "function said more than is logged",
                      LOG_STR("function", o->function), LOG_INT("lines", o->dropped));
        o->second = second;
        o->logged = o->dropped = 0;
    }
    o->line[o->line_len] = '\0';
    if (o->line_len > 0 && o->logged++ < LINES_A_SECOND)
        log_event(LOG_INFO, "function says", LOG_STR("function", o->function),
                  LOG_STR("line", o->line));
    else if (o->line_len > 0)
        o->dropped++;
    o->line_len = 0;
}

void program_output_feed(struct program_output *o, const char *bytes, size_t n)
{
    lines_feed(&o->writer, bytes, n);
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != '\n')
            o->line[o->line_len++] = bytes[i];
        if (bytes[i] == '\n' || o->line_len == sizeof(o->line) - 1)
            log_line(o);
    }
}

void program_output_end(struct program_output *o)
{
    lines_writer_end(&o->writer);
    log_line(o);
}
