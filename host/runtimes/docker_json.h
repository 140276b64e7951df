/*
 * docker_json.h - what is written to and read from the Docker Engine API, without
 * sockets: a container's settings, its state, events, and streams of JSON lines.
 *
 * What is read comes from another program: every text is cut to its field's size, and
 * what is missing or of another type is as if it were empty.
 */
#ifndef HOST_DOCKER_JSON_H
#define HOST_DOCKER_JSON_H

#include <cjson/cJSON.h>

#include "host/config.h"
#include "host/runtimes/settings_hash.h"

/* Labels of the containers that a node makes. */
#define DOCKER_LABEL_NODE "p2pfaas.node"
#define DOCKER_LABEL_FUNCTION "p2pfaas.function"
#define DOCKER_LABEL_SETTINGS "p2pfaas.settings"

enum { DOCKER_ID = 72, DOCKER_LINE = 64 << 10 };

/* The hash of all settings that a container is made of, and of its generation. */
int docker_hash(const struct function_config *f, char out[SETTINGS_HASH]); /* 0 or -1 (memory) */
/* The body of POST /containers/create; NULL when memory is short.  The caller's. */
cJSON *docker_create_body(const struct function_config *f, const char *hash);

struct docker_container {
    char id[DOCKER_ID];
    char function[64], hash[SETTINGS_HASH]; /* by its labels */
    bool running;
};
/* One of GET /containers/json; false when it has no id. */
bool docker_read_listed(const cJSON *json, struct docker_container *out);

struct docker_state {
    bool running, oom_killed;
    int exit_code, port; /* port: of this machine; 0 = none */
};
/* GET /containers/ID/json, for the container's port. */
void docker_read_state(const cJSON *json, int port, struct docker_state *out);

enum docker_event_kind { DOCKER_EVENT_OTHER, DOCKER_EVENT_DIE, DOCKER_EVENT_DESTROY };
struct docker_event {
    enum docker_event_kind kind;
    char id[DOCKER_ID];
};
void docker_read_event(const cJSON *json, struct docker_event *out);

struct docker_stats {
    double cpu_millicores, memory_bytes;
};
/* GET /containers/ID/stats, of two measurements; false when they are not there, as when the
 * container has ended. */
bool docker_read_stats(const cJSON *json, struct docker_stats *out);

/* The text of a field, "" when it is none. */
const char *docker_text(const cJSON *json, const char *name);
/* Percent-encodes everything but letters, digits, '-', '.' and '_'; false when it does not fit. */
bool docker_escape(char *out, size_t size, const char *text);

/* The filters of a list of a node's containers, or of their events, as they stand in a URL. */
bool docker_filters(char *out, size_t size, const char *node, bool events);

/* A stream of JSON values, one a line. */
struct docker_lines {
    struct buf line;
    void (*each)(void *ctx, const cJSON *json); /* may not release it */
    void *ctx;
};
void docker_lines_init(struct docker_lines *l, void (*each)(void *ctx, const cJSON *json),
                       void *ctx);
void docker_lines_release(struct docker_lines *l);
/* 0, or -1 when a line is longer than DOCKER_LINE or no JSON: then it is over. */
int docker_lines_feed(struct docker_lines *l, const char *bytes, size_t n);

#endif
