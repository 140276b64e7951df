/*
 * config_function.c - the keys of a function, its lists, and what can be said of them only
 * together.
 */
#include <stdlib.h>
#include <string.h>

#include "host/async/retry.h"
#include "host/config_yaml.h"
#include "host/url.h"

#define SECOND 1e9
#define HOUR 3600e9

static const char *const runtimes[] = {"process", "docker", "http", "openfaas", NULL};
static const char *const modes[] = {"fork", "http", NULL};
static const char *const starts[] = {"on_first_use", "ahead", NULL};

#define INT P2P_PARAM_INT
#define NUM P2P_PARAM_NUM
#define BOOL P2P_PARAM_BOOL
#define STRING P2P_PARAM_STRING
#define DURATION P2P_PARAM_DURATION
#define SIZE P2P_PARAM_SIZE
#define CHOICE(T, f, d, ch, h) P2P_PARAM_(P2P_ENUM, 0, T, f, d, 0, 0, NULL, ch, h)

static const struct p2p_param function_keys[] = {
    CHOICE(struct function_config, runtime, FUNCTION_PROCESS, runtimes, "how it is run"),
    CHOICE(struct function_config, mode, FUNCTION_FORK, modes,
           "fork: a program a call; http: a long-lived program that listens on PORT"),
    CHOICE(struct function_config, start, FUNCTION_ON_FIRST_USE, starts,
           "http: when the program is started"),
    STRING(struct function_config, directory, "", "working directory; empty: the node's"),
    STRING(struct function_config, content_type, "application/octet-stream", "fork: of its answer"),
    BOOL(struct function_config, cgi_headers, false,
         "fork: its answer begins with header lines and an empty line, as in CGI"),
    DURATION(
        struct function_config, timeout, 30 * SECOND, 1e6, 24 * HOUR,
        "time for one run; then the answer is 504 and the program is killed (http: after three "
        "in a row)"),
    DURATION(struct function_config, deadline, 60 * SECOND, 1e6, 24 * HOUR,
             "time from a job's arrival to its answer, waiting and forwarding included"),
    SIZE(struct function_config, output, 0, 0, 1 << 30, "an answer's body; 0: as limits.body"),
    DURATION(struct function_config, start_timeout, 10 * SECOND, 1e6, HOUR,
             "http and docker: time until it accepts connections"),
    BOOL(struct function_config, idempotent, false,
         "may be run again when it is unknown whether it ran"),
    INT(struct function_config, retry_attempts, 0, 0, 1000,
        "runs of a call at /async-function/; 0: async.attempts"),
    STRING(struct function_config, retry_codes, "",
           "statuses after which such a call runs again; empty: async.codes"),
    DURATION(struct function_config, retry_min_wait, 0, 0, HOUR,
             "the most that is waited before its second run; 0s: async.min_wait"),
    DURATION(struct function_config, retry_max_wait, 0, 0, 24 * HOUR,
             "the most before any run; 0s: async.max_wait"),
    INT(struct function_config, slots, 0, 0, 65536,
        "its jobs that run here at once; 0: as many as node.slots"),
    STRING(struct function_config, scheduler, "",
           "decides for its jobs instead of the node's: a name, or {plugin: NAME, parameters: {}}"),
    STRING(struct function_config, url, "",
           "runtime http: where it is called; empty: http://NAME:8080"),
    STRING(struct function_config, image, "",
           "docker: the image of its containers; openfaas: the image that is deployed"),
    SIZE(struct function_config, memory, 0, 0, 64.0 * (1 << 30),
         "docker, openfaas: of a container; 0: no limit"),
    NUM(struct function_config, cpu, 0, 0, 1024,
        "docker, openfaas: cores of a container; 0: no limit"),
    INT(struct function_config, pids, 1024, 1, 4194304, "docker: processes in a container"),
    INT(struct function_config, port, 8080, 1, 65535,
        "docker: where it listens in its container, which has it as PORT too"),
    STRING(struct function_config, network, "",
           "docker: a network for its containers; empty: Docker's bridge"),
    BOOL(struct function_config, read_only, true,
         "docker, openfaas: nothing but /tmp can be written, which is in memory"),
    INT(struct function_config, replicas_min, 0, 0, DOCKER_MOST_REPLICAS,
        "docker, openfaas: containers that are always there"),
    INT(struct function_config, replicas_max, 1, 1, DOCKER_MOST_REPLICAS,
        "docker, openfaas: the most containers"),
    INT(struct function_config, concurrency, 16, 1, 65536,
        "docker: calls that a container has at once; more start another"),
    INT(struct function_config, warm, 0, 0, DOCKER_MOST_REPLICAS,
        "docker: containers that are created ahead, so that they have only to start"),
    DURATION(struct function_config, idle_timeout, 60 * SECOND, 1e7, 24 * HOUR,
             "docker: a container without calls is removed after it"),
    P2P_PARAM_END};
