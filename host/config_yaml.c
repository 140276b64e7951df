#include "host/config_yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "host/suggest.h"

enum { MOST_FILE_BYTES = 1 << 20, MOST_NAME = 63 };

/* One reading: where we are, and where to say what is wrong. */
struct reader {
    struct config *c;
    const char *file;
    yaml_document_t *doc;
    char *err;
};

static int fail(const struct reader *r, const yaml_node_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(const struct reader *r, const yaml_node_t *at, const char *format, ...)
{
    int n = snprintf(r->err, P2P_ERRLEN, "%.100s:%zu: ", r->file, at->start_mark.line + 1);
    va_list args;

    va_start(args, format);
    if (n > 0 && n < P2P_ERRLEN)
        vsnprintf(r->err + n, (size_t)(P2P_ERRLEN - n), format, args);
    va_end(args);
    return -1;
}

static const yaml_node_t *node(const struct reader *r, int id)
{
    return yaml_document_get_node(r->doc, id);
}

static const char *kind_of(const yaml_node_t *n)
{
    return n->type == YAML_MAPPING_NODE    ? "a map"
           : n->type == YAML_SEQUENCE_NODE ? "a list"
                                           : "a value";
}

/* The text of a scalar; NULL and the error otherwise. */
static const char *text_of(const struct reader *r, const yaml_node_t *n, const char *what)
{
    const char *text = (const char *)n->data.scalar.value;

    if (n->type != YAML_SCALAR_NODE) {
        fail(r, n, "%s is %s; allowed: a value", what, kind_of(n));
        return NULL;
    }
    if (strlen(text) != n->data.scalar.length) {
        fail(r, n, "%s contains a zero byte", what);
        return NULL;
    }
    return text;
}

static char *copy(const struct reader *r, const yaml_node_t *at, const char *text)
{
    char *s = strdup(text);

    if (!s)
        fail(r, at, "out of memory");
    return s;
}

/* ---- maps ---- */

typedef int (*entry_reader)(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                            const yaml_node_t *value);

static bool is_empty(const yaml_node_t *n)
{
    return n->type == YAML_SCALAR_NODE && n->data.scalar.length == 0;
}

static const char the_file[] = "the file";

/* Calls `read` for each entry; duplicate keys are an error. */
static int each_entry(struct reader *r, const yaml_node_t *map, const char *what, entry_reader read,
                      void *ctx)
{
    if (is_empty(map))
        return 0;
    if (map->type != YAML_MAPPING_NODE)
        return fail(r, map, "%s is %s; allowed: a map of key: value", what, kind_of(map));
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *key_at = node(r, p->key);
        const char *key = text_of(r, key_at, "a key");

        if (!key)
            return -1;
        for (const yaml_node_pair_t *q = map->data.mapping.pairs.start; q < p; q++)
            if (strcmp((const char *)node(r, q->key)->data.scalar.value, key) == 0)
                return fail(r, key_at, "%s%s%.60s is given twice, before in line %zu",
                            what == the_file ? "section" : what, what == the_file ? " " : ".", key,
                            node(r, q->key)->start_mark.line + 1);
        if (read(r, ctx, key, key_at, node(r, p->value)))
            return -1;
    }
    return 0;
}

static int unknown_key(struct reader *r, const yaml_node_t *at, const char *section,
                       const char *key, const struct p2p_param *keys, const char *const *more)
{
    const char *names[40];
    char text[200];

    suggest_names(keys, more, names, sizeof(names) / sizeof(names[0]));
    suggest_unknown(text, sizeof(text), key, names);
    return fail(r, at, "%s.%.40s: %s", section, key, text);
}

static int set_plain(struct reader *r, const char *section, const struct p2p_param *p, void *base,
                     const yaml_node_t *value)
{
    char what[160], why[P2P_ERRLEN];
    const char *text;

    snprintf(what, sizeof(what), "%s.%s", section, p->name);
    text = text_of(r, value, what);
    if (!text)
        return -1;
    return params_set(p, base, text, why) ? fail(r, value, "%s.%s", section, why) : 0;
}

/* ---- scheduler.parameters ---- */

