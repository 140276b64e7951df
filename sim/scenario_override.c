/*
 * scenario_override.c - a setting from elsewhere is put into the document before it is
 * read, so that it is checked as if it stood there.
 *
 * Nodes of the document are never changed where an alias may share them: every container
 * on the way to the setting is copied.
 */
#include <stdarg.h>
#include <string.h>

#include "base/suggest.h"
#include "sim/scenario_private.h"

enum { MOST_DEPTH = 16, MOST_NODES = 4096, MOST_PLACES = 10000 };

struct setting {
    struct reader *r;
    size_t line;      /* of what is added */
    int value;        /* node */
    unsigned n_nodes; /* of the value */
    unsigned n_places;
};

static int fail(const struct setting *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fail(const struct setting *s, const char *format, ...)
{
    const yaml_node_t here = {.start_mark = {.line = s->line}};
    char text[P2P_ERRLEN];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return reader_fail(s->r, &here, "%s", text);
}

static yaml_node_t *node(const struct setting *s, int id)
{
    return yaml_document_get_node(s->r->doc, id);
}

static int mark(const struct setting *s, int id, size_t line)
{
    if (id == 0) {
        fail(s, "out of memory");
        return 0;
    }
    node(s, id)->start_mark.line = line;
    return id;
}

static int add_scalar(const struct setting *s, const char *text, size_t n)
{
    return mark(s,
                yaml_document_add_scalar(s->r->doc, NULL, (const yaml_char_t *)text, (int)n,
                                         YAML_ANY_SCALAR_STYLE),
                s->line);
}

static int add_map(const struct setting *s, size_t line)
{
    return mark(s, yaml_document_add_mapping(s->r->doc, NULL, YAML_ANY_MAPPING_STYLE), line);
}

static int append_pair(const struct setting *s, int map, int key, int value)
{
    return yaml_document_append_mapping_pair(s->r->doc, map, key, value) ? 0
                                                                         : fail(s, "out of memory");
}

/* ---- the value ---- */

/* Copies a node of another document into ours; 0 and the error. */
static int copy_value(struct setting *s, yaml_document_t *from, int id, unsigned depth)
{
    const yaml_node_t *n = yaml_document_get_node(from, id);
    int copy, part, key;

    if (depth > MOST_DEPTH || ++s->n_nodes > MOST_NODES) {
        fail(s, "the value is too deep or too long; allowed: %d deep, %d parts", MOST_DEPTH,
             MOST_NODES);
        return 0;
    }
    if (n->type == YAML_SCALAR_NODE)
        return add_scalar(s, (const char *)n->data.scalar.value, n->data.scalar.length);
    if (n->type == YAML_SEQUENCE_NODE) {
        copy =
            mark(s, yaml_document_add_sequence(s->r->doc, NULL, YAML_ANY_SEQUENCE_STYLE), s->line);
        for (const int *i = n->data.sequence.items.start; copy && i < n->data.sequence.items.top;
             i++) {
            part = copy_value(s, from, *i, depth + 1);
            if (!part || !yaml_document_append_sequence_item(s->r->doc, copy, part))
                return 0;
        }
        return copy;
    }
    copy = add_map(s, s->line);
    for (const yaml_node_pair_t *p = n->data.mapping.pairs.start;
         copy && p < n->data.mapping.pairs.top; p++) {
        key = copy_value(s, from, p->key, depth + 1);
        part = key ? copy_value(s, from, p->value, depth + 1) : 0;
        if (!part || append_pair(s, copy, key, part))
            return 0;
    }
    return copy;
}

static int read_value(struct setting *s, const char *text)
{
    yaml_parser_t parser;
    yaml_document_t doc;

    if (!yaml_parser_initialize(&parser))
        return fail(s, "out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    if (!yaml_parser_load(&parser, &doc)) {
        fail(s, "not YAML: %.120s", parser.problem ? parser.problem : "unreadable");
        yaml_parser_delete(&parser);
        return -1;
    }
    s->value = yaml_document_get_root_node(&doc) ? copy_value(s, &doc, 1, 0) : add_scalar(s, "", 0);
    yaml_document_delete(&doc);
    yaml_parser_delete(&parser);
    return s->value ? 0 : -1;
}

/* ---- the way ---- */

/* Is it the first element of the path, which may have dots itself?  Then its length. */
static size_t begins(const char *path, const char *element)
{
    size_t n = strlen(element);

    return n && strncmp(path, element, n) == 0 && (path[n] == '.' || path[n] == '\0') ? n : 0;
}

static const char *behind(const char *path, size_t n)
{
    return path[n] == '.' ? path + n + 1 : path + n;
}

static const char *scalar(const struct setting *s, int id)
{
    const yaml_node_t *n = node(s, id);

    return n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : "";
}

static bool is_named(const char *key)
{
    return strcmp(key, "nodes") == 0 || strcmp(key, "functions") == 0 ||
           strcmp(key, "payloads") == 0; /* of an experiment */
}

static int put(struct setting *s, int at, const char *key, const char *path, unsigned depth);

/* A copy of a map, without the key that the setting takes the place of. */
static int copy_map(struct setting *s, int at, const char *without)
{
    int copy = add_map(s, node(s, at)->start_mark.line);
    size_t n;

    if (!copy || node(s, at)->type != YAML_MAPPING_NODE)
        return copy;
    n = (size_t)(node(s, at)->data.mapping.pairs.top - node(s, at)->data.mapping.pairs.start);
    for (size_t i = 0; i < n; i++) {
        yaml_node_pair_t p = node(s, at)->data.mapping.pairs.start[i];

        if (strcmp(scalar(s, p.key), without) == 0)
            continue;
        if (append_pair(s, copy, p.key, p.value))
            return 0;
    }
    return copy;
}

/* What is there, or would be meant by it, when the path goes on: "service: 1ms" means
 * a map. */
static int as_map(struct setting *s, int at, const char *key)
{
    static const char *const plain[][2] = {
        {"service", "mean"}, {"scheduler", "plugin"}, {"learner", "plugin"}, {"delay", "mean"}};
    int map, name;

    if (node(s, at)->type == YAML_MAPPING_NODE)
        return at;
    map = add_map(s, node(s, at)->start_mark.line);
    if (!map || reader_is_empty(node(s, at)))
        return map;
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (strcmp(plain[i][0], key) == 0) {
            name = add_scalar(s, plain[i][1], strlen(plain[i][1]));
            return name && append_pair(s, map, name, at) == 0 ? map : 0;
        }
    fail(s, "%.60s is a value; allowed: a path that ends with it", key);
    return 0;
}

static int unknown_name(struct setting *s, int at, const char *key, const char *path)
{
    const yaml_node_t *list = node(s, at);
    const char *names[64];
    char name[80], text[160];
    size_t n = 0;

    if (list->type == YAML_SEQUENCE_NODE)
        for (const int *i = list->data.sequence.items.start;
             i < list->data.sequence.items.top && n < 63; i++) {
            const yaml_node_t *value = scenario_find(s->r, node(s, *i), "name", NULL);

            if (value && value->type == YAML_SCALAR_NODE)
                names[n++] = (const char *)value->data.scalar.value;
        }
    else
        for (const yaml_node_pair_t *p = list->data.mapping.pairs.start;
             p < list->data.mapping.pairs.top && n < 63; p++)
            names[n++] = scalar(s, p->key);
    names[n] = NULL;
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(path, "."), path);
    suggest_unknown(text, sizeof(text), name, names);
    fail(s, "%.40s: '%.40s' is %s%s", key, name, text,
         n ? ", or * for all" : "there are none in the file");
    return 0;
}

