#include "host/config_yaml.h"

#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "base/yaml_reader.h"

static struct config *config_of(const struct reader *r)
{
    return r->ctx;
}

static char *copy(const struct reader *r, const yaml_node_t *at, const char *text)
{
    char *s = strdup(text);

    if (!s)
        reader_fail(r, at, "out of memory");
    return s;
}

/* ---- scheduler.parameters, learner.parameters ---- */

struct parameters_of {
    struct pairs *to;
    const char *name; /* "scheduler.parameters" */
};

static int add_parameter(struct reader *r, const struct parameters_of *of, const yaml_node_t *at,
                         const char *name, const char *value)
{
    char why[P2P_ERRLEN];

    if (config_add_parameter(of->to, name, value, (int)at->start_mark.line + 1, why))
        return reader_fail(r, at, "%s: %s", of->name, why);
    return 0;
}

static int read_parameter(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                          const yaml_node_t *value)
{
    const char *text = reader_text(r, value, "a parameter");

    return text ? add_parameter(r, ctx, key_at, key, text) : -1;
}

int config_read_parameters(struct reader *r, struct pairs *to, const char *what,
                           const yaml_node_t *n)
{
    struct parameters_of of = {to, what};

    if (n->type != YAML_SEQUENCE_NODE)
        return reader_each(r, n, what, read_parameter, &of);
    to->by_order = true;
    for (const int *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
        const char *text = reader_text(r, reader_node(r, *i), "a parameter");

        if (!text || add_parameter(r, &of, reader_node(r, *i), NULL, text))
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
    const char *text = reader_text(r, value, p->list);

    if (!text)
        return -1;
    if (strcmp(key, "name") == 0)
        p->name = text;
    else if (strcmp(key, "address") == 0)
        p->address = text;
    else if (strcmp(key, "protocol") == 0 && p->may_have_protocol)
        p->protocol = text;
    else
        return reader_unknown(r, key_at, p->list, key, NULL, p->may_have_protocol ? names : plain);
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
        return reader_fail(r, at, "peers.nodes: protocol '%.40s'; allowed: ours, original",
                           protocol);
    return 0;
}

static int read_peers(struct reader *r, const yaml_node_t *n, const char *list, struct peer_list to)
{
    if (reader_is_empty(n))
        return 0;
    if (n->type != YAML_SEQUENCE_NODE)
        return reader_fail(r, n, "%s is %s; allowed: a list of addresses", list, reader_kind(n));
    for (const int *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
        const yaml_node_t *item = reader_node(r, *i);
        struct peer_text p = {.list = list, .may_have_protocol = strcmp(list, "peers.nodes") == 0};
        struct peer_config *peer;
        char why[P2P_ERRLEN];

        if (item->type == YAML_SCALAR_NODE)
            p.address = reader_text(r, item, list);
        else if (reader_each(r, item, list, read_peer_key, &p))
            return -1;
        if (!p.address)
            return reader_fail(r, item,
                               "%s: an entry without address; allowed: 127.0.0.2 or "
                               "{name: n2, address: 127.0.0.2:18080}",
                               list);
        peer = config_add_peer(to, p.name ? p.name : p.address, p.address, why);
        if (!peer)
            return reader_fail(r, item, "%s: %.180s", list, why);
        if (set_protocol(r, item, peer, p.protocol))
            return -1;
    }
    return 0;
}

/* ---- functions ---- */

static int read_command(struct reader *r, struct function_config *f, const yaml_node_t *n)
{
    char why[P2P_ERRLEN];

    if (n->type == YAML_SEQUENCE_NODE) {
        for (const int *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
            const char *text = reader_text(r, reader_node(r, *i), "command");

            if (!text)
                return -1;
            if (config_push(&f->command, config_expand(text), why))
                return reader_fail(r, n, "%s", why);
        }
    } else {
        const char *text = reader_text(r, n, "command");

        if (!text)
            return -1;
        if (config_split_command(f, text, why))
            return reader_fail(r, n, "%s", why);
    }
    if (!f->command || !f->command[0][0])
        return reader_fail(
            r, n, "functions.%s.command is empty; allowed: a program and its arguments", f->name);
    return 0;
}

static int read_variable(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                         const yaml_node_t *value)
{
    struct function_config *f = ctx;
    const char *text = reader_text(r, value, "environment");
    char *expanded = text ? config_expand(text) : NULL;
    char why[P2P_ERRLEN];
    int rc;

    if (!text)
        return -1;
    if (!expanded)
        return reader_fail(r, value,
                           "functions.%s.environment.%.40s: longer than %d bytes, or out of "
                           "memory",
                           f->name, key, CONFIG_MAX_TEXT);
    rc = config_add_variable(f, key, expanded, why);
    free(expanded);
    return rc ? reader_fail(r, key_at, "functions.%s.environment: %.180s", f->name, why) : 0;
}

static int read_function_key(struct reader *r, void *ctx, const char *key,
                             const yaml_node_t *key_at, const yaml_node_t *value)
{
    static const char *const more[] = {"command", "environment", NULL};
    struct function_config *f = ctx;
    const struct p2p_param *p = params_find(config_function_keys, key);
    char section[96];

    snprintf(section, sizeof(section), "functions.%s", f->name);
    if (strcmp(key, "scheduler") == 0)
        return config_read_choice(r, f, value);
    if (p)
        return reader_set(r, section, p, f, value);
    if (strcmp(key, "command") == 0)
        return read_command(r, f, value);
    if (strcmp(key, "environment") == 0)
        return reader_each(r, value, "environment", read_variable, f);
    return reader_unknown(r, key_at, section, key, config_function_keys, more);
}

static int read_function(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                         const yaml_node_t *value)
{
    struct config *c = config_of(r);
    struct function_config *grown, *f;
    char why[P2P_ERRLEN];

    (void)ctx;
    if (!config_is_function_name(key))
        return reader_fail(r, key_at,
                           "functions: '%.70s' is no name of a function; allowed: 1 to %d of "
                           "A-Z a-z 0-9 . _ -",
                           key, CONFIG_MAX_NAME);
    grown = c->n_functions < CONFIG_MAX_FUNCTIONS - 1
                ? realloc(c->function, (c->n_functions + 1) * sizeof(*grown))
                : NULL;
    if (!grown)
        return reader_fail(r, key_at, "more than %d functions, or out of memory",
                           CONFIG_MAX_FUNCTIONS - 1);
    c->function = grown;
    f = &grown[c->n_functions];
    memset(f, 0, sizeof(*f));
    f->name = copy(r, key_at, key);
    if (!f->name)
        return -1;
    c->n_functions++;
    if (params_defaults(config_function_keys, f, r->err) ||
        reader_each(r, value, "functions", read_function_key, f))
        return -1;
    if (config_check_function(f, why) || config_check_runtime_keys(f, NULL, why))
        return reader_fail(r, key_at, "%.230s", why);
    return 0;
}

/* ---- sections ---- */

static int read_key(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                    const yaml_node_t *value)
{
    const struct config_section *s = ctx;
    const struct p2p_param *p = params_find(s->keys, key);
    struct pairs *parameters = config_parameters(config_of(r), s->name);
    const char *more[2] = {NULL, NULL};
    char what[48];

    if (p && config_note_line(config_of(r), p, (int)value->start_mark.line + 1))
        return reader_fail(r, value, "out of memory");
    if (p)
        return reader_set(r, s->name, p, (char *)r->ctx + s->offset, value);
    if (parameters) {
        snprintf(what, sizeof(what), "%s.parameters", s->name);
        if (strcmp(key, "parameters") == 0)
            return config_read_parameters(r, parameters, what, value);
        more[0] = "parameters";
    } else if (strcmp(s->name, "peers") == 0) {
        if (strcmp(key, "nodes") == 0)
            return read_peers(r, value, "peers.nodes", config_peers(config_of(r)));
        more[0] = "nodes";
    } else if (strcmp(s->name, "discovery") == 0) {
        if (strcmp(key, "seeds") == 0)
            return read_peers(r, value, "discovery.seeds", config_seeds(config_of(r)));
        more[0] = "seeds";
    }
    return reader_unknown(r, key_at, s->name, key, s->keys, more);
}

static int read_section(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                        const yaml_node_t *value)
{
    const char *names[24] = {"functions"};
    char text[200];
    size_t n = 1;

    (void)ctx;
    if (strcmp(key, "functions") == 0)
        return reader_each(r, value, "functions", read_function, NULL);
    for (const struct config_section *s = config_sections; s->name; s++) {
        if (strcmp(s->name, key) == 0)
            return reader_each(r, value, s->name, read_key, (void *)(uintptr_t)s);
        names[n++] = s->name;
    }
    suggest_unknown(text, sizeof(text), key, names);
    return reader_fail(r, key_at, "section %.40s: %s", key, text);
}

/* ---- the file ---- */

static int read_sections(struct reader *r, const yaml_node_t *root)
{
    return root ? reader_each(r, root, reader_top, read_section, NULL) : 0;
}

int config_read_file(struct config *c, const char *file, char err[P2P_ERRLEN])
{
    struct reader r = {.ctx = c, .err = err};

    return reader_file(&r, file, read_sections);
}