static int add_parameter(struct reader *r, const yaml_node_t *at, const char *name,
                         const char *value)
{
    char why[P2P_ERRLEN];

    if (config_add_parameter(&r->c->scheduler, name, value, (int)at->start_mark.line + 1, why))
        return fail(r, at, "scheduler.parameters: %s", why);
    return 0;
}

static int read_parameter(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                          const yaml_node_t *value)
{
    const char *text = text_of(r, value, "a parameter");

    (void)ctx;
    return text ? add_parameter(r, key_at, key, text) : -1;
}

static int read_parameters(struct reader *r, const yaml_node_t *n)
{
    if (n->type != YAML_SEQUENCE_NODE)
        return each_entry(r, n, "scheduler.parameters", read_parameter, NULL);
    r->c->scheduler.parameters_by_order = true;
    for (const int *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
        const char *text = text_of(r, node(r, *i), "a parameter");

        if (!text || add_parameter(r, node(r, *i), NULL, text))
            return -1;
    }
    return 0;
}

/* ---- peers.nodes, discovery.seeds ---- */

struct peer_text {
    const char *list, *name, *address, *protocol;
    bool may_have_protocol;
};

static int read_peer_key(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                         const yaml_node_t *value)
{
    static const char *const names[] = {"name", "address", "protocol", NULL};
    static const char *const plain[] = {"name", "address", NULL};
    struct peer_text *p = ctx;
    const char *text = text_of(r, value, p->list);

    if (!text)
        return -1;
    if (strcmp(key, "name") == 0)
        p->name = text;
    else if (strcmp(key, "address") == 0)
        p->address = text;
    else if (strcmp(key, "protocol") == 0 && p->may_have_protocol)
        p->protocol = text;
    else
        return unknown_key(r, key_at, p->list, key, NULL, p->may_have_protocol ? names : plain);
    return 0;
}

static int set_protocol(struct reader *r, const yaml_node_t *at, struct peer_config *peer,
                        const char *protocol)
{
    peer->has_protocol = protocol != NULL;
    if (!protocol || strcmp(protocol, "ours") == 0)
        peer->protocol = PEER_OURS;
    else if (strcmp(protocol, "original") == 0)
        peer->protocol = PEER_ORIGINAL;
    else
        return fail(r, at, "peers.nodes: protocol '%.40s'; allowed: ours, original", protocol);
    return 0;
}

static int read_peers(struct reader *r, const yaml_node_t *n, const char *list, struct peer_list to)
{
    if (is_empty(n))
        return 0;
    if (n->type != YAML_SEQUENCE_NODE)
        return fail(r, n, "%s is %s; allowed: a list of addresses", list, kind_of(n));
    for (const int *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
        const yaml_node_t *item = node(r, *i);
        struct peer_text p = {.list = list, .may_have_protocol = strcmp(list, "peers.nodes") == 0};
        struct peer_config *peer;
        char why[P2P_ERRLEN];

        if (item->type == YAML_SCALAR_NODE)
            p.address = text_of(r, item, list);
        else if (each_entry(r, item, list, read_peer_key, &p))
            return -1;
        if (!p.address)
            return fail(r, item,
                        "%s: an entry without address; allowed: 127.0.0.2 or "
                        "{name: n2, address: 127.0.0.2:18080}",
                        list);
        peer = config_add_peer(to, p.name ? p.name : p.address, p.address, why);
        if (!peer)
            return fail(r, item, "%s: %.180s", list, why);
        if (set_protocol(r, item, peer, p.protocol))
            return -1;
    }
    return 0;
}

/* ---- functions ---- */

/* Grows a NULL-terminated list by one owned text. */
static int push(struct reader *r, const yaml_node_t *at, char ***list, char *text)
{
    size_t n = 0;
    char **grown;

    if (!text)
        return fail(r, at, "longer than %d bytes, or out of memory", CONFIG_MAX_TEXT);
    while (*list && (*list)[n])
        n++;
    grown = n < CONFIG_MAX_ARGS ? realloc(*list, (n + 2) * sizeof(*grown)) : NULL;
    if (!grown) {
        free(text);
        return fail(r, at, "more than %d entries, or out of memory", CONFIG_MAX_ARGS);
    }
    grown[n] = text;
    grown[n + 1] = NULL;
    *list = grown;
    return 0;
}