/* How much of the path means this element of a list, which is the `number`th from 1; 0 =
 * nothing. */
static size_t is_element(const struct setting *s, int item, size_t number, const char *path)
{
    const yaml_node_t *name = scenario_find(s->r, node(s, item), "name", NULL);
    char text[24];

    if (begins(path, "*"))
        return 1;
    if (name && name->type == YAML_SCALAR_NODE)
        return begins(path, (const char *)name->data.scalar.value);
    snprintf(text, sizeof(text), "%zu", number);
    return begins(path, text);
}

static int put_in_list(struct setting *s, int at, const char *key, const char *path, unsigned depth)
{
    size_t n =
        (size_t)(node(s, at)->data.sequence.items.top - node(s, at)->data.sequence.items.start);
    int copy = mark(s, yaml_document_add_sequence(s->r->doc, NULL, YAML_ANY_SEQUENCE_STYLE),
                    node(s, at)->start_mark.line);
    size_t best = 0;

    for (size_t i = 0; i < n; i++) {
        size_t length = is_element(s, node(s, at)->data.sequence.items.start[i], i + 1, path);

        best = length > best ? length : best;
    }
    for (size_t i = 0; copy && i < n; i++) {
        int item = node(s, at)->data.sequence.items.start[i];

        if (best && is_element(s, item, i + 1, path) == best)
            item = put(s, item, "", behind(path, best), depth + 1);
        if (!item || !yaml_document_append_sequence_item(s->r->doc, copy, item))
            return 0;
    }
    return copy && !best ? unknown_name(s, at, key, path) : copy;
}

/* The entry that the path goes through: the longest key that it begins with. */
static size_t longest_key(const struct setting *s, int at, const char *path)
{
    const yaml_node_t *map = node(s, at);
    size_t best = 0;

    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         p++) {
        size_t n = begins(path, scalar(s, p->key));

        best = n > best ? n : best;
    }
    return best;
}

