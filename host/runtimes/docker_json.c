#include "host/runtimes/docker_json.h"

#include <stdlib.h>
#include <string.h>

#include "host/timestamp.h"

/* ---- a container's settings ---- */

static void add_environment(cJSON *body, const struct function_config *f)
{
    cJSON *list = cJSON_AddArrayToObject(body, "Env");
    char own[96];

    snprintf(own, sizeof(own), "PORT=%d", (int)f->port);
    cJSON_AddItemToArray(list, cJSON_CreateString(own));
    snprintf(own, sizeof(own), "FUNCTION_NAME=%s", f->name);
    cJSON_AddItemToArray(list, cJSON_CreateString(own));
    for (char **e = f->environment; e && *e; e++)
        cJSON_AddItemToArray(list, cJSON_CreateString(*e));
}

static void add_port(cJSON *body, cJSON *host, const struct function_config *f)
{
    cJSON *binding = cJSON_CreateObject(), *bindings = cJSON_CreateArray();
    char port[32];

    snprintf(port, sizeof(port), "%d/tcp", (int)f->port);
    cJSON_AddItemToObject(cJSON_AddObjectToObject(body, "ExposedPorts"), port,
                          cJSON_CreateObject());
    cJSON_AddStringToObject(binding, "HostIp", "127.0.0.1");
    cJSON_AddStringToObject(binding, "HostPort", "");
    cJSON_AddItemToArray(bindings, binding);
    cJSON_AddItemToObject(cJSON_AddObjectToObject(host, "PortBindings"), port, bindings);
}

static void add_words(cJSON *to, const char *name, const char *word)
{
    cJSON_AddItemToArray(cJSON_AddArrayToObject(to, name), cJSON_CreateString(word));
}

/* A function is a stranger's program: it gets the least that it can work with. */
static void add_limits(cJSON *host, const struct function_config *f)
{
    if (f->memory) {
        cJSON_AddNumberToObject(host, "Memory", (double)f->memory);
        cJSON_AddNumberToObject(host, "MemorySwap", (double)f->memory);
    }
    if (f->cpu > 0)
        cJSON_AddNumberToObject(host, "NanoCpus", (double)(int64_t)(f->cpu * 1e9));
    cJSON_AddNumberToObject(host, "PidsLimit", (double)f->pids);
    add_words(host, "CapDrop", "ALL");
    add_words(host, "SecurityOpt", "no-new-privileges");
    if (f->network[0])
        cJSON_AddStringToObject(host, "NetworkMode", f->network);
    if (f->read_only) {
        cJSON_AddTrueToObject(host, "ReadonlyRootfs");
        cJSON_AddStringToObject(cJSON_AddObjectToObject(host, "Tmpfs"), "/tmp", "");
    }
}

static void add_secrets(cJSON *host, const struct function_config *f)
{
    cJSON *list = f->secrets ? cJSON_AddArrayToObject(host, "Mounts") : NULL;

    for (char **s = f->secrets; s && *s; s++) {
        cJSON *mount = cJSON_CreateObject();
        char target[128];

        snprintf(target, sizeof(target), "/var/openfaas/secrets/%s", strrchr(*s, '/') + 1);
        cJSON_AddStringToObject(mount, "Type", "bind");
        cJSON_AddStringToObject(mount, "Source", *s);
        cJSON_AddStringToObject(mount, "Target", target);
        cJSON_AddTrueToObject(mount, "ReadOnly");
        cJSON_AddItemToArray(list, mount);
    }
}

static cJSON *settings_of(const struct function_config *f)
{
    cJSON *body = cJSON_CreateObject(), *host;

    cJSON_AddStringToObject(body, "Image", f->image);
    if (f->command) {
        cJSON *list = cJSON_AddArrayToObject(body, "Cmd");

        for (char **s = f->command; *s; s++)
            cJSON_AddItemToArray(list, cJSON_CreateString(*s));
    }
    add_environment(body, f);
    host = cJSON_AddObjectToObject(body, "HostConfig");
    add_port(body, host, f);
    add_limits(host, f);
    add_secrets(host, f);
    return body;
}

int docker_hash(const struct function_config *f, char out[SETTINGS_HASH])
{
    cJSON *settings = settings_of(f);

    if (settings && f->generation && f->generation[0] &&
        !cJSON_AddStringToObject(settings, "Generation", f->generation)) {
        cJSON_Delete(settings);
        settings = NULL;
    }
    return settings_hash(settings, out);
}

cJSON *docker_create_body(const struct function_config *f, const char *hash)
{
    cJSON *body = settings_of(f), *labels = cJSON_AddObjectToObject(body, "Labels");

    cJSON_AddStringToObject(labels, DOCKER_LABEL_NODE, f->docker->node);
    cJSON_AddStringToObject(labels, DOCKER_LABEL_FUNCTION, f->name);
    if (!cJSON_AddStringToObject(labels, DOCKER_LABEL_SETTINGS, hash)) {
        cJSON_Delete(body);
        return NULL;
    }
    return body;
}

/* ---- what the daemon says ---- */

const char *docker_text(const cJSON *json, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

    return text ? text : "";
}

static void copy_text(char *out, size_t size, const cJSON *json, const char *name)
{
    snprintf(out, size, "%s", docker_text(json, name));
}

/* An id goes into a path: nothing but what ids are made of. */
static bool copy_id(char out[DOCKER_ID], const char *text)
{
    size_t n = strlen(text);

    if (n == 0 || n >= DOCKER_ID || strspn(text, "0123456789abcdef") != n)
        return false;
    memcpy(out, text, n + 1);
    return true;
}

