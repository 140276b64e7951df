/*
 * config_choice.c - the scheduler of a function: `random`, or {plugin: power_of_choices,
 * parameters: {fanout: 2}}.  Where there is only text, as in an annotation, it is the same
 * YAML as text.
 */
#include <stdlib.h>
#include <string.h>

#include "host/config_yaml.h"

enum { WHAT = 128 };

static const char *what_of(const struct function_config *f, const char *key, char out[WHAT])
{
    snprintf(out, WHAT, "functions.%s.scheduler%s", f->name, key);
    return out;
}

static int set_plugin(struct reader *r, struct function_config *f, const yaml_node_t *n)
{
    char what[WHAT];
    const char *text = reader_text(r, n, what_of(f, ".plugin", what));

    if (!text)
        return -1;
    if (!text[0])
        return reader_fail(r, n, "%s is empty; allowed: a scheduler's name", what);
    f->own.plugin = strdup(text);
    return f->own.plugin ? 0 : reader_fail(r, n, "%s: out of memory", what);
}

static int read_key(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                    const yaml_node_t *value)
{
    static const char *const names[] = {"plugin", "parameters", NULL};
    struct function_config *f = ctx;
    char what[WHAT];

    if (strcmp(key, "plugin") == 0)
        return set_plugin(r, f, value);
    if (strcmp(key, "parameters") == 0)
        return config_read_parameters(r, &f->own.parameters, what_of(f, ".parameters", what),
                                      value);
    return reader_unknown(r, key_at, what_of(f, "", what), key, NULL, names);
}

static int read_map(struct reader *r, struct function_config *f, const yaml_node_t *n)
{
    char what[WHAT];

    if (reader_each(r, n, what_of(f, "", what), read_key, f))
        return -1;
    if (!f->own.plugin)
        return reader_fail(r, n,
                           "%s has no plugin; allowed: a name, or {plugin: NAME, "
                           "parameters: {}}",
                           what);
    return 0;
}

int config_read_choice(struct reader *r, struct function_config *f, const yaml_node_t *n)
{
    char section[WHAT];

    f->own.line = reader_line(n);
    if (n->type == YAML_MAPPING_NODE)
        return read_map(r, f, n);
    snprintf(section, sizeof(section), "functions.%s", f->name);
    return reader_set(r, section, params_find(config_function_keys, "scheduler"), f, n);
}

/* ---- as text ---- */

static int read_root(struct reader *r, const yaml_node_t *root)
{
    struct function_config *f = r->ctx;

    if (!root)
        return 0; /* blanks or a comment: none */
    return root->type == YAML_SCALAR_NODE ? set_plugin(r, f, root) : read_map(r, f, root);
}

int config_finish_choice(struct function_config *f, char err[P2P_ERRLEN])
{
    struct reader r = {.ctx = f, .err = err};
    char what[WHAT];

    if (f->own.plugin || !f->scheduler[0])
        return 0;
    if (reader_string(&r, what_of(f, "", what), f->scheduler, read_root))
        return -1;
    for (unsigned i = 0; i < f->own.parameters.n; i++)
        f->own.parameters.list[i].line = 0; /* of the text, not of a file */
    return 0;
}

/* ---- comparison ---- */

bool config_same_parameters(const struct pairs *a, const struct pairs *b)
{
    if (a->n != b->n || a->by_order != b->by_order)
        return false;
    for (unsigned i = 0; i < a->n; i++)
        if ((!a->by_order && strcmp(a->list[i].name, b->list[i].name) != 0) ||
            strcmp(a->list[i].value, b->list[i].value) != 0)
            return false;
    return true;
}

bool config_same_choice(const struct scheduler_choice *a, const struct scheduler_choice *b)
{
    if (!a->plugin || !b->plugin)
        return a->plugin == b->plugin;
    return strcmp(a->plugin, b->plugin) == 0 &&
           config_same_parameters(&a->parameters, &b->parameters);
}