const struct p2p_param *const config_function_keys = function_keys;

enum { LEAST_MEMORY = 6 << 20 };
static const char image_characters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@";

static bool is_image(const char *text)
{
    size_t n = strspn(text, image_characters);

    return n > 0 && text[n] == '\0' && n <= 255;
}

static int check_image(const struct function_config *f, char err[P2P_ERRLEN])
{
    if (is_image(f->image))
        return 0;
    snprintf(err, P2P_ERRLEN,
             "functions.%s.image: '%.60s' is no name of an image; allowed: as in team/resize:2",
             f->name, f->image);
    return -1;
}

static int check_replicas(const struct function_config *f, char err[P2P_ERRLEN])
{
    if (f->replicas_min <= f->replicas_max)
        return 0;
    snprintf(err, P2P_ERRLEN,
             "functions.%s.replicas_min: %d is more than replicas_max; allowed: 0 to %d", f->name,
             (int)f->replicas_min, (int)f->replicas_max);
    return -1;
}

static int check_docker(const struct function_config *f, char err[P2P_ERRLEN])
{
    if (check_image(f, err))
        return -1;
    if (strcmp(f->network, "host") == 0 || strcmp(f->network, "none") == 0 ||
        strncmp(f->network, "container:", 10) == 0) {
        snprintf(err, P2P_ERRLEN,
                 "functions.%s.network: '%.40s' publishes no port; allowed: a bridge network's "
                 "name, or empty",
                 f->name, f->network);
        return -1;
    }
    if (f->memory > 0 && f->memory < LEAST_MEMORY) {
        snprintf(err, P2P_ERRLEN,
                 "functions.%s.memory: Docker makes no container of less than 6MB; allowed: more, "
                 "or 0",
                 f->name);
        return -1;
    }
    return check_replicas(f, err);
}

static int check_url(const struct function_config *f, char err[P2P_ERRLEN])
{
    char why[P2P_ERRLEN];
    struct url url;

    if (!f->url[0] || url_parse(&url, f->url, why) == 0)
        return 0;
    snprintf(err, P2P_ERRLEN, "functions.%s.url: %.180s", f->name, why);
    return -1;
}

static int check_retry(const struct function_config *f, char err[P2P_ERRLEN])
{
    char why[P2P_ERRLEN];
    struct retry_codes codes;

    if (retry_codes_read(&codes, f->retry_codes, why) == 0)
        return 0;
    snprintf(err, P2P_ERRLEN, "functions.%s.retry_codes: %.180s", f->name, why);
    return -1;
}

/* The program has nothing to do with it: it is what the node makes of the function's calls. */
static bool is_of_node(const char *key)
{
    return strcmp(key, "slots") == 0 || strcmp(key, "scheduler") == 0 ||
           strncmp(key, "retry_", 6) == 0;
}

int config_check_function(struct function_config *f, char err[P2P_ERRLEN])
{
    bool says_port = f->runtime == FUNCTION_DOCKER ||
                     (f->runtime == FUNCTION_PROCESS && f->mode == FUNCTION_HTTP);

    if (config_finish_choice(f, err) || check_retry(f, err))
        return -1;

    for (char **s = f->environment; s && *s && says_port; s++)
        if (strncmp(*s, "PORT=", 5) == 0) {
            snprintf(err, P2P_ERRLEN,
                     "functions.%s.environment.PORT: %s the node says which port; allowed: other "
                     "names",
                     f->name, f->runtime == FUNCTION_DOCKER ? "by `port`" : "in mode http");
            return -1;
        }
    if (f->runtime == FUNCTION_DOCKER)
        return check_docker(f, err);
    if (f->runtime == FUNCTION_REMOTE)
        return check_url(f, err);
    if (f->runtime == FUNCTION_OPENFAAS)
        return f->image[0] && check_image(f, err) ? -1 : check_replicas(f, err);
    if (!f->command) {
        snprintf(err, P2P_ERRLEN,
                 "functions.%s has no command; allowed: a program and its arguments", f->name);
        return -1;
    }
    return 0;
}