/* A key that was not there; behind `sweep` are paths. */
static int put_new(struct setting *s, int copy, const char *key, const char *path, unsigned depth)
{
    size_t n = strcmp(key, "sweep") == 0 ? strlen(path) : strcspn(path, ".");
    char name[256];
    int added, value;

    if (n == 0 || n >= sizeof(name)) {
        fail(s, "an element of the path is empty or too long; allowed: as in nodes.pi.slots");
        return 0;
    }
    snprintf(name, sizeof(name), "%.*s", (int)n, path);
    added = add_scalar(s, name, n);
    value = added ? add_scalar(s, "", 0) : 0;
    value = value ? put(s, value, name, behind(path, n), depth + 1) : 0;
    return value && append_pair(s, copy, added, value) == 0 ? copy : 0;
}

/* Another plugin than the file's does not take the file's parameters; a rate is given by
 * itself or by the load. */
static const char *replaced(const struct setting *s, int at, const char *key, const char *path)
{
    const yaml_node_t *plugin = scenario_find(s->r, node(s, at), "plugin", NULL);

    if ((strcmp(key, "scheduler") == 0 || strcmp(key, "learner") == 0) &&
        strcmp(path, "plugin") == 0 &&
        !(plugin && plugin->type == YAML_SCALAR_NODE &&
          strcmp((const char *)plugin->data.scalar.value, scalar(s, s->value)) == 0))
        return "parameters";
    if (strcmp(key, "arrivals") == 0)
        return strcmp(path, "load") == 0 ? "rate" : strcmp(path, "rate") == 0 ? "load" : "";
    return "";
}

static int put_in_map(struct setting *s, int at, const char *key, const char *path, unsigned depth)
{
    bool all = begins(path, "*") && is_named(key);
    size_t length = longest_key(s, at, path);
    int copy = copy_map(s, at, replaced(s, at, key, path));
    size_t n;

    if (!copy)
        return 0;
    n = (size_t)(node(s, copy)->data.mapping.pairs.top - node(s, copy)->data.mapping.pairs.start);
    if (is_named(key) && !(all && n) && length == 0)
        return unknown_name(s, at, key, path);
    if (!all && length == 0)
        return put_new(s, copy, key, path, depth);
    for (size_t i = 0; i < n; i++) {
        yaml_node_pair_t p = node(s, copy)->data.mapping.pairs.start[i];
        char name[256];
        int value;

        if (!all && begins(path, scalar(s, p.key)) != length)
            continue;
        snprintf(name, sizeof(name), "%s", is_named(key) ? "" : scalar(s, p.key));
        value = put(s, p.value, name, behind(path, all ? 1 : length), depth + 1);
        if (!value)
            return 0;
        node(s, copy)->data.mapping.pairs.start[i].value = value;
    }
    return copy;
}

/* The node that stands in place of `at` when the rest of the path below it is set; 0 and
 * the error. */
static int put(struct setting *s, int at, const char *key, const char *path, unsigned depth)
{
    if (path[0] == '\0')
        return s->value;
    if (depth > MOST_DEPTH) {
        fail(s, "the path is too long; allowed: as in nodes.pi.slots");
        return 0;
    }
    /* Aliases can make few bytes mean very many places. */
    if (++s->n_places > MOST_PLACES) {
        fail(s, "the path means more than %d places", MOST_PLACES);
        return 0;
    }
    if (node(s, at)->type == YAML_SEQUENCE_NODE)
        return put_in_list(s, at, key, path, depth);
    at = as_map(s, at, key);
    return at ? put_in_map(s, at, key, path, depth) : 0;
}

/* ---- all of it ---- */

static bool is_in(const char *key, enum section_id id)
{
    const struct scenario_section *section = &scenario_sections[id];
    char first[64];

    snprintf(first, sizeof(first), "%.*s", (int)strcspn(key, "."), key);
    for (const char *const *more = section->more; *more; more++)
        if (strcmp(*more, first) == 0)
            return true;
    return params_find(section->keys, first) != NULL;
}

int scenario_override_apply(struct reader *r, const struct scenario_override *o, unsigned i)
{
    struct setting s = {.r = r, .line = READER_ELSEWHERE + i};
    size_t n = strlen(o->path);
    char path[512];
    yaml_node_t was;
    int root, top;

    if (n == 0 || n > 400 || o->path[0] == '.' || o->path[n - 1] == '.' || strstr(o->path, ".."))
        return fail(&s, "no path of a key; allowed: as in nodes.pi.slots");
    snprintf(path, sizeof(path), "%s%s",
             !is_in(o->path, SECTION_TOP) && is_in(o->path, SECTION_NODES) ? "nodes.*." : "",
             o->path);
    root = yaml_document_get_root_node(r->doc) ? 1 : add_map(&s, 0);
    if (!root || read_value(&s, o->value))
        return -1;
    if (node(&s, root)->type != YAML_MAPPING_NODE && !reader_is_empty(node(&s, root)))
        return reader_fail(r, node(&s, root), "the file is %s; allowed: a map of key: value",
                           reader_kind(node(&s, root)));
    top = put(&s, root, "", path, 0);
    if (!top)
        return -1;
    /* The root is the first node: what it was takes the place of what it is now. */
    was = *node(&s, root);
    *node(&s, root) = *node(&s, top);
    *node(&s, top) = was;
    return 0;
}