static const cJSON *field(const cJSON *json, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(json, name);
}

bool docker_read_listed(const cJSON *json, struct docker_container *out)
{
    const cJSON *labels = field(json, "Labels");

    memset(out, 0, sizeof(*out));
    copy_text(out->function, sizeof(out->function), labels, DOCKER_LABEL_FUNCTION);
    copy_text(out->hash, sizeof(out->hash), labels, DOCKER_LABEL_SETTINGS);
    out->running = strcmp(docker_text(json, "State"), "running") == 0;
    return copy_id(out->id, docker_text(json, "Id"));
}

static int number_of(const cJSON *json, int most)
{
    double value = cJSON_IsNumber(json) ? json->valuedouble : 0;

    return value >= 0 && value <= most ? (int)value : 0;
}

void docker_read_state(const cJSON *json, int port, struct docker_state *out)
{
    const cJSON *state = field(json, "State");
    const cJSON *ports = field(field(json, "NetworkSettings"), "Ports");
    char name[32];
    unsigned long number;

    snprintf(name, sizeof(name), "%d/tcp", port);
    out->running = cJSON_IsTrue(field(state, "Running"));
    out->oom_killed = cJSON_IsTrue(field(state, "OOMKilled"));
    out->exit_code = number_of(field(state, "ExitCode"), 255);
    number = strtoul(docker_text(cJSON_GetArrayItem(field(ports, name), 0), "HostPort"), NULL, 10);
    out->port = number <= 65535 ? (int)number : 0;
}

void docker_read_event(const cJSON *json, struct docker_event *out)
{
    const char *action = docker_text(json, "Action");

    out->kind = DOCKER_EVENT_OTHER;
    if (!copy_id(out->id, docker_text(field(json, "Actor"), "ID")))
        return;
    if (strcmp(action, "die") == 0)
        out->kind = DOCKER_EVENT_DIE;
    else if (strcmp(action, "destroy") == 0)
        out->kind = DOCKER_EVENT_DESTROY;
}

static double amount(const cJSON *json)
{
    return cJSON_IsNumber(json) && json->valuedouble > 0 ? json->valuedouble : 0;
}

bool docker_read_stats(const cJSON *json, struct docker_stats *out)
{
    const cJSON *memory = field(json, "memory_stats"), *more = field(memory, "stats");
    double after = amount(field(field(field(json, "cpu_stats"), "cpu_usage"), "total_usage"));
    double before = amount(field(field(field(json, "precpu_stats"), "cpu_usage"), "total_usage"));
    double used = amount(field(memory, "usage"));
    const cJSON *spare = field(more, "total_inactive_file"); /* of cgroups v1 */
    int64_t from, to;

    if (!timestamp_parse(docker_text(json, "preread"), &from) ||
        !timestamp_parse(docker_text(json, "read"), &to) || to <= from)
        return false;
    out->cpu_millicores = after > before ? (after - before) / (double)(to - from) * 1000 : 0;
    /* The kernel gives that back when others need it. */
    used -= amount(spare ? spare : field(more, "inactive_file"));
    out->memory_bytes = used > 0 ? used : 0;
    return true;
}

bool docker_escape(char *out, size_t size, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    size_t at = 0;

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (at + 4 > size)
            return false;
        if (strchr(plain, c)) {
            out[at++] = (char)c;
            continue;
        }
        out[at++] = '%';
        out[at++] = digits[c >> 4];
        out[at++] = digits[c & 15];
    }
    out[at] = '\0';
    return true;
}

bool docker_filters(char *out, size_t size, const char *node, bool events)
{
    cJSON *json = cJSON_CreateObject(), *labels = cJSON_AddArrayToObject(json, "label");
    char label[128];
    char *text;
    bool fits;

    snprintf(label, sizeof(label), DOCKER_LABEL_NODE "=%s", node);
    cJSON_AddItemToArray(labels, cJSON_CreateString(label));
    if (events)
        cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "type"), cJSON_CreateString("container"));
    text = cJSON_PrintUnformatted(json);
    fits = text && docker_escape(out, size, text);
    cJSON_free(text);
    cJSON_Delete(json);
    return fits;
}

/* ---- streams ---- */

void docker_lines_init(struct docker_lines *l, void (*each)(void *ctx, const cJSON *json),
                       void *ctx)
{
    buf_init(&l->line, DOCKER_LINE);
    l->each = each;
    l->ctx = ctx;
}

void docker_lines_release(struct docker_lines *l)
{
    buf_release(&l->line);
}

static bool is_blank(const struct buf *line)
{
    for (size_t i = 0; i < line->len; i++)
        if (!strchr(" \t\r", line->data[i]))
            return false;
    return true;
}

static int take_line(struct docker_lines *l)
{
    cJSON *json;

    if (is_blank(&l->line))
        return 0;
    json = cJSON_ParseWithLength(l->line.data, l->line.len);
    if (!json)
        return -1;
    l->each(l->ctx, json);
    cJSON_Delete(json);
    return 0;
}

int docker_lines_feed(struct docker_lines *l, const char *bytes, size_t n)
{
    while (n > 0) {
        const char *end = memchr(bytes, '\n', n);
        size_t part = end ? (size_t)(end - bytes) : n;

        if (part > 0 && buf_append(&l->line, bytes, part))
            return -1;
        if (!end)
            return 0;
        if (take_line(l))
            return -1;
        buf_clear(&l->line);
        bytes = end + 1;
        n -= part + 1;
    }
    return 0;
}
