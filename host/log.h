/*
 * log.h - structured log lines on standard error: text for people, JSON for machines.
 *
 *   log_event(LOG_INFO, "scheduler selected", LOG_STR("plugin", name), LOG_INT("instances", 2));
 *
 *   2026-11-23T20:19:30.123Z info  scheduler selected plugin=random instances=2
 *   {"time":"2026-11-23T20:19:30.123Z","level":"info","event":"scheduler selected","plugin":…}
 *
 * One line is one write(2).  Any thread.
 */
#ifndef HOST_LOG_H
#define HOST_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR }; /* as P2P_LOG_* */
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_field {
    const char *key;  /* NULL ends */
    const char *text; /* NULL: the number counts */
    int64_t number;
};

static inline struct log_field log_str_(const char *key, const char *text)
{
    return (struct log_field){key, text ? text : "", 0};
}

#define LOG_STR(k, v) log_str_(k, v)
#define LOG_INT(k, v) ((struct log_field){(k), 0, (int64_t)(v)})

/* The most fields a line may have is 16. */
#define log_event(level, ...)                                                                      \
    do {                                                                                           \
        if (log_wanted(level))                                                                     \
            log_line_(level, LOG_FIRST_(__VA_ARGS__, 0),                                           \
                      (const struct log_field[]){LOG_REST_(__VA_ARGS__, {0})});                    \
    } while (0)

void log_configure(enum log_level least, enum log_format format, const char *node_id);
/* For tests: -1 is standard error. */
void log_to(int fd);
bool log_wanted(enum log_level level);
void log_line_(enum log_level level, const char *event, const struct log_field *fields);

#define LOG_FIRST_(first, ...) first
#define LOG_REST_(first, ...) __VA_ARGS__

#endif