static int read_command(struct reader *r, struct function_config *f, const yaml_node_t *n)
{
    if (n->type == YAML_SEQUENCE_NODE) {
        for (const int *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
            const char *text = text_of(r, node(r, *i), "command");

            if (!text || push(r, n, &f->command, config_expand(text)))
                return -1;
        }
    } else {
        const char *text = text_of(r, n, "command");
        char *all = text ? copy(r, n, text) : NULL, *rest = NULL;

        if (!all)
            return -1;
        for (char *word = strtok_r(all, " \t\n", &rest); word;
             word = strtok_r(NULL, " \t\n", &rest))
            if (push(r, n, &f->command, config_expand(word))) {
                free(all);
                return -1;
            }
        free(all);
    }
    if (!f->command || !f->command[0][0])
        return fail(r, n, "functions.%s.command is empty; allowed: a program and its arguments",
                    f->name);
    return 0;
}

static int read_variable(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                         const yaml_node_t *value)
{
    struct function_config *f = ctx;
    const char *text = text_of(r, value, "environment");
    char *expanded = text ? config_expand(text) : NULL;
    char *entry = NULL;

    if (!text)
        return -1;
    if (!expanded)
        return fail(r, value,
                    "functions.%s.environment.%.40s: longer than %d bytes, or out of "
                    "memory",
                    f->name, key, CONFIG_MAX_TEXT);
    if (!key[0] || strchr(key, '=')) {
        free(expanded);
        return fail(r, key_at, "functions.%s.environment: '%.40s' is no name of a variable",
                    f->name, key);
    }
    if (asprintf(&entry, "%s=%s", key, expanded) < 0)
        entry = NULL;
    free(expanded);
    return push(r, key_at, &f->environment, entry);
}

static int read_function_key(struct reader *r, void *ctx, const char *key,
                             const yaml_node_t *key_at, const yaml_node_t *value)
{
    static const char *const more[] = {"command", "environment", NULL};
    struct function_config *f = ctx;
    const struct p2p_param *p = params_find(config_function_keys, key);
    char section[96];

    snprintf(section, sizeof(section), "functions.%s", f->name);
    if (p)
        return set_plain(r, section, p, f, value);
    if (strcmp(key, "command") == 0)
        return read_command(r, f, value);
    if (strcmp(key, "environment") == 0)
        return each_entry(r, value, "environment", read_variable, f);
    return unknown_key(r, key_at, section, key, config_function_keys, more);
}