bool config_is_function_name(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    return n > 0 && n <= CONFIG_MAX_NAME && name[n] == '\0' && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

/* ---- lists ---- */

int config_push(char ***list, char *text, char *why)
{
    size_t n = 0;
    char **grown;

    if (!text) {
        snprintf(why, P2P_ERRLEN, "longer than %d bytes, or out of memory", CONFIG_MAX_TEXT);
        return -1;
    }
    while (*list && (*list)[n])
        n++;
    grown = n < CONFIG_MAX_ARGS ? realloc(*list, (n + 2) * sizeof(*grown)) : NULL;
    if (!grown) {
        free(text);
        snprintf(why, P2P_ERRLEN, "more than %d entries, or out of memory", CONFIG_MAX_ARGS);
        return -1;
    }
    grown[n] = text;
    grown[n + 1] = NULL;
    *list = grown;
    return 0;
}

int config_split_command(struct function_config *f, const char *text, char *why)
{
    static const char blanks[] = " \t\n";
    char *all = strdup(text), *rest = NULL;
    int rc = 0;

    if (!all)
        snprintf(why, P2P_ERRLEN, "out of memory");
    for (char *word = all ? strtok_r(all, blanks, &rest) : NULL; word && rc == 0;
         word = strtok_r(NULL, blanks, &rest))
        rc = config_push(&f->command, config_expand(word), why);
    free(all);
    return all ? rc : -1;
}

int config_add_variable(struct function_config *f, const char *name, const char *value, char *why)
{
    char *entry = NULL;

    if (!name[0] || strchr(name, '=')) {
        snprintf(why, P2P_ERRLEN, "'%.40s' is no name of a variable", name);
        return -1;
    }
    if (asprintf(&entry, "%s=%s", name, value) < 0)
        entry = NULL;
    return config_push(&f->environment, entry, why);
}

static bool same_list(char *const *a, char *const *b)
{
    if (!a || !b)
        return a == b;
    for (; *a && *b; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return !*a && !*b;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool config_same_function(const struct function_config *a, const struct function_config *b)
{
    enum { TEXT = 512 };
    char x[TEXT], y[TEXT];

    if (strcmp(a->name, b->name) != 0 || !same_list(a->command, b->command) ||
        !same_list(a->environment, b->environment) || !same_list(a->secrets, b->secrets) ||
        !same_text(a->generation, b->generation))
        return false;
    if (!same_list(a->labels, b->labels) || !same_list(a->annotations, b->annotations))
        return false;
    for (const struct p2p_param *p = function_keys; p->name; p++) {
        if (is_of_node(p->name))
            continue;
        if (p->type == P2P_STRING) {
            const char *const *s = (const void *)((const char *)a + p->offset);
            const char *const *t = (const void *)((const char *)b + p->offset);

            if (strcmp(*s, *t) != 0)
                return false;
            continue;
        }
        params_format(p, a, x, sizeof(x));
        params_format(p, b, y, sizeof(y));
        if (strcmp(x, y) != 0)
            return false;
    }
    return true;
}

static void free_list(char **list)
{
    for (char **s = list; s && *s; s++)
        free(*s);
    free(list);
}

void config_release_function(struct function_config *f)
{
    params_release(function_keys, f);
    free((char *)(uintptr_t)f->name);
    free_list(f->command);
    free_list(f->environment);
    free_list(f->secrets);
    free(f->generation);
    free_list(f->labels);
    free_list(f->annotations);
    free(f->own.plugin);
    config_clear_parameters(&f->own.parameters);
    memset(f, 0, sizeof(*f));
}

int config_make_function(struct config *c, const char *name, enum function_runtime runtime,
                         char err[P2P_ERRLEN])
{
    struct function_config *f = calloc(1, sizeof(*f));

    memset(c, 0, sizeof(*c));
    if (!f || params_defaults(config_function_keys, f, err) || !(f->name = strdup(name))) {
        snprintf(err, P2P_ERRLEN, "functions.%s: out of memory", name);
        if (f)
            config_release_function(f);
        free(f);
        return -1;
    }
    f->runtime = runtime;
    c->function = f;
    c->n_functions = 1;
    return 0;
}

static const struct p2p_param *keys_of(const char *section)
{
    const struct config_section *s = config_sections;

    while (strcmp(s->name, section) != 0)
        s++;
    return s->keys;
}

int config_take_docker(struct config *c, const struct docker_config *from, char err[P2P_ERRLEN])
{
    char text[512];

    for (const struct p2p_param *p = keys_of("docker"); p->name; p++) {
        params_format(p, from, text, sizeof(text));
        if (params_set(p, &c->docker, text, err))
            return -1;
    }
    if (params_set(params_find(keys_of("node"), "id"), &c->node, from->node, err))
        return -1;
    c->docker.node = c->node.id;
    return 0;
}
