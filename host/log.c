#include "host/log.h"

#include <cjson/cJSON.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host/timestamp.h"
#include "host/utf8.h"

enum { LINE = 4096, ID = 64 };

static _Atomic int least = LOG_INFO, format = LOG_FORMAT_TEXT, to = STDERR_FILENO;
static char node[ID]; /* set before there are threads, then only to the same text */

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_configure(enum log_level level, enum log_format f, const char *node_id)
{
    least = (int)level;
    format = (int)f;
    if (strcmp(node, node_id) != 0)
        snprintf(node, sizeof(node), "%s", node_id);
}

void log_to(int fd)
{
    to = fd < 0 ? STDERR_FILENO : fd;
}

bool log_wanted(enum log_level level)
{
    return (int)level >= least;
}

/* A line under construction: what does not fit is left out and marked. */
struct line {
    char text[LINE];
    size_t len;
    bool cut;
};

static void put(struct line *l, const char *text, size_t n)
{
    static const size_t room = LINE - 8; /* for the mark and the newline */

    if (l->len + n > room) {
        n = room - l->len;
        l->cut = true;
    }
    memcpy(l->text + l->len, text, n);
    l->len += n;
}

static void puts_to(struct line *l, const char *text)
{
    put(l, text, strlen(text));
}

static bool is_plain(const char *text)
{
    if (!*text)
        return false;
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == '"' || *text == '=' || *text == '\\' ||
            (unsigned char)*text == 0x7f)
            return false;
    return true;
}

static void put_clean(struct line *l, const char *text)
{
    for (; *text; text++) {
        char escaped[8];

        if (*text == '\n')
            snprintf(escaped, sizeof(escaped), "\\n");
        else if ((unsigned char)*text < ' ' || (unsigned char)*text == 0x7f)
            snprintf(escaped, sizeof(escaped), "\\x%02x", (unsigned char)*text);
        else
            snprintf(escaped, sizeof(escaped), "%c", *text);
        puts_to(l, escaped);
    }
}

static void put_value(struct line *l, const char *text)
{
    if (is_plain(text)) {
        puts_to(l, text);
        return;
    }
    puts_to(l, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            puts_to(l, "\\");
        put_clean(l, (char[]){*text, '\0'});
    }
    puts_to(l, "\"");
}

static void write_text(struct line *l, enum log_level level, const char *event,
                       const struct log_field *fields)
{
    char now[TIMESTAMP], number[32];

    timestamp_format(timestamp_now(), 3, now);
    puts_to(l, now);
    snprintf(number, sizeof(number), " %-5s ", level_names[level]);
    puts_to(l, number);
    if (node[0]) {
        puts_to(l, node);
        puts_to(l, " ");
    }
    put_clean(l, event); /* a plugin's words too */
    for (const struct log_field *f = fields; f->key; f++) {
        puts_to(l, " ");
        puts_to(l, f->key);
        puts_to(l, "=");
        if (f->text) {
            put_value(l, f->text);
        } else {
            snprintf(number, sizeof(number), "%lld", (long long)f->number);
            puts_to(l, number);
        }
    }
    if (l->cut)
        memcpy(l->text + l->len, "…", 3), l->len += 3;
}

static void add_text(cJSON *json, const char *key, const char *text)
{
    char clean[LINE];

    utf8_clean(clean, sizeof(clean), text);
    cJSON_AddStringToObject(json, key, clean);
}

static void write_json(struct line *l, enum log_level level, const char *event,
                       const struct log_field *fields)
{
    cJSON *json = cJSON_CreateObject();
    char now[TIMESTAMP];

    timestamp_format(timestamp_now(), 3, now);
    cJSON_AddStringToObject(json, "time", now);
    cJSON_AddStringToObject(json, "level", level_names[level]);
    if (node[0])
        cJSON_AddStringToObject(json, "node", node);
    add_text(json, "event", event);
    for (const struct log_field *f = fields; f->key; f++) {
        char number[32];

        snprintf(number, sizeof(number), "%lld", (long long)f->number);
        if (f->text)
            add_text(json, f->key, f->text);
        else
            cJSON_AddRawToObject(json, f->key, number);
    }
    if (cJSON_PrintPreallocated(json, l->text, LINE - 8, false))
        l->len = strlen(l->text);
    else
        puts_to(l, "{\"level\":\"error\",\"event\":\"a log line was too long\"}");
    cJSON_Delete(json);
}

void log_line_(enum log_level level, const char *event, const struct log_field *fields)
{
    struct line l = {.len = 0};
    ssize_t written;

    if (format == LOG_FORMAT_JSON)
        write_json(&l, level, event, fields);
    else
        write_text(&l, level, event, fields);
    l.text[l.len++] = '\n';
    /* There is nowhere to report that the log cannot be written. */
    written = write(to, l.text, l.len);
    (void)written;
}