static bool is_function_name(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    return n > 0 && n <= MOST_NAME && name[n] == '\0' && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static int read_function(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                         const yaml_node_t *value)
{
    struct config *c = r->c;
    struct function_config *grown, *f;

    (void)ctx;
    if (!is_function_name(key))
        return fail(r, key_at,
                    "functions: '%.70s' is no name of a function; allowed: 1 to %d of "
                    "A-Z a-z 0-9 . _ -",
                    key, MOST_NAME);
    grown = c->n_functions < CONFIG_MAX_FUNCTIONS - 1
                ? realloc(c->function, (c->n_functions + 1) * sizeof(*grown))
                : NULL;
    if (!grown)
        return fail(r, key_at, "more than %d functions, or out of memory",
                    CONFIG_MAX_FUNCTIONS - 1);
    c->function = grown;
    f = &grown[c->n_functions];
    memset(f, 0, sizeof(*f));
    f->name = copy(r, key_at, key);
    if (!f->name)
        return -1;
    c->n_functions++;
    if (params_defaults(config_function_keys, f, r->err) ||
        each_entry(r, value, "functions", read_function_key, f))
        return -1;
    for (char **s = f->environment; s && *s && f->mode == FUNCTION_HTTP; s++)
        if (strncmp(*s, "PORT=", 5) == 0)
            return fail(r, key_at,
                        "functions.%s.environment.PORT: in mode http the node says which port; "
                        "allowed: other names",
                        key);
    if (!f->command)
        return fail(r, key_at, "functions.%s has no command; allowed: a program and its arguments",
                    key);
    return 0;
}

/* ---- sections ---- */

static int read_key(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                    const yaml_node_t *value)
{
    const struct config_section *s = ctx;
    const struct p2p_param *p = params_find(s->keys, key);
    const char *more[2] = {NULL, NULL};

    if (p && config_note_line(r->c, p, (int)value->start_mark.line + 1))
        return fail(r, value, "out of memory");
    if (p)
        return set_plain(r, s->name, p, (char *)r->c + s->offset, value);
    if (strcmp(s->name, "scheduler") == 0) {
        if (strcmp(key, "parameters") == 0)
            return read_parameters(r, value);
        more[0] = "parameters";
    } else if (strcmp(s->name, "peers") == 0) {
        if (strcmp(key, "nodes") == 0)
            return read_peers(r, value, "peers.nodes", config_peers(r->c));
        more[0] = "nodes";
    } else if (strcmp(s->name, "discovery") == 0) {
        if (strcmp(key, "seeds") == 0)
            return read_peers(r, value, "discovery.seeds", config_seeds(r->c));
        more[0] = "seeds";
    }
    return unknown_key(r, key_at, s->name, key, s->keys, more);
}

static int read_section(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                        const yaml_node_t *value)
{
    const char *names[16] = {"functions"};
    char text[200];
    size_t n = 1;

    (void)ctx;
    if (strcmp(key, "functions") == 0)
        return each_entry(r, value, "functions", read_function, NULL);
    for (const struct config_section *s = config_sections; s->name; s++) {
        if (strcmp(s->name, key) == 0)
            return each_entry(r, value, s->name, read_key, (void *)(uintptr_t)s);
        names[n++] = s->name;
    }
    suggest_unknown(text, sizeof(text), key, names);
    return fail(r, key_at, "section %.40s: %s", key, text);
}

/* ---- the file ---- */

static int not_yaml(const struct reader *r, const yaml_parser_t *parser)
{
    snprintf(r->err, P2P_ERRLEN, "%.100s:%zu: not YAML: %.120s", r->file,
             parser->problem_mark.line + 1, parser->problem ? parser->problem : "unreadable");
    return -1;
}

static int parse(struct reader *r, yaml_parser_t *parser)
{
    yaml_document_t doc, next;
    const yaml_node_t *root;
    int rc = 0;

    if (!yaml_parser_load(parser, &doc))
        return not_yaml(r, parser);
    r->doc = &doc;
    root = yaml_document_get_root_node(&doc);
    if (root)
        rc = each_entry(r, root, the_file, read_section, NULL);
    if (rc == 0 && root) {
        if (!yaml_parser_load(parser, &next)) {
            rc = not_yaml(r, parser);
        } else {
            if (yaml_document_get_root_node(&next))
                rc = fail(r, yaml_document_get_root_node(&next), "a second document; allowed: one");
            yaml_document_delete(&next);
        }
    }
    yaml_document_delete(&doc);
    r->doc = NULL;
    return rc;
}

static char *slurp(const char *file, size_t *size, char *err)
{
    char *text = malloc(MOST_FILE_BYTES + 1);
    FILE *f = fopen(file, "re");

    if (!f || !text) {
        snprintf(err, P2P_ERRLEN, "%.180s: %s", file, f ? "out of memory" : strerror(errno));
        goto fail;
    }
    *size = fread(text, 1, MOST_FILE_BYTES + 1, f);
    if (ferror(f) || *size > MOST_FILE_BYTES) {
        snprintf(err, P2P_ERRLEN, "%.180s: %s", file,
                 ferror(f) ? "cannot be read" : "larger than 1 MB");
        goto fail;
    }
    fclose(f);
    return text;
fail:
    if (f)
        fclose(f);
    free(text);
    return NULL;
}

int config_read_file(struct config *c, const char *file, char err[P2P_ERRLEN])
{
    struct reader r = {.c = c, .file = file, .err = err};
    yaml_parser_t parser;
    size_t size;
    char *text = slurp(file, &size, err);
    int rc;

    if (!text)
        return -1;
    if (!yaml_parser_initialize(&parser)) {
        snprintf(err, P2P_ERRLEN, "%.180s: out of memory", file);
        free(text);
        return -1;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    rc = parse(&r, &parser);
    yaml_parser_delete(&parser);
    free(text);
    return rc;
}
